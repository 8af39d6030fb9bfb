/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-recipe-form.h"
#include "lab-schema.h"

#define DIGEST_MAX_DEPTH 8
#define DIGEST_MAX_BYTES (16u << 20) /* of one file */

void
lab_recipe_free(LabRecipe *recipe)
{
    lab_schema_free(&lab_recipe_table, recipe);
}

json_t *
lab_recipe_to_json(const LabRecipe *recipe)
{
    return lab_schema_to_json(&lab_recipe_table, recipe);
}

char *
lab_recipe_help(void)
{
    return lab_yaml_help(&lab_recipe_form_table);
}

char *
lab_recipe_template(const char *name)
{
    g_autofree char *name_value = g_strdup_printf("name=%s", name);
    const char *const values[] = {
        name_value,
        "summary=What it provokes, in one line",
        "stressor.shell=|\n    # Prints '@metric NAME NUMBER' lines; ends with 0 when all is "
        "well.\n"
        "    i=0\n    while [ $i -lt 100 ]; do i=$((i + 1)); done\n    echo \"@metric rounds $i\"",
        "stressor.duration=10s",
        "reached.metric=rounds",
        "reached.min=100",
        NULL,
    };
    g_autofree char *body = lab_yaml_template(&lab_recipe_form_table, values);

    return g_strdup_printf("# A recipe: what it needs, how it provokes, what it expects.\n"
                           "# 'kreglab recipe check DIR' says what is wrong with it.\n%s",
                           body);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder, sorted; without dot files and editors' backups. */
static GPtrArray *
folder_names(int dirfd, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", dirfd);
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (!dir)
        return NULL;
    while ((name = g_dir_read_name(dir)))
        if (name[0] != '.' && !g_str_has_suffix(name, "~"))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

static gboolean
digest_folder(int dirfd, const char *prefix, int depth, GChecksum *checksum, GError **error);

static gboolean
digest_entry(int dirfd, const char *name, const char *path, int depth, GChecksum *checksum,
             GError **error)
{
    g_autofree char *content = NULL;
    g_autofree char *head = NULL;
    struct stat st;
    gsize length;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return lab_error_set_errno(error, errno, "'%s'", path);
    if (S_ISDIR(st.st_mode)) {
        LAB_AUTO_FD fd = lab_dir_open(dirfd, name, error);

        return fd >= 0 && digest_folder(fd, path, depth + 1, checksum, error);
    }
    if (!S_ISREG(st.st_mode)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "'%s': a recipe holds files and folders only", path);
        return FALSE;
    }
    content = lab_file_read(dirfd, name, DIGEST_MAX_BYTES, &length, error);
    if (!content)
        return FALSE;
    head = g_strdup_printf("%s %s %" G_GSIZE_FORMAT, path, st.st_mode & 0100 ? "x" : "-", length);
    g_checksum_update(checksum, (const guchar *)head, (gssize)strlen(head) + 1);
    g_checksum_update(checksum, (const guchar *)content, (gssize)length);
    return TRUE;
}

static gboolean
digest_folder(int dirfd, const char *prefix, int depth, GChecksum *checksum, GError **error)
{
    g_autoptr(GPtrArray) names = folder_names(dirfd, error);

    if (!names)
        return FALSE;
    if (depth > DIGEST_MAX_DEPTH) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT, "'%s': nested too deeply", prefix);
        return FALSE;
    }
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path =
            g_strdup_printf("%s%s%s", prefix, *prefix ? "/" : "", (char *)names->pdata[i]);

        if (!digest_entry(dirfd, names->pdata[i], path, depth, checksum, error))
            return FALSE;
    }
    return TRUE;
}

static char *
digest_recipe(int dirfd, GError **error)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

    if (!digest_folder(dirfd, "", 0, checksum, error))
        return NULL;
    return g_strdup(g_checksum_get_string(checksum));
}

/* The folder's name is the recipe's. */
static void
check_name(LabRecipe *recipe, LabYaml *yaml)
{
    g_autofree char *folder = g_path_get_basename(recipe->directory);

    if (!recipe->name)
        recipe->name = g_strdup(folder);
    else if (strcmp(recipe->name, folder) != 0)
        lab_yaml_problem(yaml, "name", "'%s': expected the name of its folder, '%s'", recipe->name,
                         folder);
}

static LabRecipe *
load_form(const char *text, gsize length, const char *directory, int dirfd, GError **error)
{
    g_autofree char *file = g_build_filename(directory, "recipe.yaml", NULL);
    g_autoptr(LabYaml) yaml = lab_yaml_new(file);
    LabRecipeForm form = {0};
    LabRecipe *recipe = NULL;

    if (lab_yaml_load(yaml, text, length, &lab_recipe_form_table, &form)) {
        form.recipe.directory = g_canonicalize_filename(directory, NULL);
        lab_recipe_form_check(&form, yaml, dirfd);
        check_name(&form.recipe, yaml);
        recipe = g_memdup2(&form.recipe, sizeof(form.recipe));
        /* The recipe's members have moved; what is left of the form goes. */
        memset(&form.recipe, 0, sizeof(form.recipe));
        lab_schema_clear(&lab_recipe_form_table, &form);
    }
    if (!lab_yaml_finish(yaml, error))
        g_clear_pointer(&recipe, lab_recipe_free);
    return recipe;
}

LabRecipe *
lab_recipe_load(const char *directory, GError **error)
{
    g_autoptr(GError) local = NULL;
    LAB_AUTO_FD dirfd = lab_dir_open(AT_FDCWD, directory, &local);
    g_autofree char *text = NULL;
    g_autoptr(LabRecipe) recipe = NULL;
    gsize length = 0;

    if (dirfd >= 0)
        text = lab_file_read(dirfd, "recipe.yaml", LAB_YAML_MAX_BYTES, &length, &local);
    if (!text) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "recipe '%s': %s", directory,
                    local->message);
        return NULL;
    }
    recipe = load_form(text, length, directory, dirfd, error);
    if (!recipe)
        return NULL;
    recipe->digest = digest_recipe(dirfd, error);
    if (!recipe->digest) {
        g_prefix_error(error, "recipe '%s': ", directory);
        return NULL;
    }
    return g_steal_pointer(&recipe);
}

/* Adds one recipe, or its error to 'problems'. */
static void
list_one(const char *directory, GPtrArray *recipes, gboolean skip_broken, GString *problems)
{
    g_autoptr(GError) error = NULL;
    LabRecipe *recipe = lab_recipe_load(directory, &error);

    if (recipe)
        g_ptr_array_add(recipes, recipe);
    else if (skip_broken)
        lab_warn("left out: %s", error->message);
    else
        g_string_append_printf(problems, "%s%s", problems->len ? "\n" : "", error->message);
}

GPtrArray *
lab_recipe_list(const char *root, gboolean skip_broken, GError **error)
{
    g_autoptr(GPtrArray) recipes = g_ptr_array_new_with_free_func((GDestroyNotify)lab_recipe_free);
    g_autoptr(GString) problems = g_string_new(NULL);
    g_autoptr(GPtrArray) names = NULL;
    LAB_AUTO_FD dirfd = lab_dir_open(AT_FDCWD, root, error);

    if (dirfd < 0 || !(names = folder_names(dirfd, error)))
        return NULL;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *directory = g_build_filename(root, names->pdata[i], NULL);
        g_autofree char *file = g_build_filename(directory, "recipe.yaml", NULL);

        if (lab_file_exists(AT_FDCWD, file))
            list_one(directory, recipes, skip_broken, problems);
    }
    if (problems->len > 0) {
        g_set_error_literal(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, problems->str);
        return NULL;
    }
    return g_steal_pointer(&recipes);
}

const LabVariant *
lab_recipe_variant(const LabRecipe *recipe, const char *name)
{
    for (guint i = 0; i < recipe->variants->len; i++) {
        const LabVariant *variant = recipe->variants->pdata[i];

        if (strcmp(variant->name, name) == 0)
            return variant;
    }
    return NULL;
}

const LabVariant *
lab_recipe_baseline(const LabRecipe *recipe)
{
    for (guint i = 0; i < recipe->variants->len; i++) {
        const LabVariant *variant = recipe->variants->pdata[i];

        if (variant->baseline)
            return variant;
    }
    return NULL;
}

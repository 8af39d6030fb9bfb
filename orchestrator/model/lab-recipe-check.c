/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a schema table cannot see of a recipe. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-affected.h"
#include "lab-file.h"
#include "lab-recipe-form.h"
#include "lab-schema.h"
#include "lab-tables.h"
#include "lab-version.h"

typedef struct {
    LabRecipeForm *form;
    LabYaml *yaml;
    int dirfd;
} Check;

/* 'path' of the recipe's folder, a file or a directory, without ways out of it. */
static void
check_file(const Check *check, const char *where, const char *path, gboolean directory)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    struct stat st;

    if (g_path_is_absolute(path) || g_strv_contains((const char *const *)parts, "..")) {
        lab_yaml_problem(check->yaml, where, "'%s': expected a path below the recipe's folder",
                         path);
        return;
    }
    if (fstatat(check->dirfd, path, &st, 0) < 0)
        lab_yaml_problem(check->yaml, where, "'%s': the recipe's folder has no such %s", path,
                         directory ? "folder" : "file");
    else if (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        lab_yaml_problem(check->yaml, where, "'%s': expected a %s", path,
                         directory ? "folder" : "file");
}

static void
check_module_folder(const Check *check, const char *where, const char *path)
{
    g_autofree char *makefile = g_build_filename(path, "Makefile", NULL);
    g_autofree char *kbuild = g_build_filename(path, "Kbuild", NULL);
    struct stat st;

    check_file(check, where, path, TRUE);
    if (fstatat(check->dirfd, path, &st, 0) == 0 && S_ISDIR(st.st_mode) &&
        !lab_file_exists(check->dirfd, makefile) && !lab_file_exists(check->dirfd, kbuild))
        lab_yaml_problem(check->yaml, where, "'%s': has neither a Kbuild nor a Makefile", path);
}

/* Moves 'text' into the stressor if it is given; counts how many were. */
static int
take_kind(LabStressor *stressor, LabStressorKind kind, char **text)
{
    if (!*text)
        return 0;
    stressor->kind = kind;
    g_free(stressor->value);
    stressor->value = g_steal_pointer(text);
    return 1;
}

/* Which of the files are there is seen when the kernel is known. */
static void
check_prebuilt(const Check *check, const LabStressor *stressor)
{
    const char *path = stressor->prebuilt;

    if (!path)
        return;
    if (stressor->kind != LAB_STRESSOR_MODULE)
        lab_yaml_problem(check->yaml, "stressor.prebuilt", "only a module can be prebuilt");
    if (g_path_is_absolute(path) || strstr(path, "..") || !strstr(path, LAB_RELEASE_PLACE) ||
        !g_str_has_suffix(path, ".ko"))
        lab_yaml_problem(check->yaml, "stressor.prebuilt",
                         "'%s': expected a .ko below the recipe's folder with '" LAB_RELEASE_PLACE
                         "' in its path",
                         path);
}

static void
check_stressor(const Check *check)
{
    LabStressorForm *form = &check->form->stressor;
    LabStressor *stressor = &check->form->recipe.stressor;
    int given = 0;

    lab_schema_init(&lab_stressor_table, stressor);
    given += take_kind(stressor, LAB_STRESSOR_PROGRAM, &form->program);
    given += take_kind(stressor, LAB_STRESSOR_SHELL, &form->shell);
    given += take_kind(stressor, LAB_STRESSOR_MODULE, &form->module);
    given += take_kind(stressor, LAB_STRESSOR_BUILTIN, &form->builtin);
    if (lab_yaml_has(check->yaml, "stressor.exec")) {
        given++;
        stressor->kind = LAB_STRESSOR_EXEC;
        g_clear_pointer(&stressor->value, g_free);
        g_strfreev(stressor->exec);
        stressor->exec = form->exec ? g_steal_pointer(&form->exec) : g_new0(char *, 1);
        if (!stressor->exec[0])
            lab_yaml_problem(check->yaml, "stressor.exec", "expected a program and its arguments");
    }
    g_strfreev(stressor->args);
    stressor->args = g_steal_pointer(&form->args);
    g_strfreev(stressor->tools);
    stressor->tools = g_steal_pointer(&form->tools);
    stressor->duration_ms = form->duration_ms;
    g_free(stressor->prebuilt);
    stressor->prebuilt = g_steal_pointer(&form->prebuilt);
    check_prebuilt(check, stressor);
    if (given != 1)
        lab_yaml_problem(check->yaml, "stressor",
                         "expected exactly one of program, shell, module, exec, builtin; %s",
                         given == 0 ? "there is none" : "there is more than one");
    else if (stressor->kind == LAB_STRESSOR_PROGRAM)
        check_file(check, "stressor.program", stressor->value, FALSE);
    else if (stressor->kind == LAB_STRESSOR_MODULE)
        check_module_folder(check, "stressor.module", stressor->value);
}

static void
check_pattern(const Check *check, const char *where, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_OPTIMIZE, 0, &error);

    if (!regex)
        lab_yaml_problem(check->yaml, where, "'%s': %s", pattern, error->message);
}

/* A key that belongs to one kind of detector only. */
static void
check_key_of_kind(const Check *check, guint i, const LabDetector *detector, const char *key,
                  const char *kind)
{
    g_autofree char *path = g_strdup_printf("detectors[%u].%s", i, key);

    if (lab_yaml_has(check->yaml, path) && strcmp(detector->kind, kind) != 0)
        lab_yaml_problem(check->yaml, path, "goes with 'kind: %s', not with '%s'", kind,
                         detector->kind);
}

static void
check_detector(const Check *check, guint i, const LabDetector *detector)
{
    g_autofree char *path = g_strdup_printf("detectors[%u]", i);
    g_autofree char *pattern_path = g_strconcat(path, ".pattern", NULL);

    check_key_of_kind(check, i, detector, "pattern", "pattern");
    check_key_of_kind(check, i, detector, "metric", "metric");
    check_key_of_kind(check, i, detector, "min", "metric");
    check_key_of_kind(check, i, detector, "max", "metric");
    check_key_of_kind(check, i, detector, "after", "no-heartbeat");
    if (strcmp(detector->kind, "pattern") == 0) {
        if (!detector->pattern)
            lab_yaml_problem(check->yaml, path, "'kind: pattern' needs a pattern");
        else
            check_pattern(check, pattern_path, detector->pattern);
    }
    if (strcmp(detector->kind, "metric") == 0) {
        if (!detector->metric)
            lab_yaml_problem(check->yaml, path, "'kind: metric' needs the metric's name");
        if (isinf(detector->max) && isinf(detector->min))
            lab_yaml_problem(check->yaml, path, "'kind: metric' needs a limit: max or min");
        if (detector->max < detector->min)
            lab_yaml_problem(check->yaml, path, "max is less than min");
    }
}

static void
check_hotfix(const Check *check, const char *path, const char *hotfix)
{
    struct stat st;

    /* One a kernel: which are there is seen when the kernel is known. */
    if (strstr(hotfix, LAB_RELEASE_PLACE) && !g_path_is_absolute(hotfix) && !strstr(hotfix, ".."))
        return;
    if (fstatat(check->dirfd, hotfix, &st, 0) == 0 && S_ISDIR(st.st_mode))
        check_module_folder(check, path, hotfix);
    else
        check_file(check, path, hotfix, FALSE);
}

static void
add_default_variant(LabRecipe *recipe)
{
    LabVariant *variant = lab_schema_new(&lab_variant_table);

    variant->name = g_strdup("default");
    variant->summary = g_strdup("the kernel as it comes");
    variant->baseline = TRUE;
    g_ptr_array_add(recipe->variants, variant);
}

static void
check_variants(const Check *check)
{
    LabRecipe *recipe = &check->form->recipe;
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    guint baselines = 0;

    if (recipe->variants->len == 0)
        add_default_variant(recipe);
    for (guint i = 0; i < recipe->variants->len; i++) {
        LabVariant *variant = recipe->variants->pdata[i];
        g_autofree char *path = g_strdup_printf("variants[%u]", i);
        g_autofree char *name_path = g_strconcat(path, ".name", NULL);
        g_autofree char *hotfix_path = g_strconcat(path, ".hotfix", NULL);
        g_autofree char *args_path = g_strconcat(path, ".args", NULL);

        if (!g_hash_table_add(names, variant->name))
            lab_yaml_problem(check->yaml, name_path, "'%s': another variant has that name",
                             variant->name);
        if (variant->setup.hotfix)
            check_hotfix(check, hotfix_path, variant->setup.hotfix);
        /* "args: []" takes the stressor's arguments away. */
        if (!variant->setup.args && lab_yaml_has(check->yaml, args_path))
            variant->setup.args = g_new0(char *, 1);
        baselines += variant->baseline ? 1 : 0;
    }
    if (baselines != 1)
        lab_yaml_problem(check->yaml, "variants",
                         "expected exactly one variant with 'baseline: true'; there %s %u",
                         baselines == 1 ? "is" : "are", baselines);
}

static void
check_range(const Check *check, const char *path, const char *range)
{
    g_autoptr(GError) error = NULL;
    gboolean result;

    if (range && !lab_version_range_holds(range, "1.0", &result, &error))
        lab_yaml_problem(check->yaml, path, "%s", error->message);
}

static void
check_affected(const Check *check, guint i, const LabAffected *affected)
{
    g_autofree char *path = g_strdup_printf("affected[%u]", i);
    g_autofree char *range_path = g_strconcat(path, ".range", NULL);
    const struct {
        const char *key, *text;
    } bounds[] = {{"from", affected->from},
                  {"before", affected->before},
                  {"until", affected->until},
                  {"seen", affected->seen},
                  {"fixed", affected->fixed}};

    check_range(check, range_path, affected->range);
    if (!affected->family && !affected->line)
        lab_yaml_problem(check->yaml, path, "expected a family (or a line, in words)");
    if (affected->before && affected->until)
        lab_yaml_problem(check->yaml, path, "expected 'before' or 'until', not both");
    for (gsize n = 0; n < G_N_ELEMENTS(bounds); n++) {
        g_autofree char *bound_path = g_strconcat(path, ".", bounds[n].key, NULL);

        if (bounds[n].text && !lab_affected_bound_is_sane(bounds[n].text))
            lab_yaml_problem(check->yaml, bound_path,
                             "'%s': expected one version, such as 4.13 or 3.10.0-1160.86.1.el7",
                             bounds[n].text);
    }
}

static void
check_expect(const Check *check, guint i, const LabExpect *expect)
{
    g_autofree char *path = g_strdup_printf("expect[%u]", i);
    g_autofree char *kernels_path = g_strconcat(path, ".kernels", NULL);

    check_range(check, kernels_path, expect->kernels);
    /* Without the list a kernel may yet be built with the defect. */
    if (g_strcmp0(expect->affected, "no") == 0 && check->form->recipe.affected->len == 0)
        lab_yaml_problem(check->yaml, path,
                         "'affected: no' needs the recipe's own list 'affected'");
    if (!expect->outcome && !expect->title)
        lab_yaml_problem(check->yaml, path, "expected an outcome or a title");
    for (guint n = 0; expect->variants[n]; n++) {
        g_autofree char *name_path = g_strdup_printf("%s.variants[%u]", path, n);

        if (!lab_recipe_variant(&check->form->recipe, expect->variants[n]))
            lab_yaml_problem(check->yaml, name_path, "'%s': the recipe has no such variant",
                             expect->variants[n]);
    }
}

void
lab_recipe_form_check(LabRecipeForm *form, LabYaml *yaml, int dirfd)
{
    const Check check = {.form = form, .yaml = yaml, .dirfd = dirfd};
    LabRecipe *recipe = &form->recipe;

    check_stressor(&check);
    check_variants(&check);
    for (guint i = 0; i < recipe->detectors->len; i++)
        check_detector(&check, i, recipe->detectors->pdata[i]);
    for (guint i = 0; i < recipe->expect->len; i++)
        check_expect(&check, i, recipe->expect->pdata[i]);
    for (guint i = 0; i < recipe->affected->len; i++)
        check_affected(&check, i, recipe->affected->pdata[i]);
    if (lab_yaml_has(yaml, "reached") && !recipe->reached.metric)
        lab_yaml_problem(yaml, "reached", "needs the metric's name");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-table.h"
#include "lab-tables.h"
#include "lab-units.h"

const LabOption lab_plan_options[] = {
    {"kernel", 'k', LAB_OPTION_STRINGS, "PATTERN",
     "kernels of the store: an id, a unique prefix or a glob (may be repeated)",
     .hint = LAB_HINT_KERNEL},
    {"recipe", 'r', LAB_OPTION_STRINGS, "RECIPE",
     "recipes: a name, a glob or the path of a folder (may be repeated)", .hint = LAB_HINT_RECIPE},
    {"variant", 0, LAB_OPTION_STRINGS, "NAME", "variants to keep (may be repeated; default: all)",
     .hint = LAB_HINT_VARIANT},
    {"repeat", 'n', LAB_OPTION_INT, "N",
     "how often each cell runs (default: 1); with --adaptive at most", .min = 1, .max = 100000},
    {"adaptive", 0, LAB_OPTION_FLAG, NULL,
     "repeat each cell as often as the comparisons need (at the matrix's odds, or the default's)"},
    {"budget", 0, LAB_OPTION_DURATION, "TIME",
     "the same, and no cell starts once the run took so long"},
    {"matrix", 'm', LAB_OPTION_STRING, "FILE", "read matrix.yaml; other options go over it",
     .hint = LAB_HINT_FILE},
    {NULL},
};

const LabOption lab_guest_options[] = {
    {"timeout", 0, LAB_OPTION_DURATION, "TIME",
     "the stressor's deadline (default: its duration and 60s)"},
    {"append", 0, LAB_OPTION_STRINGS, "TEXT",
     "append to the kernel's command line (may be repeated)"},
    {"memory", 0, LAB_OPTION_SIZE, "SIZE", "memory of the guest (default: the recipe's)"},
    {"cpus", 0, LAB_OPTION_INT, "N", "virtual CPUs (default: the recipe's)", .min = 1, .max = 512},
    {"accel", 0, LAB_OPTION_STRING, "NAME", "what runs the guest (default: auto)",
     .choices = lab_accelerator_words},
    {"connect", 'c', LAB_OPTION_STRING, "URI", "libvirt's URI (default: the embedded driver)"},
    {"replay", 0, LAB_OPTION_STRING, "DIR", "play a recorded guest instead of booting one",
     .hint = LAB_HINT_DIRECTORY},
    {"boot", 0, LAB_OPTION_STRING, "HOW",
     "load the kernel as a distribution does, or straight through PVH (default: bzimage)",
     .choices = lab_boot_words},
    {"no-kdump", 0, LAB_OPTION_FLAG, NULL, "load no capture kernel"},
    {"cold", 0, LAB_OPTION_FLAG, NULL,
     "boot a guest for every cell instead of cloning one that is booted"},
    {"keep-dumps", 0, LAB_OPTION_STRING, "WHICH", "vmcores to keep (default: first-per-signature)",
     .choices = lab_keep_dumps_words},
    {NULL},
};

static int
compare_recipes(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const LabRecipe *const *)a)->name, (*(const LabRecipe *const *)b)->name);
}

/* Adds a recipe in place of one of its name. */
static void
add_recipe(GPtrArray *recipes, LabRecipe *recipe)
{
    for (guint i = 0; i < recipes->len; i++) {
        if (strcmp(((LabRecipe *)recipes->pdata[i])->name, recipe->name) == 0) {
            g_ptr_array_remove_index_fast(recipes, i);
            break;
        }
    }
    g_ptr_array_add(recipes, recipe);
}

GPtrArray *
lab_plan_recipes(const LabPaths *paths, GError **error)
{
    g_autofree char *own_root = g_build_filename(paths->data, "recipes", NULL);
    g_autoptr(GPtrArray) recipes = lab_recipe_list(paths->recipes, TRUE, error);
    g_autoptr(GPtrArray) own = NULL;

    if (!recipes)
        return NULL;
    if (lab_file_exists(AT_FDCWD, own_root)) {
        own = lab_recipe_list(own_root, TRUE, error);
        if (!own)
            return NULL;
        g_ptr_array_set_free_func(own, NULL);
        for (guint i = 0; i < own->len; i++)
            add_recipe(recipes, own->pdata[i]);
    }
    g_ptr_array_sort(recipes, compare_recipes);
    return g_steal_pointer(&recipes);
}

static gboolean
is_path(const char *name)
{
    return strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void
recipe_not_found(const LabPaths *paths, const char *name, GError **error)
{
    g_autoptr(GPtrArray) recipes = lab_plan_recipes(paths, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *all = NULL;
    const char *meant;

    for (guint i = 0; recipes && i < recipes->len; i++)
        g_ptr_array_add(names, ((LabRecipe *)recipes->pdata[i])->name);
    g_ptr_array_add(names, NULL);
    meant = lab_did_you_mean(name, (const char *const *)names->pdata);
    all = g_strjoinv(", ", (char **)names->pdata);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "no recipe '%s'%s%s%s; there is: %s",
                name, meant ? ": did you mean '" : "", meant ? meant : "", meant ? "'?" : "", all);
}

LabRecipe *
lab_plan_find_recipe(const LabPaths *paths, const char *name, GError **error)
{
    const char *const roots[] = {paths->data, paths->recipes};

    if (is_path(name))
        return lab_recipe_load(name, error);
    for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
        g_autofree char *directory =
            g_build_filename(roots[i], i == 0 ? "recipes" : ".", name, NULL);
        g_autofree char *file = g_build_filename(directory, "recipe.yaml", NULL);

        if (lab_file_exists(AT_FDCWD, file))
            return lab_recipe_load(directory, error);
    }
    recipe_not_found(paths, name, error);
    return NULL;
}

static void
replace_strings(char ***to, const char *const *from)
{
    if (!*from)
        return;
    g_strfreev(*to);
    *to = g_strdupv((char **)from);
}

static void
replace_text(char **to, const char *from)
{
    if (!from)
        return;
    g_free(*to);
    *to = g_strdup(from);
}

void
lab_plan_apply_guest_options(LabMatrix *matrix, const LabCli *cli)
{
    g_autofree char *append = g_strjoinv(" ", (char **)lab_cli_strings(cli, "append"));
    g_autofree char *cmdline = NULL;

    matrix->cpus = (int)lab_cli_int(cli, "cpus", matrix->cpus);
    if (lab_cli_given(cli, "memory"))
        matrix->memory_bytes = lab_cli_size_bytes(cli, "memory");
    if (lab_cli_given(cli, "timeout"))
        matrix->run_timeout_ms = lab_cli_duration_ms(cli, "timeout");
    if (*append) {
        cmdline = matrix->cmdline ? g_strconcat(matrix->cmdline, " ", append, NULL)
                                  : g_strdup(append);
        replace_text(&matrix->cmdline, cmdline);
    }
    replace_text(&matrix->accelerator, lab_cli_string(cli, "accel"));
    replace_text(&matrix->connect_uri, lab_cli_string(cli, "connect"));
    replace_text(&matrix->replay, lab_cli_string(cli, "replay"));
    replace_text(&matrix->boot, lab_cli_string(cli, "boot"));
    replace_text(&matrix->keep_dumps, lab_cli_string(cli, "keep-dumps"));
    if (lab_cli_flag(cli, "no-kdump"))
        matrix->kdump = FALSE;
    if (lab_cli_flag(cli, "cold"))
        matrix->cold = TRUE;
}

static void
apply_options(LabMatrix *matrix, const LabCli *cli)
{
    replace_strings(&matrix->kernels, lab_cli_strings(cli, "kernel"));
    replace_strings(&matrix->recipes, lab_cli_strings(cli, "recipe"));
    replace_strings(&matrix->variants, lab_cli_strings(cli, "variant"));
    matrix->repeat = (int)lab_cli_int(cli, "repeat", matrix->repeat);
    if (!matrix->adaptive && (lab_cli_flag(cli, "adaptive") || lab_cli_given(cli, "budget")))
        matrix->adaptive = lab_schema_new(&lab_adaptive_table);
    if (matrix->adaptive && lab_cli_given(cli, "budget"))
        matrix->adaptive->budget_ms = lab_cli_duration_ms(cli, "budget");
    if (matrix->adaptive && lab_cli_given(cli, "repeat"))
        matrix->adaptive->max = MAX(matrix->repeat, matrix->adaptive->min);
    lab_plan_apply_guest_options(matrix, cli);
}

/* Files that a matrix names are looked for beside it. */
static void
make_absolute(char **path, const char *matrix_file)
{
    g_autofree char *folder = matrix_file ? g_path_get_dirname(matrix_file) : g_strdup(".");
    g_autofree char *base = g_canonicalize_filename(folder, NULL);
    char *absolute = g_canonicalize_filename(*path, base);

    g_free(*path);
    *path = absolute;
}

/* Recipes given by path are loaded, and go by their name from then on. */
static gboolean
load_recipe_paths(LabPlan *plan, const char *matrix_file, GError **error)
{
    for (char **name = plan->matrix->recipes; *name; name++) {
        LabRecipe *recipe;

        if (!is_path(*name))
            continue;
        make_absolute(name, matrix_file);
        recipe = lab_recipe_load(*name, error);
        if (!recipe)
            return FALSE;
        g_free(*name);
        *name = g_strdup(recipe->name);
        add_recipe(plan->recipes, recipe);
    }
    return TRUE;
}

static gboolean
read_matrix(LabPlan *plan, const LabCli *cli, GError **error)
{
    const char *given = lab_cli_string(cli, "matrix");
    const char *file = given ? given : cli->args[0];
    const char *recipes_from = *lab_cli_strings(cli, "recipe") ? NULL : file;
    const char *replay_from = lab_cli_given(cli, "replay") ? NULL : file;

    plan->matrix = file ? lab_matrix_load(file, error) : lab_matrix_new();
    if (!plan->matrix)
        return FALSE;
    apply_options(plan->matrix, cli);
    if (!plan->matrix->kernels[0]) {
        lab_cli_usage(error, "no kernel chosen: give --kernel or --matrix");
        return FALSE;
    }
    if (!plan->matrix->recipes[0]) {
        lab_cli_usage(error, "no recipe chosen: give --recipe or --matrix");
        return FALSE;
    }
    if (plan->matrix->replay)
        make_absolute(&plan->matrix->replay, replay_from);
    return load_recipe_paths(plan, recipes_from, error);
}

LabPlan *
lab_plan_new(const LabCli *cli, GError **error)
{
    g_autoptr(LabPlan) plan = g_new0(LabPlan, 1);

    plan->recipes = lab_plan_recipes(cli->paths, error);
    if (!plan->recipes || !read_matrix(plan, cli, error))
        return NULL;
    plan->kernels = lab_kernel_list(cli->paths->data, error);
    if (!plan->kernels)
        return NULL;
    plan->cells = lab_matrix_expand(plan->matrix, plan->kernels, plan->recipes, error);
    return plan->cells ? g_steal_pointer(&plan) : NULL;
}

void
lab_plan_free(LabPlan *plan)
{
    if (!plan)
        return;
    lab_matrix_free(plan->matrix);
    g_clear_pointer(&plan->kernels, g_ptr_array_unref);
    g_clear_pointer(&plan->recipes, g_ptr_array_unref);
    g_clear_pointer(&plan->cells, g_ptr_array_unref);
    g_free(plan);
}

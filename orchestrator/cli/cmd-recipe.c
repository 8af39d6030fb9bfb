/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-affected.h"
#include "lab-cli.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-plan.h"
#include "lab-recipe.h"
#include "lab-table.h"
#include "lab-tables.h"
#include "lab-units.h"

static const LabOption json_options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

static char *
variant_names(const LabRecipe *recipe)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < recipe->variants->len; i++) {
        const LabVariant *variant = recipe->variants->pdata[i];

        g_string_append_printf(text, "%s%s%s", i > 0 ? ", " : "", variant->name,
                               variant->baseline && recipe->variants->len > 1 ? "*" : "");
    }
    return g_strdup(text->str);
}

static int
cmd_list(LabCli *cli, GError **error)
{
    static const char *const headings[] = {"RECIPE", "VARIANTS", "SUMMARY", NULL};
    g_autoptr(GPtrArray) recipes = lab_plan_recipes(cli->paths, error);
    g_autoptr(LabTable) table = lab_table_new(headings);

    if (!recipes)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "json")) {
        json_t *array = json_array();

        for (guint i = 0; i < recipes->len; i++)
            json_array_append_new(array, lab_recipe_to_json(recipes->pdata[i]));
        lab_cli_print_json(array);
        return LAB_EXIT_OK;
    }
    for (guint i = 0; i < recipes->len; i++) {
        const LabRecipe *recipe = recipes->pdata[i];
        g_autofree char *variants = variant_names(recipe);

        lab_table_add(table, recipe->name, variants, recipe->summary);
    }
    lab_table_print(table);
    return LAB_EXIT_OK;
}

static void
print_strings(const char *name, char **strings)
{
    for (guint i = 0; strings && strings[i]; i++)
        lab_cli_print("%-14s%s\n", i == 0 ? name : "", strings[i]);
}

static void
print_text(const char *name, const char *text)
{
    if (text)
        lab_cli_print("%-14s%s\n", name, text);
}

static void
print_guest(const LabGuestShape *guest)
{
    g_autofree char *memory = lab_size_human(guest->memory_bytes);

    lab_cli_print("%-14s%d CPU%s, %s, %d NUMA node%s\n", "guest:", guest->cpus,
                  guest->cpus > 1 ? "s" : "", memory, guest->numa_nodes,
                  guest->numa_nodes > 1 ? "s" : "");
}

static void
print_stressor(const LabStressor *stressor)
{
    static const char *const kinds[] = {"builtin", "program", "shell", "module", "exec"};
    g_autofree char *args = g_strjoinv(" ", stressor->args);
    g_autofree char *exec = g_strjoinv(" ", stressor->exec);
    g_autofree char *duration = lab_duration_human(stressor->duration_ms);
    gboolean shell = stressor->kind == LAB_STRESSOR_SHELL;

    lab_cli_print("%-14s%s %s%s%s\n", "stressor:", kinds[stressor->kind],
                  shell             ? "snippet"
                  : stressor->value ? stressor->value
                                    : exec,
                  *args ? " " : "", args);
    print_strings("tools:", stressor->tools);
    if (stressor->duration_ms > 0)
        print_text("duration:", duration);
}

static void
print_variants(const LabRecipe *recipe)
{
    for (guint i = 0; i < recipe->variants->len; i++) {
        const LabVariant *variant = recipe->variants->pdata[i];

        lab_cli_print("%-14s%s%s%s%s\n", i == 0 ? "variants:" : "", variant->name,
                      variant->baseline ? " (baseline)" : "", variant->summary ? ": " : "",
                      variant->summary ? variant->summary : "");
    }
}

static void
print_expect(const LabRecipe *recipe)
{
    for (guint i = 0; i < recipe->expect->len; i++) {
        const LabExpect *expect = recipe->expect->pdata[i];
        g_autofree char *variants = g_strjoinv(", ", expect->variants);

        lab_cli_print("%-14s%s%s%s%s%s%s%s\n", i == 0 ? "expects:" : "",
                      expect->outcome ? expect->outcome : "", expect->title ? " '" : "",
                      expect->title ? expect->title : "", expect->title ? "'" : "",
                      *variants ? " of " : "", variants,
                      expect->affected && *expect->affected == 'y' ? " on affected kernels"
                      : expect->affected                           ? " on kernels without the bug"
                      : expect->kernels                            ? " (only some kernels)"
                                                                   : "");
    }
}

static void
print_affected(const LabRecipe *recipe)
{
    for (guint i = 0; i < recipe->affected->len; i++) {
        const LabAffected *affected = recipe->affected->pdata[i];
        g_autofree char *range = lab_affected_range(affected);

        lab_cli_print("%-14s%s: %s%s%s\n", i == 0 ? "affected:" : "",
                      affected->family ? affected->family : affected->line, range,
                      affected->commit ? "; fixed by " : "",
                      affected->commit ? affected->commit : "");
    }
}

static int
cmd_show(LabCli *cli, GError **error)
{
    g_autoptr(LabRecipe) recipe = lab_plan_find_recipe(cli->paths, cli->args[0], error);

    if (!recipe)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "json")) {
        lab_cli_print_json(lab_recipe_to_json(recipe));
        return LAB_EXIT_OK;
    }
    print_text("name:", recipe->name);
    print_text("summary:", recipe->summary);
    print_text("folder:", recipe->directory);
    print_text("incident:", recipe->incident);
    print_strings("bugs:", recipe->bugs);
    print_strings("commits:", recipe->commits);
    print_strings("needs:", recipe->needs_config);
    print_strings("modules:", recipe->needs_modules);
    print_guest(&recipe->guest);
    print_text("cmdline:", recipe->setup.cmdline);
    print_strings("sysctl:", recipe->setup.sysctl);
    print_strings("sysfs:", recipe->setup.sysfs);
    print_stressor(&recipe->stressor);
    if (recipe->reached.metric)
        lab_cli_print("%-14s%s >= %g\n", "reached:", recipe->reached.metric, recipe->reached.min);
    print_variants(recipe);
    print_expect(recipe);
    print_affected(recipe);
    return LAB_EXIT_OK;
}

static int
cmd_check(LabCli *cli, GError **error)
{
    int bad = 0;

    for (int i = 0; i < cli->n_args; i++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(LabRecipe) recipe = lab_recipe_load(cli->args[i], &local);

        if (recipe) {
            lab_info("%s: fine", cli->args[i]);
            continue;
        }
        lab_cli_print("%s\n", local->message);
        bad++;
    }
    if (bad == 0)
        return LAB_EXIT_OK;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "%d of %d recipes %s wrong", bad,
                cli->n_args, bad == 1 ? "is" : "are");
    return LAB_EXIT_CONFIG;
}

static gboolean
is_recipe_name(const char *name)
{
    return g_regex_match_simple("^" LAB_FORM_NAME "$", name, G_REGEX_DOLLAR_ENDONLY, 0);
}

static int
cmd_new(LabCli *cli, GError **error)
{
    const char *name = cli->args[0];
    const char *parent = lab_cli_string(cli, "dir");
    g_autofree char *directory = g_build_filename(parent ? parent : ".", name, NULL);
    g_autofree char *text = NULL;
    LAB_AUTO_FD dirfd = -1;

    if (!is_recipe_name(name))
        return lab_cli_usage(error, "'%s': a recipe's name is made of [a-z0-9-]", name);
    if (mkdir(directory, 0755) < 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS, "'%s': %s", directory,
                    g_strerror(errno));
        return LAB_EXIT_CONFIG;
    }
    dirfd = lab_dir_open(AT_FDCWD, directory, error);
    text = lab_recipe_template(name);
    if (dirfd < 0 || !lab_file_write(dirfd, "recipe.yaml", text, -1, 0644, error))
        return LAB_EXIT_INFRA;
    printf("%s/recipe.yaml\n", directory);
    return LAB_EXIT_OK;
}

static const LabOption new_options[] = {
    {"dir", 0, LAB_OPTION_STRING, "DIR", "folder to make it in (default: here)",
     .hint = LAB_HINT_DIRECTORY},
    {NULL},
};

static const LabVerb subverbs[] = {
    {.name = "list",
     .summary = "list the recipes, with their variants (* the baseline)",
     .options = {json_options},
     .run = cmd_list},
    {.name = "show",
     .summary = "show what a recipe needs, does and expects",
     .synopsis = "RECIPE",
     .min_args = 1,
     .max_args = 1,
     .hints = {LAB_HINT_RECIPE},
     .options = {json_options},
     .run = cmd_show},
    {.name = "check",
     .summary = "say everything that is wrong with recipes",
     .synopsis = "DIR…",
     .min_args = 1,
     .max_args = -1,
     .hints = {LAB_HINT_DIRECTORY},
     .run = cmd_check},
    {.name = "new",
     .summary = "make the folder of a new recipe, with all keys explained",
     .synopsis = "NAME",
     .min_args = 1,
     .max_args = 1,
     .options = {new_options},
     .run = cmd_new},
    {NULL},
};

const LabVerb lab_verb_recipe = {
    .name = "recipe",
    .summary = "list, show, check and make recipes",
    .description = "A recipe is a folder with recipe.yaml and the sources it names. RECIPE is the "
                   "name of one\n"
                   "that came with kreglab or lies in DATA/recipes, or the path of a folder.\n"
                   "'kreglab help recipe.yaml' lists the keys.",
    .subverbs = subverbs,
};

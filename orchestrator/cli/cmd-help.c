/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-error.h"
#include "lab-matrix.h"
#include "lab-policy.h"
#include "lab-recipe.h"

/* Files whose keys help explains, from the tables that read them. */
static const struct {
    const char *name;
    const char *heading;
    char *(*help)(void);
} files[] = {
    {"recipe.yaml", "recipe.yaml: what a recipe needs, how it provokes, what it expects",
     lab_recipe_help},
    {"matrix.yaml", "matrix.yaml: kernels x recipes x variants x repetitions", lab_matrix_help},
    {"policy.yaml", "policy.yaml: what a kernel has to show before it is rolled out",
     lab_policy_help},
};

/* "policy" will do for "policy.yaml". */
static gboolean
is_file(const char *file, const char *name)
{
    return g_str_has_prefix(file, name) &&
           (file[strlen(name)] == '\0' || strcmp(file + strlen(name), ".yaml") == 0);
}

static gboolean
print_file_help(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        if (is_file(files[i].name, name)) {
            g_autofree char *text = files[i].help();

            printf("%s\n\n"
                   "A SIZE has its unit (512M, 2G), and so has a TIME (500ms, 90s, 10m). Anchors, "
                   "aliases\n"
                   "and tags are not allowed.\n\n%s",
                   files[i].heading, text);
            return TRUE;
        }
    }
    return FALSE;
}

static int
cmd_help(LabCli *cli, GError **error)
{
    const LabVerb *verb;

    if (cli->n_args == 0) {
        lab_help_print(NULL, NULL);
        return LAB_EXIT_OK;
    }
    verb = lab_verb_find(lab_verbs, cli->args[0]);
    if (!verb && cli->n_args == 1 && print_file_help(cli->args[0]))
        return LAB_EXIT_OK;
    if (!verb)
        return lab_cli_usage(error, "no verb '%s'", cli->args[0]);
    if (cli->n_args == 1) {
        lab_help_print(verb, NULL);
        return LAB_EXIT_OK;
    }
    for (const LabVerb *sub = verb->subverbs; sub && sub->name; sub++) {
        if (strcmp(sub->name, cli->args[1]) == 0) {
            lab_help_print(sub, verb);
            return LAB_EXIT_OK;
        }
    }
    return lab_cli_usage(error, "no '%s %s'", cli->args[0], cli->args[1]);
}

const LabVerb lab_verb_help = {
    .name = "help",
    .summary = "explain a verb, or the keys of recipe.yaml, matrix.yaml or policy.yaml",
    .synopsis = "[VERB [WORD] | recipe.yaml | matrix.yaml | policy.yaml]",
    .max_args = 2,
    .hints = {LAB_HINT_VERB},
    .run = cmd_help,
};

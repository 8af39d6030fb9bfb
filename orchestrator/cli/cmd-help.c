/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-error.h"

static int
cmd_help(LabCli *cli, GError **error)
{
    const LabVerb *verb;

    if (cli->n_args == 0) {
        lab_help_print(NULL, NULL);
        return LAB_EXIT_OK;
    }
    verb = lab_verb_find(lab_verbs, cli->args[0]);
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
    .summary = "explain a verb, or the keys of a file's format",
    .synopsis = "[VERB [WORD]]",
    .max_args = 2,
    .hints = {LAB_HINT_VERB},
    .run = cmd_help,
};

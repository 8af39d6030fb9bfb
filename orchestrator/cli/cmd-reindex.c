/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "lab-cli.h"
#include "lab-error.h"
#include "lab-index.h"

static int
cmd_reindex(LabCli *cli, GError **error)
{
    g_autoptr(LabIndex) index = lab_index_open(cli->paths->data, error);
    guint n_runs;

    if (index && lab_index_rebuild(index, &n_runs, error))
        printf("%u runs\n", n_runs);
    return LAB_EXIT_OK;
}

const LabVerb lab_verb_reindex = {
    .name = "reindex",
    .summary = "make the index of runs again from the run directories",
    .run = cmd_reindex,
};

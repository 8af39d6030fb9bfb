/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-drive.h"

static int
cmd_resume(LabCli *cli, GError **error)
{
    g_autoptr(LabRun)
        run = lab_run_open(cli->paths->data, cli->n_args > 0 ? cli->args[0] : "latest", error);

    if (!run || !lab_run_lock(run, error))
        return 0;
    return lab_drive(cli, run, error);
}

static const LabOption options[] = {
    {"retry-infra", 0, LAB_OPTION_FLAG, NULL,
     "run cells again that ended without an outcome for the lab's reasons"},
    {"budget", 0, LAB_OPTION_DURATION, "TIME",
     "of an adaptive run: go on for so long, in place of what is left of its budget"},
    {NULL},
};

const LabVerb lab_verb_resume = {
    .name = "resume",
    .summary = "go on with a run that was interrupted",
    .synopsis = "[RUN]",
    .description = "Runs the cells that have no result yet, and no other. RUN is 'latest' unless "
                   "it is given.",
    .max_args = 1,
    .options = {options, lab_drive_options},
    .hints = {LAB_HINT_RUN},
    .run = cmd_resume,
};

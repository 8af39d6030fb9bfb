/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-cli-run.h"

#include "lab-log.h"

LabRun *
lab_cli_open_run(const LabCli *cli, const LabRunCell **cell, GError **error)
{
    const char *name = cli->n_args > 0 ? cli->args[0] : "latest";
    const char *data = cli->paths->data;
    LabRun *run = cell ? lab_run_open_cell(data, name, cell, error)
                       : lab_run_open(data, name, error);

    if (run && cli->n_args == 0)
        lab_info("run %s, the latest", lab_run_id(run));
    return run;
}

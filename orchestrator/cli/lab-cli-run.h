/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run that a verb is about when it takes one, and the latest when none is named. */
#pragma once

#include "lab-cli.h"
#include "lab-run.h"

/* Opens the run that the verb's first argument names; without one, the latest, and stderr says
 * which that is. With 'cell', the argument may be "RUN/CELL", as for lab_run_open_cell(). Errors
 * are those of lab_run_open(). */
LabRun *lab_cli_open_run(const LabCli *cli, const LabRunCell **cell, GError **error);

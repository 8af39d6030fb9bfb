/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `run` and `resume` share: driving a run to its end and saying how it ended. */
#pragma once

#include "lab-cli.h"
#include "lab-scheduler.h"

/* Options of both verbs. */
extern const LabOption lab_drive_options[];

/* What a run keeps in its run.json for `resume`. Owned by the caller. */
json_t *lab_drive_options_to_json(const LabCli *cli, const char *keep_dumps);

/* Runs what is not done of the locked run and shows how it goes; with 'announce' the run's id goes
 * to stdout. FALSE: the lab could not go on; *summary is set in any case. */
gboolean
lab_drive_run(LabCli *cli, LabRun *run, gboolean announce, LabSummary *summary, GError **error);

/* The same, says how it ended, and returns the exit status. */
int lab_drive(LabCli *cli, LabRun *run, GError **error);

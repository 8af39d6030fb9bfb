/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives a run: starts workers, watches them, makes failed attempts again, keeps the journal and
 * the index, throws surplus dumps away. One GMainLoop, no threads, little memory: the cells do
 * the work.
 *
 * A cell with a result.json is done, whatever the journal says: after kill -9 of anything, running
 * the same run again loses nothing and runs nothing twice.
 */
#pragma once

#include "lab-estimate.h"
#include "lab-executor.h"
#include "lab-run-event.h"

typedef struct {
    int jobs;               /* 0: from the machine's cores and memory */
    int retries;            /* more attempts after one that failed for the lab's reasons */
    gint64 margin_ms;       /* what a worker gets beyond its cell's deadlines; 0: the default */
    const char *keep_dumps; /* "first-per-signature" (NULL too), "all", "none" */
    gboolean retry_infra;   /* run cells again whose last result is infra */
    const LabExecutor *executor; /* NULL: local */
} LabSchedulerOptions;

typedef struct LabScheduler LabScheduler;

/* 'run' is locked by the caller; all is borrowed but copied strings. 'index' may be NULL. 'func'
 * is told of everything that happens. */
LabScheduler *
lab_scheduler_new(LabRun *run, LabIndex *index, const LabPaths *paths,
                  const LabSchedulerOptions *options, LabRunEventFunc func, gpointer data);
void lab_scheduler_free(LabScheduler *scheduler);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabScheduler, lab_scheduler_free)

/* Runs all that is not done; returns when nothing runs any more. SIGINT, SIGTERM and SIGHUP stop:
 * once cleanly, twice at once. FALSE when the lab could not go on (full disk, no worker): what was
 * collected stands and `resume` goes on from there. */
gboolean lab_scheduler_run(LabScheduler *scheduler, GError **error);

const LabSummary *lab_scheduler_summary(const LabScheduler *scheduler);

/* Runs `kreglab-worker clean`, which ends what dead workers of this data directory left behind
 * (domains, sockets, files) and passes over what lives. Returns its exit status, -1 and error when
 * it could not be run. Its output goes to *output (g_free) where that is not NULL. */
int lab_worker_clean(const LabPaths *paths, char **output, GError **error);

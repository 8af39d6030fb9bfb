/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives a run: starts workers in an order that keeps all jobs busy to the end (lab-queue.h), never
 * more guests than the host has memory for (their resident sets count, and what they may still grow
 * by; lab-host.h), watches them, makes failed attempts again, keeps the journal and
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

/* What a chooser says of what is next. */
typedef enum {
    LAB_CELL_RUN,
    LAB_CELL_WAIT,  /* nothing before results of what runs are there */
    LAB_CELL_SPARE, /* never: it stays without a result, and the run is whole without it */
} LabCellChoice;

/*
 * A hook for runs whose results decide what else is run (adaptive repetition): the run is planned
 * with the most repetitions there may be; the chooser says which of the cells that wait is next and
 * is told each result that stands. After a resume it is told the results of earlier sessions first,
 * so what it decides has to follow from the results alone. Once nothing runs any more, a cell is
 * run even though the chooser waits.
 */
typedef struct {
    /* Before anything else: what cells are expected to take (borrowed, it learns as they end), and
     * how many run at once. */
    void (*begin)(LabEstimate *estimate, int jobs, gpointer data);
    /* Sets *cell unless it says to wait, and *why (borrowed) where it spares. Says the same until
     * something else is called. */
    LabCellChoice (*next)(const LabRunCell **cell, const char **why, gpointer data);
    /* The cell starts now (LAB_CELL_RUN), or is spared. */
    void (*take)(const LabRunCell *cell, LabCellChoice choice, gpointer data);
    /* A cell that ran has to be made again, best when 'before' others have been started. */
    void (*again)(const LabRunCell *cell, guint before, gpointer data);
    void (*done)(const LabRunCell *cell, const LabBrief *brief, gpointer data);
    /* What the cells that are yet to be started take together, estimated: those it will choose, not
     * all that wait. *end_us: the monotonic time after which none is (G_MAXINT64 at first). */
    gint64 (*work_ms)(gint64 *end_us, gpointer data);
    /* How far it got, for the end of the run; g_free. */
    char *(*sum_up)(gpointer data);
    gpointer data;
} LabCellChooser;

typedef struct {
    int jobs;               /* 0: from the machine's cores and memory */
    int retries;            /* more attempts after one that failed for the lab's reasons */
    int suspect_retries;    /* more attempts after one whose host was under pressure */
    gint64 margin_ms;       /* what a worker gets beyond its cell's deadlines; 0: the default */
    const char *keep_dumps; /* "first-per-signature" (NULL too), "all", "none" */
    gboolean retry_infra;   /* run cells again whose last result is infra */
    const LabExecutor *executor;   /* NULL: local */
    const LabCellChooser *chooser; /* NULL: all cells are run; borrowed */
    const char *host_root; /* where the host's /proc and /sys are looked for; NULL: "". For tests */
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

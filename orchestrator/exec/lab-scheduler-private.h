/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the scheduler's files. */
#pragma once

#include "lab-scheduler.h"

/* A cell that runs. */
typedef struct {
    LabScheduler *scheduler;
    const LabRunCell *cell;
    LabTask *task;
    int attempt;
    gint64 start_us;
    gint64 expected_ms;
    guint deadline_source;
    gboolean overdue; /* it passed its deadline */
    gboolean asked;   /* it was asked to stop on request of the user */
} LabSlot;

struct LabScheduler {
    LabRun *run;
    LabIndex *index;
    const LabPaths *paths;
    LabSchedulerOptions options;
    char *keep_dumps;
    LabRunEventFunc func;
    gpointer data;

    GMainLoop *loop;
    const GPtrArray *cells;
    GQueue pending;     /* LabRunCell, borrowed */
    GPtrArray *running; /* LabSlot */
    guint8 *attempts;   /* of each cell, by index */
    guint8 *failed;     /* of those, in this session and unfinished earlier ones */
    int jobs;
    int cpus_left;
    gint64 memory_left_bytes;
    LabEstimate *estimate;
    GHashTable *dumps; /* "kernel\nk0" -> cell id (borrowed) whose dump is kept */
    LabSummary summary;
    int failures_in_a_row;
    int stop_level; /* 1: no new cells, workers asked; 2: killed */
    guint start_source;
    guint kill_source;
    GPid cleaner; /* `kreglab-worker clean` that runs; 0: none */
    GError *fatal;
};

void lab_scheduler_tell(LabScheduler *scheduler, LabRunEvent event);
void lab_scheduler_start_soon(LabScheduler *scheduler);
/* Stops everything because of 'error' (stolen); the first one counts. */
void lab_scheduler_fail(LabScheduler *scheduler, GError *error);
void lab_scheduler_stop(LabScheduler *scheduler, int level);

/* lab-scheduler-done.c: what follows the end of a worker. */
void lab_scheduler_cell_ended(LabScheduler *scheduler, const LabSlot *slot, int status);
/* Throws the cell's dump away where the policy says so. */
void lab_scheduler_apply_dump_policy(LabScheduler *scheduler, const LabRunCell *cell,
                                     const LabBrief *brief);
/* Takes up what earlier parents did: results, tries, dumps, workers that still live. */
gboolean lab_scheduler_take_up(LabScheduler *scheduler, GError **error);
/* Starts `kreglab-worker clean` in the background; made-again cells wait for it. */
void lab_scheduler_clean_soon(LabScheduler *scheduler);

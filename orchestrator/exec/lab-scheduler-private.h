/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the scheduler's files. */
#pragma once

#include "lab-queue.h"
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
    gboolean overdue;       /* it passed its deadline */
    gboolean asked;         /* it was asked to stop on request of the user */
    gint64 deadline_ms;     /* the sum of its deadlines, without the margin */
    int guest_pid;          /* as the worker told; 0: none yet */
    guint64 resident_bytes; /* of the guest, when last looked at */
    guint64 peak_bytes;
    guint64 ahead_bytes; /* of the clone that waits for the next cell */
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
    LabQueue *queue;
    GPtrArray *running; /* LabSlot */
    guint8 *attempts;   /* of each cell, by index */
    guint8 *failed;     /* of those, in this session and unfinished earlier ones */
    guint8 *suspects;   /* of those, made again because of pressure */
    int jobs;
    int cpus_left;
    guint64 available_bytes; /* of the host, at looked_us */
    gint64 looked_us;
    gint64 hungry_since_us; /* the next cell waits for memory; 0: it does not */
    guint tick_source;
    GPtrArray *unindexed; /* LabIndexEntry */
    GHashTable *cached;   /* share (borrowed) -> whether a template of it is in the cache */
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

/* lab-scheduler-room.c: does one more fit? */
/* Whether the machine bears one more cell now. */
gboolean lab_scheduler_has_room(LabScheduler *scheduler, const LabRunCell *cell);
/* What a clone that is started ahead for 'next' would take; 0: there is no room for one. */
guint64
lab_scheduler_room_ahead(LabScheduler *scheduler, const LabRunCell *cell, const LabRunCell *next);
/* Looks how much memory the running guests have, once a second while there are any. */
void lab_scheduler_watch(LabScheduler *scheduler);
/* LAB_CONFIG_ERROR/LIMIT when a cell that waits can never fit. */
gboolean lab_scheduler_check_fits(LabScheduler *scheduler, GError **error);

/* lab-scheduler-warm.c: why the cell boots instead of running from a clone, in words; NULL: it runs
 * from one. */
const char *lab_scheduler_why_cold(LabScheduler *scheduler, const LabRunCell *cell);
/* The cell that the slot's worker will probably get next, when its clone may be started ahead;
 * takes the memory for it. NULL: none. Owned by the caller. */
LabCell *lab_scheduler_cell_ahead(LabScheduler *scheduler, LabSlot *slot);

/* Puts what was collected for the index into it, when there is enough or 'all' is set. */
void lab_scheduler_flush_index(LabScheduler *scheduler, gboolean all);

/* lab-scheduler-done.c: what follows the end of a worker. */
void lab_scheduler_cell_ended(LabScheduler *scheduler, const LabSlot *slot, int status);
/* Counts a result that stands. */
void
lab_scheduler_take_result(LabScheduler *scheduler, const LabRunCell *cell, const LabBrief *brief);
/* Collects it for the index. Takes the brief. */
void lab_scheduler_put_in_index(LabScheduler *scheduler, const LabRunCell *cell, LabBrief *brief);
/* Throws the cell's dump away where the policy says so. */
void lab_scheduler_apply_dump_policy(LabScheduler *scheduler, const LabRunCell *cell,
                                     const LabBrief *brief);
/* The run's row of the index; 'spared': cells that it does without. */
void lab_scheduler_index_run(LabScheduler *scheduler, guint spared);
/* Starts `kreglab-worker clean` in the background; made-again cells wait for it. */
void lab_scheduler_clean_soon(LabScheduler *scheduler);

/* lab-scheduler-take-up.c: takes up what earlier parents did: results, tries, dumps, workers that
 * still live. */
gboolean lab_scheduler_take_up(LabScheduler *scheduler, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executors: where a worker runs. One is one `lab-executor-NAME.c` with one const descriptor,
 * lab_executor_NAME, and its word in this room's meson list, which generates the registry.
 * An executor knows the worker only as a command line: `kreglab-worker cell DIR`, or `cells` for
 * many, one after the other.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "lab-cell.h"
#include "lab-journal.h"
#include "lab-paths.h"

typedef struct LabTask LabTask; /* a worker at its cell; each executor has its own inside */

typedef struct {
    /* A line of the worker's descriptor 3. 'event' is borrowed, and an object. */
    void (*event)(LabTask *task, const json_t *event, gpointer data);
    /* The cell has ended, with an exit status of the worker or 128 + a signal. Called once, from
     * the main loop, never from within start or stop; the task is freed when it returns. */
    void (*ended)(LabTask *task, int status, gpointer data);
} LabTaskHandlers;

typedef struct {
    const LabPaths *paths;
    const char *directory; /* of the cell, absolute, with its cell.json */
    /* Run it from a clone of a booted guest where that is possible (the worker makes the template
     * where there is none); else it boots. Never with cell->cold_why. */
    gboolean warm;
    /* Why not, when 'warm' is FALSE and the cell itself does not say; for facts.cold_why. */
    const char *cold_why;
    /* The cell that is likely to come next to the worker that gets this one, or NULL: when both are
     * warm its clone is started ahead and waits, paused, which takes that memory already now.
     * Nothing is lost when another cell comes. Borrowed until start returns. */
    const LabCell *next;
} LabTaskRequest;

typedef struct {
    const char *name;
    const char *summary;

    /* Gives the cell to a worker that is free, or starts one. 'handlers' are borrowed until `ended`
     * was called. NULL and error when it could not be started. */
    LabTask *(*start)(const LabTaskRequest *request, const LabTaskHandlers *handlers, gpointer data,
                      GError **error);

    /* Asks it to end (the worker stops its guest and writes no result), or kills it at once with
     * all of its group. `ended` follows. */
    void (*stop)(LabTask *task, gboolean at_once);

    /* Puts into a journal entry what `end_stray` needs to find it again. */
    void (*identify)(const LabTask *task, json_t *entry);

    /* Ends a worker that an earlier parent started and did not see the end of; returns when it is
     * gone. TRUE also when there is none. */
    gboolean (*end_stray)(const LabJournalCell *cell, GError **error);

    /* Lets go of the workers that are kept for further cells: to be called when no task is left.
     * Returns when they are gone. */
    void (*finish)(void);
} LabExecutor;

/* All of them, NULL after the last. */
extern const LabExecutor *const lab_executors[];

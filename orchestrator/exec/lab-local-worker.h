/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker process on this machine: `kreglab-worker cells`, which takes one cell after the other.
 */
#pragma once

#include "lab-executor.h"

typedef struct LabLocalWorker LabLocalWorker;

typedef struct {
    /* A line of its descriptor 3 that is a JSON object; borrowed. */
    void (*event)(LabLocalWorker *worker, const json_t *event, gpointer owner);
    /* It has ended, with an exit status or 128 + a signal, and is freed afterwards. Both are called
     * from the main loop. */
    void (*ended)(LabLocalWorker *worker, int status, gpointer owner);
} LabLocalWorkerHandlers;

/* Starts one; what it says before its first cell goes to 'log_fd'. 'handlers' and 'owner' are
 * borrowed. */
LabLocalWorker *
lab_local_worker_start(const LabPaths *paths, int log_fd, const LabLocalWorkerHandlers *handlers,
                       gpointer owner, GError **error);

/* Gives it a cell: one line of JSON. FALSE when it does not take it any more. */
gboolean lab_local_worker_give(LabLocalWorker *worker, const json_t *request, GError **error);

/* SIGTERM to the worker, or SIGKILL to all of its group. `ended` follows. */
void lab_local_worker_stop(LabLocalWorker *worker, gboolean at_once);

/* Lets a worker without a cell go, and waits until it is gone; `ended` is not called. */
void lab_local_worker_dismiss(LabLocalWorker *worker);

GPid lab_local_worker_pid(const LabLocalWorker *worker);
/* Field 22 of /proc/PID/stat: with the pid it names one process for good. */
gint64 lab_local_worker_birth(const LabLocalWorker *worker);

/* The same of any process: the start time in clock ticks since boot; 0: there is no such process,
 * or it has ended and waits for its parent. proc(5). */
gint64 lab_local_birth_of(GPid pid);

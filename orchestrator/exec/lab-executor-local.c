/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cells on this machine. A worker that is done with its cell is kept and gets the next one; what it
 * opened and started ahead is there then. One that dies costs the one cell that it was at.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "lab-error.h"
#include "lab-executor.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-local-worker.h"

#define STRAY_GRACE_MS 10000

/* A worker's place: its process, and the cell that it is at. */
typedef struct {
    LabLocalWorker *worker;
    LabTask *task;    /* NULL: it is free */
    gboolean stopped; /* it was told to end: no further cell for it */
} Desk;

struct LabTask {
    const LabTaskHandlers *handlers;
    gpointer data;
    Desk *desk;
    char *name; /* of the cell, as the worker's events have it */
};

static GPtrArray *desks; /* Desk; NULL: none yet */

static void
end_task(Desk *desk, int status)
{
    LabTask *task = desk->task;

    if (!task)
        return;
    desk->task = NULL;
    task->handlers->ended(task, status, task->data);
    g_free(task->name);
    g_free(task);
}

static void
on_event(LabLocalWorker *worker, const json_t *event, gpointer owner)
{
    Desk *desk = owner;
    LabTask *task = desk->task;

    if (!task || g_strcmp0(lab_json_string(event, "cell"), task->name) != 0)
        return;
    if (g_strcmp0(lab_json_string(event, "event"), "cell-done") == 0)
        end_task(desk, (int)lab_json_int(event, "status", LAB_EXIT_INFRA));
    else
        task->handlers->event(task, event, task->data);
}

static void
on_ended(LabLocalWorker *worker, int status, gpointer owner)
{
    Desk *desk = owner;

    g_ptr_array_remove_fast(desks, desk);
    end_task(desk, status);
    g_free(desk);
}

static const LabLocalWorkerHandlers worker_handlers = {on_event, on_ended};

static Desk *
free_desk(void)
{
    for (guint i = 0; desks && i < desks->len; i++) {
        Desk *desk = desks->pdata[i];

        if (!desk->task && !desk->stopped)
            return desk;
    }
    return NULL;
}

static Desk *
new_desk(const LabTaskRequest *request, GError **error)
{
    g_autofree char *log = g_build_filename(request->directory, "worker.log", NULL);
    LAB_AUTO_FD log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    g_autofree Desk *desk = g_new0(Desk, 1);

    if (log_fd < 0) {
        lab_error_set_errno(error, errno, "opening '%s'", log);
        return NULL;
    }
    desk->worker = lab_local_worker_start(request->paths, log_fd, &worker_handlers, desk, error);
    if (!desk->worker)
        return NULL;
    if (!desks)
        desks = g_ptr_array_new();
    g_ptr_array_add(desks, desk);
    return g_steal_pointer(&desk);
}

static json_t *
request_json(const LabTaskRequest *request)
{
    json_t *json = json_object();

    json_object_set_new(json, "cell", lab_json_text(request->directory));
    json_object_set_new(json, "warm", json_boolean(request->warm));
    json_object_set_new(json, "cold_why", lab_json_text(request->cold_why));
    json_object_set_new(json, "next",
                        request->next ? lab_cell_to_json(request->next) : json_null());
    return json;
}

/* A free worker may have died a moment ago: then another one gets the cell. */
static Desk *
give(const LabTaskRequest *request, GError **error)
{
    g_autoptr(json_t) json = request_json(request);
    Desk *desk;

    while ((desk = free_desk())) {
        if (lab_local_worker_give(desk->worker, json, NULL))
            return desk;
        desk->stopped = TRUE;
    }
    desk = new_desk(request, error);
    if (!desk || lab_local_worker_give(desk->worker, json, error))
        return desk;
    desk->stopped = TRUE;
    lab_local_worker_stop(desk->worker, TRUE);
    return NULL;
}

static LabTask *
local_start(const LabTaskRequest *request, const LabTaskHandlers *handlers, gpointer data,
            GError **error)
{
    Desk *desk = give(request, error);
    LabTask *task;

    if (!desk)
        return NULL;
    task = g_new0(LabTask, 1);
    task->handlers = handlers;
    task->data = data;
    task->desk = desk;
    task->name = g_path_get_basename(request->directory);
    desk->task = task;
    return task;
}

static void
local_stop(LabTask *task, gboolean at_once)
{
    task->desk->stopped = TRUE;
    lab_local_worker_stop(task->desk->worker, at_once);
}

static void
local_identify(const LabTask *task, json_t *entry)
{
    const LabLocalWorker *worker = task->desk->worker;

    json_object_set_new(entry, "pid", json_integer(lab_local_worker_pid(worker)));
    json_object_set_new(entry, "birth", json_integer(lab_local_worker_birth(worker)));
}

static gboolean
local_end_stray(const LabJournalCell *cell, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)STRAY_GRACE_MS * 1000;
    gint64 hard_us = deadline_us + G_USEC_PER_SEC * 5;

    if (cell->pid <= 1 || cell->birth == 0)
        return TRUE;
    if (lab_local_birth_of(cell->pid) == cell->birth)
        kill(cell->pid, SIGTERM);
    while (lab_local_birth_of(cell->pid) == cell->birth) {
        gint64 now_us = g_get_monotonic_time();

        if (now_us > hard_us) {
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                        "worker %d of an earlier kreglab does not end: kill it by hand", cell->pid);
            return FALSE;
        }
        if (now_us > deadline_us)
            kill(-cell->pid, SIGKILL);
        g_usleep(20000);
    }
    return TRUE;
}

static void
local_finish(void)
{
    for (guint i = 0; desks && i < desks->len; i++) {
        Desk *desk = desks->pdata[i];

        g_return_if_fail(!desk->task);
        lab_local_worker_dismiss(desk->worker);
        g_free(desk);
    }
    g_clear_pointer(&desks, g_ptr_array_unref);
}

const LabExecutor lab_executor_local = {
    .name = "local",
    .summary = "workers on this machine",
    .start = local_start,
    .stop = local_stop,
    .identify = local_identify,
    .end_stray = local_end_stray,
    .finish = local_finish,
};

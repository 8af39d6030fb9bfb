/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workers as children of this process, one process group each. */
#include "lab-local-worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"

/* Longer lines of a worker are no events. */
#define MAX_LINE         (256u << 10)
#define EVENTS_FD        3
#define DISMISS_GRACE_MS 10000

struct LabLocalWorker {
    const LabLocalWorkerHandlers *handlers;
    gpointer owner;
    GPid pid;
    gint64 birth;
    int requests_fd;
    int events_fd;
    guint events_source, child_source;
    GString *line;
    gboolean skipping; /* the rest of a line that is too long */
};

gint64
lab_local_birth_of(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 4096, NULL, NULL);
    const char *after_name = text ? strrchr(text, ')') : NULL;
    g_auto(GStrv) fields = after_name ? g_strsplit(after_name, " ", 22) : NULL;

    if (!fields || g_strv_length(fields) < 21 || *fields[1] == 'Z' || *fields[1] == 'X')
        return 0;
    return g_ascii_strtoll(fields[20], NULL, 10);
}

static void
take_line(LabLocalWorker *worker)
{
    g_autoptr(json_t) event = NULL;

    if (!worker->skipping && worker->line->len > 0)
        event = lab_json_parse(worker->line->str, worker->line->len, "worker event", NULL);
    worker->skipping = FALSE;
    g_string_truncate(worker->line, 0);
    if (json_is_object(event))
        worker->handlers->event(worker, event, worker->owner);
}

static void
take_bytes(LabLocalWorker *worker, const char *bytes, gsize length)
{
    while (length > 0) {
        const char *newline = memchr(bytes, '\n', length);
        gsize part = newline ? (gsize)(newline - bytes) : length;

        if (worker->line->len + part > MAX_LINE)
            worker->skipping = TRUE;
        if (!worker->skipping)
            g_string_append_len(worker->line, bytes, (gssize)part);
        if (!newline)
            return;
        take_line(worker);
        bytes = newline + 1;
        length -= part + 1;
    }
}

/* Reads what is there; FALSE at its end. At most 'rounds' buffers, so that one chatty worker does
 * not hold up the others. */
static gboolean
read_events(LabLocalWorker *worker, int rounds)
{
    char buffer[16384];

    for (; rounds > 0; rounds--) {
        ssize_t n = read(worker->events_fd, buffer, sizeof buffer);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return FALSE;
        take_bytes(worker, buffer, (gsize)n);
    }
    return TRUE;
}

static gboolean
on_events(int fd, GIOCondition condition, gpointer data)
{
    LabLocalWorker *worker = data;

    if (read_events(worker, 4))
        return G_SOURCE_CONTINUE;
    worker->events_source = 0;
    return G_SOURCE_REMOVE;
}

static void
worker_free(LabLocalWorker *worker)
{
    g_clear_handle_id(&worker->events_source, g_source_remove);
    g_clear_handle_id(&worker->child_source, g_source_remove);
    lab_fd_close(&worker->events_fd);
    lab_fd_close(&worker->requests_fd);
    g_string_free(worker->line, TRUE);
    g_free(worker);
}

static void
on_child_exit(GPid pid, int raw, gpointer data)
{
    LabLocalWorker *worker = data;
    int status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);

    /* What it left behind in its group. The group's number is still ours to use: the zombie was
     * reaped just now, and a group lives on only as long as it has members. */
    kill(-pid, SIGKILL);
    worker->child_source = 0;
    read_events(worker, 64);
    worker->handlers->ended(worker, status, worker->owner);
    g_spawn_close_pid(pid);
    worker_free(worker);
}

/* In the child: a group of its own, so that Ctrl-C reaches the parent alone, and an end when the
 * parent has died: SIGTERM, on which the worker stops its guest. */
static void
set_up_child(gpointer data)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != GPOINTER_TO_INT(data))
        _exit(127);
}

static gboolean
spawn(LabLocalWorker *worker, const LabPaths *paths, int log_fd, int events_fd, GError **error)
{
    const char *argv[] = {paths->worker, "cells", NULL};
    g_auto(GStrv) env = g_get_environ();
    int targets[] = {EVENTS_FD};
    g_autoptr(GError) local = NULL;

    env = g_environ_setenv(env, "KREGLAB_DATA", paths->data, TRUE);
    env = g_environ_setenv(env, "KREGLAB_CACHE", paths->cache, TRUE);
    if (g_spawn_async_with_pipes_and_fds(
            NULL, argv, (const char *const *)env, G_SPAWN_DO_NOT_REAP_CHILD, set_up_child,
            GINT_TO_POINTER(getpid()), -1, log_fd, log_fd, &events_fd, targets, 1, &worker->pid,
            &worker->requests_fd, NULL, NULL, &local))
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR,
                g_error_matches(local, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT) ? LAB_ERROR_NOT_FOUND
                                                                           : LAB_ERROR_FAILED,
                "starting the worker '%s': %s", paths->worker, local->message);
    return FALSE;
}

LabLocalWorker *
lab_local_worker_start(const LabPaths *paths, int log_fd, const LabLocalWorkerHandlers *handlers,
                       gpointer owner, GError **error)
{
    g_autofree LabLocalWorker *worker = g_new0(LabLocalWorker, 1);
    int ends[2] = {-1, -1};
    gboolean started;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        lab_error_set_errno(error, errno, "preparing a worker");
        return NULL;
    }
    worker->requests_fd = -1;
    started = spawn(worker, paths, log_fd, ends[1], error);
    lab_fd_close(&ends[1]);
    if (!started) {
        lab_fd_close(&ends[0]);
        return NULL;
    }
    setpgid(worker->pid, worker->pid);
    (void)fcntl(worker->requests_fd, F_SETFD, FD_CLOEXEC);
    worker->handlers = handlers;
    worker->owner = owner;
    worker->birth = lab_local_birth_of(worker->pid);
    worker->line = g_string_new(NULL);
    worker->events_fd = ends[0];
    g_unix_set_fd_nonblocking(worker->events_fd, TRUE, NULL);
    worker->events_source =
        g_unix_fd_add(worker->events_fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_events, worker);
    worker->child_source = g_child_watch_add(worker->pid, on_child_exit, worker);
    return g_steal_pointer(&worker);
}

gboolean
lab_local_worker_give(LabLocalWorker *worker, const json_t *request, GError **error)
{
    g_autofree char *line = lab_json_line(request);
    g_autofree char *text = g_strconcat(line, "\n", NULL);

    return lab_fd_write_all(worker->requests_fd, text, strlen(text), error);
}

void
lab_local_worker_stop(LabLocalWorker *worker, gboolean at_once)
{
    if (at_once)
        kill(-worker->pid, SIGKILL);
    else
        kill(worker->pid, SIGTERM);
}

void
lab_local_worker_dismiss(LabLocalWorker *worker)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)DISMISS_GRACE_MS * 1000;

    g_clear_handle_id(&worker->child_source, g_source_remove);
    lab_fd_close(&worker->requests_fd);
    while (waitpid(worker->pid, NULL, WNOHANG) == 0) {
        if (g_get_monotonic_time() > deadline_us)
            kill(-worker->pid, SIGKILL);
        g_usleep(2000);
    }
    kill(-worker->pid, SIGKILL);
    worker_free(worker);
}

GPid
lab_local_worker_pid(const LabLocalWorker *worker)
{
    return worker->pid;
}

gint64
lab_local_worker_birth(const LabLocalWorker *worker)
{
    return worker->birth;
}

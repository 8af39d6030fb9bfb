/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workers as children of this process, one process group each. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-executor.h"
#include "lab-file.h"
#include "lab-json.h"

/* Longer lines of a worker are no events. */
#define MAX_LINE       (256u << 10)
#define EVENTS_FD      3
#define STRAY_GRACE_MS 10000

struct LabTask {
    const LabTaskHandlers *handlers;
    gpointer data;
    GPid pid;
    gint64 birth;
    int events_fd;
    guint events_source;
    GString *line;
    gboolean skipping; /* the rest of a line that is too long */
};

/* Field 22 of /proc/PID/stat, the start time in clock ticks since boot; 0: no such process, or one
 * that has ended and waits for its parent. proc(5). */
static gint64
birth_of(GPid pid)
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
take_line(LabTask *task)
{
    g_autoptr(json_t) event = NULL;

    if (!task->skipping && task->line->len > 0)
        event = lab_json_parse(task->line->str, task->line->len, "worker event", NULL);
    task->skipping = FALSE;
    g_string_truncate(task->line, 0);
    if (json_is_object(event))
        task->handlers->event(task, event, task->data);
}

static void
take_bytes(LabTask *task, const char *bytes, gsize length)
{
    while (length > 0) {
        const char *newline = memchr(bytes, '\n', length);
        gsize part = newline ? (gsize)(newline - bytes) : length;

        if (task->line->len + part > MAX_LINE)
            task->skipping = TRUE;
        if (!task->skipping)
            g_string_append_len(task->line, bytes, (gssize)part);
        if (!newline)
            return;
        take_line(task);
        bytes = newline + 1;
        length -= part + 1;
    }
}

/* Reads what is there; FALSE at its end. At most 'rounds' buffers, so that one chatty worker does
 * not hold up the others. */
static gboolean
read_events(LabTask *task, int rounds)
{
    char buffer[16384];

    for (; rounds > 0; rounds--) {
        ssize_t n = read(task->events_fd, buffer, sizeof buffer);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return FALSE;
        take_bytes(task, buffer, (gsize)n);
    }
    return TRUE;
}

static gboolean
on_events(int fd, GIOCondition condition, gpointer data)
{
    LabTask *task = data;

    if (read_events(task, 4))
        return G_SOURCE_CONTINUE;
    task->events_source = 0;
    return G_SOURCE_REMOVE;
}

static void
on_child_exit(GPid pid, int raw, gpointer data)
{
    LabTask *task = data;
    int status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);

    /* What it left behind in its group. The group's number is still ours to use: the zombie was
     * reaped just now, and a group lives on only as long as it has members. */
    kill(-pid, SIGKILL);
    read_events(task, 64);
    task->handlers->ended(task, status, task->data);
    g_clear_handle_id(&task->events_source, g_source_remove);
    lab_fd_close(&task->events_fd);
    g_string_free(task->line, TRUE);
    g_spawn_close_pid(pid);
    g_free(task);
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
spawn(LabTask *task, const LabTaskRequest *request, int log_fd, int events_fd, GError **error)
{
    const char *argv[] = {request->paths->worker, "cell", request->directory, NULL};
    g_auto(GStrv) env = g_get_environ();
    int targets[] = {EVENTS_FD};
    g_autoptr(GError) local = NULL;

    env = g_environ_setenv(env, "KREGLAB_DATA", request->paths->data, TRUE);
    env = g_environ_setenv(env, "KREGLAB_CACHE", request->paths->cache, TRUE);
    if (g_spawn_async_with_pipes_and_fds(NULL, argv, (const char *const *)env,
                                         G_SPAWN_DO_NOT_REAP_CHILD, set_up_child,
                                         GINT_TO_POINTER(getpid()), -1, log_fd, log_fd, &events_fd,
                                         targets, 1, &task->pid, NULL, NULL, NULL, &local))
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR,
                g_error_matches(local, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT) ? LAB_ERROR_NOT_FOUND
                                                                           : LAB_ERROR_FAILED,
                "starting the worker '%s': %s", request->paths->worker, local->message);
    return FALSE;
}

static LabTask *
local_start(const LabTaskRequest *request, const LabTaskHandlers *handlers, gpointer data,
            GError **error)
{
    g_autofree char *log = g_build_filename(request->directory, "worker.log", NULL);
    LAB_AUTO_FD log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int ends[2] = {-1, -1};
    g_autofree LabTask *task = g_new0(LabTask, 1);
    gboolean started;

    if (log_fd < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        lab_error_set_errno(error, errno, "preparing a worker");
        return NULL;
    }
    started = spawn(task, request, log_fd, ends[1], error);
    lab_fd_close(&ends[1]);
    if (!started) {
        lab_fd_close(&ends[0]);
        return NULL;
    }
    setpgid(task->pid, task->pid);
    task->handlers = handlers;
    task->data = data;
    task->birth = birth_of(task->pid);
    task->line = g_string_new(NULL);
    task->events_fd = ends[0];
    g_unix_set_fd_nonblocking(task->events_fd, TRUE, NULL);
    task->events_source =
        g_unix_fd_add(task->events_fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_events, task);
    g_child_watch_add(task->pid, on_child_exit, task);
    return g_steal_pointer(&task);
}

static void
local_stop(LabTask *task, gboolean at_once)
{
    if (at_once)
        kill(-task->pid, SIGKILL);
    else
        kill(task->pid, SIGTERM);
}

static void
local_identify(const LabTask *task, json_t *entry)
{
    json_object_set_new(entry, "pid", json_integer(task->pid));
    json_object_set_new(entry, "birth", json_integer(task->birth));
}

static gboolean
local_end_stray(const LabJournalCell *cell, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)STRAY_GRACE_MS * 1000;
    gint64 hard_us = deadline_us + G_USEC_PER_SEC * 5;

    if (cell->pid <= 1 || cell->birth == 0)
        return TRUE;
    if (birth_of(cell->pid) == cell->birth)
        kill(cell->pid, SIGTERM);
    while (birth_of(cell->pid) == cell->birth) {
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

/* Each worker ends with its cell. */
static void
local_finish(void)
{
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

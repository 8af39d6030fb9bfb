/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-intake-call.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define EVENT_FD       3
#define EVENT_MAX_LINE 65536

static void
in_child(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static gboolean
spawn(const LabPaths *paths, const char *verb, int event_fd, int *stdin_fd, GPid *pid,
      GError **error)
{
    const char *const argv[] = {paths->worker, verb, NULL};
    g_auto(GStrv) env = g_get_environ();
    const int target = EVENT_FD;
    GError *failure = NULL;

    env = g_environ_setenv(env, "KREGLAB_DATA", paths->data, TRUE);
    env = g_environ_setenv(env, "KREGLAB_CACHE", paths->cache, TRUE);
    if (g_spawn_async_with_pipes_and_fds(NULL, argv, (const char *const *)env,
                                         G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                                         in_child, NULL, -1, -1, -1, &event_fd, &target, 1, pid,
                                         stdin_fd, NULL, NULL, &failure))
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND, "starting the worker '%s': %s",
                paths->worker, failure->message);
    g_error_free(failure);
    return FALSE;
}

typedef struct {
    gboolean quiet;
    gboolean terminal;
    char *shown; /* the text shown last, so that a log gets each only once */
    char *id;
} Watch;

static void
show_progress(Watch *watch, const json_t *event)
{
    g_autofree char *text = lab_text_clean(lab_json_string(event, "text"), -1, FALSE);
    gint64 done = lab_json_int(event, "done", 0);
    gint64 total = lab_json_int(event, "total", 0);

    if (watch->quiet || !text)
        return;
    if (watch->terminal && total > 0 && done > 0)
        fprintf(stderr, "\r\033[K%s: %d %%", text, (int)(done * 100 / total));
    else if (watch->terminal)
        fprintf(stderr, "\r\033[K%s", text);
    else if (g_strcmp0(text, watch->shown) != 0)
        fprintf(stderr, "%s\n", text);
    fflush(stderr);
    g_free(watch->shown);
    watch->shown = g_steal_pointer(&text);
}

static void
take_event(Watch *watch, const char *line)
{
    g_autoptr(json_t) event = lab_json_parse(line, strlen(line), "worker's event", NULL);
    const char *kind = lab_json_string(event, "event");

    if (g_strcmp0(kind, "progress") == 0)
        show_progress(watch, event);
    if (g_strcmp0(kind, "kernel") == 0) {
        g_free(watch->id);
        watch->id = g_strdup(lab_json_string(event, "id"));
    }
}

static void
read_events(Watch *watch, int fd)
{
    FILE *file = fdopen(dup(fd), "r");
    char *line = g_malloc(EVENT_MAX_LINE);

    while (file && fgets(line, EVENT_MAX_LINE, file))
        take_event(watch, line);
    if (file)
        fclose(file);
    g_free(line);
    if (watch->terminal && watch->shown)
        fputs("\r\033[K", stderr);
}

int
lab_intake_call(const LabPaths *paths, const char *verb, const json_t *request, gboolean quiet,
                char **id, GError **error)
{
    Watch watch = {.quiet = quiet, .terminal = isatty(STDERR_FILENO)};
    g_autofree char *text = lab_json_line(request);
    int ends[2] = {-1, -1};
    LAB_AUTO_FD in = -1;
    LAB_AUTO_FD events = -1;
    GPid pid = 0;
    int raw = 0;

    *id = NULL;
    if (!g_unix_open_pipe(ends, FD_CLOEXEC, NULL)) {
        lab_error_set_errno(error, errno, "making a pipe");
        return -1;
    }
    events = ends[0];
    if (!spawn(paths, verb, ends[1], &in, &pid, error)) {
        close(ends[1]);
        return -1;
    }
    close(ends[1]);
    /* A worker that died already says so by its status. */
    lab_fd_write_all(in, text, strlen(text), NULL);
    lab_fd_close(&in);
    read_events(&watch, events);
    while (waitpid(pid, &raw, 0) < 0 && errno == EINTR)
        ;
    g_spawn_close_pid(pid);
    g_free(watch.shown);
    *id = watch.id;
    if (WIFEXITED(raw))
        return WEXITSTATUS(raw);
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                "the worker was killed by signal %d (%s): nothing was taken into the store",
                WTERMSIG(raw), g_strsignal(WTERMSIG(raw)));
    return -1;
}

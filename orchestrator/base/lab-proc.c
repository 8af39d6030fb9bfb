/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-file.h"

#define DEFAULT_TIMEOUT_MS (600 * 1000)
#define DEFAULT_MAX_OUTPUT (16u << 20)

void
lab_proc_result_clear(LabProcResult *result)
{
    g_clear_pointer(&result->output, g_free);
    g_clear_pointer(&result->errors, g_free);
}

typedef struct {
    const LabProcOptions *options;
    char **argv;
    char **env;
    int in, out, err; /* the child's ends */
    int status;       /* pipe for the errno of a failed exec */
} Child;

static G_NORETURN void
child_main(const Child *child, pid_t parent)
{
    sigset_t none;
    int error_number;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (child->options->memory_bytes > 0) {
        struct rlimit limit = {child->options->memory_bytes, child->options->memory_bytes};

        setrlimit(RLIMIT_AS, &limit);
    }
    if ((child->options->cwd && chdir(child->options->cwd) < 0) || dup2(child->in, 0) < 0 ||
        (child->options->events && dup2(child->out, 3) < 0) ||
        dup2(child->options->events ? child->err : child->out, 1) < 0 || dup2(child->err, 2) < 0)
        goto failed;
    environ = child->env; /* execvpe() would look in this process's PATH */
    execvp(child->argv[0], child->argv);
failed:
    error_number = errno;
    (void)!write(child->status, &error_number, sizeof error_number);
    _exit(127);
}

typedef struct {
    int fd;
    GByteArray *bytes;
} Sink;

static void
drain(Sink *sink, gsize limit, const LabProcOptions *told)
{
    guint8 buffer[65536];
    ssize_t n = read(sink->fd, buffer, sizeof buffer);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        close(sink->fd);
        sink->fd = -1;
        return;
    }
    if (told && told->on_output)
        told->on_output((const char *)buffer, (gsize)n, told->output_data);
    if (sink->bytes->len < limit)
        g_byte_array_append(sink->bytes, buffer, (guint)MIN((gsize)n, limit - sink->bytes->len));
}

static void
feed(int *fd, const LabProcOptions *options, gsize *done)
{
    ssize_t n = write(*fd, (const char *)options->input + *done, options->input_length - *done);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0)
        *done += (gsize)n;
    if (n < 0 || *done == options->input_length) {
        close(*fd);
        *fd = -1;
    }
}

/* Moves bytes until both streams have ended, or the child has and its output is idle. FALSE: the
 * deadline passed. */
static gboolean
pump(int *in, Sink *out, Sink *err, const LabProcOptions *options, gint64 deadline_us)
{
    gsize limit = options->max_output ? options->max_output : DEFAULT_MAX_OUTPUT;
    gsize fed = 0;

    while (out->fd >= 0 || err->fd >= 0 || *in >= 0) {
        struct pollfd fds[] = {{out->fd, POLLIN, 0}, {err->fd, POLLIN, 0}, {*in, POLLOUT, 0}};
        gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        int n;

        if (left_ms <= 0)
            return FALSE;
        n = poll(fds, G_N_ELEMENTS(fds), (int)MIN(left_ms, 60000));
        if (n < 0 && errno != EINTR)
            return FALSE;
        if (n <= 0)
            continue;
        if (fds[0].revents)
            drain(out, limit, options);
        if (fds[1].revents)
            drain(err, limit, NULL);
        if (fds[2].revents)
            feed(in, options, &fed);
    }
    return TRUE;
}

/* Waits for the child until the deadline, then kills its group. */
static gboolean
reap(pid_t pid, gint64 deadline_us, gboolean kill_now, int *status)
{
    int raw = 0;
    gboolean in_time = !kill_now;

    for (;;) {
        pid_t got;

        if (kill_now)
            kill(-pid, SIGKILL);
        got = waitpid(pid, &raw, kill_now ? 0 : WNOHANG);
        if (got == pid)
            break;
        if (got < 0 && errno != EINTR)
            break;
        if (g_get_monotonic_time() > deadline_us) {
            kill_now = TRUE;
            in_time = FALSE;
        } else if (!kill_now) {
            g_usleep(1000);
        }
    }
    *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return in_time;
}

static char **
merged_environment(const LabProcOptions *options)
{
    char **env = g_get_environ();
    g_autofree char *all = NULL;
    const char *path;

    for (const char *const *e = options->env; e && *e; e++) {
        const char *equals = strchr(*e, '=');
        g_autofree char *name = equals ? g_strndup(*e, (gsize)(equals - *e)) : NULL;

        if (name)
            env = g_environ_setenv(env, name, equals + 1, TRUE);
    }
    path = g_environ_getenv(env, "PATH");
    all = g_strconcat(path && *path ? path : "/usr/bin:/bin", ":/usr/sbin:/sbin", NULL);
    return g_environ_setenv(env, "PATH", all, TRUE);
}

static int
cloexec_pipe(int ends[2], GError **error)
{
    if (pipe2(ends, O_CLOEXEC) < 0) {
        lab_error_set_errno(error, errno, "making a pipe");
        return -1;
    }
    return 0;
}

/* The errno of exec when it failed, else 0. Returns once exec has happened. */
static int
exec_errno(int fd)
{
    int value = 0;
    ssize_t n;

    do
        n = read(fd, &value, sizeof value);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof value ? value : 0;
}

gboolean
lab_proc_run(const char *const *argv, const LabProcOptions *given, LabProcResult *result,
             GError **error)
{
    static const LabProcOptions defaults;
    const LabProcOptions *options = given ? given : &defaults;
    g_auto(GStrv) env = merged_environment(options);
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, status[2] = {-1, -1};
    LAB_AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
    gint64 timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    Child child = {options, (char **)argv, env, -1, -1, -1, -1};
    Sink sink_out, sink_err;
    gboolean pumped;
    pid_t pid, parent = getpid();
    int failed;

    *result = (LabProcResult){0};
    if ((options->input && cloexec_pipe(in, error) < 0) ||
        (options->stdout_fd <= 0 && cloexec_pipe(out, error) < 0) ||
        (options->stderr_fd <= 0 && !options->merge && cloexec_pipe(err, error) < 0) ||
        cloexec_pipe(status, error) < 0) {
        int *const ends[] = {in, out, err};

        for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
            lab_fd_close(&ends[i][0]);
            lab_fd_close(&ends[i][1]);
        }
        return FALSE;
    }
    child.in = options->input ? in[0] : options->stdin_fd > 0 ? options->stdin_fd : null;
    child.out = options->stdout_fd > 0 ? options->stdout_fd : out[1];
    child.err = options->stderr_fd > 0 ? options->stderr_fd : options->merge ? child.out : err[1];
    child.status = status[1];
    pid = fork();
    if (pid == 0)
        child_main(&child, parent);
    if (pid > 0)
        setpgid(pid, pid);
    lab_fd_close(&in[0]);
    lab_fd_close(&out[1]);
    lab_fd_close(&err[1]);
    lab_fd_close(&status[1]);
    failed = pid < 0 ? errno : exec_errno(status[0]);
    lab_fd_close(&status[0]);
    sink_out = (Sink){out[0], g_byte_array_new()};
    sink_err = (Sink){err[0], g_byte_array_new()};
    if (options->input)
        g_unix_set_fd_nonblocking(in[1], TRUE, NULL);
    pumped = failed == 0 && pump(&in[1], &sink_out, &sink_err, options, deadline_us);
    if (pid > 0)
        result->timed_out = !reap(pid, deadline_us, failed == 0 && !pumped, &result->status);
    lab_fd_close(&in[1]);
    lab_fd_close(&sink_out.fd);
    lab_fd_close(&sink_err.fd);
    result->output_length = sink_out.bytes->len;
    g_byte_array_append(sink_out.bytes, (const guint8 *)"", 1);
    g_byte_array_append(sink_err.bytes, (const guint8 *)"", 1);
    result->output = (char *)g_byte_array_free(sink_out.bytes, FALSE);
    result->errors = (char *)g_byte_array_free(sink_err.bytes, FALSE);
    if (failed != 0) {
        g_set_error(error, LAB_INFRA_ERROR,
                    failed == ENOENT ? LAB_ERROR_NOT_FOUND : LAB_ERROR_FAILED, "starting '%s': %s",
                    argv[0], g_strerror(failed));
        return FALSE;
    }
    if (result->timed_out) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                    "'%s' did not end within %" G_GINT64_FORMAT " ms", argv[0], timeout_ms);
        return FALSE;
    }
    return TRUE;
}

/* The last line that is not blank, borrowed from and cut into 'text'. */
static const char *
last_line(char *text)
{
    char *newline;

    g_strchomp(text);
    newline = strrchr(text, '\n');
    return newline ? newline + 1 : text;
}

gboolean
lab_proc_check(const char *const *argv, const LabProcOptions *options, LabProcResult *result,
               GError **error)
{
    g_autofree char *text = NULL;

    if (!lab_proc_run(argv, options, result, error))
        return FALSE;
    if (result->status == 0)
        return TRUE;
    text = g_strdup(*result->errors ? result->errors : result->output);
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "'%s' ended with %d: %s", argv[0],
                result->status, last_line(text));
    return FALSE;
}

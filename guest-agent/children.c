/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that the agent runs. Their output is read only as fast as the host takes it: a full pipe
 * holds the program up, not the agent.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 32
#define CHUNK        65536

typedef struct {
    pid_t pid; /* 0: free */
    json_int_t id;
    bool internal; /* child_run waits for it */
    bool ended;
    int status;
    int pipes[2]; /* stdout, stderr; -1 when closed */
    int64_t sent[2];
    int64_t limit;
    int64_t dropped;
    int64_t started_ms;
} Child;

static Child children[CHILDREN_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t reaped = PTHREAD_COND_INITIALIZER;

static const char *const base_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "TERM=linux",
    "LC_ALL=C",
};

typedef struct {
    char *const *argv;
    char **env;
    const char *cwd;
    const char *tty; /* its controlling terminal and all its streams, or NULL */
    int output[2];   /* what becomes stdout and stderr */
    int failure;     /* close-on-exec: errno of what went wrong */
} Launch;

/* For a shell on the serial console. Where it cannot be opened the streams stay the agent's. */
static void
take_terminal(const char *path)
{
    int fd;

    setsid();
    fd = open(path, O_RDWR);
    if (fd < 0)
        return;
    ioctl(fd, TIOCSCTTY, 1);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
}

/* In the child: nothing but system calls, other threads' locks may be held. */
static void __attribute__((noreturn)) launch(const Launch *what)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    sigset_t none;

    if (what->tty)
        take_terminal(what->tty);
    else
        setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (oom >= 0)
        (void)!write(oom, "0", 1);
    if (!what->tty) {
        dup2(null, STDIN_FILENO);
        dup2(what->output[0], STDOUT_FILENO);
        dup2(what->output[1], STDERR_FILENO);
    }
    if (chdir(what->cwd) == 0)
        execvpe(what->argv[0], what->argv, what->env);
    (void)!write(what->failure, &(int){errno}, sizeof(int));
    _exit(127);
}

static Child *
child_slot(void)
{
    for (int i = 0; i < CHILDREN_MAX; i++)
        if (children[i].pid == 0)
            return &children[i];
    return NULL;
}

static void
close_both(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            close(pair[i]);
        pair[i] = -1;
    }
}

/* Waits until the child has started its program. 0, or the errno why it has not. */
static int
launch_failure(int fd)
{
    int failure = 0;
    ssize_t n;

    do
        n = read(fd, &failure, sizeof failure);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof failure ? failure : 0;
}

/* Forks with the lock held, so that nobody reaps a child that is not in the table yet. */
static int
child_start(const Request *request, char *const *argv, char **env, const char *cwd, Child **result)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, failure[2] = {-1, -1};
    Launch what = {.argv = argv,
                   .env = env,
                   .cwd = cwd,
                   .tty = request ? request_string(request, "tty") : NULL};
    Child *child;
    int status = 0;
    pid_t pid = -1;

    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || pipe2(failure, O_CLOEXEC) < 0) {
        status = errno;
        goto out;
    }
    what.output[0] = out[1];
    what.output[1] = err[1];
    what.failure = failure[1];
    pthread_mutex_lock(&lock);
    child = child_slot();
    pid = child ? fork() : -1;
    if (pid == 0)
        launch(&what);
    status = !child ? EAGAIN : pid < 0 ? errno : 0;
    if (status == 0)
        *child = (Child){.pid = pid,
                         .id = request ? request->id : -1,
                         .internal = true,
                         .pipes = {out[0], err[0]},
                         .started_ms = uptime_ms()};
    pthread_mutex_unlock(&lock);
    if (status != 0)
        goto out;
    close(failure[1]);
    failure[1] = -1;
    status = launch_failure(failure[0]);
    if (status == 0) {
        fcntl(out[0], F_SETPIPE_SZ, 1 << 18);
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        fcntl(err[0], F_SETFL, O_NONBLOCK);
        out[0] = err[0] = -1;
        *result = child;
        goto out;
    }
    pthread_mutex_lock(&lock);
    while (!child->ended && waitpid(pid, &child->status, 0) != pid && errno == EINTR)
        ;
    child->pid = 0;
    pthread_mutex_unlock(&lock);
out:
    close_both(out);
    close_both(err);
    close_both(failure);
    return status;
}

static void
free_strv(char **strv)
{
    for (size_t i = 0; strv && strv[i]; i++)
        free(strv[i]);
    free(strv);
}

/* 'first' (may be empty) and then the strings of an array. NULL when something is no string. */
static char **
strv_from(const char *const *first, size_t n_first, const json_t *array)
{
    size_t n = json_array_size(array);
    char **strv = calloc(n_first + n + 1, sizeof *strv);

    if (!strv || (array && !json_is_array(array))) {
        free(strv);
        return NULL;
    }
    for (size_t i = 0; i < n_first + n; i++) {
        const char *text = i < n_first ? first[i]
                                       : json_string_value(json_array_get(array, i - n_first));

        strv[i] = text ? strdup(text) : NULL;
        if (!strv[i]) {
            free_strv(strv);
            return NULL;
        }
    }
    return strv;
}

static void
start_and_answer(Request *request, char **argv)
{
    char **env = strv_from(base_environment, sizeof base_environment / sizeof base_environment[0],
                           json_object_get(request->json, "env"));
    const char *cwd = request_string(request, "cwd");
    int64_t limit = request_int(request, "output_limit", 64 << 20);
    Child *child = NULL;
    int result;

    if (!argv || !argv[0] || !env || limit < 0) {
        answer_error(request, EINVAL, "argv and env need to be arrays of texts");
    } else {
        result = child_start(request, argv, env, cwd ? cwd : "/", &child);
        if (result != 0) {
            answer_error(request, result, "starting '%.300s': %s", argv[0], strerror(result));
        } else {
            answer_ok(request, json_pack("{s:i}", "pid", (int)child->pid));
            child->limit = limit;
            child->internal = false; /* from here on its output and its end are told */
        }
    }
    free_strv(argv);
    free_strv(env);
}

void
verb_exec(Request *request)
{
    start_and_answer(request, strv_from(NULL, 0, json_object_get(request->json, "argv")));
}

void
verb_builtin(Request *request)
{
    const char *name = request_string(request, "name");
    const char *first[] = {"/proc/self/exe", "--builtin", name ? name : "?"};

    start_and_answer(request, strv_from(first, 3, json_object_get(request->json, "args")));
}

void
verb_kill(Request *request)
{
    int64_t target = request_int(request, "target", -1);
    int64_t number = request_int(request, "signal", SIGTERM);
    int result = ESRCH;

    if (number < 0 || number > 64) {
        answer_error(request, EINVAL, "there is no signal %lld", (long long)number);
        return;
    }
    pthread_mutex_lock(&lock);
    for (int i = 0; i < CHILDREN_MAX; i++)
        if (children[i].pid > 0 && !children[i].internal && children[i].id == target)
            result = kill(-children[i].pid, (int)number) < 0 ? errno : 0;
    pthread_mutex_unlock(&lock);
    if (result != 0)
        answer_error(request, result, "no program of request %lld runs", (long long)target);
    else
        answer_ok(request, NULL);
}

int
children_pollfds(struct pollfd *fds, int max)
{
    int n = 0;

    for (int i = 0; i < CHILDREN_MAX; i++)
        for (int s = 0; s < 2; s++)
            if (children[i].pid > 0 && !children[i].internal && children[i].pipes[s] >= 0 &&
                n < max)
                fds[n++] = (struct pollfd){.fd = children[i].pipes[s], .events = POLLIN};
    return n;
}

/* Sends one chunk of a pipe. False when there is nothing more now. */
static bool
pump(Child *child, int s)
{
    static char buffer[CHUNK]; /* main thread only */
    int64_t room;
    ssize_t n = read(child->pipes[s], buffer, sizeof buffer);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        close(child->pipes[s]);
        child->pipes[s] = -1;
        return false;
    }
    room = child->limit - child->sent[s];
    if (room > n)
        room = n;
    if (room > 0)
        port_send(json_pack("{s:s, s:I, s:s}", "event", "output", "id", child->id, "stream",
                            s == 0 ? "stdout" : "stderr"),
                  buffer, (size_t)room);
    child->sent[s] += room;
    child->dropped += n - room;
    return true;
}

static void
tell_end(Child *child)
{
    int status = child->status;

    /* What is in the pipes was written before the end; descendants that keep them open are not
     * waited for. */
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < 32 && child->pipes[s] >= 0 && pump(child, s); i++)
            ;
        if (child->pipes[s] >= 0)
            close(child->pipes[s]);
    }
    port_send(json_pack("{s:s, s:I, s:i, s:i, s:I, s:I}", "event", "exit", "id", child->id,
                        "status", WIFEXITED(status) ? WEXITSTATUS(status) : 0, "signal",
                        WIFSIGNALED(status) ? WTERMSIG(status) : 0, "dropped",
                        (json_int_t)child->dropped, "duration_ms",
                        (json_int_t)(uptime_ms() - child->started_ms)),
              NULL, 0);
    pthread_mutex_lock(&lock);
    child->pid = 0;
    pthread_mutex_unlock(&lock);
}

void
children_pump(const struct pollfd *fds, int n)
{
    for (int i = 0; i < CHILDREN_MAX; i++)
        for (int s = 0; s < 2; s++)
            for (int k = 0; k < n; k++)
                if (children[i].pid > 0 && !children[i].internal && children[i].pipes[s] >= 0 &&
                    fds[k].fd == children[i].pipes[s] && fds[k].revents != 0) {
                    pump(&children[i], s);
                    break;
                }
    for (int i = 0; i < CHILDREN_MAX; i++)
        if (children[i].pid > 0 && !children[i].internal && children[i].ended)
            tell_end(&children[i]);
}

void
children_reap(void)
{
    int status;
    pid_t pid;

    pthread_mutex_lock(&lock);
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < CHILDREN_MAX; i++)
            if (children[i].pid == pid) {
                children[i].ended = true;
                children[i].status = status;
            }
    pthread_cond_broadcast(&reaped);
    pthread_mutex_unlock(&lock);
}

int
child_run(char *const argv[], char *errors, size_t size)
{
    char **env =
        strv_from(base_environment, sizeof base_environment / sizeof base_environment[0], NULL);
    Child *child = NULL;
    size_t used = 0;
    int status = env ? child_start(NULL, argv, env, "/", &child) : ENOMEM;

    errors[0] = '\0';
    free_strv(env);
    if (status != 0)
        return -status;
    pthread_mutex_lock(&lock);
    while (!child->ended) {
        struct timespec soon;

        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec++;
        pthread_cond_timedwait(&reaped, &lock, &soon);
    }
    for (int s = 1; s >= 0; s--) {
        ssize_t n = used < size - 1 ? read(child->pipes[s], errors + used, size - 1 - used) : 0;

        used += n > 0 ? (size_t)n : 0;
    }
    errors[used] = '\0';
    close_both(child->pipes);
    status = child->status;
    child->pid = 0;
    pthread_mutex_unlock(&lock);
    return status;
}

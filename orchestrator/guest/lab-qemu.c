/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-qemu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

#define GUARD_MAX     64
#define REAP_EVERY_US 10000
#define GUARD_NAME    "kreglab-guard"
/* PF_FORKNOEXEC of include/linux/sched.h */
#define FORKED_NOT_EXECED 0x40u

struct LabQemu {
    gatomicrefcount references; /* ours and the thread's */
    pid_t pid;
    int pidfd;
    gint ended;
    int wait_status; /* -1: it was not our child */
};

static int guard_pipe = -1;
static gint watched; /* the pid that watch_thread() waits for: one guest a time is enough */

char *
lab_qemu_binary(void)
{
    const char *given = g_getenv("KREGLAB_QEMU");
    g_autofree char *qemu = given ? g_strdup(given) : g_find_program_in_path("qemu-system-x86_64");
    struct stat st = {0};

    if (qemu)
        (void)!stat(qemu, &st);
    return g_strdup_printf("%s %lld %lld", qemu ? qemu : "", (long long)st.st_size,
                           (long long)st.st_mtime);
}

static int
pidfd_open_pid(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int
pidfd_kill(int pidfd)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* A worker has thousands of guests, one after the other. How many are left. */
static int
forget_ended(int *pidfds, int count)
{
    int kept = 0;

    for (int i = 0; i < count; i++) {
        struct pollfd ended = {pidfds[i], POLLIN, 0};

        if (poll(&ended, 1, 0) == 0)
            pidfds[kept++] = pidfds[i];
        else
            close(pidfds[i]);
    }
    return kept;
}

/* Runs after fork() in a process with threads: system calls only. */
static G_NORETURN void
guard_main(int pipe_fd)
{
    int pidfds[GUARD_MAX];
    int count = 0;
    pid_t pid;

    setsid();
    prctl(PR_SET_NAME, GUARD_NAME);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    dup2(pipe_fd, 0);
    syscall(SYS_close_range, 1, ~0U, 0);
    for (;;) {
        ssize_t n = read(0, &pid, sizeof pid);

        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof pid)
            break;
        count = forget_ended(pidfds, count);
        if (count < GUARD_MAX) {
            int fd = pidfd_open_pid(pid);

            if (fd >= 0)
                pidfds[count++] = fd;
        }
    }
    for (int i = 0; i < count; i++)
        pidfd_kill(pidfds[i]);
    _exit(0);
}

/* An orphan that became our child: a program in a session of its own. libvirt waits itself for what
 * it started directly, which is of our session (QEMU's `-daemonize` front) or never became another
 * program (its half-way children, which have our name). Who forked itself away behind that front
 * never called exec either, but has QEMU's name; the guards of dead workers have their own. */
static gboolean
is_orphan(pid_t pid, pid_t our_session)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 4096, NULL, NULL);
    const char *behind_name = text ? strrchr(text, ')') : NULL;
    int session = 0;
    unsigned int flags = 0;

    /* proc(5): pid (comm) state ppid pgrp session tty_nr tpgid flags */
    if (!behind_name || sscanf(behind_name, ") %*c %*d %*d %d %*d %*d %u", &session, &flags) != 2)
        return FALSE;
    return session != our_session &&
           (!(flags & FORKED_NOT_EXECED) || strstr(text, "(qemu-system") ||
            strstr(text, "(" GUARD_NAME ")"));
}

/* Runs for the life of the process: libvirt may ask QEMUs for capabilities in any call. */
static gpointer
reaper_thread(gpointer data)
{
    pid_t session = getsid(0);

    for (;;) {
        siginfo_t info = {0};

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0 &&
            info.si_pid != g_atomic_int_get(&watched) && is_orphan(info.si_pid, session))
            waitpid(info.si_pid, NULL, WNOHANG);
        else
            g_usleep(REAP_EVERY_US);
    }
    return NULL;
}

gboolean
lab_qemu_prepare(GError **error)
{
    int ends[2];
    pid_t pid;

    if (guard_pipe >= 0)
        return TRUE;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return lab_error_set_errno(error, errno, "becoming a subreaper");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return lab_error_set_errno(error, errno, "making a pipe");
    pid = fork();
    if (pid == 0) {
        close(ends[1]);
        guard_main(ends[0]);
    }
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return lab_error_set_errno(error, errno, "starting the guard of QEMU");
    }
    guard_pipe = ends[1];
    g_thread_unref(g_thread_new("reaper", reaper_thread, NULL));
    return TRUE;
}

static void
qemu_unref(LabQemu *qemu)
{
    if (!g_atomic_ref_count_dec(&qemu->references))
        return;
    lab_fd_close(&qemu->pidfd);
    g_free(qemu);
}

static gpointer
watch_thread(gpointer data)
{
    LabQemu *qemu = data;
    struct pollfd ended = {qemu->pidfd, POLLIN, 0};
    int status = -1;

    while (poll(&ended, 1, -1) < 0 && errno == EINTR)
        continue;
    /* This pid only: others are libvirt's children, and libvirt waits for them itself. */
    if (waitpid(qemu->pid, &status, 0) == qemu->pid)
        qemu->wait_status = status;
    g_atomic_int_set(&qemu->ended, 1);
    g_main_context_wakeup(NULL);
    qemu_unref(qemu);
    return NULL;
}

LabQemu *
lab_qemu_new(pid_t pid, GError **error)
{
    int pidfd = pidfd_open_pid(pid);
    LabQemu *qemu;

    if (pidfd < 0) {
        lab_error_set_errno(error, errno, "opening QEMU's process %d", (int)pid);
        return NULL;
    }
    if (guard_pipe >= 0)
        (void)!write(guard_pipe, &pid, sizeof pid);
    qemu = g_new0(LabQemu, 1);
    g_atomic_ref_count_init(&qemu->references);
    g_atomic_ref_count_inc(&qemu->references);
    qemu->pid = pid;
    g_atomic_int_set(&watched, pid);
    qemu->pidfd = pidfd;
    qemu->wait_status = -1;
    g_thread_unref(g_thread_new("qemu-watch", watch_thread, qemu));
    return qemu;
}

void
lab_qemu_free(LabQemu *qemu)
{
    if (qemu)
        qemu_unref(qemu);
}

pid_t
lab_qemu_pid(const LabQemu *qemu)
{
    return qemu->pid;
}

gboolean
lab_qemu_has_ended(const LabQemu *qemu)
{
    return g_atomic_int_get(&qemu->ended) != 0;
}

char *
lab_qemu_describe_end(const LabQemu *qemu)
{
    int status = qemu->wait_status;

    if (!lab_qemu_has_ended(qemu) || status == -1)
        return g_strdup("QEMU ended");
    if (WIFSIGNALED(status))
        return g_strdup_printf("QEMU was killed by signal %d (%s)", WTERMSIG(status),
                               g_strsignal(WTERMSIG(status)));
    return g_strdup_printf("QEMU ended with status %d", WEXITSTATUS(status));
}

void
lab_qemu_kill(LabQemu *qemu)
{
    pidfd_kill(qemu->pidfd);
}

gboolean
lab_qemu_wait(LabQemu *qemu, gint64 timeout_ms)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;

    while (!lab_qemu_has_ended(qemu)) {
        if (g_get_monotonic_time() > deadline_us)
            return FALSE;
        g_usleep(1000);
    }
    return TRUE;
}

void
lab_qemu_status(pid_t pid, int *uid, int *seccomp)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 65536, NULL, NULL);
    const char *line;

    *uid = *seccomp = -1;
    if (!text)
        return;
    line = strstr(text, "\nUid:");
    if (line)
        (void)!sscanf(line, "\nUid: %*d %d", uid);
    line = strstr(text, "\nSeccomp:");
    if (line)
        (void)!sscanf(line, "\nSeccomp: %d", seccomp);
}

/* TRUE when the process is a QEMU whose command line has 'text'. */
static gboolean
process_matches(pid_t pid, const char *text)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
    gsize length = 0;
    g_autofree char *line = lab_file_read(AT_FDCWD, path, 4u << 20, &length, NULL);
    g_autofree char *name = line ? g_path_get_basename(line) : NULL;

    return name && g_str_has_prefix(name, "qemu") && memmem(line, length, text, strlen(text));
}

int
lab_qemu_kill_matching(const char *text, gboolean dry_run)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int count = 0;

    while (proc && (entry = readdir(proc))) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        LAB_AUTO_FD pidfd = pid > 1 ? pidfd_open_pid(pid) : -1;

        /* Opened first, looked at after: the pid cannot have changed hands in between. */
        if (pidfd < 0 || !process_matches(pid, text))
            continue;
        count++;
        if (!dry_run)
            pidfd_kill(pidfd);
    }
    if (proc)
        closedir(proc);
    return count;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU as a child of our own: another user, its descriptors and no others, and it dies with us. */
#include "lab-native.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

#define MAX_GROUPS 64
#define MAX_FDS    (LAB_NATIVE_FD_RAM + LAB_NATIVE_MAX_RAM)

typedef struct {
    char **argv, **env;
    uid_t uid;
    gid_t gid, groups[MAX_GROUPS];
    int group_count;  /* -1: keep what we are */
    int fds[MAX_FDS]; /* what becomes 0, 1, 2 …; -1: nothing */
    int fd_count;
    int null_fd;
    pid_t parent;
} Child;

static G_NORETURN void
give_up(const char *what)
{
    dprintf(2, "kreglab: %s: %s\n", what, strerror(errno));
    _exit(127);
}

/* Runs after fork() in a process with threads: system calls only (the messages aside). */
static void
place_descriptors(Child *child)
{
    for (int i = 0; i < child->fd_count; i++) {
        int from = child->fds[i] >= 0 ? child->fds[i] : child->null_fd;

        child->fds[i] = fcntl(from, F_DUPFD, MAX_FDS);
        if (child->fds[i] < 0)
            give_up("descriptors");
    }
    for (int i = 0; i < child->fd_count; i++)
        if (dup2(child->fds[i], i) < 0)
            give_up("descriptors");
    syscall(SYS_close_range, (unsigned int)child->fd_count, ~0U, 0);
}

static G_NORETURN void
child_main(Child *child)
{
    const struct rlimit no_core = {0, 0};
    sigset_t none;

    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    place_descriptors(child);
    setrlimit(RLIMIT_CORE, &no_core);
    umask(077);
    if (child->group_count >= 0 && (setgroups((size_t)child->group_count, child->groups) < 0 ||
                                    setresgid(child->gid, child->gid, child->gid) < 0 ||
                                    setresuid(child->uid, child->uid, child->uid) < 0))
        give_up("becoming QEMU's user");
    /* After the change of user, which clears it (prctl(2)). */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child->parent)
        _exit(127);
    execve(child->argv[0], child->argv, child->env);
    give_up(child->argv[0]);
}

static gboolean
find_groups(Child *child, const LabQemuUser *user, gboolean kvm)
{
    int count = MAX_GROUPS;

    child->group_count = -1;
    if (!user->user)
        return TRUE;
    child->uid = user->uid;
    child->gid = user->gid;
    child->groups[0] = user->gid;
    child->group_count = 1;
    if (!kvm) /* which may need the group of /dev/kvm; else no more than its own */
        return TRUE;
    if (getgrouplist(user->user, user->gid, child->groups, &count) < 0)
        return FALSE;
    child->group_count = count;
    return TRUE;
}

pid_t
lab_native_spawn(char **argv, const LabQemuUser *user, gboolean kvm, const int *fds, int fd_count,
                 int log_fd, GError **error)
{
    const char *path = g_getenv("PATH");
    g_autofree char *path_entry = g_strconcat("PATH=", path ? path : "/usr/bin:/bin", NULL);
    char *env[] = {(char *)"LC_ALL=C", (char *)"HOME=/", path_entry, NULL};
    LAB_AUTO_FD null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    Child child = {.argv = argv, .env = env, .fd_count = 3 + fd_count, .null_fd = null_fd};
    pid_t pid;

    if (null_fd < 0 || !find_groups(&child, user, kvm) || child.fd_count > MAX_FDS) {
        lab_error_set_errno(error, null_fd < 0 ? errno : E2BIG, "preparing QEMU's process");
        return -1;
    }
    child.fds[0] = null_fd;
    child.fds[1] = child.fds[2] = log_fd;
    memcpy(child.fds + 3, fds, (size_t)fd_count * sizeof *fds);
    child.parent = getpid();
    pid = fork();
    if (pid == 0)
        child_main(&child);
    if (pid < 0)
        lab_error_set_errno(error, errno, "starting QEMU");
    return pid;
}

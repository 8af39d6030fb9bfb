/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What init does before anything else. Whatever an old or small kernel lacks is passed over. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *type, *target, *options;
    bool capture; /* in the capture kernel, too */
} mounts[] = {
    {"proc", "/proc", NULL, true},
    {"sysfs", "/sys", NULL, true},
    {"devtmpfs", "/dev", "mode=0755", true},
    {"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", false},
    {"tmpfs", "/dev/shm", "mode=1777", false},
    {"debugfs", "/sys/kernel/debug", NULL, false},
    {"tracefs", "/sys/kernel/tracing", NULL, false},
    {"securityfs", "/sys/kernel/security", NULL, false},
    {"configfs", "/sys/kernel/config", NULL, false},
};

static void
mount_cgroups(void)
{
    static const char *const old[] = {"memory", "cpu,cpuacct", "cpuset", "blkio", "pids"};
    char path[64];

    if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) == 0)
        return; /* in v4.5 */
    if (mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, "mode=755") < 0)
        return;
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s", old[i]);
        mkdir(path, 0755);
        if (mount("cgroup", path, "cgroup", 0, old[i]) < 0)
            rmdir(path);
    }
}

static void
loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
}

static void
note_module_error(const char *path, int error_number)
{
    char text[512];

    snprintf(text, sizeof text, "%.400s: %s", path, strerror(error_number));
    agent_log("module %s", text);
    json_array_append_new(agent.module_errors, text_json(text, strlen(text)));
}

static void
load_modules(void)
{
    FILE *list = fopen("/kreglab/modules.list", "re");
    char line[PATH_MAX + 512];

    while (list && fgets(line, sizeof line, list)) {
        bool optional = line[0] == '-';
        char *path = line + (optional ? 1 : 0);
        char *params;
        int result;

        path[strcspn(path, "\n")] = '\0';
        if (path[0] != '/')
            continue;
        params = path + strcspn(path, " ");
        if (*params)
            *params++ = '\0';
        result = load_module(path, params);
        if (result != 0 && result != EEXIST && !(optional && result == ENODEV))
            note_module_error(path, result);
    }
    if (list)
        fclose(list);
}

void
init_system(void)
{
    umask(022);
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        if (agent.mode == MODE_CAPTURE && !mounts[i].capture)
            continue;
        mkdir(mounts[i].target, 0755);
        (void)!mount(mounts[i].type, mounts[i].target, mounts[i].type, 0, mounts[i].options);
    }
    if (agent.mode == MODE_INIT) {
        mount_cgroups();
        loopback_up();
        sethostname("kreglab", 7);
    }
    load_modules();
}

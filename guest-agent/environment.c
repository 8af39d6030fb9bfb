/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel as it is set up: loaded modules, /proc/sys, and settings of /sys. Only what can be
 * read without a wait and without an effect: no file that cannot be read by its mode, no link, no
 * other file system (a mount point may be an automounter's), nothing of volatile_paths[]. All is
 * bounded.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_VALUES  4096
#define MAX_BYTES   (384u << 10) /* names and values; JSON may double them, a frame has 1 MiB */
#define MAX_VALUE   512          /* of one; the rest is cut off */
#define MAX_MODULES 512
#define MAX_DEPTH   8
#define MAX_SEEN    20000 /* directory entries */

#define SYSCTL "proc/sys/"

static const char *const roots[] = {
    "proc/sys",
    "sys/kernel/mm/hugepages",
    "sys/kernel/mm/ksm",
    "sys/kernel/mm/lru_gen",
    "sys/kernel/mm/numa",
    "sys/kernel/mm/swap",
    "sys/kernel/mm/transparent_hugepage",
    "sys/devices/system/clocksource/clocksource0/current_clocksource",
    "sys/devices/system/cpu/vulnerabilities",
};

/* What is passed over: counters and states that change by themselves, what is another one in each
 * boot, the kernel's own name, and files whose reading does something. A path below /proc/sys, or
 * one from the root; '*' at its end is any rest, at its start any directory. */
static const char *const volatile_paths[] = {
    "crypto/fips_version",
    "dev/cdrom/info",
    "dev/parport",
    "fs/aio-nr",
    "fs/binfmt_misc", /* an automounter's with systemd */
    "fs/dentry-state",
    "fs/file-nr",
    "fs/inode-*",
    "fs/quota",
    "kernel/hung_task_detect_count",
    "kernel/ns_last_pid",
    "kernel/osrelease",
    "kernel/perf_event_max_sample_rate", /* the kernel lowers it under load */
    "kernel/pty/nr",
    "kernel/random",       /* new with each reading; takes entropy */
    "kernel/sched_domain", /* one a CPU, by the host's topology */
    "kernel/version",
    "net/core/netdev_rss_key",
    "net/ipv4/netfilter/ip_conntrack_count",
    "net/ipv4/tcp_fastopen_key",
    "net/netfilter/nf_conntrack_count",
    "vm/compact_memory",
    "vm/drop_caches",
    "vm/stat_refresh", /* makes every CPU work, and waits for it */
    "*/flush",
    "*/stable_secret",
    "*/stats",
    "sys/kernel/mm/ksm/full_scans",
    "sys/kernel/mm/ksm/general_profit",
    "sys/kernel/mm/ksm/ksm_zero_pages",
    "sys/kernel/mm/ksm/pages_s*",
    "sys/kernel/mm/ksm/pages_unshared",
    "sys/kernel/mm/ksm/pages_volatile",
    "sys/kernel/mm/ksm/stable_node_chains",
    "sys/kernel/mm/ksm/stable_node_dups",
    "sys/kernel/mm/transparent_hugepage/khugepaged/full_scans",
    "sys/kernel/mm/transparent_hugepage/khugepaged/pages_collapsed",
    "*/free_hugepages",
    "*/resv_hugepages",
    "*/surplus_hugepages",
};

typedef struct {
    json_t *values;
    size_t bytes;
    unsigned seen, left_out;
    dev_t device;   /* of the root that is walked */
    char path[512]; /* from the root on, without a slash before it */
} Walk;

/* What each network device has of its own: as "default" says, unless it is set. */
static bool
is_of_device(const char *path)
{
    static const char *const folders[] = {"/conf/", "/neigh/"};

    for (size_t i = 0; strncmp(path, SYSCTL "net/", strlen(SYSCTL "net/")) == 0 && i < 2; i++) {
        const char *at = strstr(path, folders[i]);

        if (at)
            return strncmp(at + strlen(folders[i]), "all", 3) != 0 &&
                   strncmp(at + strlen(folders[i]), "default", 7) != 0;
    }
    return false;
}

static bool
is_volatile(const char *path)
{
    const char *below = strncmp(path, SYSCTL, strlen(SYSCTL)) == 0 ? path + strlen(SYSCTL) : path;
    const char *last = strrchr(path, '/');

    for (size_t i = 0; i < sizeof volatile_paths / sizeof volatile_paths[0]; i++) {
        const char *one = volatile_paths[i];
        size_t length = strlen(one);

        if (one[0] == '*'            ? last && strcmp(last, one + 1) == 0
            : one[length - 1] == '*' ? strncmp(below, one, length - 1) == 0
                                     : strcmp(below, one) == 0)
            return true;
    }
    return is_of_device(path);
}

/* As settings are written: "vm.x" below /proc/sys (dots and slashes of a name change places), else
 * the path. */
static void
name_of(const char *path, char *name, size_t size)
{
    if (strncmp(path, SYSCTL, strlen(SYSCTL)) != 0) {
        snprintf(name, size, "/%s", path);
        return;
    }
    snprintf(name, size, "%s", path + strlen(SYSCTL));
    for (char *p = name; *p; p++)
        *p = (char)(*p == '.' ? '/' : *p == '/' ? '.' : *p);
}

static void
take_file(Walk *walk, int directory, const char *entry)
{
    int fd = openat(directory, entry, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    char text[MAX_VALUE + 8], name[sizeof walk->path + 1];
    ssize_t n = fd < 0 ? -1 : read(fd, text, MAX_VALUE + 1);

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return; /* not there any more, or it has no value to tell */
    if (n > MAX_VALUE)
        n = MAX_VALUE;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\0'))
        n--;
    name_of(walk->path, name, sizeof name);
    if (json_object_size(walk->values) >= MAX_VALUES ||
        walk->bytes + strlen(name) + (size_t)n > MAX_BYTES) {
        walk->left_out++;
        return;
    }
    walk->bytes += strlen(name) + (size_t)n;
    json_object_set_new(walk->values, name, text_json(text, (size_t)n));
}

static void take_directory(Walk *walk, int parent, const char *entry, int depth);

static void
take_entry(Walk *walk, int directory, const char *entry, int depth)
{
    struct stat st;

    if (++walk->seen > MAX_SEEN) {
        walk->left_out++;
        return;
    }
    if (is_volatile(walk->path) ||
        fstatat(directory, entry, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ||
        st.st_dev != walk->device)
        return;
    if (S_ISREG(st.st_mode) && (st.st_mode & S_IRUSR) != 0)
        take_file(walk, directory, entry);
    else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
        take_directory(walk, directory, entry, depth + 1);
}

static void
take_directory(Walk *walk, int parent, const char *entry, int depth)
{
    int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    size_t length = strlen(walk->path);
    struct dirent *one;

    if (!directory) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((one = readdir(directory))) {
        if (one->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(walk->path + length, sizeof walk->path - length, "/%s", one->d_name) <
            sizeof walk->path - length)
            take_entry(walk, fd, one->d_name, depth);
        else
            walk->left_out++;
        walk->path[length] = '\0';
    }
    closedir(directory);
}

/* 'path' has no slash before it. */
static void
take_path(Walk *walk, int root, const char *path)
{
    struct stat st;

    if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return;
    walk->device = st.st_dev;
    snprintf(walk->path, sizeof walk->path, "%s", path);
    take_entry(walk, root, path, 0);
}

/* /proc/modules: "name size users dependents state address (taints)"; the last is not always
 * there. */
static void
take_modules(json_t *modules, json_t *taints, int root, unsigned *left_out)
{
    int fd = openat(root, "proc/modules", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char line[4096], name[128];
    long long size;

    if (!file && fd >= 0)
        close(fd);
    while (file && fgets(line, sizeof line, file)) {
        const char *open = strrchr(line, '(');
        const char *close = open ? strchr(open, ')') : NULL;

        if (sscanf(line, "%127s %lld", name, &size) != 2)
            continue;
        if (json_object_size(modules) >= MAX_MODULES) {
            (*left_out)++;
            continue;
        }
        json_object_set_new(modules, name, json_integer(size));
        if (close)
            json_object_set_new(taints, name, text_json(open + 1, (size_t)(close - open - 1)));
    }
    if (file)
        fclose(file);
}

json_t *
environment_json(int root)
{
    Walk walk = {.values = json_object()};
    json_t *modules = json_object(), *taints = json_object();

    take_modules(modules, taints, root, &walk.left_out);
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        take_path(&walk, root, roots[i]);
    return json_pack("{s:o, s:o, s:o, s:I}", "modules", modules, "taints", taints, "values",
                     walk.values, "left_out", (json_int_t)walk.left_out);
}

void
verb_environment(Request *request)
{
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0) {
        answer_error(request, errno, "opening '/': %s", strerror(errno));
        return;
    }
    answer_ok(request, json_pack("{s:o}", "environment", environment_json(root)));
    close(root);
}

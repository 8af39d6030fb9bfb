/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-host.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lab-file.h"

#define FALLBACK_BYTES (4ull << 30)
/* cgroup v1 writes "no limit" as a number near 2^63. */
#define NO_LIMIT (1ull << 60)

static char *
read_text(const char *root, const char *path)
{
    g_autofree char *file = g_strconcat(root, path, NULL);

    return lab_file_read(AT_FDCWD, file, 1u << 20, NULL, NULL);
}

/* The number behind a line's "key"; 0 when there is none. */
static guint64
number_of(const char *text, const char *key)
{
    gsize length = strlen(key);

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0)
            return g_ascii_strtoull(line + length, NULL, 10);
    }
    return 0;
}

/* The file of a group as a number; G_MAXUINT64 when it is absent or says "max". */
static guint64
group_number(const char *root, const char *group, const char *name)
{
    g_autofree char *path = g_build_filename(group, name, NULL);
    g_autofree char *text = read_text(root, path);

    return text && g_ascii_isdigit(*text) ? g_ascii_strtoull(text, NULL, 10) : G_MAXUINT64;
}

static void
limit_by_group(const char *root, const char *group, gboolean v2, LabHostMemory *memory)
{
    guint64 limit = group_number(root, group, v2 ? "memory.max" : "memory.limit_in_bytes");
    guint64 used = group_number(root, group, v2 ? "memory.current" : "memory.usage_in_bytes");
    g_autofree char *path = g_build_filename(group, "memory.stat", NULL);
    g_autofree char *stat = read_text(root, path);
    guint64 cache = number_of(stat, v2 ? "inactive_file " : "total_inactive_file ");

    if (limit >= NO_LIMIT || used == G_MAXUINT64)
        return;
    used -= MIN(cache, used);
    memory->total_bytes = MIN(memory->total_bytes, limit);
    memory->available_bytes = MIN(memory->available_bytes, limit > used ? limit - used : 0);
}

/* Calls 'visit' with each group of the controller that this process is in, from its own up. */
static void
each_group(const char *root, const char *controller,
           void (*visit)(const char *root, const char *group, gboolean v2, gpointer data),
           gpointer data)
{
    g_autofree char *text = read_text(root, "/proc/self/cgroup");
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, ":", 3);
        gboolean v2;
        g_autofree char *path = NULL;

        if (g_strv_length(parts) != 3)
            continue;
        v2 = g_str_equal(parts[0], "0") && *parts[1] == '\0';
        if (!v2 && !g_str_equal(parts[1], controller) &&
            !(g_str_has_prefix(parts[1], "cpu") && strchr(parts[1], ',') &&
              g_str_equal(controller, "cpu")))
            continue;
        path = g_strdup(parts[2]);
        for (;;) {
            g_autofree char *group = v2 ? g_build_filename("/sys/fs/cgroup", path, NULL)
                                        : g_build_filename("/sys/fs/cgroup", parts[1], path, NULL);
            char *slash = strrchr(path, '/');

            visit(root, group, v2, data);
            if (!slash || path[1] == '\0')
                break;
            slash[slash == path] = '\0';
        }
    }
}

static void
visit_memory(const char *root, const char *group, gboolean v2, gpointer data)
{
    limit_by_group(root, group, v2, data);
}

void
lab_host_memory(const char *root, LabHostMemory *memory)
{
    g_autofree char *text = read_text(root, "/proc/meminfo");

    memory->total_bytes = number_of(text, "MemTotal:") * 1024;
    memory->available_bytes = number_of(text, "MemAvailable:") * 1024;
    if (memory->total_bytes == 0)
        memory->total_bytes = FALLBACK_BYTES;
    /* Before 3.14 the kernel did not say. */
    if (memory->available_bytes == 0 && !strstr(text ? text : "", "MemAvailable:"))
        memory->available_bytes =
            text ? (number_of(text, "MemFree:") + number_of(text, "Cached:")) * 1024
                 : memory->total_bytes;
    each_group(root, "memory", visit_memory, memory);
}

static void
visit_cpu(const char *root, const char *group, gboolean v2, gpointer data)
{
    g_autofree char *path = g_build_filename(group, "cpu.max", NULL);
    g_autofree char *text = v2 ? read_text(root, path) : NULL;
    gint64 quota = -1, period = 0;
    int *cpus = data;

    if (!v2) {
        quota = (gint64)group_number(root, group, "cpu.cfs_quota_us");
        period = (gint64)group_number(root, group, "cpu.cfs_period_us");
    } else if (text && sscanf(text, "%" SCNd64 " %" SCNd64, &quota, &period) != 2) {
        return;
    }
    if (quota > 0 && period > 0)
        *cpus = (int)MIN(*cpus, MAX((quota + period / 2) / period, 1));
}

int
lab_host_cpus(const char *root)
{
    int cpus = (int)g_get_num_processors();

    each_group(root, "cpu", visit_cpu, &cpus);
    return MAX(cpus, 1);
}

guint64
lab_host_resident_bytes(const char *root, int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *text = pid > 0 ? read_text(root, path) : NULL;

    if (text && strstr(text, "RssAnon:"))
        return (number_of(text, "RssAnon:") + number_of(text, "RssShmem:")) * 1024;
    return number_of(text, "VmRSS:") * 1024;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Was the host healthy? A guest that got no CPU looks like a kernel that hangs. What counts is not
 * the host's load but what became of this guest's threads: the scheduler tells how long they ran
 * and how long they were ready and had to wait (Documentation/scheduler/sched-stats.rst, schedstat
 * of a task: run time, run delay, slices).
 */
#include "lab-life.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lab-file.h"
#include "lab-json.h"

/* Waiting three times as long as running makes a second of the guest's take four. */
#define STARVED_RATIO     3
#define MIN_WINDOW_US     (1000 * 1000)
#define STALLED_SHARE_PCT 50

static void
add_threads(LabHostSample *sample, int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, "schedstat", NULL);
        g_autofree char *text = lab_file_read(AT_FDCWD, file, 4096, NULL, NULL);
        guint64 run_ns, delay_ns;

        if (text && sscanf(text, "%" SCNu64 " %" SCNu64, &run_ns, &delay_ns) == 2) {
            sample->run_us += run_ns / 1000;
            sample->delay_us += delay_ns / 1000;
        }
    }
}

/* The "full" line of a pressure file: time in which everything waited. 0 without PSI. */
static guint64
full_stall_us(const char *path)
{
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 4096, NULL, NULL);
    const char *full = text ? strstr(text, "full ") : NULL;
    const char *total = full ? strstr(full, "total=") : NULL;

    return total ? g_ascii_strtoull(total + strlen("total="), NULL, 10) : 0;
}

static void
add_steal(LabHostSample *sample)
{
    g_autofree char *text = lab_file_read(AT_FDCWD, "/proc/stat", 4u << 20, NULL, NULL);
    guint64 v[8] = {0};

    if (!text || sscanf(text,
                        "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                        " %" SCNu64 " %" SCNu64,
                        &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) != 8)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(v); i++)
        sample->cpu_ticks += v[i];
    sample->steal_ticks = v[7];
}

void
lab_host_sample(LabHostSample *sample, int qemu_pid)
{
    *sample = (LabHostSample){.at_us = g_get_monotonic_time()};
    if (qemu_pid > 0)
        add_threads(sample, qemu_pid);
    sample->memory_stall_us = full_stall_us("/proc/pressure/memory");
    add_steal(sample);
}

gboolean
lab_host_starved(const LabHostSample *from, const LabHostSample *to, char **why)
{
    gint64 window_us = to->at_us - from->at_us;
    guint64 run_us = to->run_us - from->run_us, delay_us = to->delay_us - from->delay_us;
    guint64 ticks = to->cpu_ticks - from->cpu_ticks;
    guint64 steal = to->steal_ticks - from->steal_ticks;
    guint64 stall_us = to->memory_stall_us - from->memory_stall_us;

    *why = NULL;
    if (!from->at_us || !to->at_us || window_us < MIN_WINDOW_US)
        return FALSE;
    if (to->delay_us >= from->delay_us && to->run_us >= from->run_us &&
        delay_us > (guint64)window_us / 2 && delay_us > STARVED_RATIO * run_us)
        *why = g_strdup_printf("the guest ran %" G_GUINT64_FORMAT
                               " ms and waited %" G_GUINT64_FORMAT " ms for a CPU of the host",
                               run_us / 1000, delay_us / 1000);
    else if (ticks > 0 && steal * 100 > ticks * STALLED_SHARE_PCT)
        *why = g_strdup_printf("%" G_GUINT64_FORMAT "%% of the host's CPU time was stolen from it",
                               steal * 100 / ticks);
    else if (stall_us * 100 > (guint64)window_us * STALLED_SHARE_PCT)
        *why = g_strdup_printf("the host was stalled for memory %" G_GUINT64_FORMAT " ms",
                               stall_us / 1000);
    return *why != NULL;
}

int
lab_life_qemu_pid(LabLife *life)
{
    if (life->qemu_pid == 0 && life->guest) {
        g_autoptr(json_t) facts = lab_guest_facts(life->guest);

        life->qemu_pid = (int)lab_json_int(facts, "qemu_pid", -1);
    }
    return life->qemu_pid;
}

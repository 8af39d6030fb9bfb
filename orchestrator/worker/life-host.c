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
/* From here on what depends on time is doubtful: half of the speed, for a part of the time. */
#define PRESSED_WAIT_PCT   25
#define PRESSED_CPU_PCT    60
#define PRESSED_STEAL_PCT  10
#define PRESSED_MEMORY_PCT 10
#define PRESSED_IO_PCT     25

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

/* The total of a line ("some", "full") of a pressure file, of the host or of the worker's own
 * group, whichever is more (Documentation/accounting/psi.rst). 0 without PSI. */
static guint64
stall_us(const char *path, const char *kind)
{
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 4096, NULL, NULL);
    const char *line = text ? strstr(text, kind) : NULL;
    const char *total = line ? strstr(line, "total=") : NULL;

    return total ? g_ascii_strtoull(total + strlen("total="), NULL, 10) : 0;
}

/* The group of cgroup v2 that this process is in; NULL: none. g_free. */
static char *
own_group(void)
{
    g_autofree char *text = lab_file_read(AT_FDCWD, "/proc/self/cgroup", 65536, NULL, NULL);
    const char *line = text && g_str_has_prefix(text, "0::") ? text
                       : text                                ? strstr(text, "\n0::")
                                                             : NULL;
    const char *path = line ? strstr(line, "::") + 2 : NULL;
    g_autofree char *group = path ? g_strndup(path, strcspn(path, "\n")) : NULL;

    return group ? g_build_filename("/sys/fs/cgroup", group, NULL) : NULL;
}

static guint64
pressure_us(const char *group, const char *what, const char *kind)
{
    g_autofree char *all = g_build_filename("/proc/pressure", what, NULL);
    g_autofree char *name = g_strconcat(what, ".pressure", NULL);
    g_autofree char *own = group ? g_build_filename(group, name, NULL) : NULL;
    guint64 of_all = stall_us(all, kind);

    return own ? MAX(stall_us(own, kind), of_all) : of_all;
}

static void
add_pressure(LabHostSample *sample)
{
    g_autofree char *group = own_group();

    sample->has_pressure = lab_file_exists(AT_FDCWD, "/proc/pressure/cpu");
    sample->cpu_stall_us = pressure_us(group, "cpu", "some ");
    sample->memory_stall_us = pressure_us(group, "memory", "full ");
    sample->io_stall_us = pressure_us(group, "io", "full ");
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
    add_pressure(sample);
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

static int
percent(guint64 part, guint64 whole)
{
    return whole > 0 ? (int)MIN(part * 100 / whole, 100) : 0;
}

static guint64
since(guint64 from, guint64 to)
{
    return to > from ? to - from : 0;
}

static char *
pressed_why(const LabPressure *p)
{
    if (p->waited_ms >= p->ran_ms && p->waited_ms * 100 >= p->window_ms * PRESSED_WAIT_PCT)
        return g_strdup_printf("the guest ran %" G_GINT64_FORMAT " ms and waited %" G_GINT64_FORMAT
                               " ms for a CPU of the host within %" G_GINT64_FORMAT " ms",
                               p->ran_ms, p->waited_ms, p->window_ms);
    /* Without the scheduler's figures of the guest's threads the host's have to do. */
    if (p->waited_ms == 0 && p->ran_ms == 0 && p->cpu_pct >= PRESSED_CPU_PCT)
        return g_strdup_printf("processes waited for a CPU %d%% of the time", p->cpu_pct);
    if (p->steal_pct >= PRESSED_STEAL_PCT)
        return g_strdup_printf("%d%% of the host's CPU time was stolen from it", p->steal_pct);
    if (p->memory_pct >= PRESSED_MEMORY_PCT)
        return g_strdup_printf("the host was stalled for memory %d%% of the time", p->memory_pct);
    if (p->io_pct >= PRESSED_IO_PCT)
        return g_strdup_printf("the host was stalled for disks %d%% of the time", p->io_pct);
    return NULL;
}

gboolean
lab_host_pressed(const LabHostSample *from, const LabHostSample *to, LabPressure *pressure)
{
    guint64 window_us = (guint64)MAX(to->at_us - from->at_us, 0);
    gboolean psi = from->has_pressure && to->has_pressure;
    LabPressure p = {
        .window_ms = (gint64)window_us / 1000,
        .ran_ms = (gint64)since(from->run_us, to->run_us) / 1000,
        .waited_ms = (gint64)since(from->delay_us, to->delay_us) / 1000,
        .steal_pct =
            percent(since(from->steal_ticks, to->steal_ticks), to->cpu_ticks - from->cpu_ticks),
        .cpu_pct = psi ? percent(since(from->cpu_stall_us, to->cpu_stall_us), window_us) : -1,
        .memory_pct = percent(since(from->memory_stall_us, to->memory_stall_us), window_us),
        .io_pct = percent(since(from->io_stall_us, to->io_stall_us), window_us),
    };

    if (!from->at_us || !to->at_us || window_us < MIN_WINDOW_US)
        return FALSE;
    p.why = pressed_why(&p);
    if (!p.why)
        return FALSE;
    g_free(pressure->why);
    *pressure = p;
    return TRUE;
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

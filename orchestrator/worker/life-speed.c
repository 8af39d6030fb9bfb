/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast is this host? Deadlines were chosen for TCG on an ordinary machine; a slower or a busy
 * one must not turn them into hangs. Two things are measured: a short loop of the worker itself,
 * before the boot, and what the boot took against what it takes as a rule. The larger factor
 * stretches all deadlines that follow; none is ever shortened.
 */
#include "lab-life.h"

#include <math.h>
#include <stdlib.h>

#include "lab-json.h"

/* The loop, and what it takes on the machine that the deadlines were chosen on. */
#define LOOP_BYTES       (512u << 10)
#define LOOP_EXPECTED_MS 4.0
#define LOOPS            3
/* A measurement is good for so long: many cells follow each other in one process. */
#define FRESH_US (30ll * G_USEC_PER_SEC)
/* From QEMU's start to the agent, of a distribution's kernel: what three of four stay below. */
#define BOOT_TCG_MS 6000.0
#define BOOT_KVM_MS 1500.0
#define MAX_FACTOR  10.0

static int
compare_doubles(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return (one > other) - (one < other);
}

/* The median of a few rounds, in ms of the wall clock: waiting for a CPU counts. */
static double
loop_ms(void)
{
    static double last_ms;
    static gint64 last_us;
    static const guchar block[64u << 10];
    double rounds[LOOPS];

    if (last_us != 0 && g_get_monotonic_time() - last_us < FRESH_US)
        return last_ms;
    for (int i = 0; i < LOOPS; i++) {
        g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
        gint64 start_us = g_get_monotonic_time();

        for (gsize done = 0; done < LOOP_BYTES; done += sizeof block)
            g_checksum_update(checksum, block, sizeof block);
        g_checksum_get_string(checksum);
        rounds[i] = (double)(g_get_monotonic_time() - start_us) / 1000;
    }
    qsort(rounds, LOOPS, sizeof *rounds, compare_doubles);
    last_ms = rounds[LOOPS / 2];
    last_us = g_get_monotonic_time();
    return last_ms;
}

double
lab_speed_factor(double measured_loop_ms, gint64 boot_ms, gboolean kvm)
{
    double factor = MAX(measured_loop_ms / LOOP_EXPECTED_MS, 1);

    if (boot_ms > 0)
        factor = MAX(factor, (double)boot_ms / (kvm ? BOOT_KVM_MS : BOOT_TCG_MS));
    return MIN(factor, MAX_FACTOR);
}

static gint64
stretched(gint64 ms, double factor)
{
    return (gint64)llround((double)ms * factor);
}

static void
stretch(LabLife *life, double factor)
{
    const LabDeadlines *from = &life->deadlines;
    LabDeadlines *to = &life->cell->deadlines;

    life->time_factor = factor;
    to->boot_ms = stretched(from->boot_ms, factor);
    to->setup_ms = stretched(from->setup_ms, factor);
    to->run_ms = stretched(from->run_ms, factor);
    to->heartbeat_ms = stretched(from->heartbeat_ms, factor);
    to->evidence_ms = stretched(from->evidence_ms, factor);
    to->kdump_ms = stretched(from->kdump_ms, factor);
    to->dump_ms = stretched(from->dump_ms, factor);
}

void
lab_life_calibrate(LabLife *life, gint64 boot_ms)
{
    const char *given = g_getenv("KREGLAB_TIME_FACTOR");
    g_autoptr(json_t) facts = life->guest ? lab_guest_facts(life->guest) : NULL;
    const char *accelerator = lab_json_string(facts, "accelerator");
    gboolean kvm = g_strcmp0(accelerator, "kvm") == 0;
    double loop, factor;

    /* A recording's times are those of another day. */
    if (life->cell->replay && !given)
        return;
    loop = loop_ms();
    factor = given ? CLAMP(g_ascii_strtod(given, NULL), 1, MAX_FACTOR)
                   : lab_speed_factor(loop, boot_ms, kvm);
    if (factor > life->time_factor)
        stretch(life, factor);
    json_object_set_new(life->found->facts, "speed",
                        json_pack("{s:f, s:f, s:f, s:o, s:f, s:b}", "factor", life->time_factor,
                                  "loop_ms", loop, "loop_expected_ms", LOOP_EXPECTED_MS, "boot_ms",
                                  boot_ms > 0 ? json_integer(boot_ms) : json_null(),
                                  "boot_expected_ms", kvm ? BOOT_KVM_MS : BOOT_TCG_MS, "given",
                                  given != NULL));
    lab_life_tell_speed(life);
}

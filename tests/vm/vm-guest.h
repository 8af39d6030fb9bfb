/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests on real guests share: a kernel, an initramfs with the agent, and talk with both.
 */
#pragma once

#include "lab-guest.h"
#include "lab-runtime.h"

typedef struct {
    char *kernel, *initramfs;
    char *directory; /* stands for the cell's */
    LabRuntime *runtime;
    char *cache;
    LabCell *cell;
} VmBench;

/* Finds a kernel: $LAB_TEST_KERNEL and $LAB_TEST_INITRAMFS, else the newest of the store. Ends the
 * program with 77 when there is none. */
void vm_bench_init(VmBench *bench);
void vm_bench_clear(VmBench *bench);

/* A started guest; 'cmdline' is added to the tests' own. */
LabGuest *vm_start(VmBench *bench, const char *cmdline);

/* The next event of that type (others are thrown away), or NULL when 'within_ms' pass. */
LabGuestEvent *vm_wait(LabGuest *guest, LabGuestEventType type, gint64 within_ms);

/* Waits for a console line that has 'text'. */
gboolean vm_wait_console(LabGuest *guest, const char *text, gint64 within_ms);

/* Waits for the agent's event 'word' (hello …). */
gboolean vm_wait_agent(LabGuest *guest, const char *word, gint64 within_ms);

/* One request; 'format' makes its JSON. */
void vm_request(LabGuest *guest, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests on real guests share: a kernel, an initramfs with the agent, and talk with both.
 */
#pragma once

#include "lab-guest.h"
#include "lab-kernel.h"
#include "lab-runtime.h"

/* For whatever has to come: far beyond what it takes, on a slow or busy host too. */
#define VM_PATIENCE_MS 300000

typedef struct {
    GPtrArray *kernels;
    LabKernel *stored; /* one of them */
    char *kernel, *initramfs;
    guint crashkernel_mib; /* 0: no capture kernel */
    char *directory;       /* stands for the cell's */
    LabRuntime *runtime;
    char *cache;
    LabCell *cell;
} VmBench;

/* Takes a kernel of the store at KREGLAB_TEST_DATA/data and the agent KREGLAB_AGENT. Without them
 * the program ends, its tests skipped. */
void vm_bench_init(VmBench *bench);
/* From here guests have a capture kit. */
void vm_bench_with_kdump(VmBench *bench);
void vm_bench_clear(VmBench *bench);

/* What a guest is made of; 'cmdline' is added to the tests' own, to *all (g_free), which the result
 * borrows. */
LabGuestConfig vm_config(VmBench *bench, const char *cmdline, char **all);

/* A started guest; 'cmdline' is added to the tests' own. */
LabGuest *vm_start(VmBench *bench, const char *cmdline);

/* The next event of that type (others are thrown away), or NULL when 'within_ms' pass. */
LabGuestEvent *vm_wait(LabGuest *guest, LabGuestEventType type, gint64 within_ms);

/* One event of each type, whichever comes first (they have channels of their own), or FALSE. */
gboolean vm_wait_both(LabGuest *guest, LabGuestEventType type, LabGuestEvent **event,
                      LabGuestEventType other_type, LabGuestEvent **other);

/* Waits for a console line that has 'text'. */
gboolean vm_wait_console(LabGuest *guest, const char *text, gint64 within_ms);

/* Waits for the agent's event 'word' (hello …). */
gboolean vm_wait_agent(LabGuest *guest, const char *word, gint64 within_ms);

/* Waits for the answer to 'id'; FALSE when it is a refusal, too. */
gboolean vm_wait_answer(LabGuest *guest, gint64 id, gint64 within_ms);

/* The same, and its "value" is that text. */
gboolean vm_wait_value(LabGuest *guest, gint64 id, const char *value, gint64 within_ms);

/* One request; 'format' makes its JSON. */
void vm_request(LabGuest *guest, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* That the dump can be read, is ours alone, and its log has the boot and 'panic'. */
void vm_check_dump(VmBench *bench, const char *path, const char *panic);

pid_t vm_qemu_pid(LabGuest *guest);
/* Until there is no such process any more, or FALSE. */
gboolean vm_wait_end_of(pid_t pid);
/* The number behind 'key' in a file below /proc. */
gint64 vm_number_in(const char *path, const char *key);
/* That QEMU runs without privileges, in a seccomp filter. */
void vm_check_unprivileged(LabGuest *guest);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From frame to frame as arch/x86/kernel/unwind_orc.c does it, on a dump. */
#pragma once

#include "lab-stack-kernel.h"

#define LAB_STACK_FRAMES_MAX 128u

typedef struct {
    guint64 begin, end;
    char label[8]; /* as in "<IRQ>" */
} LabStackArea;

/* The stacks that a walk may be on. */
typedef struct {
    LabStackArea areas[10];
    guint n;
} LabStackAreas;

void lab_stack_areas_add(LabStackAreas *areas, guint64 begin, guint64 size, const char *label);
/* Those of interrupts and exceptions of a CPU (arch/x86/kernel/dumpstack_64.c). */
void lab_stack_areas_add_cpu(LabStackKernel *kernel, guint cpu, LabStackAreas *areas);

/* Adds LabCrashFrame of what was running when these were its registers, or of a task that is not
 * running, whose stack pointer was saved. '*how' is "orc" or "scan". TRUE: the walk came to its
 * end: user mode, or where the thread began. */
gboolean lab_stack_unwind_regs(LabStackKernel *kernel, const LabStackAreas *areas,
                               const guint64 regs[LAB_REGS], GPtrArray *frames, const char **how);
gboolean lab_stack_unwind_sleeping(LabStackKernel *kernel, const LabStackAreas *areas,
                                   guint64 saved_sp, GPtrArray *frames, const char **how);

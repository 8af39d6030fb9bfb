/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lab-stack-kernel.h"

#define LAB_STACK_TASKS_MAX 65536u

/* Fills cpus, tasks (with their stacks), panic and panic_cpu. Needs symbols and types; without
 * them only the CPUs with their registers, and their stacks, are there. */
void lab_stack_tasks_read(LabStackKernel *kernel, LabCoreStacks *stacks);
/* Fills the facts. */
void lab_stack_facts_read(LabStackKernel *kernel, LabCoreStacks *stacks);

void lab_stack_frame_free(LabCrashFrame *frame);
void lab_core_task_free(LabCoreTask *task);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCoreTask, lab_core_task_free)

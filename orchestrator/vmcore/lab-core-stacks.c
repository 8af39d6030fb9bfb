/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-core-stacks.h"

#include <string.h>

#include "lab-stack-kernel.h"
#include "lab-stack-tasks.h"

static void
free_task(gpointer data)
{
    lab_core_task_free(data);
}

LabCoreStacks *
lab_core_stacks_read(const LabCoreSource *source)
{
    LabCoreStacks *stacks = g_new0(LabCoreStacks, 1);
    g_auto(LabStackKernel) kernel = {0};

    stacks->tasks = g_ptr_array_new_with_free_func(free_task);
    stacks->cpus = g_ptr_array_new_with_free_func(g_free);
    stacks->missing = g_ptr_array_new_with_free_func(g_free);
    lab_stack_kernel_init(&kernel, source, stacks->missing);
    lab_stack_tasks_read(&kernel, stacks);
    lab_stack_facts_read(&kernel, stacks);
    return stacks;
}

void
lab_core_stacks_free(LabCoreStacks *stacks)
{
    if (!stacks)
        return;
    g_ptr_array_unref(stacks->tasks);
    g_ptr_array_unref(stacks->cpus);
    g_ptr_array_unref(stacks->missing);
    g_free(stacks->release);
    g_free(stacks->version);
    g_free(stacks->hostname);
    g_free(stacks->command_line);
    g_free(stacks);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of tasks, who ran where, and everybody's stack. */
#include "lab-stack-tasks.h"

#include <string.h>

#include "lab-stack-lists.h"
#include "lab-stack-unwind.h"

#define UNKNOWN_PID     G_MININT32
#define STACK_BYTES_MAX (64u << 10)

void
lab_core_task_free(LabCoreTask *task)
{
    if (!task)
        return;
    g_free(task->comm);
    g_clear_pointer(&task->frames, g_ptr_array_unref);
    g_free(task);
}

static gboolean
task_field(LabStackKernel *kernel, guint64 task, const char *path, guint64 *value)
{
    return lab_stack_field(kernel, task, "task_struct", path, value);
}

/* Nanoseconds of the scheduler's clock when the task was last put on or off a CPU. */
static guint64
last_switch(LabStackKernel *kernel, guint64 task)
{
    guint64 arrived = 0, started = 0;

    task_field(kernel, task, "sched_info.last_arrival", &arrived);
    task_field(kernel, task, "se.exec_start", &started);
    return MAX(arrived, started);
}

static gboolean
cpu_in_mask(LabStackKernel *kernel, const char *mask, guint cpu)
{
    guint64 at, word;

    return lab_stack_kernel_symbol(kernel, mask, &at) &&
           lab_stack_u64(&kernel->memory, at + cpu / 64 * 8, &word) && (word >> cpu % 64 & 1);
}

/* The address of a CPU's running task: a per-CPU variable, in struct pcpu_hot from 6.2 to 6.14; or
 * else what the run queue says. */
static gboolean
current_of(LabStackKernel *kernel, guint cpu, guint64 *task)
{
    guint64 variable, at, offset;

    if (lab_stack_kernel_symbol(kernel, "current_task", &variable))
        return lab_stack_per_cpu(kernel, cpu, variable, &at) &&
               lab_stack_u64(&kernel->memory, at, task);
    if (lab_stack_kernel_symbol(kernel, "pcpu_hot", &variable) &&
        lab_stack_offset(kernel->types, "pcpu_hot", "current_task", &offset))
        return lab_stack_per_cpu(kernel, cpu, variable + offset, &at) &&
               lab_stack_u64(&kernel->memory, at, task);
    return lab_stack_kernel_symbol(kernel, "runqueues", &variable) &&
           lab_stack_per_cpu(kernel, cpu, variable, &at) &&
           lab_stack_field(kernel, at, "rq", "curr", task);
}

static void
list_cpu(LabStackListing *listing, guint cpu, guint64 *newest)
{
    LabStackKernel *kernel = listing->kernel;
    LabStackCpu *entry = g_new0(LabStackCpu, 1);
    guint64 runqueues, rq, task, clock;

    entry->number = cpu;
    entry->online = cpu_in_mask(kernel, "__cpu_online_mask", cpu);
    g_ptr_array_add(listing->stacks->cpus, entry);
    if (lab_stack_kernel_symbol(kernel, "runqueues", &runqueues) &&
        lab_stack_per_cpu(kernel, cpu, runqueues, &rq)) {
        if (lab_stack_field(kernel, rq, "rq", "idle", &task) && task &&
            !g_hash_table_contains(listing->by_address, &task))
            lab_stack_list_task(listing, task);
        if (lab_stack_field(kernel, rq, "rq", "clock", &clock))
            *newest = MAX(*newest, clock);
    }
}

/* A task that runs, but whose structure the dump lacks: its registers and its stack may be there.
 */
static LabCoreTask *
add_unknown(LabStackListing *listing, guint64 address)
{
    LabCoreTask *task = g_new0(LabCoreTask, 1);

    task->address = address;
    task->pid = UNKNOWN_PID;
    task->comm = g_strdup("?");
    task->state = '?';
    task->switched_ms = -1;
    task->frames = g_ptr_array_new_with_free_func((GDestroyNotify)lab_stack_frame_free);
    g_ptr_array_add(listing->stacks->tasks, task);
    g_hash_table_insert(listing->by_address, &task->address, task);
    lab_stack_missing(&listing->kernel->memory,
                      "tasks: the dump lacks the structure of the one that ran on a CPU");
    return task;
}

/* Lets each CPU point to its task. */
static void
join_cpus(LabStackListing *listing)
{
    for (guint i = 0; i < listing->stacks->cpus->len; i++) {
        LabStackCpu *cpu = listing->stacks->cpus->pdata[i];
        guint64 address;
        LabCoreTask *task;

        if (!current_of(listing->kernel, cpu->number, &address))
            continue;
        task = g_hash_table_lookup(listing->by_address, &address);
        if (!task &&
            lab_stack_list_task(listing, address)) /* it is dying, and in no list any more */
            task = g_hash_table_lookup(listing->by_address, &address);
        if (!task && cpu->online && address != 0)
            task = add_unknown(listing, address);
        if (task && cpu->online) {
            cpu->task = task;
            task->cpu = (gint32)cpu->number;
            task->running = TRUE;
        }
    }
}

/* Gives each CPU its note. The kernel's own name the task, and leave CPUs out that were offline;
 * QEMU's are one for each vCPU in order. */
static void
join_notes(LabStackKernel *kernel, LabCoreStacks *stacks)
{
    const LabCoreSource *source = kernel->memory.source;
    guint next = 0;

    for (guint i = 0; i < stacks->cpus->len; i++) {
        LabStackCpu *cpu = stacks->cpus->pdata[i];
        const LabCoreNote *note = NULL;

        if (source->notes_from_host) {
            note = i < source->n_notes ? &source->notes[i] : NULL;
        } else if (cpu->task) {
            /* Idle tasks all have pid 0: of those, the order decides. */
            for (guint n = next; n < source->n_notes && !note; n++)
                if (source->notes[n].pid == cpu->task->pid || cpu->task->pid == UNKNOWN_PID) {
                    note = &source->notes[n];
                    next = n + 1;
                }
        }
        if (note && cpu->task && cpu->task->pid == UNKNOWN_PID && !source->notes_from_host)
            ((LabCoreTask *)cpu->task)->pid = note->pid;
        if (note) {
            memcpy(cpu->regs, note->regs, sizeof cpu->regs);
            cpu->has_registers = TRUE;
        }
    }
}

/* The end of the stack of the task that runs on a CPU. */
static gboolean
top_of_stack(LabStackKernel *kernel, guint cpu, guint64 *top)
{
    guint64 variable, at, offset = 0;

    if (!lab_stack_kernel_symbol(kernel, "cpu_current_top_of_stack", &variable) &&
        !(lab_stack_kernel_symbol(kernel, "pcpu_hot", &variable) &&
          lab_stack_offset(kernel->types, "pcpu_hot", "top_of_stack", &offset)))
        return FALSE;
    return lab_stack_per_cpu(kernel, cpu, variable + offset, &at) &&
           lab_stack_u64(&kernel->memory, at, top);
}

static void
read_stack(LabStackKernel *kernel, LabCoreTask *task, const LabStackCpu *cpu)
{
    LabStackAreas areas = {0};
    guint64 stack, size = 16 << 10, sp;
    LabStackMember thread_union;

    if (lab_stack_member(kernel->types, "thread_union", "stack", &thread_union))
        size = thread_union.size;
    if (size == 0 || size > STACK_BYTES_MAX)
        size = 16 << 10;
    if (task_field(kernel, task->address, "stack", &stack))
        lab_stack_areas_add(&areas, stack, size, "TASK");
    else if (cpu && top_of_stack(kernel, cpu->number, &stack) && stack > size)
        lab_stack_areas_add(&areas, stack - size, size, "TASK");
    if (cpu && cpu->has_registers) {
        lab_stack_areas_add_cpu(kernel, cpu->number, &areas);
        task->complete = lab_stack_unwind_regs(kernel, &areas, cpu->regs, task->frames, &task->how);
    } else if (!cpu && task_field(kernel, task->address, "thread.sp", &sp)) {
        task->complete = lab_stack_unwind_sleeping(kernel, &areas, sp, task->frames, &task->how);
    }
}

/* No number was to be had: -1 says so. */
static void
name_unknown(LabCoreStacks *stacks)
{
    for (guint i = 0; i < stacks->tasks->len; i++) {
        LabCoreTask *task = stacks->tasks->pdata[i];

        if (task->pid == UNKNOWN_PID)
            task->pid = -1;
    }
}

static void
find_panic(LabStackKernel *kernel, LabCoreStacks *stacks)
{
    static const char *const names[] = {"panic_cpu", "crashing_cpu"};
    guint64 at;
    guint32 number;

    stacks->panic_cpu = -1;
    for (guint i = 0; i < G_N_ELEMENTS(names) && stacks->panic_cpu < 0; i++)
        if (lab_stack_kernel_symbol(kernel, names[i], &at) &&
            lab_stack_u32(&kernel->memory, at, &number) && number < LAB_STACK_CPUS_MAX)
            stacks->panic_cpu = (gint32)number;
    for (guint i = 0; i < stacks->cpus->len; i++) {
        const LabStackCpu *cpu = stacks->cpus->pdata[i];

        if ((gint32)cpu->number == stacks->panic_cpu)
            stacks->panic = cpu->task;
    }
}

static void
read_stacks(LabStackKernel *kernel, LabCoreStacks *stacks, guint64 newest)
{
    for (guint i = 0; i < stacks->tasks->len; i++) {
        LabCoreTask *task = stacks->tasks->pdata[i];
        const LabStackCpu *on = NULL;
        guint64 at = last_switch(kernel, task->address);

        if (at > 0 && newest >= at)
            task->switched_ms = (gint64)((newest - at) / 1000000);
        for (guint c = 0; c < stacks->cpus->len && task->running && !on; c++) {
            const LabStackCpu *cpu = stacks->cpus->pdata[c];

            if (cpu->task == task)
                on = cpu;
        }
        read_stack(kernel, task, on);
    }
}

void
lab_stack_tasks_read(LabStackKernel *kernel, LabCoreStacks *stacks)
{
    g_autoptr(GHashTable) by_address = g_hash_table_new(g_int64_hash, g_int64_equal);
    LabStackListing listing = {.kernel = kernel, .stacks = stacks, .by_address = by_address};
    guint64 newest = 0;

    stacks->panic_cpu = -1;
    if (!kernel->symbols || !kernel->types)
        return;
    for (guint cpu = 0; cpu < LAB_STACK_CPUS_MAX; cpu++)
        if (cpu_in_mask(kernel, "__cpu_possible_mask", cpu))
            list_cpu(&listing, cpu, &newest);
    lab_stack_list_tasks(&listing);
    join_cpus(&listing);
    join_notes(kernel, stacks);
    name_unknown(stacks);
    find_panic(kernel, stacks);
    read_stacks(kernel, stacks, newest);
}

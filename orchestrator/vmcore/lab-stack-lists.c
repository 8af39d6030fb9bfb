/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stack-lists.h"

#include <string.h>

#define STATE_UNINTERRUPTIBLE 0x2u
#define STATE_REPORT          0x7fu  /* TASK_REPORT */
#define STATE_NOLOAD          0x400u /* with UNINTERRUPTIBLE: idle */
#define STATE_RTLOCK          0x1000u
#define STATE_FROZEN          0x8000u
#define STEPS_MAX             (4u * LAB_STACK_TASKS_MAX)
#define PID_DEPTH_MAX         6u
#define PID_NODES_MAX         65536u

void
lab_stack_frame_free(LabCrashFrame *frame)
{
    g_free(frame->function);
    g_free(frame->module);
    g_free(frame->stack);
    g_free(frame);
}

static gboolean
task_field(LabStackKernel *kernel, guint64 task, const char *path, guint64 *value)
{
    return lab_stack_field(kernel, task, "task_struct", path, value);
}

/* task_state_index() of include/linux/sched.h (since 4.14). */
static char
state_letter(LabStackKernel *kernel, guint64 task)
{
    guint64 state, exit_state = 0;
    guint report;

    if (!task_field(kernel, task, "__state", &state) && !task_field(kernel, task, "state", &state))
        return '?';
    task_field(kernel, task, "exit_state", &exit_state);
    if ((state & (STATE_UNINTERRUPTIBLE | STATE_NOLOAD)) == (STATE_UNINTERRUPTIBLE | STATE_NOLOAD))
        return 'I';
    report = (guint)((state | exit_state) & STATE_REPORT);
    if (state & (STATE_RTLOCK | STATE_FROZEN))
        report = STATE_UNINTERRUPTIBLE;
    return "RSDTtXZP"[report ? g_bit_storage(report) : 0];
}

static LabCoreTask *
read_task(LabStackKernel *kernel, guint64 address)
{
    g_autoptr(LabCoreTask) task = g_new0(LabCoreTask, 1);
    guint64 pid, cpu, on_cpu;
    LabStackMember comm;

    task->address = address;
    task->frames = g_ptr_array_new_with_free_func((GDestroyNotify)lab_stack_frame_free);
    if (!task_field(kernel, address, "pid", &pid) ||
        !lab_stack_member(kernel->types, "task_struct", "comm", &comm))
        return NULL;
    task->pid = (gint32)pid;
    task->comm = lab_stack_text(&kernel->memory, address + comm.offset, (gsize)MIN(comm.size, 64));
    if (!task->comm)
        return NULL;
    task->state = state_letter(kernel, address);
    task->cpu = task_field(kernel, address, "thread_info.cpu", &cpu) ||
                        task_field(kernel, address, "cpu", &cpu)
                    ? (gint32)MIN(cpu, LAB_STACK_CPUS_MAX)
                    : -1;
    task->running = task_field(kernel, address, "on_cpu", &on_cpu) && on_cpu != 0;
    task->switched_ms = -1;
    return g_steal_pointer(&task);
}

gboolean
lab_stack_list_task(LabStackListing *listing, guint64 address)
{
    LabCoreTask *task;

    if (listing->stacks->tasks->len >= LAB_STACK_TASKS_MAX)
        return FALSE;
    if (g_hash_table_contains(listing->by_address, &address)) {
        listing->circles = listing->circles || !listing->again;
        return listing->again;
    }
    task = read_task(listing->kernel, address);
    if (!task) {
        listing->bad++;
        return listing->bad < 64;
    }
    g_ptr_array_add(listing->stacks->tasks, task);
    g_hash_table_insert(listing->by_address, &task->address, task);
    return TRUE;
}

/* The other threads of a leader: signal->thread_head links their thread_node. */
static void
list_threads(LabStackListing *listing, guint64 leader)
{
    LabStackKernel *kernel = listing->kernel;
    guint64 signal, head, node, entry;

    if (!task_field(kernel, leader, "signal", &signal) || !signal ||
        !lab_stack_offset(kernel->types, "signal_struct", "thread_head", &head) ||
        !lab_stack_offset(kernel->types, "task_struct", "thread_node", &node) ||
        !lab_stack_u64(&kernel->memory, signal + head, &entry))
        return;
    while (entry != signal + head && listing->steps++ < STEPS_MAX) {
        if (entry - node != leader && !lab_stack_list_task(listing, entry - node))
            return;
        if (!lab_stack_u64(&kernel->memory, entry, &entry))
            return;
    }
}

/* The list of leaders, and their threads, along 'link' (0: next, 8: prev). FALSE: it was not whole.
 */
static gboolean
list_leaders(LabStackListing *listing, guint64 link)
{
    LabStackKernel *kernel = listing->kernel;
    guint64 init_task, tasks, entry;

    if (!lab_stack_kernel_symbol(kernel, "init_task", &init_task) ||
        !lab_stack_offset(kernel->types, "task_struct", "tasks", &tasks) ||
        !lab_stack_u64(&kernel->memory, init_task + tasks + link, &entry))
        return FALSE;
    while (listing->steps++ < STEPS_MAX) {
        if (entry == init_task + tasks)
            return TRUE;
        if (!lab_stack_list_task(listing, entry - tasks))
            return FALSE;
        list_threads(listing, entry - tasks);
        if (!lab_stack_u64(&kernel->memory, entry + link, &entry))
            return FALSE;
    }
    return FALSE;
}

/* The tasks of a struct pid. */
static void
list_pid(LabStackListing *listing, guint64 pid)
{
    LabStackKernel *kernel = listing->kernel;
    guint64 tasks, links, first;

    if (lab_stack_offset(kernel->types, "pid", "tasks", &tasks) &&
        lab_stack_offset(kernel->types, "task_struct", "pid_links", &links) &&
        lab_stack_u64(&kernel->memory, pid + tasks, &first) && first > links)
        lab_stack_list_task(listing, first - links);
}

/* A node of the tree of PIDs (struct xa_node): an entry with 2 in its low bits is a node below
 * (xa_is_node() of include/linux/xarray.h). */
static void
list_pid_node(LabStackListing *listing, guint64 entry, guint depth, guint *nodes)
{
    LabStackKernel *kernel = listing->kernel;
    LabStackMember slots;
    guint64 slot;

    if ((entry & 3) != 2) {
        if (entry != 0 && (entry & 3) == 0)
            list_pid(listing, entry);
        return;
    }
    if (depth >= PID_DEPTH_MAX || ++*nodes > PID_NODES_MAX ||
        !lab_stack_member(kernel->types, "xa_node", "slots", &slots))
        return;
    for (guint64 at = 0; at + 8 <= MIN(slots.size, 8 * 64); at += 8)
        if (lab_stack_u64(&kernel->memory, (entry & ~(guint64)3) + slots.offset + at, &slot))
            list_pid_node(listing, slot, depth + 1, nodes);
}

/* Those that the tree of PIDs knows. */
static void
list_pids(LabStackListing *listing)
{
    LabStackKernel *kernel = listing->kernel;
    guint64 namespace, root;
    guint nodes = 0;

    if (lab_stack_kernel_symbol(kernel, "init_pid_ns", &namespace) &&
        lab_stack_field(kernel, namespace, "pid_namespace", "idr.idr_rt.xa_head", &root))
        list_pid_node(listing, root, 0, &nodes);
}

/* A page that the dump lacks cuts the list; what lies behind the gap is met from the other end, and
 * what lies between two gaps by its PID. */
void
lab_stack_list_tasks(LabStackListing *listing)
{
    LabStackKernel *kernel = listing->kernel;

    if (!list_leaders(listing, 0)) {
        listing->again = TRUE;
        list_leaders(listing, 8);
        list_pids(listing);
        listing->again = FALSE;
        lab_stack_missing(
            &kernel->memory,
            listing->circles
                ? "tasks: their list goes in circles"
                : "tasks: their list is cut by memory that the dump lacks; %u were found",
            listing->stacks->tasks->len);
    }
}

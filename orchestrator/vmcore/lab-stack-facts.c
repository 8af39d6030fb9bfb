/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel knows of itself: uptime, load, memory, names. */
#include "lab-stack-tasks.h"

#include <string.h>

#define COMMAND_LINE_MAX 4096u
#define UTS_FIELD        65u   /* __NEW_UTS_LEN + 1; sysname, nodename, release, version, machine */
#define LOAD_ONE         2048u /* FIXED_1 */
#define UPTIME_MAX_NS    (100ull * 366 * 86400 * 1000000000)

static void
read_names(LabStackKernel *kernel, LabCoreStacks *stacks)
{
    guint64 at, offset = 0;

    if (!lab_stack_info(&kernel->memory, "SYMBOL(init_uts_ns)", &at) &&
        !lab_stack_kernel_symbol(kernel, "init_uts_ns", &at))
        return;
    if (!lab_stack_info(&kernel->memory, "OFFSET(uts_namespace.name)", &offset) &&
        !(kernel->types && lab_stack_offset(kernel->types, "uts_namespace", "name", &offset)))
        return;
    at += offset;
    stacks->hostname = lab_stack_text(&kernel->memory, at + UTS_FIELD, UTS_FIELD);
    stacks->release = lab_stack_text(&kernel->memory, at + 2 * UTS_FIELD, UTS_FIELD);
    stacks->version = lab_stack_text(&kernel->memory, at + 3 * UTS_FIELD, UTS_FIELD);
}

/* CLOCK_MONOTONIC when the timekeeper was last brought up to date, at most a tick ago (or as long
 * as all CPUs were idle). */
static gint64
read_uptime(LabStackKernel *kernel)
{
    guint64 core, offset = 8, base, fraction, shift;

    if (!kernel->types || !lab_stack_kernel_symbol(kernel, "tk_core", &core))
        return -1;
    /* The structure around it got a name in v6.13. */
    if (!lab_stack_offset(kernel->types, "tk_data", "timekeeper", &offset))
        offset = 8;
    core += offset;
    if (!lab_stack_field(kernel, core, "timekeeper", "tkr_mono.base", &base) ||
        !lab_stack_field(kernel, core, "timekeeper", "tkr_mono.xtime_nsec", &fraction) ||
        !lab_stack_field(kernel, core, "timekeeper", "tkr_mono.shift", &shift) || shift >= 64)
        return -1;
    base += fraction >> shift;
    return base > 0 && base < UPTIME_MAX_NS ? (gint64)(base / 1000000) : -1;
}

static void
read_load(LabStackKernel *kernel, LabCoreStacks *stacks)
{
    guint64 at, load;

    for (guint i = 0; i < 3; i++) {
        stacks->load[i] = -1;
        if (lab_stack_kernel_symbol(kernel, "avenrun", &at) &&
            lab_stack_u64(&kernel->memory, at + 8 * (guint64)i, &load) && load < G_MAXINT64 / 100)
            stacks->load[i] = (gint64)(load * 100 / LOAD_ONE);
    }
}

static gint64
read_memory(LabStackKernel *kernel)
{
    guint64 at, pages, page_size;

    if (!lab_stack_kernel_symbol(kernel, "_totalram_pages", &at) &&
        !lab_stack_kernel_symbol(kernel, "totalram_pages", &at))
        return -1;
    if (!lab_stack_info(&kernel->memory, "PAGESIZE", &page_size))
        page_size = 4096;
    if (!lab_stack_u64(&kernel->memory, at, &pages) || page_size > (1u << 20) ||
        pages > G_MAXINT64 >> 20)
        return -1;
    return (gint64)(pages * page_size);
}

void
lab_stack_facts_read(LabStackKernel *kernel, LabCoreStacks *stacks)
{
    guint64 at, value;

    read_names(kernel, stacks);
    stacks->uptime_ms = read_uptime(kernel);
    read_load(kernel, stacks);
    stacks->memory_bytes = read_memory(kernel);
    stacks->tainted = -1;
    if (lab_stack_kernel_symbol(kernel, "tainted_mask", &at) &&
        lab_stack_u64(&kernel->memory, at, &value) && value <= G_MAXINT64)
        stacks->tainted = (gint64)value;
    if (lab_stack_kernel_symbol(kernel, "saved_command_line", &at) &&
        lab_stack_u64(&kernel->memory, at, &value))
        stacks->command_line = lab_stack_text(&kernel->memory, value, COMMAND_LINE_MAX);
    stacks->n_modules = kernel->n_modules;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks, stacks and facts out of a dump's own tables: kallsyms for names, BTF for layouts, ORC for
 * the way from frame to frame. No debug package. The dump is hostile: every address is read
 * through the caller's reader, every list and table is bounded, and what does not fit is left out
 * and told in 'missing'.
 */
#pragma once

#include "lab-core.h"
#include "lab-crash.h"

/* Registers in the order of struct pt_regs of x86-64 (arch/x86/include/asm/ptrace.h), which is
 * also how an NT_PRSTATUS note's pr_reg begins. */
typedef enum {
    LAB_REG_R15,
    LAB_REG_R14,
    LAB_REG_R13,
    LAB_REG_R12,
    LAB_REG_BP,
    LAB_REG_BX,
    LAB_REG_R11,
    LAB_REG_R10,
    LAB_REG_R9,
    LAB_REG_R8,
    LAB_REG_AX,
    LAB_REG_CX,
    LAB_REG_DX,
    LAB_REG_SI,
    LAB_REG_DI,
    LAB_REG_ORIG_AX,
    LAB_REG_IP,
    LAB_REG_CS,
    LAB_REG_FLAGS,
    LAB_REG_SP,
    LAB_REG_SS,
    LAB_REGS,
} LabCoreRegister;

/* One NT_PRSTATUS note. 'pid' is its pr_pid: the task that ran; QEMU writes the number of the vCPU
 * from 1 there. */
typedef struct {
    gint32 pid;
    guint64 regs[LAB_REGS];
} LabCoreNote;

/* A dump as this part sees it. All is borrowed until lab_core_stacks_read() returns. */
typedef struct {
    /* Reads kernel virtual memory: text and data, direct map, vmalloc and modules. FALSE when any
     * byte of [address, address + length) is not there. */
    gboolean (*read)(gpointer data, guint64 address, void *bytes, gsize length);
    gpointer data;
    const char *machine;    /* "x86_64"; others give facts and tasks, no stacks; NULL: x86_64 */
    const char *vmcoreinfo; /* lines "KEY=value"; NULL: none */
    gsize vmcoreinfo_length;
    const LabCoreNote *notes; /* in the dump's order; kdump leaves out CPUs that were offline */
    guint n_notes;
    gboolean notes_from_host; /* QEMU's registers of each vCPU, in order, at the time of the dump;
                                 else the kernel's own crash notes */
} LabCoreSource;

typedef struct {
    guint64 address; /* of its task_struct */
    gint32 pid;
    char *comm;         /* UTF-8, no control bytes */
    char state;         /* R S D T t X Z P I, as ps prints it; '?' unknown */
    gint32 cpu;         /* it runs or ran there last; -1 unknown */
    gboolean running;   /* it was on a CPU */
    gint64 switched_ms; /* since it was last switched in or out; -1 unknown */
    GPtrArray *frames;  /* LabCrashFrame, innermost first; empty when there is no stack */
    gboolean complete;  /* the frames end where the stack begins: user space or a thread's start */
    const char *how;    /* "orc", "scan" (every text address on the stack), or NULL */
} LabCoreTask;

typedef struct {
    guint number;
    gboolean online;
    gboolean has_registers;
    guint64 regs[LAB_REGS];
    const LabCoreTask *task; /* that ran on it; borrowed; NULL unknown */
} LabStackCpu;

typedef struct {
    GPtrArray *tasks;         /* LabCoreTask: the idle tasks first, then in the kernel's order */
    GPtrArray *cpus;          /* LabStackCpu, possible ones */
    const LabCoreTask *panic; /* borrowed; NULL: not known */
    gint32 panic_cpu;         /* -1 not known */
    /* Facts from memory. */
    char *release; /* each NULL when it could not be had */
    char *version;
    char *hostname;
    char *command_line;
    gint64 uptime_ms;    /* -1 unknown */
    gint64 load[3];      /* of 1, 5 and 15 minutes in hundredths; -1 unknown */
    gint64 memory_bytes; /* that the page allocator manages; -1 unknown */
    gint64 tainted;      /* the mask; -1 unknown */
    guint n_modules;
    GPtrArray *missing; /* char *: one sentence each, what could not be had and why */
} LabCoreStacks;

/* Always gives something: what could not be had is in 'missing'. Never NULL. */
LabCoreStacks *lab_core_stacks_read(const LabCoreSource *source);
/* The same of an open dump. What is missing is told to lab_core_missing(), too. */
LabCoreStacks *lab_core_stacks_of(LabCore *core);
void lab_core_stacks_free(LabCoreStacks *stacks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCoreStacks, lab_core_stacks_free)

/* The stack as the kernel prints one ("Call Trace:", " <IRQ>", " function+0x0/0x0 [module]"),
 * one line a frame, each ended by a newline. */
char *lab_core_task_trace(const LabCoreTask *task);
/* What the crash room makes of the stack alone: 'reason' is the panic's message (after "not
 * syncing: ") for the task that panicked, or NULL for one that is blocked, which is judged as a
 * hung task. The log has no cause when the stack is empty. */
LabCrashLog *lab_core_task_judge(const LabCoreTask *task, const char *reason);

/* "stacks" of `kreglab vmcore --json`: of all CPUs and of blocked tasks ('all': of all tasks). New
 * reference. */
json_t *lab_core_stacks_to_json(const LabCoreStacks *stacks, gboolean all);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks of an open dump. */
#include "lab-core-stacks.h"

#include <string.h>

static gboolean
read_core(gpointer data, guint64 address, void *bytes, gsize length)
{
    return lab_core_read(data, address, bytes, length, NULL) == LAB_CORE_OK;
}

/* The registers of a CPU in the order of struct pt_regs, which is the order of LabCoreCpu's. */
static void
copy_registers(const LabCoreCpu *cpu, LabCoreNote *note)
{
    const guint64 regs[LAB_REGS] = {
        cpu->x86.r15,    cpu->x86.r14, cpu->x86.r13, cpu->x86.r12,      cpu->x86.rbp, cpu->x86.rbx,
        cpu->x86.r11,    cpu->x86.r10, cpu->x86.r9,  cpu->x86.r8,       cpu->x86.rax, cpu->x86.rcx,
        cpu->x86.rdx,    cpu->x86.rsi, cpu->x86.rdi, cpu->x86.orig_rax, cpu->x86.rip, cpu->x86.cs,
        cpu->x86.eflags, cpu->x86.rsp, cpu->x86.ss,
    };

    memcpy(note->regs, regs, sizeof note->regs);
    note->pid = cpu->pid;
}

LabCoreStacks *
lab_core_stacks_of(LabCore *core)
{
    guint n = lab_core_arch(core) == LAB_CORE_ARCH_X86_64 ? lab_core_n_cpus(core) : 0;
    g_autofree LabCoreNote *notes = g_new0(LabCoreNote, n + 1);
    const char *info = lab_core_vmcoreinfo(core);
    LabCoreSource source = {
        .read = read_core,
        .data = core,
        .machine = lab_core_machine(core),
        .vmcoreinfo = info,
        .vmcoreinfo_length = info ? strlen(info) : 0,
        .notes = notes,
        .n_notes = n,
        .notes_from_host = n > 0 && lab_core_cpu(core, 0)->from_qemu,
    };
    LabCoreStacks *stacks;

    for (guint i = 0; i < n; i++)
        copy_registers(lab_core_cpu(core, i), &notes[i]);
    stacks = lab_core_stacks_read(&source);
    for (guint i = 0; i < stacks->missing->len; i++) {
        const char *text = stacks->missing->pdata[i];
        const char *colon = strstr(text, ": ");
        g_autofree char *what = colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup("stacks");

        lab_core_missing(core, what, "%s", colon ? colon + 2 : text);
    }
    return stacks;
}

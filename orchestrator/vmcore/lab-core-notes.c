/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The notes of a dump: registers (NT_PRSTATUS, struct elf_prstatus of include/uapi/linux/elfcore.h
 * before v5.10, include/linux/elfcore.h since), vmcoreinfo, and what QEMU adds (struct QEMUCPUState
 * of its target/i386/arch_dump.c).
 */
#include <elf.h>
#include <string.h>

#include "lab-core-private.h"

#define AT_PID     32u
#define AT_REGS    112u
#define X86_REGS   27u
#define ARM64_REGS 34u
#define MAX_CPUS   8192u

#define QEMU_SEGMENTS  152u
#define QEMU_SEGMENT   24u
#define QEMU_BASE      16u
#define QEMU_FS        3u
#define QEMU_GS        4u
#define QEMU_CR3       416u
#define QEMU_KERNEL_GS 432u

static void
add_cpu(LabCore *core, const guint8 *bytes, gsize length)
{
    LabCoreCpu cpu = {.cpu = (int)core->cpus->len, .arch = core->arch};

    if (core->cpus->len >= MAX_CPUS || length < AT_REGS)
        return;
    cpu.pid = (int)lab_core_get32(bytes + AT_PID);
    if (core->arch == LAB_CORE_ARCH_X86_64 && length >= AT_REGS + X86_REGS * 8) {
        guint64 regs[X86_REGS];

        G_STATIC_ASSERT(sizeof regs == sizeof cpu.x86);
        for (guint i = 0; i < X86_REGS; i++)
            regs[i] = lab_core_get64(bytes + AT_REGS + i * 8);
        memcpy(&cpu.x86, regs, sizeof regs);
    } else if (core->arch == LAB_CORE_ARCH_ARM64 && length >= AT_REGS + ARM64_REGS * 8) {
        guint64 regs[ARM64_REGS];

        G_STATIC_ASSERT(sizeof regs == sizeof cpu.arm64);
        for (guint i = 0; i < ARM64_REGS; i++)
            regs[i] = lab_core_get64(bytes + AT_REGS + i * 8);
        memcpy(&cpu.arm64, regs, sizeof regs);
    } else {
        cpu.arch = LAB_CORE_ARCH_OTHER;
    }
    g_array_append_val(core->cpus, cpu);
}

/* The n-th of them belongs to the n-th NT_PRSTATUS, whose pr_pid is the number of the vCPU from 1.
 */
static void
add_qemu(LabCore *core, guint index, const guint8 *bytes, gsize length)
{
    LabCoreCpu *cpu;
    guint64 gs;

    if (index >= core->cpus->len)
        return;
    cpu = &g_array_index(core->cpus, LabCoreCpu, index);
    cpu->from_qemu = TRUE;
    if (cpu->pid > 0)
        cpu->cpu = cpu->pid - 1;
    cpu->pid = -1;
    if (cpu->arch != LAB_CORE_ARCH_X86_64 || length < QEMU_CR3 + 8)
        return;
    cpu->cr3 = lab_core_get64(bytes + QEMU_CR3);
    cpu->x86.fs_base = lab_core_get64(bytes + QEMU_SEGMENTS + QEMU_FS * QEMU_SEGMENT + QEMU_BASE);
    gs = lab_core_get64(bytes + QEMU_SEGMENTS + QEMU_GS * QEMU_SEGMENT + QEMU_BASE);
    /* In user space the kernel's own lies in the swapped register. */
    if (gs >> 63 == 0 && length >= QEMU_KERNEL_GS + 8 &&
        lab_core_get64(bytes + QEMU_KERNEL_GS) >> 63 == 1)
        gs = lab_core_get64(bytes + QEMU_KERNEL_GS);
    cpu->x86.gs_base = gs;
}

static gboolean
is_name(const guint8 *name, gsize length, const char *wanted)
{
    gsize n = strlen(wanted);

    return (length == n || (length == n + 1 && name[n] == '\0')) && memcmp(name, wanted, n) == 0;
}

void
lab_core_notes_parse(LabCore *core, const guint8 *bytes, gsize length)
{
    guint n_qemu = 0;
    gsize at = 0;

    while (length - at >= sizeof(Elf64_Nhdr)) {
        gsize name_size = lab_core_get32(bytes + at), size = lab_core_get32(bytes + at + 4);
        guint type = lab_core_get32(bytes + at + 8);
        const guint8 *name = bytes + at + sizeof(Elf64_Nhdr);
        const guint8 *value;
        gsize left = length - at - sizeof(Elf64_Nhdr);
        gsize padded = (name_size + 3) & ~(gsize)3;

        if (padded > left)
            break;
        value = name + padded;
        left -= padded;
        if (is_name(name, name_size, "VMCOREINFO"))
            lab_core_set_vmcoreinfo(core, (const char *)value, MIN(size, left));
        if (size > left)
            break;
        if (is_name(name, name_size, "CORE") && type == NT_PRSTATUS)
            add_cpu(core, value, size);
        else if (is_name(name, name_size, "QEMU") && type == 0)
            add_qemu(core, n_qemu++, value, size);
        size = (size + 3) & ~(gsize)3;
        if (size > left)
            break;
        at = (gsize)(value - bytes) + size;
    }
}

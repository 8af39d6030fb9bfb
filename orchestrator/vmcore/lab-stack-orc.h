/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's ORC tables: for each range of instructions, where the caller's frame is
 * (Documentation/arch/x86/orc-unwinder.rst, arch/x86/include/asm/orc_types.h). BTF tells how an
 * entry is laid out, which has changed three times.
 */
#pragma once

#include "lab-stack-memory.h"
#include "lab-stack-types.h"

typedef enum {
    LAB_ORC_UNDEFINED,
    LAB_ORC_END,
    LAB_ORC_CALL,
    LAB_ORC_REGS,
    LAB_ORC_REGS_PARTIAL,
} LabOrcType;

/* ORC_REG_* of orc_types.h, the same since 4.14 */
typedef enum {
    LAB_ORC_REG_UNDEFINED,
    LAB_ORC_REG_PREV_SP,
    LAB_ORC_REG_DX,
    LAB_ORC_REG_DI,
    LAB_ORC_REG_BP,
    LAB_ORC_REG_SP,
    LAB_ORC_REG_R10,
    LAB_ORC_REG_R13,
    LAB_ORC_REG_BP_INDIRECT,
    LAB_ORC_REG_SP_INDIRECT,
} LabOrcRegister;

typedef struct {
    gint16 sp_offset, bp_offset;
    guint sp_reg, bp_reg; /* LabOrcRegister, or out of its range */
    LabOrcType type;
    gboolean signal; /* the frame was interrupted: its address is no return address */
} LabOrc;

typedef struct {
    guint64 size;
    LabStackMember sp_offset, bp_offset, sp_reg, bp_reg, type, signal, end;
    gboolean has_signal, has_end;
} LabOrcLayout;

typedef struct {
    guint64 ips;     /* the address of n s32, each relative to its own place, in order */
    guint64 entries; /* of n struct orc_entry */
    guint n;
} LabOrcTable;

/* FALSE: the kernel has no struct orc_entry of a form that is known. */
gboolean lab_orc_layout(const LabStackTypes *types, LabOrcLayout *layout);
/* The entry for the instruction at 'ip'; FALSE: none, or it cannot be read. */
gboolean lab_orc_find(LabStackMemory *memory, const LabOrcLayout *layout, const LabOrcTable *table,
                      guint64 ip, LabOrc *orc);

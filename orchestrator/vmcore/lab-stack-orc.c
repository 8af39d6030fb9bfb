/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stack-orc.h"

#define ENTRY_MAX 16u

gboolean
lab_orc_layout(const LabStackTypes *types, LabOrcLayout *layout)
{
    *layout = (LabOrcLayout){0};
    layout->has_signal = lab_stack_member(types, "orc_entry", "signal", &layout->signal);
    layout->has_end = lab_stack_member(types, "orc_entry", "end", &layout->end);
    return lab_stack_type_size(types, "orc_entry", &layout->size) && layout->size >= 1 &&
           layout->size <= ENTRY_MAX &&
           lab_stack_member(types, "orc_entry", "sp_offset", &layout->sp_offset) &&
           lab_stack_member(types, "orc_entry", "bp_offset", &layout->bp_offset) &&
           lab_stack_member(types, "orc_entry", "sp_reg", &layout->sp_reg) &&
           lab_stack_member(types, "orc_entry", "bp_reg", &layout->bp_reg) &&
           lab_stack_member(types, "orc_entry", "type", &layout->type);
}

static guint
field(const guint8 *entry, gsize size, const LabStackMember *member)
{
    guint bits = member->bits ? member->bits : (guint)(8 * MIN(member->size, 4));
    guint64 number = 0;

    for (gsize i = 0; i < 8 && member->offset + i < size; i++)
        number |= (guint64)entry[member->offset + i] << 8 * i;
    number >>= MIN(member->bit_first, 7);
    return (guint)(bits < 32 ? number & ((1u << bits) - 1) : number);
}

/* Two bits of type (CALL, REGS, REGS_PARTIAL) before commit fb799447ae29 ("x86,objtool: Split
 * UNWIND_HINT_EMPTY in two") (in v6.4), three after it; 'end' went with it. In the old form only
 * the stack pointer's register tells what is undefined. */
static void
decode_type(const LabOrcLayout *layout, const guint8 *entry, LabOrc *orc)
{
    guint type = field(entry, layout->size, &layout->type);

    if (layout->type.bits >= 3 && !layout->has_end) {
        orc->type = type <= LAB_ORC_REGS_PARTIAL ? (LabOrcType)type : LAB_ORC_UNDEFINED;
        orc->signal = layout->has_signal && field(entry, layout->size, &layout->signal);
        return;
    }
    if (orc->sp_reg == LAB_ORC_REG_UNDEFINED) {
        /* Before 4.20 there was no 'end', and undefined was all that told it. */
        orc->type = !layout->has_end || field(entry, layout->size, &layout->end)
                        ? LAB_ORC_END
                        : LAB_ORC_UNDEFINED;
        return;
    }
    orc->type = type <= 2 ? (LabOrcType)(LAB_ORC_CALL + type) : LAB_ORC_UNDEFINED;
    orc->signal = layout->has_signal
                      ? field(entry, layout->size, &layout->signal) != 0
                      : orc->type == LAB_ORC_REGS || orc->type == LAB_ORC_REGS_PARTIAL;
}

static gboolean
ip_at(LabStackMemory *memory, const LabOrcTable *table, guint i, guint64 *ip)
{
    guint64 place = table->ips + 4 * (guint64)i;
    guint32 raw;

    if (!lab_stack_u32(memory, place, &raw))
        return FALSE;
    *ip = place + (guint64)(gint64)(gint32)raw;
    return TRUE;
}

gboolean
lab_orc_find(LabStackMemory *memory, const LabOrcLayout *layout, const LabOrcTable *table,
             guint64 ip, LabOrc *orc)
{
    guint low = 0, high = table->n;
    guint8 entry[ENTRY_MAX] = {0};
    LabOrc found = {0};

    while (low < high) { /* the first that begins behind 'ip' */
        guint middle = low + (high - low) / 2;
        guint64 begin;

        if (!ip_at(memory, table, middle, &begin))
            return FALSE;
        if (begin <= ip)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 ||
        !lab_stack_read(memory, table->entries + (low - 1) * layout->size, entry, layout->size))
        return FALSE;
    found.sp_offset = (gint16)field(entry, layout->size, &layout->sp_offset);
    found.bp_offset = (gint16)field(entry, layout->size, &layout->bp_offset);
    found.sp_reg = field(entry, layout->size, &layout->sp_reg);
    found.bp_reg = field(entry, layout->size, &layout->bp_reg);
    decode_type(layout, entry, &found);
    *orc = found;
    return TRUE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual addresses of the kernel, by its own page tables (Intel SDM volume 3, chapter 4.5; Arm
 * ARM, D8 "VMSAv8-64"). The tables are the dump's: walks have a fixed depth, and the top table is
 * believed when it maps itself. Where it cannot be found the fixed parts of the layout serve: the
 * kernel's image and the direct map are linear.
 */
#include <string.h>

#include "lab-core-private.h"

#define START_KERNEL_MAP G_GUINT64_CONSTANT(0xffffffff80000000)
#define KERNEL_IMAGE     G_GUINT64_CONSTANT(0x40000000)
#define KERNEL_HALF      G_GUINT64_CONSTANT(0xff00000000000000)
#define PRESENT          1u
#define HUGE             0x80u
#define X86_FRAME        G_GUINT64_CONSTANT(0x000ffffffffff000)
#define ARM_FRAME        G_GUINT64_CONSTANT(0x0000fffffffff000)
#define PHYS_STEP        (2u << 20) /* the kernel lies on a multiple of 2 MiB */
#define MAX_CANDIDATES   32768u

static LabCoreStatus
read_entry(LabCore *core, guint64 table, guint64 index, guint64 *entry)
{
    guint64 raw;
    LabCoreStatus status =
        lab_core_read_physical(core, table + index * sizeof raw, &raw, sizeof raw, NULL);

    if (status == LAB_CORE_OK)
        *entry = GUINT64_FROM_LE(raw);
    else if (status == LAB_CORE_BAD_ADDRESS)
        status = LAB_CORE_LOST; /* a table that lies in no memory is damage */
    return status;
}

static LabCoreStatus
walk_x86(LabCore *core, guint64 address, guint64 *physical)
{
    guint64 table = core->root;

    for (int shift = core->five_levels ? 48 : 39; shift >= 12; shift -= 9) {
        guint64 entry, frame, mask = (G_GUINT64_CONSTANT(1) << shift) - 1;
        LabCoreStatus status = read_entry(core, table, (address >> shift) & 511, &entry);

        if (status != LAB_CORE_OK)
            return status;
        if (!(entry & PRESENT))
            return LAB_CORE_BAD_ADDRESS;
        frame = entry & X86_FRAME & ~core->encryption_mask;
        if (shift == 12 || (shift <= 30 && entry & HUGE)) {
            *physical = (frame & ~mask) | (address & mask);
            return LAB_CORE_OK;
        }
        table = frame;
    }
    return LAB_CORE_BAD_ADDRESS;
}

/* Stage 1 of TTBR1 with granules of 4, 16 or 64 KiB. */
static LabCoreStatus
walk_arm64(LabCore *core, guint64 address, guint64 *physical)
{
    int bits = (int)core->page_shift - 3;
    int shift = (int)core->page_shift;
    guint64 table = core->root;
    gboolean top = TRUE;

    if (core->va_bits < 36 || core->va_bits > 52 ||
        address >> core->va_bits != G_MAXUINT64 >> core->va_bits)
        return LAB_CORE_BAD_ADDRESS;
    while (shift + bits < (int)core->va_bits)
        shift += bits;
    for (; shift >= (int)core->page_shift; shift -= bits, top = FALSE) {
        int width = top ? (int)core->va_bits - shift : bits;
        guint64 mask = (G_GUINT64_CONSTANT(1) << shift) - 1;
        guint64 entry, frame;
        LabCoreStatus status = read_entry(
            core, table, (address >> shift) & ((G_GUINT64_CONSTANT(1) << width) - 1), &entry);

        if (status != LAB_CORE_OK)
            return status;
        if (!(entry & 1))
            return LAB_CORE_BAD_ADDRESS;
        frame = entry & ARM_FRAME & ~(guint64)(core->page_size - 1);
        if (shift == (int)core->page_shift || !(entry & 2)) {
            *physical = (frame & ~mask) | (address & mask);
            return LAB_CORE_OK;
        }
        table = frame;
    }
    return LAB_CORE_BAD_ADDRESS;
}

static LabCoreStatus
walk(LabCore *core, guint64 address, guint64 *physical)
{
    return core->arch == LAB_CORE_ARCH_ARM64 ? walk_arm64(core, address, physical)
                                             : walk_x86(core, address, physical);
}

/* ---- where the tables are ---- */

static gboolean
top_symbol(LabCore *core, guint64 *top)
{
    return lab_core_symbol(core, "init_top_pgt", top) ||
           lab_core_symbol(core, "init_level4_pgt", top) ||
           lab_core_symbol(core, "swapper_pg_dir", top);
}

/* Whether the tables, with the kernel moved by 'phys_base', map themselves. */
static gboolean
try_phys_base(LabCore *core, guint64 top, gint64 phys_base)
{
    guint64 root = top - START_KERNEL_MAP + (guint64)phys_base;
    guint64 physical;

    if (root & 0xfff)
        return FALSE;
    core->root = root;
    if (walk_x86(core, top, &physical) != LAB_CORE_OK || physical != root)
        return FALSE;
    core->phys_base = phys_base;
    core->has_phys_base = core->root_valid = TRUE;
    return TRUE;
}

/* The kernel lies somewhere in memory on a multiple of 2 MiB. */
static gboolean
search_phys_base(LabCore *core, guint64 top)
{
    guint64 offset = top - START_KERNEL_MAP;
    guint64 pfn = 0;

    for (guint i = 0; i < MAX_CANDIDATES && core->pages->next_page(core, &pfn); i++) {
        guint64 address = pfn << core->page_shift;
        gint64 base = (gint64)((address / PHYS_STEP) * PHYS_STEP) -
                      (gint64)(offset / PHYS_STEP * PHYS_STEP);

        if (try_phys_base(core, top, base))
            return TRUE;
        pfn = (address / PHYS_STEP + 1) * (PHYS_STEP >> core->page_shift);
    }
    return FALSE;
}

/* A guess that cannot be checked is still better than none. */
static void
accept_unchecked(LabCore *core, guint64 top, gboolean has_told, gint64 told)
{
    if (!has_told && core->has_file_phys_base) {
        told = core->file_phys_base;
        has_told = TRUE;
    }
    if (!has_told)
        return;
    core->phys_base = told;
    core->has_phys_base = TRUE;
    if (top)
        core->root = top - START_KERNEL_MAP + (guint64)told;
}

/* QEMU's notes have CR3. With page table isolation the user's top table is the odd page of two. */
static void
try_cr3(LabCore *core)
{
    for (guint i = 0; i < core->cpus->len && !core->root_valid; i++) {
        const LabCoreCpu *cpu = &g_array_index(core->cpus, LabCoreCpu, i);
        guint64 physical;

        if (cpu->cr3 == 0)
            continue;
        core->root = cpu->cr3 & X86_FRAME & ~G_GUINT64_CONSTANT(0x1000);
        if (walk_x86(core, cpu->x86.rip, &physical) == LAB_CORE_OK && cpu->x86.rip >= KERNEL_HALF) {
            core->root_valid = TRUE;
        } else {
            core->root = cpu->cr3 & X86_FRAME;
            core->root_valid = cpu->x86.rip >= KERNEL_HALF &&
                               walk_x86(core, cpu->x86.rip, &physical) == LAB_CORE_OK;
        }
    }
}

static void
prepare_x86(LabCore *core)
{
    guint64 top = 0;
    gint64 told = 0, number;
    gboolean has_told = lab_core_info_number(core, "NUMBER(phys_base)", &told);

    core->five_levels = lab_core_info_number(core, "NUMBER(pgtable_l5_enabled)", &number) &&
                        number == 1;
    if (lab_core_info_number(core, "NUMBER(sme_mask)", &number))
        core->encryption_mask = (guint64)number;
    if (top_symbol(core, &top) && top >= START_KERNEL_MAP && top % 4096 == 0) {
        if ((has_told && try_phys_base(core, top, told)) ||
            (core->has_file_phys_base && try_phys_base(core, top, core->file_phys_base)) ||
            try_phys_base(core, top, 0) || (!has_told && search_phys_base(core, top)))
            return;
    } else {
        top = 0;
    }
    core->root = 0;
    try_cr3(core);
    if (!core->root_valid)
        accept_unchecked(core, top, has_told, told);
}

static void
prepare_arm64(LabCore *core)
{
    guint64 top, physical;
    gint64 number;

    if (lab_core_info_number(core, "NUMBER(VA_BITS)", &number) && number >= 36 && number <= 52)
        core->va_bits = (guint)number;
    /* With 52 bits that the machine does not have, the kernel runs with fewer (T1SZ). */
    if (lab_core_info_number(core, "NUMBER(TCR_EL1_T1SZ)", &number) && number >= 12 && number <= 28)
        core->va_bits = 64 - (guint)number;
    core->has_kimage_voffset =
        lab_core_info_number(core, "NUMBER(kimage_voffset)", &core->kimage_voffset);
    if (!core->has_kimage_voffset || !lab_core_symbol(core, "swapper_pg_dir", &top))
        return;
    core->root = top - (guint64)core->kimage_voffset;
    core->root_valid = walk_arm64(core, top, &physical) == LAB_CORE_OK && physical == core->root;
}

void
lab_core_space_prepare(LabCore *core)
{
    if (core->space_ready)
        return;
    core->space_ready = TRUE;
    core->root_valid = core->has_phys_base = core->five_levels = FALSE;
    core->root = core->encryption_mask = 0;
    memset(core->tlb_page, 0xff, sizeof core->tlb_page);
    if (core->arch == LAB_CORE_ARCH_X86_64)
        prepare_x86(core);
    else if (core->arch == LAB_CORE_ARCH_ARM64)
        prepare_arm64(core);
}

static void
ensure_space(LabCore *core)
{
    if (core->space_ready)
        return;
    /* Looking for the vmcoreinfo prepares with each candidate. */
    lab_core_vmcoreinfo(core);
    lab_core_space_prepare(core);
    if (core->arch == LAB_CORE_ARCH_OTHER)
        lab_core_missing(core, "addresses", "virtual addresses of this machine are not known");
    else if (!core->root_valid)
        lab_core_missing(core, "addresses",
                         "the kernel's page tables are not there: only what is linear can be read");
}

/* ---- translation ---- */

static LabCoreStatus
linear(LabCore *core, guint64 address, guint64 *physical)
{
    if (core->arch == LAB_CORE_ARCH_X86_64 && core->has_phys_base && address >= START_KERNEL_MAP &&
        address - START_KERNEL_MAP < KERNEL_IMAGE) {
        *physical = address - START_KERNEL_MAP + (guint64)core->phys_base;
        return LAB_CORE_OK;
    }
    if (core->arch == LAB_CORE_ARCH_X86_64 && core->file_direct_map != 0 &&
        address >= core->file_direct_map && address < START_KERNEL_MAP &&
        address - core->file_direct_map < G_GUINT64_CONSTANT(1) << 46) {
        *physical = address - core->file_direct_map;
        return LAB_CORE_OK;
    }
    if (core->arch == LAB_CORE_ARCH_ARM64 && core->has_kimage_voffset &&
        address >= (guint64)core->kimage_voffset) {
        *physical = address - (guint64)core->kimage_voffset;
        return LAB_CORE_OK;
    }
    return core->arch == LAB_CORE_ARCH_OTHER ? LAB_CORE_BAD_ADDRESS : LAB_CORE_LOST;
}

LabCoreStatus
lab_core_translate(LabCore *core, guint64 address, guint64 *physical)
{
    LabCoreStatus status;
    guint64 page, frame;
    guint slot;

    ensure_space(core);
    if (address < KERNEL_HALF)
        return LAB_CORE_BAD_ADDRESS;
    page = address >> 12;
    slot = (guint)(page % LAB_CORE_TLB);
    if (core->tlb_page[slot] == page) {
        *physical = core->tlb_frame[slot] | (address & 0xfff);
        return LAB_CORE_OK;
    }
    status = core->root_valid ? walk(core, address, &frame) : LAB_CORE_LOST;
    if (status == LAB_CORE_LOST || status == LAB_CORE_EXCLUDED)
        status = linear(core, address, &frame);
    if (status != LAB_CORE_OK)
        return status;
    core->tlb_page[slot] = page;
    core->tlb_frame[slot] = frame & ~G_GUINT64_CONSTANT(0xfff);
    *physical = frame;
    return LAB_CORE_OK;
}

/* ---- facts ---- */

gboolean
lab_core_kaslr_offset(LabCore *core, guint64 *offset)
{
    gint64 number;

    if (!lab_core_info_number(core, "KERNELOFFSET", &number))
        return FALSE;
    *offset = (guint64)number;
    return TRUE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where Linux on x86-64 maps all of the guest's memory (page_offset_base), found by a walk of its
 * page tables. The tables are the guest's: every address is checked by the reader, and the walk is
 * bounded. */
#pragma once

#include <glib.h>

/* Reads guest-physical memory; FALSE when [address, address + length) is none. */
typedef gboolean (*LabReadPhysical)(gpointer data, guint64 address, void *bytes, gsize length);

/* 'top' is the physical address of the kernel's own top table (init_top_pgt), a PML5 when
 * 'five_levels', else a PML4. The direct map is the lowest mapping of the kernel's half, and what
 * is found must map 'top' itself and begin on a multiple of 1 GiB
 * (Documentation/arch/x86/x86_64/mm.rst, kernel_randomize_memory() of arch/x86/mm/kaslr.c).
 * '*base' is the virtual address of physical address 0. LAB_DATA_ERROR when there is none. */
gboolean lab_direct_map_find(LabReadPhysical read, gpointer data, guint64 top, gboolean five_levels,
                             guint64 *base, GError **error);

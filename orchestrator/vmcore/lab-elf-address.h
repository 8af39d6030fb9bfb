/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Makes an ELF dump from outside (lab_elf_mend() came first) one that `makedumpfile -d` can filter.
 * The segments get the virtual addresses of the guest's direct map, as /proc/vmcore has them:
 * makedumpfile takes the map's base from there (get_page_offset_x86_64() of arch/x86_64.c), and
 * with KASLR nothing else tells it. A guest that did not give QEMU its vmcoreinfo (no qemu_fw_cfg)
 * has it in memory all the same: then it is added to the file's notes.
 * x86-64 only. LAB_DATA_ERROR: no vmcoreinfo, or page tables that make no sense; the file is then
 * as it was. */
gboolean lab_elf_address(const char *path, GError **error);

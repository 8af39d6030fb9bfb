/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* QEMU 7.2 and later put the program headers of an ELF dump behind the section headers (e_phoff is
 * not 64), which makedumpfile 1.7 does not follow ("Can't get the number of PT_LOAD"). Copies them
 * to where makedumpfile looks, in place, and lets the ELF header say so; the section headers, which
 * nobody needs, are dropped to make room. A file that needs no mending is left alone. 64-bit
 * little-endian ELF core files only, else LAB_DATA_ERROR. */
gboolean lab_elf_mend(const char *path, GError **error);

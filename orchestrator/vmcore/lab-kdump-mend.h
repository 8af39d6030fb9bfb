/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* QEMU (7.2) reads "NUMBER(phys_base)=" of the guest's vmcoreinfo as a hexadecimal number, though
 * Linux prints it in decimal (kernel/crash_core.c, VMCOREINFO_NUMBER), and puts the wrong value
 * into the sub-header of its kdump files. With KASLR the value is not zero, and makedumpfile and
 * crash then find nothing ("Can't get the address of system_utsname"). Puts the right value there,
 * in place. A dump without vmcoreinfo, or with the right value, is left alone. LAB_DATA_ERROR when
 * it is no kdump file of version 4 or later (diskdump_mod.h of makedumpfile). */
gboolean lab_kdump_mend(const char *path, GError **error);

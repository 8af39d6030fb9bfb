/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel image's stand-in for a QEMU that restores a guest.
 *
 * Such a guest has booted already, but QEMU makes the option ROM that boots a kernel part of the
 * machine only where it is given one, and looks at its head. The real one costs each clone its
 * size in memory. */
#pragma once

#include <glib.h>

/* For a bzImage its setup sectors; for an uncompressed vmlinux an ELF file with the same header and
 * note (the entry of PVH). LAB_CONFIG_ERROR/UNSUPPORTED when it is neither. */
GBytes *lab_native_head(const char *kernel, GError **error);

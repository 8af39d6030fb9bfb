/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel image says about itself. The bytes come from packages: every offset is checked.
 * bzImage: Linux' Documentation/arch/x86/boot.rst; ELF notes: elf(5) and Xen's
 * xen/include/public/elfnote.h.
 */
#pragma once

#include <glib.h>

#define LAB_IMAGE_MAX_BYTES   (512u << 20)
#define LAB_VMLINUX_MAX_BYTES (1024u << 20)

/* TRUE if 'data' starts like a bzImage (boot flag 0xAA55 and "HdrS"). */
gboolean lab_bzimage_is(const void *data, gsize length);

/* The header's version text, "5.10.0-1-amd64 (builder) #1 SMP …"; NULL when it has none. */
char *lab_bzimage_version_text(const void *data, gsize length);

/* The payload unpacked: an ELF vmlinux. LAB_DATA_ERROR when it is damaged or packed with
 * something unknown. */
GByteArray *lab_bzimage_unpack(const void *data, gsize length, GError **error);

typedef struct {
    gboolean has_pvh; /* XEN_ELFNOTE_PHYS32_ENTRY: QEMU can start it without a decompressor */
    char *build_id;   /* lower-case hex, or NULL */
} LabVmlinuxNotes;

void lab_vmlinux_notes_clear(LabVmlinuxNotes *notes);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabVmlinuxNotes, lab_vmlinux_notes_clear)

/* Reads the notes of a little-endian x86-64 ELF file. */
gboolean
lab_vmlinux_read_notes(const void *data, gsize length, LabVmlinuxNotes *notes, GError **error);

/* The text after "Linux version ", without newline; NULL when there is none. */
char *lab_vmlinux_banner(const void *data, gsize length);

/* The config that CONFIG_IKCONFIG put into the kernel; NULL when there is none. */
char *lab_vmlinux_config(const void *data, gsize length);

/* Splits "RELEASE (builder) (compiler) #1 SMP …" into release and the part from "#" (uname -v;
 * NULL if missing). FALSE when no sane release is there. */
gboolean lab_version_text_split(const char *text, char **release, char **version);

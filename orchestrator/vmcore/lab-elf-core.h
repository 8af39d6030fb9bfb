/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ELF core file of a guest's memory, opened to be read by physical address and changed in
 * place. */
#pragma once

#include <elf.h>
#include <glib.h>

typedef struct {
    int fd;
    guint64 size; /* of the file */
    Elf64_Ehdr ehdr;
    Elf64_Phdr *headers; /* of ehdr.e_phnum; each segment lies inside of the file */
} LabElfCore;

/* 64-bit little-endian core files with at most 4096 segments, else LAB_DATA_ERROR. On success
 * lab_elf_core_clear() ends the use of 'core'. */
gboolean lab_elf_core_open(LabElfCore *core, const char *path, GError **error);
void lab_elf_core_clear(LabElfCore *core);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabElfCore, lab_elf_core_clear)

gboolean lab_elf_core_read(const LabElfCore *core, guint64 offset, void *bytes, gsize length);
/* A LabReadPhysical; 'core' is a LabElfCore. */
gboolean lab_elf_core_physical(gpointer core, guint64 address, void *bytes, gsize length);
/* Writes the program headers back to where they were read. */
gboolean lab_elf_core_write_headers(const LabElfCore *core, GError **error);

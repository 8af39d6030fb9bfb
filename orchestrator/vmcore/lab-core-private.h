/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of a LabCore: file → pages (ELF or kdump-compressed) → physical → virtual. */
#pragma once

#include <string.h>

#include <glib.h>

#include "lab-core.h"

/* Little-endian numbers at any place in the dump's bytes. */
static inline guint32
lab_core_get32(const guint8 *bytes)
{
    guint32 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT32_FROM_LE(value);
}

static inline guint64
lab_core_get64(const guint8 *bytes)
{
    guint64 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT64_FROM_LE(value);
}

/* ---- the file: plain, or flattened and read through an index ---- */

typedef struct LabCoreFile LabCoreFile;

LabCoreFile *lab_core_file_open(const char *path, GError **error);
void lab_core_file_close(LabCoreFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCoreFile, lab_core_file_close)

/* How many bytes from 'offset' on were read; fewer than 'length' where the file ends (or, when
 * flattened, has a hole). */
gsize lab_core_file_read(LabCoreFile *file, guint64 offset, void *bytes, gsize length);
gboolean lab_core_file_read_all(LabCoreFile *file, guint64 offset, void *bytes, gsize length);
guint64 lab_core_file_size(const LabCoreFile *file); /* of the dump inside */
guint64 lab_core_file_bytes_on_disk(const LabCoreFile *file);
gboolean lab_core_file_flattened(const LabCoreFile *file);
gboolean lab_core_file_cut_off(const LabCoreFile *file); /* flattened and without end mark */

/* ---- a format ---- */

typedef struct {
    /* The page frame into 'page' (core->page_size bytes); not all of it is written when not OK. */
    LabCoreStatus (*read_page)(LabCore *core, guint64 pfn, guint8 *page);
    /* The first frame from 'pfn' on that the dump has; FALSE when there is none. */
    gboolean (*next_page)(LabCore *core, guint64 *pfn);
    void (*free)(gpointer format_data);
} LabCorePages;

#define LAB_CORE_TLB 1024u

typedef struct {
    char *what;
    char *why;
} LabCoreRemark;

typedef enum {
    LAB_CORE_FORMAT_ELF,
    LAB_CORE_FORMAT_KDUMP,
} LabCoreFormat;

struct LabCore {
    char *path;
    LabCoreFile *file;
    LabCoreFormat format;
    char *format_text;
    char *machine;
    LabCoreArch arch;
    guint32 page_size;
    guint page_shift;
    const LabCorePages *pages;
    gpointer format_data;
    guint64 memory_bytes, dumped_bytes;
    int dump_level;

    GArray *cpus; /* of LabCoreCpu */
    char *vmcoreinfo;
    gboolean scanned; /* memory was looked through for it */
    GHashTable *info; /* key → value, both inside of info_text */
    char *info_text;

    /* The last pages read, by frame (direct-mapped). */
    guint cache_entries;
    guint64 *cache_pfn; /* G_MAXUINT64: empty */
    LabCoreStatus *cache_status;
    guint8 *cache;

    /* Address translation. */
    gboolean space_ready, root_valid, has_phys_base;
    gboolean five_levels;
    gint64 phys_base;
    guint64 root, encryption_mask;
    gint64 file_phys_base; /* of the sub-header or a segment */
    gboolean has_file_phys_base;
    guint64 file_direct_map; /* virtual minus physical address of a segment; 0: none */
    guint va_bits;           /* arm64 */
    gint64 kimage_voffset;
    gboolean has_kimage_voffset;
    guint64 tlb_page[LAB_CORE_TLB], tlb_frame[LAB_CORE_TLB];

    GArray *missing; /* of LabCoreMissing */
};

gboolean lab_core_elf_open(LabCore *core, GError **error);
gboolean lab_core_kdump_open(LabCore *core, GError **error);

/* Registers and vmcoreinfo of ELF notes; 'bytes' is the dump's. */
void lab_core_notes_parse(LabCore *core, const guint8 *bytes, gsize length);
void lab_core_set_machine(LabCore *core, const char *machine);
/* Takes the text for vmcoreinfo if it looks like one and there is none yet. */
void lab_core_set_vmcoreinfo(LabCore *core, const char *text, gsize length);
/* Looks for the page tables; again after the vmcoreinfo was found. */
void lab_core_space_prepare(LabCore *core);

LabCoreStatus lab_core_page(LabCore *core, guint64 pfn, const guint8 **page);

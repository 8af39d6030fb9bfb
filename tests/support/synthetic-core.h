/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dumps of a machine with 16 pages of memory, made up for tests: its own page tables, vmcoreinfo,
 * utsname and a log with a crash in it, laid out as x86-64 kernels do.
 */
#pragma once

#include <glib.h>

typedef enum {
    SYNTHETIC_ELF,
    SYNTHETIC_PLAIN, /* kdump-compressed, no page of it compressed */
    SYNTHETIC_ZLIB,
    SYNTHETIC_LZO,
    SYNTHETIC_SNAPPY,
    SYNTHETIC_ZSTD,
} SyntheticFormat;

typedef struct {
    SyntheticFormat format;
    gboolean log_buf;   /* struct log of 3.10 instead of the lockless ring */
    gboolean no_note;   /* vmcoreinfo is in memory alone */
    gboolean no_base;   /* vmcoreinfo does not say phys_base, the file tells a wrong one */
    gboolean flattened; /* with records out of order, the header written twice */
} Synthetic;

#define SYNTHETIC_PAGES     16u
#define SYNTHETIC_EXCLUDED  12u /* memory from this page on is not in the file */
#define SYNTHETIC_PAGE      4096u
#define SYNTHETIC_PHYS_BASE 0x200000 /* physical address of the machine's memory */
#define SYNTHETIC_TEXT      G_GUINT64_CONSTANT(0xffffffff80000000)
#define SYNTHETIC_DIRECT    G_GUINT64_CONSTANT(0xffff888000000000)

GByteArray *synthetic_core(const Synthetic *what);
/* Its log as lab_core_dmesg() should give it. g_free. */
char *synthetic_log(const Synthetic *what, gboolean callers);

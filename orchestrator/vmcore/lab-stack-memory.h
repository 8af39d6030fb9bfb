/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dump's kernel memory for the readers of its tables: a small cache before the caller's
 * reader, numbers, texts, and what vmcoreinfo names. x86-64 and arm64 are little-endian, and so
 * is this. */
#pragma once

#include "lab-core-stacks.h"

typedef struct {
    const LabCoreSource *source;
    guint8 *pages;      /* LAB_STACK_PAGES of them */
    guint64 *tags;      /* the address of the page in each, 1: none */
    GPtrArray *missing; /* char *; of LabCoreStacks; borrowed */
} LabStackMemory;

void lab_stack_memory_init(LabStackMemory *memory, const LabCoreSource *source, GPtrArray *missing);
void lab_stack_memory_clear(LabStackMemory *memory);

gboolean lab_stack_read(LabStackMemory *memory, guint64 address, void *bytes, gsize length);
gboolean lab_stack_u32(LabStackMemory *memory, guint64 address, guint32 *value);
gboolean lab_stack_u64(LabStackMemory *memory, guint64 address, guint64 *value);
/* A little-endian number of 1 to 8 bytes. */
gboolean lab_stack_number(LabStackMemory *memory, guint64 address, gsize size, guint64 *value);
/* The text at 'address', at most 'max' bytes of it, made printable UTF-8; NULL: not there. */
char *lab_stack_text(LabStackMemory *memory, guint64 address, gsize max);
/* A large table, not through the cache; NULL when a part of it is not there. g_free. */
guint8 *lab_stack_table(LabStackMemory *memory, guint64 address, gsize length);

/* "SYMBOL(x)" and KERNELOFFSET are hexadecimal, others decimal unless they begin with 0x. */
gboolean lab_stack_info(const LabStackMemory *memory, const char *key, guint64 *value);
/* Kernel's version as 100 * major + minor by OSRELEASE; 0 unknown. */
guint lab_stack_release(const LabStackMemory *memory);

/* Adds a sentence to what is missing; a bounded number of them. */
void lab_stack_missing(LabStackMemory *memory, const char *format, ...) G_GNUC_PRINTF(2, 3);

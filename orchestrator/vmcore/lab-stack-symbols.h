/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own table of symbols (kallsyms), as scripts/kallsyms.c lays it out: names are
 * compressed with 256 tokens, each begins with its length (two bytes when the first has its top
 * bit set, commit 73bbb94466fd ("kallsyms: support "big" kernel symbols") (in v6.1)) and its type.
 */
#pragma once

#include "lab-stack-memory.h"

/* Where the tables lie. 'offsets' is an array of u32; before 4.6 there was one of addresses. */
typedef struct {
    guint64 names, n_symbols, token_table, token_index;
    guint64 offsets, relative_base; /* or 0 */
    guint64 addresses;              /* or 0 */
    guint64 stext;                  /* by which the way to decode offsets is proven */
} LabStackKallsyms;

typedef struct LabStackSymbols LabStackSymbols;

/* As vmcoreinfo names them: commit 5fd8fea935a1 ("vmcoreinfo: include kallsyms symbols")
 * (in v6.0). FALSE: it does not. */
gboolean lab_stack_kallsyms_named(const LabStackMemory *memory, LabStackKallsyms *where);

/* Looks for them in memory by what they hold: kernels before 6.0 have them all the same. */
gboolean lab_stack_kallsyms_find(LabStackMemory *memory, LabStackKallsyms *where);

/* 'wanted' (NULL at its end, never freed) are the names that lab_stack_symbol() will be asked for.
 * LAB_DATA_ERROR when the tables are not whole or contradict each other. */
LabStackSymbols *lab_stack_symbols_new(LabStackMemory *memory, const LabStackKallsyms *where,
                                       const char *const *wanted, GError **error);
void lab_stack_symbols_free(LabStackSymbols *symbols);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabStackSymbols, lab_stack_symbols_free)

/* The address of a symbol of that name; per-CPU ones have their offset. FALSE: there is none. */
gboolean lab_stack_symbol(const LabStackSymbols *symbols, const char *name, guint64 *address);
/* The function at 'address' as the kernel names it; NULL when none begins there or before.
 * g_free. */
char *lab_stack_symbol_at(const LabStackSymbols *symbols, guint64 address, guint64 *begin);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel as its dump shows it: symbols, types, ORC and modules in one place. */
#pragma once

#include "lab-stack-memory.h"
#include "lab-stack-orc.h"
#include "lab-stack-symbols.h"
#include "lab-stack-types.h"

#define LAB_STACK_CPUS_MAX 1024u

typedef struct {
    char *name;
    LabOrcTable orc;
    GArray *symbols;  /* of its functions, by address: LabStackModuleSymbol; NULL: not read yet */
    guint64 kallsyms; /* address of its struct mod_kallsyms, or 0 */
} LabStackModule;

/* Where a module's functions lie: those that stay, or those that only begin it. */
typedef struct {
    guint64 begin, end;
    const LabStackModule *module;
} LabStackText;

typedef struct {
    LabStackMemory memory;
    LabStackSymbols *symbols; /* NULL: none, and then nothing below */
    LabStackTypes *types;     /* or NULL */
    gboolean has_orc;
    LabOrcLayout orc_layout;
    LabOrcTable orc;
    GPtrArray *modules; /* LabStackModule */
    GArray *texts;      /* LabStackText: of modules, by address */
    guint n_modules;    /* in the kernel's list */
    guint64 text_begin, text_end;
    guint64 init_begin, init_end; /* text that was freed after the boot */
    guint64 per_cpu_offset;       /* address of the array, or 0 */
    /* What a dump that lies may still cost. */
    guint frames_left, scans_left, symbols_left;
} LabStackKernel;

/* 'missing' is borrowed, as in LabStackMemory. */
void lab_stack_kernel_init(LabStackKernel *kernel, const LabCoreSource *source, GPtrArray *missing);
void lab_stack_kernel_clear(LabStackKernel *kernel);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabStackKernel, lab_stack_kernel_clear)

/* Fills 'modules'. */
void lab_stack_modules_read(LabStackKernel *kernel);
const LabStackModule *lab_stack_module_at(const LabStackKernel *kernel, guint64 address);
/* Whether 'address' lies in the text of the kernel or of a module. */
gboolean lab_stack_is_text(const LabStackKernel *kernel, guint64 address);
/* The function at a text address, and its module ('*module' NULL: none; borrowed). NULL: unknown.
 * g_free. */
char *lab_stack_function_at(LabStackKernel *kernel, guint64 address, const char **module);
/* Where the kernel's own function at 'address' begins; FALSE: unknown, or a module's. */
gboolean lab_stack_function_begin(const LabStackKernel *kernel, guint64 address, guint64 *begin);
/* A module's function. NULL: unknown. g_free. */
char *
lab_stack_module_function(LabStackKernel *kernel, const LabStackModule *module, guint64 address);
gboolean lab_stack_orc_at(LabStackKernel *kernel, guint64 ip, LabOrc *orc);

/* Where a CPU has a per-CPU variable whose symbol has the value 'variable'. */
gboolean lab_stack_per_cpu(LabStackKernel *kernel, guint cpu, guint64 variable, guint64 *address);
/* A symbol's address; those of lab-stack-kernel.c's list only. */
gboolean lab_stack_kernel_symbol(const LabStackKernel *kernel, const char *name, guint64 *address);
/* A number member of the structure at 'address'. */
gboolean lab_stack_field(LabStackKernel *kernel, guint64 address, const char *type,
                         const char *path, guint64 *value);

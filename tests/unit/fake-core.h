/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel's memory made by hand, and the tables that the reader of stacks looks for in it. */
#pragma once

#include "lab-stack-kernel.h"

typedef struct {
    GPtrArray *segments; /* of its memory */
    GString *info;       /* vmcoreinfo */
} FakeCore;

FakeCore *fake_core_new(void);
void fake_core_free(FakeCore *core);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeCore, fake_core_free)

/* Puts a copy of 'bytes' there; later ones hide earlier ones. */
void fake_core_put(FakeCore *core, guint64 address, const void *bytes, gsize length);
void fake_core_put_u64(FakeCore *core, guint64 address, guint64 value);
void fake_core_put_u32(FakeCore *core, guint64 address, guint32 value);
/* Takes everything in [address, address + length) away. */
void fake_core_cut(FakeCore *core, guint64 address, gsize length);
/* For lab_core_stacks_read() and lab_stack_memory_init(); borrows from 'core'. */
LabCoreSource fake_core_source(FakeCore *core);

typedef struct {
    char type;
    const char *name;
    guint64 address;
} FakeSymbol;

typedef enum {
    FAKE_PERCPU,    /* offsets, per-CPU ones absolute: x86-64, 4.6 to 6.14 */
    FAKE_RELATIVE,  /* offsets, unsigned */
    FAKE_PLACE,     /* offsets from their own place */
    FAKE_ADDRESSES, /* before 4.6, markers of 8 bytes */
} FakeForm;

/* Lays kallsyms' tables out at 'at' in the order of the kernels before 6.4 and returns where they
 * are. The symbols are in order of addresses; "_stext" must be among them. */
LabStackKallsyms
fake_core_kallsyms(FakeCore *core, guint64 at, FakeForm form, const FakeSymbol *symbols, guint n);
/* Names them in vmcoreinfo, as 6.0 does. */
void fake_core_name_kallsyms(FakeCore *core, const LabStackKallsyms *where);

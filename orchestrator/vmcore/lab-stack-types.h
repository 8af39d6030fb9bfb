/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layouts of the kernel's structures, from the BTF in its own memory
 * (Documentation/bpf/btf.rst), read with libbpf. */
#pragma once

#include <glib.h>

typedef struct LabStackTypes LabStackTypes;

typedef struct {
    guint64 offset; /* bytes from the structure's begin to the member, or the bits' first byte */
    guint64 size;   /* bytes; of an array, all of it */
    guint64 element_size; /* of an array, else 0 */
    guint bit_first;      /* of a bit field, in the number that begins at 'offset' */
    guint bits;           /* 0: no bit field */
} LabStackMember;

/* 'bytes' is .BTF, borrowed. LAB_DATA_ERROR when it is none. */
LabStackTypes *lab_stack_types_new(const guint8 *bytes, gsize length, GError **error);
void lab_stack_types_free(LabStackTypes *types);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabStackTypes, lab_stack_types_free)

/* Size of a struct in bytes; FALSE: there is no such struct. */
gboolean lab_stack_type_size(const LabStackTypes *types, const char *name, guint64 *size);
/* 'path' may go through structures ("sched_info.last_arrival") and through members without a name.
 * FALSE: there is no such member. */
gboolean lab_stack_member(const LabStackTypes *types, const char *name, const char *path,
                          LabStackMember *member);
/* Only its offset. */
gboolean
lab_stack_offset(const LabStackTypes *types, const char *name, const char *path, guint64 *offset);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * makedumpfile's flattened format (`makedumpfile -F`; QEMU's kdump formats), undone while it comes
 * in: what `makedumpfile -R` does, without the stream being stored first.
 *
 * Layout (makedumpfile's makedumpfile.h, struct makedumpfile_header and makedumpfile_data_header):
 * 4096 bytes that begin with "makedumpfile", then s64 type 1 and s64 version 1 at offset 16; then
 * records of s64 offset, s64 size (all big-endian) and data; offset and size -1 end the stream.
 * A stream that begins with "KDUMP   " or an ELF magic is taken as it is.
 */
#pragma once

#include <glib.h>

typedef struct LabUnflatten LabUnflatten;

/* Writes to 'fd' (borrowed; a regular file), never past 'max_bytes'. */
LabUnflatten *lab_unflatten_new(int fd, guint64 max_bytes);
void lab_unflatten_free(LabUnflatten *unflatten);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabUnflatten, lab_unflatten_free)

/* LAB_DATA_ERROR: this is no dump, or one over the limit; LAB_INFRA_ERROR: the file cannot be
 * written. After an error it takes nothing more. */
gboolean
lab_unflatten_feed(LabUnflatten *unflatten, const void *bytes, gsize length, GError **error);

/* LAB_DATA_ERROR when the stream ended before its end mark. */
gboolean lab_unflatten_finish(LabUnflatten *unflatten, GError **error);

/* The whole of 'from' (a descriptor, read from where it stands) into 'to'. */
gboolean lab_unflatten_file(int from, int to, guint64 max_bytes, GError **error);

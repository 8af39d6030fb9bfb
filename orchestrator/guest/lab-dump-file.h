/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump on its way from the guest to its file: hidden and 0600 until it is complete. */
#pragma once

#include <glib.h>

typedef struct LabDumpFile LabDumpFile;

/* Creates a temporary file beside 'path'. */
LabDumpFile *lab_dump_file_new(const char *path, guint64 max_bytes, GError **error);
/* Removes the temporary file unless it was committed. */
void lab_dump_file_free(LabDumpFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabDumpFile, lab_dump_file_free)

/* A piece of the stream (see lab-unflatten.h). LAB_DATA_ERROR: it is no dump, or too large. */
gboolean lab_dump_file_feed(LabDumpFile *file, const void *bytes, gsize length, GError **error);
/* Bytes of the stream so far. */
guint64 lab_dump_file_bytes(const LabDumpFile *file);

/* Renames it to 'path', durably. LAB_DATA_ERROR when the stream was not complete. */
gboolean lab_dump_file_commit(LabDumpFile *file, GError **error);

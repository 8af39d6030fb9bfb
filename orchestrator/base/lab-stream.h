/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of bytes that may be compressed (gzip, bzip2, xz, lzma's .lz, lz4, zstd; told by its
 * first bytes), read from front to end in bounded memory: some blocks, and the window that the
 * compression asks for (64 MiB of `xz -9`, 8 MiB of the other tools' defaults). What it unpacks to
 * is not bounded: count it where that matters.
 */
#pragma once

#include <glib.h>

typedef struct LabStream LabStream;

/* Begins to read 'fd' (borrowed; pipes too) at its position. NULL: LAB_INFRA_ERROR when it cannot
 * be read, LAB_DATA_ERROR when what says that it is compressed is not. */
LabStream *lab_stream_new(int fd, GError **error);
void lab_stream_free(LabStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabStream, lab_stream_free)

/* "gzip", "xz"…; NULL: it is not compressed. Static. */
const char *lab_stream_compression(const LabStream *stream);
/* The first bytes as they are in the file, at most 'max'; before anything was read. */
gsize lab_stream_peek(const LabStream *stream, void *bytes, gsize max);

/* The next bytes, unpacked; *length 0 is the end. They are valid until the next call. FALSE: the
 * stream is damaged or cut off (LAB_DATA_ERROR), or reading failed (LAB_INFRA_ERROR); what came
 * before stays good. */
gboolean lab_stream_read(LabStream *stream, const void **bytes, gsize *length, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"

#define BLOCK_BYTES (256u << 10)

struct LabStream {
    int fd;
    const char *compression;
    guint8 *block; /* read from the file */
    gsize length;  /* of it; the first block waits to be taken */
    gboolean first;
    guint8 *unpacked;
    struct archive *archive;
    int read_errno;
};

static const struct {
    const char *name;
    const char *magic;
    gsize length;
    int (*support)(struct archive *archive);
} compressions[] = {
    {"gzip", "\x1f\x8b\x08", 3, archive_read_support_filter_gzip},
    {"bzip2", "BZh", 3, archive_read_support_filter_bzip2},
    {"xz",
     "\xfd"
     "7zXZ\0",
     6, archive_read_support_filter_xz},
    {"lzip", "LZIP\x01", 5, archive_read_support_filter_lzip},
    {"lz4", "\x04\x22\x4d\x18", 4, archive_read_support_filter_lz4},
    {"zstd", "\x28\xb5\x2f\xfd", 4, archive_read_support_filter_zstd},
};

/* -1 and errno. */
static gssize
fill(LabStream *stream, gsize from)
{
    ssize_t n;

    do
        n = read(stream->fd, stream->block + from, BLOCK_BYTES - from);
    while (n < 0 && errno == EINTR);
    return n;
}

static la_ssize_t
give_block(struct archive *archive, void *data, const void **bytes)
{
    LabStream *stream = data;

    if (!stream->first) {
        gssize n = fill(stream, 0);

        if (n < 0) {
            stream->read_errno = errno;
            archive_set_error(archive, errno, "reading: %s", g_strerror(errno));
            return -1;
        }
        stream->length = (gsize)n;
    }
    stream->first = FALSE;
    *bytes = stream->block;
    return (la_ssize_t)stream->length;
}

static gboolean
set_archive_error(const LabStream *stream, GError **error)
{
    const char *text = archive_error_string(stream->archive);

    if (stream->read_errno)
        return lab_error_set_errno(error, stream->read_errno, "reading");
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "damaged or cut off (%s): %s",
                stream->compression, text ? text : "unknown error");
    return FALSE;
}

static gboolean
open_archive(LabStream *stream, guint kind, GError **error)
{
    struct archive_entry *entry;

    stream->compression = compressions[kind].name;
    stream->archive = archive_read_new();
    compressions[kind].support(stream->archive);
    archive_read_support_format_raw(stream->archive);
    if (archive_read_open(stream->archive, stream, NULL, give_block, NULL) != ARCHIVE_OK ||
        archive_read_next_header(stream->archive, &entry) < ARCHIVE_WARN)
        return set_archive_error(stream, error);
    if (archive_filter_count(stream->archive) < 2)
        stream->compression = NULL; /* only its first bytes look like it: libarchive passes it on */
    stream->unpacked = g_malloc(BLOCK_BYTES);
    return TRUE;
}

LabStream *
lab_stream_new(int fd, GError **error)
{
    g_autoptr(LabStream) stream = g_new0(LabStream, 1);
    gssize n;

    stream->fd = fd;
    stream->block = g_malloc(BLOCK_BYTES);
    stream->first = TRUE;
    do { /* a pipe may give its first bytes one by one */
        n = fill(stream, stream->length);
        if (n < 0) {
            lab_error_set_errno(error, errno, "reading");
            return NULL;
        }
        stream->length += (gsize)n;
    } while (n > 0 && stream->length < 64);
    for (guint i = 0; i < G_N_ELEMENTS(compressions); i++)
        if (stream->length > compressions[i].length &&
            memcmp(stream->block, compressions[i].magic, compressions[i].length) == 0)
            return open_archive(stream, i, error) ? g_steal_pointer(&stream) : NULL;
    return g_steal_pointer(&stream);
}

void
lab_stream_free(LabStream *stream)
{
    if (!stream)
        return;
    if (stream->archive)
        archive_read_free(stream->archive);
    g_free(stream->block);
    g_free(stream->unpacked);
    g_free(stream);
}

const char *
lab_stream_compression(const LabStream *stream)
{
    return stream->compression;
}

gsize
lab_stream_peek(const LabStream *stream, void *bytes, gsize max)
{
    gsize length = MIN(max, stream->length);

    memcpy(bytes, stream->block, length);
    return length;
}

gboolean
lab_stream_read(LabStream *stream, const void **bytes, gsize *length, GError **error)
{
    gssize n;

    if (stream->archive) {
        n = archive_read_data(stream->archive, stream->unpacked, BLOCK_BYTES);
        if (n < 0)
            return set_archive_error(stream, error);
        *bytes = stream->unpacked;
        *length = (gsize)n;
        return TRUE;
    }
    if (!stream->first) {
        n = fill(stream, 0);
        if (n < 0)
            return lab_error_set_errno(error, errno, "reading");
        stream->length = (gsize)n;
    }
    stream->first = FALSE;
    *bytes = stream->block;
    *length = stream->length;
    return TRUE;
}

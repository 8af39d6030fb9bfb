/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading one log, as it is or compressed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-archive.h"
#include "lab-crash-source.h"
#include "lab-error.h"
#include "lab-file.h"

#define BLOCK_BYTES (256u << 10)
/* A line longer than this is handed on in pieces: memory stays constant. */
#define LINE_BYTES (64u << 10)
/* Of a compressed log. */
#define MAX_BYTES (1u << 30)

/* Hands complete lines of 'buffer' to the parser; keeps the rest at its front. */
static void
feed_lines(LabCrashParser *parser, GByteArray *buffer, gboolean end)
{
    gsize start = 0;

    while (start < buffer->len) {
        const guint8 *line = buffer->data + start;
        const guint8 *newline = memchr(line, '\n', buffer->len - start);
        gsize length = newline ? (gsize)(newline - line) : buffer->len - start;

        if (!newline && !end && length < LINE_BYTES)
            break;
        lab_crash_parser_feed(parser, (const char *)line, length);
        start += length + (newline != NULL);
    }
    g_byte_array_remove_range(buffer, 0, (guint)start);
}

/* Blocks until the descriptor ends. */
static gboolean
feed_fd(LabCrashParser *parser, int fd, const char *path, GError **error)
{
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    g_autofree guint8 *block = g_malloc(BLOCK_BYTES);
    ssize_t n;

    while ((n = read(fd, block, BLOCK_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "'%s': %s", path,
                        g_strerror(errno));
            return FALSE;
        }
        g_byte_array_append(buffer, block, (guint)n);
        feed_lines(parser, buffer, FALSE);
    }
    feed_lines(parser, buffer, TRUE);
    return TRUE;
}

static gboolean
is_compressed(int fd)
{
    static const struct {
        const char *magic;
        gsize length;
    } kinds[] = {{"\x1f\x8b", 2},
                 {"\xfd"
                  "7zXZ",
                  5},
                 {"\x28\xb5\x2f\xfd", 4},
                 {"BZh", 3}};
    char head[6] = "";

    if (pread(fd, head, sizeof head, 0) < (ssize_t)sizeof head)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (memcmp(head, kinds[i].magic, kinds[i].length) == 0)
            return TRUE;
    return FALSE;
}

LabCrashLog *
lab_crash_file_read(const char *path, GError **error)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    LAB_AUTO_FD fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                            : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "'%s': %s", path,
                    g_strerror(errno));
        return NULL;
    }
    if (is_compressed(fd)) {
        gsize length;
        g_autofree char *packed = lab_file_read(AT_FDCWD, path, MAX_BYTES, &length, error);
        g_autoptr(GByteArray)
            bytes = packed ? lab_archive_decompress(packed, length, 0, MAX_BYTES, error) : NULL;

        if (!bytes) {
            g_prefix_error(error, "'%s': ", path);
            return NULL;
        }
        feed_lines(parser, bytes, TRUE);
    } else if (!feed_fd(parser, fd, path, error)) {
        return NULL;
    }
    return lab_crash_parser_finish(parser);
}

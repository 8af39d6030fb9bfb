/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-unflatten.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"

#define HEADER_SIZE 4096u
#define RECORD_SIZE 16u
#define CHUNK       (256u << 10)

typedef enum { STATE_MAGIC, STATE_HEADER, STATE_RECORD, STATE_DATA, STATE_PLAIN, STATE_END } State;

struct LabUnflatten {
    int fd;
    guint64 max_bytes;
    State state;
    gboolean failed;
    guint8 pending[HEADER_SIZE]; /* a header or record that has come in part */
    gsize pending_length;
    guint64 offset, left; /* of the record's data */
};

LabUnflatten *
lab_unflatten_new(int fd, guint64 max_bytes)
{
    LabUnflatten *unflatten = g_new0(LabUnflatten, 1);

    unflatten->fd = fd;
    unflatten->max_bytes = MIN(max_bytes, (guint64)G_MAXINT64);
    return unflatten;
}

void
lab_unflatten_free(LabUnflatten *unflatten)
{
    g_free(unflatten);
}

static gint64
big_endian(const guint8 *p)
{
    guint64 value;

    memcpy(&value, p, sizeof value);
    return (gint64)GUINT64_FROM_BE(value);
}

static gboolean
write_at(LabUnflatten *u, const guint8 *bytes, gsize length, GError **error)
{
    if (u->offset > u->max_bytes || length > u->max_bytes - u->offset) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                    "the dump is larger than %" G_GUINT64_FORMAT " bytes", u->max_bytes);
        return FALSE;
    }
    while (length > 0) {
        ssize_t n = pwrite(u->fd, bytes, length, (off_t)u->offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lab_error_set_errno(error, errno, "writing the dump");
        bytes += n;
        length -= (gsize)n;
        u->offset += (guint64)n;
    }
    return TRUE;
}

/* Collects up to 'want' bytes in 'pending'; TRUE when they are there. */
static gboolean
collect(LabUnflatten *u, const guint8 **bytes, gsize *length, gsize want)
{
    gsize n = MIN(want - u->pending_length, *length);

    memcpy(u->pending + u->pending_length, *bytes, n);
    u->pending_length += n;
    *bytes += n;
    *length -= n;
    return u->pending_length == want;
}

static gboolean
refuse(GError **error, const char *why)
{
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "not a dump: %s", why);
    return FALSE;
}

static gboolean
take_magic(LabUnflatten *u, GError **error)
{
    if (memcmp(u->pending, "makedumpfile\0\0\0", 16) == 0) {
        u->state = STATE_HEADER;
        return TRUE;
    }
    if (memcmp(u->pending, "KDUMP   ", 8) != 0 && memcmp(u->pending, "\177ELF", 4) != 0)
        return refuse(error, "neither flattened, nor kdump, nor ELF");
    u->state = STATE_PLAIN;
    u->pending_length = 0;
    return write_at(u, u->pending, 16, error);
}

static gboolean
take_record(LabUnflatten *u, GError **error)
{
    gint64 offset = big_endian(u->pending), size = big_endian(u->pending + 8);

    u->pending_length = 0;
    if (offset == -1 && size == -1) {
        u->state = STATE_END;
        return TRUE;
    }
    if (offset < 0 || size < 0)
        return refuse(error, "a record with a negative offset or size");
    u->offset = (guint64)offset;
    u->left = (guint64)size;
    u->state = size > 0 ? STATE_DATA : STATE_RECORD;
    return TRUE;
}

static gboolean
take_data(LabUnflatten *u, const guint8 **bytes, gsize *length, GError **error)
{
    gsize n = u->state == STATE_PLAIN ? *length : (gsize)MIN(u->left, (guint64)*length);

    if (!write_at(u, *bytes, n, error))
        return FALSE;
    *bytes += n;
    *length -= n;
    if (u->state == STATE_DATA) {
        u->left -= n;
        if (u->left == 0)
            u->state = STATE_RECORD;
    }
    return TRUE;
}

static gboolean
step(LabUnflatten *u, const guint8 **bytes, gsize *length, GError **error)
{
    switch (u->state) {
    case STATE_MAGIC:
        return !collect(u, bytes, length, 16) || take_magic(u, error);
    case STATE_HEADER:
        if (!collect(u, bytes, length, HEADER_SIZE))
            return TRUE;
        if (big_endian(u->pending + 16) != 1 || big_endian(u->pending + 24) != 1)
            return refuse(error, "a flattened format of an unknown type or version");
        u->pending_length = 0;
        u->state = STATE_RECORD;
        return TRUE;
    case STATE_RECORD:
        return !collect(u, bytes, length, RECORD_SIZE) || take_record(u, error);
    case STATE_DATA:
    case STATE_PLAIN:
        return take_data(u, bytes, length, error);
    case STATE_END:
        break;
    }
    *length = 0; /* padding after the end mark is of no interest */
    return TRUE;
}

gboolean
lab_unflatten_feed(LabUnflatten *unflatten, const void *bytes, gsize length, GError **error)
{
    const guint8 *p = bytes;

    if (unflatten->failed)
        return refuse(error, "it failed before");
    while (length > 0 && !unflatten->failed)
        unflatten->failed = !step(unflatten, &p, &length, error);
    return !unflatten->failed;
}

gboolean
lab_unflatten_finish(LabUnflatten *unflatten, GError **error)
{
    if (!unflatten->failed &&
        (unflatten->state == STATE_END || (unflatten->state == STATE_PLAIN && unflatten->offset)))
        return TRUE;
    unflatten->failed = TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "the dump ends in its middle");
    return FALSE;
}

gboolean
lab_unflatten_file(int from, int to, guint64 max_bytes, GError **error)
{
    g_autoptr(LabUnflatten) unflatten = lab_unflatten_new(to, max_bytes);
    g_autofree guint8 *buffer = g_malloc(CHUNK);

    for (;;) {
        ssize_t n = read(from, buffer, CHUNK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lab_error_set_errno(error, errno, "reading the dump");
        if (n == 0)
            return lab_unflatten_finish(unflatten, error);
        if (!lab_unflatten_feed(unflatten, buffer, (gsize)n, error))
            return FALSE;
    }
}

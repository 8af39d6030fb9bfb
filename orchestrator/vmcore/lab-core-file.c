/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of a dump. A flattened file (see lab-unflatten.h for its layout) is not unpacked: one
 * pass over its record headers makes an index from the dump's offsets to the file's.
 *
 * Writers emit runs of records of one size one behind the other (QEMU: 16 KiB each), so the index
 * holds runs: record k of a run is at source + k * (unit + 16). Where records overlap the later one
 * counts (makedumpfile writes headers again at its end).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-core-private.h"
#include "lab-error.h"
#include "lab-file.h"

#define FLAT_HEADER 4096u
#define RECORD      16u
#define MAX_RUNS    400000u

typedef struct {
    guint64 target, source;
    guint64 length; /* of the whole run, in the dump */
    guint64 unit;   /* of a record */
} Run;

/* A part of the dump that one run gives. */
typedef struct {
    guint64 target, end;
    guint32 run;
} Piece;

struct LabCoreFile {
    int fd;
    guint64 bytes; /* on disk */
    guint64 size;  /* of the dump */
    gboolean flattened, cut_off;
    GArray *runs, *pieces;
};

static gsize
read_disk(const LabCoreFile *file, guint64 offset, void *bytes, gsize length)
{
    gsize got = 0;

    if (offset >= file->bytes)
        return 0;
    while (got < length) {
        ssize_t n = pread(file->fd, (char *)bytes + got, length - got, (off_t)(offset + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (gsize)n;
    }
    return got;
}

static guint64
big_endian(const guint8 *bytes)
{
    guint64 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT64_FROM_BE(value);
}

static gboolean
add_record(LabCoreFile *file, guint64 target, guint64 source, guint64 length)
{
    Run *last = file->runs->len ? &g_array_index(file->runs, Run, file->runs->len - 1) : NULL;
    Run run = {target, source, length, length};

    if (last && last->unit == length && last->target + last->length == target &&
        last->source + last->length / last->unit * (last->unit + RECORD) == source) {
        last->length += length;
        return TRUE;
    }
    if (file->runs->len >= MAX_RUNS)
        return FALSE;
    g_array_append_val(file->runs, run);
    return TRUE;
}

/* The record headers, hop by hop. FALSE: more of them than an index should hold. */
static gboolean
read_records(LabCoreFile *file)
{
    guint64 at = FLAT_HEADER;
    guint8 header[RECORD];

    file->cut_off = TRUE;
    while (read_disk(file, at, header, sizeof header) == sizeof header) {
        guint64 target = big_endian(header), length = big_endian(header + 8);

        at += RECORD;
        if (target == G_MAXUINT64 && length == G_MAXUINT64) {
            file->cut_off = FALSE;
            return TRUE;
        }
        if (length == 0 || length > (guint64)G_MAXINT64 || target > (guint64)G_MAXINT64 - length)
            return TRUE; /* damaged: what came before counts */
        length = MIN(length, file->bytes - at);
        if (length == 0)
            return TRUE;
        if (!add_record(file, target, at, length))
            return FALSE;
        file->size = MAX(file->size, target + length);
        at += length;
    }
    return TRUE;
}

static int
compare_runs(gconstpointer a, gconstpointer b, gpointer runs)
{
    const Run *left = &g_array_index((GArray *)runs, Run, *(const guint32 *)a);
    const Run *right = &g_array_index((GArray *)runs, Run, *(const guint32 *)b);

    if (left->target != right->target)
        return left->target < right->target ? -1 : 1;
    return *(const guint32 *)a < *(const guint32 *)b ? -1 : 1;
}

static void
heap_push(GArray *heap, guint32 run)
{
    guint at = heap->len;

    g_array_append_val(heap, run);
    while (at > 0) {
        guint parent = (at - 1) / 2;
        guint32 *items = (guint32 *)(void *)heap->data;

        if (items[parent] >= items[at])
            break;
        run = items[parent];
        items[parent] = items[at];
        items[at] = run;
        at = parent;
    }
}

static void
heap_pop(GArray *heap)
{
    guint32 *items = (guint32 *)(void *)heap->data;
    guint at = 0;

    items[0] = items[heap->len - 1];
    g_array_set_size(heap, heap->len - 1);
    while (2 * at + 1 < heap->len) {
        guint child = 2 * at + 1;
        guint32 kept = items[at];

        if (child + 1 < heap->len && items[child + 1] > items[child])
            child++;
        if (items[child] <= kept)
            break;
        items[at] = items[child];
        items[child] = kept;
        at = child;
    }
}

static void
add_piece(LabCoreFile *file, guint64 from, guint64 to, guint32 run)
{
    Piece *last = file->pieces->len ? &g_array_index(file->pieces, Piece, file->pieces->len - 1)
                                    : NULL;
    Piece piece = {from, to, run};

    if (last && last->run == run && last->end == from)
        last->end = to;
    else if (from < to)
        g_array_append_val(file->pieces, piece);
}

/* Disjoint pieces in the order of the dump: a sweep over the runs, in which of all runs that cover
 * a place the last one (the top of the heap) counts. */
static void
make_pieces(LabCoreFile *file)
{
    g_autoptr(GArray) order = g_array_sized_new(FALSE, FALSE, sizeof(guint32), file->runs->len);
    g_autoptr(GArray) heap = g_array_new(FALSE, FALSE, sizeof(guint32));
    guint64 at = 0;

    for (guint32 i = 0; i < file->runs->len; i++)
        g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_runs, file->runs);
    for (guint next = 0; next < order->len || heap->len > 0;) {
        guint32 index = next < order->len ? g_array_index(order, guint32, next) : 0;
        guint64 start = next < order->len ? g_array_index(file->runs, Run, index).target
                                          : G_MAXUINT64;

        while (heap->len > 0 && at < start) {
            guint32 top = g_array_index(heap, guint32, 0);
            const Run *run = &g_array_index(file->runs, Run, top);
            guint64 end = MIN(run->target + run->length, start);

            if (end > at) {
                add_piece(file, at, end, top);
                at = end;
            }
            if (run->target + run->length <= at)
                heap_pop(heap);
        }
        if (next < order->len) {
            at = start;
            heap_push(heap, index);
            next++;
        }
    }
}

static gboolean
index_flattened(LabCoreFile *file, const char *path, GError **error)
{
    file->flattened = TRUE;
    file->size = 0;
    file->runs = g_array_new(FALSE, FALSE, sizeof(Run));
    file->pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    if (!read_records(file)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                    "'%s': this flattened dump has too many records to be read as it is; rearrange "
                    "it with `makedumpfile -R VMCORE < FILE`",
                    path);
        return FALSE;
    }
    make_pieces(file);
    return TRUE;
}

LabCoreFile *
lab_core_file_open(const char *path, GError **error)
{
    g_autoptr(LabCoreFile) file = g_new0(LabCoreFile, 1);
    guint8 header[32];
    struct stat st;

    /* A FIFO must not hold the reader up. */
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "opening '%s': %s", path,
                    g_strerror(errno));
        return NULL;
    }
    if (fstat(file->fd, &st) < 0) {
        lab_error_set_errno(error, errno, "reading '%s'", path);
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "'%s' is no regular file; store the dump first", path);
        return NULL;
    }
    file->bytes = file->size = (guint64)st.st_size;
    if (read_disk(file, 0, header, sizeof header) == sizeof header &&
        memcmp(header, "makedumpfile", 12) == 0 && big_endian(header + 16) == 1 &&
        !index_flattened(file, path, error))
        return NULL;
    return g_steal_pointer(&file);
}

void
lab_core_file_close(LabCoreFile *file)
{
    if (!file)
        return;
    lab_fd_close(&file->fd);
    g_clear_pointer(&file->runs, g_array_unref);
    g_clear_pointer(&file->pieces, g_array_unref);
    g_free(file);
}

static const Piece *
find_piece(const LabCoreFile *file, guint64 offset)
{
    guint low = 0, high = file->pieces->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Piece *piece = &g_array_index(file->pieces, Piece, middle);

        if (offset >= piece->end)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == file->pieces->len || g_array_index(file->pieces, Piece, low).target > offset)
        return NULL;
    return &g_array_index(file->pieces, Piece, low);
}

static gsize
read_flattened(const LabCoreFile *file, guint64 offset, guint8 *bytes, gsize length)
{
    gsize got = 0;

    while (got < length) {
        const Piece *piece = find_piece(file, offset + got);
        const Run *run;
        guint64 within;
        gsize part, n;

        if (!piece)
            break;
        run = &g_array_index(file->runs, Run, piece->run);
        within = offset + got - run->target;
        part = (gsize)MIN(run->unit - within % run->unit, piece->end - (offset + got));
        part = MIN(part, length - got);
        n = read_disk(file,
                      run->source + within / run->unit * (run->unit + RECORD) + within % run->unit,
                      bytes + got, part);
        got += n;
        if (n < part)
            break;
    }
    return got;
}

gsize
lab_core_file_read(LabCoreFile *file, guint64 offset, void *bytes, gsize length)
{
    if (offset >= file->size)
        return 0;
    length = (gsize)MIN((guint64)length, file->size - offset);
    return file->flattened ? read_flattened(file, offset, bytes, length)
                           : read_disk(file, offset, bytes, length);
}

gboolean
lab_core_file_read_all(LabCoreFile *file, guint64 offset, void *bytes, gsize length)
{
    return lab_core_file_read(file, offset, bytes, length) == length;
}

guint64
lab_core_file_size(const LabCoreFile *file)
{
    return file->size;
}

guint64
lab_core_file_bytes_on_disk(const LabCoreFile *file)
{
    return file->bytes;
}

gboolean
lab_core_file_flattened(const LabCoreFile *file)
{
    return file->flattened;
}

gboolean
lab_core_file_cut_off(const LabCoreFile *file)
{
    return file->cut_off;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdump-compressed dumps. Layout (makedumpfile's diskdump_mod.h and IMPLEMENTATION): a header and a
 * sub-header, each from the start of a block; two bitmaps with a bit a page frame (which is memory;
 * which is in the file); a descriptor for each page in the file, in the order of the frames; data.
 *
 * Bitmaps of large machines are large: they stay in the file. The number of pages before a frame is
 * counted once a block and kept.
 */
#include <elf.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "lab-core-private.h"
#include "lab-error.h"

/* struct disk_dump_header and struct kdump_sub_header of 64-bit machines. */
#define AT_VERSION       8u
#define AT_MACHINE       272u /* utsname.machine: 12 + 4 * 65 */
#define AT_STATUS        424u
#define AT_BLOCK_SIZE    428u
#define AT_SUB_BLOCKS    432u
#define AT_BITMAP_BLOCKS 436u
#define AT_MAX_MAPNR     440u
#define HEADER_SIZE      464u
#define UTS_LENGTH       65u
#define SUB_PHYS_BASE    0u
#define SUB_LEVEL        8u
#define SUB_SPLIT        12u
#define SUB_START_PFN    16u
#define SUB_END_PFN      24u
#define SUB_VMCOREINFO   32u
#define SUB_NOTES        48u
#define SUB_START_PFN_64 80u
#define SUB_END_PFN_64   88u
#define SUB_MAX_MAPNR_64 96u
#define SUB_SIZE         104u

#define STATUS_INCOMPLETE 8u
#define FLAG_ZLIB         1u
#define FLAG_LZO          2u
#define FLAG_SNAPPY       4u
#define FLAG_ZSTD         0x20u

#define MAX_NOTES      (8u << 20)
#define MAX_VMCOREINFO (64u << 10)
#define LAST_PAGES     4096u
#define BITMAP_CHUNK   4096u
#define CHUNK_FRAMES   (BITMAP_CHUNK * 8u)
#define CACHED_CHUNKS  16u
#define MAX_CHUNKS     (1u << 20) /* of frames: 128 TiB of memory in pages of 4 KiB */

typedef struct {
    guint64 offset;
    guint32 size;
    guint32 flags;
    guint64 page_flags;
} Descriptor;

G_STATIC_ASSERT(sizeof(Descriptor) == 24);

typedef struct {
    guint64 max_frame;
    guint64 memory_map, dumped_map; /* offsets in the file */
    guint64 map_bytes;              /* of each */
    guint64 descriptors;
    guint64 first_frame, end_frame; /* of this part of a split dump */
    guint64 before_first;           /* pages of the parts before */
    GArray *counts;                 /* guint64: pages before chunk i; as far as it was counted */
    gboolean map_cut;
    guint64 chunk_at[CACHED_CHUNKS]; /* offset in the file; G_MAXUINT64: empty */
    guint8 chunk[CACHED_CHUNKS][BITMAP_CHUNK];
    guint8 *compressed;
    gsize compressed_room;
    ZSTD_DCtx *zstd;
    guint64 zeros; /* where the page of zeros is that many frames share; 0: not seen */
} Kdump;

/* ---- bitmaps ---- */

/* A chunk of a bitmap; what the file no longer has is zero. */
static const guint8 *
map_chunk(LabCore *core, guint64 map, guint64 index)
{
    Kdump *kdump = core->format_data;
    guint64 offset = map + index * BITMAP_CHUNK;
    guint slot = (guint)((index + (map == kdump->memory_map ? 7u : 0u)) % CACHED_CHUNKS);
    gsize length, got;

    if (kdump->chunk_at[slot] == offset)
        return kdump->chunk[slot];
    length = (gsize)MIN((guint64)BITMAP_CHUNK, kdump->map_bytes - index * BITMAP_CHUNK);
    got = lab_core_file_read(core->file, offset, kdump->chunk[slot], length);
    memset(kdump->chunk[slot] + got, 0, BITMAP_CHUNK - got);
    if (got < length)
        kdump->map_cut = TRUE;
    kdump->chunk_at[slot] = offset;
    return kdump->chunk[slot];
}

static gboolean
map_bit(LabCore *core, guint64 map, guint64 frame)
{
    const guint8 *chunk = map_chunk(core, map, frame / CHUNK_FRAMES);

    return chunk[frame % CHUNK_FRAMES / 8] >> (frame % 8) & 1;
}

static guint
count_bits(const guint8 *bytes, guint bits)
{
    guint n = 0, i = 0;

    for (; i + 64 <= bits; i += 64)
        n += (guint)__builtin_popcountll(lab_core_get64(bytes + i / 8));
    for (; i < bits; i++)
        n += bytes[i / 8] >> (i % 8) & 1;
    return n;
}

/* Pages in the file before 'frame'. */
static guint64
pages_before(LabCore *core, guint64 frame)
{
    Kdump *kdump = core->format_data;
    guint64 index = frame / CHUNK_FRAMES;
    guint64 n;

    while (kdump->counts->len <= index) {
        guint64 last = kdump->counts->len - 1;

        n = g_array_index(kdump->counts, guint64, last) +
            count_bits(map_chunk(core, kdump->dumped_map, last), CHUNK_FRAMES);
        g_array_append_val(kdump->counts, n);
    }
    return g_array_index(kdump->counts, guint64, index) +
           count_bits(map_chunk(core, kdump->dumped_map, index), (guint)(frame % CHUNK_FRAMES));
}

static gboolean
next_page(LabCore *core, guint64 *pfn)
{
    Kdump *kdump = core->format_data;

    for (guint64 frame = MAX(*pfn, kdump->first_frame); frame < kdump->end_frame;) {
        const guint8 *chunk = map_chunk(core, kdump->dumped_map, frame / CHUNK_FRAMES);
        guint within = (guint)(frame % CHUNK_FRAMES);

        while (within < CHUNK_FRAMES && !(chunk[within / 8] >> (within % 8) & 1))
            within += chunk[within / 8] == 0 ? 8 - within % 8 : 1;
        frame = frame / CHUNK_FRAMES * CHUNK_FRAMES + within;
        if (within < CHUNK_FRAMES && frame < kdump->end_frame) {
            *pfn = frame;
            return TRUE;
        }
    }
    return FALSE;
}

/* ---- pages ---- */

static gboolean
unpack_zstd(Kdump *kdump, const guint8 *bytes, gsize length, guint8 *page, gsize size)
{
    size_t n;

    if (!kdump->zstd)
        kdump->zstd = ZSTD_createDCtx();
    n = ZSTD_decompressDCtx(kdump->zstd, page, size, bytes, length);
    return !ZSTD_isError(n) && n == size;
}

static gboolean
unpack(Kdump *kdump, guint32 flags, const guint8 *bytes, gsize length, guint8 *page, gsize size)
{
    uLongf zlib_size = size;
    lzo_uint lzo_size = size;
    size_t snappy_size = size;

    if (flags & FLAG_ZLIB)
        return uncompress(page, &zlib_size, bytes, length) == Z_OK && zlib_size == size;
    if (flags & FLAG_LZO)
        return lzo1x_decompress_safe(bytes, length, page, &lzo_size, NULL) == LZO_E_OK &&
               lzo_size == size;
    if (flags & FLAG_SNAPPY)
        return snappy_uncompress((const char *)bytes, length, (char *)page, &snappy_size) ==
                   SNAPPY_OK &&
               snappy_size == size;
    if (flags & FLAG_ZSTD)
        return unpack_zstd(kdump, bytes, length, page, size);
    if (length != size)
        return FALSE;
    memcpy(page, bytes, size);
    return TRUE;
}

static LabCoreStatus
read_page(LabCore *core, guint64 pfn, guint8 *page)
{
    Kdump *kdump = core->format_data;
    Descriptor descriptor;
    guint64 index;

    memset(page, 0, core->page_size);
    if (pfn >= kdump->max_frame)
        return LAB_CORE_BAD_ADDRESS;
    if (!map_bit(core, kdump->dumped_map, pfn)) {
        if (kdump->map_cut)
            return LAB_CORE_LOST;
        return map_bit(core, kdump->memory_map, pfn) ? LAB_CORE_EXCLUDED : LAB_CORE_BAD_ADDRESS;
    }
    if (pfn < kdump->first_frame || pfn >= kdump->end_frame)
        return LAB_CORE_LOST;
    index = pages_before(core, pfn) - kdump->before_first;
    if (!lab_core_file_read_all(core->file, kdump->descriptors + index * sizeof descriptor,
                                &descriptor, sizeof descriptor))
        return LAB_CORE_LOST;
    descriptor.offset = GUINT64_FROM_LE(descriptor.offset);
    descriptor.size = GUINT32_FROM_LE(descriptor.size);
    descriptor.flags = GUINT32_FROM_LE(descriptor.flags);
    if (descriptor.offset != 0 && descriptor.offset == kdump->zeros)
        return LAB_CORE_OK;
    /* A page that compression makes larger is stored as it is. */
    if (descriptor.offset == 0 || descriptor.size == 0 || descriptor.size > core->page_size ||
        !lab_core_file_read_all(core->file, descriptor.offset, kdump->compressed,
                                descriptor.size) ||
        !unpack(kdump, descriptor.flags, kdump->compressed, descriptor.size, page,
                core->page_size)) {
        memset(page, 0, core->page_size);
        return LAB_CORE_LOST;
    }
    if (page[0] == 0 && memcmp(page, page + 1, core->page_size - 1) == 0)
        kdump->zeros = descriptor.offset;
    return LAB_CORE_OK;
}

static void
kdump_free(gpointer data)
{
    Kdump *kdump = data;

    g_array_unref(kdump->counts);
    ZSTD_freeDCtx(kdump->zstd);
    g_free(kdump->compressed);
    g_free(kdump);
}

static const LabCorePages kdump_pages = {read_page, next_page, kdump_free};

/* ---- headers ---- */

static gboolean
bad(LabCore *core, GError **error, const char *why)
{
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "'%s': %s", core->path, why);
    return FALSE;
}

static void
read_blob(LabCore *core, guint64 offset, guint64 size, gsize max,
          void (*take)(LabCore *core, const guint8 *bytes, gsize length), const char *what)
{
    g_autofree guint8 *bytes = NULL;
    gsize length = (gsize)MIN(size, (guint64)max);
    gsize got;

    if (offset == 0 || size == 0)
        return;
    if (offset >= lab_core_file_size(core->file)) {
        lab_core_missing(core, what, "the file is cut off before it");
        return;
    }
    length = (gsize)MIN((guint64)length, lab_core_file_size(core->file) - offset);
    bytes = g_malloc(length);
    got = lab_core_file_read(core->file, offset, bytes, length);
    take(core, bytes, got);
    if (got < size)
        lab_core_missing(core, what, "the file is cut off or damaged within it");
}

static void
take_vmcoreinfo(LabCore *core, const guint8 *bytes, gsize length)
{
    lab_core_set_vmcoreinfo(core, (const char *)bytes, length);
}

static void
read_sub_header(LabCore *core, Kdump *kdump, guint version, const guint8 *sub)
{
    core->file_phys_base = (gint64)lab_core_get64(sub + SUB_PHYS_BASE);
    core->has_file_phys_base = TRUE;
    if (version >= 1)
        core->dump_level = (int)lab_core_get32(sub + SUB_LEVEL);
    if (core->dump_level > 0xff)
        core->dump_level = -1;
    if (version >= 6)
        kdump->max_frame = lab_core_get64(sub + SUB_MAX_MAPNR_64);
    kdump->end_frame = kdump->max_frame;
    if (version >= 2 && lab_core_get32(sub + SUB_SPLIT) != 0) {
        kdump->first_frame =
            lab_core_get64(sub + (version >= 6 ? SUB_START_PFN_64 : SUB_START_PFN));
        kdump->end_frame = lab_core_get64(sub + (version >= 6 ? SUB_END_PFN_64 : SUB_END_PFN));
        lab_core_missing(core, "memory", "the file is one part of a split dump");
    }
    if (version >= 3)
        read_blob(core, lab_core_get64(sub + SUB_VMCOREINFO),
                  lab_core_get64(sub + SUB_VMCOREINFO + 8), MAX_VMCOREINFO, take_vmcoreinfo,
                  "vmcoreinfo");
    if (version >= 4)
        read_blob(core, lab_core_get64(sub + SUB_NOTES), lab_core_get64(sub + SUB_NOTES + 8),
                  MAX_NOTES, lab_core_notes_parse, "notes");
}

/* The first page's compression stands for the file's. */
static const char *
compression(LabCore *core)
{
    const Kdump *kdump = core->format_data;
    Descriptor descriptor;

    for (guint i = 0; i < 256; i++) {
        if (!lab_core_file_read_all(core->file, kdump->descriptors + i * sizeof descriptor,
                                    &descriptor, sizeof descriptor))
            break;
        descriptor.flags = GUINT32_FROM_LE(descriptor.flags);
        if (descriptor.flags & FLAG_ZLIB)
            return "zlib";
        if (descriptor.flags & FLAG_LZO)
            return "lzo";
        if (descriptor.flags & FLAG_SNAPPY)
            return "snappy";
        if (descriptor.flags & FLAG_ZSTD)
            return "zstd";
    }
    return "not compressed";
}

static void
count_memory(LabCore *core)
{
    Kdump *kdump = core->format_data;
    guint64 chunks = (kdump->max_frame + CHUNK_FRAMES - 1) / CHUNK_FRAMES;
    guint64 memory = 0, dumped = 0;

    for (guint64 i = 0; i < chunks; i++) {
        guint bits = (guint)MIN(kdump->max_frame - i * CHUNK_FRAMES, (guint64)CHUNK_FRAMES);

        memory += count_bits(map_chunk(core, kdump->memory_map, i), bits);
        dumped += count_bits(map_chunk(core, kdump->dumped_map, i), bits);
    }
    core->memory_bytes = memory << core->page_shift;
    core->dumped_bytes = dumped << core->page_shift;
    if (kdump->map_cut)
        lab_core_missing(core, "memory", "the file is cut off within its bitmap");
}

/* The end of the data of the last pages; the very last may share one that came early (zeros). */
static gboolean
last_data(LabCore *core, guint64 pages, guint64 *end)
{
    Kdump *kdump = core->format_data;
    guint n = (guint)MIN(pages, (guint64)LAST_PAGES);
    gsize size = n * sizeof(Descriptor);
    g_autofree Descriptor *last = g_new(Descriptor, n);

    *end = 0;
    if (!lab_core_file_read_all(core->file, kdump->descriptors + (pages - n) * sizeof *last, last,
                                size))
        return FALSE;
    for (guint i = 0; i < n; i++)
        *end = MAX(*end, GUINT64_FROM_LE(last[i].offset) + GUINT32_FROM_LE(last[i].size));
    return TRUE;
}

/* Whether the last page's data is in the file, and the bitmap tells of as many pages as there are
 * descriptors: the data begins right behind them. */
static void
check_whole(LabCore *core, guint status)
{
    Kdump *kdump = core->format_data;
    guint64 pages = core->dumped_bytes >> core->page_shift;
    guint64 end;
    Descriptor first;

    if (status & STATUS_INCOMPLETE)
        lab_core_missing(core, "memory",
                         "makedumpfile could not write all of it (incomplete dump)");
    if (kdump->first_frame > 0 || kdump->end_frame < kdump->max_frame || pages == 0)
        return;
    if (!last_data(core, pages, &end) || end > lab_core_file_size(core->file))
        lab_core_missing(core, "memory", "the file is cut off: pages at its end are not there");
    if (lab_core_file_read_all(core->file, kdump->descriptors, &first, sizeof first) &&
        GUINT64_FROM_LE(first.offset) < kdump->descriptors + pages * sizeof first)
        lab_core_missing(core, "memory", "the file's bitmap is damaged: pages are mixed up");
}

static gboolean
prepare_maps(LabCore *core, Kdump *kdump, guint64 bitmap, guint64 blocks, GError **error)
{
    guint64 one = (kdump->max_frame + 7) / 8;
    guint64 half = (one + core->page_size - 1) / core->page_size;
    guint64 zero = 0;

    if (kdump->max_frame == 0 || kdump->max_frame > (guint64)MAX_CHUNKS * CHUNK_FRAMES)
        return bad(core, error, "a kdump file that is damaged (number of page frames)");
    if (bitmap >= lab_core_file_size(core->file))
        return bad(core, error, "a kdump file that is cut off within its headers");
    /* Old files have one bitmap, of what is in the file. */
    kdump->memory_map = bitmap;
    kdump->dumped_map = blocks >= 2 * half ? bitmap + blocks / 2 * core->page_size : bitmap;
    kdump->map_bytes = MIN(one, blocks * core->page_size);
    /* A number that no map of this file could hold: read what there is. */
    if (kdump->max_frame / 8 > lab_core_file_size(core->file)) {
        kdump->max_frame = lab_core_file_size(core->file) * 8;
        kdump->map_bytes = MIN(kdump->map_bytes, lab_core_file_size(core->file));
    }
    kdump->max_frame = MIN(kdump->max_frame, kdump->map_bytes * 8);
    kdump->end_frame = MIN(kdump->end_frame, kdump->max_frame);
    kdump->first_frame = MIN(kdump->first_frame, kdump->end_frame);
    kdump->descriptors = bitmap + blocks * core->page_size;
    if (kdump->max_frame == 0)
        return bad(core, error, "a kdump file that is damaged (bitmap)");
    for (guint i = 0; i < CACHED_CHUNKS; i++)
        kdump->chunk_at[i] = G_MAXUINT64;
    g_array_append_val(kdump->counts, zero);
    kdump->compressed = g_malloc(core->page_size);
    return TRUE;
}

gboolean
lab_core_kdump_open(LabCore *core, GError **error)
{
    guint8 header[HEADER_SIZE], sub[SUB_SIZE] = {0};
    g_autofree char *machine = NULL;
    guint version, status;
    guint64 sub_blocks, blocks;
    Kdump *kdump;

    if (!lab_core_file_read_all(core->file, 0, header, sizeof header))
        return bad(core, error, "a kdump file that is cut off within its header");
    version = lab_core_get32(header + AT_VERSION);
    core->page_size = lab_core_get32(header + AT_BLOCK_SIZE);
    if (version > 64 || core->page_size < 4096 || core->page_size > (64u << 10) ||
        (core->page_size & (core->page_size - 1)) != 0)
        return bad(core, error,
                   "a kdump file that is damaged, or of a 32-bit or big-endian machine");
    core->page_shift = (guint)g_bit_nth_lsf(core->page_size, -1);
    status = lab_core_get32(header + AT_STATUS);
    sub_blocks = lab_core_get32(header + AT_SUB_BLOCKS);
    blocks = lab_core_get32(header + AT_BITMAP_BLOCKS);
    machine = g_strndup((const char *)header + AT_MACHINE, UTS_LENGTH);
    lab_core_set_machine(core, machine);
    core->format = LAB_CORE_FORMAT_KDUMP;
    kdump = g_new0(Kdump, 1);
    kdump->counts = g_array_new(FALSE, FALSE, sizeof(guint64));
    core->format_data = kdump;
    core->pages = &kdump_pages;
    kdump->max_frame = kdump->end_frame = lab_core_get32(header + AT_MAX_MAPNR);
    if (lab_core_file_read(core->file, core->page_size, sub, sizeof sub) < sizeof sub)
        return bad(core, error, "a kdump file that is cut off within its headers");
    read_sub_header(core, kdump, version, sub);
    if (!prepare_maps(core, kdump, (1 + sub_blocks) * core->page_size, blocks, error))
        return FALSE;
    count_memory(core);
    kdump->before_first = pages_before(core, kdump->first_frame);
    core->format_text = g_strdup_printf("kdump-compressed (%s)", compression(core));
    check_whole(core, status);
    return TRUE;
}

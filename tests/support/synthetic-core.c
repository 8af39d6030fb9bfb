/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "synthetic-core.h"

#include <elf.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define PAGE      SYNTHETIC_PAGE
#define MEMORY    (SYNTHETIC_PAGES * PAGE)
#define AT_TOP    0x1000u /* page tables in pages 1 to 5 */
#define AT_DATA   0x6000u
#define AT_UTS    0x6100u
#define AT_INFO   0x7000u
#define AT_RING   0x8000u /* struct printk_ringbuffer, descriptors, infos */
#define AT_DESCS  0x8100u
#define AT_INFOS  0x8200u
#define AT_TEXT   0x9000u
#define N_DESCS   8u
#define TEXT_SIZE 512u
#define N_NESTED  66u

static const char *const lines[] = {
    "Linux version 6.1.0-test (lab@test) (gcc) #1 SMP TEST",
    "Command line: console=ttyS0",
    "filler of the ring, which the newer lines push out of it",
    "smp: Brought up 1 node, 2 CPUs",
    "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "CPU: 1 PID: 42 Comm: victim Kdump: loaded Tainted: G        W  O       6.1.0-test #1",
    "RIP: 0010:lab_crash+0x10/0x20 [lab]",
    "two\nlines \x01 and a byte",
    "Call Trace:",
    " do_syscall_64+0x3b/0x90",
    " entry_SYSCALL_64_after_hwframe+0x64/0xce",
    "Kernel panic - not syncing: Fatal exception",
};

static void
put(guint8 *memory, gsize at, guint64 value, gsize size)
{
    value = GUINT64_TO_LE(value);
    memcpy(memory + at, &value, size);
}

static guint64
stamp_of(guint line)
{
    return (line + 1) * G_GUINT64_CONSTANT(1234567890);
}

static guint64
physical(guint64 offset)
{
    return SYNTHETIC_PHYS_BASE + offset;
}

static guint64
virtual_of(guint64 offset)
{
    return SYNTHETIC_TEXT + offset;
}

/* The kernel's image, page by page, and the direct map in one piece of 1 GiB. */
static void
make_tables(guint8 *memory)
{
    put(memory, AT_TOP + 511 * 8, physical(0x2000) | 3, 8);
    put(memory, 0x2000 + 510 * 8, physical(0x3000) | 3, 8);
    put(memory, 0x3000, physical(0x4000) | 3, 8);
    for (guint i = 0; i < SYNTHETIC_PAGES; i++)
        put(memory, 0x4000 + i * 8, physical(i * PAGE) | 3, 8);
    put(memory, AT_TOP + 273 * 8, physical(0x5000) | 3, 8);
    put(memory, 0x5000, 0x83, 8);
}

static void
make_uts(guint8 *memory)
{
    static const char *const fields[] = {"Linux",       "testnode", "6.1.0-test",
                                         "#1 SMP TEST", "x86_64",   "(none)"};

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        memcpy(memory + AT_UTS + 4 + i * 65, fields[i], strlen(fields[i]));
}

/* What prb_reserve() and prb_commit() leave behind (kernel/printk/printk_ringbuffer.c). */
static void
make_ring(guint8 *memory)
{
    guint64 head = 0;

    put(memory, AT_DATA, virtual_of(AT_RING), 8);
    put(memory, AT_RING, 3, 4);
    put(memory, AT_RING + 8, virtual_of(AT_DESCS), 8);
    put(memory, AT_RING + 16, virtual_of(AT_INFOS), 8);
    put(memory, AT_RING + 24, G_N_ELEMENTS(lines) - 1, 8);
    put(memory, AT_RING + 32, G_N_ELEMENTS(lines) - N_DESCS, 8);
    put(memory, AT_RING + 48, 9, 4);
    put(memory, AT_RING + 56, virtual_of(AT_TEXT), 8);
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        gsize length = strlen(lines[i]), block = (8 + length + 7) & ~(gsize)7;
        guint64 begin = head, at = head % TEXT_SIZE;
        gsize desc = AT_DESCS + i % N_DESCS * 24, info = AT_INFOS + i % N_DESCS * 88;

        head += block;
        if (begin / TEXT_SIZE != head / TEXT_SIZE) {
            head = head / TEXT_SIZE * TEXT_SIZE + block;
            at = 0;
        }
        put(memory, AT_TEXT + at, i, 8);
        memcpy(memory + AT_TEXT + at + 8, lines[i], length);
        put(memory, desc, i | (G_GUINT64_CONSTANT(2) << 62), 8);
        put(memory, desc + 8, begin, 8);
        put(memory, desc + 16, head, 8);
        put(memory, info, i, 8);
        put(memory, info + 8, stamp_of(i), 8);
        put(memory, info + 16, length, 2);
        put(memory, info + 20, i % 4 == 3 ? 0x80000001u : 42, 4);
    }
}

/* log_store() of kernel/printk.c in 3.10, in a buffer that has wrapped. */
static guint
make_log_buf(guint8 *memory)
{
    guint at = 0, first = 0;

    put(memory, AT_DATA + 8, virtual_of(AT_TEXT), 8);
    put(memory, AT_DATA + 16, TEXT_SIZE, 4);
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        guint length = (guint)strlen(lines[i]), size = (16 + length + 3) & ~3u;

        if (at + size + 16 >= TEXT_SIZE) {
            put(memory, AT_TEXT + at + 8, 0, 2);
            at = 0;
        }
        /* What the record overwrites is gone. */
        while (first < i) {
            guint from = (guint)memory[AT_DATA + 0x40 + first * 2] |
                         (guint)memory[AT_DATA + 0x41 + first * 2] << 8;

            if (from >= at + size || from < at)
                break;
            first++;
        }
        put(memory, AT_DATA + 0x40 + i * 2, at, 2);
        put(memory, AT_TEXT + at, stamp_of(i), 8);
        put(memory, AT_TEXT + at + 8, size, 2);
        put(memory, AT_TEXT + at + 10, length, 2);
        put(memory, AT_TEXT + at + 12, 0, 4);
        memcpy(memory + AT_TEXT + at + 16, lines[i], length);
        at += size;
    }
    memcpy(memory + AT_DATA + 24, memory + AT_DATA + 0x40 + first * 2, 2);
    put(memory, AT_DATA + 28, at, 4);
    return first;
}

static char *
make_info(const Synthetic *what)
{
    GString *text = g_string_new("OSRELEASE=6.1.0-test\nPAGESIZE=4096\n");

#define SYMBOL(name, offset) \
    g_string_append_printf(text, "SYMBOL(" name ")=%" G_GINT64_MODIFIER "x\n", virtual_of(offset))
    SYMBOL("init_uts_ns", AT_UTS);
    SYMBOL("init_top_pgt", AT_TOP);
    if (!what->no_base)
        g_string_append_printf(text, "NUMBER(phys_base)=%d\n", SYNTHETIC_PHYS_BASE);
    g_string_append(text, "KERNELOFFSET=1800000\n");
    if (what->log_buf) {
        SYMBOL("log_buf", AT_DATA + 8);
        SYMBOL("log_buf_len", AT_DATA + 16);
        SYMBOL("log_first_idx", AT_DATA + 24);
        SYMBOL("log_next_idx", AT_DATA + 28);
        g_string_append(text, "SIZE(log)=16\nOFFSET(log.ts_nsec)=0\nOFFSET(log.len)=8\n"
                              "OFFSET(log.text_len)=10\nOFFSET(log.dict_len)=12\n");
    } else {
        SYMBOL("prb", AT_DATA);
        g_string_append(
            text,
            "OFFSET(printk_ringbuffer.desc_ring)=0\n"
            "OFFSET(printk_ringbuffer.text_data_ring)=48\nOFFSET(prb_desc_ring.count_bits)=0\n"
            "OFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"
            "OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\n"
            "SIZE(prb_desc)=24\nOFFSET(prb_desc.state_var)=0\n"
            "OFFSET(prb_desc.text_blk_lpos)=8\nOFFSET(prb_data_blk_lpos.begin)=0\n"
            "OFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=88\n"
            "OFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\n"
            "OFFSET(printk_info.caller_id)=20\nOFFSET(prb_data_ring.size_bits)=0\n"
            "OFFSET(prb_data_ring.data)=8\n");
    }
    g_string_append(text, "CRASHTIME=1700000000\n");
    return g_string_free(text, FALSE);
}

static guint8 *
make_memory(const Synthetic *what, const char *info)
{
    guint8 *memory = g_malloc0(MEMORY);

    make_tables(memory);
    make_uts(memory);
    if (what->log_buf)
        make_log_buf(memory);
    else
        make_ring(memory);
    memcpy(memory + AT_INFO, info, strlen(info));
    return memory;
}

/* ---- notes ---- */

static void
add_note(GByteArray *notes, const char *name, guint type, const void *bytes, gsize length)
{
    static const guint8 zeros[4];
    Elf64_Nhdr header = {(guint)strlen(name) + 1, (guint)length, type};

    g_byte_array_append(notes, (const guint8 *)&header, sizeof header);
    g_byte_array_append(notes, (const guint8 *)name, header.n_namesz);
    g_byte_array_append(notes, zeros, -notes->len & 3);
    g_byte_array_append(notes, bytes, (guint)length);
    g_byte_array_append(notes, zeros, -notes->len & 3);
}

static GByteArray *
make_notes(const Synthetic *what, const char *info)
{
    GByteArray *notes = g_byte_array_new();

    for (guint cpu = 0; cpu < 2; cpu++) {
        guint8 status[336] = {0};

        put(status, 32, 41 + cpu, 4);
        put(status, 112 + 16 * 8, virtual_of(0x100 + cpu), 8);
        put(status, 112 + 19 * 8, SYNTHETIC_DIRECT + 0xa000, 8);
        add_note(notes, "CORE", NT_PRSTATUS, status, sizeof status);
    }
    if (!what->no_note)
        add_note(notes, "VMCOREINFO", 0, info, strlen(info));
    return notes;
}

/* ---- files ---- */

static GByteArray *
make_elf(const Synthetic *what, const guint8 *memory, const GByteArray *notes)
{
    GByteArray *file = g_byte_array_new();
    Elf64_Ehdr ehdr = {.e_type = ET_CORE,
                       .e_machine = EM_X86_64,
                       .e_version = EV_CURRENT,
                       .e_phoff = 192, /* as QEMU 7.2 has it */
                       .e_ehsize = sizeof ehdr,
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 2 + N_NESTED};
    Elf64_Phdr headers[2 + N_NESTED] = {
        {.p_type = PT_NOTE, .p_offset = 0x1000, .p_filesz = notes->len, .p_memsz = notes->len},
        {.p_type = PT_LOAD,
         .p_offset = 0x3000,
         .p_vaddr = what->no_base ? 0 : SYNTHETIC_DIRECT + SYNTHETIC_PHYS_BASE,
         .p_paddr = SYNTHETIC_PHYS_BASE,
         .p_filesz = SYNTHETIC_EXCLUDED * PAGE,
         .p_memsz = MEMORY},
    };

    /* Segments within the large one, as `dump-guest-memory -p` makes them of mappings. */
    for (guint i = 0; i < N_NESTED; i++)
        headers[2 + i] = (Elf64_Phdr){.p_type = PT_LOAD,
                                      .p_offset = 0x3000 + AT_DATA + i * 8,
                                      .p_paddr = SYNTHETIC_PHYS_BASE + AT_DATA + i * 8,
                                      .p_filesz = 8,
                                      .p_memsz = 8};
    G_STATIC_ASSERT(192 + sizeof headers <= 0x1000);
    memcpy(ehdr.e_ident, ELFMAG, SELFMAG);
    ehdr.e_ident[EI_CLASS] = ELFCLASS64;
    ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
    ehdr.e_ident[EI_VERSION] = EV_CURRENT;
    g_byte_array_set_size(file, 0x3000);
    memset(file->data, 0, file->len);
    memcpy(file->data, &ehdr, sizeof ehdr);
    memcpy(file->data + 192, headers, sizeof headers);
    g_assert(notes->len <= 0x2000);
    memcpy(file->data + 0x1000, notes->data, notes->len);
    g_byte_array_append(file, memory, SYNTHETIC_EXCLUDED * PAGE);
    return file;
}

static guint
compress_page(SyntheticFormat format, const guint8 *page, guint8 *out, gsize *length)
{
    uLongf zlib_length = *length;
    size_t snappy_length = *length;
    lzo_uint lzo_length = *length;

    switch (format) {
    case SYNTHETIC_ZLIB:
        g_assert(compress(out, &zlib_length, page, PAGE) == Z_OK);
        *length = zlib_length;
        return 1;
    case SYNTHETIC_LZO: {
        g_autofree void *work = g_malloc(LZO1X_1_MEM_COMPRESS);

        g_assert(lzo1x_1_compress(page, PAGE, out, &lzo_length, work) == LZO_E_OK);
        *length = lzo_length;
        return 2;
    }
    case SYNTHETIC_SNAPPY:
        g_assert(snappy_compress((const char *)page, PAGE, (char *)out, &snappy_length) ==
                 SNAPPY_OK);
        *length = snappy_length;
        return 4;
    case SYNTHETIC_ZSTD:
        *length = ZSTD_compress(out, *length, page, PAGE, 1);
        g_assert(!ZSTD_isError(*length));
        return 0x20;
    default:
        memcpy(out, page, PAGE);
        *length = PAGE;
        return 0;
    }
}

static void
set_bits(guint8 *map, guint n)
{
    guint first = SYNTHETIC_PHYS_BASE / PAGE;

    for (guint i = first; i < first + n; i++)
        map[i / 8] |= (guint8)(1u << (i % 8));
}

/* Blocks: header, sub-header (with vmcoreinfo and notes behind it), two bitmaps, descriptors. */
static GByteArray *
make_kdump(const Synthetic *what, const guint8 *memory, const GByteArray *notes, const char *info)
{
    GByteArray *file = g_byte_array_new();
    guint frames = SYNTHETIC_PHYS_BASE / PAGE + SYNTHETIC_PAGES;
    gsize sub = PAGE, maps = 4 * PAGE, descriptors = maps + 2 * PAGE;
    gsize at_notes = sub + 2048;

    g_byte_array_set_size(file, (guint)descriptors + SYNTHETIC_EXCLUDED * 24);
    memset(file->data, 0, file->len);
    memcpy(file->data, "KDUMP   ", 8);
    put(file->data, 8, 6, 4);
    memcpy(file->data + 272, "x86_64", 6);
    put(file->data, 428, PAGE, 4);
    put(file->data, 432, 3, 4);
    put(file->data, 436, 2, 4);
    put(file->data, 440, frames, 4);
    put(file->data, sub, what->no_base ? 0x7000000 : SYNTHETIC_PHYS_BASE, 8);
    put(file->data, sub + 8, 31, 4);
    put(file->data, sub + 96, frames, 8);
    if (!what->no_note) {
        put(file->data, sub + 32, sub + 128, 8);
        put(file->data, sub + 40, strlen(info), 8);
        g_assert(strlen(info) <= 2048 - 128);
        memcpy(file->data + sub + 128, info, strlen(info));
    }
    put(file->data, sub + 48, at_notes, 8);
    put(file->data, sub + 56, notes->len, 8);
    memcpy(file->data + at_notes, notes->data, notes->len);
    set_bits(file->data + maps, SYNTHETIC_PAGES);
    set_bits(file->data + maps + PAGE, SYNTHETIC_EXCLUDED);
    for (guint i = 0; i < SYNTHETIC_EXCLUDED; i++) {
        guint8 out[2 * PAGE];
        gsize length = sizeof out;
        guint flags = compress_page(what->format, memory + i * PAGE, out, &length);
        gsize descriptor = descriptors + i * 24;

        put(file->data, descriptor, file->len, 8);
        put(file->data, descriptor + 8, length, 4);
        put(file->data, descriptor + 12, flags, 4);
        g_byte_array_append(file, out, (guint)length);
    }
    return file;
}

static void
put_record(GByteArray *flat, gint64 offset, gint64 size, const guint8 *bytes)
{
    gint64 header[2] = {GINT64_TO_BE(offset), GINT64_TO_BE(size)};

    g_byte_array_append(flat, (const guint8 *)header, sizeof header);
    if (size > 0)
        g_byte_array_append(flat, bytes, (guint)size);
}

/* The start, then a wrong second half, then the right one in small pieces, at last the first half.
 */
static GByteArray *
flatten(const GByteArray *file)
{
    static const char magic[16] = "makedumpfile";
    GByteArray *flat = g_byte_array_new();
    gint64 numbers[2] = {GINT64_TO_BE(1), GINT64_TO_BE(1)};
    g_autofree guint8 *wrong = g_malloc0(file->len);
    guint half = file->len / 2 / 512 * 512;

    g_byte_array_append(flat, (const guint8 *)magic, sizeof magic);
    g_byte_array_append(flat, (const guint8 *)numbers, sizeof numbers);
    g_byte_array_set_size(flat, PAGE);
    memset(flat->data + 32, 0, PAGE - 32);
    put_record(flat, 0, 3 * PAGE, file->data);
    put_record(flat, half, file->len - half, wrong);
    for (guint at = half; at < file->len; at += 512)
        put_record(flat, at, MIN(512, file->len - at), file->data + at);
    put_record(flat, 100, half - 100, file->data + 100);
    put_record(flat, -1, -1, NULL);
    return flat;
}

GByteArray *
synthetic_core(const Synthetic *what)
{
    g_autofree char *info = make_info(what);
    g_autofree guint8 *memory = make_memory(what, info);
    g_autoptr(GByteArray) notes = make_notes(what, info);
    g_autoptr(GByteArray) file = what->format == SYNTHETIC_ELF
                                     ? make_elf(what, memory, notes)
                                     : make_kdump(what, memory, notes, info);

    return what->flattened ? flatten(file) : g_steal_pointer(&file);
}

char *
synthetic_log(const Synthetic *what, gboolean callers)
{
    g_autofree guint8 *scratch = g_malloc0(MEMORY);
    guint first = what->log_buf ? make_log_buf(scratch) : G_N_ELEMENTS(lines) - N_DESCS;
    GString *text = g_string_new(NULL);

    for (guint i = first; i < G_N_ELEMENTS(lines); i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], "\n", -1);
        g_autofree char *time = g_strdup_printf("[%5u.%06u]", (guint)(stamp_of(i) / 1000000000),
                                                (guint)(stamp_of(i) % 1000000000 / 1000));
        const char *caller = what->log_buf || !callers ? "" : i % 4 == 3 ? "[    C1]" : "[   T42]";

        for (guint j = 0; parts[j]; j++) {
            g_auto(GStrv) pieces = g_strsplit(parts[j], "\x01", -1);
            g_autofree char *clean = g_strjoinv("\\x01", pieces);

            if (j == 0 || callers)
                g_string_append_printf(text, "%s%s %s\n", time, caller, clean);
            else
                g_string_append_printf(text, "%*s%s\n", (int)strlen(time) + 1, "", clean);
        }
    }
    return g_string_free(text, FALSE);
}

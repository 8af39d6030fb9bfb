/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF dumps: /proc/vmcore, `makedumpfile -E`, QEMU's. Program headers are taken from where e_phoff
 * says (QEMU 7.2 and later put them behind the section headers). Memory that is in a segment but
 * not in the file (p_memsz over p_filesz) was filtered out.
 */
#include <elf.h>
#include <string.h>

#include "lab-core-private.h"
#include "lab-error.h"

#define MAX_HEADERS      (256u << 10)
#define MAX_NOTES        (8u << 20)
#define MAX_WALK_BACK    64u
#define START_KERNEL_MAP G_GUINT64_CONSTANT(0xffffffff80000000)
#define KERNEL_HALF      G_GUINT64_CONSTANT(0xff00000000000000)

typedef struct {
    guint64 address, offset, file_size, size, reach; /* reach: the end of all segments up to here */
} Segment;

/* What the file really has of a segment. */
typedef struct {
    guint64 address, reach;
} Stored;

typedef struct {
    Segment *segments; /* by address */
    Stored *stored;    /* by address, too */
    guint n, n_stored;
} Elf;

static const Segment *
find_segment(const Elf *elf, guint64 address)
{
    guint low = 0, high = elf->n;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (elf->segments[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* Segments may lie in one another (/proc/vmcore has the kernel's text twice). */
    for (guint i = 0; i < MAX_WALK_BACK && low > 0; i++, low--) {
        const Segment *segment = &elf->segments[low - 1];

        if (address - segment->address < segment->size)
            return segment;
        if (segment->reach <= address)
            return NULL;
    }
    return NULL;
}

static LabCoreStatus
read_page(LabCore *core, guint64 pfn, guint8 *page)
{
    const Elf *elf = core->format_data;
    guint64 address = pfn << core->page_shift;
    gsize at = 0;

    memset(page, 0, core->page_size);
    if (!find_segment(elf, address) && !find_segment(elf, address + core->page_size - 1))
        return LAB_CORE_BAD_ADDRESS;
    /* Segments need not begin and end with a page. */
    while (at < core->page_size) {
        const Segment *segment = find_segment(elf, address + at);
        guint64 within;
        gsize part, room;

        if (!segment) {
            at += 8;
            continue;
        }
        within = address + at - segment->address;
        part = (gsize)MIN(segment->size - within, (guint64)(core->page_size - at));
        if (within >= segment->file_size)
            return LAB_CORE_EXCLUDED;
        room = (gsize)MIN(segment->file_size - within, (guint64)part);
        if (!lab_core_file_read_all(core->file, segment->offset + within, page + at, room))
            return LAB_CORE_LOST;
        at += part;
    }
    return LAB_CORE_OK;
}

static gboolean
next_page(LabCore *core, guint64 *pfn)
{
    const Elf *elf = core->format_data;
    guint64 address = *pfn << core->page_shift;
    guint low = 0, high = elf->n_stored;

    /* The first part whose reach is behind the address is itself behind it. */
    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (elf->stored[middle].reach <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == elf->n_stored)
        return FALSE;
    *pfn = MAX(address, elf->stored[low].address) >> core->page_shift;
    return TRUE;
}

static void
elf_free(gpointer data)
{
    Elf *elf = data;

    g_free(elf->segments);
    g_free(elf->stored);
    g_free(elf);
}

static const LabCorePages elf_pages = {read_page, next_page, elf_free};

static int
compare_segments(gconstpointer a, gconstpointer b)
{
    const Segment *left = a, *right = b;

    if (left->address != right->address)
        return left->address < right->address ? -1 : 1;
    return left->file_size < right->file_size ? -1 : left->file_size > right->file_size;
}

/* What the addresses of a segment tell of where the kernel lies. */
static void
learn_addresses(LabCore *core, const Elf64_Phdr *header)
{
    if (header->p_vaddr >= START_KERNEL_MAP && core->arch == LAB_CORE_ARCH_X86_64) {
        core->file_phys_base = (gint64)(header->p_paddr - (header->p_vaddr - START_KERNEL_MAP));
        core->has_file_phys_base = TRUE;
    } else if (header->p_vaddr >= KERNEL_HALF && core->file_direct_map == 0) {
        core->file_direct_map = header->p_vaddr - header->p_paddr;
    }
}

static void
add_stored(LabCore *core, Elf *elf)
{
    guint64 size = lab_core_file_size(core->file), reach = 0;

    elf->stored = g_new(Stored, MAX(elf->n, 1));
    for (guint i = 0; i < elf->n; i++) {
        const Segment *segment = &elf->segments[i];
        guint64 there = segment->offset < size ? MIN(segment->file_size, size - segment->offset)
                                               : 0;

        if (there == 0)
            continue;
        reach = MAX(reach, segment->address + there);
        elf->stored[elf->n_stored++] = (Stored){segment->address, reach};
    }
}

static void
add_segments(LabCore *core, Elf *elf, const Elf64_Phdr *headers, guint n)
{
    guint64 reach = 0, end = 0;
    gboolean cut = FALSE;

    elf->segments = g_new(Segment, MAX(n, 1));
    for (guint i = 0; i < n; i++) {
        const Elf64_Phdr *header = &headers[i];
        Segment *segment = &elf->segments[elf->n];

        if (header->p_type != PT_LOAD || header->p_memsz == 0 ||
            header->p_paddr > G_MAXUINT64 - header->p_memsz ||
            header->p_offset > (guint64)G_MAXINT64)
            continue;
        *segment = (Segment){header->p_paddr, header->p_offset,
                             MIN(header->p_filesz, header->p_memsz), header->p_memsz, 0};
        cut |= segment->file_size > lab_core_file_size(core->file) ||
               segment->offset > lab_core_file_size(core->file) - segment->file_size;
        learn_addresses(core, header);
        elf->n++;
    }
    qsort(elf->segments, elf->n, sizeof *elf->segments, compare_segments);
    for (guint i = 0; i < elf->n; i++) {
        Segment *segment = &elf->segments[i];

        reach = MAX(reach, segment->address + segment->size);
        segment->reach = reach;
        if (segment->address + segment->size > end) {
            guint64 from = MAX(segment->address, end);

            core->memory_bytes += segment->address + segment->size - from;
            if (segment->address + segment->file_size > from)
                core->dumped_bytes += segment->address + segment->file_size - from;
            end = segment->address + segment->size;
        }
    }
    add_stored(core, elf);
    if (cut)
        lab_core_missing(core, "memory", "the file is cut off: its segments reach over its end");
}

static void
read_notes(LabCore *core, const Elf64_Phdr *header)
{
    gsize length = (gsize)MIN(header->p_filesz, (guint64)MAX_NOTES);
    g_autofree guint8 *bytes = NULL;
    gsize got;

    if (header->p_offset >= lab_core_file_size(core->file))
        length = 0;
    else
        length = (gsize)MIN((guint64)length, lab_core_file_size(core->file) - header->p_offset);
    bytes = g_malloc(MAX(length, 1));
    got = lab_core_file_read(core->file, header->p_offset, bytes, length);
    lab_core_notes_parse(core, bytes, got);
    if (got < header->p_filesz)
        lab_core_missing(core, "notes", "the file is cut off within them");
}

static gboolean
bad(LabCore *core, GError **error, const char *why)
{
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "'%s': %s", core->path, why);
    return FALSE;
}

/* e_phnum is PN_XNUM and section 0 has the number where there are more (gABI, chapter 5). */
static guint
count_headers(LabCore *core, const Elf64_Ehdr *ehdr)
{
    Elf64_Shdr section;

    if (ehdr->e_phnum != PN_XNUM)
        return ehdr->e_phnum;
    if (ehdr->e_shoff == 0 ||
        !lab_core_file_read_all(core->file, ehdr->e_shoff, &section, sizeof section))
        return ehdr->e_phnum;
    return MIN(section.sh_info, MAX_HEADERS);
}

static const char *
machine_name(guint machine)
{
    switch (machine) {
    case EM_X86_64:
        return "x86_64";
    case EM_AARCH64:
        return "aarch64";
    case EM_PPC64:
        return "ppc64le";
    case EM_RISCV:
        return "riscv64";
    case 258: /* EM_LOONGARCH */
        return "loongarch64";
    default:
        return "unknown";
    }
}

gboolean
lab_core_elf_open(LabCore *core, GError **error)
{
    g_autofree Elf64_Phdr *headers = NULL;
    Elf64_Ehdr ehdr;
    Elf *elf;
    guint n;
    gsize got;

    if (!lab_core_file_read_all(core->file, 0, &ehdr, sizeof ehdr))
        return bad(core, error, "an ELF file that is cut off within its header");
    if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
        return bad(core, error, "only dumps of 64-bit little-endian machines can be read");
    if (ehdr.e_type != ET_CORE)
        return bad(core, error, "an ELF file, but no core");
    n = count_headers(core, &ehdr);
    if (n == 0 || ehdr.e_phentsize != sizeof *headers)
        return bad(core, error, "a core without program headers, or with odd ones");
    n = MIN(n, MAX_HEADERS);
    n = (guint)MIN((guint64)n, lab_core_file_size(core->file) / sizeof *headers);
    headers = g_new(Elf64_Phdr, MAX(n, 1));
    got = lab_core_file_read(core->file, ehdr.e_phoff, headers, n * sizeof *headers);
    if (got / sizeof *headers < n)
        lab_core_missing(core, "memory", "the file is cut off within its program headers");
    n = (guint)(got / sizeof *headers);
    core->format = LAB_CORE_FORMAT_ELF;
    core->format_text = g_strdup("ELF");
    lab_core_set_machine(core, machine_name(ehdr.e_machine));
    elf = g_new0(Elf, 1);
    core->format_data = elf;
    core->pages = &elf_pages;
    add_segments(core, elf, headers, n);
    for (guint i = 0; i < n; i++)
        if (headers[i].p_type == PT_NOTE)
            read_notes(core, &headers[i]);
    if (elf->n == 0 && core->cpus->len == 0 && !core->vmcoreinfo)
        return bad(core, error, "a core with neither memory nor notes");
    return TRUE;
}

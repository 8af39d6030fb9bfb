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
#define START_KERNEL_MAP G_GUINT64_CONSTANT(0xffffffff80000000)
#define KERNEL_HALF      G_GUINT64_CONSTANT(0xff00000000000000)

/* Physical memory [address, end), at 'offset' of the file where it is in it. */
typedef struct {
    guint64 address, end, offset;
} Range;

/* Segments overlap (/proc/vmcore has the kernel's text twice, `dump-guest-memory -p` each mapping
 * of a page); these are sorted and disjoint. */
typedef struct {
    GArray *memory;  /* Range: what is memory */
    GArray *claimed; /* Range: what should be in the file */
    GArray *stored;  /* Range: what the file reaches */
} Elf;

static int
compare_ranges(gconstpointer a, gconstpointer b)
{
    const Range *left = a, *right = b;

    if (left->address != right->address)
        return left->address < right->address ? -1 : 1;
    return left->end > right->end ? -1 : left->end < right->end;
}

/* Sorts, and takes from each range what none before it has. */
static void
make_disjoint(GArray *ranges)
{
    guint64 end = 0;
    guint n = 0;

    g_array_sort(ranges, compare_ranges);
    for (guint i = 0; i < ranges->len; i++) {
        Range range = g_array_index(ranges, Range, i);

        if (range.end <= end)
            continue;
        if (range.address < end) {
            range.offset += end - range.address;
            range.address = end;
        }
        end = range.end;
        g_array_index(ranges, Range, n++) = range;
    }
    g_array_set_size(ranges, n);
}

/* The first range that ends behind the address, or NULL. */
static const Range *
find_range(const GArray *ranges, guint64 address)
{
    guint low = 0, high = ranges->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(ranges, Range, middle).end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ranges->len ? &g_array_index(ranges, Range, low) : NULL;
}

static gboolean
meets(const GArray *ranges, guint64 address, guint64 end)
{
    const Range *range = find_range(ranges, address);

    return address < end && range && range->address < end;
}

static LabCoreStatus
read_page(LabCore *core, guint64 pfn, guint8 *page)
{
    const Elf *elf = core->format_data;
    guint64 start = pfn << core->page_shift, end = start + core->page_size, at = start;

    memset(page, 0, core->page_size);
    /* Segments need not begin and end with a page. */
    while (at < end) {
        const Range *range = find_range(elf->stored, at);
        guint64 from = range ? MIN(MAX(range->address, at), end) : end, to;

        if (meets(elf->claimed, at, from))
            return LAB_CORE_LOST;
        if (meets(elf->memory, at, from))
            return LAB_CORE_EXCLUDED;
        if (from == end)
            return at == start ? LAB_CORE_BAD_ADDRESS : LAB_CORE_OK;
        to = MIN(range->end, end);
        if (!lab_core_file_read_all(core->file, range->offset + (from - range->address),
                                    page + (from - start), (gsize)(to - from)))
            return LAB_CORE_LOST;
        at = to;
    }
    return LAB_CORE_OK;
}

static gboolean
next_page(LabCore *core, guint64 *pfn)
{
    const Elf *elf = core->format_data;
    guint64 address = *pfn << core->page_shift;
    const Range *range = find_range(elf->stored, address);

    if (!range)
        return FALSE;
    *pfn = MAX(address, range->address) >> core->page_shift;
    return TRUE;
}

static void
elf_free(gpointer data)
{
    Elf *elf = data;

    g_array_unref(elf->memory);
    g_array_unref(elf->claimed);
    g_array_unref(elf->stored);
    g_free(elf);
}

static const LabCorePages elf_pages = {read_page, next_page, elf_free};

static Elf *
elf_new(void)
{
    Elf *elf = g_new0(Elf, 1);

    elf->memory = g_array_new(FALSE, FALSE, sizeof(Range));
    elf->claimed = g_array_new(FALSE, FALSE, sizeof(Range));
    elf->stored = g_array_new(FALSE, FALSE, sizeof(Range));
    return elf;
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
add_range(GArray *ranges, guint64 address, guint64 length, guint64 offset)
{
    Range range = {address, address + length, offset};

    if (length > 0)
        g_array_append_val(ranges, range);
}

static guint64
count_bytes(const GArray *ranges)
{
    guint64 bytes = 0;

    for (guint i = 0; i < ranges->len; i++)
        bytes += g_array_index(ranges, Range, i).end - g_array_index(ranges, Range, i).address;
    return bytes;
}

static void
add_segments(LabCore *core, Elf *elf, const Elf64_Phdr *headers, guint n)
{
    guint64 size = lab_core_file_size(core->file);

    for (guint i = 0; i < n; i++) {
        const Elf64_Phdr *header = &headers[i];
        guint64 claimed = MIN(header->p_filesz, header->p_memsz);

        if (header->p_type != PT_LOAD || header->p_paddr > G_MAXUINT64 - header->p_memsz ||
            header->p_offset > (guint64)G_MAXINT64)
            continue;
        add_range(elf->memory, header->p_paddr, header->p_memsz, 0);
        add_range(elf->claimed, header->p_paddr, claimed, header->p_offset);
        if (header->p_offset < size)
            add_range(elf->stored, header->p_paddr, MIN(claimed, size - header->p_offset),
                      header->p_offset);
        learn_addresses(core, header);
    }
    make_disjoint(elf->memory);
    make_disjoint(elf->claimed);
    make_disjoint(elf->stored);
    core->memory_bytes = count_bytes(elf->memory);
    core->dumped_bytes = count_bytes(elf->claimed);
    if (count_bytes(elf->stored) < core->dumped_bytes)
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
    elf = elf_new();
    core->format_data = elf;
    core->pages = &elf_pages;
    add_segments(core, elf, headers, n);
    for (guint i = 0; i < n; i++)
        if (headers[i].p_type == PT_NOTE)
            read_notes(core, &headers[i]);
    if (elf->memory->len == 0 && core->cpus->len == 0 && !core->vmcoreinfo)
        return bad(core, error, "a core with neither memory nor notes");
    return TRUE;
}

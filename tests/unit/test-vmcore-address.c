/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The direct map found in page tables that were made up, and ELF dumps that get its addresses. */
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "lab-direct-map.h"
#include "lab-elf-address.h"
#include "lab-error.h"

#define PAGE        4096u
#define MEMORY      (64u * PAGE)
#define TOP         (16u * PAGE)
#define BASE4       G_GUINT64_CONSTANT(0xffff9a3440000000)
#define BASE5       G_GUINT64_CONSTANT(0xff24f1a9c0000000)
#define DATA_OFFSET PAGE
#define TEXT_BASE   G_GUINT64_CONSTANT(0xffffffff80000000)

typedef struct {
    guint8 *memory; /* MEMORY bytes: the guest's, from physical address 0 */
    guint next;     /* page for the next table */
    char *path;
    int fd;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->memory = g_malloc0(MEMORY);
    f->next = TOP / PAGE + 1;
    f->fd = g_file_open_tmp("kreglab-test-XXXXXX", &f->path, NULL);
    g_assert_cmpint(f->fd, >=, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    unlink(f->path);
    g_free(f->path);
    g_free(f->memory);
}

static gboolean
read_memory(gpointer data, guint64 address, void *bytes, gsize length)
{
    Fixture *f = data;

    if (address > MEMORY || length > MEMORY - address)
        return FALSE;
    memcpy(bytes, f->memory + address, length);
    return TRUE;
}

static guint64 *
entry_at(Fixture *f, guint64 table, guint64 virtual, guint level)
{
    return (guint64 *)(gpointer)(f->memory + table) + (virtual >> (12 + 9 * (level - 1)) & 511);
}

/* Maps 'virtual' to 'physical' by an entry of a table of 'leaf' level: 1 to 3. */
static void
map(Fixture *f, guint levels, guint leaf, guint64 virtual, guint64 physical)
{
    guint64 table = TOP;

    for (guint level = levels; level > leaf; level--) {
        guint64 *entry = entry_at(f, table, virtual, level);

        if (!*entry)
            *entry = (guint64)f->next++ * PAGE | 0x63;
        table = *entry & ~(guint64)(PAGE - 1);
    }
    g_assert_cmpuint(f->next, <=, MEMORY / PAGE);
    /* No-execute and the memory's other bits must not come into the address. */
    *entry_at(f, table, virtual, leaf) = physical | 0x63 | ((guint64)1 << 63) |
                                         (leaf > 1 ? 0x80 : 0);
}

static guint64
find(Fixture *f, gboolean five_levels)
{
    g_autoptr(GError) error = NULL;
    guint64 base = 1;

    lab_direct_map_find(read_memory, f, TOP, five_levels, &base, &error);
    g_assert_no_error(error);
    return base;
}

static void
refused(Fixture *f, guint64 top, gboolean five_levels, GQuark domain, const char *word)
{
    g_autoptr(GError) error = NULL;
    guint64 base = 1;

    g_assert_false(lab_direct_map_find(read_memory, f, top, five_levels, &base, &error));
    g_assert_true(error && error->domain == domain);
    g_assert_nonnull(strstr(error->message, word));
    g_assert_cmpuint(base, ==, 1);
}

static void
test_levels(Fixture *f, gconstpointer data)
{
    for (guint leaf = 1; leaf <= 3; leaf++)
        for (guint levels = 4; levels <= 5; levels++) {
            guint64 base = levels == 5 ? BASE5 : BASE4;

            memset(f->memory, 0, MEMORY);
            f->next = TOP / PAGE + 1;
            if (leaf == 1) /* page 0 may be missing; the first page says the same */
                map(f, levels, leaf, base + PAGE, PAGE);
            map(f, levels, leaf, base + (leaf == 1 ? TOP : 0), leaf == 1 ? TOP : 0);
            map(f, levels, 2, TEXT_BASE, 0); /* the kernel's text is not the direct map */
            g_assert_cmphex(find(f, levels == 5), ==, base);
        }
}

/* A mapping below that is something else (LDT remap) is passed over. */
static void
test_other_mapping(Fixture *f, gconstpointer data)
{
    map(f, 4, 1, G_GUINT64_CONSTANT(0xffff880000000000), 5 * PAGE);
    map(f, 4, 2, BASE4, 0);
    g_assert_cmphex(find(f, FALSE), ==, BASE4);
}

static void
test_no_map(Fixture *f, gconstpointer data)
{
    refused(f, TOP, FALSE, LAB_DATA_ERROR, "no direct map");
    refused(f, TOP + 1, FALSE, LAB_DATA_ERROR, "outside");
    refused(f, MEMORY, FALSE, LAB_DATA_ERROR, "outside");
    refused(f, G_MAXUINT64 & ~(guint64)(PAGE - 1), FALSE, LAB_DATA_ERROR, "outside");
    map(f, 4, 2, TEXT_BASE, 0); /* text alone */
    refused(f, TOP, FALSE, LAB_DATA_ERROR, "no direct map");
    map(f, 4, 2, BASE4 + (2u << 20), 0); /* no multiple of 1 GiB */
    refused(f, TOP, FALSE, LAB_DATA_ERROR, "no direct map");
    map(f, 4, 2, BASE4, (guint64)1 << 51); /* above its own address space; wraps */
    refused(f, TOP, FALSE, LAB_DATA_ERROR, "no direct map");
}

/* Tables that hold each other, without an end: at five levels 2^45 paths. */
static void
test_loops(Fixture *f, gconstpointer data)
{
    guint64 *top = (guint64 *)(gpointer)(f->memory + TOP);
    guint64 *table = (guint64 *)(gpointer)(f->memory + TOP + PAGE);
    guint64 *last = (guint64 *)(gpointer)(f->memory + TOP + 2 * PAGE);

    for (guint i = 0; i < 512; i++)
        top[i] = (TOP + PAGE) | 1;
    for (guint i = 0; i < 512; i++)
        table[i] = (TOP + (i % 2 ? 1 : 2) * PAGE) | 1;
    for (guint i = 0; i < 512; i++)
        last[i] = i % 2 ? (TOP + 2 * PAGE) | 1 : G_MAXUINT64 & ~(guint64)0x80;
    refused(f, TOP, TRUE, LAB_DATA_ERROR, "no direct map");
    refused(f, TOP, FALSE, LAB_DATA_ERROR, "no direct map");
    for (guint i = 0; i < 512; i++)
        top[i] = TOP | 1;
    for (gsize i = 0; i < MEMORY; i += 8)
        memcpy(f->memory + i, top, 8); /* the top table is every table */
    refused(f, TOP, TRUE, LAB_DATA_ERROR, "no direct map");
}

/* A file of two segments of memory, [0, 32 pages) and the rest, and QEMU's note. */
static void
write_dump(Fixture *f, guint16 machine, const char *note_text)
{
    Elf64_Ehdr ehdr = {.e_type = ET_CORE,
                       .e_machine = machine,
                       .e_phoff = sizeof ehdr,
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 3};
    struct {
        Elf64_Nhdr qemu;
        char qemu_name[8], qemu_data[4];
        Elf64_Nhdr info;
        char info_name[12], info_data[512];
    } notes = {.qemu = {5, 1, 0},
               .qemu_name = "QEMU",
               .info = {11, note_text ? (Elf64_Word)strlen(note_text) : 0, 0},
               .info_name = "VMCOREINFO"};
    gsize notes_size = note_text ? sizeof notes : offsetof(__typeof__(notes), info);
    guint64 half = MEMORY / 2;
    Elf64_Phdr headers[3] = {
        {.p_type = PT_NOTE, .p_offset = 512, .p_filesz = notes_size},
        {.p_type = PT_LOAD, .p_offset = DATA_OFFSET, .p_filesz = half, .p_memsz = half},
        {.p_type = PT_LOAD,
         .p_offset = DATA_OFFSET + half,
         .p_paddr = half,
         .p_filesz = half,
         .p_memsz = half},
    };

    memcpy(ehdr.e_ident, ELFMAG, SELFMAG);
    ehdr.e_ident[EI_CLASS] = ELFCLASS64;
    ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
    if (note_text)
        memcpy(notes.info_data, note_text, strlen(note_text));
    g_assert_cmpint(ftruncate(f->fd, 0), ==, 0);
    g_assert_cmpint(pwrite(f->fd, &ehdr, sizeof ehdr, 0), ==, sizeof ehdr);
    g_assert_cmpint(pwrite(f->fd, headers, sizeof headers, sizeof ehdr), ==, sizeof headers);
    g_assert_cmpint(pwrite(f->fd, &notes, notes_size, 512), ==, notes_size);
    g_assert_cmpint(pwrite(f->fd, f->memory, MEMORY, DATA_OFFSET), ==, MEMORY);
}

/* phys_base moves the tables from where their symbol says by -1 MiB. */
#define INFO(l5)                                                                           \
    "OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=ffffffff80110000\nNUMBER(phys_base)=-1048576\n" \
    "NUMBER(pgtable_l5_enabled)=" l5 "\n"

static void
read_headers(Fixture *f, Elf64_Phdr headers[3])
{
    gsize size = 3 * sizeof *headers;

    g_assert_cmpint(pread(f->fd, headers, size, sizeof(Elf64_Ehdr)), ==, size);
}

static void
check_addressed(Fixture *f, guint64 base)
{
    g_autoptr(GError) error = NULL;
    Elf64_Phdr headers[3];

    lab_elf_address(f->path, &error);
    g_assert_no_error(error);
    read_headers(f, headers);
    g_assert_cmphex(headers[1].p_vaddr, ==, base);
    g_assert_cmphex(headers[2].p_vaddr, ==, base + MEMORY / 2);
}

static void
test_address(Fixture *f, gconstpointer data)
{
    map(f, 4, 2, BASE4, 0);
    write_dump(f, EM_X86_64, INFO("0"));
    check_addressed(f, BASE4);
    memset(f->memory, 0, MEMORY);
    f->next = TOP / PAGE + 1;
    map(f, 5, 2, BASE5, 0);
    write_dump(f, EM_X86_64, INFO("1"));
    check_addressed(f, BASE5);
}

/* vmcoreinfo from memory: a stale copy and a page that lies about its size come first; the real one
 * reaches over a page's end and over no segment's. */
static void
test_scan(Fixture *f, gconstpointer data)
{
    static const char stale[] = "OSRELEASE=5.1\nSYMBOL(swapper_pg_dir)=ffffffff80001000\n"
                                "NUMBER(phys_base)=0\n";
    const Elf64_Nhdr lies = {11, G_MAXUINT32, 0};
    const Elf64_Nhdr old = {11, sizeof stale - 1, 0}, real = {11, sizeof INFO("0") - 1, 0};
    const guint8 *notes[] = {f->memory + 2 * PAGE, f->memory + 4 * PAGE, f->memory + 60 * PAGE};
    char found[sizeof INFO("0")] = {0};
    Elf64_Phdr headers[3];

    map(f, 4, 2, BASE4, 0);
    memcpy((void *)notes[0], &lies, sizeof lies);
    memcpy((void *)notes[1], &old, sizeof old);
    memcpy((void *)notes[2], &real, sizeof real);
    for (gsize i = 0; i < G_N_ELEMENTS(notes); i++) {
        memcpy((char *)notes[i] + sizeof real, "VMCOREINFO", 11);
        strcpy((char *)notes[i] + sizeof real + 12, i == 1 ? stale : INFO("0"));
    }
    write_dump(f, EM_X86_64, NULL);
    check_addressed(f, BASE4);
    read_headers(f, headers);
    g_assert_cmpuint(headers[0].p_offset, >=, DATA_OFFSET + MEMORY);
    g_assert_cmpuint(headers[0].p_filesz, >, 24 + 24 + real.n_descsz - 1);
    g_assert_cmpint(pread(f->fd, found, real.n_descsz, (off_t)headers[0].p_offset + 24 + 24), ==,
                    real.n_descsz);
    g_assert_cmpstr(found, ==, INFO("0"));
    /* What was added is found among the notes the next time. */
    check_addressed(f, BASE4);
    read_headers(f, headers + 0);
    g_assert_cmpuint(headers[0].p_filesz, <, 1024);
}

static void
bad_dump(Fixture *f, const char *word)
{
    g_autoptr(GError) error = NULL;
    guint8 before[512], after[512] = {0};

    g_assert_cmpint(pread(f->fd, before, sizeof before, 0), ==, sizeof before);
    g_assert_false(lab_elf_address(f->path, &error));
    g_assert_true(error->domain == LAB_DATA_ERROR);
    if (!strstr(error->message, word))
        g_error("'%s' does not say '%s'", error->message, word);
    g_assert_cmpint(pread(f->fd, after, sizeof after, 0), ==, sizeof after);
    g_assert_cmpmem(before, sizeof before, after, sizeof after);
}

static void
test_bad(Fixture *f, gconstpointer data)
{
    write_dump(f, EM_X86_64, NULL);
    bad_dump(f, "no vmcoreinfo");
    write_dump(f, EM_X86_64, INFO("0"));
    bad_dump(f, "no direct map");
    write_dump(f, EM_AARCH64, INFO("0"));
    bad_dump(f, "x86-64");
    write_dump(f, EM_X86_64, "OSRELEASE=6.1\nNUMBER(phys_base)=0\n");
    bad_dump(f, "does not name");
    write_dump(f, EM_X86_64, "OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=1000\nNUMBER(phys_base)=99\n");
    bad_dump(f, "does not name");
    write_dump(f, EM_X86_64,
               "OSRELEASE=6.1\nSYMBOL(init_top_pgt)=ffffffffffffffff\n"
               "NUMBER(phys_base)=9223372036854775807\n");
    bad_dump(f, "outside");
    write_dump(f, EM_X86_64, INFO("0"));
    g_assert_cmpint(ftruncate(f->fd, DATA_OFFSET + MEMORY - 1), ==, 0);
    bad_dump(f, "cut short");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/vmcore/" name, Fixture, NULL, set_up, function, tear_down)
    ADD("direct-map/levels", test_levels);
    ADD("direct-map/other-mapping", test_other_mapping);
    ADD("direct-map/none", test_no_map);
    ADD("direct-map/loops", test_loops);
    ADD("address/notes", test_address);
    ADD("address/scan", test_scan);
    ADD("address/bad", test_bad);
    return g_test_run();
}

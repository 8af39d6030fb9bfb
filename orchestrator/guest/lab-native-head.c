/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-native-head.h"

#include <elf.h>
#include <string.h>

#include "lab-error.h"

/* Documentation/arch/x86/boot.rst: the number of setup sectors, where 0 means 4. */
#define SETUP_SECTS     0x1f1
#define SETUP_SIGNATURE 0x202
#define SECTOR          512u
/* xen/include/public/elfnote.h; QEMU's read_pvh_start_addr() looks for it */
#define PHYS32_ENTRY 18
#define LOAD_BYTES   64

typedef struct {
    Elf64_Ehdr header;
    Elf64_Phdr load, note;
    Elf64_Nhdr note_header;
    char note_name[4];
    guint64 note_entry;
    char bytes[LOAD_BYTES];
} Image;

static GBytes *
unsupported(const char *kernel, const char *why, GError **error)
{
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                "'%s' cannot be a clone's kernel: %s", kernel, why);
    return NULL;
}

/* The entry in one note segment; 0: not there. */
static guint64
entry_in(const guint8 *bytes, gsize length)
{
    while (length >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        gsize name, data;

        memcpy(&note, bytes, sizeof note);
        name = ((gsize)note.n_namesz + 3) & ~(gsize)3;
        data = ((gsize)note.n_descsz + 3) & ~(gsize)3;
        if (name > length || data > length || sizeof note + name + data > length)
            return 0;
        if (note.n_type == PHYS32_ENTRY && note.n_descsz <= 8 && note.n_namesz == 4 &&
            memcmp(bytes + sizeof note, "Xen", 4) == 0) {
            guint64 entry = 0;

            memcpy(&entry, bytes + sizeof note + name, note.n_descsz);
            return entry;
        }
        bytes += sizeof note + name + data;
        length -= sizeof note + name + data;
    }
    return 0;
}

static guint64
find_entry(const guint8 *bytes, gsize length, const Elf64_Ehdr *header)
{
    guint64 entry = 0;

    for (guint i = 0; entry == 0 && i < header->e_phnum; i++) {
        guint64 at = header->e_phoff + (guint64)i * sizeof(Elf64_Phdr);
        Elf64_Phdr program;

        if (at > length || length - at < sizeof program)
            return 0;
        memcpy(&program, bytes + at, sizeof program);
        if (program.p_type == PT_NOTE && program.p_offset <= length &&
            program.p_filesz <= length - program.p_offset)
            entry = entry_in(bytes + program.p_offset, program.p_filesz);
    }
    return entry;
}

static GBytes *
elf_head(const char *kernel, const guint8 *bytes, gsize length, GError **error)
{
    Image image = {0};
    guint64 entry;

    if (length < sizeof image.header || bytes[EI_CLASS] != ELFCLASS64)
        return unsupported(kernel, "it is no 64-bit ELF file", error);
    memcpy(&image.header, bytes, sizeof image.header);
    entry = find_entry(bytes, length, &image.header);
    if (entry == 0)
        return unsupported(kernel, "it has no PVH entry", error);
    image.header.e_phoff = offsetof(Image, load);
    image.header.e_phentsize = sizeof(Elf64_Phdr);
    image.header.e_phnum = 2;
    image.header.e_shoff = 0;
    image.header.e_shnum = image.header.e_shstrndx = 0;
    image.load = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_flags = PF_R | PF_X,
                              .p_offset = offsetof(Image, bytes),
                              .p_vaddr = entry,
                              .p_paddr = entry,
                              .p_filesz = LOAD_BYTES,
                              .p_memsz = LOAD_BYTES,
                              .p_align = 1};
    image.note = (Elf64_Phdr){.p_type = PT_NOTE,
                              .p_flags = PF_R,
                              .p_offset = offsetof(Image, note_header),
                              .p_filesz = offsetof(Image, bytes) - offsetof(Image, note_header),
                              .p_align = 4};
    image.note.p_memsz = image.note.p_filesz;
    image.note_header = (Elf64_Nhdr){4, sizeof image.note_entry, PHYS32_ENTRY};
    memcpy(image.note_name, "Xen", 4);
    image.note_entry = entry;
    return g_bytes_new(&image, sizeof image);
}

GBytes *
lab_native_head(const char *kernel, GError **error)
{
    g_autoptr(GMappedFile) file = g_mapped_file_new(kernel, FALSE, error);
    const guint8 *bytes;
    gsize length, sectors;

    if (!file)
        return NULL;
    bytes = (const guint8 *)g_mapped_file_get_contents(file);
    length = g_mapped_file_get_length(file);
    if (length > SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
        return elf_head(kernel, bytes, length, error);
    if (length < 2 * SECTOR || memcmp(bytes + SETUP_SIGNATURE, "HdrS", 4) != 0)
        return unsupported(kernel, "it is neither a bzImage nor an ELF file", error);
    sectors = bytes[SETUP_SECTS] ? bytes[SETUP_SECTS] : 4;
    /* The boot sector, the setup, and a sector of what follows. */
    return g_bytes_new(bytes, MIN(length, (1 + sectors + 1) * SECTOR));
}

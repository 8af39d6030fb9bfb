/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-kernel.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <string.h>
#include <sys/stat.h>

#define ROOM (16u << 20)

static void
append(GByteArray *bytes, const void *data, gsize length)
{
    g_byte_array_append(bytes, data, (guint)length);
}

static void
append_zeros(GByteArray *bytes, gsize length)
{
    guint old = bytes->len;

    g_byte_array_set_size(bytes, old + (guint)length);
    memset(bytes->data + old, 0, length);
}

static void
put_u16(guint8 *p, guint value)
{
    p[0] = (guint8)value;
    p[1] = (guint8)(value >> 8);
}

static void
put_u32(guint8 *p, guint32 value)
{
    put_u16(p, value & 0xffff);
    put_u16(p + 2, value >> 16);
}

static GByteArray *
pack(const FakeFile *files, int format, int filter)
{
    struct archive *writer = archive_write_new();
    g_autofree char *buffer = g_malloc(ROOM);
    GByteArray *bytes = g_byte_array_new();
    size_t used = 0;

    g_assert_cmpint(archive_write_set_format(writer, format), ==, ARCHIVE_OK);
    g_assert_cmpint(archive_write_add_filter(writer, filter), >=, ARCHIVE_WARN);
    if (filter == ARCHIVE_FILTER_GZIP) /* the same bytes every time */
        g_assert_cmpint(archive_write_set_filter_option(writer, "gzip", "timestamp", NULL), ==,
                        ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(writer, 1);
    g_assert_cmpint(archive_write_open_memory(writer, buffer, ROOM, &used), ==, ARCHIVE_OK);
    for (; files->path; files++) {
        struct archive_entry *entry = archive_entry_new();

        archive_entry_set_pathname(entry, files->path);
        archive_entry_set_filetype(entry, S_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)files->length);
        g_assert_cmpint(archive_write_header(writer, entry), >=, ARCHIVE_WARN);
        if (files->length > 0)
            g_assert_cmpint(archive_write_data(writer, files->data, files->length), ==,
                            files->length);
        archive_entry_free(entry);
    }
    g_assert_cmpint(archive_write_close(writer), ==, ARCHIVE_OK);
    archive_write_free(writer);
    append(bytes, buffer, used);
    return bytes;
}

GByteArray *
fake_compress(const void *data, gsize length, int filter)
{
    const FakeFile files[] = {{"data", data, length}, {NULL}};

    return pack(files, ARCHIVE_FORMAT_RAW, filter);
}

static void
append_note(GByteArray *bytes, const char *name, guint32 type, const void *data, gsize length)
{
    guint8 head[12];

    put_u32(head, (guint32)strlen(name) + 1);
    put_u32(head + 4, (guint32)length);
    put_u32(head + 8, type);
    append(bytes, head, sizeof head);
    append(bytes, name, strlen(name) + 1);
    append_zeros(bytes, -bytes->len & 3);
    append(bytes, data, length);
    append_zeros(bytes, -bytes->len & 3);
}

GByteArray *
fake_vmlinux(const char *release, const char *config)
{
    GByteArray *bytes = g_byte_array_new();
    g_autofree char *banner =
        g_strdup_printf("Linux version %s (lab@test) (gcc 12) #1 SMP Test 1\n", release);
    guint32 entry = 0x1000000;
    Elf64_Ehdr header = {.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT};
    Elf64_Phdr notes = {.p_type = PT_NOTE};

    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_phoff = sizeof header;
    header.e_phnum = 1;
    header.e_phentsize = sizeof notes;
    append_zeros(bytes, sizeof header + sizeof notes);
    notes.p_offset = bytes->len;
    append_note(bytes, "Xen", 18, &entry, sizeof entry);
    append_note(bytes, "GNU", NT_GNU_BUILD_ID, "0123456789abcdefghij", 20);
    notes.p_filesz = bytes->len - notes.p_offset;
    memcpy(bytes->data, &header, sizeof header);
    memcpy(bytes->data + sizeof header, &notes, sizeof notes);
    append(bytes, "Linux version %s (%s)", 22);
    append(bytes, banner, strlen(banner) + 1);
    if (config) {
        g_autoptr(GByteArray) packed = fake_compress(config, strlen(config), ARCHIVE_FILTER_GZIP);

        append(bytes, "IKCFG_ST", 8);
        append(bytes, packed->data, packed->len);
        append(bytes, "IKCFG_ED", 8);
    }
    return bytes;
}

GByteArray *
fake_bzimage(const char *release, const GByteArray *payload, int filter)
{
    g_autoptr(GByteArray) packed = fake_compress(payload->data, payload->len, filter);
    g_autofree char *version = g_strdup_printf("%s (lab@test) #1 SMP Test 1", release);
    GByteArray *bytes = g_byte_array_new();
    guint8 size[4];

    /* Two setup sectors after the first; the version lies in the second. */
    append_zeros(bytes, 3 * 512);
    bytes->data[0x1f1] = 2;
    put_u16(bytes->data + 0x1fe, 0xaa55);
    memcpy(bytes->data + 0x202, "HdrS", 4);
    put_u16(bytes->data + 0x206, 0x020f);
    put_u16(bytes->data + 0x20e, 0x400 - 0x200);
    g_strlcpy((char *)bytes->data + 0x400, version, 200);
    put_u32(bytes->data + 0x248, 64);
    append_zeros(bytes, 64);
    append(bytes, packed->data, packed->len);
    put_u32(size, payload->len);
    if (filter != ARCHIVE_FILTER_GZIP)
        append(bytes, size, 4);
    put_u32(bytes->data + 0x24c, packed->len + (filter != ARCHIVE_FILTER_GZIP ? 4 : 0));
    append(bytes, "the end of a bzImage", 20);
    return bytes;
}

static void
append_ar_member(GByteArray *ar, const char *name, const void *data, gsize length)
{
    g_autofree char *header =
        g_strdup_printf("%-16s%-12d%-6d%-6d%-8o%-10u`\n", name, 0, 0, 0, 0100644u, (guint)length);

    append(ar, header, 60);
    append(ar, data, length);
    if (length % 2)
        append(ar, "\n", 1);
}

GByteArray *
fake_deb(const char *name, const char *version, const FakeFile *files, int filter)
{
    g_autofree char *control = g_strdup_printf(
        "Package: %s\nVersion: %s\nArchitecture: amd64\nDescription: a kernel\n for tests\n", name,
        version);
    const FakeFile control_files[] = {{"./control", control, strlen(control)}, {NULL}};
    g_autoptr(GByteArray)
        first = pack(control_files, ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP);
    g_autoptr(GByteArray) second = pack(files, ARCHIVE_FORMAT_TAR_USTAR, filter);
    GByteArray *deb = g_byte_array_new();

    append(deb, "!<arch>\n", 8);
    append_ar_member(deb, "debian-binary", "2.0\n", 4);
    append_ar_member(deb, "control.tar.gz", first->data, first->len);
    append_ar_member(deb, "data.tar", second->data, second->len);
    return deb;
}

static void
put_be32(GByteArray *bytes, guint32 value)
{
    guint8 p[4] = {(guint8)(value >> 24), (guint8)(value >> 16), (guint8)(value >> 8),
                   (guint8)value};

    append(bytes, p, 4);
}

/* A header of string tags, and the changelog's arrays of one entry. */
static void
append_rpm_header(GByteArray *rpm, const guint32 *tags, const guint32 *types,
                  const char *const *values, guint count)
{
    g_autoptr(GByteArray) store = g_byte_array_new();
    g_autoptr(GByteArray) index = g_byte_array_new();

    for (guint i = 0; i < count; i++) {
        if (types[i] == 4)
            append_zeros(store, -store->len & 3);
        put_be32(index, tags[i]);
        put_be32(index, types[i]);
        put_be32(index, store->len);
        put_be32(index, 1);
        if (types[i] == 4)
            put_be32(store, (guint32)g_ascii_strtoull(values[i], NULL, 10));
        else
            append(store, values[i], strlen(values[i]) + 1);
    }
    append(rpm, "\x8e\xad\xe8\x01\0\0\0\0", 8);
    put_be32(rpm, count);
    put_be32(rpm, store->len);
    append(rpm, index->data, index->len);
    append(rpm, store->data, store->len);
}

GByteArray *
fake_rpm(const char *name, const char *version, const char *release, const FakeFile *files,
         int filter)
{
    static const guint32 tags[] = {1000, 1001, 1002, 1080, 1081, 1082};
    static const guint32 types[] = {6, 6, 6, 4, 8, 8};
    const char *const values[] = {name,         version,          release,
                                  "1700000000", "Lab <lab@test>", "- a change"};
    g_autoptr(GByteArray) payload = pack(files, ARCHIVE_FORMAT_CPIO_SVR4_NOCRC, filter);
    GByteArray *rpm = g_byte_array_new();

    /* The lead (rpm's lib/rpmlead.h): magic, version 3.0, binary, x86-64, name, signature type 5.
     */
    append(rpm, "\xed\xab\xee\xdb\x03\0\0\0\0\x01", 10);
    append(rpm, name, MIN(strlen(name), 65));
    append_zeros(rpm, 96 - rpm->len);
    rpm->data[79] = 5;
    append_rpm_header(rpm, tags, types, values, 0);
    append_zeros(rpm, -rpm->len & 7);
    append_rpm_header(rpm, tags, types, values, G_N_ELEMENTS(tags));
    append(rpm, payload->data, payload->len);
    return rpm;
}

/* Sections: none, .modinfo, .shstrtab. */
GByteArray *
fake_module(const char *name, const char *release)
{
    static const char names[] = "\0.modinfo\0.shstrtab";
    g_autofree char *info =
        g_strdup_printf("name=%s%cvermagic=%s SMP mod_unload%c", name, 1, release, 1);
    gsize info_length = strlen(info);
    GByteArray *bytes = g_byte_array_new();
    Elf64_Ehdr header = {.e_type = ET_REL, .e_machine = EM_X86_64, .e_version = EV_CURRENT};
    Elf64_Shdr sections[3] = {{0}};

    g_strdelimit(info, "\001", '\0');
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_ehsize = sizeof header;
    header.e_shentsize = sizeof sections[0];
    header.e_shnum = G_N_ELEMENTS(sections);
    header.e_shstrndx = 2;
    append_zeros(bytes, sizeof header);
    sections[1] = (Elf64_Shdr){.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = bytes->len};
    sections[1].sh_size = info_length;
    append(bytes, info, info_length);
    sections[2] = (Elf64_Shdr){.sh_name = 10, .sh_type = SHT_STRTAB, .sh_offset = bytes->len};
    sections[2].sh_size = sizeof names;
    append(bytes, names, sizeof names);
    append_zeros(bytes, -bytes->len & 7);
    header.e_shoff = bytes->len;
    append(bytes, sections, sizeof sections);
    memcpy(bytes->data, &header, sizeof header);
    return bytes;
}

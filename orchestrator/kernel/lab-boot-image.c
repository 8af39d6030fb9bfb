/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-boot-image.h"

#include <elf.h>
#include <string.h>

#include "lab-archive.h"
#include "lab-error.h"
#include "lab-kernel.h"

/* Offsets of the setup header (boot.rst). */
#define OFFSET_SETUP_SECTS    0x1f1
#define OFFSET_BOOT_FLAG      0x1fe
#define OFFSET_MAGIC          0x202
#define OFFSET_PROTOCOL       0x206
#define OFFSET_KERNEL_VERSION 0x20e
#define OFFSET_PAYLOAD        0x248
#define OFFSET_PAYLOAD_LENGTH 0x24c
#define HEADER_END            0x250
#define PROTOCOL_WITH_PAYLOAD 0x0208

#define XEN_ELFNOTE_PHYS32_ENTRY 18

static guint16
get_u16(const guint8 *p)
{
    return (guint16)(p[0] | p[1] << 8);
}

static guint32
get_u32(const guint8 *p)
{
    return (guint32)p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
}

gboolean
lab_bzimage_is(const void *data, gsize length)
{
    const guint8 *image = data;

    return length >= HEADER_END && get_u16(image + OFFSET_BOOT_FLAG) == 0xaa55 &&
           memcmp(image + OFFSET_MAGIC, "HdrS", 4) == 0;
}

/* The text at 'start' up to NUL, newline or 'max' bytes; NULL if a byte is not printable ASCII. */
static char *
printable_text(const guint8 *start, gsize max)
{
    gsize n = 0;

    while (n < max && start[n] != '\0' && start[n] != '\n') {
        if (start[n] < 0x20 || start[n] > 0x7e)
            return NULL;
        n++;
    }
    return n > 0 && n < max ? g_strndup((const char *)start, n) : NULL;
}

char *
lab_bzimage_version_text(const void *data, gsize length)
{
    const guint8 *image = data;
    gsize offset;

    if (!lab_bzimage_is(data, length))
        return NULL;
    offset = get_u16(image + OFFSET_KERNEL_VERSION);
    if (offset == 0 || offset + 0x200 >= length)
        return NULL;
    return printable_text(image + 0x200 + offset, MIN(length - 0x200 - offset, 512));
}

GByteArray *
lab_bzimage_unpack(const void *data, gsize length, GError **error)
{
    const guint8 *image = data;
    GByteArray *out;
    guint64 start;
    guint64 size;
    guint32 expected;

    if (!lab_bzimage_is(data, length)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "not an x86 bzImage");
        return NULL;
    }
    if (get_u16(image + OFFSET_PROTOCOL) < PROTOCOL_WITH_PAYLOAD) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_UNSUPPORTED,
                    "bzImage of a kernel before 2.6.26: it does not say where its payload is");
        return NULL;
    }
    /* boot.rst: 0 setup sectors means 4; the payload's offset counts from the protected-mode code.
     */
    start = ((guint64)(image[OFFSET_SETUP_SECTS] ? image[OFFSET_SETUP_SECTS] : 4) + 1) * 512 +
            get_u32(image + OFFSET_PAYLOAD);
    size = get_u32(image + OFFSET_PAYLOAD_LENGTH);
    if (size < 16 || start > length || size > length - start) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "bzImage is cut off: its payload would end at byte %" G_GUINT64_FORMAT
                    " of %" G_GSIZE_FORMAT,
                    start + size, length);
        return NULL;
    }
    /* The payload's last four bytes are its unpacked size: gzip has them by itself, and the kernel
     * build's size_append adds them to the others (scripts/Makefile.lib), whose decoders would
     * take them for another frame. */
    expected = get_u32(image + start + size - 4);
    if (image[start] != 0x1f || image[start + 1] != 0x8b)
        size -= 4;
    out = lab_archive_decompress(image + start, size, expected, LAB_VMLINUX_MAX_BYTES, error);
    if (!out)
        g_prefix_error(error, "bzImage's payload: ");
    else if (out->len < expected) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "bzImage's payload is cut off: %u of %u bytes", out->len, expected);
        g_clear_pointer(&out, g_byte_array_unref);
    }
    return out;
}

void
lab_vmlinux_notes_clear(LabVmlinuxNotes *notes)
{
    g_clear_pointer(&notes->build_id, g_free);
}

static void
take_note(LabVmlinuxNotes *notes, guint32 type, const guint8 *name, guint32 name_size,
          const guint8 *text, guint32 size)
{
    if (type == XEN_ELFNOTE_PHYS32_ENTRY && name_size == 4 && memcmp(name, "Xen", 4) == 0)
        notes->has_pvh = TRUE;
    if (type == NT_GNU_BUILD_ID && name_size == 4 && memcmp(name, "GNU", 4) == 0 &&
        !notes->build_id && size >= 8 && size <= 64) {
        GString *hex = g_string_new(NULL);

        for (guint32 i = 0; i < size; i++)
            g_string_append_printf(hex, "%02x", text[i]);
        notes->build_id = g_string_free(hex, FALSE);
    }
}

static void
walk_notes(const guint8 *p, gsize length, LabVmlinuxNotes *notes)
{
    while (length >= 12) {
        guint32 name_size = get_u32(p);
        guint32 size = get_u32(p + 4);
        guint64 name_room = ((guint64)name_size + 3) & ~(guint64)3;
        guint64 room = ((guint64)size + 3) & ~(guint64)3;

        if (12 + name_room + size > length)
            return;
        take_note(notes, get_u32(p + 8), p + 12, name_size, p + 12 + name_room, size);
        if (12 + name_room + room >= length)
            return;
        p += 12 + name_room + room;
        length -= 12 + name_room + room;
    }
}

/* Calls walk_notes on a range of the file if it lies inside. */
static void
walk_range(const guint8 *file, gsize length, guint64 offset, guint64 size, LabVmlinuxNotes *notes)
{
    if (offset <= length && size <= length - offset)
        walk_notes(file + offset, size, notes);
}

gboolean
lab_vmlinux_read_notes(const void *data, gsize length, LabVmlinuxNotes *notes, GError **error)
{
    Elf64_Ehdr header;

    memset(notes, 0, sizeof *notes);
    if (length < sizeof header || memcmp(data, ELFMAG, SELFMAG) != 0) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "not an ELF vmlinux");
        return FALSE;
    }
    memcpy(&header, data, sizeof header);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_UNSUPPORTED,
                    "not a kernel for x86-64: kreglab runs no other");
        return FALSE;
    }
    for (guint i = 0; i < header.e_phnum && header.e_phoff < length; i++) {
        guint64 at = header.e_phoff + (guint64)i * sizeof(Elf64_Phdr);
        Elf64_Phdr program;

        if (at + sizeof program > length)
            break;
        memcpy(&program, (const guint8 *)data + at, sizeof program);
        if (program.p_type == PT_NOTE)
            walk_range(data, length, program.p_offset, program.p_filesz, notes);
    }
    for (guint i = 0; i < header.e_shnum && header.e_shoff < length; i++) {
        guint64 at = header.e_shoff + (guint64)i * sizeof(Elf64_Shdr);
        Elf64_Shdr section;

        if (at + sizeof section > length)
            break;
        memcpy(&section, (const guint8 *)data + at, sizeof section);
        if (section.sh_type == SHT_NOTE)
            walk_range(data, length, section.sh_offset, section.sh_size, notes);
    }
    return TRUE;
}

char *
lab_vmlinux_banner(const void *data, gsize length)
{
    static const char start[] = "Linux version ";
    const guint8 *p = data;
    const guint8 *end = p + length;

    if (length == 0)
        return NULL;
    /* Format strings ("Linux version %s") and other texts also begin so: a digit has to follow. */
    while ((p = memmem(p, (gsize)(end - p), start, sizeof start - 1))) {
        char *text;

        p += sizeof start - 1;
        if (p < end && g_ascii_isdigit(*p)) {
            text = printable_text(p, MIN((gsize)(end - p), 512));
            if (text)
                return text;
        }
    }
    return NULL;
}

char *
lab_vmlinux_config(const void *data, gsize length)
{
    const guint8 *start = length > 0 ? memmem(data, length, "IKCFG_ST", 8) : NULL;
    const guint8 *file_end = (const guint8 *)data + length;
    const guint8 *end;
    g_autoptr(GByteArray) text = NULL;

    if (!start)
        return NULL;
    start += 8;
    end = memmem(start, (gsize)(file_end - start), "IKCFG_ED", 8);
    if (!end)
        return NULL;
    text = lab_archive_decompress(start, (gsize)(end - start), 0, 16u << 20, NULL);
    if (!text)
        return NULL;
    g_byte_array_append(text, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&text), FALSE);
}

gboolean
lab_version_text_split(const char *text, char **release, char **version)
{
    g_autofree char *first = g_strndup(text, strcspn(text, " "));
    const char *hash = strstr(text, " #");

    if (!g_ascii_isdigit(*first) || !lab_kernel_id_is_sane(first))
        return FALSE;
    *release = g_steal_pointer(&first);
    *version = hash ? g_strdup(hash + 1) : NULL;
    return TRUE;
}

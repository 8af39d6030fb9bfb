/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-elf-address.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lab-direct-map.h"
#include "lab-elf-core.h"
#include "lab-error.h"

/* include/linux/vmcore_info.h: the note is made of a name, VMCOREINFO_NOTE_NAME, and at most a page
 * of text; vmcoreinfo_note begins on a page of its own (alloc_pages_exact()). */
#define NOTE_NAME        "VMCOREINFO"
#define NOTE_HEADER      (sizeof(Elf64_Nhdr) + 12)
#define MAX_TEXT         (64u << 10)
#define MAX_NOTES        (16u << 20)
#define PAGE             4096u
#define CHUNK            (1u << 20)
#define START_KERNEL_MAP G_GUINT64_CONSTANT(0xffffffff80000000)

/* The number behind "KEY=" at the start of a line. */
static gboolean
find_number(const char *text, const char *key, int base, gint64 *value)
{
    g_autofree char *prefix = g_strconcat(key, "=", NULL);
    const char *line = text;
    char *end;

    while (line && !g_str_has_prefix(line, prefix)) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return FALSE;
    line += strlen(prefix);
    errno = 0;
    *value = base == 16 ? (gint64)g_ascii_strtoull(line, &end, 16)
                        : g_ascii_strtoll(line, &end, base);
    return errno == 0 && end != line && (*end == '\n' || *end == '\0');
}

/* The direct map of the kernel that wrote 'text'. */
static gboolean
find_base(LabElfCore *core, const char *text, guint64 *base, GError **error)
{
    gint64 phys_base, top, five_levels = 0;

    if (!find_number(text, "NUMBER(phys_base)", 10, &phys_base) ||
        (!find_number(text, "SYMBOL(init_top_pgt)", 16, &top) &&
         !find_number(text, "SYMBOL(swapper_pg_dir)", 16, &top)) ||
        (guint64)top < START_KERNEL_MAP) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "the guest's vmcoreinfo does not name the kernel's page tables");
        return FALSE;
    }
    find_number(text, "NUMBER(pgtable_l5_enabled)", 10, &five_levels);
    return lab_direct_map_find(lab_elf_core_physical, core,
                               (guint64)top - START_KERNEL_MAP + (guint64)phys_base,
                               five_levels == 1, base, error);
}

static Elf64_Phdr *
find_notes(LabElfCore *core)
{
    for (gsize i = 0; i < core->ehdr.e_phnum; i++)
        if (core->headers[i].p_type == PT_NOTE)
            return &core->headers[i];
    return NULL;
}

static GByteArray *
read_notes(LabElfCore *core, const Elf64_Phdr *header, GError **error)
{
    g_autoptr(GByteArray) notes = g_byte_array_new();

    if (header->p_filesz <= MAX_NOTES) {
        g_byte_array_set_size(notes, (guint)header->p_filesz);
        if (lab_elf_core_read(core, header->p_offset, notes->data, notes->len))
            return g_steal_pointer(&notes);
    }
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "the dump's notes cannot be read");
    return NULL;
}

/* The text of the vmcoreinfo note at 'bytes', or NULL. g_free. */
static char *
note_text(const guint8 *bytes, gsize length)
{
    Elf64_Nhdr note;

    if (length < NOTE_HEADER)
        return NULL;
    memcpy(&note, bytes, sizeof note);
    if (note.n_namesz != sizeof NOTE_NAME || note.n_type != 0 || note.n_descsz == 0 ||
        note.n_descsz > MAX_TEXT || note.n_descsz > length - NOTE_HEADER ||
        memcmp(bytes + sizeof note, NOTE_NAME, sizeof NOTE_NAME) != 0 ||
        note.n_descsz < strlen("OSRELEASE=") ||
        memcmp(bytes + NOTE_HEADER, "OSRELEASE=", strlen("OSRELEASE=")) != 0)
        return NULL;
    return g_strndup((const char *)bytes + NOTE_HEADER, note.n_descsz);
}

static gsize
align4(guint32 length)
{
    return ((gsize)length + 3) & ~(gsize)3;
}

static char *
text_of_notes(const GByteArray *notes)
{
    gsize at = 0;

    while (notes->len - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        gsize size;
        char *text = note_text(notes->data + at, notes->len - at);

        if (text)
            return text;
        memcpy(&note, notes->data + at, sizeof note);
        size = sizeof note + align4(note.n_namesz) + align4(note.n_descsz);
        if (size > notes->len - at)
            return NULL;
        at += size;
    }
    return NULL;
}

/* Old copies of the note may lie about (a kernel before a kexec, freed pages): the one counts whose
 * page tables hold. */
static char *
scan_chunk(LabElfCore *core, guint8 *chunk, gsize length, guint64 *base)
{
    for (gsize at = 0; at + NOTE_HEADER <= length; at += PAGE) {
        g_autofree char *text = note_text(chunk + at, length - at);

        if (text && find_base(core, text, base, NULL))
            return g_steal_pointer(&text);
    }
    return NULL;
}

static char *
scan_memory(LabElfCore *core, guint64 *base)
{
    /* A note may reach over the end of a chunk. */
    gsize room = CHUNK + MAX_TEXT + PAGE;
    g_autofree guint8 *chunk = g_malloc(room);

    for (gsize i = 0; i < core->ehdr.e_phnum; i++) {
        const Elf64_Phdr *header = &core->headers[i];

        if (header->p_type != PT_LOAD || header->p_paddr % PAGE != 0)
            continue;
        for (guint64 at = 0; at < header->p_filesz; at += CHUNK) {
            gsize length = (gsize)MIN(header->p_filesz - at, (guint64)room);
            char *text;

            if (!lab_elf_core_read(core, header->p_offset + at, chunk, length))
                return NULL;
            text = scan_chunk(core, chunk, length, base);
            if (text)
                return text;
        }
    }
    return NULL;
}

/* Notes with the vmcoreinfo behind them, at the end of the file: nothing has to move. */
static gboolean
add_note(LabElfCore *core, Elf64_Phdr *header, GByteArray *notes, const char *text, GError **error)
{
    static const guint8 zeros[16];
    Elf64_Nhdr note = {.n_namesz = sizeof NOTE_NAME, .n_descsz = (Elf64_Word)strlen(text)};
    guint64 offset = (core->size + PAGE - 1) & ~(guint64)(PAGE - 1);

    g_byte_array_append(notes, zeros, (guint)(align4(notes->len) - notes->len));
    g_byte_array_append(notes, (const guint8 *)&note, sizeof note);
    g_byte_array_append(notes, (const guint8 *)NOTE_NAME, sizeof NOTE_NAME);
    g_byte_array_append(notes, zeros, 12 - sizeof NOTE_NAME);
    g_byte_array_append(notes, (const guint8 *)text, note.n_descsz);
    g_byte_array_append(notes, zeros, (guint)(align4(note.n_descsz) - note.n_descsz));
    if (pwrite(core->fd, notes->data, notes->len, (off_t)offset) != (ssize_t)notes->len)
        return lab_error_set_errno(error, errno, "writing the dump's notes");
    header->p_offset = offset;
    header->p_filesz = notes->len;
    header->p_memsz = notes->len;
    return TRUE;
}

static gboolean
set_addresses(LabElfCore *core, guint64 base, GError **error)
{
    for (gsize i = 0; i < core->ehdr.e_phnum; i++)
        if (core->headers[i].p_type == PT_LOAD)
            core->headers[i].p_vaddr = base + core->headers[i].p_paddr;
    return lab_elf_core_write_headers(core, error);
}

gboolean
lab_elf_address(const char *path, GError **error)
{
    g_auto(LabElfCore) core = {.fd = -1};
    g_autoptr(GByteArray) notes = NULL;
    g_autofree char *text = NULL;
    Elf64_Phdr *header;
    guint64 base = 0;

    if (!lab_elf_core_open(&core, path, error))
        return FALSE;
    header = find_notes(&core);
    if (core.ehdr.e_machine != EM_X86_64 || !header) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_UNSUPPORTED,
                    "'%s' is no dump of an x86-64 guest with notes", path);
        return FALSE;
    }
    notes = read_notes(&core, header, error);
    if (!notes)
        return FALSE;
    text = text_of_notes(notes);
    if (text)
        return find_base(&core, text, &base, error) && set_addresses(&core, base, error);
    text = scan_memory(&core, &base);
    if (!text) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_NOT_FOUND,
                    "the dump has no vmcoreinfo, neither in its notes nor in memory");
        return FALSE;
    }
    return add_note(&core, header, notes, text, error) && set_addresses(&core, base, error);
}

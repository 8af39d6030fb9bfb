/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-vmlinux.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

#define MAX_NOTES   (1u << 20)
#define MAX_HEADERS 256u
#define BANNER      "Linux version "
#define CHUNK       (1u << 20)
#define MAX_RELEASE 128u
#define MAX_SCAN    (G_GUINT64_CONSTANT(4) << 30)

static gboolean bad(GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean
bad(GError **error, const char *path, const char *format, ...)
{
    va_list arguments;
    g_autofree char *why = NULL;

    va_start(arguments, format);
    why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "'%s' %s", path, why);
    return FALSE;
}

static gboolean
read_at(int fd, guint64 offset, void *bytes, gsize length)
{
    return offset <= (guint64)G_MAXINT64 &&
           pread(fd, bytes, length, (off_t)offset) == (ssize_t)length;
}

/* The GNU build-id among notes, in hexadecimal. g_free. */
static char *
find_build_id(const guint8 *notes, gsize length)
{
    gsize at = 0;

    while (length - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        gsize name, desc;

        memcpy(&note, notes + at, sizeof note);
        at += sizeof note;
        name = ((gsize)note.n_namesz + 3) & ~(gsize)3;
        desc = ((gsize)note.n_descsz + 3) & ~(gsize)3;
        if (name > length - at || desc > length - at - name)
            return NULL;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + at, "GNU", 4) == 0 && note.n_descsz > 0 && note.n_descsz <= 64) {
            GString *text = g_string_new(NULL);

            for (gsize i = 0; i < note.n_descsz; i++)
                g_string_append_printf(text, "%02x", notes[at + name + i]);
            return g_string_free(text, FALSE);
        }
        at += name + desc;
    }
    return NULL;
}

static char *
read_build_id(int fd, const Elf64_Ehdr *ehdr)
{
    for (guint i = 0; i < MIN(ehdr->e_phnum, MAX_HEADERS); i++) {
        Elf64_Phdr header;
        g_autofree guint8 *notes = NULL;
        char *found;

        if (!read_at(fd, ehdr->e_phoff + i * sizeof header, &header, sizeof header))
            return NULL;
        if (header.p_type != PT_NOTE || header.p_filesz == 0 || header.p_filesz > MAX_NOTES)
            continue;
        notes = g_malloc(header.p_filesz);
        if (!read_at(fd, header.p_offset, notes, header.p_filesz))
            continue;
        found = find_build_id(notes, header.p_filesz);
        if (found)
            return found;
    }
    return NULL;
}

/* The release behind "Linux version " in 'chunk', when a digit and '(' make it a banner. */
static void
find_banner(const char *chunk, gsize length, char **release)
{
    const char *at = chunk;

    while (!*release && (at = memmem(at, length - (gsize)(at - chunk), BANNER, strlen(BANNER)))) {
        gsize left = length - (gsize)(at - chunk) - strlen(BANNER);
        const char *end;

        at += strlen(BANNER);
        end = memchr(at, ' ', MIN(left, (gsize)MAX_RELEASE));
        if (end && g_ascii_isdigit(*at) && (gsize)(end + 1 - chunk) < length && end[1] == '(')
            *release = g_strndup(at, (gsize)(end - at));
    }
}

/* Looks through the file for its banner's release, and for 'version'. */
static void
scan_file(int fd, const char *version, char **release, gboolean *has_version)
{
    gsize overlap = 1024, kept = 0;
    g_autofree char *chunk = g_malloc(CHUNK + overlap);

    for (guint64 offset = 0; offset < MAX_SCAN && (!*release || !*has_version);) {
        ssize_t n = pread(fd, chunk + kept, CHUNK, (off_t)offset);
        gsize length = kept + (gsize)MAX(n, 0);

        if (n <= 0)
            return;
        if (!*release)
            find_banner(chunk, length, release);
        if (!*has_version)
            *has_version = memmem(chunk, length, version, strlen(version)) != NULL;
        offset += (guint64)n;
        kept = MIN(length, overlap);
        memmove(chunk, chunk + length - kept, kept);
    }
}

gboolean
lab_vmlinux_check(const char *path, const char *build_id, const char *release, const char *version,
                  GError **error)
{
    LAB_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    g_autofree char *own_id = NULL, *own_release = NULL;
    gboolean has_version = version == NULL;
    Elf64_Ehdr ehdr;

    if (fd < 0)
        return bad(error, path, "cannot be opened: %s", g_strerror(errno));
    if (!read_at(fd, 0, &ehdr, sizeof ehdr) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0)
        return bad(error, path,
                   "is no vmlinux: give the uncompressed ELF file of the kernel's debug package");
    if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
        return bad(error, path, "is not of a 64-bit little-endian machine");
    own_id = read_build_id(fd, &ehdr);
    if (own_id && build_id) {
        if (g_ascii_strcasecmp(own_id, build_id) == 0)
            return TRUE;
        return bad(error, path,
                   "is not the vmlinux of this dump: its build-id is %s, the dump's kernel has %s",
                   own_id, build_id);
    }
    if (!release)
        return TRUE;
    scan_file(fd, version ? version : "", &own_release, &has_version);
    if (!own_release)
        return bad(error, path, "is no vmlinux: it has no \"Linux version\" in it");
    if (!g_str_equal(own_release, release))
        return bad(error, path, "is not the vmlinux of this dump: it is of %s, the dump of %s",
                   own_release, release);
    if (!has_version)
        return bad(error, path, "is not the vmlinux of this dump: it is of another build than '%s'",
                   version);
    return TRUE;
}

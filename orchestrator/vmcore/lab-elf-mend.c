/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-elf-mend.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

#define MAX_HEADERS 4096u

static gboolean
bad(GError **error, const char *path, const char *why)
{
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "'%s': %s", path, why);
    return FALSE;
}

static gboolean
read_at(int fd, void *data, gsize length, guint64 offset)
{
    return pread(fd, data, length, (off_t)offset) == (ssize_t)length;
}

static gboolean
write_at(int fd, const void *data, gsize length, guint64 offset)
{
    return pwrite(fd, data, length, (off_t)offset) == (ssize_t)length;
}

/* TRUE when [0, end) holds nothing but the headers that are moved: the first note or page of memory
 * must begin behind it. */
static gboolean
has_room(const Elf64_Phdr *headers, gsize count, guint64 end)
{
    for (gsize i = 0; i < count; i++)
        if (headers[i].p_filesz > 0 && headers[i].p_offset < end)
            return FALSE;
    return TRUE;
}

gboolean
lab_elf_mend(const char *path, GError **error)
{
    LAB_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    Elf64_Ehdr ehdr;
    g_autofree Elf64_Phdr *headers = NULL;
    gsize count, size;

    if (fd < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", path);
    if (!read_at(fd, &ehdr, sizeof ehdr, 0) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 ||
        ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_ident[EI_DATA] != ELFDATA2LSB ||
        ehdr.e_type != ET_CORE)
        return bad(error, path, "not a 64-bit little-endian ELF core file");
    if (ehdr.e_phoff == sizeof ehdr)
        return TRUE;
    count = ehdr.e_phnum;
    if (count == 0 || count > MAX_HEADERS || ehdr.e_phentsize != sizeof *headers)
        return bad(error, path, "a core file with an odd number of program headers");
    size = count * sizeof *headers;
    headers = g_malloc(size);
    if (!read_at(fd, headers, size, ehdr.e_phoff))
        return bad(error, path, "its program headers lie outside of it");
    if (!has_room(headers, count, sizeof ehdr + size))
        return bad(error, path, "no room for the program headers behind the ELF header");
    ehdr.e_phoff = sizeof ehdr;
    ehdr.e_shoff = 0;
    ehdr.e_shnum = 0;
    ehdr.e_shstrndx = SHN_UNDEF;
    if (!write_at(fd, headers, size, sizeof ehdr) || !write_at(fd, &ehdr, sizeof ehdr, 0))
        return lab_error_set_errno(error, errno, "writing '%s'", path);
    return TRUE;
}

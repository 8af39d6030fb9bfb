/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-elf-core.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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

gboolean
lab_elf_core_read(const LabElfCore *core, guint64 offset, void *bytes, gsize length)
{
    return offset <= core->size && length <= core->size - offset &&
           pread(core->fd, bytes, length, (off_t)offset) == (ssize_t)length;
}

static gboolean
read_headers(LabElfCore *core, const char *path, GError **error)
{
    const Elf64_Ehdr *ehdr = &core->ehdr;
    struct stat st;

    if (fstat(core->fd, &st) < 0)
        return lab_error_set_errno(error, errno, "reading '%s'", path);
    core->size = (guint64)st.st_size;
    if (!lab_elf_core_read(core, 0, &core->ehdr, sizeof core->ehdr) ||
        memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 || ehdr->e_ident[EI_CLASS] != ELFCLASS64 ||
        ehdr->e_ident[EI_DATA] != ELFDATA2LSB || ehdr->e_type != ET_CORE)
        return bad(error, path, "not a 64-bit little-endian ELF core file");
    if (ehdr->e_phnum == 0 || ehdr->e_phnum > MAX_HEADERS ||
        ehdr->e_phentsize != sizeof *core->headers)
        return bad(error, path, "a core file with an odd number of program headers");
    core->headers = g_new(Elf64_Phdr, ehdr->e_phnum);
    if (!lab_elf_core_read(core, ehdr->e_phoff, core->headers,
                           ehdr->e_phnum * sizeof *core->headers))
        return bad(error, path, "its program headers lie outside of it");
    for (gsize i = 0; i < ehdr->e_phnum; i++) {
        const Elf64_Phdr *header = &core->headers[i];

        if (header->p_offset > core->size || header->p_filesz > core->size - header->p_offset)
            return bad(error, path, "a core file that is cut short");
    }
    return TRUE;
}

gboolean
lab_elf_core_open(LabElfCore *core, const char *path, GError **error)
{
    g_auto(LabElfCore) opening = {.fd = open(path, O_RDWR | O_CLOEXEC)};

    if (opening.fd < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", path);
    if (!read_headers(&opening, path, error))
        return FALSE;
    *core = opening;
    opening = (LabElfCore){.fd = -1};
    return TRUE;
}

void
lab_elf_core_clear(LabElfCore *core)
{
    lab_fd_close(&core->fd);
    g_clear_pointer(&core->headers, g_free);
}

gboolean
lab_elf_core_physical(gpointer data, guint64 address, void *bytes, gsize length)
{
    const LabElfCore *core = data;

    for (gsize i = 0; i < core->ehdr.e_phnum; i++) {
        const Elf64_Phdr *header = &core->headers[i];

        if (header->p_type == PT_LOAD && address >= header->p_paddr && length <= header->p_filesz &&
            address - header->p_paddr <= header->p_filesz - length)
            return lab_elf_core_read(core, header->p_offset + (address - header->p_paddr), bytes,
                                     length);
    }
    return FALSE;
}

gboolean
lab_elf_core_write_headers(const LabElfCore *core, GError **error)
{
    gsize size = core->ehdr.e_phnum * sizeof *core->headers;

    if (pwrite(core->fd, core->headers, size, (off_t)core->ehdr.e_phoff) != (ssize_t)size)
        return lab_error_set_errno(error, errno, "writing the dump's program headers");
    return TRUE;
}

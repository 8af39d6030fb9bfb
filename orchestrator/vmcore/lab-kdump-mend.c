/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-kdump-mend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

/* struct disk_dump_header: signature[8], s32 header_version, …; block_size stands behind utsname
 * (6 * 65 bytes), a timestamp and the status. The sub-header begins one block into the file. */
#define OFFSET_VERSION    8
#define OFFSET_BLOCK_SIZE 428
/* struct kdump_sub_header */
#define OFFSET_PHYS_BASE  0
#define OFFSET_VMCOREINFO 32
#define SIZE_VMCOREINFO   40
#define MAX_VMCOREINFO    (1u << 20)

static gboolean
read_at(int fd, void *data, gsize length, guint64 offset)
{
    return offset <= G_MAXINT64 && pread(fd, data, length, (off_t)offset) == (ssize_t)length;
}

/* The decimal number behind "NUMBER(phys_base)=". */
static gboolean
find_phys_base(const char *vmcoreinfo, gint64 *value)
{
    const char *line = strstr(vmcoreinfo, "NUMBER(phys_base)=");
    char *end;

    if (!line)
        return FALSE;
    line += strlen("NUMBER(phys_base)=");
    errno = 0;
    *value = g_ascii_strtoll(line, &end, 10);
    return errno == 0 && end != line && (*end == '\n' || *end == '\0');
}

gboolean
lab_kdump_mend(const char *path, GError **error)
{
    LAB_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    char signature[8];
    gint32 version, block_size;
    guint64 offset, size;
    gint64 stored, right;
    g_autofree char *vmcoreinfo = NULL;

    if (fd < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", path);
    if (!read_at(fd, signature, sizeof signature, 0) || memcmp(signature, "KDUMP   ", 8) != 0 ||
        !read_at(fd, &version, sizeof version, OFFSET_VERSION) || version < 4 ||
        !read_at(fd, &block_size, sizeof block_size, OFFSET_BLOCK_SIZE) || block_size < 4096 ||
        !read_at(fd, &stored, sizeof stored, (guint64)block_size + OFFSET_PHYS_BASE) ||
        !read_at(fd, &offset, sizeof offset, (guint64)block_size + OFFSET_VMCOREINFO) ||
        !read_at(fd, &size, sizeof size, (guint64)block_size + SIZE_VMCOREINFO)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "'%s' is no kdump file", path);
        return FALSE;
    }
    if (offset == 0 || size == 0 || size > MAX_VMCOREINFO)
        return TRUE;
    vmcoreinfo = g_malloc0(size + 1);
    if (!read_at(fd, vmcoreinfo, size, offset) || !find_phys_base(vmcoreinfo, &right) ||
        right == stored)
        return TRUE;
    if (pwrite(fd, &right, sizeof right, (off_t)block_size + OFFSET_PHYS_BASE) != sizeof right)
        return lab_error_set_errno(error, errno, "writing '%s'", path);
    return TRUE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-dump-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-unflatten.h"

struct LabDumpFile {
    char *path, *temporary;
    int fd;
    LabUnflatten *unflatten;
    guint64 bytes, max_bytes;
};

LabDumpFile *
lab_dump_file_new(const char *path, guint64 max_bytes, GError **error)
{
    g_autoptr(LabDumpFile) file = g_new0(LabDumpFile, 1);
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);

    file->path = g_strdup(path);
    file->temporary = g_strdup_printf("%s/.%s.part", directory, name);
    file->max_bytes = max_bytes;
    file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd < 0) {
        lab_error_set_errno(error, errno, "creating '%s'", file->temporary);
        return NULL;
    }
    file->unflatten = lab_unflatten_new(file->fd, max_bytes);
    return g_steal_pointer(&file);
}

void
lab_dump_file_free(LabDumpFile *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        unlink(file->temporary);
    lab_fd_close(&file->fd);
    lab_unflatten_free(file->unflatten);
    g_free(file->path);
    g_free(file->temporary);
    g_free(file);
}

gboolean
lab_dump_file_feed(LabDumpFile *file, const void *bytes, gsize length, GError **error)
{
    file->bytes += length;
    /* Records may overwrite each other for ever: bound the stream, too, not the file alone. */
    if (file->bytes / 2 > file->max_bytes) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                    "the dump's stream is larger than twice the guest's memory");
        return FALSE;
    }
    return lab_unflatten_feed(file->unflatten, bytes, length, error);
}

guint64
lab_dump_file_bytes(const LabDumpFile *file)
{
    return file->bytes;
}

gboolean
lab_dump_file_commit(LabDumpFile *file, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(file->path);
    LAB_AUTO_FD dir = -1;

    if (!lab_unflatten_finish(file->unflatten, error))
        return FALSE;
    dir = lab_dir_open(AT_FDCWD, directory, error);
    if (dir < 0)
        return FALSE;
    if (fsync(file->fd) < 0 || rename(file->temporary, file->path) < 0)
        return lab_error_set_errno(error, errno, "keeping '%s'", file->path);
    lab_fd_close(&file->fd);
    (void)fsync(dir);
    return TRUE;
}

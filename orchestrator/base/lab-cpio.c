/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-cpio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "lab-error.h"
#include "lab-file.h"

struct LabCpio {
    struct archive *archive;
    struct archive_entry *entry; /* used again for every member */
    GHashTable *paths;           /* what was added, relative -> mode */
    gint64 inode;
};

void
lab_cpio_free(LabCpio *cpio)
{
    if (!cpio)
        return;
    archive_entry_free(cpio->entry);
    archive_write_free(cpio->archive);
    g_hash_table_unref(cpio->paths);
    g_free(cpio);
}

static gboolean
set_archive_error(LabCpio *cpio, const char *what, GError **error)
{
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "writing '%s' to a cpio archive: %s",
                what, archive_error_string(cpio->archive));
    return FALSE;
}

LabCpio *
lab_cpio_new(int fd, GError **error)
{
    g_autoptr(LabCpio) cpio = g_new0(LabCpio, 1);

    cpio->archive = archive_write_new();
    cpio->entry = archive_entry_new();
    cpio->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (archive_write_set_format_cpio_newc(cpio->archive) != ARCHIVE_OK ||
        archive_write_add_filter_none(cpio->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(cpio->archive, 1 << 20) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(cpio->archive, 512) != ARCHIVE_OK ||
        archive_write_open_fd(cpio->archive, fd) != ARCHIVE_OK) {
        set_archive_error(cpio, "its start", error);
        return NULL;
    }
    return g_steal_pointer(&cpio);
}

/* "/usr/bin/x" -> "usr/bin/x"; NULL for what has empty, "." or ".." parts. */
static const char *
relative_path(const char *path, GError **error)
{
    const char *start = path + (path[0] == '/' ? 1 : 0);
    g_auto(GStrv) parts = g_strsplit(start, "/", -1);

    for (char **part = parts; *part; part++)
        if (**part == '\0' || strcmp(*part, ".") == 0 || strcmp(*part, "..") == 0)
            parts[0][0] = '\0';
    if (parts[0] && parts[0][0] != '\0' && strlen(start) < 1024)
        return start;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                "'%s' cannot be a path of a guest: give a plain absolute path", path);
    return NULL;
}

/* Adds parents, then says that 'path' is there. */
static gboolean
begin(LabCpio *cpio, const char *path, mode_t mode, gint64 size, GError **error)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        g_autofree char *parent = g_strndup(path, (gsize)(slash - path));
        gpointer known = g_hash_table_lookup(cpio->paths, parent);

        if (!known && !lab_cpio_directory(cpio, parent, 0755, error))
            return FALSE;
        if (known && S_ISREG(GPOINTER_TO_UINT(known))) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                        "'/%s' cannot lie below '/%s', which is a file", path, parent);
            return FALSE;
        }
    }
    if (!g_hash_table_insert(cpio->paths, g_strdup(path), GUINT_TO_POINTER(mode))) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_EXISTS, "'/%s' is in the archive already",
                    path);
        return FALSE;
    }
    archive_entry_clear(cpio->entry);
    archive_entry_set_pathname(cpio->entry, path);
    archive_entry_set_mode(cpio->entry, mode);
    archive_entry_set_ino64(cpio->entry, ++cpio->inode);
    archive_entry_set_nlink(cpio->entry, S_ISDIR(mode) ? 2 : 1);
    archive_entry_set_mtime(cpio->entry, 0, 0);
    archive_entry_set_size(cpio->entry, size);
    return TRUE;
}

static gboolean
write_header(LabCpio *cpio, const char *path, GError **error)
{
    if (archive_write_header(cpio->archive, cpio->entry) == ARCHIVE_OK)
        return TRUE;
    return set_archive_error(cpio, path, error);
}

gboolean
lab_cpio_directory(LabCpio *cpio, const char *path, mode_t mode, GError **error)
{
    const char *name = relative_path(path, error);

    if (!name)
        return FALSE;
    if (S_ISDIR(GPOINTER_TO_UINT(g_hash_table_lookup(cpio->paths, name))))
        return TRUE;
    return begin(cpio, name, S_IFDIR | (mode & 07777), 0, error) && write_header(cpio, name, error);
}

gboolean
lab_cpio_file(LabCpio *cpio, const char *path, mode_t mode, const void *data, gsize length,
              GError **error)
{
    const char *name = relative_path(path, error);

    if (!name || !begin(cpio, name, S_IFREG | (mode & 07777), (gint64)length, error) ||
        !write_header(cpio, name, error))
        return FALSE;
    if (length > 0 && archive_write_data(cpio->archive, data, length) != (la_ssize_t)length)
        return set_archive_error(cpio, name, error);
    return TRUE;
}

/* Exactly 'size' bytes: a file that shrinks meanwhile would damage the archive. */
static gboolean
copy_data(LabCpio *cpio, int fd, gint64 size, const char *source, GError **error)
{
    g_autofree char *buffer = g_malloc(1 << 18);

    while (size > 0) {
        ssize_t n = read(fd, buffer, (gsize)MIN(size, 1 << 18));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return lab_error_set_errno(error, n < 0 ? errno : ENODATA, "reading '%s'", source);
        if (archive_write_data(cpio->archive, buffer, (gsize)n) != n)
            return set_archive_error(cpio, source, error);
        size -= n;
    }
    return TRUE;
}

gboolean
lab_cpio_copy(LabCpio *cpio, const char *path, mode_t mode, const char *source, GError **error)
{
    LAB_AUTO_FD fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *name = relative_path(path, error);
    struct stat st;

    if (!name)
        return FALSE;
    if (fd < 0 || fstat(fd, &st) < 0)
        return lab_error_set_errno(error, errno, "reading '%s'", source);
    if (!S_ISREG(st.st_mode)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "'%s' is not a regular file",
                    source);
        return FALSE;
    }
    return begin(cpio, name, S_IFREG | ((mode ? mode : st.st_mode) & 07777), st.st_size, error) &&
           write_header(cpio, name, error) && copy_data(cpio, fd, st.st_size, source, error);
}

gboolean
lab_cpio_symlink(LabCpio *cpio, const char *path, const char *target, GError **error)
{
    const char *name = relative_path(path, error);

    if (!name || !begin(cpio, name, S_IFLNK | 0777, (gint64)strlen(target), error))
        return FALSE;
    archive_entry_set_symlink(cpio->entry, target);
    return write_header(cpio, name, error);
}

gboolean
lab_cpio_device(LabCpio *cpio, const char *path, mode_t mode, guint major_number,
                guint minor_number, GError **error)
{
    const char *name = relative_path(path, error);

    if (!name || !begin(cpio, name, S_IFCHR | (mode & 07777), 0, error))
        return FALSE;
    archive_entry_set_rdev(cpio->entry, makedev(major_number, minor_number));
    return write_header(cpio, name, error);
}

gboolean
lab_cpio_has(LabCpio *cpio, const char *path)
{
    const char *name = relative_path(path, NULL);

    return name && g_hash_table_contains(cpio->paths, name);
}

gboolean
lab_cpio_finish(LabCpio *cpio, GError **error)
{
    if (archive_write_close(cpio->archive) == ARCHIVE_OK)
        return TRUE;
    return set_archive_error(cpio, "its end", error);
}

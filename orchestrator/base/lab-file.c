/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"

#define COPY_BYTES (64u << 20)

void
lab_fd_close(LabFd *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int
lab_dir_open(int dirfd, const char *path, GError **error)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        lab_error_set_errno(error, errno, "opening directory '%s'", path);
    return fd;
}

int
lab_dir_make(int dirfd, const char *path, mode_t mode, GError **error)
{
    g_autofree char *copy = g_strdup(path);

    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST && errno != EROFS) {
            lab_error_set_errno(error, errno, "making directory '%s'", copy);
            return -1;
        }
        *p = '/';
    }
    if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST && errno != EROFS) {
        lab_error_set_errno(error, errno, "making directory '%s'", copy);
        return -1;
    }
    return lab_dir_open(dirfd, path, error);
}

static gboolean
remove_tree(int dirfd, const char *name, dev_t device)
{
    struct stat st;
    LAB_AUTO_FD fd = -1;
    DIR *dir;
    struct dirent *entry;
    gboolean ok = TRUE;
    int error_number = 0;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    if (!S_ISDIR(st.st_mode))
        return unlinkat(dirfd, name, 0) == 0 || errno == ENOENT;
    if (device != 0 && st.st_dev != device) {
        errno = EXDEV;
        return FALSE;
    }
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
        fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return FALSE;
    if ((st.st_mode & 0700) != 0700)
        (void)!fchmod(fd, 0700);
    dir = fdopendir(dup(fd));
    if (!dir)
        return FALSE;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !remove_tree(fd, entry->d_name, st.st_dev)) {
            ok = FALSE;
            error_number = errno;
        }
    closedir(dir);
    if (!ok) {
        errno = error_number;
        return FALSE;
    }
    return unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

gboolean
lab_path_remove(int dirfd, const char *path, GError **error)
{
    if (!remove_tree(dirfd, path, 0))
        return lab_error_set_errno(error, errno, "removing '%s'", path);
    return TRUE;
}

gboolean
lab_file_exists(int dirfd, const char *path)
{
    return faccessat(dirfd, path, F_OK, 0) == 0;
}

gboolean
lab_fd_write_all(int fd, const void *data, gsize length, GError **error)
{
    const char *p = data;

    while (length > 0) {
        ssize_t n = write(fd, p, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lab_error_set_errno(error, errno, "writing");
        p += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* A name beside 'name' that no reader looks at: ".NAME.PID.N.tmp". */
static char *
temporary_name(const char *name)
{
    static gint counter;
    g_autofree char *dir = g_path_get_dirname(name);
    g_autofree char *base = g_path_get_basename(name);

    return g_strdup_printf("%s/.%s.%d.%d.tmp", dir, base, (int)getpid(),
                           g_atomic_int_add(&counter, 1));
}

static gboolean
sync_parent(int dirfd, const char *name, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(name);
    LAB_AUTO_FD fd = lab_dir_open(dirfd, dir, error);

    if (fd < 0)
        return FALSE;
    if (fsync(fd) < 0 && errno != EINVAL)
        return lab_error_set_errno(error, errno, "syncing directory of '%s'", name);
    return TRUE;
}

static gboolean
commit_temporary(int dirfd, int fd, const char *temporary, const char *name, GError **error)
{
    if (fsync(fd) < 0)
        return lab_error_set_errno(error, errno, "syncing '%s'", name);
    if (renameat(dirfd, temporary, dirfd, name) < 0)
        return lab_error_set_errno(error, errno, "renaming '%s'", name);
    return sync_parent(dirfd, name, error);
}

int
lab_file_begin(int dirfd, const char *name, mode_t mode, char **temporary, GError **error)
{
    g_autofree char *beside = temporary_name(name);
    int fd = openat(dirfd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0) {
        lab_error_set_errno(error, errno, "creating '%s'", name);
        return -1;
    }
    *temporary = g_steal_pointer(&beside);
    return fd;
}

gboolean
lab_file_end(int dirfd, int fd, const char *temporary, const char *name, gboolean whole,
             GError **error)
{
    if (whole && commit_temporary(dirfd, fd, temporary, name, error))
        return TRUE;
    unlinkat(dirfd, temporary, 0);
    return FALSE;
}

gboolean
lab_file_write(int dirfd, const char *name, const void *data, gssize length, mode_t mode,
               GError **error)
{
    g_autofree char *temporary = NULL;
    LAB_AUTO_FD fd = lab_file_begin(dirfd, name, mode, &temporary, error);
    gboolean whole;

    if (fd < 0)
        return FALSE;
    whole = lab_fd_write_all(fd, data, length < 0 ? strlen(data) : (gsize)length, error);
    if (!lab_file_end(dirfd, fd, temporary, name, whole, error)) {
        g_prefix_error(error, "'%s': ", name);
        return FALSE;
    }
    return TRUE;
}

char *
lab_file_read(int dirfd, const char *name, gsize max_bytes, gsize *length, GError **error)
{
    g_autoptr(GByteArray) bytes = NULL;
    LAB_AUTO_FD fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    guint8 buffer[65536];

    if (fd < 0) {
        g_set_error(error, LAB_INFRA_ERROR,
                    errno == ENOENT ? LAB_ERROR_NOT_FOUND : LAB_ERROR_FAILED, "reading '%s': %s",
                    name, g_strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "'%s' is not a regular file", name);
        return NULL;
    }
    bytes = g_byte_array_sized_new((guint)CLAMP(st.st_size + 1, 1, 65536));
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            lab_error_set_errno(error, errno, "reading '%s'", name);
            return NULL;
        }
        if (n == 0)
            break;
        if (bytes->len + (gsize)n > max_bytes) {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                        "'%s' is larger than %" G_GSIZE_FORMAT " bytes", name, max_bytes);
            return NULL;
        }
        g_byte_array_append(bytes, buffer, (guint)n);
    }
    if (length)
        *length = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

char *
lab_fd_sha256(int fd, const char *name, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 buffer[65536];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            lab_error_set_errno(error, errno, "reading '%s'", name);
            return NULL;
        }
        g_checksum_update(sum, buffer, n);
    }
    return g_strdup(g_checksum_get_string(sum));
}

gboolean
lab_fd_append_line(int fd, const char *line, GError **error)
{
    g_autofree char *text = g_strconcat(line, "\n", NULL);

    if (!lab_fd_write_all(fd, text, strlen(text), error))
        return FALSE;
    if (fdatasync(fd) < 0 && errno != EINVAL && errno != EROFS)
        return lab_error_set_errno(error, errno, "syncing");
    return TRUE;
}

gboolean
lab_fd_copy(int from, int to, const char *name, GError **error)
{
    gboolean in_kernel = TRUE; /* which shares blocks where the file system can */

    for (;;) {
        ssize_t n = in_kernel ? copy_file_range(from, NULL, to, NULL, COPY_BYTES, 0)
                              : sendfile(to, from, NULL, COPY_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        /* It fails between some file systems and finds the files of others empty. */
        if (n <= 0 && in_kernel)
            in_kernel = FALSE;
        else if (n < 0)
            return lab_error_set_errno(error, errno, "copying '%s'", name);
        else if (n == 0)
            return TRUE;
    }
}

gboolean
lab_file_copy(int from_dirfd, const char *from, int to_dirfd, const char *to, mode_t mode,
              GError **error)
{
    g_autofree char *temporary = temporary_name(to);
    LAB_AUTO_FD in = openat(from_dirfd, from, O_RDONLY | O_CLOEXEC);
    LAB_AUTO_FD out = -1;

    if (in < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", from);
    out = openat(to_dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (out < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", to);
    if (!lab_fd_copy(in, out, from, error) ||
        !commit_temporary(to_dirfd, out, temporary, to, error)) {
        unlinkat(to_dirfd, temporary, 0);
        return FALSE;
    }
    return TRUE;
}

static int
take_lock(int dirfd, const char *name, int how, GError **error)
{
    LAB_AUTO_FD fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        lab_error_set_errno(error, errno, "opening lock '%s'", name);
        return -1;
    }
    while (flock(fd, how) < 0) {
        if (errno == EINTR)
            continue;
        g_set_error(error, LAB_INFRA_ERROR,
                    errno == EWOULDBLOCK ? LAB_ERROR_EXISTS : LAB_ERROR_FAILED, "locking '%s': %s",
                    name, g_strerror(errno));
        return -1;
    }
    return g_steal_fd(&fd);
}

int
lab_lock_take(int dirfd, const char *name, gboolean wait, GError **error)
{
    return take_lock(dirfd, name, LOCK_EX | (wait ? 0 : LOCK_NB), error);
}

int
lab_lock_share(int dirfd, const char *name, GError **error)
{
    return take_lock(dirfd, name, LOCK_SH, error);
}

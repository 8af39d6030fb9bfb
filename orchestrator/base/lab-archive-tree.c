/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-archive-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lab-archive.h"
#include "lab-error.h"
#include "lab-file.h"

#define MAX_DEPTH 64

char *
lab_archive_clean_path(const char *path, GError **error)
{
    g_auto(GStrv) parts = NULL;
    g_autoptr(GString) clean = g_string_new(NULL);
    guint depth = 0;

    if (*path == '\0' || *path == '/' || strlen(path) >= PATH_MAX) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    *path == '/' ? "'%.200s' is an absolute path: refused"
                                 : "'%.200s': an empty or overlong path: refused",
                    path);
        return NULL;
    }
    parts = g_strsplit(path, "/", -1);
    for (char **part = parts; *part; part++) {
        if (**part == '\0' || strcmp(*part, ".") == 0)
            continue;
        if (strcmp(*part, "..") == 0 || strlen(*part) > NAME_MAX || ++depth > MAX_DEPTH) {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                        "'%.200s': '..', an overlong name or a path too deep: refused", path);
            return NULL;
        }
        if (clean->len > 0)
            g_string_append_c(clean, '/');
        g_string_append(clean, *part);
    }
    return g_string_free(g_steal_pointer(&clean), FALSE);
}

/* Opens the directory that 'path' lies in, making what is missing; *base points into 'path'. */
static int
open_parent(int root, const char *path, gboolean make, const char **base, GError **error)
{
    LAB_AUTO_FD dir = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *slash;

    if (dir < 0) {
        lab_error_set_errno(error, errno, "opening the target directory");
        return -1;
    }
    for (; (slash = strchr(path, '/')); path = slash + 1) {
        g_autofree char *name = g_strndup(path, (gsize)(slash - path));
        int next;

        if (make && mkdirat(dir, name, 0755) < 0 && errno != EEXIST) {
            lab_error_set_errno(error, errno, "making directory '%s'", name);
            return -1;
        }
        next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && (errno == ELOOP || errno == ENOTDIR)) {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                        "'%s' leads through a link or a file: refused", name);
            return -1;
        }
        if (next < 0) {
            lab_error_set_errno(error, errno, "opening directory '%s'", name);
            return -1;
        }
        lab_fd_close(&dir);
        dir = next;
    }
    *base = path;
    return g_steal_fd(&dir);
}

gboolean
lab_tree_make_directory(int root, const char *path, GError **error)
{
    const char *base;
    LAB_AUTO_FD dir = open_parent(root, path, TRUE, &base, error);
    struct stat st;

    if (dir < 0)
        return FALSE;
    if (mkdirat(dir, base, 0755) == 0)
        return TRUE;
    if (errno != EEXIST)
        return lab_error_set_errno(error, errno, "making directory '%s'", path);
    if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                "'%s' is a directory and something else in one archive: refused", path);
    return FALSE;
}

static gboolean
remove_older(int dir, const char *base, const char *path, GError **error)
{
    if (unlinkat(dir, base, 0) == 0 || errno == ENOENT)
        return TRUE;
    if (errno == EISDIR || errno == EPERM) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "'%s' is a directory and something else in one archive: refused", path);
        return FALSE;
    }
    return lab_error_set_errno(error, errno, "replacing '%s'", path);
}

int
lab_tree_create_file(int root, const char *path, mode_t mode, GError **error)
{
    const char *base;
    LAB_AUTO_FD dir = open_parent(root, path, TRUE, &base, error);
    int fd;

    if (dir < 0 || !remove_older(dir, base, path, error))
        return -1;
    fd = openat(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                (mode & 0777) | 0600);
    if (fd < 0)
        lab_error_set_errno(error, errno, "creating '%s'", path);
    return fd;
}

int
lab_tree_open_file(int root, const char *path, GError **error)
{
    const char *base;
    LAB_AUTO_FD dir = open_parent(root, path, FALSE, &base, error);
    int fd;

    if (dir < 0)
        return -1;
    fd = openat(dir, base, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        lab_error_set_errno(error, errno, "opening '%s'", path);
    return fd;
}

static guint
depth_of(const char *path)
{
    guint depth = 0;

    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

/* "../../usr/src/x" for /usr/src/x seen from a link two directories down. */
static char *
relative_target(const char *path, const char *absolute, const char *link_root)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = depth_of(path); i > 0; i--)
        g_string_append(text, "../");
    if (*link_root)
        g_string_append_printf(text, "%s/", link_root);
    while (*absolute == '/')
        absolute++;
    g_string_append(text, *absolute ? absolute : ".");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
target_stays_inside(const char *path, const char *target)
{
    g_auto(GStrv) parts = g_strsplit(target, "/", -1);
    guint up = 0;
    gboolean down = FALSE;

    if (*target == '\0' || *target == '/' || strlen(target) >= PATH_MAX)
        return FALSE;
    for (char **part = parts; *part; part++) {
        if (strcmp(*part, "..") == 0) {
            if (down || ++up > depth_of(path))
                return FALSE;
        } else if (**part != '\0' && strcmp(*part, ".") != 0) {
            down = TRUE;
        }
    }
    return TRUE;
}

gboolean
lab_tree_make_link(int root, const char *path, const char *target, const char *link_root,
                   GError **error)
{
    g_autofree char *relative = NULL;
    const char *base;
    LAB_AUTO_FD dir = -1;

    if (*target == '/' && link_root)
        target = relative = relative_target(path, target, link_root);
    if (!target_stays_inside(path, target)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "link '%s' points to '%.200s', out of the archive's tree: refused", path,
                    target);
        return FALSE;
    }
    dir = open_parent(root, path, TRUE, &base, error);
    if (dir < 0 || !remove_older(dir, base, path, error))
        return FALSE;
    if (symlinkat(target, dir, base) < 0)
        return lab_error_set_errno(error, errno, "making link '%s'", path);
    return TRUE;
}

gboolean
lab_tree_has_file(int root, const char *path)
{
    const char *base;
    LAB_AUTO_FD dir = open_parent(root, path, FALSE, &base, NULL);
    struct stat st;

    return dir >= 0 && fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

gboolean
lab_tree_make_hard_link(int root, const char *path, const char *target, GError **error)
{
    const char *from_base;
    const char *base;
    LAB_AUTO_FD from = -1;
    LAB_AUTO_FD dir = -1;

    if (strcmp(path, target) == 0 || !lab_tree_has_file(root, target)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "'%s' is a hard link to '%s', which is not in the archive: refused", path,
                    target);
        return FALSE;
    }
    from = open_parent(root, target, FALSE, &from_base, error);
    dir = from < 0 ? -1 : open_parent(root, path, TRUE, &base, error);
    if (dir < 0 || !remove_older(dir, base, path, error))
        return FALSE;
    if (linkat(from, from_base, dir, base, 0) < 0)
        return lab_error_set_errno(error, errno, "linking '%s' to '%s'", path, target);
    return TRUE;
}

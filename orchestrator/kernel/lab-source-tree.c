/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-source-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

#define MAX_DEPTH 32
#define MAX_FILES 500000

typedef struct Walk Walk;
struct Walk {
    guint files;
    gboolean (*wants)(const char *path, gboolean is_directory);
    gboolean (*take)(Walk *walk, int dirfd, const char *name, const char *path,
                     const struct stat *st, GError **error);
    GChecksum *sum;
    int to;
};

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
sorted_names(int fd, GError **error)
{
    g_autofree char *proc = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = g_dir_open(proc, 0, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (!dir)
        return NULL;
    while ((name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_name);
    return g_steal_pointer(&names);
}

static gboolean
walk_directory(Walk *walk, int fd, const char *prefix, guint depth, GError **error)
{
    g_autoptr(GPtrArray) names = sorted_names(fd, error);

    for (guint i = 0; names && i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *path = *prefix ? g_build_filename(prefix, name, NULL) : g_strdup(name);
        struct stat st;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return lab_error_set_errno(error, errno, "looking at '%s'", path);
        if (!walk->wants(path, S_ISDIR(st.st_mode)))
            continue;
        if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
            LAB_AUTO_FD child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            if (child < 0)
                return lab_error_set_errno(error, errno, "opening '%s'", path);
            if (!walk_directory(walk, child, path, depth + 1, error))
                return FALSE;
        } else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) {
            if (++walk->files > MAX_FILES) {
                g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                            "more than %d files: this is no kernel source tree", MAX_FILES);
                return FALSE;
            }
            if (!walk->take(walk, fd, name, path, &st, error))
                return FALSE;
        }
    }
    return names != NULL;
}

/* Bytes of a file into the checksum, the descriptor, or both. */
static gboolean
pour(int in, GChecksum *sum, int out, const char *path, GError **error)
{
    guint8 buffer[65536];
    ssize_t n;

    while ((n = read(in, buffer, sizeof buffer)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lab_error_set_errno(error, errno, "reading '%s'", path);
        if (sum)
            g_checksum_update(sum, buffer, n);
        if (out >= 0 && !lab_fd_write_all(out, buffer, (gsize)n, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_target(int dirfd, const char *name, char target[PATH_MAX], GError **error)
{
    ssize_t n = readlinkat(dirfd, name, target, PATH_MAX - 1);

    if (n < 0)
        return lab_error_set_errno(error, errno, "reading the link '%s'", name);
    target[n] = '\0';
    return TRUE;
}

static gboolean
take_digest(Walk *walk, int dirfd, const char *name, const char *path, const struct stat *st,
            GError **error)
{
    g_autofree char *head = NULL;
    LAB_AUTO_FD fd = -1;

    if (S_ISLNK(st->st_mode)) {
        char target[PATH_MAX];

        if (!read_target(dirfd, name, target, error))
            return FALSE;
        head = g_strdup_printf("l %s %s", path, target);
        g_checksum_update(walk->sum, (const guchar *)head, (gssize)strlen(head) + 1);
        return TRUE;
    }
    head = g_strdup_printf("%c %s %lld", st->st_mode & S_IXUSR ? 'x' : 'f', path,
                           (long long)st->st_size);
    g_checksum_update(walk->sum, (const guchar *)head, (gssize)strlen(head) + 1);
    fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", path);
    return pour(fd, walk->sum, -1, path, error);
}

static gboolean
take_copy(Walk *walk, int dirfd, const char *name, const char *path, const struct stat *st,
          GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    LAB_AUTO_FD dir = lab_dir_make(walk->to, parent, 0755, error);
    LAB_AUTO_FD in = -1;
    LAB_AUTO_FD out = -1;

    if (dir < 0)
        return FALSE;
    if (S_ISLNK(st->st_mode)) {
        char target[PATH_MAX];

        if (!read_target(dirfd, name, target, error))
            return FALSE;
        if (symlinkat(target, dir, name) < 0)
            return lab_error_set_errno(error, errno, "making the link '%s'", path);
        return TRUE;
    }
    in = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (in < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", path);
    out = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                 st->st_mode & S_IXUSR ? 0755 : 0644);
    if (out < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", path);
    return pour(in, NULL, out, path, error);
}

static gboolean
has_ending(const char *name, const char *const *endings)
{
    for (; *endings; endings++)
        if (g_str_has_suffix(name, *endings))
            return TRUE;
    return FALSE;
}

static const char *
base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static gboolean
is_source(const char *path, gboolean is_directory)
{
    static const char *const left[] = {".o",   ".ko",  ".a",    ".cmd", ".mod",
                                       ".rej", ".dwo", ".orig", "~",    NULL};
    static const char *const top[] = {"vmlinux", "System.map", "Module.symvers", "modules.order",
                                      NULL};
    const char *name = base_of(path);

    if (is_directory)
        return strcmp(name, ".git") != 0;
    return !has_ending(name, left) && !(name == path && g_strv_contains(top, name));
}

/* As scripts/package/builddeb of the kernel chooses them for its headers package. */
static gboolean
is_header(const char *path, gboolean is_directory)
{
    static const char *const files[] = {".config", "Module.symvers", "Kbuild",
                                        "tools/objtool/objtool", NULL};
    static const char *const trees[] = {"include/", "scripts/", "arch/x86/include/",
                                        "arch/x86/scripts/", NULL};
    static const char *const ways[] = {"include",  "scripts",          "arch",
                                       "arch/x86", "arch/x86/include", "arch/x86/scripts",
                                       "tools",    "tools/objtool",    NULL};
    static const char *const left[] = {".o", ".cmd", ".a", ".ko", NULL};
    const char *name = base_of(path);

    for (const char *const *tree = trees; *tree; tree++)
        if (g_str_has_prefix(path, *tree))
            return !g_str_has_prefix(path, "scripts/dtc/") &&
                   (is_directory || !has_ending(name, left));
    if (is_directory)
        return g_strv_contains(ways, path);
    if (g_str_has_prefix(path, "arch/x86/"))
        return !strchr(path + strlen("arch/x86/"), '/') && g_str_has_prefix(name, "Makefile");
    return g_strv_contains(files, path) || (name == path && g_str_has_prefix(name, "Makefile"));
}

static gboolean
walk_from(Walk *walk, const char *directory, GError **error)
{
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, directory, error);

    if (fd >= 0 && walk_directory(walk, fd, "", 0, error))
        return TRUE;
    g_prefix_error(error, "kernel source '%s': ", directory);
    return FALSE;
}

char *
lab_source_tree_digest(const char *directory, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    Walk walk = {.wants = is_source, .take = take_digest, .sum = sum, .to = -1};

    return walk_from(&walk, directory, error) ? g_strdup(g_checksum_get_string(sum)) : NULL;
}

gboolean
lab_source_tree_copy(const char *directory, int to_fd, GError **error)
{
    Walk walk = {.wants = is_source, .take = take_copy, .to = to_fd};

    return walk_from(&walk, directory, error);
}

gboolean
lab_source_tree_copy_headers(const char *directory, int to_fd, GError **error)
{
    Walk walk = {.wants = is_header, .take = take_copy, .to = to_fd};

    return walk_from(&walk, directory, error);
}

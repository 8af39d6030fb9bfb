/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-boot-image.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-source.h"

#define MAX_DEPTH 32

gssize
lab_source_peek(const char *path, void *buffer, gsize length)
{
    LAB_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    return read(fd, buffer, length);
}

/* Not durable by itself: the stage is synced as a whole. */
static gboolean
copy_file(int dirfd, const char *name, LabStage *stage, const char *place, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(place);
    LAB_AUTO_FD dir = lab_dir_make(stage->fd, parent, 0755, error);
    LAB_AUTO_FD in = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    LAB_AUTO_FD out = -1;

    if (dir < 0)
        return FALSE;
    if (in < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", name);
    out = openat(stage->fd, place, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (out < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", place);
    return lab_fd_copy(in, out, name, error);
}

gboolean
lab_tree_take_file(LabStage *stage, const char *path, const char *place, GError **error)
{
    return copy_file(AT_FDCWD, path, stage, place, error);
}

gboolean
lab_tree_take_image(LabStage *stage, const char *path, GError **error)
{
    char start[0x250];
    gssize n = lab_source_peek(path, start, sizeof start);
    const char *place = NULL;

    if (n > 0 && lab_bzimage_is(start, (gsize)n))
        place = "vmlinuz";
    else if (n > 4 && memcmp(start, "\177ELF", 4) == 0)
        place = "vmlinux";
    if (!place) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "'%s' is neither a bzImage nor an ELF vmlinux", path);
        return FALSE;
    }
    if (stage->layout.has_image) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                    "'%s': there is a boot image already, and one kernel has one", path);
        return FALSE;
    }
    stage->layout.has_image = TRUE;
    return lab_tree_take_file(stage, path, place, error);
}

typedef struct {
    LabStage *stage;
    const char *place; /* prefix below the stage */
    gboolean indexes;  /* take modules.order and modules.builtin* too */
} Walk;

static gboolean
is_index(const char *name)
{
    return strcmp(name, "modules.order") == 0 || strcmp(name, "modules.builtin") == 0 ||
           strcmp(name, "modules.builtin.modinfo") == 0;
}

static gboolean
walk(const Walk *w, int fd, const char *prefix, guint depth, GError **error)
{
    g_autofree char *proc = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = g_dir_open(proc, 0, error);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(prefix, name, NULL);
        g_autofree char *place = NULL;
        struct stat st;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
            LAB_AUTO_FD child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            if (child < 0)
                return lab_error_set_errno(error, errno, "opening '%s'", path);
            if (!walk(w, child, path, depth + 1, error))
                return FALSE;
        }
        if (!S_ISREG(st.st_mode) ||
            !(lab_layout_is_module(name) || (w->indexes && depth == 0 && is_index(name))))
            continue;
        place = g_build_filename(w->place, path, NULL);
        if (!copy_file(fd, name, w->stage, place, error))
            return FALSE;
    }
    return dir != NULL;
}

static gboolean
walk_from(LabStage *stage, const char *path, const char *place, gboolean indexes, GError **error)
{
    Walk w = {.stage = stage, .place = place, .indexes = indexes};
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, path, error);

    return fd >= 0 && walk(&w, fd, "", 0, error);
}

gboolean
lab_tree_take_modules(LabStage *stage, const char *path, GError **error)
{
    return walk_from(stage, path, "modules", TRUE, error);
}

gboolean
lab_tree_take_built_modules(LabStage *stage, const char *path, GError **error)
{
    return walk_from(stage, path, "modules/kernel", FALSE, error);
}

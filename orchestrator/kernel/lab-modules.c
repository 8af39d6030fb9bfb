/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The modules of a staged kernel: unpacked, indexed by depmod (no package ships modules.dep), and
 * counted into the kernel's digest. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-archive.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-proc.h"
#include "lab-stage.h"

#define MODULE_MAX_BYTES (512u << 20)

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Paths of all modules below the directory 'fd', prefixed, in any order. */
static gboolean
list_modules(int fd, const char *prefix, GPtrArray *list, GError **error)
{
    g_autofree char *proc = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = g_dir_open(proc, 0, error);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(prefix, name, NULL);
        struct stat st;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return lab_error_set_errno(error, errno, "looking at '%s'", path);
        if (S_ISDIR(st.st_mode)) {
            LAB_AUTO_FD child = lab_dir_open(fd, name, error);

            if (child < 0 || !list_modules(child, path, list, error))
                return FALSE;
        } else if (S_ISREG(st.st_mode) && lab_layout_is_module(name)) {
            g_ptr_array_add(list, g_steal_pointer(&path));
        }
    }
    return dir != NULL;
}

/* Unpacks "x.ko.xz" to "x.ko"; *path is replaced. */
static gboolean
unpack_module(int modules_fd, char **path, GError **error)
{
    g_autofree char *plain = g_strndup(*path, (gsize)(strstr(*path, ".ko") - *path) + 3);
    g_autoptr(GPtrArray) unused = NULL;

    if (g_str_has_suffix(*path, ".ko"))
        return TRUE;
    g_free(plain);
    plain = g_strndup(*path, (gsize)(strrchr(*path, '.') - *path));
    if (!lab_archive_decompress_file(modules_fd, *path, plain, MODULE_MAX_BYTES, error))
        return FALSE;
    g_free(*path);
    *path = g_steal_pointer(&plain);
    return TRUE;
}

static gboolean
unpack_modules(LabStage *stage, int modules_fd, GPtrArray *list, GError **error)
{
    for (guint i = 0; i < list->len; i++) {
        if (i % 256 == 0)
            lab_stage_progress(stage, i, list->len, "unpacking modules");
        if (!unpack_module(modules_fd, (char **)&g_ptr_array_index(list, i), error))
            return FALSE;
    }
    return TRUE;
}

/* depmod wants BASE/lib/modules/RELEASE (or /usr/lib, as it was configured): links to the stage. */
static gboolean
run_depmod(LabStage *stage, GError **error)
{
    g_autofree char *base = g_strdup_printf("/proc/%d/fd/%d/.depmod", (int)getpid(), stage->fd);
    g_autofree char *map = g_strdup_printf("/proc/%d/fd/%d/System.map", (int)getpid(), stage->fd);
    const char *argv[] = {"depmod", "-b", base, stage->kernel->release, NULL, NULL, NULL};
    g_auto(LabProcResult) result = {0};
    LAB_AUTO_FD lib = lab_dir_make(stage->fd, ".depmod/lib/modules", 0755, error);
    g_autofree char *target = g_strdup("../../../modules");

    if (lib < 0)
        return FALSE;
    if (symlinkat(target, lib, stage->kernel->release) < 0)
        return lab_error_set_errno(error, errno, "making a link for depmod");
    if (symlinkat("lib", stage->fd, ".depmod/usr") < 0 && errno != EEXIST)
        return lab_error_set_errno(error, errno, "making a link for depmod");
    if (lab_file_exists(stage->fd, "System.map")) {
        argv[4] = "-F";
        argv[5] = map;
    }
    if (!lab_proc_check(argv, NULL, &result, error)) {
        g_prefix_error(error, "indexing the modules (depmod of the package kmod is needed): ");
        return FALSE;
    }
    return lab_path_remove(stage->fd, ".depmod", error);
}

gboolean
lab_stage_finish_modules(LabStage *stage, GChecksum *sum, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    LAB_AUTO_FD fd = -1;

    if (!lab_file_exists(stage->fd, "modules"))
        return TRUE;
    fd = lab_dir_open(stage->fd, "modules", error);
    if (fd < 0 || !list_modules(fd, "", list, error) || !unpack_modules(stage, fd, list, error))
        return FALSE;
    g_ptr_array_sort(list, by_name);
    for (guint i = 0; i < list->len; i++) {
        const char *path = g_ptr_array_index(list, i);
        g_autofree char *hex = lab_sha256_file(fd, path, error);

        if (!hex)
            return FALSE;
        g_checksum_update(sum, (const guchar *)path, -1);
        g_checksum_update(sum, (const guchar *)hex, -1);
    }
    stage->kernel->has_modules = list->len > 0;
    if (list->len == 0)
        return lab_path_remove(stage->fd, "modules", error);
    lab_stage_progress(stage, 0, 0, "indexing %u modules", list->len);
    return run_depmod(stage, error);
}

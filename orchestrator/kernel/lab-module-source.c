/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-module-source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-error.h"
#include "lab-file.h"

#define MAX_FILE_BYTES (16u << 20)
#define MAX_FILES      1000
#define MAX_DEPTH      8

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean
is_result(const char *name)
{
    static const char *const endings[] = {".o", ".ko", ".mod", ".mod.c", ".order", ".symvers"};

    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
        if (g_str_has_suffix(name, endings[i]))
            return TRUE;
    return *name == '.';
}

static gboolean
collect(const char *root, const char *prefix, guint depth, GPtrArray *files, GError **error)
{
    g_autofree char *path = g_build_filename(root, prefix, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (!dir) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "no directory '%s' with a module's sources", path);
        return FALSE;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *relative = g_build_filename(prefix, name, NULL);
        g_autofree char *full = g_build_filename(root, relative, NULL);
        struct stat st;

        if (is_result(name) || lstat(full, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH &&
            !collect(root, relative, depth + 1, files, error))
            return FALSE;
        if (S_ISREG(st.st_mode))
            g_ptr_array_add(files, g_steal_pointer(&relative));
    }
    if (files->len <= MAX_FILES)
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                "'%s' has more than %d files: it is no module's source", root, MAX_FILES);
    return FALSE;
}

GPtrArray *
lab_module_source_list(const char *source_dir, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    if (!collect(source_dir, "", 0, files, error))
        return NULL;
    g_ptr_array_sort(files, by_name);
    return g_steal_pointer(&files);
}

gboolean
lab_module_source_digest(const char *source_dir, const GPtrArray *files, GChecksum *sum,
                         GError **error)
{
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, source_dir, error);

    if (fd < 0)
        return FALSE;
    for (guint i = 0; i < files->len; i++) {
        gsize length;
        g_autofree char *text = lab_file_read(fd, files->pdata[i], MAX_FILE_BYTES, &length, error);

        if (!text)
            return FALSE;
        /* The NUL bytes keep "ab"+"c" and "a"+"bc" apart. */
        g_checksum_update(sum, files->pdata[i], (gssize)strlen(files->pdata[i]) + 1);
        g_checksum_update(sum, (const guchar *)text, (gssize)length + 1);
    }
    return TRUE;
}

static gboolean
write_kbuild(int to, const GPtrArray *files, GError **error)
{
    g_autoptr(GString) text = g_string_new("obj-m :=");

    for (guint i = 0; i < files->len; i++) {
        const char *name = files->pdata[i];

        if (strcmp(name, "Kbuild") == 0 || strcmp(name, "Makefile") == 0)
            return TRUE;
        if (g_str_has_suffix(name, ".c") && !strchr(name, '/'))
            g_string_append_printf(text, " %.*s.o", (int)(strlen(name) - 2), name);
    }
    g_string_append_c(text, '\n');
    return lab_file_write(to, "Kbuild", text->str, -1, 0644, error);
}

gboolean
lab_module_source_copy(const char *source_dir, const GPtrArray *files, const char *to,
                       GError **error)
{
    LAB_AUTO_FD from_fd = lab_dir_open(AT_FDCWD, source_dir, error);
    LAB_AUTO_FD to_fd = from_fd < 0 ? -1 : lab_dir_open(AT_FDCWD, to, error);

    if (to_fd < 0)
        return FALSE;
    for (guint i = 0; i < files->len; i++) {
        g_autofree char *parent = g_path_get_dirname(files->pdata[i]);
        LAB_AUTO_FD dir = lab_dir_make(to_fd, parent, 0755, error);

        if (dir < 0 ||
            !lab_file_copy(from_fd, files->pdata[i], to_fd, files->pdata[i], 0644, error))
            return FALSE;
    }
    return write_kbuild(to_fd, files, error);
}

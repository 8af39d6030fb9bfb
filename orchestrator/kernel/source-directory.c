/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory: the packages of one kernel, or its modules. */
#include <string.h>

#include "lab-error.h"
#include "lab-source.h"
#include "lab-tree.h"

static gboolean
accepts(const char *spec)
{
    return g_file_test(spec, G_FILE_TEST_IS_DIR);
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean
is_package(const char *name)
{
    return g_str_has_suffix(name, ".deb") || g_str_has_suffix(name, ".rpm");
}

static gboolean
is_module_directory(const char *path)
{
    g_autofree char *order = g_build_filename(path, "modules.order", NULL);
    g_autofree char *kernel = g_build_filename(path, "kernel", NULL);

    return g_file_test(order, G_FILE_TEST_EXISTS) || g_file_test(kernel, G_FILE_TEST_IS_DIR);
}

static gboolean
take(LabStage *stage, const char *spec, GError **error)
{
    g_autoptr(GPtrArray) packages = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(spec, 0, error);
    const char *name;

    if (!dir)
        return FALSE;
    while ((name = g_dir_read_name(dir)))
        if (is_package(name))
            g_ptr_array_add(packages, g_build_filename(spec, name, NULL));
    if (packages->len == 0 && is_module_directory(spec))
        return lab_tree_take_modules(stage, spec, error);
    if (packages->len == 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "'%s' has no .deb or .rpm, is no kernel build tree and no modules directory",
                    spec);
        return FALSE;
    }
    g_ptr_array_sort(packages, by_name);
    for (guint i = 0; i < packages->len; i++)
        if (!lab_stage_take(stage, g_ptr_array_index(packages, i), error))
            return FALSE;
    return TRUE;
}

const LabSource lab_source_directory = {
    .name = "directory",
    .form = "DIRECTORY",
    .summary = "the packages of one kernel, or a modules directory to go with an image",
    .accepts = accepts,
    .take = take,
};

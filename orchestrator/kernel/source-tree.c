/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel build tree, after "make": image, config, System.map, the modules beside their sources,
 * and the tree itself as the place to build modules against. */
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-source.h"
#include "lab-tree.h"

#define IMAGE "arch/x86/boot/bzImage"

static char *
find(const char *tree, const char *name)
{
    g_autofree char *path = g_build_filename(tree, name, NULL);

    return g_file_test(path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer(&path) : NULL;
}

static gboolean
accepts(const char *spec)
{
    g_autofree char *config = find(spec, ".config");
    g_autofree char *makefile = find(spec, "Makefile");

    return config && makefile;
}

static gboolean
take_optional(LabStage *stage, const char *tree, const char *name, const char *place,
              GError **error)
{
    g_autofree char *path = find(tree, name);

    return !path || lab_tree_take_file(stage, path, place, error);
}

/* The tree's own path: modules are built against it where it lies. */
static gboolean
write_headers(LabStage *stage, const char *tree, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(tree, NULL);
    g_autoptr(json_t) json = json_pack("{s:i, s:s}", "schema_version", 1, "build", absolute);

    return lab_json_write(stage->fd, "headers.json", json, 0644, error);
}

static gboolean
take(LabStage *stage, const char *spec, GError **error)
{
    g_autofree char *image = find(spec, IMAGE);

    if (!image) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "'%s' is a kernel build tree without " IMAGE ": run make there first", spec);
        return FALSE;
    }
    lab_stage_progress(stage, 0, 0, "copying the build tree's image and modules");
    if (!lab_tree_take_image(stage, image, error) ||
        !take_optional(stage, spec, ".config", "config", error) ||
        !take_optional(stage, spec, "System.map", "System.map", error) ||
        !take_optional(stage, spec, "modules.order", "modules/modules.order", error) ||
        !take_optional(stage, spec, "modules.builtin", "modules/modules.builtin", error) ||
        !take_optional(stage, spec, "modules.builtin.modinfo", "modules/modules.builtin.modinfo",
                       error) ||
        !lab_tree_take_built_modules(stage, spec, error))
        return FALSE;
    if (stage->options->debug && !take_optional(stage, spec, "vmlinux", "debug/vmlinux", error))
        return FALSE;
    lab_stage_note_package(stage, "tree", NULL, NULL, TRUE);
    lab_stage_note_trust(stage, LAB_TRUST_UNVERIFIED, NULL);
    return write_headers(stage, spec, error);
}

const LabSource lab_source_tree = {
    .name = "tree",
    .form = "BUILD-TREE",
    .summary = "a kernel build tree after make",
    .accepts = accepts,
    .take = take,
};

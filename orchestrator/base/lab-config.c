/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-config.h"

#include <fcntl.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-yaml.h"

static const LabField similarity_fields[] = {
    {"threshold", LAB_FIELD_DOUBLE, G_STRUCT_OFFSET(LabConfig, similarity_threshold),
     "score from which two crashes of one class are called similar", .fallback = "0.57", .min = 0,
     .max = 1},
    {NULL},
};

static const LabSchema similarity_table = {"similarity", sizeof(LabConfig), similarity_fields,
                                           "when two crashes are alike"};

static const LabField budget_fields[] = {
    {"max_size", LAB_FIELD_SIZE, G_STRUCT_OFFSET(LabConfigBudget, max_bytes),
     "what all of the kind may take; the oldest go first"},
    {"max_age", LAB_FIELD_DURATION, G_STRUCT_OFFSET(LabConfigBudget, max_age_ms),
     "what was of no use for so long goes"},
    {NULL},
};

static const LabSchema budget_table = {"budget", sizeof(LabConfigBudget), budget_fields,
                                       "how much 'kreglab gc' leaves of a kind"};

#define BUDGET(n, name, help)                                                                    \
    {                                                                                            \
        name, LAB_FIELD_STRUCT, G_STRUCT_OFFSET(LabConfig, gc[n]), help, .schema = &budget_table \
    }

static const LabField gc_fields[] = {
    BUDGET(0, "vmcores", "dumps of runs that stay"),
    BUDGET(1, "runs", "results, consoles and what else a run left"),
    BUDGET(2, "templates", "booted guests to clone"),
    BUDGET(3, "images", "disk images"),
    BUDGET(4, "initramfs", "parts of initramfs archives"),
    BUDGET(5, "modules", "built modules"),
    BUDGET(6, "programs", "built stressors"),
    BUDGET(7, "roots", "private roots for foreign kernels' tools"),
    BUDGET(8, "downloads", "packages of kernels"),
    BUDGET(9, "builds", "trees and objects of built kernels"),
    BUDGET(10, "apt", "package lists of archives"),
    {NULL},
};

static const LabSchema gc_table = {"gc", sizeof(LabConfig), gc_fields,
                                   "what 'kreglab gc' leaves of each kind"};

static const LabField config_fields[] = {
    {"similarity", LAB_FIELD_STRUCT, 0, "when two crashes are alike", .schema = &similarity_table},
    {"gc", LAB_FIELD_STRUCT, 0, "what 'kreglab gc' leaves of each kind", .schema = &gc_table},
    {NULL},
};

const LabSchema lab_config_table = {"config", sizeof(LabConfig), config_fields,
                                    "the user's settings"};

gboolean
lab_config_load(LabConfig *config, GError **error)
{
    const char *given = g_getenv("KREGLAB_CONFIG");
    g_autofree char *path =
        given && *given ? g_strdup(given)
                        : g_build_filename(g_get_user_config_dir(), "kreglab", "config.yaml", NULL);
    g_autoptr(LabYaml) yaml = lab_yaml_new(path);
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    gsize length;

    *config = (LabConfig){0};
    lab_schema_init(&lab_config_table, config);
    text = lab_file_read(AT_FDCWD, path, LAB_YAML_MAX_BYTES, &length, &local);
    if (!text && g_error_matches(local, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND) && !(given && *given))
        return TRUE;
    if (!text) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "%s", local->message);
        return FALSE;
    }
    lab_yaml_load(yaml, text, length, &lab_config_table, config);
    return lab_yaml_finish(yaml, error);
}

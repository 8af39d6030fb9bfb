/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix.yaml and LabMatrix. The expansion is in lab-matrix-expand.c. */
#include "lab-matrix.h"

#include <fcntl.h>
#include <stddef.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-schema.h"
#include "lab-tables.h"
#include "lab-yaml.h"

#define RULE_FIELDS                                                    \
    {"kernel", LAB_FIELD_STRING, offsetof(LabMatrixRule, kernel),      \
     "glob over kernel ids (default: all)", .example = "6.1*"},        \
        {"recipe", LAB_FIELD_STRING, offsetof(LabMatrixRule, recipe),  \
         "glob over recipes (default: all)", .example = "ksm-*"},      \
    {                                                                  \
        "variant", LAB_FIELD_STRING, offsetof(LabMatrixRule, variant), \
            "glob over variants (default: all)", .example = "default"  \
    }

static const LabField exclude_fields[] = {RULE_FIELDS, {NULL}};
static const LabSchema exclude_table = {"exclude", sizeof(LabMatrixRule), exclude_fields, NULL};

static const LabField include_fields[] = {
    RULE_FIELDS,
    {"repeat", LAB_FIELD_INT, offsetof(LabMatrixRule, repeat),
     "repetitions of these cells (default: the matrix's)", .min = 1, .max = 100000,
     .example = "10"},
    {NULL},
};
static const LabSchema include_table = {"include", sizeof(LabMatrixRule), include_fields, NULL};

static const LabField timeout_fields[] = {
    {"boot", LAB_FIELD_DURATION, offsetof(LabMatrix, boot_timeout_ms),
     "from QEMU's start to the agent", .max = 86400000.0, .example = "120s"},
    {"run", LAB_FIELD_DURATION, offsetof(LabMatrix, run_timeout_ms), "the stressor's deadline",
     .max = 604800000.0, .example = "90s"},
    {NULL},
};
static const LabSchema timeouts_table = {"timeouts", 0, timeout_fields, NULL};

static const LabField guest_fields[] = {
    {"replay", LAB_FIELD_STRING, offsetof(LabMatrix, replay),
     "folder of a recorded guest that is played instead of booting one"},
    {"memory", LAB_FIELD_SIZE, offsetof(LabMatrix, memory_bytes),
     "memory, in place of the recipe's", .min = 64 << 20, .max = 4398046511104.0, .example = "1G"},
    {"cpus", LAB_FIELD_INT, offsetof(LabMatrix, cpus), "virtual CPUs, in place of the recipe's",
     .min = 1, .max = 512, .example = "2"},
    {NULL},
};
static const LabSchema guest_table = {"guest", 0, guest_fields, NULL};

static const LabField adaptive_fields[] = {
    {"min", LAB_FIELD_INT, offsetof(LabAdaptive, min), "repetitions that each cell has",
     .fallback = "3", .min = 1, .max = 100000},
    {"max", LAB_FIELD_INT, offsetof(LabAdaptive, max), "repetitions that a cell has at most",
     .fallback = "40", .min = 1, .max = 100000},
    {"confidence", LAB_FIELD_DOUBLE, offsetof(LabAdaptive, confidence),
     "that no difference is seen where there is none, in the whole matrix", .fallback = "0.95",
     .min = 0.5, .max = 0.999999},
    {"power", LAB_FIELD_DOUBLE, offsetof(LabAdaptive, power),
     "that a difference as large as the effect is not called none", .fallback = "0.9", .min = 0.5,
     .max = 0.999999},
    {"effect", LAB_FIELD_DOUBLE, offsetof(LabAdaptive, effect),
     "the smallest difference of interest between two shares of bad runs", .fallback = "0.2",
     .min = 0.01, .max = 0.9},
    {"budget", LAB_FIELD_DURATION, offsetof(LabAdaptive, budget_ms),
     "no cell starts once all sessions of the run took so long", .max = 31536000000.0,
     .example = "30m"},
    {NULL},
};
const LabSchema lab_adaptive_table = {"adaptive", sizeof(LabAdaptive), adaptive_fields, NULL};

static const LabField matrix_fields[] = {
    {"kernels", LAB_FIELD_STRINGS, offsetof(LabMatrix, kernels),
     "kernels of the store: ids, unique prefixes or globs", .required = TRUE, .example = "6.1*"},
    {"recipes", LAB_FIELD_STRINGS, offsetof(LabMatrix, recipes), "names of recipes, or globs",
     .required = TRUE, .example = "ksm-migrate"},
    {"variants", LAB_FIELD_STRINGS, offsetof(LabMatrix, variants),
     "variants to run of those that the recipes have (default: all)", .example = "default"},
    {"own_variants", LAB_FIELD_LIST, offsetof(LabMatrix, own_variants),
     "variants for all recipes, on top of each one's baseline", .schema = &lab_variant_table},
    {"repeat", LAB_FIELD_INT, offsetof(LabMatrix, repeat), "how often each cell runs",
     .fallback = "1", .min = 1, .max = 100000},
    {"adaptive", LAB_FIELD_POINTER, offsetof(LabMatrix, adaptive),
     "repetitions as many as the comparisons need, in place of repeat",
     .schema = &lab_adaptive_table},
    {"include", LAB_FIELD_LIST, offsetof(LabMatrix, include),
     "further cells, of all kernels and recipes there are", .schema = &include_table},
    {"exclude", LAB_FIELD_LIST, offsetof(LabMatrix, exclude), "cells to leave out",
     .schema = &exclude_table},
    {"timeouts", LAB_FIELD_STRUCT, 0, "deadlines, in place of the recipe's",
     .schema = &timeouts_table},
    {"cmdline", LAB_FIELD_STRING, offsetof(LabMatrix, cmdline),
     "appended to the kernel's command line", .example = "slub_debug=FZ"},
    {"accelerator", LAB_FIELD_STRING, offsetof(LabMatrix, accelerator),
     "what runs the guest (default: auto)", .choices = lab_accelerator_words},
    {"connect", LAB_FIELD_STRING, offsetof(LabMatrix, connect_uri),
     "libvirt's URI (default: the embedded driver)", .example = "qemu:///session"},
    {"guest", LAB_FIELD_STRUCT, 0, "the guest", .schema = &guest_table},
    {"boot", LAB_FIELD_STRING, offsetof(LabMatrix, boot),
     "how the kernel is loaded: as a distribution boots, or straight through PVH (default: "
     "bzimage)",
     .choices = lab_boot_words},
    {"keep_dumps", LAB_FIELD_STRING, offsetof(LabMatrix, keep_dumps),
     "vmcores to keep (default: first-per-signature)", .choices = lab_keep_dumps_words},
    {"kdump", LAB_FIELD_BOOL, offsetof(LabMatrix, kdump),
     "false: no capture kernel, whatever the recipe says", .fallback = "true"},
    {"cold", LAB_FIELD_BOOL, offsetof(LabMatrix, cold),
     "true: boot a guest for every cell instead of cloning one that is booted",
     .fallback = "false"},
    {"templates", LAB_FIELD_INT, offsetof(LabMatrix, templates),
     "booted guests that the repetitions of a cell are clones of, in turn", .fallback = "2",
     .min = 1, .max = 64},
    {NULL},
};
const LabSchema lab_matrix_table = {"matrix", sizeof(LabMatrix), matrix_fields, "matrix.yaml"};

LabMatrix *
lab_matrix_new(void)
{
    return lab_schema_new(&lab_matrix_table);
}

void
lab_matrix_free(LabMatrix *matrix)
{
    lab_schema_free(&lab_matrix_table, matrix);
}

char *
lab_matrix_to_yaml(const LabMatrix *matrix)
{
    return lab_yaml_write(&lab_matrix_table, matrix);
}

char *
lab_matrix_help(void)
{
    return lab_yaml_help(&lab_matrix_table);
}

static void
check_matrix(const LabMatrix *matrix, LabYaml *yaml)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    if (!matrix->kernels[0])
        lab_yaml_problem(yaml, "kernels", "expected at least one kernel");
    if (!matrix->recipes[0])
        lab_yaml_problem(yaml, "recipes", "expected at least one recipe");
    if (matrix->adaptive && matrix->adaptive->max < matrix->adaptive->min)
        lab_yaml_problem(yaml, "adaptive.max", "expected no less than 'min'");
    for (guint i = 0; i < matrix->own_variants->len; i++) {
        LabVariant *variant = matrix->own_variants->pdata[i];
        g_autofree char *path = g_strdup_printf("own_variants[%u]", i);
        g_autofree char *args_path = g_strconcat(path, ".args", NULL);

        if (!g_hash_table_add(names, variant->name))
            lab_yaml_problem(yaml, path, "'%s': another variant has that name", variant->name);
        if (variant->baseline)
            lab_yaml_problem(yaml, path, "'%s': the baseline is the recipe's", variant->name);
        if (!variant->setup.args && lab_yaml_has(yaml, args_path))
            variant->setup.args = g_new0(char *, 1);
    }
}

LabMatrix *
lab_matrix_parse(const char *text, gsize length, const char *name, GError **error)
{
    g_autoptr(LabYaml) yaml = lab_yaml_new(name);
    g_autoptr(LabMatrix) matrix = g_malloc0(sizeof(*matrix));

    if (lab_yaml_load(yaml, text, length, &lab_matrix_table, matrix))
        check_matrix(matrix, yaml);
    return lab_yaml_finish(yaml, error) ? g_steal_pointer(&matrix) : NULL;
}

/* A matrix's own hotfixes lie where its file does, unless they say otherwise. */
static void
find_hotfixes(LabMatrix *matrix, const char *path)
{
    g_autofree char *file = g_canonicalize_filename(path, NULL);
    g_autofree char *directory = g_path_get_dirname(file);

    for (guint i = 0; i < matrix->own_variants->len; i++) {
        char **hotfix = &((LabVariant *)matrix->own_variants->pdata[i])->setup.hotfix;
        char *absolute = *hotfix ? g_canonicalize_filename(*hotfix, directory) : NULL;

        g_free(*hotfix);
        *hotfix = absolute;
    }
}

LabMatrix *
lab_matrix_load(const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    gsize length;
    g_autofree char *text = lab_file_read(AT_FDCWD, path, LAB_YAML_MAX_BYTES, &length, &local);
    g_autoptr(LabMatrix) matrix = NULL;

    if (!text) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "matrix '%s': %s", path,
                    local->message);
        return NULL;
    }
    matrix = lab_matrix_parse(text, length, path, error);
    if (matrix)
        find_hotfixes(matrix, path);
    return g_steal_pointer(&matrix);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix.yaml: kernels × variants × recipes × repetitions -> cells. */
#pragma once

#include "lab-cell.h"
#include "lab-schema.h"

/* Repetitions as many as the comparisons need, decided after each result. */
typedef struct {
    int min, max;      /* repetitions of a cell */
    double confidence; /* that no difference is seen where there is none, over the whole matrix */
    double power;      /* that one of 'effect' or more is not called none */
    double effect;     /* difference of the shares of bad runs, 0..1 */
    gint64 budget_ms;  /* no cell starts after it; 0: none */
} LabAdaptive;

extern const LabSchema lab_adaptive_table;

typedef struct {
    char **kernels;          /* patterns over the store; never NULL */
    char **recipes;          /* names; never NULL */
    char **variants;         /* names to keep; empty: all; never NULL */
    GPtrArray *own_variants; /* LabVariant for all recipes, on top of each one's baseline */
    int repeat;              /* default 1 */
    LabAdaptive *adaptive;   /* in place of repeat; or NULL */
    GPtrArray *exclude;      /* LabMatrixRule */
    GPtrArray *include;      /* LabMatrixRule: extra cells */
    gint64 boot_timeout_ms, run_timeout_ms;                       /* 0: the recipe's */
    char *cmdline;                                                /* appended for all; or NULL */
    char *accelerator, *connect_uri, *replay, *boot, *keep_dumps; /* or NULL */
    guint64 memory_bytes;                                         /* 0: the recipe's */
    int cpus;                                                     /* 0: the recipe's */
    gboolean kdump; /* FALSE: no capture kernel, whatever the recipe says */
    gboolean cold;  /* boot every guest, whatever the recipe says */
    int templates;  /* booted guests that the repetitions of a cell are spread over; default 2 */
} LabMatrix;

typedef struct {
    char *kernel, *recipe, *variant; /* globs; NULL matches all */
    int repeat;
} LabMatrixRule;

LabMatrix *lab_matrix_new(void);
LabMatrix *lab_matrix_load(const char *path, GError **error);
/* 'name' stands for the file in messages. */
LabMatrix *lab_matrix_parse(const char *text, gsize length, const char *name, GError **error);
void lab_matrix_free(LabMatrix *matrix);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabMatrix, lab_matrix_free)

/* The YAML that, loaded, gives this matrix: kept as matrix.yaml of a run. g_free. */
char *lab_matrix_to_yaml(const LabMatrix *matrix);

/* Expands to LabCell in running order (kernel, recipe, variant, repetition), ids computed.
 * 'kernels' (LabKernel) and 'recipes' (LabRecipe) are what there is; borrowed. A pattern that names
 * nothing, and a matrix without cells, is LAB_CONFIG_ERROR. The array frees its cells. */
GPtrArray *lab_matrix_expand(const LabMatrix *matrix, const GPtrArray *kernels,
                             const GPtrArray *recipes, GError **error);

/* The keys of matrix.yaml with types, defaults and help. g_free. */
char *lab_matrix_help(void);

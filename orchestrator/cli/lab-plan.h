/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From flags or matrix.yaml to the cells of a run. */
#pragma once

#include "lab-cli.h"
#include "lab-matrix.h"

/* Recipes that came with kreglab and those of DATA/recipes (which go before), by name. A broken one
 * is warned of and left out. The array frees them. */
GPtrArray *lab_plan_recipes(const LabPaths *paths, GError **error);

/* One recipe: a name of the above, or the path of a folder (something with a '/'). */
LabRecipe *lab_plan_find_recipe(const LabPaths *paths, const char *name, GError **error);

/* What runs (--kernel, --recipe, --matrix …), and in what guest: beside a verb's own options. */
extern const LabOption lab_plan_options[];
extern const LabOption lab_guest_options[];

/* Lays what lab_guest_options say over 'matrix'. */
void lab_plan_apply_guest_options(LabMatrix *matrix, const LabCli *cli);

typedef struct {
    LabMatrix *matrix;
    GPtrArray *kernels; /* LabKernel, all of the store */
    GPtrArray *recipes; /* LabRecipe, those there are */
    GPtrArray *cells;   /* LabCell in running order, ids computed */
} LabPlan;

/* Reads the options (a --matrix, or the verb's argument, first; other flags go over it) and
 * expands. Errors: LAB_CONFIG_ERROR. */
LabPlan *lab_plan_new(const LabCli *cli, GError **error);
void lab_plan_free(LabPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabPlan, lab_plan_free)

/* How long a cell is expected to take, from history; 'guess_ms' where there is none. */
typedef gint64 (*LabPlanHistory)(const LabCell *cell, gint64 guess_ms, gpointer user_data);

typedef struct {
    guint expected_cells;    /* that run: of an adaptive run, without a budget, about */
    gint64 expected_ms;      /* of these, wall clock with so many jobs; until the budget ends */
    gint64 longest_ms;       /* the same when every cell uses up its deadlines */
    guint dumps;             /* vmcores kept, at most */
    guint64 dump_bytes;      /* what they take as a rule: a sixteenth of the memory */
    guint64 dump_bytes_most; /* all of the memory */
} LabPlanCost;

/* 'history' may be NULL. */
LabPlanCost
lab_plan_cost(const LabPlan *plan, int jobs, LabPlanHistory history, gpointer user_data);

/* --dry-run: the cells as a table on stdout, then time and disk. */
void lab_plan_print(const LabPlan *plan, const LabPlanCost *cost);
/* The same as JSON: {"cells":[cell.json…],"expected_ms":N,…}, a cell a line. */
void lab_plan_print_json(const LabPlan *plan, const LabPlanCost *cost);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <malloc.h>
#include <stdio.h>

#include "lab-drive.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-plan.h"

static gint64
history(const LabCell *cell, gint64 guess_ms, gpointer estimate)
{
    return lab_estimate_ms(estimate, cell->kernel_id, cell->recipe, cell->variant, guess_ms);
}

/* As many as the scheduler will start at once. */
static int
planned_jobs(const LabCli *cli, const GPtrArray *cells)
{
    guint64 memory_bytes = G_MAXINT64;
    int cpus = G_MAXINT;

    for (guint i = 0; i < cells->len; i++) {
        const LabCell *cell = cells->pdata[i];

        memory_bytes = MIN(memory_bytes, cell->guest.memory_bytes);
        cpus = MIN(cpus, cell->guest.cpus);
    }
    return (int)lab_cli_int(cli, "jobs", lab_estimate_jobs(cpus, memory_bytes));
}

static int
dry_run(LabCli *cli, const LabPlan *plan)
{
    g_autoptr(GError) no_index = NULL;
    g_autofree char *file = g_build_filename(cli->paths->data, "index.sqlite", NULL);
    g_autoptr(LabIndex) index =
        g_file_test(file, G_FILE_TEST_EXISTS) ? lab_index_open(cli->paths->data, &no_index) : NULL;
    g_autoptr(LabEstimate) estimate = lab_estimate_new(index);
    LabPlanCost cost = lab_plan_cost(plan, planned_jobs(cli, plan->cells), history, estimate);

    if (no_index)
        lab_warn("%s", no_index->message);
    if (lab_cli_flag(cli, "json"))
        lab_plan_print_json(plan, &cost);
    else
        lab_plan_print(plan, &cost);
    return LAB_EXIT_OK;
}

static LabRun *
make_run(LabCli *cli, const LabPlan *plan, GError **error)
{
    g_autofree char *yaml = lab_matrix_to_yaml(plan->matrix);
    const char *keep_dumps =
        plan->cells->len > 0 ? ((const LabCell *)plan->cells->pdata[0])->keep_dumps : NULL;
    g_autoptr(json_t) kept = lab_drive_options_to_json(cli, keep_dumps);
    const LabAdaptive *adaptive = plan->matrix->adaptive;

    if (adaptive)
        json_object_set_new(kept, "adaptive", lab_schema_to_json(&lab_adaptive_table, adaptive));
    return lab_run_create(cli->paths->data, lab_cli_string(cli, "title"), plan->cells, yaml, kept,
                          error);
}

static int
cmd_run(LabCli *cli, GError **error)
{
    g_autoptr(LabPlan) plan = lab_plan_new(cli, error);
    g_autoptr(LabRun) run = NULL;

    if (!plan)
        return 0;
    if (lab_cli_flag(cli, "dry-run"))
        return dry_run(cli, plan);
    run = make_run(cli, plan, error);
    if (!run)
        return 0;
    /* From here on the run's directory is the plan; while cells run, memory is theirs. */
    g_clear_pointer(&plan, lab_plan_free);
    malloc_trim(0);
    return lab_drive(cli, run, error);
}

static const LabOption options[] = {
    {"dry-run", 0, LAB_OPTION_FLAG, NULL,
     "print the cells and what they may cost in time and disk; run nothing"},
    {"title", 0, LAB_OPTION_STRING, "TEXT", "the run's name in lists and reports"},
    {NULL},
};

const LabVerb lab_verb_run = {
    .name = "run",
    .summary = "run a matrix of kernels, recipes and variants",
    .synopsis = "[MATRIX]",
    .description = "MATRIX is a file (kreglab-matrix(5)); options go over what it says, or do "
                   "without it.\n"
                   "Ctrl-C once stops in order, twice at once; 'kreglab resume' goes on.",
    .max_args = 1,
    .options = {lab_plan_options, lab_guest_options, options, lab_drive_options},
    .hints = {LAB_HINT_FILE},
    .run = cmd_run,
};

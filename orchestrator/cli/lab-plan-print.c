/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --dry-run: what would run, and what it may cost. */
#include <stdio.h>
#include <string.h>

#include "lab-json.h"
#include "lab-plan.h"
#include "lab-repetition.h"
#include "lab-table.h"
#include "lab-units.h"

/* Of a cell that was never seen, without hardware virtualization: kernel and agent up, a stressor
 * that runs its duration or panics at once, a dump. */
#define GUESS_BOOT_MS 12000
#define GUESS_RUN_MS  5000
#define GUESS_DUMP_MS 12000

static gint64
guess_ms(const LabCell *cell)
{
    gint64 run_ms = cell->stressor.duration_ms > 0 && !cell->ends_in_panic
                        ? cell->stressor.duration_ms
                        : GUESS_RUN_MS;

    return GUESS_BOOT_MS + run_ms + (cell->ends_in_panic ? GUESS_DUMP_MS : 0);
}

static gint64
longest_ms(const LabDeadlines *deadlines)
{
    return deadlines->boot_ms + deadlines->setup_ms + deadlines->run_ms + deadlines->evidence_ms +
           deadlines->kdump_ms + deadlines->dump_ms;
}

static gboolean
is_first_repetition(const LabPlan *plan, guint i)
{
    return ((const LabCell *)plan->cells->pdata[i])->repetition == 1;
}

static LabRunCell *
run_cell_new(const LabCell *cell, guint index, gint64 ms)
{
    LabRunCell *run_cell = g_new0(LabRunCell, 1);

    run_cell->kernel = cell->kernel_id;
    run_cell->recipe = cell->recipe;
    run_cell->variant = cell->variant;
    run_cell->baseline = cell->baseline;
    run_cell->repetition = cell->repetition;
    run_cell->index = index;
    run_cell->guess_ms = ms;
    return run_cell;
}

/* Of an adaptive run: what is needed of the plan's cells (LabRunCell), and how long that takes. */
static gint64
needed_ms(const LabPlan *plan, const GPtrArray *cells, guint *n)
{
    if (cells->len == 0)
        return 0;
    return lab_repetition_expected_ms(cells, plan->matrix->adaptive, n);
}

LabPlanCost
lab_plan_cost(const LabPlan *plan, int jobs, LabPlanHistory history, gpointer user_data)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    const LabAdaptive *adaptive = plan->matrix->adaptive;
    LabPlanCost cost = {0};
    gint64 longest_cell_ms = 0, deadline_ms = 0;

    for (guint i = 0; i < plan->cells->len; i++) {
        const LabCell *cell = plan->cells->pdata[i];
        gint64 guess = guess_ms(cell);
        gint64 ms = history ? history(cell, guess, user_data) : guess;

        if (adaptive)
            g_ptr_array_add(cells, run_cell_new(cell, i, ms));
        cost.expected_ms += ms;
        longest_cell_ms = MAX(longest_cell_ms, ms);
        deadline_ms = MAX(deadline_ms, longest_ms(&cell->deadlines));
        cost.longest_ms += longest_ms(&cell->deadlines);
        /* The first of a signature: repetitions of a cell end alike as a rule. */
        if (strcmp(cell->keep_dumps, "all") == 0 ||
            (strcmp(cell->keep_dumps, "none") != 0 && is_first_repetition(plan, i))) {
            cost.dumps++;
            cost.dump_bytes_most += cell->guest.memory_bytes;
        }
    }
    jobs = MAX(jobs, 1);
    cost.expected_cells = plan->cells->len;
    cost.expected_ms = adaptive ? needed_ms(plan, cells, &cost.expected_cells) : cost.expected_ms;
    cost.expected_ms = MAX(cost.expected_ms / jobs, longest_cell_ms);
    cost.longest_ms /= MIN(jobs, (int)MAX(plan->cells->len, 1));
    if (adaptive && adaptive->budget_ms > 0) {
        cost.expected_ms = MIN(cost.expected_ms, MAX(adaptive->budget_ms, longest_cell_ms));
        cost.longest_ms = MIN(cost.longest_ms, adaptive->budget_ms + deadline_ms);
    }
    cost.dump_bytes = cost.dump_bytes_most / 16;
    return cost;
}

void
lab_plan_print(const LabPlan *plan, const LabPlanCost *cost)
{
    static const char *const headings[] = {"CELL", "KERNEL", "RECIPE", "VARIANT", ">REP", NULL};
    g_autoptr(LabTable) table = lab_table_new(headings);
    g_autofree char *expected = lab_duration_human(cost->expected_ms);
    g_autofree char *longest = lab_duration_human(cost->longest_ms);
    g_autofree char *bytes = lab_size_human(cost->dump_bytes);
    g_autofree char *most = lab_size_human(cost->dump_bytes_most);

    for (guint i = 0; i < plan->cells->len; i++) {
        const LabCell *cell = plan->cells->pdata[i];
        g_autofree char *repetition = g_strdup_printf("%d", cell->repetition);

        lab_table_add(table, cell->id, cell->kernel_id, cell->recipe, cell->variant, repetition);
    }
    lab_table_print(table);
    printf("\n%u cell%s", plan->cells->len, plan->cells->len == 1 ? "" : "s");
    if (plan->matrix->adaptive)
        printf(" at most, about %u expected", cost->expected_cells);
    printf("; about %s, at most %s\n", expected, longest);
    if (cost->dumps > 0)
        printf("up to %u vmcore%s: about %s, at most %s\n", cost->dumps,
               cost->dumps == 1 ? "" : "s", bytes, most);
}

/* One cell a line, so that no tree of 100 000 of them is in memory. */
static void
print_cells(const GPtrArray *cells)
{
    g_autoptr(json_t) json = NULL;

    for (guint i = 0; i < cells->len; i++) {
        const LabCell *cell = cells->pdata[i];
        g_autofree char *line = NULL;

        if (!cell->like) {
            json_decref(json);
            json = lab_cell_to_json(cell);
        }
        json_object_set_new(json, "id", json_string(cell->id));
        json_object_set_new(json, "repetition", json_integer(cell->repetition));
        line = lab_json_line(json);
        printf("%s\n    %s", i > 0 ? "," : "", line);
    }
}

void
lab_plan_print_json(const LabPlan *plan, const LabPlanCost *cost)
{
    printf("{\n  \"schema_version\": 1,\n  \"expected_cells\": %u,\n  \"expected_ms\": "
           "%" G_GINT64_FORMAT ",\n  \"longest_ms\": %" G_GINT64_FORMAT
           ",\n  \"dumps\": %u,\n  \"dump_bytes\": %" G_GUINT64_FORMAT
           ",\n  \"dump_bytes_most\": %" G_GUINT64_FORMAT ",\n  \"cells\": [",
           cost->expected_cells, cost->expected_ms, cost->longest_ms, cost->dumps, cost->dump_bytes,
           cost->dump_bytes_most);
    print_cells(plan->cells);
    printf("\n  ]\n}\n");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-repetition.h"

#include <math.h>
#include <string.h>

#include "lab-allocation.h"
#include "lab-journal.h"
#include "lab-json.h"
#include "lab-log.h"

/* What is made again waits for no more than so many others: its group gets no further without. */
#define AGAIN_AFTER 16
/* So many open comparisons are named at the end. */
#define NAMED 3

/* Cells that differ in their repetition only. */
typedef struct {
    GPtrArray *cells; /* LabRunCell by repetition from 1, borrowed from the run; NULL: none */
    gboolean baseline;
    char *why; /* it is spared */
} Group;

typedef struct {
    const LabRunCell *cell;
    guint due; /* when so many were started */
} Again;

struct LabRepetition {
    LabAllocation *allocation;
    LabCellChooser chooser;
    const GPtrArray *cells; /* of the run */
    guint *group_of;        /* by a cell's index: number of its group */
    GPtrArray *groups;      /* Group, by number */
    GQueue again;           /* Again */
    LabEstimate *estimate;  /* the scheduler's */
    int jobs;
    gint64 end_us; /* monotonic; 0: no budget */
    gboolean over; /* the budget is used up */
    guint started, done;
};

static const LabRunCell *
first_cell(const Group *group)
{
    guint i = 1;

    while (!group->cells->pdata[i])
        i++;
    return group->cells->pdata[i];
}

static void
group_free(Group *group)
{
    g_ptr_array_unref(group->cells);
    g_free(group->why);
    g_free(group);
}

static void
set_cost(LabRepetition *repetition, guint number)
{
    const LabRunCell *cell = first_cell(repetition->groups->pdata[number]);

    lab_allocation_set_cost(repetition->allocation, number,
                            (double)lab_estimate_ms(repetition->estimate, cell->kernel,
                                                    cell->recipe, cell->variant, cell->guess_ms));
}

static void
on_begin(LabEstimate *estimate, int jobs, gpointer data)
{
    LabRepetition *repetition = data;

    repetition->estimate = estimate;
    repetition->jobs = jobs;
    for (guint i = 0; i < repetition->groups->len; i++)
        set_cost(repetition, i);
}

static LabTold
told(const LabBrief *brief)
{
    if (brief->state == LAB_STATE_SKIPPED)
        return LAB_TOLD_UNABLE;
    if (brief->state != LAB_STATE_RAN || brief->suspect ||
        brief->outcome == LAB_OUTCOME_INCONCLUSIVE)
        return LAB_TOLD_NOTHING;
    return brief->outcome == LAB_OUTCOME_PASS ? LAB_TOLD_GOOD : LAB_TOLD_BAD;
}

static void
on_done(const LabRunCell *cell, const LabBrief *brief, gpointer data)
{
    LabRepetition *repetition = data;
    guint number = repetition->group_of[cell->index];

    repetition->done++;
    set_cost(repetition, number);
    lab_allocation_tell(repetition->allocation, number, cell->repetition, told(brief));
}

static void
on_again(const LabRunCell *cell, guint before, gpointer data)
{
    LabRepetition *repetition = data;
    Again *again = g_new0(Again, 1);

    *again = (Again){cell, repetition->started + MIN(before, AGAIN_AFTER)};
    g_queue_push_tail(&repetition->again, again);
}

/* "its 3 comparisons are settled: 1 different, 2 alike". g_free. */
static char *
why_spared(const LabRepetition *repetition, guint number)
{
    guint states[LAB_ALLOCATION_STATES] = {0};
    guint n = lab_allocation_count(repetition->allocation, number, states);

    if (states[LAB_ALLOCATION_UNABLE] == n)
        return g_strdup("what it is compared with is skipped, or it is itself");
    if (states[LAB_ALLOCATION_UNABLE] + states[LAB_ALLOCATION_EXHAUSTED] > 0)
        return g_strdup_printf("of its %u comparisons %u are settled, and the others have no more "
                               "repetitions or are with cells that are skipped",
                               n, states[LAB_ALLOCATION_DIFFER] + states[LAB_ALLOCATION_ALIKE]);
    if (n == 1)
        return g_strdup_printf("its comparison is settled: the shares of bad runs %s",
                               states[LAB_ALLOCATION_DIFFER] ? "differ" : "are alike");
    return g_strdup_printf("its %u comparisons are settled: %u different, %u alike", n,
                           states[LAB_ALLOCATION_DIFFER], states[LAB_ALLOCATION_ALIKE]);
}

static LabCellChoice
choose_again(const LabRepetition *repetition, const LabRunCell **cell, const char **why)
{
    *cell = ((const Again *)g_queue_peek_head((GQueue *)&repetition->again))->cell;
    *why = "the budget is used up";
    return repetition->over ? LAB_CELL_SPARE : LAB_CELL_RUN;
}

static void
look_at_clock(LabRepetition *repetition)
{
    gint64 left_us = repetition->end_us - g_get_monotonic_time();

    if (repetition->end_us == 0)
        return;
    lab_allocation_set_left(repetition->allocation, (double)left_us / 1000 * repetition->jobs);
    if (left_us >= 0)
        return;
    repetition->over = TRUE;
    lab_allocation_end(repetition->allocation);
}

static LabCellChoice
on_next(const LabRunCell **cell, const char **why, gpointer data)
{
    LabRepetition *repetition = data;
    const Again *again = g_queue_peek_head(&repetition->again);
    LabAllocationStep step;
    Group *group;

    look_at_clock(repetition);
    if (again && (repetition->over || repetition->started >= again->due))
        return choose_again(repetition, cell, why);
    if (!lab_allocation_next(repetition->allocation, &step))
        return again ? choose_again(repetition, cell, why) : LAB_CELL_WAIT;
    group = repetition->groups->pdata[step.group];
    *cell = group->cells->pdata[step.repetition];
    if (!step.spare)
        return LAB_CELL_RUN;
    if (!group->why && !repetition->over)
        group->why = why_spared(repetition, step.group);
    *why = group->why ? group->why : "the budget is used up";
    return LAB_CELL_SPARE;
}

static void
on_take(const LabRunCell *cell, LabCellChoice choice, gpointer data)
{
    LabRepetition *repetition = data;
    const LabAllocationStep step = {repetition->group_of[cell->index], cell->repetition,
                                    choice == LAB_CELL_SPARE};

    repetition->started += choice == LAB_CELL_RUN;
    for (GList *link = repetition->again.head; link; link = link->next) {
        if (((Again *)link->data)->cell != cell)
            continue;
        g_free(link->data);
        g_queue_delete_link(&repetition->again, link);
        return;
    }
    lab_allocation_take(repetition->allocation, &step);
}

static char *
on_sum_up(gpointer data)
{
    return lab_repetition_text(data);
}

/* "" stands for any variant. */
static char *
name_of(const char *kernel, const char *recipe, const char *variant)
{
    return g_strjoin("\n", kernel, recipe, variant, NULL);
}

/* The number of a group by its name, -1: none. */
static int
find(GHashTable *by_name, const char *kernel, const char *recipe, const char *variant)
{
    g_autofree char *name = name_of(kernel, recipe, variant);
    gpointer number;

    return g_hash_table_lookup_extended(by_name, name, NULL, &number) ? GPOINTER_TO_INT(number)
                                                                      : -1;
}

static void
set_name(GHashTable *by_name, const LabRunCell *cell, const char *variant, guint number)
{
    g_hash_table_insert(by_name, name_of(cell->kernel, cell->recipe, variant),
                        GINT_TO_POINTER((int)number));
}

static Group *
add_group(LabRepetition *repetition, GHashTable *by_name, const LabRunCell *cell)
{
    Group *group = g_new0(Group, 1);
    int baseline = find(by_name, cell->kernel, cell->recipe, "");

    group->cells = g_ptr_array_new();
    group->baseline = cell->baseline;
    set_name(by_name, cell, cell->variant, repetition->groups->len);
    if (baseline < 0 ||
        (group->baseline && !((Group *)repetition->groups->pdata[baseline])->baseline))
        set_name(by_name, cell, "", repetition->groups->len);
    g_ptr_array_add(repetition->groups, group);
    return group;
}

static void
add_cells(LabRepetition *repetition, GHashTable *by_name)
{
    for (guint i = 0; i < repetition->cells->len; i++) {
        const LabRunCell *cell = repetition->cells->pdata[i];
        int number = find(by_name, cell->kernel, cell->recipe, cell->variant);
        Group *group = number >= 0 ? repetition->groups->pdata[number]
                                   : add_group(repetition, by_name, cell);

        repetition->group_of[i] = number >= 0 ? (guint)number : repetition->groups->len - 1;
        if (group->cells->len <= (guint)cell->repetition)
            g_ptr_array_set_size(group->cells, cell->repetition + 1);
        group->cells->pdata[cell->repetition] = (gpointer)cell;
    }
}

/* As the analysis compares: variants with their recipe's baseline on one kernel, kernels with the
 * first one. */
static void
add_comparisons(LabRepetition *repetition, GHashTable *by_name)
{
    const char *first = ((const LabRunCell *)repetition->cells->pdata[0])->kernel;

    for (guint i = 0; i < repetition->groups->len; i++) {
        const LabRunCell *cell = first_cell(repetition->groups->pdata[i]);
        int baseline = find(by_name, cell->kernel, cell->recipe, "");
        int kernel = find(by_name, first, cell->recipe, cell->variant);

        if (baseline != (int)i)
            lab_allocation_compare(repetition->allocation, (guint)baseline, i, TRUE);
        if (kernel >= 0 && kernel != (int)i)
            lab_allocation_compare(repetition->allocation, (guint)kernel, i, FALSE);
    }
}

static void
add_to_allocation(LabRepetition *repetition)
{
    for (guint i = 0; i < repetition->groups->len; i++) {
        const Group *group = repetition->groups->pdata[i];

        lab_allocation_add(repetition->allocation, (int)group->cells->len - 1);
        for (guint k = 1; k < group->cells->len; k++)
            if (!group->cells->pdata[k])
                lab_allocation_take(repetition->allocation, &(LabAllocationStep){i, (int)k, TRUE});
    }
}

static gboolean
read_settings(LabAdaptive *adaptive, const LabRun *run)
{
    const json_t *options = lab_json_member(lab_run_info(run), "options");
    const json_t *kept = lab_json_member(options, "adaptive");
    g_autoptr(GError) error = NULL;

    if (!kept)
        return FALSE;
    if (lab_schema_from_json(&lab_adaptive_table, adaptive, kept, "adaptive", &error))
        return TRUE;
    lab_warn("all repetitions are run: %s", error->message);
    return FALSE;
}

/* When no further cell is to start. What earlier sessions took counts, what lay between them does
 * not. */
static gint64
end_of(LabRun *run, gint64 budget_ms, gint64 further_ms)
{
    g_autoptr(GError) error = NULL;
    gint64 spent_ms;

    if (further_ms > 0)
        return g_get_monotonic_time() + further_ms * 1000;
    if (budget_ms <= 0)
        return 0;
    spent_ms = lab_journal_spent_ms(run, &error);
    if (error)
        lab_warn("what earlier sessions took does not count: %s", error->message);
    return g_get_monotonic_time() + (budget_ms - MAX(spent_ms, 0)) * 1000;
}

LabRepetition *
lab_repetition_new(LabRun *run, gint64 further_ms)
{
    g_autoptr(GHashTable) by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    LabRepetition *repetition;
    const GPtrArray *cells;
    LabAdaptive adaptive;

    if (!read_settings(&adaptive, run))
        return NULL;
    cells = lab_run_cells(run, NULL);
    if (!cells || cells->len == 0)
        return NULL;
    repetition = g_new0(LabRepetition, 1);
    repetition->cells = cells;
    repetition->group_of = g_new0(guint, cells->len);
    repetition->groups = g_ptr_array_new_with_free_func((GDestroyNotify)group_free);
    repetition->allocation = lab_allocation_new(&adaptive);
    g_queue_init(&repetition->again);
    add_cells(repetition, by_name);
    add_to_allocation(repetition);
    add_comparisons(repetition, by_name);
    repetition->end_us = end_of(run, adaptive.budget_ms, further_ms);
    repetition->chooser =
        (LabCellChooser){on_begin, on_next, on_take, on_again, on_done, on_sum_up, repetition};
    return repetition;
}

void
lab_repetition_free(LabRepetition *repetition)
{
    if (!repetition)
        return;
    lab_allocation_free(repetition->allocation);
    g_ptr_array_unref(repetition->groups);
    g_queue_clear_full(&repetition->again, g_free);
    g_free(repetition->group_of);
    g_free(repetition);
}

const LabCellChooser *
lab_repetition_chooser(LabRepetition *repetition)
{
    return &repetition->chooser;
}

/* "6.1.0-3 mine/plain against 6.1.0-1 (bad: 2 of 7, 0 of 7; about 9 more of each)" */
static void
append_open(GString *text, const LabRepetition *repetition, const LabAllocationComparison *one)
{
    const LabRunCell *a = first_cell(repetition->groups->pdata[one->baseline]);
    const LabRunCell *b = first_cell(repetition->groups->pdata[one->candidate]);
    const LabSequential *test = &one->test;

    g_string_append_printf(text, "%s %s/%s against %s (bad: %u of %u, %u of %u", b->kernel,
                           b->recipe, b->variant, one->variants ? a->variant : a->kernel,
                           test->b_bad, test->pairs, test->a_bad, test->pairs);
    if (one->state == LAB_ALLOCATION_OPEN && test->pairs > 0 && isfinite(one->more_pairs))
        g_string_append_printf(text, "; about %.0f more of each", one->more_pairs);
    g_string_append_c(text, ')');
}

char *
lab_repetition_text(const LabRepetition *repetition)
{
    guint states[LAB_ALLOCATION_STATES] = {0}, open, named = 0;
    guint n = lab_allocation_n_comparisons(repetition->allocation);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < n; i++)
        states[lab_allocation_comparison(repetition->allocation, i)->state]++;
    open = states[LAB_ALLOCATION_OPEN] + states[LAB_ALLOCATION_EXHAUSTED];
    g_string_printf(text, "settled %u of %u comparison%s after %u of %u runs",
                    states[LAB_ALLOCATION_DIFFER] + states[LAB_ALLOCATION_ALIKE], n,
                    n == 1 ? "" : "s", repetition->done, repetition->cells->len);
    if (states[LAB_ALLOCATION_UNABLE] > 0)
        g_string_append_printf(text, "; %u not comparable", states[LAB_ALLOCATION_UNABLE]);
    if (open > 0)
        g_string_append_printf(text, "; %u open: ", open);
    for (guint i = 0; i < n && named < MIN(open, NAMED); i++) {
        const LabAllocationComparison *one = lab_allocation_comparison(repetition->allocation, i);

        if (one->state != LAB_ALLOCATION_OPEN && one->state != LAB_ALLOCATION_EXHAUSTED)
            continue;
        g_string_append(text, named++ ? ", " : "");
        append_open(text, repetition, one);
    }
    if (open > named)
        g_string_append_printf(text, " and %u more", open - named);
    return g_string_free(text, FALSE);
}

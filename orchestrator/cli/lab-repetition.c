/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-repetition-private.h"

#include "lab-journal.h"
#include "lab-json.h"
#include "lab-log.h"

/* What is made again waits for no more than so many others: its group gets no further without. */
#define AGAIN_AFTER 16

typedef struct {
    const LabRunCell *cell;
    guint due; /* when so many were started */
} Again;

static void
group_free(Group *group)
{
    g_ptr_array_unref(group->cells);
    g_free(group->why);
    g_free(group);
}

static gint64
expected_ms(const LabRepetition *repetition, const LabRunCell *cell)
{
    return lab_estimate_ms(repetition->estimate, cell->kernel, cell->recipe, cell->variant,
                           cell->guess_ms);
}

static void
set_cost(LabRepetition *repetition, guint number)
{
    const LabRunCell *cell = lab_repetition_first_cell(repetition->groups->pdata[number]);

    lab_allocation_set_cost(repetition->allocation, number, (double)expected_ms(repetition, cell));
}

static void
on_begin(LabEstimate *estimate, int jobs, gpointer data)
{
    LabRepetition *repetition = data;

    repetition->estimate = estimate;
    repetition->jobs = jobs;
    repetition->work_ms = -1;
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

/* As the analysis tells crashes apart. */
static const char *
crash_of(const LabBrief *brief)
{
    if (brief->outcome != LAB_OUTCOME_CRASH)
        return NULL;
    return brief->k0 ? brief->k0 : brief->title;
}

static void
on_done(const LabRunCell *cell, const LabBrief *brief, gpointer data)
{
    LabRepetition *repetition = data;
    guint number = repetition->group_of[cell->index];

    repetition->done++;
    repetition->work_ms = -1;
    set_cost(repetition, number);
    lab_allocation_tell(repetition->allocation, number, cell->repetition, told(brief),
                        crash_of(brief));
}

static void
on_again(const LabRunCell *cell, guint before, gpointer data)
{
    LabRepetition *repetition = data;
    Again *again = g_new0(Again, 1);

    *again = (Again){cell, repetition->started + MIN(before, AGAIN_AFTER)};
    g_queue_push_tail(&repetition->again, again);
    repetition->work_ms = -1;
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
        group->why = lab_repetition_why_spared(repetition, step.group);
    *why = group->why ? group->why : "the budget is used up";
    return LAB_CELL_SPARE;
}

static void
on_take(const LabRunCell *cell, LabCellChoice choice, gpointer data)
{
    LabRepetition *repetition = data;
    const LabAllocationStep step = {repetition->group_of[cell->index], cell->repetition,
                                    choice == LAB_CELL_SPARE};

    if (choice == LAB_CELL_RUN) {
        repetition->started++;
        repetition->work_ms = -1;
    }
    for (GList *link = repetition->again.head; link; link = link->next) {
        if (((Again *)link->data)->cell != cell)
            continue;
        g_free(link->data);
        g_queue_delete_link(&repetition->again, link);
        return;
    }
    lab_allocation_take(repetition->allocation, &step);
}

static gint64
on_work_ms(gint64 *end_us, gpointer data)
{
    LabRepetition *repetition = data;

    if (repetition->end_us > 0)
        *end_us = repetition->end_us;
    if (repetition->work_ms >= 0)
        return repetition->work_ms;
    repetition->work_ms = (gint64)lab_allocation_expected(repetition->allocation, NULL);
    for (GList *link = repetition->again.head; link; link = link->next)
        repetition->work_ms += expected_ms(repetition, ((const Again *)link->data)->cell);
    return repetition->work_ms;
}

static char *
on_sum_up(gpointer data)
{
    return lab_repetition_text(data);
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

static LabRepetition *
repetition_new(const GPtrArray *cells, const LabAdaptive *adaptive)
{
    LabRepetition *repetition = g_new0(LabRepetition, 1);

    repetition->cells = cells;
    repetition->group_of = g_new0(guint, cells->len);
    repetition->groups = g_ptr_array_new_with_free_func((GDestroyNotify)group_free);
    repetition->allocation = lab_allocation_new(adaptive);
    g_queue_init(&repetition->again);
    lab_repetition_make_groups(repetition);
    return repetition;
}

LabRepetition *
lab_repetition_new(LabRun *run, gint64 further_ms)
{
    LabRepetition *repetition;
    const GPtrArray *cells;
    LabAdaptive adaptive;

    if (!read_settings(&adaptive, run))
        return NULL;
    cells = lab_run_cells(run, NULL);
    if (!cells || cells->len == 0)
        return NULL;
    repetition = repetition_new(cells, &adaptive);
    repetition->end_us = end_of(run, adaptive.budget_ms, further_ms);
    repetition->chooser = (LabCellChooser){on_begin, on_next,    on_take,   on_again,
                                           on_done,  on_work_ms, on_sum_up, repetition};
    return repetition;
}

gint64
lab_repetition_expected_ms(const GPtrArray *cells, const LabAdaptive *adaptive, guint *runs)
{
    g_autoptr(LabRepetition) repetition = repetition_new(cells, adaptive);
    double n, ms;

    for (guint i = 0; i < repetition->groups->len; i++)
        lab_allocation_set_cost(
            repetition->allocation, i,
            (double)lab_repetition_first_cell(repetition->groups->pdata[i])->guess_ms);
    ms = lab_allocation_expected(repetition->allocation, &n);
    *runs = (guint)(n + 0.5);
    return (gint64)ms;
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-repetition.h"

#include <string.h>

#include "lab-journal.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-matrix.h"
#include "lab-sequential.h"

/* Groups of open comparisons stay so many repetitions together. */
#define PACE 2

typedef enum { UNKNOWN, GOOD, BAD, NOTHING } Result;

typedef struct {
    const LabRunCell *first; /* its cell of the lowest index; borrowed from the run */
    gboolean baseline;
    guint8 *results; /* Result, by repetition from 1 */
    int started;     /* repetitions that were asked for */
    guint open;      /* comparisons of it that are not settled */
    guint compared;
} Group;

typedef struct {
    Group *baseline, *candidate;
    gboolean settled;
} Comparison;

struct LabRepetition {
    LabAdaptive adaptive;
    LabSequentialRule rule;
    LabCellChooser chooser;
    GHashTable *by_name;    /* "kernel\nrecipe\nvariant" -> Group, borrowed */
    GPtrArray *groups;      /* Group */
    GPtrArray *comparisons; /* Comparison */
    gint64 end_us;          /* monotonic; 0: no budget */
    int most;               /* the highest repetition */
};

static void
group_free(Group *group)
{
    g_free(group->results);
    g_free(group);
}

static char *
name_of(const char *kernel, const char *recipe, const char *variant)
{
    return g_strjoin("\n", kernel, recipe, variant, NULL);
}

static Group *
find_group(const LabRepetition *repetition, const LabRunCell *cell)
{
    g_autofree char *name = name_of(cell->kernel, cell->recipe, cell->variant);

    return g_hash_table_lookup(repetition->by_name, name);
}

/* Until one is unknown: what crashes is known sooner than what passes, so results out of turn would
 * look worse than the runs are. */
static guint
known(const LabRepetition *repetition, const Group *group, gboolean *bad)
{
    guint n = 0;

    for (int i = 1; i <= repetition->most && group->results[i] != UNKNOWN; i++)
        if (group->results[i] != NOTHING)
            bad[n++] = group->results[i] == BAD;
    return n;
}

static void
decide(LabRepetition *repetition, Comparison *comparison)
{
    gsize size = (gsize)repetition->most + 1;
    g_autofree gboolean *a = g_new(gboolean, size);
    g_autofree gboolean *b = g_new(gboolean, size);
    guint n = MIN(known(repetition, comparison->baseline, a),
                  known(repetition, comparison->candidate, b));
    LabSequential test = {0};

    for (guint i = 0; i < n; i++)
        lab_sequential_add(&test, &repetition->rule, a[i], b[i]);
    if (n < (guint)repetition->adaptive.min ||
        lab_sequential_state(&test, &repetition->rule) == LAB_SEQUENTIAL_OPEN)
        return;
    comparison->settled = TRUE;
    comparison->baseline->open--;
    comparison->candidate->open--;
}

static void
on_done(const LabRunCell *cell, const LabBrief *brief, gpointer data)
{
    LabRepetition *repetition = data;
    Group *group = find_group(repetition, cell);
    gboolean told = brief->state == LAB_STATE_RAN && !brief->suspect &&
                    brief->outcome != LAB_OUTCOME_INCONCLUSIVE;

    group->results[cell->repetition] = !told                                ? NOTHING
                                       : brief->outcome == LAB_OUTCOME_PASS ? GOOD
                                                                            : BAD;
    group->started = MAX(group->started, cell->repetition);
    for (guint i = 0; i < repetition->comparisons->len; i++) {
        Comparison *comparison = repetition->comparisons->pdata[i];

        if (!comparison->settled &&
            (comparison->baseline == group || comparison->candidate == group))
            decide(repetition, comparison);
    }
}

/* The least that a group with an open comparison has started. */
static int
slowest(const LabRepetition *repetition)
{
    int least = G_MAXINT - PACE;

    for (guint i = 0; i < repetition->groups->len; i++) {
        const Group *group = repetition->groups->pdata[i];

        if (group->open > 0)
            least = MIN(least, group->started);
    }
    return least;
}

static LabCellChoice
on_choose(const LabRunCell *cell, gpointer data)
{
    LabRepetition *repetition = data;
    Group *group = find_group(repetition, cell);

    if (repetition->end_us > 0 && g_get_monotonic_time() > repetition->end_us)
        return LAB_CELL_SPARE;
    if (cell->repetition > repetition->adaptive.min) {
        if (group->compared > 0 && group->open == 0)
            return LAB_CELL_SPARE;
        if (cell->repetition > slowest(repetition) + PACE)
            return LAB_CELL_LATER;
    }
    group->started = MAX(group->started, cell->repetition);
    return LAB_CELL_RUN;
}

static void
add_cell(LabRepetition *repetition, LabRun *run, const LabRunCell *cell)
{
    g_autoptr(LabCell) whole = NULL;
    Group *group;

    repetition->most = MAX(repetition->most, cell->repetition);
    if (find_group(repetition, cell))
        return;
    whole = lab_run_read_cell(run, cell, NULL);
    group = g_new0(Group, 1);
    group->first = cell;
    group->baseline = whole && whole->baseline;
    g_ptr_array_add(repetition->groups, group);
    g_hash_table_insert(repetition->by_name, name_of(cell->kernel, cell->recipe, cell->variant),
                        group);
}

static gboolean
same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* As the analysis compares: variants with their recipe's baseline on one kernel, kernels with the
 * first one. */
static gboolean
is_compared(const Group *baseline, const Group *candidate, const char *first_kernel)
{
    const LabRunCell *a = baseline->first, *b = candidate->first;

    if (baseline == candidate || !same(a->recipe, b->recipe))
        return FALSE;
    if (same(a->kernel, b->kernel))
        return baseline->baseline;
    return same(a->variant, b->variant) && same(a->kernel, first_kernel);
}

static void
add_comparisons(LabRepetition *repetition)
{
    const Group *first = repetition->groups->pdata[0];

    for (guint i = 0; i < repetition->groups->len; i++) {
        for (guint k = 0; k < repetition->groups->len; k++) {
            Group *a = repetition->groups->pdata[i], *b = repetition->groups->pdata[k];
            Comparison *comparison;

            if (!is_compared(a, b, first->first->kernel))
                continue;
            comparison = g_new0(Comparison, 1);
            *comparison = (Comparison){.baseline = a, .candidate = b};
            a->open++, a->compared++;
            b->open++, b->compared++;
            g_ptr_array_add(repetition->comparisons, comparison);
        }
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
    const GPtrArray *cells;
    g_autoptr(LabRepetition) repetition = NULL;
    LabAdaptive adaptive;

    if (!read_settings(&adaptive, run))
        return NULL;
    cells = lab_run_cells(run, NULL);
    if (!cells || cells->len == 0)
        return NULL;
    repetition = g_new0(LabRepetition, 1);
    repetition->adaptive = adaptive;
    repetition->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    repetition->groups = g_ptr_array_new_with_free_func((GDestroyNotify)group_free);
    repetition->comparisons = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < cells->len; i++)
        add_cell(repetition, run, cells->pdata[i]);
    for (guint i = 0; i < repetition->groups->len; i++)
        ((Group *)repetition->groups->pdata[i])->results =
            g_new0(guint8, (gsize)repetition->most + 1);
    add_comparisons(repetition);
    repetition->rule.alpha = (1 - adaptive.confidence) / MAX(repetition->comparisons->len, 1);
    repetition->rule.beta = 1 - adaptive.power;
    repetition->rule.effect = adaptive.effect;
    repetition->end_us = end_of(run, adaptive.budget_ms, further_ms);
    return g_steal_pointer(&repetition);
}

void
lab_repetition_free(LabRepetition *repetition)
{
    if (!repetition)
        return;
    g_hash_table_unref(repetition->by_name);
    g_ptr_array_unref(repetition->groups);
    g_ptr_array_unref(repetition->comparisons);
    g_free(repetition);
}

const LabCellChooser *
lab_repetition_chooser(LabRepetition *repetition)
{
    repetition->chooser = (LabCellChooser){on_choose, on_done, repetition};
    return &repetition->chooser;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two groups set against each other: the tests of their counts, times, crashes and metrics. */
#include "lab-analysis-private.h"

#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <string.h>

void
lab_comparison_free(LabComparison *comparison)
{
    g_free(comparison->why);
    g_free(comparison->sentence);
    lab_crash_match_free(comparison->match);
    if (comparison->metrics)
        g_ptr_array_unref(comparison->metrics);
    if (comparison->crashes.titles)
        g_array_unref(comparison->crashes.titles);
    g_free(comparison);
}

static const LabColumn *
find_column(const LabGroup *group, const char *name)
{
    for (guint i = 0; i < group->columns->len; i++) {
        const LabColumn *column = group->columns->pdata[i];

        if (column->name == name)
            return column;
    }
    return NULL;
}

static GPtrArray *
test_metrics(const LabGroup *baseline, const LabGroup *candidate, gboolean adaptive)
{
    GPtrArray *tests = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < candidate->columns->len; i++) {
        const LabColumn *b = candidate->columns->pdata[i];
        const LabColumn *a = find_column(baseline, b->name);
        LabMetricTest *test;

        if (!a)
            continue;
        test = g_new0(LabMetricTest, 1);
        test->baseline = a;
        test->candidate = b;
        test->test = lab_rank_sum((const double *)(void *)a->values->data, a->values->len,
                                  (const double *)(void *)b->values->data, b->values->len);
        test->p = adaptive ? lab_comparison_larger_p(a->values, b->values) : test->test.p;
        test->q = NAN;
        g_ptr_array_add(tests, test);
    }
    return tests;
}

/* Times say more than counts only where both sides crash. */
static void
test_times(LabComparison *comparison)
{
    const GArray *a = comparison->baseline->times;
    const GArray *b = comparison->candidate->times;

    comparison->p_times = comparison->log_rank.p = NAN;
    if (!comparison->baseline->bad || !comparison->candidate->bad || !a || !b)
        return;
    if (comparison->adaptive) {
        comparison->sooner = lab_comparison_sooner(a, b);
        comparison->p_times = lab_signs_p(&comparison->sooner);
    } else {
        comparison->log_rank = lab_log_rank((const LabTime *)(void *)a->data, a->len,
                                            (const LabTime *)(void *)b->data, b->len);
        comparison->p_times = comparison->log_rank.p;
    }
}

static void
test_counts(LabComparison *comparison)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;

    comparison->fisher = lab_fisher_exact(a->bad, a->usable, b->bad, b->usable);
    comparison->p_counts = comparison->fisher.two_sided;
    comparison->least = lab_fisher_least(a->bad + b->bad, a->usable, b->usable);
    if (!comparison->adaptive)
        return;
    comparison->pairs = lab_comparison_pairs(a, b);
    comparison->p_counts = lab_sequential_p(&comparison->pairs);
    comparison->least = 0;
}

void
lab_comparison_test(LabComparison *comparison)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;

    comparison->unfinished = a->unfinished || b->unfinished;
    comparison->adaptive = a->adaptive || b->adaptive || comparison->unfinished;
    test_counts(comparison);
    comparison->q = NAN;
    comparison->crashes.p = comparison->crashes.q = NAN;
    comparison->metrics = test_metrics(a, b, comparison->adaptive);
    test_times(comparison);
    comparison->p = comparison->p_counts;
    if (!isnan(comparison->p_times)) {
        double ways = gsl_sf_lnchoose(a->usable + b->usable, a->usable);

        comparison->p = MIN(1, 2 * MIN(comparison->p, comparison->p_times));
        comparison->least = MIN(comparison->least, exp(-ways));
        comparison->least = MIN(1, 2 * comparison->least);
    }
    if (a->crashes && b->crashes)
        lab_comparison_match_crashes(comparison);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two groups set against each other: the tests of their counts, times, crashes and metrics. */
#include "lab-analysis-private.h"
#include "lab-sequential.h"

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
        g_ptr_array_unref(comparison->crashes.titles);
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
test_metrics(const LabGroup *baseline, const LabGroup *candidate)
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

    comparison->log_rank.p = NAN;
    if (comparison->baseline->bad && comparison->candidate->bad && a && b)
        comparison->log_rank = lab_log_rank((const LabTime *)(void *)a->data, a->len,
                                            (const LabTime *)(void *)b->data, b->len);
}

static gboolean
is_adaptive(const LabGroup *group)
{
    return group->observations->len > 0 &&
           ((const LabObservation *)group->observations->pdata[0])->adaptive;
}

/* The usable runs in running order, which is that of their repetitions. TRUE: bad. */
static GArray *
in_turn(const LabGroup *group)
{
    GArray *turns = g_array_new(FALSE, FALSE, sizeof(gboolean));

    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];
        gboolean bad = lab_observation_is_bad(one);

        if (lab_observation_is_usable(one))
            g_array_append_val(turns, bad);
    }
    return turns;
}

/* A run that ends when its results suffice is no sample of a fixed size: Fisher's test would see
 * differences too often. */
static void
test_in_turn(LabComparison *comparison)
{
    g_autoptr(GArray) a = in_turn(comparison->baseline);
    g_autoptr(GArray) b = in_turn(comparison->candidate);
    const LabSequentialRule rule = {.effect = 0.5}; /* of no account for p */
    LabSequential test = {0};

    for (guint i = 0; i < MIN(a->len, b->len); i++)
        lab_sequential_add(&test, &rule, g_array_index(a, gboolean, i),
                           g_array_index(b, gboolean, i));
    comparison->p = lab_sequential_p(&test);
    comparison->least = 0;
}

void
lab_comparison_test(LabComparison *comparison)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;
    double log_rank;

    comparison->fisher = lab_fisher_exact(a->bad, a->usable, b->bad, b->usable);
    comparison->p = comparison->fisher.two_sided;
    comparison->least = lab_fisher_least(a->bad + b->bad, a->usable, b->usable);
    comparison->q = NAN;
    comparison->crashes.p = comparison->crashes.q = NAN;
    comparison->metrics = test_metrics(a, b);
    test_times(comparison);
    log_rank = comparison->log_rank.p;
    if (is_adaptive(a) && is_adaptive(b)) {
        test_in_turn(comparison);
    } else if (!isnan(log_rank)) {
        double ways = gsl_sf_lnchoose(a->usable + b->usable, a->usable);

        comparison->p = MIN(1, 2 * MIN(comparison->p, log_rank));
        comparison->least = MIN(1, 2 * MIN(comparison->least, exp(-ways)));
    }
    if (a->crashes && b->crashes)
        lab_comparison_match_crashes(comparison);
}

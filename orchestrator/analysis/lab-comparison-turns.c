/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tests of runs that ended when their results sufficed, and of unfinished ones, of which it is
 * known first what crashes. They are no samples of a fixed size: Fisher's, the log-rank and the
 * rank-sum test would see differences too often. These take the runs of both sides in turn up to
 * the first missing one, one of each makes a pair, and hold whenever the runs ended.
 */
#include <math.h>

#include "lab-analysis-private.h"

/* Of no account for p. */
static const LabSequentialRule rule = {.alpha = 0.05, .beta = 0.05, .effect = 0.5};

/* The usable runs in running order, which is that of their repetitions. TRUE: bad. */
static GArray *
in_turn(const LabGroup *group)
{
    GArray *turns = g_array_new(FALSE, FALSE, sizeof(gboolean));

    for (guint i = 0; i < group->turns; i++) {
        const LabObservation *one = group->observations->pdata[i];
        gboolean bad = lab_observation_is_bad(one);

        if (lab_observation_is_usable(one))
            g_array_append_val(turns, bad);
    }
    return turns;
}

LabSequential
lab_comparison_pairs(const LabGroup *baseline, const LabGroup *candidate)
{
    g_autoptr(GArray) a = in_turn(baseline);
    g_autoptr(GArray) b = in_turn(candidate);
    LabSequential test = {0};

    for (guint i = 0; i < MIN(a->len, b->len); i++)
        lab_sequential_add(&test, &rule, g_array_index(a, gboolean, i),
                           g_array_index(b, gboolean, i));
    return test;
}

double
lab_comparison_new_p(const LabGroup *candidate, guint baseline_usable, guint first, const char *k0)
{
    LabSequential test = {0};
    guint n = 0;

    for (guint i = 0; i < candidate->turns && n < baseline_usable; i++) {
        const LabObservation *one = candidate->observations->pdata[i];

        if (lab_observation_is_usable(one) && n++ > first)
            lab_sequential_add(&test, &rule, FALSE, g_strcmp0(lab_observation_kind(one), k0) == 0);
    }
    return lab_sequential_p(&test);
}

gboolean
lab_comparison_all_bad_would_show(guint pairs, double alpha)
{
    LabSequential test = {0};

    for (guint i = 0; i < pairs; i++)
        lab_sequential_add(&test, &rule, FALSE, TRUE);
    return lab_sequential_p(&test) <= alpha;
}

/* Below 0: a crashed sooner. A run without a crash tells only that it had none until its end. */
static int
sooner(const LabTime *a, const LabTime *b)
{
    if (a->crashed && (a->time < b->time || (!b->crashed && a->time <= b->time)))
        return -1;
    return b->crashed && (b->time < a->time || (!a->crashed && b->time <= a->time)) ? 1 : 0;
}

LabSigns
lab_comparison_sooner(const GArray *a, const GArray *b)
{
    LabSigns signs = {0};

    for (guint i = 0; i < MIN(a->len, b->len); i++)
        lab_signs_add(&signs, sooner(&g_array_index(a, LabTime, i), &g_array_index(b, LabTime, i)));
    return signs;
}

double
lab_comparison_larger_p(const GArray *a, const GArray *b)
{
    LabSigns signs = {0};

    for (guint i = 0; i < MIN(a->len, b->len); i++) {
        double by = g_array_index(b, double, i) - g_array_index(a, double, i);

        lab_signs_add(&signs, (by > 0) - (by < 0));
    }
    return lab_signs_p(&signs);
}

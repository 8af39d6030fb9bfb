/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a further pair of runs is expected to bring. */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "lab-allocation-private.h"

/* Jeffreys' prior of a share. */
#define PRIOR 0.5
/* Of what will hardly be settled, against what may. */
#define HOPELESS 1e-9

void
lab_allocation_weigh(Group *group)
{
    double a = group->n_bad + PRIOR, b = group->bad->len - group->n_bad + PRIOR;

    for (guint i = 0; i < QUANTILES; i++)
        group->quantiles[i] = gsl_cdf_beta_Pinv((i + 0.5) / QUANTILES, a, b);
}

static int
compare_points(const void *a, const void *b)
{
    return lab_allocation_order(*(const double *)a, *(const double *)b);
}

void
lab_allocation_expect(Comparison *comparison, const LabSequentialRule *rule)
{
    const LabSequential *test = &comparison->told.test;
    double *points = comparison->points;

    comparison->worse = 0;
    for (guint i = 0; i < POINTS; i++) {
        double a = comparison->a->quantiles[i / QUANTILES];
        double b = comparison->b->quantiles[i % QUANTILES];
        double pairs = MIN(lab_sequential_pairs_to_differ(test, rule, a, b),
                           lab_sequential_pairs_to_alike(test, rule, a, b));

        points[i] = MAX(ceil(pairs), 1);
        comparison->worse += (b > a ? 1 : b < a ? 0 : 0.5) / POINTS;
    }
    qsort(points, POINTS, sizeof *points, compare_points);
    comparison->told.more_pairs = points[POINTS / 2];
}

static guint
at_most(const Group *group)
{
    return lab_allocation_progress(group) + group->waiting;
}

double
lab_allocation_gain(const Comparison *comparison, double left)
{
    const Group *a = comparison->a, *b = comparison->b;
    const double *points = comparison->points;
    guint pairs = comparison->told.test.pairs;
    double flying = MIN(lab_allocation_progress(a), lab_allocation_progress(b)) - pairs;
    double most = MIN(at_most(a), at_most(b)) - pairs;
    double weight = 1 + (comparison->told.variants ? 1 : comparison->worse);
    double best = 0, spent = 0;
    guint done = 0, n = 0;

    if (most <= flying)
        return 0;
    most = MIN(most, flying + left / (a->cost + b->cost));
    while (done < POINTS && points[done] <= flying)
        done++;
    for (guint i = done; i < POINTS && points[i] <= most; i++) {
        spent += points[i] - flying;
        n++;
        best = MAX(best, n / (spent + (POINTS - done - n) * (points[i] - flying)));
    }
    /* What runs may settle it, else hardly anything does: its results are waited for. */
    if (n == 0 && done > 0)
        return 0;
    if (n == 0)
        best = HOPELESS / (MIN(points[0], G_MAXUINT) - flying);
    return weight * best * (POINTS - done) / POINTS;
}

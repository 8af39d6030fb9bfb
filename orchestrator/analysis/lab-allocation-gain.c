/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a further pair of runs is expected to bring. */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <stdlib.h>

#include "lab-allocation-private.h"

/* Jeffreys' prior of a share. */
#define PRIOR 0.5
/* For how long it may take: as likely as not at all, that none are bad and that all are. Most
 * kernels fail always or never. */
#define ENDS 0.4
/* Of what will hardly be settled, against what may. */
#define HOPELESS 1e-9

void
lab_allocation_weigh(Group *group)
{
    guint n = group->bad->len, n_good = n - group->n_bad;
    double a = group->n_bad + PRIOR, b = n_good + PRIOR;
    double between = (1 - 2 * ENDS) * exp(gsl_sf_lnbeta(a, b) - gsl_sf_lnbeta(PRIOR, PRIOR));
    double none = group->n_bad == 0 ? ENDS : 0, all = n_good == 0 ? ENDS : 0;

    for (guint i = 0; i < QUANTILES; i++) {
        group->shares[i] = gsl_cdf_beta_Pinv((i + 0.5) / QUANTILES, a, b);
        group->weights[i] = between / (between + none + all) / QUANTILES;
    }
    group->shares[QUANTILES] = 0;
    group->weights[QUANTILES] = none / (between + none + all);
    group->shares[QUANTILES + 1] = 1;
    group->weights[QUANTILES + 1] = all / (between + none + all);
}

static int
compare_points(const void *a, const void *b)
{
    return lab_allocation_order(*(const double *)a, *(const double *)b);
}

static guint
at_most(const Group *group)
{
    return lab_allocation_progress(group) + group->waiting;
}

guint
lab_allocation_most(const Comparison *comparison)
{
    return MIN(at_most(comparison->a), at_most(comparison->b));
}

/* The shares are settled: a new crash is what is waited for. */
static void
expect_title(Comparison *comparison)
{
    for (guint i = 0; i < POINTS; i++)
        comparison->points[i] = comparison->title_pairs;
    comparison->more = comparison->told.more_pairs = comparison->title_pairs;
    comparison->worse = 1;
}

static double
pairs_to_settle(const LabSequential *test, const LabSequentialRule *rule, double a, double b)
{
    double pairs = MIN(lab_sequential_pairs_to_differ(test, rule, a, b),
                       lab_sequential_pairs_to_alike(test, rule, a, b));

    return MAX(ceil(pairs), 1);
}

void
lab_allocation_expect(Comparison *comparison, const LabSequentialRule *rule)
{
    const LabSequential *test = &comparison->told.test;
    const Group *a = comparison->a, *b = comparison->b;
    double most = lab_allocation_most(comparison) - test->pairs;
    double *points = comparison->points;

    if (comparison->title_pairs > 0) {
        expect_title(comparison);
        return;
    }
    comparison->worse = comparison->more = 0;
    for (guint i = 0; i < SHARES * SHARES; i++) {
        guint of_a = i / SHARES, of_b = i % SHARES;
        double weight = a->weights[of_a] * b->weights[of_b], pairs;

        if (weight <= 0)
            continue;
        pairs = pairs_to_settle(test, rule, a->shares[of_a], b->shares[of_b]);
        comparison->more += weight * MIN(pairs, most);
        if (of_a >= QUANTILES || of_b >= QUANTILES)
            continue;
        points[of_a * QUANTILES + of_b] = pairs;
        comparison->worse += (b->shares[of_b] > a->shares[of_a]   ? 1
                              : b->shares[of_b] < a->shares[of_a] ? 0
                                                                  : 0.5) /
                             POINTS;
    }
    qsort(points, POINTS, sizeof *points, compare_points);
    comparison->told.more_pairs = points[POINTS / 2];
}

double
lab_allocation_gain(const Comparison *comparison, double left)
{
    const Group *a = comparison->a, *b = comparison->b;
    const double *points = comparison->points;
    guint pairs = comparison->told.test.pairs;
    double flying = MIN(lab_allocation_progress(a), lab_allocation_progress(b)) - pairs;
    double most = lab_allocation_most(comparison) - pairs;
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

/* Runs of a group that are yet to be started. */
static double
runs_of(const LabAllocation *allocation, const Group *group)
{
    int begun = group->repetitions - (int)group->waiting;
    double runs = MAX(MIN(group->first, allocation->adaptive.min) - begun, 0);

    if (group->comparisons->len == 0)
        return group->waiting;
    for (guint i = 0; i < group->comparisons->len; i++) {
        const Comparison *comparison = group->comparisons->pdata[i];
        guint ahead = lab_allocation_progress(group) - comparison->told.test.pairs;

        if (comparison->told.state == LAB_ALLOCATION_OPEN)
            runs = MAX(runs, comparison->more - ahead);
    }
    return MIN(runs, group->waiting);
}

double
lab_allocation_expected(const LabAllocation *allocation, double *runs)
{
    double cost = 0, sum = 0;

    for (guint i = 0; i < allocation->groups->len && !allocation->ended; i++) {
        const Group *group = allocation->groups->pdata[i];
        double of_group = runs_of(allocation, group);

        sum += of_group;
        cost += of_group * group->cost;
    }
    if (runs)
        *runs = sum;
    return cost;
}

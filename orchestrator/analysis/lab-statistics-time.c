/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times to crash, where some runs end without one. */
#include "lab-statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <string.h>

/* So many ways to share out the times are tried one by one: 8 runs of each side. */
#define WAYS_MAX 13000

typedef struct {
    LabTime time;
    gboolean a;
} Entry;

static int
compare_entries(const void *a, const void *b)
{
    double left = ((const Entry *)a)->time.time;
    double right = ((const Entry *)b)->time.time;

    return left < right ? -1 : left > right;
}

static Entry *
sorted_entries(const LabTime *a, guint n_a, const LabTime *b, guint n_b)
{
    guint n = n_a + n_b;
    Entry *entries = g_new(Entry, n + 1);

    for (guint i = 0; i < n_a; i++)
        entries[i] = (Entry){a[i], TRUE};
    for (guint i = 0; i < n_b; i++)
        entries[n_a + i] = (Entry){b[i], FALSE};
    qsort(entries, n, sizeof *entries, compare_entries);
    return entries;
}

/* The end of the entries with the time of 'first', and their crashes. */
static guint
same_time(const Entry *entries, guint n, guint first, guint *crashes)
{
    guint end = first;

    *crashes = 0;
    for (; end < n && entries[end].time.time <= entries[first].time.time; end++)
        *crashes += entries[end].time.crashed != FALSE;
    return end;
}

/* Observed less expected crashes is the sum of these scores over a's entries. */
static void
set_scores(const Entry *entries, guint n, double *scores)
{
    double hazard = 0;

    for (guint i = 0, end; i < n; i = end) {
        guint crashes;

        end = same_time(entries, n, i, &crashes);
        hazard += (double)crashes / (n - i);
        for (guint j = i; j < end; j++)
            scores[j] = (entries[j].time.crashed ? 1 : 0) - hazard;
    }
}

/* The next way to choose 'k' of n, in order of indices; FALSE: that was the last. */
static gboolean
next_choice(guint *choice, guint k, guint n)
{
    guint i = k;

    while (i > 0 && choice[i - 1] == n - k + i - 1)
        i--;
    if (i == 0)
        return FALSE;
    choice[i - 1]++;
    for (guint j = i; j < k; j++)
        choice[j] = choice[j - 1] + 1;
    return TRUE;
}

/* The share of choices of k scores whose sum is as far from 0, the mean of all, or farther. */
static double
permutation_p(const double *scores, guint n, guint k, double observed)
{
    g_autofree guint *choice = g_new(guint, k);
    guint ways = 0;
    guint far = 0;

    for (guint i = 0; i < k; i++)
        choice[i] = i;
    do {
        double sum = 0;

        for (guint i = 0; i < k; i++)
            sum += scores[choice[i]];
        ways++;
        far += fabs(sum) >= fabs(observed) - 1e-9;
    } while (next_choice(choice, k, n));
    return (double)far / ways;
}

LabLogRank
lab_log_rank(const LabTime *a, guint n_a, const LabTime *b, guint n_b)
{
    guint n = n_a + n_b;
    g_autofree Entry *entries = sorted_entries(a, n_a, b, n_b);
    g_autofree double *scores = g_new0(double, n + 1);
    LabLogRank test = {.chi_square = NAN, .p = NAN};
    double variance = 0;
    double difference = 0;
    guint left_a = n_a;

    if (n_a == 0 || n_b == 0)
        return test;
    set_scores(entries, n, scores);
    for (guint i = 0, end; i < n; i = end) {
        guint crashes;
        double left = n - i;
        double share = left_a / left;

        end = same_time(entries, n, i, &crashes);
        test.expected_a += crashes * share;
        if (left > 1)
            variance += crashes * share * (1 - share) * (left - crashes) / (left - 1);
        for (guint j = i; j < end; j++) {
            left_a -= entries[j].a != FALSE;
            difference += entries[j].a ? scores[j] : 0;
        }
    }
    if (variance <= 0)
        return test;
    test.chi_square = difference * difference / variance;
    test.exact = gsl_sf_lnchoose(n, n_a) <= log(WAYS_MAX);
    test.p = test.exact ? permutation_p(scores, n, n_a, difference)
                        : gsl_cdf_chisq_Q(test.chi_square, 1);
    return test;
}

GArray *
lab_kaplan_meier(const LabTime *times, guint n, double confidence)
{
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(LabSurvivalStep));
    g_autofree Entry *entries = sorted_entries(times, n, NULL, 0);
    double z = gsl_cdf_ugaussian_Qinv((1 - confidence) / 2);
    double alive = 1;
    double greenwood = 0;

    for (guint i = 0, end; i < n; i = end) {
        LabSurvivalStep step = {.time = entries[i].time.time, .at_risk = n - i};
        double d, spread;

        end = same_time(entries, n, i, &step.crashes);
        if (!step.crashes)
            continue;
        d = step.crashes;
        alive *= 1 - d / step.at_risk;
        greenwood += d / (step.at_risk * (step.at_risk - d));
        step.alive = alive;
        /* Nobody is left: the variance is not defined. */
        spread = alive > 0 ? z * sqrt(greenwood) / log(alive) : NAN;
        step.low = alive > 0 ? pow(alive, exp(-spread)) : NAN;
        step.high = alive > 0 ? pow(alive, exp(spread)) : NAN;
        g_array_append_val(steps, step);
    }
    return steps;
}

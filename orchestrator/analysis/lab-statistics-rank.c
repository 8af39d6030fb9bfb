/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of two lists of numbers has the larger ones. */
#include "lab-statistics.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

/* Up to so many values the permutation distribution is computed: 0.1 ms. */
#define EXACT_MAX 30

typedef struct {
    double value;
    gboolean b;
} Value;

static int
compare_values(const void *a, const void *b)
{
    double left = ((const Value *)a)->value;
    double right = ((const Value *)b)->value;

    return left < right ? -1 : left > right;
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* Twice the mean rank of each of the sorted 'values', so that it is whole; *ties is set to the sum
 * of t^3 - t over groups of t equal ones. Twice the rank sum of b is returned. */
static guint64
rank_twice(const Value *values, guint n, guint64 *ranks, double *ties)
{
    guint64 sum_b = 0;

    *ties = 0;
    for (guint i = 0, end; i < n; i = end) {
        double t;

        for (end = i + 1; end < n && values[end].value <= values[i].value; end++)
            ;
        t = end - i;
        *ties += t * t * t - t;
        for (guint j = i; j < end; j++) {
            ranks[j] = (guint64)i + 1 + end;
            sum_b += values[j].b ? ranks[j] : 0;
        }
    }
    return sum_b;
}

/* Of all ways to choose n_b of the ranks: the share whose sum is as far from the mean as 'sum_b' or
 * farther (B. Streitberg, J. Röhmel, Comput. Stat. Data Anal. 1986: sums are counted, not
 * subsets). */
static double
exact_p(const guint64 *ranks, guint n, guint n_b, guint64 sum_b)
{
    guint width = n * (n + 1) + 1;
    g_autofree double *ways = g_new0(double, (gsize)(n_b + 1) * width);
    double mean = (double)n_b * (n + 1);
    double distance = fabs((double)sum_b - mean);
    double all = 0;
    double far = 0;

    ways[0] = 1;
    for (guint i = 0; i < n; i++)
        for (guint chosen = MIN(i + 1, n_b); chosen > 0; chosen--)
            for (guint sum = (guint)ranks[i]; sum < width; sum++)
                ways[(gsize)chosen * width + sum] +=
                    ways[(gsize)(chosen - 1) * width + sum - ranks[i]];
    for (guint sum = 0; sum < width; sum++) {
        double count = ways[(gsize)n_b * width + sum];

        all += count;
        if (fabs(sum - mean) >= distance - 1e-9)
            far += count;
    }
    return far / all;
}

static double
normal_p(double u, guint n_a, guint n_b, double ties)
{
    double n = (double)n_a + n_b;
    double pairs = (double)n_a * n_b;
    double variance = pairs / 12 * (n + 1 - ties / (n * (n - 1)));
    double distance = fabs(u - pairs / 2) - 0.5;

    if (variance <= 0)
        return 1;
    return MIN(1, 2 * gsl_cdf_ugaussian_Q(MAX(distance, 0) / sqrt(variance)));
}

/* Of all b - a: how many are at most 'x', the largest of those, and the smallest of the others. */
typedef struct {
    guint64 count;
    double below, above;
} Differences;

/* Both sorted. */
static Differences
differences_up_to(const double *a, guint n_a, const double *b, guint n_b, double x)
{
    Differences found = {0, -INFINITY, INFINITY};
    guint j = 0;

    for (guint i = 0; i < n_a; i++) {
        while (j < n_b && b[j] - a[i] <= x)
            j++;
        found.count += j;
        if (j > 0)
            found.below = MAX(found.below, b[j - 1] - a[i]);
        if (j < n_b)
            found.above = MIN(found.above, b[j] - a[i]);
    }
    return found;
}

/* The 'rank'th smallest b - a, from 1. The pairs of large groups are too many to be listed. */
static double
difference_at(const double *a, guint n_a, const double *b, guint n_b, guint64 rank)
{
    double low = b[0] - a[n_a - 1];
    double high = b[n_b - 1] - a[0];

    /* Both stay differences, and what is looked for stays between them. */
    for (guint i = 0; i < 200 && low < high; i++) {
        double middle = low + (high - low) / 2;
        Differences found = differences_up_to(a, n_a, b, n_b, middle < high ? middle : low);

        if (found.count >= rank)
            high = found.below;
        else
            low = found.above;
    }
    return high;
}

static double
median_difference(const double *a, guint n_a, const double *b, guint n_b)
{
    guint64 pairs = (guint64)n_a * n_b;
    double upper = difference_at(a, n_a, b, n_b, pairs / 2 + 1);
    Differences less;

    if (pairs % 2)
        return upper;
    less = differences_up_to(a, n_a, b, n_b, nextafter(upper, -INFINITY));
    return (upper + (less.count == pairs / 2 ? less.below : upper)) / 2;
}

static double *
sorted_copy(const double *values, guint n)
{
    double *copy = g_memdup2(values, n * sizeof *values);

    qsort(copy, n, sizeof *copy, compare_doubles);
    return copy;
}

LabRankSum
lab_rank_sum(const double *a, guint n_a, const double *b, guint n_b)
{
    guint n = n_a + n_b;
    LabRankSum test = {.u = NAN, .p = NAN, .delta = NAN, .shift = NAN};
    g_autofree Value *values = NULL;
    g_autofree guint64 *ranks = NULL;
    g_autofree double *sorted_a = NULL;
    g_autofree double *sorted_b = NULL;
    guint64 sum_b;
    double ties;

    if (n_a == 0 || n_b == 0)
        return test;
    values = g_new(Value, n);
    ranks = g_new(guint64, n);
    for (guint i = 0; i < n; i++)
        values[i] = (Value){i < n_a ? a[i] : b[i - n_a], i >= n_a};
    qsort(values, n, sizeof *values, compare_values);
    sum_b = rank_twice(values, n, ranks, &ties);
    test.u = (double)sum_b / 2 - (double)n_b * (n_b + 1.0) / 2;
    test.delta = 2 * test.u / ((double)n_a * n_b) - 1;
    test.exact = n <= EXACT_MAX;
    test.p = test.exact ? exact_p(ranks, n, n_b, sum_b) : normal_p(test.u, n_a, n_b, ties);
    sorted_a = sorted_copy(a, n_a);
    sorted_b = sorted_copy(b, n_b);
    test.shift = median_difference(sorted_a, n_a, sorted_b, n_b);
    return test;
}

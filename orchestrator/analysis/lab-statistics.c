/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shares of runs, and many tests at once. */
#include "lab-statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

/* Two tables are equally likely when their probabilities differ by rounding only; R's value. */
#define AS_LIKELY (1 + 1e-7)

LabInterval
lab_clopper_pearson(guint k, guint n, double confidence)
{
    double tail = (1 - confidence) / 2;
    LabInterval interval = {.low = 0, .high = 1};

    if (k > 0 && k <= n)
        interval.low = gsl_cdf_beta_Pinv(tail, k, n - k + 1.0);
    if (k < n)
        interval.high = gsl_cdf_beta_Qinv(tail, k + 1.0, n - k);
    return interval;
}

double
lab_share_bound(guint k, guint n, double confidence)
{
    if (k >= n)
        return 1;
    if (k == 0)
        return 1 - pow(1 - confidence, 1.0 / n);
    return gsl_cdf_beta_Qinv(1 - confidence, k + 1.0, n - k);
}

/* Where the bet against a share, which wins the more the further that is from k of n, has won
 * exp('most'): between 'in', where it has not, and 'out'. */
static double
edge(guint k, guint n, double most, double in, double out)
{
    double won = gsl_sf_lnbeta(k + 0.5, n - k + 0.5) - gsl_sf_lnbeta(0.5, 0.5);

    for (int i = 0; i < 60; i++) {
        double share = (in + out) / 2;
        double chance = (k > 0 ? k * log(share) : 0) + (k < n ? (n - k) * log1p(-share) : 0);

        *(won - chance < most ? &in : &out) = share;
    }
    return in;
}

LabInterval
lab_share_sequence(guint k, guint n, double confidence)
{
    double most = -log1p(-confidence), share = n > 0 ? (double)k / n : 0;
    LabInterval interval = {.low = 0, .high = 1};

    if (k > n)
        return interval;
    if (k > 0)
        interval.low = edge(k, n, most, share, 0);
    if (k < n)
        interval.high = edge(k, n, most, share, 1);
    return interval;
}

/* The probability that 'b' of the 'k' are on the side with 'b_n'. */
static double
table(guint b, guint k, guint a_n, guint b_n)
{
    return gsl_ran_hypergeometric_pdf(b, b_n, a_n, k);
}

static double
two_sided(guint b, guint k, guint a_n, guint b_n)
{
    double limit = table(b, k, a_n, b_n) * AS_LIKELY;
    guint first = k > a_n ? k - a_n : 0;
    guint last = MIN(k, b_n);
    double sum = 0;

    for (guint i = first; i <= last; i++) {
        double p = table(i, k, a_n, b_n);

        if (p <= limit)
            sum += p;
    }
    return MIN(sum, 1);
}

LabFisher
lab_fisher_exact(guint a_k, guint a_n, guint b_k, guint b_n)
{
    LabFisher fisher = {1, 1, 1};
    guint k = a_k + b_k;
    guint last = MIN(k, b_n);

    if (a_n == 0 || b_n == 0 || a_k > a_n || b_k > b_n)
        return (LabFisher){NAN, NAN, NAN};
    if (k == 0 || k == a_n + b_n)
        return fisher;
    fisher.two_sided = two_sided(b_k, k, a_n, b_n);
    fisher.less = 0;
    fisher.greater = 0;
    for (guint i = k > a_n ? k - a_n : 0; i <= last; i++) {
        double p = table(i, k, a_n, b_n);

        fisher.less += i <= b_k ? p : 0;
        fisher.greater += i >= b_k ? p : 0;
    }
    fisher.less = MIN(fisher.less, 1);
    fisher.greater = MIN(fisher.greater, 1);
    return fisher;
}

double
lab_fisher_least(guint k, guint a_n, guint b_n)
{
    guint first = k > a_n ? k - a_n : 0;
    guint last = MIN(k, b_n);

    if (a_n == 0 || b_n == 0 || first >= last)
        return 1;
    /* The distribution has one peak: the least likely table is at an end. */
    return MIN(two_sided(first, k, a_n, b_n), two_sided(last, k, a_n, b_n));
}

static gboolean
would_settle(guint a_k, guint a_n, guint b_k, guint b_n, guint more, double alpha)
{
    guint a_more = (guint)lround((double)a_k * (a_n + more) / a_n);
    guint b_more = (guint)lround((double)b_k * (b_n + more) / b_n);

    return lab_fisher_exact(a_more, a_n + more, b_more, b_n + more).two_sided <= alpha;
}

guint
lab_fisher_more_runs(guint a_k, guint a_n, guint b_k, guint b_n, double alpha, guint max)
{
    guint low = 0;
    guint high = 1;

    if (a_n == 0 || b_n == 0 || (guint64)a_k * b_n == (guint64)b_k * a_n ||
        would_settle(a_k, a_n, b_k, b_n, 0, alpha))
        return 0;
    while (high < max && !would_settle(a_k, a_n, b_k, b_n, high, alpha)) {
        low = high;
        high = MIN(high * 2, max);
    }
    if (!would_settle(a_k, a_n, b_k, b_n, high, alpha))
        return G_MAXUINT;
    /* p falls with the runs but for the rounding: near enough for "about N more". */
    while (high - low > 1) {
        guint middle = low + (high - low) / 2;

        if (would_settle(a_k, a_n, b_k, b_n, middle, alpha))
            high = middle;
        else
            low = middle;
    }
    return high;
}

typedef struct {
    double p;
    guint at;
} Ranked;

static int
largest_first(gconstpointer a, gconstpointer b)
{
    const Ranked *left = a;
    const Ranked *right = b;

    return left->p > right->p ? -1 : left->p < right->p;
}

void
lab_benjamini_hochberg(const double *p, double *q, guint n)
{
    g_autofree Ranked *ranked = g_new(Ranked, n + 1);
    double least = 1;
    guint m = 0;

    for (guint i = 0; i < n; i++) {
        q[i] = NAN;
        if (!isnan(p[i]))
            ranked[m++] = (Ranked){p[i], i};
    }
    qsort(ranked, m, sizeof *ranked, largest_first);
    for (guint i = 0; i < m; i++) {
        least = MIN(least, ranked[i].p * m / (m - i));
        q[ranked[i].at] = least;
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-bisect.h"

#include <math.h>
#include <stdlib.h>

/* How many runs' worth a rate that the user gives counts. */
#define RATE_WEIGHT 20.0
/* How often the bad end has to show the change before the search begins where the rate is
 * unknown: a pass elsewhere says nothing while it is. */
#define ANCHOR_EVENTS 3
/* Runs of the bad end without an event that end the search where the rate is unknown. */
#define ANCHOR_RUNS 60

typedef struct {
    guint shown, not_shown;
    gboolean dropped;
    double cost;
} Kernel;

struct LabBisect {
    guint n;
    double rate;           /* as given; 0: unknown */
    double with_a, with_b; /* Beta prior of the rate with the change */
    double without_a, without_b;
    Kernel *kernels;
    double *log_weight; /* of the positions 0..n, not normalised */
};

LabBisect *
lab_bisect_new(guint kernels, double rate, double false_rate)
{
    LabBisect *bisect = g_new0(LabBisect, 1);
    double inner = log((1 - 2 * LAB_BISECT_END_DOUBT) / (kernels - 1));
    double known = CLAMP(rate, 0.01, 0.99);

    g_assert(kernels >= 2 && false_rate > 0 && false_rate < 1);
    bisect->n = kernels;
    bisect->rate = rate;
    bisect->with_a = rate > 0 ? RATE_WEIGHT * known : 0.5;
    bisect->with_b = rate > 0 ? RATE_WEIGHT * (1 - known) : 0.5;
    bisect->without_a = 1;
    bisect->without_b = 1 / false_rate - 1;
    bisect->kernels = g_new0(Kernel, kernels);
    bisect->log_weight = g_new0(double, kernels + 1);
    for (guint i = 0; i < kernels; i++)
        bisect->kernels[i].cost = 1;
    for (guint c = 0; c <= kernels; c++)
        bisect->log_weight[c] = c == 0 || c == kernels ? log(LAB_BISECT_END_DOUBT) : inner;
    return bisect;
}

void
lab_bisect_free(LabBisect *bisect)
{
    if (!bisect)
        return;
    g_free(bisect->kernels);
    g_free(bisect->log_weight);
    g_free(bisect);
}

/* The chance that the next run shows the change, at each position of it: of a kernel that has the
 * change (with[c]) and of one that has it not (without[c]). */
static void
predict(const LabBisect *bisect, double *with, double *without)
{
    double shown_before = 0, runs_before = 0, shown = 0, runs = 0;

    for (guint i = 0; i < bisect->n; i++) {
        shown += bisect->kernels[i].shown;
        runs += bisect->kernels[i].shown + bisect->kernels[i].not_shown;
    }
    for (guint c = 0; c <= bisect->n; c++) {
        with[c] = (bisect->with_a + shown - shown_before) /
                  (bisect->with_a + bisect->with_b + runs - runs_before);
        without[c] = (bisect->without_a + shown_before) /
                     (bisect->without_a + bisect->without_b + runs_before);
        if (c == bisect->n)
            break;
        shown_before += bisect->kernels[c].shown;
        runs_before += bisect->kernels[c].shown + bisect->kernels[c].not_shown;
    }
}

/* Each position's weight is multiplied by the chance that it gave this outcome: the product of
 * these over all runs is the Beta-binomial evidence with both rates integrated out. */
void
lab_bisect_observe(LabBisect *bisect, guint kernel, gboolean shown)
{
    g_autofree double *with = g_new(double, bisect->n + 1);
    g_autofree double *without = g_new(double, bisect->n + 1);

    g_assert(kernel < bisect->n);
    predict(bisect, with, without);
    for (guint c = 0; c <= bisect->n; c++) {
        double chance = c <= kernel ? with[c] : without[c];

        bisect->log_weight[c] += log(shown ? chance : 1 - chance);
    }
    if (shown)
        bisect->kernels[kernel].shown++;
    else
        bisect->kernels[kernel].not_shown++;
}

void
lab_bisect_drop(LabBisect *bisect, guint kernel)
{
    g_assert(kernel < bisect->n);
    bisect->kernels[kernel].dropped = TRUE;
}

void
lab_bisect_set_cost(LabBisect *bisect, guint kernel, double cost)
{
    g_assert(kernel < bisect->n && cost > 0);
    bisect->kernels[kernel].cost = cost;
}

double *
lab_bisect_posterior(const LabBisect *bisect)
{
    double *weight = g_new(double, bisect->n + 1);
    double top = -INFINITY, sum = 0;

    for (guint c = 0; c <= bisect->n; c++)
        top = MAX(top, bisect->log_weight[c]);
    for (guint c = 0; c <= bisect->n; c++)
        sum += weight[c] = exp(bisect->log_weight[c] - top);
    for (guint c = 0; c <= bisect->n; c++)
        weight[c] /= sum;
    return weight;
}

/* A kernel that was dropped after it had shown something still parts the row. */
static gboolean
parts(const Kernel *kernel)
{
    return !kernel->dropped || kernel->shown + kernel->not_shown > 0;
}

LabBisectPair
lab_bisect_best(const LabBisect *bisect)
{
    g_autofree double *weight = lab_bisect_posterior(bisect);
    LabBisectPair best = {-1, (int)bisect->n, -1};
    double odds = 0;
    int good = -1;

    for (guint c = 0; c <= bisect->n; c++) {
        odds += weight[c];
        if (c < bisect->n && !parts(&bisect->kernels[c]))
            continue;
        if (odds > best.odds)
            best = (LabBisectPair){good, (int)c, odds};
        good = (int)c;
        odds = 0;
    }
    return best;
}

static double
entropy(double p)
{
    return p <= 0 || p >= 1 ? 0 : -p * log(p) - (1 - p) * log1p(-p);
}

/* Mutual information of the change's place and one more outcome, for what a run costs. All kernels
 * in one pass: sums over the positions at or before a kernel, and over those after it. */
static int
most_informative(const LabBisect *bisect)
{
    g_autofree double *weight = lab_bisect_posterior(bisect);
    g_autofree double *with = g_new(double, bisect->n + 1);
    g_autofree double *without = g_new(double, bisect->n + 1);
    double chance = 0, doubt = 0, most = 1e-12;
    int best = -1;

    predict(bisect, with, without);
    for (guint c = 0; c <= bisect->n; c++) {
        chance += weight[c] * without[c];
        doubt += weight[c] * entropy(without[c]);
    }
    for (guint i = 0; i < bisect->n; i++) {
        const Kernel *kernel = &bisect->kernels[i];
        double told;

        chance += weight[i] * (with[i] - without[i]);
        doubt += weight[i] * (entropy(with[i]) - entropy(without[i]));
        told = (entropy(chance) - doubt) / kernel->cost;
        if (!kernel->dropped && told > most) {
            most = told;
            best = (int)i;
        }
    }
    return best;
}

static gboolean
needs_anchor(const LabBisect *bisect)
{
    const Kernel *last = &bisect->kernels[bisect->n - 1];
    guint shown = 0;

    if (last->dropped)
        return FALSE;
    if (bisect->rate > 0)
        return last->shown == 0;
    for (guint i = 0; i < bisect->n; i++)
        shown += bisect->kernels[i].shown;
    return last->shown == 0 || shown < ANCHOR_EVENTS;
}

int
lab_bisect_next(const LabBisect *bisect)
{
    return needs_anchor(bisect) ? (int)bisect->n - 1 : most_informative(bisect);
}

gboolean
lab_bisect_is_hopeless(const LabBisect *bisect, double confidence)
{
    const Kernel *last = &bisect->kernels[bisect->n - 1];
    guint most = bisect->rate > 0 ? lab_bisect_repeats(bisect->rate, confidence) : ANCHOR_RUNS;

    return last->shown == 0 && last->not_shown >= most;
}

double
lab_bisect_rate(const LabBisect *bisect, double *spread)
{
    g_autofree double *weight = lab_bisect_posterior(bisect);
    double mean = 0, square = 0, a = bisect->with_a, b = bisect->with_b;

    /* From the last position, where no kernel has the change, to the first, where all have. */
    for (guint c = bisect->n + 1; c-- > 0;) {
        double m;

        if (c < bisect->n) {
            a += bisect->kernels[c].shown;
            b += bisect->kernels[c].not_shown;
        }
        m = a / (a + b);
        mean += weight[c] * m;
        square += weight[c] * (m * m + m * (1 - m) / (a + b + 1));
    }
    *spread = sqrt(MAX(square - mean * mean, 0));
    return mean;
}

guint
lab_bisect_shown(const LabBisect *bisect, guint kernel)
{
    return bisect->kernels[kernel].shown;
}

guint
lab_bisect_not_shown(const LabBisect *bisect, guint kernel)
{
    return bisect->kernels[kernel].not_shown;
}

gboolean
lab_bisect_is_dropped(const LabBisect *bisect, guint kernel)
{
    return bisect->kernels[kernel].dropped;
}

guint
lab_bisect_repeats(double rate, double confidence)
{
    g_assert(rate > 0 && confidence > 0 && confidence < 1);
    if (rate >= 1)
        return 1;
    return (guint)MAX(1, ceil(log1p(-confidence) / log1p(-rate) - 1e-9));
}

static LabBisect *
copy(const LabBisect *bisect)
{
    LabBisect *other = g_memdup2(bisect, sizeof *bisect);

    other->kernels = g_memdup2(bisect->kernels, bisect->n * sizeof *bisect->kernels);
    other->log_weight = g_memdup2(bisect->log_weight, (bisect->n + 1) * sizeof *bisect->log_weight);
    return other;
}

/* Runs that the search took; *right is set when it ended at the pair around 'first'. */
static guint
simulate(const LabBisect *start, const LabBisectLab *lab, double confidence, guint first,
         GRand *dice, gboolean *right)
{
    g_autoptr(LabBisect) bisect = copy(start);
    guint runs = 0;
    LabBisectPair pair;

    while ((pair = lab_bisect_best(bisect)).odds < confidence &&
           !lab_bisect_is_hopeless(bisect, confidence)) {
        int kernel = lab_bisect_next(bisect);
        double rate = kernel >= (int)first ? lab->rate : lab->false_rate;

        if (kernel < 0)
            break;
        runs++;
        if (g_rand_double(dice) >= lab->lost)
            lab_bisect_observe(bisect, (guint)kernel, g_rand_double(dice) < rate);
    }
    *right = pair.good < (int)first && pair.bad >= (int)first && pair.bad < (int)start->n;
    return runs;
}

static int
compare_guints(const void *a, const void *b)
{
    guint one = *(const guint *)a, other = *(const guint *)b;

    return (one > other) - (one < other);
}

LabBisectForecast
lab_bisect_forecast(const LabBisect *bisect, const LabBisectLab *lab, double confidence,
                    guint searches, guint32 seed)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(seed);
    g_autofree guint *runs = g_new(guint, searches);
    LabBisectForecast forecast = {0};

    for (guint i = 0; i < searches; i++) {
        guint first = (guint)g_rand_int_range(dice, 1, (gint32)bisect->n);
        gboolean right;

        runs[i] = simulate(bisect, lab, confidence, first, dice, &right);
        forecast.right += right ? 1 : 0;
    }
    qsort(runs, searches, sizeof *runs, compare_guints);
    forecast.median = runs[searches / 2];
    forecast.nine_of_ten = runs[searches * 9 / 10];
    forecast.most = runs[searches - 1];
    return forecast;
}

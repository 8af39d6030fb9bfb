/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-sequential.h"

#include <math.h>

/* The Beta prior of the shares that are betted on, as Turner et al. tuned it. */
#define PRIOR 0.18
/* Of the logarithm of how far the number of pairs grows: what bets lose as they do not know the
 * shares. Half of it a share that is not at its end (J. Rissanen), less at the ends. */
#define LEARNING 0.5

static double
log_chance(double share, gboolean bad)
{
    return bad ? log(share) : log1p(-share);
}

/* The share of a for which (a, a + effect) is the nearest to (q_a, q_b) by Kullback and Leibler:
 * where the derivative, which rises, is zero. Times both variances it is a cubic without poles,
 * which Newton's steps find the zero of; one that leaves what is known of its place is halved. */
static double
nearest(double q_a, double q_b, double effect)
{
    double low = 0, high = 1 - effect;
    double a = CLAMP((q_a + q_b - effect) / 2, high / 64, high - high / 64);

    for (int i = 0; i < 60 && high - low > 1e-12; i++) {
        double b = a + effect, of_a = a * (1 - a), of_b = b * (1 - b), last = a;
        double value = (a - q_a) * of_b + (b - q_b) * of_a;
        double slope = of_a + of_b + (a - q_a) * (1 - 2 * b) + (b - q_b) * (1 - 2 * a);

        if (value < 0)
            low = a;
        else
            high = a;
        a -= value / slope;
        if (!(a > low && a < high))
            a = (low + high) / 2;
        if (fabs(a - last) < 1e-12)
            break;
    }
    return a;
}

/* What a pair says against "b's share is larger than a's by the effect or more". */
static double
against_more(double q_a, double q_b, double effect, gboolean a_bad, gboolean b_bad)
{
    double a;

    if (q_b - q_a >= effect)
        return 0;
    a = nearest(q_a, q_b, effect);
    return log_chance(q_a, a_bad) + log_chance(q_b, b_bad) - log_chance(a, a_bad) -
           log_chance(a + effect, b_bad);
}

static void
raise_to(double *now, double *most, double by)
{
    *now += by;
    *most = MAX(*most, *now);
}

void
lab_sequential_add(LabSequential *test, const LabSequentialRule *rule, gboolean a_bad,
                   gboolean b_bad)
{
    double q_a = (test->a_bad + PRIOR) / (test->pairs + 2 * PRIOR);
    double q_b = (test->b_bad + PRIOR) / (test->pairs + 2 * PRIOR);
    double both = (q_a + q_b) / 2;

    raise_to(&test->differ, &test->differ_most,
             log_chance(q_a, a_bad) + log_chance(q_b, b_bad) - log_chance(both, a_bad) -
                 log_chance(both, b_bad));
    raise_to(&test->more, &test->more_most, against_more(q_a, q_b, rule->effect, a_bad, b_bad));
    raise_to(&test->less, &test->less_most, against_more(q_b, q_a, rule->effect, b_bad, a_bad));
    test->pairs++;
    test->a_bad += a_bad ? 1 : 0;
    test->b_bad += b_bad ? 1 : 0;
}

LabSequentialState
lab_sequential_state(const LabSequential *test, const LabSequentialRule *rule)
{
    double enough = -log(rule->beta);

    if (test->differ_most >= -log(rule->alpha))
        return LAB_SEQUENTIAL_DIFFER;
    return test->more_most >= enough && test->less_most >= enough ? LAB_SEQUENTIAL_ALIKE
                                                                  : LAB_SEQUENTIAL_OPEN;
}

/* Kullback's and Leibler's, of a share from another. */
static double
divergence(double from, double to)
{
    double bad = from > 0 ? from * log(from / to) : 0;
    double good = from < 1 ? (1 - from) * log((1 - from) / (1 - to)) : 0;

    return bad + good;
}

/* How many pairs make up for 'gap' when each adds 'rate' in the mean, less what it costs to learn
 * the shares on the way. */
static double
pairs_for(const LabSequential *test, double gap, double rate)
{
    double pairs;

    if (gap <= 0)
        return 0;
    if (rate < 1e-9)
        return INFINITY;
    pairs = gap / rate;
    return (gap + LEARNING * log1p(pairs / (test->pairs + 1))) / rate;
}

double
lab_sequential_pairs_to_differ(const LabSequential *test, const LabSequentialRule *rule, double a,
                               double b)
{
    double both = (a + b) / 2;

    return pairs_for(test, -log(rule->alpha) - test->differ,
                     divergence(a, both) + divergence(b, both));
}

/* Until it is known that b is not larger by the effect. */
static double
pairs_to_less(const LabSequential *test, double gap, double effect, double a, double b)
{
    double by;

    if (gap <= 0)
        return 0;
    by = nearest(a, b, effect);
    return pairs_for(test, gap, divergence(a, by) + divergence(b, by + effect));
}

double
lab_sequential_pairs_to_alike(const LabSequential *test, const LabSequentialRule *rule, double a,
                              double b)
{
    double enough = -log(rule->beta);
    double more = test->more_most >= enough ? 0 : enough - test->more;
    double less = test->less_most >= enough ? 0 : enough - test->less;

    if ((more > 0 && b - a >= rule->effect) || (less > 0 && a - b >= rule->effect))
        return INFINITY;
    return MAX(pairs_to_less(test, more, rule->effect, a, b),
               pairs_to_less(test, less, rule->effect, b, a));
}

double
lab_sequential_p(const LabSequential *test)
{
    return exp(-test->differ_most);
}

void
lab_signs_add(LabSigns *signs, int order)
{
    guint *side = order < 0 ? &signs->a : &signs->b;

    if (order == 0)
        return;
    raise_to(&signs->now, &signs->most, log(2 * (*side + 0.5) / (signs->a + signs->b + 1.0)));
    (*side)++;
}

double
lab_signs_p(const LabSigns *signs)
{
    return exp(-signs->most);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-sequential.h"

#include <math.h>

/* The Beta prior of the shares that are betted on, as Turner et al. tuned it. */
#define PRIOR 0.18

static double
log_chance(double share, gboolean bad)
{
    return bad ? log(share) : log1p(-share);
}

/* The share of a for which (a, a + effect) is the nearest to (q_a, q_b) by Kullback and Leibler:
 * where the derivative, which rises, is zero. */
static double
nearest(double q_a, double q_b, double effect)
{
    double low = 0, high = 1 - effect;

    for (int i = 0; i < 30; i++) {
        double a = (low + high) / 2, b = a + effect;

        if ((a - q_a) / (a * (1 - a)) + (b - q_b) / (b * (1 - b)) < 0)
            low = a;
        else
            high = a;
    }
    return (low + high) / 2;
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

double
lab_sequential_p(const LabSequential *test)
{
    return exp(-test->differ_most);
}

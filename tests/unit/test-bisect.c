/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search over kernels: its arithmetic against sums written out, and simulated searches. */
#include <math.h>

#include "lab-bisect.h"
#include "lab-json.h"
#include "lab-mark.h"

#define CONFIDENCE 0.98
#define FALSE_RATE 0.001

static double
log_beta(double a, double b)
{
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

/* The evidence of each position straight from the Beta-binomial, not run by run. */
static void
test_posterior(void)
{
    const guint shown[] = {0, 1, 0, 2, 3};
    const guint not_shown[] = {4, 2, 3, 1, 0};
    g_autoptr(LabBisect) bisect = lab_bisect_new(5, 0, 0.01);
    g_autofree double *got = NULL;
    double want[6], sum = 0;

    for (guint i = 0; i < 5; i++) {
        for (guint k = 0; k < shown[i]; k++)
            lab_bisect_observe(bisect, i, TRUE);
        for (guint k = 0; k < not_shown[i]; k++)
            lab_bisect_observe(bisect, i, FALSE);
    }
    for (guint c = 0; c <= 5; c++) {
        double s[2] = {0}, f[2] = {0};
        double prior = c == 0 || c == 5 ? LAB_BISECT_END_DOUBT : (1 - 2 * LAB_BISECT_END_DOUBT) / 4;

        for (guint i = 0; i < 5; i++) {
            s[i >= c] += shown[i];
            f[i >= c] += not_shown[i];
        }
        want[c] = prior * exp(log_beta(0.5 + s[1], 0.5 + f[1]) - log_beta(0.5, 0.5) +
                              log_beta(1 + s[0], 99 + f[0]) - log_beta(1, 99));
        sum += want[c];
    }
    got = lab_bisect_posterior(bisect);
    for (guint c = 0; c <= 5; c++)
        g_assert_cmpfloat_with_epsilon(got[c], want[c] / sum, 1e-9);
}

/* The pick against the definition of mutual information, outcome by outcome. */
static void
test_next(void)
{
    g_autoptr(LabBisect) bisect = lab_bisect_new(9, 0.8, 0.01);
    g_autofree double *before = NULL;
    double most = -1;
    int best = -1;

    lab_bisect_observe(bisect, 8, TRUE);
    lab_bisect_observe(bisect, 5, FALSE);
    before = lab_bisect_posterior(bisect);
    for (guint i = 0; i < 9; i++) {
        double told = 0;

        for (int outcome = 0; outcome < 2; outcome++) {
            g_autoptr(LabBisect) after = lab_bisect_new(9, 0.8, 0.01);
            g_autofree double *with = NULL;
            double chance = 0, likelihood;

            lab_bisect_observe(after, 8, TRUE);
            lab_bisect_observe(after, 5, FALSE);
            /* Before: Beta(16,4), Beta(1,99) and the two outcomes. */
            for (guint c = 0; c <= 9; c++) {
                double a = 16 + (c <= 8), b = 4 + (c <= 5), qa = 1 + (c > 8), qb = 99 + (c > 5);

                likelihood = c <= i ? a / (a + b) : qa / (qa + qb);
                chance += before[c] * (outcome ? likelihood : 1 - likelihood);
            }
            lab_bisect_observe(after, i, outcome);
            with = lab_bisect_posterior(after);
            for (guint c = 0; c <= 9; c++)
                if (with[c] > 0)
                    told += chance * with[c] * log(with[c] / before[c]);
        }
        if (told > most) {
            most = told;
            best = (int)i;
        }
    }
    g_assert_cmpint(lab_bisect_next(bisect), ==, best);
    /* So dear that another kernel tells more for its cost. */
    lab_bisect_set_cost(bisect, (guint)best, 1000);
    g_assert_cmpint(lab_bisect_next(bisect), !=, best);
}

static void
test_dropped(void)
{
    g_autoptr(LabBisect) bisect = lab_bisect_new(6, 1, FALSE_RATE);
    LabBisectPair pair;
    int next;

    lab_bisect_drop(bisect, 2);
    lab_bisect_drop(bisect, 3);
    for (int i = 0; i < 40 && (pair = lab_bisect_best(bisect)).odds < CONFIDENCE; i++) {
        next = lab_bisect_next(bisect);
        g_assert_cmpint(next, >=, 0);
        g_assert_true(next != 2 && next != 3);
        lab_bisect_observe(bisect, (guint)next, next >= 3);
    }
    g_assert_cmpint(pair.good, ==, 1);
    g_assert_cmpint(pair.bad, ==, 4);
    g_assert_cmpfloat(pair.odds, >=, CONFIDENCE);
}

/* Both ends are held to what the user says of them. */
static void
test_wrong_ends(void)
{
    g_autoptr(LabBisect) first = lab_bisect_new(8, 0, FALSE_RATE);
    g_autoptr(LabBisect) last = lab_bisect_new(8, 0, FALSE_RATE);
    LabBisectPair pair;

    for (int i = 0; i < 100 && (pair = lab_bisect_best(first)).odds < CONFIDENCE; i++)
        lab_bisect_observe(first, (guint)lab_bisect_next(first), TRUE);
    g_assert_cmpint(pair.good, ==, -1);
    g_assert_cmpint(pair.bad, ==, 0);

    for (int i = 0; i < 60; i++) {
        g_assert_false(lab_bisect_is_hopeless(last, CONFIDENCE));
        g_assert_cmpint(lab_bisect_next(last), ==, 7);
        lab_bisect_observe(last, 7, FALSE);
    }
    g_assert_true(lab_bisect_is_hopeless(last, CONFIDENCE));
}

static void
test_repeats(void)
{
    g_assert_cmpuint(lab_bisect_repeats(0.05, 0.95), ==, 59);
    g_assert_cmpuint(lab_bisect_repeats(0.5, 0.95), ==, 5);
    g_assert_cmpuint(lab_bisect_repeats(0.5, 0.75), ==, 2);
    g_assert_cmpuint(lab_bisect_repeats(1, 0.99), ==, 1);
}

static void
simulate(const LabBisect *bisect, const LabBisectLab *lab, guint searches)
{
    LabBisectForecast forecast = lab_bisect_forecast(bisect, lab, CONFIDENCE, searches, 20240611);

    g_test_message("rate %.0f %%: right in %u of %u searches; runs: median %u, nine of ten within "
                   "%u, at most %u",
                   lab->rate * 100, forecast.right, searches, forecast.median, forecast.nine_of_ten,
                   forecast.most);
    g_assert_cmpuint(forecast.right * 100, >=, searches * 95);
    g_assert_cmpuint(forecast.most, <, 2000);
}

static void
test_simulation(gconstpointer rate)
{
    const LabBisectLab lab = {.rate = *(const double *)rate};
    g_autoptr(LabBisect) bisect = lab_bisect_new(64, 0, FALSE_RATE);

    simulate(bisect, &lab, 1000);
}

/* Good kernels fail now and then, a tenth of the runs are lost to the lab, eight kernels cannot be
 * tested. */
static void
test_simulation_noisy(void)
{
    const LabBisectLab lab = {.rate = 0.3, .false_rate = 0.001, .lost = 0.1};
    g_autoptr(LabBisect) bisect = lab_bisect_new(64, 0, FALSE_RATE);

    for (guint i = 0; i < 8; i++)
        lab_bisect_drop(bisect, 5 + 7 * i);
    simulate(bisect, &lab, 300);
}

/* Who knows the rate needs fewer runs. */
static void
test_simulation_known(void)
{
    const LabBisectLab lab = {.rate = 0.3};
    g_autoptr(LabBisect) bisect = lab_bisect_new(64, 0.3, FALSE_RATE);

    simulate(bisect, &lab, 300);
}

static void
test_mark(void)
{
    static const struct {
        const char *result; /* NULL: none */
        LabMark mark;
        LabSign sign;
    } rows[] = {
        {NULL, {0}, LAB_SIGN_NOTHING},
        {"{'state':'infra','why':'no disk'}", {0}, LAB_SIGN_NOTHING},
        {"{'state':'ran','outcome':'inconclusive'}", {0}, LAB_SIGN_NOTHING},
        {"{'state':'skipped','why':'lacks CONFIG_KSM'}", {0}, LAB_SIGN_UNABLE},
        {"{'state':'ran','outcome':'boot-failure'}", {0}, LAB_SIGN_UNABLE},
        {"{'state':'ran','outcome':'boot-failure'}",
         {.outcome = (char *)"boot-failure"},
         LAB_SIGN_SHOWN},
        {"{'state':'ran','outcome':'pass'}", {0}, LAB_SIGN_NOT_SHOWN},
        {"{'state':'ran','outcome':'fail'}", {0}, LAB_SIGN_SHOWN},
        {"{'state':'ran','outcome':'hang'}", {.outcome = (char *)"fail"}, LAB_SIGN_OTHER},
        {"{'state':'ran','outcome':'crash','crash':{'title':'BUG: Bad page state'}}",
         {.title = (char *)"BUG: Bad*"},
         LAB_SIGN_SHOWN},
        {"{'state':'ran','outcome':'crash','crash':{'title':'x','alternatives':['BUG: Bad y']}}",
         {.title = (char *)"BUG: Bad*"},
         LAB_SIGN_SHOWN},
        {"{'state':'ran','outcome':'crash','crash':{'title':'INFO: task hung in z'}}",
         {.title = (char *)"BUG: Bad*"},
         LAB_SIGN_OTHER},
        {"{'state':'ran','outcome':'fail'}", {.title = (char *)"BUG: Bad*"}, LAB_SIGN_OTHER},
        {"{'state':'ran','outcome':'crash','crash':{'signature':{'k0':'v1:00','k1':'v1:12ab'}}}",
         {.signature = (char *)"v1:12"},
         LAB_SIGN_SHOWN},
        {"{'state':'ran','outcome':'crash','crash':{'signature':{'k0':'v1:00','k1':'v1:12ab'}}}",
         {.signature = (char *)"v1:34"},
         LAB_SIGN_OTHER},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup(rows[i].result ? rows[i].result : "null");
        g_autoptr(json_t) result = NULL;

        g_strdelimit(text, "'", '"');
        result = json_loads(text, JSON_DECODE_ANY, NULL);
        g_assert_nonnull(result);
        g_test_message("%s", text);
        g_assert_cmpint(lab_mark_judge(&rows[i].mark, json_is_null(result) ? NULL : result), ==,
                        rows[i].sign);
    }
}

int
main(int argc, char **argv)
{
    static const double rates[] = {0.1, 0.3, 0.9};

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bisect/posterior", test_posterior);
    g_test_add_func("/bisect/next", test_next);
    g_test_add_func("/bisect/dropped", test_dropped);
    g_test_add_func("/bisect/wrong-ends", test_wrong_ends);
    g_test_add_func("/bisect/repeats", test_repeats);
    g_test_add_func("/bisect/mark", test_mark);
    g_test_add_data_func("/bisect/simulation/10", &rates[0], test_simulation);
    g_test_add_data_func("/bisect/simulation/30", &rates[1], test_simulation);
    g_test_add_data_func("/bisect/simulation/90", &rates[2], test_simulation);
    g_test_add_func("/bisect/simulation/noisy", test_simulation_noisy);
    g_test_add_func("/bisect/simulation/known", test_simulation_known);
    return g_test_run();
}

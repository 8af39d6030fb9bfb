/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sequential test: its e-variables have a mean of at most 1, and simulated matrices hold what
 * is promised of errors. */
#include <math.h>

#include "lab-sequential.h"
#include "lab-statistics.h"

static const LabSequentialRule rule = {.alpha = 0.05, .beta = 0.1, .effect = 0.2};

/* The mean of exp(member) after one more pair, for true shares a and b. */
static double
mean_growth(const LabSequential *before, double a, double b, gsize member)
{
    double mean = 0;

    for (int outcome = 0; outcome < 4; outcome++) {
        LabSequential after = *before;
        gboolean a_bad = outcome & 1, b_bad = outcome >> 1;
        double now, then;

        lab_sequential_add(&after, &rule, a_bad, b_bad);
        then = G_STRUCT_MEMBER(double, before, member);
        now = G_STRUCT_MEMBER(double, &after, member);
        mean += (a_bad ? a : 1 - a) * (b_bad ? b : 1 - b) * exp(now - then);
    }
    return mean;
}

static void
test_martingale(void)
{
    for (guint n = 0; n < 7; n++)
        for (guint k = 0; k <= n; k++)
            for (guint l = 0; l <= n; l++) {
                LabSequential test = {.pairs = n, .a_bad = k, .b_bad = l};

                for (double a = 0; a < 1.001; a += 0.05) {
                    g_assert_cmpfloat(
                        mean_growth(&test, a, a, G_STRUCT_OFFSET(LabSequential, differ)), <=,
                        1 + 1e-9);
                    for (double b = a + rule.effect; b < 1.001; b += 0.05) {
                        g_assert_cmpfloat(
                            mean_growth(&test, a, b, G_STRUCT_OFFSET(LabSequential, more)), <=,
                            1 + 1e-6);
                        g_assert_cmpfloat(
                            mean_growth(&test, b, a, G_STRUCT_OFFSET(LabSequential, less)), <=,
                            1 + 1e-6);
                    }
                }
            }
}

#define COMPARISONS 5
#define MOST_PAIRS  40

typedef struct {
    guint false_worse; /* matrices with a comparison called worse that is not */
    guint differ, alike;
    guint64 pairs;
} Count;

/* 'matrices' of five comparisons, each decided after each pair and at the least after three. */
static Count
simulate(double a, double b, guint matrices, guint32 seed)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(seed);
    LabSequentialRule own = rule;
    Count count = {0};

    own.alpha = rule.alpha / COMPARISONS;
    for (guint m = 0; m < matrices; m++) {
        gboolean worse = FALSE;

        for (guint c = 0; c < COMPARISONS; c++) {
            LabSequential test = {0};
            LabSequentialState state = LAB_SEQUENTIAL_OPEN;

            while (test.pairs < MOST_PAIRS && (test.pairs < 3 || state == LAB_SEQUENTIAL_OPEN)) {
                lab_sequential_add(&test, &own, g_rand_double(dice) < a, g_rand_double(dice) < b);
                state = lab_sequential_state(&test, &own);
            }
            worse = worse || (state == LAB_SEQUENTIAL_DIFFER && test.b_bad > test.a_bad);
            count.differ += state == LAB_SEQUENTIAL_DIFFER ? 1 : 0;
            count.alike += state == LAB_SEQUENTIAL_ALIKE ? 1 : 0;
            count.pairs += test.pairs;
        }
        count.false_worse += worse ? 1 : 0;
    }
    return count;
}

/* No matrix has a difference; in at most alpha of them one is called worse. */
static void
test_false_regressed(void)
{
    static const double shares[] = {0, 0.05, 0.4};

    for (gsize i = 0; i < G_N_ELEMENTS(shares); i++) {
        Count count = simulate(shares[i], shares[i], 10000, 7 + (guint32)i);

        g_test_message("share %.2f on both sides: %u of 10000 matrices call one of five worse, "
                       "%.1f pairs a comparison, %.1f %% alike",
                       shares[i], count.false_worse, (double)count.pairs / (10000 * COMPARISONS),
                       100.0 * count.alike / (10000 * COMPARISONS));
        g_assert_cmpuint(count.false_worse, <=, 10000 * rule.alpha);
    }
}

/* Shares that differ by the effect are called alike in at most beta of the comparisons. */
static void
test_missed(void)
{
    static const double shares[][2] = {{0, 0.2}, {0.2, 0.4}, {0.8, 1}, {0.6, 0.4}};

    for (gsize i = 0; i < G_N_ELEMENTS(shares); i++) {
        Count count = simulate(shares[i][0], shares[i][1], 2000, 70 + (guint32)i);

        g_test_message("%.2f and %.2f: %.1f %% called alike", shares[i][0], shares[i][1],
                       100.0 * count.alike / (2000 * COMPARISONS));
        g_assert_cmpuint(count.alike, <=, 2000 * COMPARISONS * rule.beta);
    }
}

/* The fixed number of runs of each side with which Fisher's test, at the same alpha, sees the
 * smallest difference of interest as often as promised. */
static guint
fixed_number(double a, double b, double alpha, double power)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(99);

    for (guint n = 3;; n++) {
        guint seen = 0;

        for (guint i = 0; i < 400; i++) {
            guint k = 0, l = 0;

            for (guint r = 0; r < n; r++) {
                k += g_rand_double(dice) < a ? 1 : 0;
                l += g_rand_double(dice) < b ? 1 : 0;
            }
            seen += lab_fisher_exact(k, n, l, n).two_sided <= alpha ? 1 : 0;
        }
        if (seen >= 400 * power)
            return n;
    }
}

static void
test_saved(void)
{
    /* A matrix that is planned for 0 % against 30 %, and what it meets. */
    const guint fixed = fixed_number(0, 0.3, rule.alpha / COMPARISONS, 0.9);
    static const double met[][2] = {{0, 0}, {0, 0.95}, {0.95, 0}, {0, 0.5}};

    for (gsize i = 0; i < G_N_ELEMENTS(met); i++) {
        Count count = simulate(met[i][0], met[i][1], 2000, 700 + (guint32)i);
        double mean = (double)count.pairs / (2000 * COMPARISONS);

        g_test_message("%.2f against %.2f: %.1f runs a side in place of %u, %.0f %% saved; %.1f %% "
                       "settled",
                       met[i][0], met[i][1], mean, fixed, 100 * (1 - mean / fixed),
                       100.0 * (count.differ + count.alike) / (2000 * COMPARISONS));
        g_assert_cmpfloat(mean, <, 0.7 * fixed);
        g_assert_cmpuint(count.differ + count.alike, >=, 2000 * COMPARISONS * 95 / 100);
    }
}

/* Bets on a fair coin win 20 times the stake in at most one of 20 games, however long they are. */
static void
test_signs(void)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(11);
    LabSigns plain = {0};
    guint won = 0;

    for (guint i = 0; i < 7; i++) {
        lab_signs_add(&plain, 1);
        lab_signs_add(&plain, 0);
    }
    g_assert_cmpuint(plain.b, ==, 7);
    g_assert_cmpfloat_with_epsilon(lab_signs_p(&plain), 128.0 / 3432, 1e-9);
    for (guint game = 0; game < 5000; game++) {
        LabSigns signs = {0};

        for (guint i = 0; i < 100; i++)
            lab_signs_add(&signs, g_rand_boolean(dice) ? 1 : -1);
        won += lab_signs_p(&signs) <= 0.05 ? 1 : 0;
    }
    g_test_message("%u of 5000 games are won", won);
    g_assert_cmpuint(won, <=, 250);
}

/* How many more pairs it takes is told about right: against the mean of simulated runs. */
static void
test_expected_pairs(void)
{
    static const struct {
        guint pairs, a_bad, b_bad;
        double a, b;
        gboolean alike;
    } rows[] = {{3, 0, 3, 0.05, 0.95, FALSE}, {5, 0, 2, 0.08, 0.42, FALSE},
                {5, 1, 4, 0.2, 0.8, FALSE},   {10, 0, 3, 0.05, 0.3, FALSE},
                {4, 0, 0, 0.01, 0.01, TRUE},  {4, 4, 4, 0.99, 0.99, TRUE}};
    g_autoptr(GRand) dice = g_rand_new_with_seed(12);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabSequential start = {0};
        double told, mean = 0;

        for (guint k = 0; k < rows[i].pairs; k++)
            lab_sequential_add(&start, &rule, k < rows[i].a_bad, k < rows[i].b_bad);
        told = rows[i].alike ? lab_sequential_pairs_to_alike(&start, &rule, rows[i].a, rows[i].b)
                             : lab_sequential_pairs_to_differ(&start, &rule, rows[i].a, rows[i].b);
        for (guint game = 0; game < 500; game++) {
            LabSequential test = start;
            LabSequentialState wanted = rows[i].alike ? LAB_SEQUENTIAL_ALIKE
                                                      : LAB_SEQUENTIAL_DIFFER;

            while (lab_sequential_state(&test, &rule) != wanted && test.pairs < 1000)
                lab_sequential_add(&test, &rule, g_rand_double(dice) < rows[i].a,
                                   g_rand_double(dice) < rows[i].b);
            mean += (test.pairs - start.pairs) / 500.0;
        }
        g_test_message("%u and %u of %u, %.2f and %.2f: %.1f more pairs are told, it takes %.1f",
                       rows[i].a_bad, rows[i].b_bad, rows[i].pairs, rows[i].a, rows[i].b, told,
                       mean);
        g_assert_cmpfloat(told, >, 0.6 * mean - 1);
        g_assert_cmpfloat(told, <, 1.6 * mean + 1);
    }
    g_assert_true(isinf(lab_sequential_pairs_to_differ(&(LabSequential){0}, &rule, 0.3, 0.3)));
    g_assert_true(isinf(lab_sequential_pairs_to_alike(&(LabSequential){0}, &rule, 0.3, 0.6)));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sequential/martingale", test_martingale);
    g_test_add_func("/sequential/false-regressed", test_false_regressed);
    g_test_add_func("/sequential/missed", test_missed);
    g_test_add_func("/sequential/saved", test_saved);
    g_test_add_func("/sequential/signs", test_signs);
    g_test_add_func("/sequential/expected-pairs", test_expected_pairs);
    return g_test_run();
}

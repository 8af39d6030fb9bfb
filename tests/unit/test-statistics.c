/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of other implementations: R 4.2.2 (binom.test, fisher.test, wilcox.test, p.adjust) with
 * survival 3.5-3 (survdiff, survfit) and SciPy 1.10.1, in Debian 12; and of books, each cited.
 */
#include <math.h>

#include "lab-statistics.h"

#define NEAR(a, b) g_assert_cmpfloat_with_epsilon(a, b, 1e-9)

static void
test_intervals(void)
{
    static const struct {
        guint k, n;
        double confidence, low, high; /* binom.test(k, n, conf.level = confidence)$conf.int */
    } rows[] = {
        {0, 59, 0.95, 0, 0.0606089009503},
        {0, 59, 0.90, 0, 0.0495076098882},
        {38, 40, 0.95, 0.830803136041, 0.993886353401},
        {3, 3, 0.95, 0.292401773821, 1},
        {0, 3, 0.95, 0, 0.707598226179},
        {7, 20, 0.95, 0.153909204785, 0.592188534533},
        {1, 1000, 0.95, 2.53174874913e-05, 0.00555892427983},
        /* NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.4.1: 0.071354, 0.401029 */
        {4, 20, 0.90, 0.0713539, 0.4010281},
        {0, 0, 0.95, 0, 1},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabInterval got = lab_clopper_pearson(rows[i].k, rows[i].n, rows[i].confidence);
        double epsilon = rows[i].n == 20 && rows[i].k == 4 ? 1e-6 : 1e-9;

        g_assert_cmpfloat_with_epsilon(got.low, rows[i].low, epsilon);
        g_assert_cmpfloat_with_epsilon(got.high, rows[i].high, epsilon);
    }
    /* binom.test(k, n, alternative = "less")$conf.int[2] */
    NEAR(lab_share_bound(0, 59, 0.95), 0.0495076098882);
    NEAR(lab_share_bound(0, 3, 0.95), 0.631596850136);
    NEAR(lab_share_bound(7, 20, 0.95), 0.558034511315);
    NEAR(lab_share_bound(1, 1000, 0.95), 0.0047349935755);
    NEAR(lab_share_bound(3, 3, 0.95), 1);
    NEAR(lab_share_bound(0, 0, 0.95), 1);
}

static void
test_fisher(void)
{
    static const struct {
        guint a_k, a_n, b_k, b_n;
        double two_sided, less, greater; /* fisher.test(matrix(c(b_k, b_n - b_k, a_k, a_n - a_k),
                                          * 2), alternative = …)$p.value */
    } rows[] = {
        {3, 3, 0, 3, 0.1, 0.05, 1},
        {4, 4, 0, 4, 0.0285714285714, 0.0142857142857, 1},
        {38, 40, 0, 59, 2.21878950093e-25, 2.21878950093e-25, 1},
        /* Fisher's lady tasting tea (The Design of Experiments, 1935, ch. 2): 17/70 one-sided */
        {3, 4, 1, 4, 0.485714285714, 0.242857142857, 0.985714285714},
        {1, 10, 5, 12, 0.161875276426, 0.987616099071, 0.118531623176},
        {10, 15, 1, 11, 0.00522109301386, 0.00445214699152, 0.9998233275},
        {200, 1000, 260, 1000, 0.00170106049103, 0.999411954167, 0.000850530245515},
        {0, 5, 0, 5, 1, 1, 1},
        {5, 5, 5, 5, 1, 1, 1},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabFisher got = lab_fisher_exact(rows[i].a_k, rows[i].a_n, rows[i].b_k, rows[i].b_n);

        NEAR(got.two_sided, rows[i].two_sided);
        NEAR(got.less, rows[i].less);
        NEAR(got.greater, rows[i].greater);
    }
    g_assert_true(isnan(lab_fisher_exact(0, 0, 1, 2).two_sided));
    g_assert_true(isnan(lab_fisher_exact(3, 2, 1, 2).two_sided));
    /* far out the probability itself counts, not its distance from 1 */
    g_assert_cmpfloat(lab_fisher_exact(38, 40, 0, 59).two_sided, >, 2.2187e-25);
    g_assert_cmpfloat(lab_fisher_exact(38, 40, 0, 59).two_sided, <, 2.2189e-25);
}

/* The least p is that of a table which is as lopsided as the sums let it be. */
static void
test_least(void)
{
    NEAR(lab_fisher_least(3, 3, 3), 0.1);
    NEAR(lab_fisher_least(4, 4, 4), 2.0 / 70);
    NEAR(lab_fisher_least(1, 10, 10), 1);
    NEAR(lab_fisher_least(0, 9, 9), 1);
    NEAR(lab_fisher_least(18, 9, 9), 1);
    for (guint k = 0; k <= 12; k++) {
        double least = 1;

        for (guint a = k > 5 ? k - 5 : 0; a <= MIN(k, 7); a++)
            least = MIN(least, lab_fisher_exact(a, 7, k - a, 5).two_sided);
        NEAR(lab_fisher_least(k, 7, 5), least);
    }
}

/* Looked at after each run, the exact interval misses the share too often, this one does not. */
static void
test_share_sequence(void)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(3);
    LabInterval none = lab_share_sequence(0, 13, 0.95), all = lab_share_sequence(13, 13, 0.95);
    guint missed = 0, missed_exact = 0;

    /* (1 - p)^13 = B(1/2, 27/2) / (20 pi) */
    g_assert_cmpfloat_with_epsilon(
        none.high, 1 - pow(tgamma(13.5) / tgamma(14) / sqrt(G_PI) / 20, 1.0 / 13), 1e-9);
    g_assert_cmpfloat_with_epsilon(none.low, 0, 1e-12);
    g_assert_cmpfloat_with_epsilon(all.low, 1 - none.high, 1e-9);
    g_assert_cmpfloat_with_epsilon(lab_share_sequence(0, 0, 0.95).high, 1, 1e-9);
    for (guint game = 0; game < 400; game++) {
        gboolean out = FALSE, out_exact = FALSE;

        for (guint n = 1, k = 0; n <= 200; n++) {
            LabInterval sequence, exact;

            k += g_rand_double(dice) < 0.1;
            sequence = lab_share_sequence(k, n, 0.95);
            exact = lab_clopper_pearson(k, n, 0.95);
            out = out || sequence.low > 0.1 || sequence.high < 0.1;
            out_exact = out_exact || exact.low > 0.1 || exact.high < 0.1;
        }
        missed += out ? 1 : 0;
        missed_exact += out_exact ? 1 : 0;
    }
    g_test_message("missed in %u of 400, by the exact interval in %u", missed, missed_exact);
    g_assert_cmpuint(missed, <=, 20);
    g_assert_cmpuint(missed_exact, >, 20);
}

static void
test_more_runs(void)
{
    g_assert_cmpuint(lab_fisher_more_runs(3, 3, 0, 3, 0.05, 1000), ==, 1);
    g_assert_cmpuint(lab_fisher_more_runs(1, 1, 0, 1, 0.05, 1000), ==, 3);
    g_assert_cmpuint(lab_fisher_more_runs(4, 4, 0, 4, 0.05, 1000), ==, 0);
    g_assert_cmpuint(lab_fisher_more_runs(3, 3, 3, 3, 0.05, 1000), ==, 0);
    g_assert_cmpuint(lab_fisher_more_runs(2, 4, 0, 4, 0.05, 1000), ==, 5);
    g_assert_cmpuint(lab_fisher_more_runs(500, 1000, 499, 1000, 0.05, 1000), ==, G_MAXUINT);
}

static void
test_bh(void)
{
    /* p.adjust(p, "BH"), without the one that was not tested */
    static const double p[] = {0.01, 0.04, NAN, 0.03, 0.005, 0.5, 0.9, 0.02};
    static const double want[] = {0.035, 0.056,          NAN, 0.0525,
                                  0.035, 0.583333333333, 0.9, 0.0466666666667};
    double q[G_N_ELEMENTS(p)];

    lab_benjamini_hochberg(p, q, G_N_ELEMENTS(p));
    for (gsize i = 0; i < G_N_ELEMENTS(p); i++) {
        if (isnan(want[i]))
            g_assert_true(isnan(q[i]));
        else
            NEAR(q[i], want[i]);
    }
    lab_benjamini_hochberg(p, q, 0);
}

/* --- times --- */

/* R. G. Miller, Survival Analysis, 1981, p. 49 (acute myelogenous leukemia): R's aml. */
static const LabTime maintained[] = {{9, 1},  {13, 1}, {13, 0}, {18, 1}, {23, 1}, {28, 0},
                                     {31, 1}, {34, 1}, {45, 0}, {48, 1}, {161, 0}};
static const LabTime not_maintained[] = {{5, 1},  {5, 1},  {8, 1},  {8, 1},  {12, 1}, {16, 0},
                                         {23, 1}, {27, 1}, {30, 1}, {33, 1}, {43, 1}, {45, 1}};

static void
test_log_rank(void)
{
    static const LabTime soon[] = {{5, 1}, {8, 1}, {12, 1}, {20, 1}, {20, 0}};
    static const LabTime late[] = {{30, 1}, {41, 1}, {60, 0}, {60, 0}, {60, 0}};
    static const LabTime never[] = {{60, 0}, {60, 0}};
    LabLogRank got = lab_log_rank(maintained, G_N_ELEMENTS(maintained), not_maintained,
                                  G_N_ELEMENTS(not_maintained));

    NEAR(got.chi_square, 3.39638869898);
    NEAR(got.expected_a, 10.6893359923);
    NEAR(got.p, 0.0653393220405);
    g_assert_false(got.exact);
    /* the same statistic over combn(10, 5), enumerated in R: 12 of 252 */
    got = lab_log_rank(soon, 5, late, 5);
    NEAR(got.chi_square, 6.13154516644);
    NEAR(got.p, 12.0 / 252);
    g_assert_true(got.exact);
    NEAR(lab_log_rank(late, 5, soon, 5).p, 12.0 / 252);
    NEAR(lab_log_rank(soon, 5, soon, 5).p, 1);
    g_assert_true(isnan(lab_log_rank(never, 2, never, 2).p));
    g_assert_true(isnan(lab_log_rank(never, 0, soon, 5).p));
}

static void
test_kaplan_meier(void)
{
    /* survfit(Surv(time, status) ~ 1, conf.type = "log-log") of the maintained ones */
    static const LabSurvivalStep want[] = {
        {9, 11, 1, 0.909090909091, 0.50808020577, 0.986673822668},
        {13, 10, 1, 0.818181818182, 0.447428614682, 0.951162228582},
        {18, 8, 1, 0.715909090909, 0.350190385908, 0.899023974191},
        {23, 7, 1, 0.613636363636, 0.265752040001, 0.83529924325},
        {31, 5, 1, 0.490909090909, 0.167330909777, 0.753399790371},
        {34, 4, 1, 0.368181818182, 0.092829574937, 0.657040832398},
        {48, 2, 1, 0.184090909091, 0.0117384801232, 0.525014842727},
    };
    static const LabTime all[] = {{3, 1}, {3, 1}};
    g_autoptr(GArray) steps = lab_kaplan_meier(maintained, G_N_ELEMENTS(maintained), 0.95);
    g_autoptr(GArray) gone = lab_kaplan_meier(all, 2, 0.95);
    g_autoptr(GArray) none = lab_kaplan_meier(NULL, 0, 0.95);

    g_assert_cmpuint(steps->len, ==, G_N_ELEMENTS(want));
    for (guint i = 0; i < steps->len; i++) {
        const LabSurvivalStep *got = &g_array_index(steps, LabSurvivalStep, i);

        NEAR(got->time, want[i].time);
        g_assert_cmpuint(got->at_risk, ==, want[i].at_risk);
        g_assert_cmpuint(got->crashes, ==, want[i].crashes);
        NEAR(got->alive, want[i].alive);
        NEAR(got->low, want[i].low);
        NEAR(got->high, want[i].high);
    }
    g_assert_cmpuint(gone->len, ==, 1);
    NEAR(g_array_index(gone, LabSurvivalStep, 0).alive, 0);
    g_assert_cmpuint(none->len, ==, 0);
}

/* --- metrics --- */

static void
test_rank_sum(void)
{
    /* M. Hollander, D. A. Wolfe, Nonparametric Statistical Methods, 1973, p. 69: permeability of
     * membranes, W = 15 and 2 * 0.127; wilcox.test(b, a, conf.int = TRUE). */
    static const double term[] = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
    static const double early[] = {1.15, 0.88, 0.90, 0.74, 1.21};
    static const double a[] = {1, 2, 2, 3, 5, 5};
    static const double b[] = {4, 5, 6, 6, 8};
    static const double flat[] = {7, 7, 7};
    static const double three[] = {1, 2, 3};
    LabRankSum got = lab_rank_sum(term, 10, early, 5);

    NEAR(got.u, 15);
    NEAR(got.p, 0.254412254412);
    NEAR(got.shift, -0.305);
    NEAR(got.delta, 2 * 15.0 / 50 - 1);
    g_assert_true(got.exact);
    /* ties: scipy.stats.rankdata over itertools.combinations, mannwhitneyu, numpy.median */
    got = lab_rank_sum(a, 6, b, 5);
    NEAR(got.u, 27);
    NEAR(got.p, 0.02813852813852814);
    NEAR(got.shift, 3);
    /* 2 of 20 ways: three runs on each side cannot do better */
    NEAR(lab_rank_sum(three, 3, flat, 3).p, 0.1);
    NEAR(lab_rank_sum(three, 3, flat, 3).delta, 1);
    NEAR(lab_rank_sum(flat, 3, three, 3).delta, -1);
    NEAR(lab_rank_sum(flat, 3, flat, 3).p, 1);
    NEAR(lab_rank_sum(flat, 3, flat, 3).delta, 0);
    g_assert_true(isnan(lab_rank_sum(flat, 0, flat, 3).p));
}

static int
compare_doubles(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

/* The shift is the very median of all differences, as listing them says: no number beside it. */
static void
test_shift(void)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(1);

    for (guint round = 0; round < 300; round++) {
        double a[40], b[40], all[1600] = {0};
        guint n_a = (guint)g_rand_int_range(dice, 1, 41);
        guint n_b = (guint)g_rand_int_range(dice, 1, 41);
        gint32 most = round % 2 ? 5 : 100000;
        double unit = round % 3 ? 1 : 0.1;
        double middle;
        guint n = 0;

        for (guint i = 0; i < n_a; i++)
            a[i] = g_rand_int_range(dice, 0, most) * unit;
        for (guint i = 0; i < n_b; i++)
            b[i] = g_rand_int_range(dice, 0, most) * unit;
        for (guint i = 0; i < n_a; i++)
            for (guint k = 0; k < n_b; k++)
                all[n++] = b[k] - a[i];
        qsort(all, n, sizeof *all, compare_doubles);
        middle = (all[n / 2] + all[(n - 1) / 2]) / 2;
        g_assert_false(fabs(lab_rank_sum(a, n_a, b, n_b).shift - middle) > 0);
    }
}

/* More than what is counted exactly: wilcox.test(b, a, exact = FALSE). */
static void
test_rank_sum_many(void)
{
    double a[40], b[35], tied_a[40], tied_b[30], equal[40];
    LabRankSum got;

    for (guint i = 0; i < 40; i++) {
        a[i] = i + 1;
        tied_a[i] = i % 10 + 1;
        equal[i] = 3;
    }
    for (guint i = 0; i < 35; i++)
        b[i] = i + 8.5;
    for (guint i = 0; i < 30; i++)
        tied_b[i] = i % 10 + 4;
    got = lab_rank_sum(a, 40, b, 35);
    NEAR(got.u, 872);
    NEAR(got.p, 0.068559708141);
    g_assert_false(got.exact);
    got = lab_rank_sum(tied_a, 40, tied_b, 30);
    NEAR(got.u, 906);
    NEAR(got.p, 0.000273208017377);
    NEAR(got.shift, 3);
    got = lab_rank_sum(equal, 40, equal, 40);
    NEAR(got.p, 1);
    NEAR(got.shift, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/statistics/intervals", test_intervals);
    g_test_add_func("/statistics/fisher", test_fisher);
    g_test_add_func("/statistics/least", test_least);
    g_test_add_func("/statistics/share-sequence", test_share_sequence);
    g_test_add_func("/statistics/more-runs", test_more_runs);
    g_test_add_func("/statistics/benjamini-hochberg", test_bh);
    g_test_add_func("/statistics/log-rank", test_log_rank);
    g_test_add_func("/statistics/kaplan-meier", test_kaplan_meier);
    g_test_add_func("/statistics/rank-sum", test_rank_sum);
    g_test_add_func("/statistics/rank-sum-many", test_rank_sum_many);
    g_test_add_func("/statistics/shift", test_shift);
    return g_test_run();
}

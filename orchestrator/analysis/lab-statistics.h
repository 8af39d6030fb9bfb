/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics of few runs: exact where that can be computed, pure functions all. Shares and
 * probabilities are 0..1; 'confidence' is, too (0.95). What cannot be told is NAN.
 */
#pragma once

#include <glib.h>

/* --- how often: k of n runs --- */

typedef struct {
    double low, high;
} LabInterval;

/* The exact two-sided interval of a share (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934,
 * p. 404). n = 0: 0..1. */
LabInterval lab_clopper_pearson(guint k, guint n, double confidence);

/* What the share stays under with 'confidence': the one-sided bound of Clopper and Pearson. With
 * k = 0 it is 1 - (1 - confidence)^(1/n), the "rule of three" (3/n) made exact. n = 0: 1. */
double lab_share_bound(guint k, guint n, double confidence);

/* The same two-sided where results decided how many runs there are: the shares against which a bet
 * on all of them (Jeffreys' mixture) has not won 1/(1 - confidence). It holds whenever the runs
 * ended, and is wider for that (H. Robbins, Ann. Math. Stat. 41, 1970, p. 1397). n = 0: 0..1. */
LabInterval lab_share_sequence(guint k, guint n, double confidence);

/* R. A. Fisher's exact test of two shares ("Statistical Methods for Research Workers", 1934,
 * § 21.02), given the sum of both k. */
typedef struct {
    double two_sided; /* all tables that are no likelier than this one, as R's fisher.test() */
    double less;      /* b's share is as small or smaller: small when b is better than a */
    double greater;   /* b's share is as large or larger: small when b is worse than a */
} LabFisher;

LabFisher lab_fisher_exact(guint a_k, guint a_n, guint b_k, guint b_n);

/* The smallest two-sided p that a table with these sums can have: a comparison whose least p is not
 * below alpha cannot become significant, and is no member of a family of tests (R. E. Tarone,
 * Biometrics 46, 1990, p. 515). */
double lab_fisher_least(guint k, guint a_n, guint b_n);

/* How many more runs of each side would give p <= alpha if both shares stayed as they are (rounded
 * to whole runs), 1..'max'; 0: it is so already, or the shares are equal; G_MAXUINT: more than
 * 'max'. */
guint lab_fisher_more_runs(guint a_k, guint a_n, guint b_k, guint b_n, double alpha, guint max);

/* --- how soon: times to crash, with runs that ended before any --- */

typedef struct {
    double time;      /* of the crash, or of the end of a run without one */
    gboolean crashed; /* FALSE: censored */
} LabTime;

typedef struct {
    double chi_square; /* one degree of freedom */
    double expected_a; /* crashes of a that were to be expected; a's own and this decide who is
                        * sooner */
    double p;
    gboolean exact; /* p from all ways to share out the times; else from chi-square */
} LabLogRank;

/* The log-rank test (N. Mantel, Cancer Chemother. Rep. 50, 1966, p. 163), with the hypergeometric
 * variance, as R's survdiff(). Few runs: the permutation distribution of the same statistic, two
 * sided. p is NAN without a crash or with an empty side. */
LabLogRank lab_log_rank(const LabTime *a, guint n_a, const LabTime *b, guint n_b);

typedef struct {
    double time;
    guint at_risk;    /* just before */
    guint crashes;    /* at this time */
    double alive;     /* share that is still alive after it */
    double low, high; /* its interval (Greenwood's variance, log-log scale) */
} LabSurvivalStep;

/* E. L. Kaplan, P. Meier (J. Am. Stat. Assoc. 53, 1958, p. 457): one step a time at which some
 * crashed, in order; g_array_unref. */
GArray *lab_kaplan_meier(const LabTime *times, guint n, double confidence);

/* --- how much: metrics --- */

typedef struct {
    double u;     /* Mann-Whitney's U of b: pairs in which b is larger, ties count half */
    double p;     /* two-sided */
    double delta; /* N. Cliff's delta, -1..1: share of pairs in which b is larger less the share in
                   * which a is */
    double shift; /* J. L. Hodges, E. L. Lehmann: the median of all b - a */
    gboolean exact; /* p from the permutation distribution; else normal, with the variance of ties
                     * and the correction for continuity */
} LabRankSum;

/* The rank-sum test of F. Wilcoxon, H. B. Mann and D. R. Whitney; ties get mean ranks. Values must
 * be finite. p is NAN with an empty side, 1 when all are equal. */
LabRankSum lab_rank_sum(const double *a, guint n_a, const double *b, guint n_b);

/* --- many comparisons --- */

/* Q values after Y. Benjamini and Y. Hochberg (J. R. Stat. Soc. B 57, 1995, p. 289): among the
 * tests with q <= alpha at most the share alpha is false, in the mean. NAN stays so and does not
 * count. */
void lab_benjamini_hochberg(const double *p, double *q, guint n);

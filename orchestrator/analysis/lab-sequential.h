/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two shares of bad runs, compared after each pair of runs: when may one stop? Errors are held
 * whenever one looks and however one chooses what to run next, as each statistic is a product of
 * e-variables, a non-negative martingale of mean at most 1 under its null hypothesis (J. Ville,
 * 1939): it ever passes 1/alpha with a probability of at most alpha. The e-variables are those for
 * two samples of R. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential k-sample
 * tests that allow for optional stopping" (J. Stat. Plan. Inference 230, 2024), and, for shares
 * that differ by at least so much, R. Turner, P. Grünwald, "Exact anytime-valid confidence
 * intervals for contingency tables and beyond" (Stat. Probab. Lett. 198, 2023).
 */
#pragma once

#include <glib.h>

typedef struct {
    double alpha;  /* of calling two equal shares different */
    double beta;   /* of calling shares that differ by 'effect' or more alike */
    double effect; /* 0..1 */
} LabSequentialRule;

/* All zero: no runs yet. */
typedef struct {
    guint pairs, a_bad, b_bad;
    /* Logarithms: now, and the largest ever. */
    double differ, differ_most; /* against "the shares are equal" */
    double more, more_most;     /* against "b's is larger by the effect" */
    double less, less_most;     /* against "b's is smaller by the effect" */
} LabSequential;

typedef enum {
    LAB_SEQUENTIAL_OPEN,
    LAB_SEQUENTIAL_DIFFER,
    LAB_SEQUENTIAL_ALIKE, /* if they differ, then by less than the effect */
} LabSequentialState;

/* One more run of each side. The order of pairs has to be that of the repetitions, not the one in
 * which they end: runs that crash end sooner. */
void lab_sequential_add(LabSequential *test, const LabSequentialRule *rule, gboolean a_bad,
                        gboolean b_bad);
LabSequentialState lab_sequential_state(const LabSequential *test, const LabSequentialRule *rule);

/* How many more pairs it takes until the shares are called different, or alike, in the mean, if
 * they are a and b (0..1): about. 0: none; INFINITY: they never are. */
double lab_sequential_pairs_to_differ(const LabSequential *test, const LabSequentialRule *rule,
                                      double a, double b);
double lab_sequential_pairs_to_alike(const LabSequential *test, const LabSequentialRule *rule,
                                     double a, double b);

/* A p-value against equal shares that holds whenever the runs were ended. */
double lab_sequential_p(const LabSequential *test);

/* Which side of a pair has the larger value, or is sooner: if both sides are alike, either is as
 * likely, whatever the values are and when some are not seen to their end. A bet on the one that
 * led until now is a non-negative martingale, too (G. Shafer, "Testing by betting", J. R. Stat.
 * Soc. A 184, 2021; the stake after R. E. Krichevsky, V. K. Trofimov, IEEE Trans. Inf. Theory 27,
 * 1981). All zero: no pairs yet. */
typedef struct {
    guint a, b;
    double now, most; /* logarithms */
} LabSigns;

/* 'order' is below 0 for a, over 0 for b; 0: a tie, or nobody knows. */
void lab_signs_add(LabSigns *signs, int order);
double lab_signs_p(const LabSigns *signs);

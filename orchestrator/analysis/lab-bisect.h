/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where in an ordered row of kernels a change lies, from runs that may crash or not: a Bayesian
 * search (probabilistic bisection: M. Horstein, "Sequential transmission using noiseless
 * feedback", IEEE Trans. Inf. Theory 9, 1963; with an unknown rate as in E. Wuffinga's BBChop).
 *
 * The hypotheses are the positions 0..N of the first kernel with the change. Kernels from there on
 * show it with one unknown rate, those before with another, small one; both have a Beta prior and
 * are integrated out. Positions 0 and N say that the user's word on one end is wrong.
 */
#pragma once

#include <glib.h>

/* Probability that the user's word on an end of the row is wrong. */
#define LAB_BISECT_END_DOUBT 0.01

typedef struct LabBisect LabBisect;

/* A row of 'kernels' (at least 2), the first said to be good, the last said to be bad. 'rate': of
 * runs with the change that show it, as far as it is known; 0: unknown (Jeffreys' prior).
 * 'false_rate': of runs without the change that seem to show it, above 0. */
LabBisect *lab_bisect_new(guint kernels, double rate, double false_rate);
void lab_bisect_free(LabBisect *bisect);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabBisect, lab_bisect_free)

/* One run of kernel 'kernel' showed the change, or did not. Runs that say neither are not told. */
void lab_bisect_observe(LabBisect *bisect, guint kernel, gboolean shown);
/* The kernel cannot be tested (more). What was seen of it stays. */
void lab_bisect_drop(LabBisect *bisect, guint kernel);
/* What a run of the kernel costs, in any unit, above 0; all the same unless they are set. */
void lab_bisect_set_cost(LabBisect *bisect, guint kernel, double cost);

/* The pair between which the change lies. Kernels between the two cannot be tested. */
typedef struct {
    int good;    /* last kernel without the change; -1: none, the first has it already */
    int bad;     /* first with it; the number of kernels: none */
    double odds; /* probability that it is so */
} LabBisectPair;

/* The most probable pair. */
LabBisectPair lab_bisect_best(const LabBisect *bisect);

/* The kernel whose next run tells most about the change's place for what it costs. First the last
 * kernel runs until it showed the change as often as the rate's estimate needs. -1: no kernel
 * tells anything more. */
int lab_bisect_next(const LabBisect *bisect);

/* TRUE when the last kernel ran so often without showing the change that it makes no sense to go
 * on: where the rate is known, so that it would have been missed with 'confidence', else 60 times
 * (then, with 95 % confidence, it shows in under 5 % of runs). */
gboolean lab_bisect_is_hopeless(const LabBisect *bisect, double confidence);

/* The mean of the rate at which kernels with the change show it, and the spread (standard
 * deviation) of that, as known by now. */
double lab_bisect_rate(const LabBisect *bisect, double *spread);

/* Probability of each position 0..N, N+1 of them. g_free. */
double *lab_bisect_posterior(const LabBisect *bisect);

guint lab_bisect_shown(const LabBisect *bisect, guint kernel);     /* runs that showed it */
guint lab_bisect_not_shown(const LabBisect *bisect, guint kernel); /* runs that did not */
gboolean lab_bisect_is_dropped(const LabBisect *bisect, guint kernel);

/* Runs without an event after which a kernel that shows it at 'rate' is taken for good with
 * 'confidence': the least n with (1 - rate)^n <= 1 - confidence. Both within 0 and 1. */
guint lab_bisect_repeats(double rate, double confidence);

typedef struct {
    guint right;               /* searches that ended at the right pair */
    guint median, nine_of_ten; /* runs until they ended */
    guint most;
} LabBisectForecast;

/* How a lab fails in a simulation. */
typedef struct {
    double rate;       /* of runs with the change that show it */
    double false_rate; /* of runs without it that seem to */
    double lost;       /* of runs that say nothing */
} LabBisectLab;

/* Simulates 'searches' searches from where 'bisect' stands, the change anywhere in the row, that
 * end at 'confidence'. The same 'seed' gives the same numbers. */
LabBisectForecast lab_bisect_forecast(const LabBisect *bisect, const LabBisectLab *lab,
                                      double confidence, guint searches, guint32 seed);

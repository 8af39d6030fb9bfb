/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which repetition of which cells is run next, in an adaptive run: first the least number of each,
 * then always the one that is expected to settle most in a second. Plain values: neither cells nor
 * clocks.
 *
 * The errors that lab-sequential.h promises hold however runs are allocated: think of all outcomes
 * that a group's repetitions will ever have as drawn beforehand. The n-th pair of a comparison is
 * the n-th usable outcome of one side and that of the other, by repetition; what is chosen here
 * decides how many of them are ever looked at, never which ones make a pair nor in what order.
 * That the statistic passes 1/alpha at any n at all has a probability of at most alpha (Ville), so
 * no way to choose n can make it more likely. The matrix's share of errors is spread over its
 * comparisons (Bonferroni), which holds although they share runs.
 *
 * Where both sides crash, shares are not all that a verdict says: a comparison whose shares are
 * settled stays open while a new crash may yet be (lab-allocation-titles.c).
 *
 * What is expected: the posterior of each side's share (Beta, after Jeffreys' prior) is taken at a
 * few quantiles, each pair of which says how many more pairs of runs would settle the comparison.
 * Its gain is the largest ratio, over all numbers h of further pairs, of the chance that it is
 * settled by then to the pairs that are spent on it up to then: the index by which J. C. Gittins
 * ("Bandit processes and dynamic allocation indices", J. R. Stat. Soc. B 41, 1979) orders jobs of
 * unknown length. What would need more pairs than repetitions or the budget have left comes last.
 * A group's score is the sum over the comparisons in which it is not ahead of the other side, by
 * what the pair costs. All costs are logarithmic in the number of groups, and linear in that of a
 * group's own comparisons.
 */
#pragma once

#include "lab-matrix.h"
#include "lab-sequential.h"

typedef struct LabAllocation LabAllocation;

typedef enum {
    LAB_TOLD_NOTHING, /* infra, suspect, not reached */
    LAB_TOLD_UNABLE,  /* skipped: it will be the next time, too */
    LAB_TOLD_GOOD,
    LAB_TOLD_BAD,
} LabTold;

typedef enum {
    LAB_ALLOCATION_OPEN,
    LAB_ALLOCATION_DIFFER,
    LAB_ALLOCATION_ALIKE,
    LAB_ALLOCATION_EXHAUSTED, /* a side has no more repetitions */
    LAB_ALLOCATION_UNABLE,    /* a side cannot run */
    LAB_ALLOCATION_STATES
} LabAllocationState;

typedef struct {
    guint baseline, candidate; /* groups */
    gboolean variants;         /* of one kernel; else kernels */
    LabAllocationState state;
    LabSequential test;
    double more_pairs; /* of an open one: the median of what is expected; INFINITY: hopeless */
} LabAllocationComparison;

typedef struct {
    guint group;
    int repetition;
    gboolean spare; /* nothing depends on it any more */
} LabAllocationStep;

LabAllocation *lab_allocation_new(const LabAdaptive *adaptive);
void lab_allocation_free(LabAllocation *allocation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabAllocation, lab_allocation_free)

/* All groups, then all comparisons, then the rest. Groups are numbered from 0 in the plan's order,
 * in which equals are chosen. */
guint lab_allocation_add(LabAllocation *allocation, int repetitions);
void lab_allocation_compare(LabAllocation *allocation, guint baseline, guint candidate,
                            gboolean variants);

/* What one repetition costs, over 0 (1 at first), and what may be spent on all in the same unit
 * (INFINITY at first). */
void lab_allocation_set_cost(LabAllocation *allocation, guint group, double cost);
void lab_allocation_set_left(LabAllocation *allocation, double left);

/* The result of a repetition (from 1), in whatever order they come. 'crash' is what a bad one's
 * crash is told apart by; NULL: it is none. */
void lab_allocation_tell(LabAllocation *allocation, guint group, int repetition, LabTold told,
                         const char *crash);

/* FALSE: nothing is to be run before more results. Asked again without lab_allocation_take(), it
 * says the same. While nothing runs it is FALSE only when nothing is left. */
gboolean lab_allocation_next(LabAllocation *allocation, LabAllocationStep *step);
/* The step is taken: the repetition runs now, or never will. */
void lab_allocation_take(LabAllocation *allocation, const LabAllocationStep *step);

/* What runs that are yet to be started are expected to cost until all comparisons are settled or
 * out of repetitions, whatever lab_allocation_set_left() says: about. '*runs' (may be NULL): how
 * many. Takes as long as there are comparisons. */
double lab_allocation_expected(const LabAllocation *allocation, double *runs);

/* All that waits is spared from now on. */
void lab_allocation_end(LabAllocation *allocation);

guint lab_allocation_n_comparisons(const LabAllocation *allocation);
/* Borrowed. */
const LabAllocationComparison *lab_allocation_comparison(const LabAllocation *allocation, guint i);
/* How many comparisons a group has, and in which states: added to 'counts'. */
guint lab_allocation_count(const LabAllocation *allocation, guint group,
                           guint counts[LAB_ALLOCATION_STATES]);

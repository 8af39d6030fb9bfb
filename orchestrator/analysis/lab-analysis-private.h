/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the analysis room. */
#pragma once

#include "lab-analysis.h"

/* Says something of its kernel; and then, that it is bad. */
gboolean lab_observation_is_usable(const LabObservation *one);
gboolean lab_observation_is_bad(const LabObservation *one);
/* What its crash is told apart by: K0, or the title; NULL: no crash that says anything. */
const char *lab_observation_kind(const LabObservation *one);

LabGroup *lab_group_new(const LabObservation *first);
/* A group of the same name without a cell. */
LabGroup *lab_group_new_empty(const LabGroup *like);
void lab_group_free(LabGroup *group);
/* Counts, intervals and medians, once all observations are in. */
void lab_group_settle(LabGroup *group, double confidence);

/* What the counts of both sides are compared by: fisher, log_rank, p, least, crashes, match and
 * metrics. No q yet. */
void lab_comparison_test(LabComparison *comparison);
/* The rule, once the q values are known: sets what is left. */
void lab_comparison_judge(LabComparison *comparison, double confidence);
/* Both sides crash: fills in match and crashes. */
void lab_comparison_match_crashes(LabComparison *comparison);
void lab_comparison_free(LabComparison *comparison);

/* lab-comparison-turns.c. Of bad runs: */
LabSequential lab_comparison_pairs(const LabGroup *baseline, const LabGroup *candidate);
/* Whether so many pairs would show it if all runs of one side were bad. */
gboolean lab_comparison_all_bad_would_show(guint pairs, double alpha);
/* Of a crash that the candidate's usable run 'first' (from 0) showed first and the baseline never
 * did: whether the runs after it show it more often than the baseline's. */
double
lab_comparison_new_p(const LabGroup *candidate, guint baseline_usable, guint first, const char *k0);
/* Of times to crash (LabTime). */
LabSigns lab_comparison_sooner(const GArray *a, const GArray *b);
/* Of a metric (double). */
double lab_comparison_larger_p(const GArray *a, const GArray *b);

/* Says how sure the verdict is. g_free. */
char *lab_comparison_why(const LabComparison *comparison, double confidence);
/* The comparison in words. g_free. */
char *lab_comparison_sentence(const LabComparison *comparison);

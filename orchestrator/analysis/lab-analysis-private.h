/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the analysis room. */
#pragma once

#include "lab-analysis.h"

LabGroup *lab_group_new(const LabObservation *first);
void lab_group_free(LabGroup *group);
/* Counts and medians, once all observations are in. */
void lab_group_settle(LabGroup *group);

/* The rule. *why is set to one sentence; g_free. *match is set where both crash, else NULL; free it
 * with lab_crash_match_free. */
LabVerdict lab_verdict_of(const LabGroup *baseline, const LabGroup *candidate, char **why,
                          LabCrashMatch **match);
/* The comparison in words. g_free. */
char *lab_comparison_sentence(const LabComparison *comparison);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adaptive repetition: which repetitions of a run's cells are worth running, decided from the
 * results so far (analysis/lab-sequential.h). Every comparison that the analysis makes of the run
 * is tested; the matrix's share of errors is spread over them (Bonferroni). Cells whose
 * comparisons are all settled are spared, the others go on side by side.
 */
#pragma once

#include "lab-scheduler.h"

typedef struct LabRepetition LabRepetition;

/* NULL: the run is none of those, all cells are to be run. 'further_ms' from now on takes the place
 * of what is left of the run's budget; 0: it does not. */
LabRepetition *lab_repetition_new(LabRun *run, gint64 further_ms);
void lab_repetition_free(LabRepetition *repetition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabRepetition, lab_repetition_free)

/* Borrowed; for the scheduler of that run. */
const LabCellChooser *lab_repetition_chooser(LabRepetition *repetition);

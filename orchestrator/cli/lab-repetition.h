/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adaptive repetition: which repetitions of a run's cells are worth running, decided from the
 * results so far (analysis/lab-allocation.h says which is next, analysis/lab-sequential.h when a
 * comparison is settled). Every comparison that the analysis makes of the run is tested. Cells
 * whose comparisons are all settled are spared, and so is all that is left when the budget is used
 * up.
 */
#pragma once

#include "lab-matrix.h"
#include "lab-scheduler.h"

typedef struct LabRepetition LabRepetition;

/* NULL: the run is none of those, all cells are to be run. 'further_ms' from now on takes the place
 * of what is left of the run's budget; 0: it does not. */
LabRepetition *lab_repetition_new(LabRun *run, gint64 further_ms);
void lab_repetition_free(LabRepetition *repetition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabRepetition, lab_repetition_free)

/* Borrowed; for the scheduler of that run. */
const LabCellChooser *lab_repetition_chooser(LabRepetition *repetition);

/* Before there are results: how many of 'cells' (LabRunCell, at least one; each takes its guess_ms)
 * a run without a budget is expected to need, and what these take one after the other: about. */
gint64 lab_repetition_expected_ms(const GPtrArray *cells, const LabAdaptive *adaptive, guint *runs);

/* "settled 5 of 7 comparisons after 41 of 240 runs; 2 open: …"; g_free. */
char *lab_repetition_text(const LabRepetition *repetition);

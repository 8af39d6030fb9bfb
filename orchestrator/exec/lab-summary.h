/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts over the cells of a run, and the exit status that follows from them. */
#pragma once

#include "lab-brief.h"

typedef struct {
    guint cells;         /* of the run */
    guint done;          /* with a result that stands, given-up ones too */
    guint running;       /* now */
    guint again;         /* attempts that failed for the lab's reasons and were made again */
    guint suspect_again; /* attempts made again because the host was under pressure */
    guint suspect;       /* results that stand although the host was under pressure */
    guint spared;        /* cells that a chooser did not need any more */
    guint outcomes[LAB_OUTCOME_INCONCLUSIVE + 1]; /* by LabOutcome, of cells that ran */
    guint infra, skipped;
    guint missing; /* given up without a result */
    guint unexpected;
    gboolean stopped; /* on request */
} LabSummary;

/* Counts a cell that is done. */
void lab_summary_add(LabSummary *summary, const LabBrief *brief);

/* Whether nothing is left to run. */
gboolean lab_summary_is_whole(const LabSummary *summary);

/* LAB_EXIT_UNEXPECTED when an outcome was unexpected, else LAB_EXIT_INFRA when cells are without
 * an outcome for the lab's reasons or were not run, else LAB_EXIT_OK. */
int lab_summary_exit_code(const LabSummary *summary);

/* "12 of 12 cells: 8 pass, 3 crash, 1 infra; 1 unexpected"; g_free. */
char *lab_summary_text(const LabSummary *summary);

/* {"cells","done","running","again","unexpected","infra","skipped","missing",
 *  "outcomes":{"pass":N,…}}. Owned by the caller. */
json_t *lab_summary_to_json(const LabSummary *summary);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of lab-repetition.h. */
#pragma once

#include "lab-allocation.h"
#include "lab-repetition.h"

/* Cells that differ in their repetition only. */
typedef struct {
    GPtrArray *cells; /* LabRunCell by repetition from 1, borrowed from the run; NULL: none */
    gboolean baseline;
    char *why; /* it is spared */
} Group;

struct LabRepetition {
    LabAllocation *allocation;
    LabCellChooser chooser;
    const GPtrArray *cells; /* of the run */
    guint *group_of;        /* by a cell's index: number of its group */
    GPtrArray *groups;      /* Group, by number */
    GQueue again;           /* Again */
    LabEstimate *estimate;  /* the scheduler's */
    int jobs;
    gint64 end_us; /* monotonic; 0: no budget */
    gboolean over; /* the budget is used up */
    guint started, done;
    gint64 work_ms; /* what is yet to be started takes; below 0: to be worked out again */
};

/* Fills in groups and group_of, and adds them and what is compared to the allocation. */
void lab_repetition_make_groups(LabRepetition *repetition);

/* "its 3 comparisons are settled: 1 different, 2 alike". g_free. */
char *lab_repetition_why_spared(const LabRepetition *repetition, guint number);

static inline const LabRunCell *
lab_repetition_first_cell(const Group *group)
{
    guint i = 1;

    while (!group->cells->pdata[i])
        i++;
    return group->cells->pdata[i];
}

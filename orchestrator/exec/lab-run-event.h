/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens while a run goes, as the scheduler tells it: to the terminal and to --json. */
#pragma once

#include "lab-run.h"
#include "lab-summary.h"

typedef enum {
    LAB_RUN_STARTED,
    LAB_RUN_CELL_STARTED,
    LAB_RUN_CELL_PHASE,
    LAB_RUN_CELL_WARNING,
    LAB_RUN_CELL_FINISHED, /* for good */
    LAB_RUN_CELL_AGAIN,    /* failed for the lab's reasons, or suspect; it is tried once more */
    LAB_RUN_CELL_STOPPED,  /* ended on request; `resume` runs it */
    LAB_RUN_CELL_SPARED,   /* the chooser does not want it any more */
    LAB_RUN_DUMP_REMOVED,
    LAB_RUN_WARNING,
    LAB_RUN_STOPPING,
    LAB_RUN_ENDED,
} LabRunEventKind;

typedef struct {
    LabRunEventKind kind;
    LabRun *run;
    const LabRunCell *cell; /* of the cell's events */
    int attempt;            /* from 1 */
    const char *phase;
    gint64 t_ms;
    const char *text;          /* a warning's, or why; of ENDED what a chooser sums up, or NULL;
                                * from a worker: not clean */
    const LabBrief *brief;     /* FINISHED, AGAIN */
    const char *kept;          /* DUMP_REMOVED: the cell whose dump stands for it, or NULL */
    int jobs;                  /* STARTED */
    gint64 left_ms;            /* the time left, estimated; -1: unknown */
    const LabSummary *summary; /* so far; always there */
} LabRunEvent;

typedef void (*LabRunEventFunc)(const LabRunEvent *event, gpointer data);

/* The line that `kreglab run --json` prints; reports/schema/events.schema.json. Owned by the
 * caller. */
json_t *lab_run_event_to_json(const LabRunEvent *event);

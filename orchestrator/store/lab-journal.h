/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal.jsonl: what the parent did, one JSON object a line, appended and synced before it goes
 * on. "event" is one of
 *   parent     "pid"                                a parent took the run
 *   started    "cell" "attempt" "pid" "birth"       a worker runs (birth: /proc/PID/stat field 22)
 *   finished   "cell" "attempt" "state" "outcome" "again" "suspect"   again: it will be tried once
 *              more; suspect: because the host was under pressure
 *   stopped    "cell" "attempt"                     ended on request: does not count as a try
 *   dump-removed  "cell" "why" "kept"               kept: the cell whose dump stands for it
 *   end        "state" (done, stopped)              the parent ended
 *   spared     "cell" "why"                         more of its repetitions were not needed
 * and each has "time".
 */
#pragma once

#include "lab-run.h"

/* What the journal says of one cell. */
typedef struct {
    int attempts; /* started so far */
    int failed;   /* of those, ended by infra or without a result */
    int suspect;  /* of those, made again because the host was under pressure */
    int pid;      /* of a worker that was started and has not ended; 0: none */
    gint64 birth; /* its start time in clock ticks since boot */
    gboolean finished;
    gboolean dump_removed;
    gboolean spared; /* and not started since */
} LabJournalCell;

/* Appends 'entry' (stolen) with the time. */
gboolean lab_journal_append(LabRun *run, json_t *entry, GError **error);
/* The same, not synced before the next line that is: for what a later session finds out by itself,
 * and of which there may be 100 000. */
gboolean lab_journal_note(LabRun *run, json_t *entry, GError **error);

/* All of it: cell id -> LabJournalCell; a cut-off last line (power loss, full disk) is passed over.
 * Owned by the caller. An absent journal is empty. */
GHashTable *lab_journal_read(LabRun *run, GError **error);

/* The ids of the cells whose dumps were removed: a set, owned by the caller. Reads no other lines.
 */
GHashTable *lab_journal_removed_dumps(LabRun *run, GError **error);

/* The repetitions of an adaptive run that were spared, as a set of ids (borrowed from the run);
 * empty for other runs, whose journal is not read. Where a budget ended before a kernel, recipe and
 * variant ran even once, those cells are not among them: they are missing. Owned by the caller. */
GHashTable *lab_journal_spared(LabRun *run, GError **error);

/* How long parents have driven the run until now: each one from its "parent" line to its last line
 * (one that was killed is counted up to there). -1: the journal cannot be read. */
gint64 lab_journal_spent_ms(LabRun *run, GError **error);

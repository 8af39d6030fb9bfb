/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DATA/index.sqlite: what would take long to collect from run directories. It can be thrown away:
 * the directories are the truth, `kreglab reindex` makes it again.
 */
#pragma once

#include "lab-run.h"

typedef struct LabIndex LabIndex;

typedef struct {
    char *id, *title, *created;
    int cells, done;
    int unexpected, infra;
    const char *state; /* "running", "done", "stopped"; static */
} LabIndexRun;

/* A finished cell. */
typedef struct {
    const LabRunCell *cell; /* borrowed */
    LabBrief *brief;        /* owned */
} LabIndexEntry;
void lab_index_entry_free(LabIndexEntry *entry);

/* Opens or makes it and brings an older schema up to date; a damaged file is made anew from the
 * run directories, with a warning. Newer schema: LAB_DATA_ERROR/NEWER. */
LabIndex *lab_index_open(const char *data, GError **error);
void lab_index_free(LabIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabIndex, lab_index_free)

/* Puts a run in, or brings its row up to date. 'n_cells': without those that were spared. */
gboolean lab_index_put_run(LabIndex *index, const LabRun *run, guint n_cells, GError **error);
/* Puts a finished cell in (again). */
gboolean lab_index_put_cell(LabIndex *index, const LabRun *run, const LabRunCell *cell,
                            const LabBrief *brief, GError **error);
/* Several at once, in one transaction: LabIndexEntry. All or none. */
gboolean
lab_index_put_entries(LabIndex *index, const LabRun *run, const GPtrArray *entries, GError **error);
/* Takes a run out, whose directory is gone. */
gboolean lab_index_forget(LabIndex *index, const char *run, GError **error);
/* Reads all results of a run and puts them in, in one transaction. */
gboolean lab_index_put_results(LabIndex *index, LabRun *run, GError **error);

/* What it says of the run's cells: cell id -> LabIndexRow. Owned by the caller; NULL and error when
 * it cannot be read. */
typedef struct LabIndexRow LabIndexRow;
GHashTable *lab_index_rows(LabIndex *index, const LabRun *run, GError **error);
/* Whether that is what lab_index_put_cell() would put in. 'row' may be NULL: FALSE. */
gboolean lab_index_row_tells(const LabIndexRow *row, const LabRunCell *cell, const LabBrief *brief);
/* Takes a cell out whose result no longer stands. */
gboolean
lab_index_forget_cell(LabIndex *index, const LabRun *run, const LabRunCell *cell, GError **error);

/* Runs, newest first, those not yet indexed included. GPtrArray of LabIndexRun. */
GPtrArray *lab_index_list(LabIndex *index, GError **error);

/* Keys of the templates that cells with this share ran from; they may be gone. g_strfreev. */
char **lab_index_templates(LabIndex *index, const char *share);

/* A cell that crashed. */
typedef struct {
    char *run, *id, *kernel, *recipe, *variant;
    int repetition;
    char *title; /* as read from the guest, not cleaned */
    char *k0;
} LabIndexCell;

/* The cells whose crash has the signature K0 'what' ("v1:…", or its beginning), or the title 'what'
 * ('*' and '?' match as in a shell), or a signature that a cell of that title has; newest run
 * first. Call lab_index_list() before: it takes new runs in. GPtrArray of LabIndexCell. */
GPtrArray *lab_index_find_crashes(LabIndex *index, const char *what, GError **error);

/* Throws it away and reads all run directories again. *n_runs may be NULL. */
gboolean lab_index_rebuild(LabIndex *index, guint *n_runs, GError **error);

/* How long such a cell took: the median of the last 15 that ran with the same kernel, recipe and
 * variant; else with the same recipe and variant; else with the recipe. 0: never seen. */
gint64
lab_index_expected_ms(LabIndex *index, const char *kernel, const char *recipe, const char *variant);

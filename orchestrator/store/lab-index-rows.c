/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the index says of a run's cells, held against what their results say. */
#include "lab-index-private.h"

struct LabIndexRow {
    LabState state;
    LabOutcome outcome;
    gint64 duration_ms;
};

static LabIndexRow *
read_row(sqlite3_stmt *statement)
{
    LabIndexRow *row = g_new(LabIndexRow, 1);
    g_autofree char *state = lab_index_column_text(statement, 1);
    g_autofree char *outcome = lab_index_column_text(statement, 2);

    row->state = lab_state_from_name(state);
    row->outcome = lab_outcome_from_name(outcome);
    row->duration_ms = sqlite3_column_int64(statement, 3);
    return row;
}

GHashTable *
lab_index_rows(LabIndex *index, const LabRun *run, GError **error)
{
    g_autoptr(GHashTable) rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    sqlite3_stmt *statement = lab_index_prepare(
        index, "SELECT id, state, outcome, duration_ms FROM cells WHERE run = ?", error);
    int code;

    if (!statement)
        return NULL;
    lab_index_bind_text(statement, 1, lab_run_id(run));
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        g_hash_table_insert(rows, lab_index_column_text(statement, 0), read_row(statement));
    sqlite3_finalize(statement);
    if (code == SQLITE_DONE)
        return g_steal_pointer(&rows);
    lab_index_set_error(index, "reading", error);
    return NULL;
}

gboolean
lab_index_row_tells(const LabIndexRow *row, const LabRunCell *cell, const LabBrief *brief)
{
    return row && row->state == brief->state && row->outcome == brief->outcome &&
           row->duration_ms == lab_index_duration(cell, brief);
}

gboolean
lab_index_forget_cell(LabIndex *index, const LabRun *run, const LabRunCell *cell, GError **error)
{
    sqlite3_stmt *statement =
        lab_index_prepare(index, "DELETE FROM cells WHERE run = ? AND id = ?", error);

    if (!statement)
        return FALSE;
    lab_index_bind_text(statement, 1, lab_run_id(run));
    lab_index_bind_text(statement, 2, cell->id);
    return lab_index_finish(index, statement, error);
}

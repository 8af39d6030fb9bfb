/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the index. */
#pragma once

#include <sqlite3.h>

#include "lab-index.h"

struct LabIndex {
    sqlite3 *db;
    char *data;
    char *path;
};

gboolean lab_index_set_error(const LabIndex *index, const char *doing, GError **error);
/* NULL and error when it is no statement. */
sqlite3_stmt *lab_index_prepare(LabIndex *index, const char *sql, GError **error);
void lab_index_bind_text(sqlite3_stmt *statement, int column, const char *text);
/* "" for NULL; g_free. */
char *lab_index_column_text(sqlite3_stmt *statement, int column);
/* Steps and finalizes a statement that writes. */
gboolean lab_index_finish(LabIndex *index, sqlite3_stmt *statement, GError **error);
/* What stands in duration_ms; 0: not for estimates. */
gint64 lab_index_duration(const LabRunCell *cell, const LabBrief *brief);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which cells crashed like that. */
#include "lab-index-private.h"

static void
index_cell_free(gpointer pointer)
{
    LabIndexCell *cell = pointer;

    g_free(cell->run);
    g_free(cell->id);
    g_free(cell->kernel);
    g_free(cell->recipe);
    g_free(cell->variant);
    g_free(cell->title);
    g_free(cell->k0);
    g_free(cell);
}

static LabIndexCell *
read_cell(sqlite3_stmt *statement)
{
    LabIndexCell *cell = g_new0(LabIndexCell, 1);

    cell->run = lab_index_column_text(statement, 0);
    cell->id = lab_index_column_text(statement, 1);
    cell->kernel = lab_index_column_text(statement, 2);
    cell->recipe = lab_index_column_text(statement, 3);
    cell->variant = lab_index_column_text(statement, 4);
    cell->repetition = sqlite3_column_int(statement, 5);
    cell->title = lab_index_column_text(statement, 6);
    cell->k0 = lab_index_column_text(statement, 7);
    return cell;
}

GPtrArray *
lab_index_find_crashes(LabIndex *index, const char *what, GError **error)
{
    gboolean signature = g_str_has_prefix(what, "v1:");
    const char *sql =
        signature ? "SELECT run, id, kernel, recipe, variant, repetition, title, k0 FROM cells"
                    " WHERE substr(k0, 1, length(?1)) = ?1 ORDER BY run DESC, seq"
                  : "SELECT run, id, kernel, recipe, variant, repetition, title, k0 FROM cells"
                    " WHERE title = ?1 OR title GLOB ?1 OR k0 IN"
                    " (SELECT k0 FROM cells WHERE title = ?1 OR title GLOB ?1)"
                    " ORDER BY run DESC, seq";
    sqlite3_stmt *statement = lab_index_prepare(index, sql, error);
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(index_cell_free);
    int code;

    if (!statement)
        return NULL;
    lab_index_bind_text(statement, 1, what);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        g_ptr_array_add(cells, read_cell(statement));
    sqlite3_finalize(statement);
    if (code == SQLITE_DONE)
        return g_steal_pointer(&cells);
    lab_index_set_error(index, "reading", error);
    return NULL;
}

char **
lab_index_templates(LabIndex *index, const char *share)
{
    sqlite3_stmt *statement =
        lab_index_prepare(index, "SELECT key FROM templates WHERE share = ?", NULL);
    g_autoptr(GStrvBuilder) keys = g_strv_builder_new();

    if (statement) {
        lab_index_bind_text(statement, 1, share);
        while (sqlite3_step(statement) == SQLITE_ROW) {
            g_autofree char *key = lab_index_column_text(statement, 0);

            g_strv_builder_add(keys, key);
        }
        sqlite3_finalize(statement);
    }
    return g_strv_builder_end(keys);
}

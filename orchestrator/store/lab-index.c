/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-index-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-journal.h"
#include "lab-json.h"
#include "lab-log.h"

/* Step N brings schema N to N + 1 (PRAGMA user_version). Steps are only ever added. */
static const char *const migrations[] = {
    "CREATE TABLE runs (id TEXT PRIMARY KEY, title TEXT NOT NULL, created TEXT NOT NULL,"
    " cells INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE cells (run TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL,"
    " kernel TEXT NOT NULL, recipe TEXT NOT NULL, variant TEXT NOT NULL,"
    " repetition INTEGER NOT NULL, state TEXT NOT NULL, outcome TEXT, unexpected INTEGER NOT NULL,"
    " title TEXT, k0 TEXT, duration_ms INTEGER NOT NULL, PRIMARY KEY (run, id)) WITHOUT ROWID;"
    "CREATE INDEX cells_by_kind ON cells (recipe, variant, kernel, run, duration_ms)"
    " WHERE state = 'ran';",
    /* Which template cells with such a share ran from, to know those that are there already. */
    "CREATE TABLE templates (share TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (share, key))"
    " WITHOUT ROWID;",
};

gboolean
lab_index_set_error(const LabIndex *index, const char *doing, GError **error)
{
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                "index '%s': %s: %s ('kreglab reindex' makes it again)", index->path, doing,
                sqlite3_errmsg(index->db));
    return FALSE;
}

static gboolean
execute(LabIndex *index, const char *sql, GError **error)
{
    if (sqlite3_exec(index->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return lab_index_set_error(index, "writing", error);
    return TRUE;
}

sqlite3_stmt *
lab_index_prepare(LabIndex *index, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(index->db, sql, -1, &statement, NULL) != SQLITE_OK)
        lab_index_set_error(index, "reading", error);
    return statement;
}

static int
user_version(LabIndex *index)
{
    sqlite3_stmt *statement = lab_index_prepare(index, "PRAGMA user_version", NULL);
    int version =
        statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;

    sqlite3_finalize(statement);
    return version;
}

static gboolean
migrate(LabIndex *index, GError **error)
{
    int version = user_version(index);

    if (version > (int)G_N_ELEMENTS(migrations)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_NEWER,
                    "index '%s' was written by a newer kreglab: upgrade kreglab", index->path);
        return FALSE;
    }
    if (version == (int)G_N_ELEMENTS(migrations))
        return TRUE;
    /* Another process may do the same: look again with the write lock held. */
    if (!execute(index, "BEGIN IMMEDIATE", error))
        return FALSE;
    for (version = user_version(index); version < (int)G_N_ELEMENTS(migrations); version++) {
        g_autofree char *stamp = g_strdup_printf("PRAGMA user_version = %d", version + 1);

        if (version < 0 || !execute(index, migrations[version], error) ||
            !execute(index, stamp, error)) {
            execute(index, "ROLLBACK", NULL);
            return version < 0 ? lab_index_set_error(index, "reading", error) : FALSE;
        }
    }
    return execute(index, "COMMIT", error);
}

static gboolean
open_database(LabIndex *index, GError **error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    if (sqlite3_open_v2(index->path, &index->db, flags, NULL) != SQLITE_OK)
        return lab_index_set_error(index, "opening", error);
    sqlite3_busy_timeout(index->db, 20000);
    return execute(index, "PRAGMA journal_mode = WAL", error) &&
           execute(index, "PRAGMA synchronous = NORMAL", error) &&
           execute(index, "PRAGMA cache_size = -2000", error) && migrate(index, error);
}

static gboolean
remove_files(LabIndex *index, GError **error)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};

    g_clear_pointer(&index->db, sqlite3_close);
    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(index->path, suffixes[i], NULL);

        if (!lab_path_remove(AT_FDCWD, path, error))
            return FALSE;
    }
    return TRUE;
}

LabIndex *
lab_index_open(const char *data, GError **error)
{
    g_autoptr(LabIndex) index = g_new0(LabIndex, 1);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, data, 0700, error);
    g_autoptr(GError) local = NULL;
    int code;

    if (fd < 0)
        return NULL;
    index->data = g_strdup(data);
    index->path = g_build_filename(data, "index.sqlite", NULL);
    if (open_database(index, &local))
        return g_steal_pointer(&index);
    code = index->db ? sqlite3_errcode(index->db) & 0xff : SQLITE_ERROR;
    if (code != SQLITE_NOTADB && code != SQLITE_CORRUPT) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    lab_warn("index '%s' is damaged: making it again from the run directories", index->path);
    if (!remove_files(index, error) || !open_database(index, error) ||
        !lab_index_rebuild(index, NULL, error))
        return NULL;
    return g_steal_pointer(&index);
}

void
lab_index_free(LabIndex *index)
{
    if (!index)
        return;
    sqlite3_close(index->db);
    g_free(index->path);
    g_free(index->data);
    g_free(index);
}

void
lab_index_bind_text(sqlite3_stmt *statement, int column, const char *text)
{
    g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : NULL;

    sqlite3_bind_text(statement, column, valid, -1, SQLITE_TRANSIENT);
}

gboolean
lab_index_finish(LabIndex *index, sqlite3_stmt *statement, GError **error)
{
    int code = sqlite3_step(statement);

    if (code != SQLITE_DONE && code != SQLITE_ROW)
        lab_index_set_error(index, "writing", error);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW;
}

gboolean
lab_index_put_run(LabIndex *index, const LabRun *run, guint n_cells, GError **error)
{
    sqlite3_stmt *statement = lab_index_prepare(
        index, "INSERT OR REPLACE INTO runs (id, title, created, cells) VALUES (?,?,?,?)", error);

    if (!statement)
        return FALSE;
    lab_index_bind_text(statement, 1, lab_run_id(run));
    lab_index_bind_text(statement, 2, lab_run_title(run));
    lab_index_bind_text(statement, 3, lab_run_created(run));
    sqlite3_bind_int(statement, 4, (int)n_cells);
    return lab_index_finish(index, statement, error);
}

static gboolean
put_template(LabIndex *index, const LabRunCell *cell, const char *key, GError **error)
{
    sqlite3_stmt *statement = lab_index_prepare(
        index, "INSERT OR IGNORE INTO templates (share, key) VALUES (?,?)", error);

    if (!statement)
        return FALSE;
    lab_index_bind_text(statement, 1, cell->share);
    lab_index_bind_text(statement, 2, key);
    return lab_index_finish(index, statement, error);
}

gint64
lab_index_duration(const LabRunCell *cell, const LabBrief *brief)
{
    return cell->replay ? 0 : brief->duration_ms;
}

gboolean
lab_index_put_cell(LabIndex *index, const LabRun *run, const LabRunCell *cell,
                   const LabBrief *brief, GError **error)
{
    sqlite3_stmt *statement = lab_index_prepare(
        index,
        "INSERT OR REPLACE INTO cells (run, id, seq, kernel, recipe, variant, repetition, state,"
        " outcome, unexpected, title, k0, duration_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        error);

    if (!statement)
        return FALSE;
    lab_index_bind_text(statement, 1, lab_run_id(run));
    lab_index_bind_text(statement, 2, cell->id);
    sqlite3_bind_int(statement, 3, (int)cell->index);
    lab_index_bind_text(statement, 4, cell->kernel);
    lab_index_bind_text(statement, 5, cell->recipe);
    lab_index_bind_text(statement, 6, cell->variant);
    sqlite3_bind_int(statement, 7, cell->repetition);
    lab_index_bind_text(statement, 8, lab_state_name(brief->state));
    lab_index_bind_text(statement, 9, lab_outcome_name(brief->outcome));
    sqlite3_bind_int(statement, 10, lab_brief_is_unexpected(brief));
    lab_index_bind_text(statement, 11, brief->title);
    lab_index_bind_text(statement, 12, brief->k0);
    sqlite3_bind_int64(statement, 13, lab_index_duration(cell, brief));
    return lab_index_finish(index, statement, error) &&
           (!brief->template || put_template(index, cell, brief->template, error));
}

typedef struct {
    LabIndex *index;
    LabRun *run;
    GError **error;
    gboolean ok;
} PutAll;

static void
put_one_cell(const LabRunCell *cell, const json_t *result, gpointer data)
{
    PutAll *all = data;
    g_autoptr(LabBrief) brief = NULL;

    if (!result || !all->ok)
        return;
    brief = lab_brief_new_from_result(result);
    if (brief->state != LAB_STATE_MISSING)
        all->ok = lab_index_put_cell(all->index, all->run, cell, brief, all->error);
}

static gboolean
put_all_cells(LabIndex *index, LabRun *run, GError **error)
{
    const GPtrArray *cells = lab_run_cells(run, error);
    g_autoptr(GHashTable) spared = cells ? lab_journal_spared(run, error) : NULL;
    PutAll all = {.index = index, .run = run, .error = error, .ok = TRUE};

    if (!spared || !lab_index_put_run(index, run, cells->len - g_hash_table_size(spared), error))
        return FALSE;
    return lab_run_each_result(run, put_one_cell, &all, error) && all.ok;
}

void
lab_index_entry_free(LabIndexEntry *entry)
{
    lab_brief_free(entry->brief);
    g_free(entry);
}

gboolean
lab_index_put_entries(LabIndex *index, const LabRun *run, const GPtrArray *entries, GError **error)
{
    if (!execute(index, "BEGIN IMMEDIATE", error))
        return FALSE;
    for (guint i = 0; i < entries->len; i++) {
        const LabIndexEntry *entry = entries->pdata[i];

        if (!lab_index_put_cell(index, run, entry->cell, entry->brief, error)) {
            execute(index, "ROLLBACK", NULL);
            return FALSE;
        }
    }
    return execute(index, "COMMIT", error);
}

gboolean
lab_index_put_results(LabIndex *index, LabRun *run, GError **error)
{
    if (!execute(index, "BEGIN IMMEDIATE", error))
        return FALSE;
    if (!put_all_cells(index, run, error)) {
        execute(index, "ROLLBACK", NULL);
        return FALSE;
    }
    return execute(index, "COMMIT", error);
}

gboolean
lab_index_forget(LabIndex *index, const char *run, GError **error)
{
    static const char *const sql[] = {"DELETE FROM cells WHERE run = ?",
                                      "DELETE FROM runs WHERE id = ?"};

    for (gsize i = 0; i < G_N_ELEMENTS(sql); i++) {
        sqlite3_stmt *statement = lab_index_prepare(index, sql[i], error);

        if (!statement)
            return FALSE;
        lab_index_bind_text(statement, 1, run);
        if (!lab_index_finish(index, statement, error))
            return FALSE;
    }
    return TRUE;
}

/* Puts every run directory in; one that does not open is warned of and left out. */
static gboolean
put_runs(LabIndex *index, char **ids, guint *n_runs, GError **error)
{
    for (char **id = ids; *id; id++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(LabRun) run = lab_run_open(index->data, *id, &local);

        if (run && lab_index_put_results(index, run, &local)) {
            (*n_runs)++;
            continue;
        }
        if (local->domain == LAB_INFRA_ERROR && sqlite3_errcode(index->db) != SQLITE_OK) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        lab_warn("left out of the index: %s", local->message);
    }
    return TRUE;
}

gboolean
lab_index_rebuild(LabIndex *index, guint *n_runs, GError **error)
{
    g_auto(GStrv) ids = lab_run_ids(index->data, error);
    guint count = 0;

    if (!ids ||
        !execute(index, "DELETE FROM cells; DELETE FROM runs; DELETE FROM templates;", error) ||
        !put_runs(index, ids, &count, error))
        return FALSE;
    if (n_runs)
        *n_runs = count;
    return TRUE;
}

static void
index_run_free(gpointer pointer)
{
    LabIndexRun *run = pointer;

    g_free(run->id);
    g_free(run->title);
    g_free(run->created);
    g_free(run);
}

char *
lab_index_column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return g_strdup(text ? (const char *)text : "");
}

/* Rows of the index by id. */
static GHashTable *
read_rows(LabIndex *index, GError **error)
{
    g_autoptr(GHashTable)
        rows = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, index_run_free);
    sqlite3_stmt *statement = lab_index_prepare(
        index,
        "SELECT r.id, r.title, r.created, r.cells, count(c.id), ifnull(sum(c.unexpected), 0),"
        " ifnull(sum(c.state = 'infra'), 0)"
        " FROM runs r LEFT JOIN cells c ON c.run = r.id GROUP BY r.id",
        error);
    int code;

    if (!statement)
        return NULL;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        LabIndexRun *row = g_new0(LabIndexRun, 1);

        row->id = lab_index_column_text(statement, 0);
        row->title = lab_index_column_text(statement, 1);
        row->created = lab_index_column_text(statement, 2);
        row->cells = sqlite3_column_int(statement, 3);
        row->done = sqlite3_column_int(statement, 4);
        row->unexpected = sqlite3_column_int(statement, 5);
        row->infra = sqlite3_column_int(statement, 6);
        g_hash_table_insert(rows, row->id, row);
    }
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) {
        lab_index_set_error(index, "reading", error);
        return NULL;
    }
    return g_steal_pointer(&rows);
}

/* Runs that no row tells of: made by a kreglab that died at once, or copied in. */
static gboolean
put_new_runs(LabIndex *index, char **ids, GHashTable *rows, gboolean *found, GError **error)
{
    g_autoptr(GPtrArray) absent = g_ptr_array_new();
    guint count = 0;

    for (char **id = ids; *id; id++)
        if (!g_hash_table_contains(rows, *id))
            g_ptr_array_add(absent, *id);
    g_ptr_array_add(absent, NULL);
    if (!put_runs(index, (char **)absent->pdata, &count, error))
        return FALSE;
    *found = count > 0;
    return TRUE;
}

static gint
newest_run_first(gconstpointer a, gconstpointer b)
{
    const LabIndexRun *one = *(LabIndexRun *const *)a;
    const LabIndexRun *other = *(LabIndexRun *const *)b;
    int order = strcmp(other->created, one->created);

    return order != 0 ? order : strcmp(other->id, one->id);
}

GPtrArray *
lab_index_list(LabIndex *index, GError **error)
{
    g_auto(GStrv) ids = lab_run_ids(index->data, error);
    g_autoptr(GHashTable) rows = ids ? read_rows(index, error) : NULL;
    GPtrArray *list;
    gboolean found = FALSE;

    if (!rows || !put_new_runs(index, ids, rows, &found, error))
        return NULL;
    if (found) {
        g_hash_table_unref(g_steal_pointer(&rows));
        rows = read_rows(index, error);
        if (!rows)
            return NULL;
    }
    list = g_ptr_array_new_with_free_func(index_run_free);
    for (char **id = ids; *id; id++) {
        gpointer key, value;

        if (!g_hash_table_steal_extended(rows, *id, &key, &value))
            continue;
        ((LabIndexRun *)value)->state =
            lab_run_is_locked(index->data, *id)                             ? "running"
            : ((LabIndexRun *)value)->done >= ((LabIndexRun *)value)->cells ? "done"
                                                                            : "stopped";
        g_ptr_array_add(list, value);
    }
    g_ptr_array_sort(list, newest_run_first);
    return list;
}

static int
compare_int64(const void *a, const void *b)
{
    gint64 one = *(const gint64 *)a;
    gint64 other = *(const gint64 *)b;

    return one < other ? -1 : one > other;
}

/* Median of what the statement gives (newest 15), 0 for nothing. */
static gint64
median(LabIndex *index, const char *where, const char *recipe, const char *variant,
       const char *kernel)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT duration_ms FROM cells WHERE state = 'ran' AND "
                        "duration_ms > 0 AND recipe = ?1%s ORDER BY run DESC LIMIT 15",
                        where);
    sqlite3_stmt *statement = lab_index_prepare(index, sql, NULL);
    gint64 values[15];
    gsize n = 0;

    if (!statement)
        return 0;
    lab_index_bind_text(statement, 1, recipe);
    if (sqlite3_bind_parameter_count(statement) >= 2)
        lab_index_bind_text(statement, 2, variant);
    if (sqlite3_bind_parameter_count(statement) >= 3)
        lab_index_bind_text(statement, 3, kernel);
    while (n < G_N_ELEMENTS(values) && sqlite3_step(statement) == SQLITE_ROW)
        values[n++] = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    if (n == 0)
        return 0;
    qsort(values, n, sizeof values[0], compare_int64);
    return values[n / 2];
}

gint64
lab_index_expected_ms(LabIndex *index, const char *kernel, const char *recipe, const char *variant)
{
    gint64 value = median(index, " AND variant = ?2 AND kernel = ?3", recipe, variant, kernel);

    if (value == 0)
        value = median(index, " AND variant = ?2", recipe, variant, kernel);
    if (value == 0)
        value = median(index, "", recipe, variant, kernel);
    return value;
}

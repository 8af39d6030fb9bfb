/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-index.h"
#include "lab-journal.h"
#include "lab-json.h"

typedef struct {
    char *data;
} Fixture;

static void
set_up(Fixture *f, gconstpointer unused)
{
    f->data = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
}

static void
tear_down(Fixture *f, gconstpointer unused)
{
    g_assert_true(lab_path_remove(AT_FDCWD, f->data, NULL));
    g_free(f->data);
}

static LabCell *
make_cell(const char *kernel, const char *recipe, int repetition)
{
    LabCell *cell = lab_cell_new();

    cell->kernel_id = g_strdup(kernel);
    cell->kernel_release = g_strdup(kernel);
    cell->kernel_digest = g_strdup(kernel);
    cell->recipe = g_strdup(recipe);
    cell->recipe_digest = g_strdup(recipe);
    cell->variant = g_strdup("stock");
    cell->repetition = repetition;
    lab_cell_compute_id(cell);
    return cell;
}

static GPtrArray *
make_cells(int n)
{
    GPtrArray *cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free);

    for (int i = 0; i < n; i++)
        g_ptr_array_add(cells, make_cell("6.1.0-1", "true", i + 1));
    return cells;
}

static LabRun *
make_run(const char *data, int n)
{
    g_autoptr(GPtrArray) cells = make_cells(n);
    g_autoptr(GError) error = NULL;
    LabRun *run = lab_run_create(data, "a title", cells, "kernels: []\n", NULL, &error);

    g_assert_no_error(error);
    return run;
}

static void
write_result(LabRun *run, const LabRunCell *cell, const char *state, const char *outcome,
             gint64 duration_ms)
{
    g_autoptr(json_t) result =
        json_pack("{s:i, s:s, s:s, s:o, s:I}", "schema_version", 1, "id", cell->id, "state", state,
                  "outcome", lab_json_text(outcome), "duration_ms", (json_int_t)duration_ms);
    g_autofree char *path = lab_run_cell_path(cell);
    LAB_AUTO_FD fd = lab_dir_make(lab_run_fd(run), path, 0700, NULL);

    g_assert_true(lab_json_write(fd, "result.json", result, 0600, NULL));
}

static void
test_run_round_trip(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) made = make_run(f->data, 3);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabRun) run = lab_run_open(f->data, lab_run_id(made), &error);
    g_autoptr(LabCell) whole = NULL;
    const GPtrArray *cells;
    struct stat st;

    g_assert_no_error(error);
    g_assert_cmpstr(lab_run_title(run), ==, "a title");
    cells = lab_run_cells(run, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(cells->len, ==, 3);
    whole = lab_run_read_cell(run, cells->pdata[1], &error);
    g_assert_no_error(error);
    g_assert_cmpstr(whole->run, ==, lab_run_id(run));
    g_assert_cmpint(whole->repetition, ==, 2);
    g_assert_cmpint(fstat(lab_run_fd(run), &st), ==, 0);
    g_assert_cmpint(st.st_mode & 0777, ==, 0700);
}

static void
test_run_keeps_equal_cells_once(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) cells = make_cells(2);
    g_autoptr(LabRun) run = NULL;

    g_ptr_array_add(cells, make_cell("6.1.0-1", "true", 1));
    run = lab_run_create(f->data, NULL, cells, "", NULL, NULL);
    g_assert_cmpuint(lab_run_cells(run, NULL)->len, ==, 2);
    g_assert_cmpint(lab_json_int(lab_run_info(run), "cells", 0), ==, 2);
}

static void
test_run_without_cells_is_refused(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GError) error = NULL;

    g_assert_null(lab_run_create(f->data, NULL, none, "", NULL, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
}

static void
test_run_names(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) old = make_run(f->data, 1);
    g_autoptr(LabRun) new = NULL;
    g_autofree char *latest = NULL;
    g_autofree char *exact = NULL;
    g_autoptr(GError) several = NULL;
    g_autoptr(GError) none = NULL;
    const LabRunCell *cell;
    g_autoptr(LabRun) by_cell = NULL;
    g_autofree char *cell_name = NULL;

    g_usleep(3000); /* "created" has milliseconds */
    new = make_run(f->data, 1);
    latest = lab_run_resolve(f->data, "latest", NULL);
    g_assert_cmpstr(latest, ==, lab_run_id(new));
    exact = lab_run_resolve(f->data, lab_run_id(old), NULL);
    g_assert_cmpstr(exact, ==, lab_run_id(old));
    g_assert_null(lab_run_resolve(f->data, "2", &several));
    g_assert_error(several, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND);
    g_assert_null(lab_run_resolve(f->data, "19990101", &none));
    g_assert_error(none, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND);
    cell = lab_run_cells(new, NULL)->pdata[0];
    cell_name = g_strdup_printf("latest/%.4s", cell->id);
    by_cell = lab_run_open_cell(f->data, cell_name, &cell, NULL);
    g_assert_cmpstr(lab_run_id(by_cell), ==, lab_run_id(new));
    g_assert_nonnull(cell);
}

static void
test_run_lock(Fixture *f, gconstpointer unused)
{
    LabRun *owner = make_run(f->data, 1);
    g_autoptr(LabRun) other = lab_run_open(f->data, "latest", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_true(lab_run_is_locked(f->data, lab_run_id(other)));
    g_assert_false(lab_run_lock(other, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS);
    lab_run_free(owner);
    g_assert_false(lab_run_is_locked(f->data, lab_run_id(other)));
    g_assert_true(lab_run_lock(other, NULL));
}

/* A child of a killed parent that did not come to its exec yet has the lock for a moment. */
static void
test_run_lock_is_waited_for(Fixture *f, gconstpointer unused)
{
    LabRun *killed = make_run(f->data, 1);
    g_autoptr(LabRun) next = lab_run_open(f->data, "latest", NULL);
    g_autoptr(GError) error = NULL;
    int status;
    pid_t child = fork();

    if (child == 0) {
        g_usleep(500000);
        _exit(0);
    }
    lab_run_free(killed);
    g_assert_true(lab_run_is_locked(f->data, lab_run_id(next)));
    lab_run_lock(next, &error);
    g_assert_no_error(error);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
}

static void
test_run_of_newer_kreglab(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 1);
    g_autoptr(GError) error = NULL;

    g_assert_true(
        lab_file_write(lab_run_fd(run), "run.json", "{\"schema_version\":99}", -1, 0600, NULL));
    g_assert_null(lab_run_open(f->data, "latest", &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_NEWER);
}

static void
test_run_damaged_cells(Fixture *f, gconstpointer unused)
{
    static const char *const bad[] = {"{\"schema_version\":1", "not json\n", "{}\n"};
    g_autoptr(LabRun) made = make_run(f->data, 1);

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(LabRun) run = lab_run_open(f->data, "latest", NULL);
        g_autoptr(GError) error = NULL;

        g_assert_true(lab_file_write(lab_run_fd(run), "cells.jsonl", bad[i], -1, 0600, NULL));
        g_assert_null(lab_run_cells(run, &error));
        g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
    }
}

/* Lines of repetitions are put together, not written by the JSON library: byte for byte the same,
 * and read back as such; whatever names there are. */
static void
test_run_repetitions(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free);
    const char *const recipes[] = {"plain", "q\",\"id\":\"0", "\"repetition\":7,\n"};
    g_autoptr(GError) error = NULL;
    g_autoptr(LabRun) run = NULL;
    g_autoptr(LabRun) again = NULL;
    const GPtrArray *known;

    for (gsize r = 0; r < G_N_ELEMENTS(recipes); r++) {
        LabCell *first = make_cell("6.1.0-1", recipes[r], 1);
        g_autoptr(GChecksum) begun = lab_cell_id_begin(first);

        g_ptr_array_add(cells, first);
        for (int i = 2; i <= 12; i++)
            g_ptr_array_add(cells, lab_cell_repeat(first, i, begun));
    }
    run = lab_run_create(f->data, NULL, cells, "", NULL, &error);
    g_assert_no_error(error);
    again = lab_run_open(f->data, "latest", NULL);
    known = lab_run_cells(again, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(known->len, ==, cells->len);
    for (guint i = 0; i < cells->len; i++) {
        const LabRunCell *cell = known->pdata[i];
        g_autoptr(LabCell) whole = lab_run_read_cell(again, cell, &error);
        g_autoptr(json_t) wanted = lab_cell_to_json(cells->pdata[i]);
        g_autoptr(json_t) got = lab_cell_to_json(whole);
        g_autofree char *wanted_line = lab_json_line(wanted);
        g_autofree char *got_line = lab_json_line(got);

        g_assert_cmpstr(got_line, ==, wanted_line);
        g_assert_cmpint(cell->length, ==, strlen(wanted_line));
        g_assert_cmpint(cell->repetition, ==, (int)(i % 12) + 1);
        g_assert_cmpstr(cell->recipe, ==, recipes[i / 12]);
        g_assert_true(lab_run_find_cell(again, ((LabCell *)cells->pdata[i])->id, NULL) == cell);
    }
}

/* Ids become file names: one that leads elsewhere must not get in. */
static void
test_run_hostile_cell_id(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) cells = make_cells(1);
    g_autoptr(LabRun) made = NULL;
    g_autoptr(LabRun) run = NULL;
    g_autoptr(GError) error = NULL;
    LabCell *cell = cells->pdata[0];

    g_free(cell->id);
    cell->id = g_strdup("../../../tmp/x");
    made = lab_run_create(f->data, NULL, cells, "", NULL, NULL);
    run = lab_run_open(f->data, "latest", NULL);
    g_assert_null(lab_run_cells(run, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
}

static void
test_prepare_keeps_earlier_attempt(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 1);
    const LabRunCell *cell = lab_run_cells(run, NULL)->pdata[0];
    g_autoptr(LabCell) whole = lab_run_read_cell(run, cell, NULL);
    g_autofree char *path = lab_run_cell_path(cell);
    g_autofree char *log = g_strconcat(path, "/console.log", NULL);
    g_autofree char *dump = g_strconcat(path, "/vmcore", NULL);
    g_autofree char *old_log = g_strconcat(path, ".attempt-1/console.log", NULL);
    g_autofree char *old_dump = g_strconcat(path, ".attempt-1/vmcore", NULL);

    g_assert_true(lab_run_prepare_cell(run, cell, whole, FALSE, NULL));
    g_assert_true(lab_file_write(lab_run_fd(run), log, "x", -1, 0600, NULL));
    g_assert_true(lab_file_write(lab_run_fd(run), dump, "x", -1, 0600, NULL));
    g_assert_true(lab_run_prepare_cell(run, cell, whole, FALSE, NULL));
    g_assert_false(lab_file_exists(lab_run_fd(run), log));
    g_assert_true(lab_file_exists(lab_run_fd(run), old_log));
    g_assert_false(lab_file_exists(lab_run_fd(run), old_dump));
}

static void
append(LabRun *run, const char *event, const char *cell, json_t *more)
{
    json_t *entry = json_pack("{s:s, s:s}", "event", event, "cell", cell);

    json_object_update(entry, more);
    json_decref(more);
    g_assert_true(lab_journal_append(run, entry, NULL));
}

static void
test_journal(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 1);
    g_autoptr(GHashTable) cells = NULL;
    const LabJournalCell *a, *b;

    append(run, "started", "a", json_pack("{s:i, s:i}", "pid", 17, "birth", 4));
    append(run, "finished", "a", json_pack("{s:s, s:b}", "state", "infra", "again", 1));
    append(run, "started", "a", json_pack("{s:i, s:i}", "pid", 18, "birth", 5));
    append(run, "finished", "a", json_pack("{s:s, s:b}", "state", "ran", "again", 0));
    append(run, "started", "b", json_pack("{s:i, s:i}", "pid", 19, "birth", 6));
    cells = lab_journal_read(run, NULL);
    a = g_hash_table_lookup(cells, "a");
    b = g_hash_table_lookup(cells, "b");
    g_assert_cmpint(a->attempts, ==, 2);
    g_assert_cmpint(a->failed, ==, 1);
    g_assert_true(a->finished);
    g_assert_cmpint(a->pid, ==, 0);
    g_assert_false(b->finished);
    g_assert_cmpint(b->pid, ==, 19);
}

/* Three sessions: 5 s, 2.5 s up to where it was killed, and one whose clock went back. */
static void
test_journal_spent(Fixture *f, gconstpointer unused)
{
    const char *lines =
        "{\"event\":\"parent\",\"pid\":1,\"time\":\"2026-01-31T23:59:58.000Z\"}\n"
        "{\"event\":\"started\",\"cell\":\"a\",\"time\":\"2026-01-31T23:59:59.000Z\"}\n"
        "{\"event\":\"end\",\"state\":\"stopped\",\"time\":\"2026-02-01T00:00:03.000Z\"}\n"
        "{\"event\":\"parent\",\"pid\":2,\"time\":\"2026-02-02T10:00:00.000Z\"}\n"
        "{\"event\":\"started\",\"cell\":\"a\",\"time\":\"2026-02-02T10:00:02.500Z\"}\n"
        "{\"event\":\"parent\",\"pid\":3,\"time\":\"2026-02-02T12:00:00.000Z\"}\n"
        "{\"event\":\"started\",\"cell\":\"a\",\"time\":\"2026-02-02T11:00:00.000Z\"}\n"
        "{\"event\":\"end\",\"time\":\"2026-0";
    g_autoptr(LabRun) run = make_run(f->data, 1);

    g_assert_cmpint(lab_journal_spent_ms(run, NULL), ==, 0);
    g_assert_true(
        lab_file_write(lab_run_fd(run), "journal.jsonl", lines, strlen(lines), 0600, NULL));
    g_assert_cmpint(lab_journal_spent_ms(run, NULL), ==, 7500);
}

/* A line that was cut off by a full disk is passed over, and the next one begins on its own. */
static void
test_journal_cut_off(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 1);
    g_autoptr(GHashTable) cells = NULL;
    g_autofree char *text = NULL;

    g_assert_true(lab_file_write(lab_run_fd(run), "journal.jsonl",
                                 "{\"event\":\"started\",\"cell\":\"a\"}\n{\"event\":\"fin", -1,
                                 0600, NULL));
    append(run, "started", "b", json_object());
    cells = lab_journal_read(run, NULL);
    g_assert_cmpuint(g_hash_table_size(cells), ==, 2);
    text = lab_file_read(lab_run_fd(run), "journal.jsonl", 65536, NULL, NULL);
    g_assert_nonnull(strstr(text, "\"fin\n{\"event\":\"started\",\"cell\":\"b\""));
}

static void
test_index_list(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) old = make_run(f->data, 2);
    g_autoptr(LabRun) new = NULL;
    g_autoptr(LabIndex) index = NULL;
    g_autoptr(GPtrArray) list = NULL;
    g_autoptr(GError) error = NULL;
    const LabIndexRun *row;

    g_usleep(3000);
    new = make_run(f->data, 1);
    write_result(old, lab_run_cells(old, NULL)->pdata[0], "ran", "crash", 100);
    write_result(new, lab_run_cells(new, NULL)->pdata[0], "ran", "pass", 100);
    g_clear_pointer(&new, lab_run_free);
    index = lab_index_open(f->data, &error);
    g_assert_no_error(error);
    list = lab_index_list(index, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 2);
    row = list->pdata[0];
    g_assert_cmpstr(row->state, ==, "done");
    g_assert_cmpint(row->done, ==, 1);
    row = list->pdata[1];
    g_assert_cmpstr(row->id, ==, lab_run_id(old));
    g_assert_cmpstr(row->state, ==, "running");
    g_assert_cmpint(row->cells, ==, 2);
    g_assert_cmpint(row->done, ==, 1);
    g_assert_cmpint(row->unexpected, ==, 1);
}

static void
test_index_rebuild_and_damage(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 2);
    g_autofree char *path = g_build_filename(f->data, "index.sqlite", NULL);
    g_autoptr(LabIndex) index = NULL;
    g_autoptr(GPtrArray) list = NULL;
    guint n = 0;

    write_result(run, lab_run_cells(run, NULL)->pdata[1], "ran", "pass", 100);
    g_assert_true(lab_file_write(AT_FDCWD, path, "this is no database, long enough to be read so",
                                 -1, 0600, NULL));
    index = lab_index_open(f->data, NULL);
    g_assert_nonnull(index);
    g_assert_true(lab_index_rebuild(index, &n, NULL));
    g_assert_cmpuint(n, ==, 1);
    list = lab_index_list(index, NULL);
    g_assert_cmpint(((const LabIndexRun *)list->pdata[0])->done, ==, 1);
}

static void
test_index_of_newer_kreglab(Fixture *f, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(f->data, "index.sqlite", NULL);
    g_autoptr(GError) error = NULL;
    int version = 77;
    LAB_AUTO_FD fd = -1;

    lab_index_free(lab_index_open(f->data, NULL));
    /* user_version: four bytes, big-endian, at offset 60 (sqlite.org/fileformat.html, 1.3) */
    fd = open(path, O_RDWR | O_CLOEXEC);
    version = (int)GUINT32_TO_BE(version);
    g_assert_cmpint(pwrite(fd, &version, 4, 60), ==, 4);
    g_assert_null(lab_index_open(f->data, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_NEWER);
}

static void
test_index_expected(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 5);
    g_autoptr(LabIndex) index = lab_index_open(f->data, NULL);
    const GPtrArray *cells = lab_run_cells(run, NULL);

    g_assert_cmpint(lab_index_expected_ms(index, "6.1.0-1", "true", "stock"), ==, 0);
    for (guint i = 0; i < 5; i++)
        write_result(run, cells->pdata[i], i == 4 ? "infra" : "ran", i == 4 ? NULL : "pass",
                     (gint64[]){100, 9000, 200, 300, 1}[i]);
    g_assert_true(lab_index_put_results(index, run, NULL));
    g_assert_cmpint(lab_index_expected_ms(index, "6.1.0-1", "true", "stock"), ==, 300);
    g_assert_cmpint(lab_index_expected_ms(index, "5.10.0-1", "true", "stock"), ==, 300);
    g_assert_cmpint(lab_index_expected_ms(index, "5.10.0-1", "true", "other"), ==, 300);
    g_assert_cmpint(lab_index_expected_ms(index, "5.10.0-1", "other", "stock"), ==, 0);
}

static void
test_brief_unexpected(void)
{
    static const struct {
        const char *json;
        gboolean unexpected;
        const char *word;
    } rows[] = {
        {"{\"state\":\"ran\",\"outcome\":\"pass\",\"expected\":null}", FALSE, "pass"},
        {"{\"state\":\"ran\",\"outcome\":\"pass\",\"expected\":false}", TRUE, "pass"},
        {"{\"state\":\"ran\",\"outcome\":\"crash\",\"expected\":true}", FALSE, "crash"},
        {"{\"state\":\"ran\",\"outcome\":\"crash\",\"expected\":null}", TRUE, "crash"},
        {"{\"state\":\"ran\",\"outcome\":\"inconclusive\"}", TRUE, "inconclusive"},
        {"{\"state\":\"infra\",\"outcome\":null}", FALSE, "infra"},
        {"{\"state\":\"skipped\",\"expected\":false}", FALSE, "skipped"},
        {"{}", FALSE, "missing"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) json = lab_json_parse(rows[i].json, strlen(rows[i].json), "row", NULL);
        g_autoptr(LabBrief) brief = lab_brief_new_from_result(json);

        g_assert_cmpint(lab_brief_is_unexpected(brief), ==, rows[i].unexpected);
        g_assert_cmpstr(lab_brief_word(brief), ==, rows[i].word);
    }
}

#define ADD(name, function) g_test_add(name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/store/run/round-trip", test_run_round_trip);
    ADD("/store/run/equal-cells-once", test_run_keeps_equal_cells_once);
    ADD("/store/run/no-cells", test_run_without_cells_is_refused);
    ADD("/store/run/names", test_run_names);
    ADD("/store/run/lock", test_run_lock);
    ADD("/store/run/lock-is-waited-for", test_run_lock_is_waited_for);
    ADD("/store/run/newer", test_run_of_newer_kreglab);
    ADD("/store/run/damaged-cells", test_run_damaged_cells);
    ADD("/store/run/repetitions", test_run_repetitions);
    ADD("/store/run/hostile-cell-id", test_run_hostile_cell_id);
    ADD("/store/run/prepare-keeps-attempt", test_prepare_keeps_earlier_attempt);
    ADD("/store/journal/read", test_journal);
    ADD("/store/journal/cut-off", test_journal_cut_off);
    ADD("/store/journal/spent", test_journal_spent);
    ADD("/store/index/list", test_index_list);
    ADD("/store/index/rebuild-and-damage", test_index_rebuild_and_damage);
    ADD("/store/index/newer", test_index_of_newer_kreglab);
    ADD("/store/index/expected", test_index_expected);
    g_test_add_func("/store/brief/unexpected", test_brief_unexpected);
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-run-private.h"

#define GUESS_BOOT_MS 8000
#define GUESS_DUMP_MS 10000

gint64
lab_run_guess_ms(const LabCell *cell)
{
    return GUESS_BOOT_MS + cell->stressor.duration_ms +
           (cell->kdump && cell->ends_in_panic ? GUESS_DUMP_MS : 0);
}

/* Ids become file names: only what lab_cell_compute_id makes is let through. */
static gboolean
id_is_sane(const char *id)
{
    return id && *id && strlen(id) <= 64 && strspn(id, "0123456789abcdef") == strlen(id);
}

static void
take_cell(LabRun *run, LabRunCell *cell, gint64 offset, gsize length)
{
    cell->index = run->cells->len;
    cell->offset = offset;
    cell->length = (gint64)length;
    g_ptr_array_add(run->cells, cell);
    g_hash_table_insert(run->by_id, (char *)cell->id, cell);
}

static gboolean
add_cell(LabRun *run, const char *line, gsize length, gint64 offset, GError **error)
{
    g_autoptr(json_t) json = lab_json_parse(line, length, LAB_CELLS_FILE, error);
    g_autoptr(LabCell) whole = json ? lab_cell_from_json(json, error) : NULL;
    g_autofree char *share = NULL;
    LabRunCell *cell;

    if (!whole)
        return FALSE;
    if (!id_is_sane(whole->id)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "bad cell id");
        return FALSE;
    }
    cell = g_new0(LabRunCell, 1);
    cell->id = g_string_chunk_insert(run->strings, whole->id);
    cell->kernel = g_string_chunk_insert_const(run->strings, whole->kernel_id);
    cell->release = g_string_chunk_insert_const(
        run->strings, whole->kernel_release ? whole->kernel_release : whole->kernel_id);
    cell->recipe = g_string_chunk_insert_const(run->strings, whole->recipe);
    cell->variant = g_string_chunk_insert_const(run->strings, whole->variant);
    share = lab_cell_share(whole);
    cell->share = g_string_chunk_insert_const(run->strings, share);
    cell->may_be_warm = !whole->cold_why;
    cell->templates = MAX(whole->templates, 1);
    cell->baseline = whole->baseline;
    cell->repetition = whole->repetition;
    cell->memory_bytes = whole->guest.memory_bytes;
    cell->cpus = whole->guest.cpus;
    cell->replay = whole->replay != NULL;
    cell->guess_ms = lab_run_guess_ms(whole);
    take_cell(run, cell, offset, length);
    return TRUE;
}

/* Lines of cells that were read the long way, by what they share with their other repetitions: so
 * many kinds of cells cost the long way once each, in whatever order they stand. */
#define LIKES_MAX 10000u

typedef struct {
    LabCellLine line;
    const LabRunCell *cell;
    char text[];
} Like;

static void
remember(GHashTable *likes, guint hash, const LabCellLine *line, const LabRunCell *cell)
{
    Like *like = g_malloc(sizeof *like + line->length + 1);

    memcpy(like->text, line->text, line->length);
    like->text[line->length] = '\0';
    like->line = *line;
    like->line.text = like->text;
    like->cell = cell;
    g_hash_table_insert(likes, GUINT_TO_POINTER(hash), like);
}

/* One more repetition of a cell whose line was 'like'. FALSE: it is none such. */
static gboolean
add_repetition(LabRun *run, const LabCellLine *line, const Like *like, gint64 offset)
{
    g_autofree char *id = g_strndup(line->text + line->id, line->id_end - line->id);
    LabRunCell *cell;

    if (!lab_cell_line_is_like(line, &like->line) || !id_is_sane(id))
        return FALSE;
    cell = g_memdup2(like->cell, sizeof *cell);
    cell->id = g_string_chunk_insert(run->strings, id);
    cell->repetition = (int)g_ascii_strtoll(line->text + line->repetition, NULL, 10);
    take_cell(run, cell, offset, line->length);
    return TRUE;
}

static gboolean
read_line(LabRun *run, GHashTable *likes, const char *text, gsize length, gint64 offset,
          GError **error)
{
    LabCellLine line;
    gboolean simple = lab_cell_line_parse(&line, text, length);
    guint hash = simple ? lab_cell_line_hash(&line) : 0;
    const Like *like = simple ? g_hash_table_lookup(likes, GUINT_TO_POINTER(hash)) : NULL;

    if (like && add_repetition(run, &line, like, offset))
        return TRUE;
    if (!add_cell(run, text, length, offset, error))
        return FALSE;
    if (simple && g_hash_table_size(likes) < LIKES_MAX)
        remember(likes, hash, &line, run->cells->pdata[run->cells->len - 1]);
    return TRUE;
}

static gboolean
read_lines(LabRun *run, FILE *file, GError **error)
{
    g_autoptr(GHashTable) likes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_autofree char *text = NULL;
    size_t size = 0;
    gint64 offset = 0;
    gboolean ok = TRUE;

    for (guint number = 1; ok; number++) {
        ssize_t length = getline(&text, &size, file);

        if (length <= 0)
            break;
        if (text[length - 1] != '\n') {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "line %u is cut off", number);
            ok = FALSE;
        } else if (!read_line(run, likes, text, (gsize)length - 1, offset, error)) {
            g_prefix_error(error, "line %u: ", number);
            ok = FALSE;
        }
        offset += length;
    }
    if (ok && ferror(file))
        return lab_error_set_errno(error, errno, "reading");
    return ok;
}

gboolean
lab_run_load_cells(LabRun *run, GError **error)
{
    int fd = openat(run->fd, LAB_CELLS_FILE, O_RDONLY | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    gboolean ok;

    if (!file)
        return lab_error_set_errno(error, errno, "run '%s': opening '%s'", run->id, LAB_CELLS_FILE);
    run->strings = g_string_chunk_new(4096);
    run->cells = g_ptr_array_new_with_free_func(g_free);
    run->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    ok = read_lines(run, file, error);
    fclose(file);
    if (!ok)
        g_prefix_error(error, "run '%s': '%s': ", run->id, LAB_CELLS_FILE);
    return ok;
}

const GPtrArray *
lab_run_cells(LabRun *run, GError **error)
{
    if (!run->cells && !lab_run_load_cells(run, error)) {
        g_clear_pointer(&run->cells, g_ptr_array_unref);
        g_clear_pointer(&run->by_id, g_hash_table_unref);
        g_clear_pointer(&run->strings, g_string_chunk_free);
    }
    return run->cells;
}

const LabRunCell *
lab_run_find_cell(LabRun *run, const char *name, GError **error)
{
    const GPtrArray *cells = lab_run_cells(run, error);
    const LabRunCell *found = cells ? g_hash_table_lookup(run->by_id, name) : NULL;

    if (!cells || found)
        return found;
    for (guint i = 0; i < cells->len && *name; i++) {
        const LabRunCell *cell = cells->pdata[i];

        if (!g_str_has_prefix(cell->id, name))
            continue;
        if (found) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                        "cell '%s': several begin so ('%s', '%s'): give more of the id", name,
                        found->id, cell->id);
            return NULL;
        }
        found = cell;
    }
    if (!found)
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "run '%s' has no cell '%s': see 'kreglab show %s'", run->id, name, run->id);
    return found;
}

LabCell *
lab_run_read_cell(LabRun *run, const LabRunCell *cell, GError **error)
{
    LAB_AUTO_FD fd = openat(run->fd, LAB_CELLS_FILE, O_RDONLY | O_CLOEXEC);
    g_autofree char *line = g_malloc((gsize)cell->length + 1);
    g_autoptr(json_t) json = NULL;

    if (fd < 0) {
        lab_error_set_errno(error, errno, "run '%s': opening '%s'", run->id, LAB_CELLS_FILE);
        return NULL;
    }
    if (pread(fd, line, (gsize)cell->length, cell->offset) != cell->length) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "run '%s': '%s' is cut off", run->id,
                    LAB_CELLS_FILE);
        return NULL;
    }
    json = lab_json_parse(line, (gsize)cell->length, LAB_CELLS_FILE, error);
    return json ? lab_cell_from_json(json, error) : NULL;
}

char *
lab_run_cell_path(const LabRunCell *cell)
{
    return g_strdup_printf("cells/%s", cell->id);
}

char *
lab_run_cell_directory(const LabRun *run, const LabRunCell *cell)
{
    return g_build_filename(run->directory, "cells", cell->id, NULL);
}

json_t *
lab_run_read_result(LabRun *run, const LabRunCell *cell, GError **error)
{
    g_autofree char *path = g_strdup_printf("cells/%s/result.json", cell->id);

    return lab_json_read(run->fd, path, LAB_RESULT_SCHEMA, error);
}

LabBrief *
lab_run_read_brief(LabRun *run, const LabRunCell *cell)
{
    g_autoptr(json_t) result = lab_run_read_result(run, cell, NULL);

    return result ? lab_brief_new_from_result(result) : lab_brief_new();
}

GHashTable *
lab_run_started(const LabRun *run)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *path = g_build_filename(run->directory, "cells", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        g_hash_table_add(names, g_strdup(name));
    return names;
}

/* Renames cells/CELL to the first cells/CELL.attempt-N that is free. */
static gboolean
keep_aside(LabRun *run, const LabRunCell *cell, gboolean keep_dump, GError **error)
{
    g_autofree char *path = lab_run_cell_path(cell);

    if (!lab_file_exists(run->fd, path))
        return TRUE;
    for (int n = 1; n < 10000; n++) {
        g_autofree char *aside = g_strdup_printf("%s.attempt-%d", path, n);
        g_autofree char *dump = g_build_filename(aside, "vmcore", NULL);

        if (lab_file_exists(run->fd, aside))
            continue;
        if (renameat(run->fd, path, run->fd, aside) < 0)
            return lab_error_set_errno(error, errno, "keeping '%s' aside", path);
        return keep_dump || lab_path_remove(run->fd, dump, error);
    }
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_LIMIT, "'%s': too many attempts", path);
    return FALSE;
}

gboolean
lab_run_prepare_cell(LabRun *run, const LabRunCell *cell, const LabCell *whole, gboolean keep_dump,
                     GError **error)
{
    g_autofree char *path = lab_run_cell_path(cell);
    g_autoptr(json_t) json = lab_cell_to_json(whole);
    LAB_AUTO_FD fd = -1;

    if (!keep_aside(run, cell, keep_dump, error))
        return FALSE;
    fd = lab_dir_make(run->fd, path, 0700, error);
    return fd >= 0 && lab_json_write(fd, "cell.json", json, 0600, error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runs/RUN/results.cache: the short forms of all results in one file, as 100 000 small files take
 * long to open and to parse. Lines are of two kinds:
 *
 *   ID STAMP JSON      a result: the cell, size and time of its result.json, and its short form, in
 *                      which "crash" is the digest of a crash
 *   =DIGEST JSON       that crash, before the first line that names it
 *
 * It is only ever appended to, a whole line at a time; the last line of a cell counts, if the stamp
 * is that of the file. What is cut off or damaged is read from result.json again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-run-private.h"

#define CACHE_FILE  "results.cache"
#define STAMP_SIZE  48
#define DIGEST_SIZE 32

typedef struct {
    const char *stamp, *json; /* in the mapped file */
    gsize stamp_length, json_length;
} Line;

typedef struct {
    LabRun *run;
    GMappedFile *map;
    Line *lines;         /* one a cell; stamp NULL: none */
    GHashTable *crashes; /* digest -> json_t */
    GString *more;       /* lines to be appended */
} Cache;

/* --- the short form --- */

static void
copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = lab_json_member(from, *names);

        if (value && !json_is_null(value))
            json_object_set(to, *names, value);
    }
}

/* What two crashes are compared by. */
static json_t *
short_crash(const json_t *crash)
{
    static const char *const names[] = {"type",   "title", "alternatives", "signature", "corrupted",
                                        "frames", NULL};
    static const char *const attributes[] = {"function", NULL};
    json_t *json;

    if (!json_is_object(crash))
        return NULL;
    json = json_object();
    copy_members(json, crash, names);
    json_object_set_new(json, "attributes", json_object());
    copy_members(json_object_get(json, "attributes"), lab_json_member(crash, "attributes"),
                 attributes);
    return json;
}

static json_t *
run_phase(const json_t *result)
{
    json_t *array = json_array();
    json_t *phase;
    gsize i;

    json_array_foreach (lab_json_member(result, "phases"), i, phase)
        if (g_strcmp0(lab_json_string(phase, "name"), "run") == 0)
            json_array_append(array, phase);
    return array;
}

static json_t *
short_result(const json_t *result)
{
    static const char *const names[] = {"state",    "outcome",          "why",     "survived",
                                        "expected", "suspect",          "reached", "duration_ms",
                                        "boot_ms",  "time_to_crash_ms", "metrics", "vmstat",
                                        NULL};
    static const char *const of_dump[] = {"method", NULL};
    static const char *const of_facts[] = {"template", NULL};
    json_t *json = json_object();
    json_t *dump = json_object();
    json_t *facts = json_object();

    copy_members(json, result, names);
    copy_members(dump, lab_json_member(result, "dump"), of_dump);
    copy_members(facts, lab_json_member(result, "facts"), of_facts);
    json_object_set_new(json, "dump", dump);
    json_object_set_new(json, "facts", facts);
    json_object_set_new(json, "phases", run_phase(result));
    return json;
}

/* --- writing --- */

/* Size and time of result.json; FALSE: there is none. */
static gboolean
stamp_of(const LabRun *run, const LabRunCell *cell, char stamp[STAMP_SIZE])
{
    char path[128];
    struct stat st;

    g_snprintf(path, sizeof path, "cells/%s/result.json", cell->id);
    if (fstatat(run->fd, path, &st, 0) < 0)
        return FALSE;
    g_snprintf(stamp, STAMP_SIZE, "%" G_GINT64_MODIFIER "x.%" G_GINT64_MODIFIER "x.%lx",
               (gint64)st.st_size, (gint64)st.st_mtim.tv_sec, (gulong)st.st_mtim.tv_nsec);
    return TRUE;
}

/* Appends the lines of a result to 'out'; 'known' has the digests of crashes that are in the file.
 * Returns the short form, with the whole crash in it; owned by the caller. */
static json_t *
append_result(GString *out, const LabRunCell *cell, const char *stamp, const json_t *result,
              GHashTable *known)
{
    json_t *json = short_result(result);
    g_autoptr(json_t) crash = short_crash(lab_json_member(result, "crash"));
    g_autofree char *line = NULL;

    if (crash) {
        g_autofree char *body = lab_json_line(crash);
        g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1);
        json_t *same;

        digest[DIGEST_SIZE] = '\0';
        same = g_hash_table_lookup(known, digest);
        if (!same) {
            g_string_append_printf(out, "=%s %s\n", digest, body);
            g_hash_table_insert(known, g_strdup(digest), json_incref(crash));
        }
        json_object_set_new(json, "crash", json_string(digest));
        line = lab_json_line(json);
        json_object_set(json, "crash", same ? same : crash);
    } else {
        line = lab_json_line(json);
    }
    g_string_append_printf(out, "%s %s %s\n", cell->id, stamp, line);
    return json;
}

/* A cache that cannot be written is none: nothing depends on it. */
static void
write_lines(const LabRun *run, const GString *lines)
{
    g_autoptr(GError) error = NULL;
    LAB_AUTO_FD fd = -1;

    if (!lines->len)
        return;
    fd = openat(run->fd, CACHE_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !lab_fd_write_all(fd, lines->str, lines->len, &error))
        lab_debug("run '%s': '%s' is not kept: %s", run->id, CACHE_FILE,
                  error ? error->message : g_strerror(errno));
}

/* --- reading --- */

static void
take_crash(Cache *cache, const char *text, gsize length)
{
    const char *space = memchr(text, ' ', length);
    json_t *crash;

    if (!space)
        return;
    crash = lab_json_parse(space + 1, length - (gsize)(space + 1 - text), CACHE_FILE, NULL);
    if (json_is_object(crash))
        g_hash_table_insert(cache->crashes, g_strndup(text, (gsize)(space - text)), crash);
    else
        json_decref(crash);
}

static void
take_line(Cache *cache, const char *text, gsize length)
{
    const char *end = text + length;
    const char *stamp = memchr(text, ' ', length);
    const char *json = stamp ? memchr(stamp + 1, ' ', (gsize)(end - stamp - 1)) : NULL;
    const LabRunCell *cell;
    char id[80];

    if (*text == '=') {
        take_crash(cache, text + 1, length - 1);
        return;
    }
    if (!json || (gsize)(stamp - text) >= sizeof id)
        return;
    memcpy(id, text, (gsize)(stamp - text));
    id[stamp - text] = '\0';
    cell = g_hash_table_lookup(cache->run->by_id, id);
    if (cell)
        cache->lines[cell->index] =
            (Line){stamp + 1, json + 1, (gsize)(json - stamp - 1), (gsize)(end - json - 1)};
}

static void
map_cache(Cache *cache)
{
    LAB_AUTO_FD fd = openat(cache->run->fd, CACHE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const char *text, *end, *newline;

    cache->map = fd >= 0 ? g_mapped_file_new_from_fd(fd, FALSE, NULL) : NULL;
    if (!cache->map)
        return;
    text = g_mapped_file_get_contents(cache->map);
    end = text + g_mapped_file_get_length(cache->map);
    for (; text && text < end; text = newline + 1) {
        newline = memchr(text, '\n', (gsize)(end - text));
        if (!newline)
            break;
        if (newline > text)
            take_line(cache, text, (gsize)(newline - text));
    }
}

static gboolean
cache_open(Cache *cache, LabRun *run, GError **error)
{
    const GPtrArray *cells = lab_run_cells(run, error);

    if (!cells)
        return FALSE;
    cache->run = run;
    cache->lines = g_new0(Line, cells->len + 1);
    cache->crashes =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    cache->more = g_string_new(NULL);
    map_cache(cache);
    return TRUE;
}

static void
cache_close(Cache *cache)
{
    g_clear_pointer(&cache->map, g_mapped_file_unref);
    g_free(cache->lines);
    g_hash_table_unref(cache->crashes);
    g_string_free(cache->more, TRUE);
}

/* The cached short form of a cell, NULL when it is not there or older than the file. */
static json_t *
cached_result(const Cache *cache, const LabRunCell *cell, const char *stamp)
{
    const Line *line = &cache->lines[cell->index];
    g_autoptr(json_t) json = NULL;
    const char *digest;
    json_t *crash;

    if (!line->stamp || strlen(stamp) != line->stamp_length ||
        memcmp(stamp, line->stamp, line->stamp_length) != 0)
        return NULL;
    json = lab_json_parse(line->json, line->json_length, CACHE_FILE, NULL);
    digest = lab_json_string(json, "crash");
    crash = digest ? g_hash_table_lookup(cache->crashes, digest) : NULL;
    if (!json_is_object(json) || (digest && !crash))
        return NULL;
    if (crash)
        json_object_set(json, "crash", crash);
    return g_steal_pointer(&json);
}

static json_t *
result_of(Cache *cache, const LabRunCell *cell)
{
    char stamp[STAMP_SIZE];
    g_autoptr(json_t) whole = NULL;
    json_t *json;

    if (!stamp_of(cache->run, cell, stamp))
        return NULL;
    json = cached_result(cache, cell, stamp);
    if (json)
        return json;
    whole = lab_run_read_result(cache->run, cell, NULL);
    return whole ? append_result(cache->more, cell, stamp, whole, cache->crashes) : NULL;
}

gboolean
lab_run_each_result(LabRun *run, LabResultFunc function, gpointer data, GError **error)
{
    Cache cache = {0};

    if (!cache_open(&cache, run, error))
        return FALSE;
    for (guint i = 0; i < run->cells->len; i++) {
        g_autoptr(json_t) result = result_of(&cache, run->cells->pdata[i]);

        function(run->cells->pdata[i], result, data);
    }
    write_lines(run, cache.more);
    cache_close(&cache);
    return TRUE;
}

void
lab_run_cache_result(LabRun *run, const LabRunCell *cell)
{
    g_autoptr(json_t) result = lab_run_read_result(run, cell, NULL);
    g_autoptr(json_t) json = NULL;
    g_autoptr(GString) lines = g_string_new(NULL);
    char stamp[STAMP_SIZE];

    if (!result || !stamp_of(run, cell, stamp))
        return;
    /* Crashes that an earlier parent wrote are written once more: that does no harm. */
    if (!run->crashes)
        run->crashes =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    json = append_result(lines, cell, stamp, result, run->crashes);
    write_lines(run, lines);
}

static void
take_brief(const LabRunCell *cell, const json_t *result, gpointer briefs)
{
    g_ptr_array_add(briefs, result ? lab_brief_new_from_result(result) : lab_brief_new());
}

GPtrArray *
lab_run_read_briefs(LabRun *run, GError **error)
{
    g_autoptr(GPtrArray) briefs = g_ptr_array_new_with_free_func((GDestroyNotify)lab_brief_free);

    return lab_run_each_result(run, take_brief, briefs, error) ? g_steal_pointer(&briefs) : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a name on the command line to the crashes that it means. */
#include "lab-crash-source.h"

#include <string.h>
#include <sys/stat.h>

#include "lab-config.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"

/* Cells of own runs that are counted; the newest ones. */
#define OWN_CELLS_MAX 20000

LabCrashSource *
lab_crash_source_new(const char *name)
{
    LabCrashSource *source = g_new0(LabCrashSource, 1);

    source->name = g_strdup(name);
    source->traces = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_trace_free);
    return source;
}

void
lab_crash_source_free(LabCrashSource *source)
{
    if (!source)
        return;
    g_free(source->name);
    g_free(source->release);
    g_ptr_array_unref(source->traces);
    g_free(source);
}

static gboolean
add_file(LabCrashSource *source, const char *path, GError **error)
{
    g_autoptr(LabCrashLog) log = lab_crash_file_read(path, error);
    LabCrashTrace *trace;

    if (!log)
        return FALSE;
    source->n_logs++;
    if (!source->release)
        source->release = g_strdup(log->release);
    trace = lab_crash_trace_new_from_log(log);
    if (trace)
        g_ptr_array_add(source->traces, trace);
    return TRUE;
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All regular files of a directory, by name; those below it are not looked for. */
static gboolean
add_directory(LabCrashSource *source, const char *path, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (!dir)
        return FALSE;
    while ((name = g_dir_read_name(dir))) {
        char *file = g_build_filename(path, name, NULL);

        if (*name != '.' && g_file_test(file, G_FILE_TEST_IS_REGULAR))
            g_ptr_array_add(names, file);
        else
            g_free(file);
    }
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GError) local = NULL;

        if (!add_file(source, names->pdata[i], &local))
            lab_warn("passed over: %s", local->message);
    }
    return TRUE;
}

/* A cell without a result says nothing; one without a crash says that there was none. */
static void
add_cell(LabCrashSource *source, LabRun *run, const LabRunCell *cell)
{
    g_autoptr(json_t) result = lab_run_read_result(run, cell, NULL);
    LabCrashTrace *trace = result ? lab_crash_trace_new_from_json(lab_json_member(result, "crash"))
                                  : NULL;

    source->n_logs += result != NULL;
    if (!source->release)
        source->release = g_strdup(cell->release);
    if (trace)
        g_ptr_array_add(source->traces, trace);
}

/* RUN/KERNEL/RECIPE/VARIANT; *found stays FALSE where nothing fits. */
static gboolean
add_group(LabCrashSource *source, const LabCli *cli, char **parts, gboolean *found, GError **error)
{
    g_autoptr(LabRun) run = lab_run_open(cli->paths->data, parts[0], error);
    const GPtrArray *cells = run ? lab_run_cells(run, error) : NULL;

    if (!cells)
        return FALSE;
    for (guint i = 0; i < cells->len; i++) {
        const LabRunCell *cell = cells->pdata[i];

        if ((strcmp(cell->kernel, parts[1]) != 0 && g_strcmp0(cell->release, parts[1]) != 0) ||
            strcmp(cell->recipe, parts[2]) != 0 || strcmp(cell->variant, parts[3]) != 0)
            continue;
        add_cell(source, run, cell);
        *found = TRUE;
    }
    return TRUE;
}

/* The beginning of a cell's id: the newest run that has such a cell. */
static gboolean
add_by_id(LabCrashSource *source, const LabCli *cli, const char *name, gboolean *found,
          GError **error)
{
    g_auto(GStrv) ids = lab_run_ids(cli->paths->data, error);

    for (char **id = ids; id && *id && !*found; id++) {
        g_autoptr(LabRun) run = lab_run_open(cli->paths->data, *id, NULL);
        const LabRunCell *cell = run ? lab_run_find_cell(run, name, NULL) : NULL;

        if (!cell)
            continue;
        add_cell(source, run, cell);
        *found = TRUE;
    }
    return ids != NULL;
}

static gboolean
add_lab(LabCrashSource *source, const LabCli *cli, const char *name, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    g_autoptr(GError) local = NULL;
    gboolean found = FALSE;

    if (g_strv_length(parts) == 4 && !add_group(source, cli, parts, &found, &local))
        g_clear_error(&local);
    if (g_strv_length(parts) == 2) {
        const LabRunCell *cell = NULL;
        g_autoptr(LabRun) run = lab_run_open_cell(cli->paths->data, name, &cell, error);

        if (!run)
            return FALSE;
        add_cell(source, run, cell);
        found = TRUE;
    }
    if (g_strv_length(parts) == 1 && *name && !add_by_id(source, cli, name, &found, error))
        return FALSE;
    if (!found)
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "'%s' is no file, and no cell of this lab (RUN/CELL, RUN/KERNEL/RECIPE/VARIANT "
                    "or the beginning of a cell's id)",
                    name);
    return found;
}

gboolean
lab_crash_source_add(LabCrashSource *source, const LabCli *cli, const char *name, GError **error)
{
    struct stat status;

    if (strcmp(name, "-") == 0)
        return add_file(source, name, error);
    if (stat(name, &status) < 0)
        return add_lab(source, cli, name, error);
    if (S_ISDIR(status.st_mode))
        return add_directory(source, name, error);
    return add_file(source, name, error);
}

LabCrashKnown *
lab_crash_known_load(const LabCli *cli, gboolean own)
{
    LabCrashKnown *known = lab_crash_known_new();
    g_auto(GStrv) ids = own ? lab_run_ids(cli->paths->data, NULL) : NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint read = 0;

    for (char **id = ids; id && *id && read < OWN_CELLS_MAX; id++) {
        g_autoptr(LabRun) run = lab_run_open(cli->paths->data, *id, NULL);
        const GPtrArray *cells = run ? lab_run_cells(run, NULL) : NULL;

        for (guint i = 0; cells && i < cells->len && read < OWN_CELLS_MAX; i++, read++) {
            g_autoptr(json_t) result = lab_run_read_result(run, cells->pdata[i], NULL);
            g_autoptr(LabCrashTrace)
                trace = lab_crash_trace_new_from_json(lab_json_member(result, "crash"));

            if (trace && !trace->corrupted && trace->k2 &&
                g_hash_table_add(seen, g_strdup(trace->k2)))
                lab_crash_known_add(known, trace);
        }
    }
    return known;
}

gboolean
lab_crash_threshold(const LabCli *cli, double *threshold, GError **error)
{
    const char *text = lab_cli_string(cli, "threshold");
    LabConfig config;
    char *end = NULL;

    if (!text) {
        if (!lab_config_load(&config, error))
            return FALSE;
        *threshold = config.similarity_threshold;
        lab_schema_clear(&lab_config_table, &config);
        return TRUE;
    }
    *threshold = g_ascii_strtod(text, &end);
    if (end != text && !*end && *threshold >= 0 && *threshold <= 1)
        return TRUE;
    lab_cli_usage(error, "--threshold: '%s' is no number from 0 to 1", text);
    return FALSE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>

#include "lab-beside-private.h"
#include "lab-crash.h"
#include "lab-environment.h"
#include "lab-file.h"
#include "lab-json.h"

#define MAX_RUNS         8 /* of a side that are read */
#define CONFIG_MAX_BYTES (16u << 20)
#define LOG_MAX_BYTES    (64u << 20)

void
lab_beside_side_clear(LabBesideSide *side)
{
    lab_cell_free(side->cell);
    lab_kernel_free(side->kernel);
    g_clear_pointer(&side->results, g_ptr_array_unref);
    g_clear_pointer(&side->environments, g_ptr_array_unref);
    g_clear_pointer(&side->warned, g_hash_table_unref);
    g_clear_pointer(&side->options, g_hash_table_unref);
}

/* Titles of the console's reports, but for the crash's own, which the verdict is about. */
static void
read_warnings(LabBesideSide *side, const char *directory, const json_t *result)
{
    const char *own = lab_json_string(lab_json_member(result, "crash"), "title");
    g_autofree char *path = g_build_filename(directory, "console.log", NULL);
    gsize length;
    g_autofree char *text = lab_file_read(AT_FDCWD, path, LOG_MAX_BYTES, &length, NULL);
    g_autoptr(LabCrashLog) log = text ? lab_crash_log_parse(text, length) : NULL;

    for (guint i = 0; log && i < log->reports->len; i++) {
        const LabCrashReport *report = log->reports->pdata[i];

        if (report->title && g_strcmp0(report->title, own) != 0 && !report->harmless)
            g_hash_table_add(side->warned, g_strdup(report->title));
    }
}

/* "CONFIG_A=y" and "# CONFIG_A is not set" lines. NULL: no file. */
static GHashTable *
read_config(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "config", NULL);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, CONFIG_MAX_BYTES, NULL, NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    GHashTable *options;

    if (!lines)
        return NULL;
    options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (char **line = lines; *line; line++) {
        const char *equals = strchr(*line, '=');

        if (g_str_has_prefix(*line, "CONFIG_") && equals)
            g_hash_table_insert(options, g_strndup(*line, (gsize)(equals - *line)),
                                g_strdup(equals + 1));
    }
    return options;
}

static void
read_environment(LabBesideSide *side, const char *directory, const json_t *result)
{
    const json_t *found = lab_json_member(result, "environment");
    g_autofree char *path = g_build_filename(directory, LAB_ENVIRONMENT_FILE, NULL);
    g_autoptr(json_t) json = lab_json_string(found, "file")
                                 ? lab_json_read(AT_FDCWD, path, LAB_ENVIRONMENT_SCHEMA, NULL)
                                 : NULL;
    g_autoptr(json_t) environment = lab_environment_check(json);

    if (environment)
        g_ptr_array_add(side->environments,
                        lab_environment_with(environment, lab_json_member(found, "changed")));
}

static void
read_kernel(LabBesideSide *side)
{
    const char *directory = side->cell->kernel_directory;
    g_autofree char *path = directory ? g_build_filename(directory, "kernel.json", NULL) : NULL;
    g_autoptr(json_t) json = path ? lab_json_read(AT_FDCWD, path, LAB_KERNEL_SCHEMA, NULL) : NULL;

    if (!json)
        return;
    side->kernel = lab_kernel_new_from_json(json, directory, NULL);
    side->options = read_config(directory);
}

void
lab_beside_side_read(LabRun *run, const LabGroup *group, LabBesideSide *side)
{
    side->results = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    side->environments = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    side->warned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < group->observations->len && side->results->len < MAX_RUNS; i++) {
        const LabObservation *one = group->observations->pdata[i];
        const LabRunCell *cell = lab_run_find_cell(run, one->cell, NULL);
        json_t *result = cell ? lab_run_read_result(run, cell, NULL) : NULL;
        g_autofree char *directory = cell ? lab_run_cell_directory(run, cell) : NULL;

        if (cell && !side->cell) {
            side->cell = lab_run_read_cell(run, cell, NULL);
            if (side->cell)
                read_kernel(side);
        }
        if (!result)
            continue;
        if (one->state != LAB_STATE_RAN) { /* the lab's failure says nothing of the kernel */
            json_decref(result);
            continue;
        }
        g_ptr_array_add(side->results, result);
        read_warnings(side, directory, result);
        read_environment(side, directory, result);
    }
}

const json_t *
lab_beside_first_result(const LabBesideSide *side)
{
    return side->results->len > 0 ? side->results->pdata[0] : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was seen to work, from the results of real runs: nothing in the table is typed in. */
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-crash-pairs.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-run.h"
#include "lab-table.h"
#include "lab-version.h"

typedef enum { BOOT, MODULE_BUILD, KDUMP, HOST_DUMP, CRASH_TOOL, STACKS, N_COLUMNS } Column;

static const char *const column_names[N_COLUMNS] = {"boot",      "module_build", "kdump",
                                                    "host_dump", "crash",        "stacks"};

/* Series that the lab is prepared for; they get a row before anything of theirs was run. */
static const char *const prepared[] = {"3.10", "4.4", "4.19"};

typedef struct {
    char *series;
    guint cells; /* that were run */
    guint yes[N_COLUMNS], no[N_COLUMNS];
    char *why_not[N_COLUMNS]; /* of the first no */
} Row;

static void
row_free(gpointer pointer)
{
    Row *row = pointer;

    g_free(row->series);
    for (int i = 0; i < N_COLUMNS; i++)
        g_free(row->why_not[i]);
    g_free(row);
}

static Row *
row_of(GPtrArray *rows, const char *series)
{
    Row *row;

    for (guint i = 0; i < rows->len; i++)
        if (g_str_equal(((Row *)rows->pdata[i])->series, series))
            return rows->pdata[i];
    row = g_new0(Row, 1);
    row->series = g_strdup(series);
    g_ptr_array_add(rows, row);
    return row;
}

static void
count(Row *row, Column column, gboolean yes, const char *why_not)
{
    if (yes) {
        row->yes[column]++;
        return;
    }
    row->no[column]++;
    if (!row->why_not[column])
        row->why_not[column] = g_strdup(why_not ? why_not : "no reason given");
}

static void
count_dump(Row *row, const json_t *dump)
{
    const char *method = lab_json_string(dump, "method");
    const char *why_not = lab_json_string(dump, "why_not");
    const char *detail = lab_json_string(dump, "detail");
    const char *crash = lab_json_string(lab_json_member(dump, "check"), "crash");
    const char *host = detail ? strstr(detail, "from the host: ") : NULL;

    if (g_strcmp0(method, "kdump") == 0)
        count(row, KDUMP, TRUE, NULL);
    else if (why_not && !g_str_equal(why_not, "not-possible"))
        count(row, KDUMP, FALSE, why_not);
    if (method && g_str_has_prefix(method, "host-"))
        count(row, HOST_DUMP, TRUE, NULL);
    else if (!method && host)
        count(row, HOST_DUMP, FALSE, host);
    /* A dump of the capture kernel's state is not what the symbols are of. */
    if (method && crash && !lab_json_bool(dump, "capture_kernel_state", FALSE))
        count(row, CRASH_TOOL, g_str_equal(crash, "ok"), crash);
}

/* The first report's stack, from the console or the vmcore's dmesg: symbolised when every frame
 * that the unwinder trusts has its function's name. */
static void
count_stacks(Row *row, const json_t *crash)
{
    const json_t *frames = lab_json_member(crash, "frames");
    gboolean named = TRUE;

    for (size_t i = 0; i < json_array_size(frames); i++) {
        const json_t *frame = json_array_get(frames, i);
        const char *function = lab_json_string(frame, "function");

        if (lab_json_bool(frame, "reliable", TRUE))
            named &= function && (g_ascii_isalpha(*function) || *function == '_');
    }
    if (json_array_size(frames) > 0)
        count(row, STACKS, named, "frames without names");
}

static void
count_result(Row *row, const json_t *result)
{
    LabState state = lab_state_from_name(lab_json_string(result, "state"));
    LabOutcome outcome = lab_outcome_from_name(lab_json_string(result, "outcome"));
    const json_t *module = lab_json_member(lab_json_member(result, "facts"), "module_build");
    gboolean built = lab_json_bool(module, "built", FALSE);

    if (module)
        count(row, MODULE_BUILD, built,
              lab_json_string(module, "why") ? lab_json_string(module, "why")
                                             : lab_json_string(result, "why"));
    if (state != LAB_STATE_RAN)
        return;
    row->cells++;
    count(row, BOOT, outcome != LAB_OUTCOME_BOOT_FAILURE, lab_json_string(result, "why"));
    if (lab_json_member(result, "dump"))
        count_dump(row, lab_json_member(result, "dump"));
    count_stacks(row, lab_json_member(result, "crash"));
}

/* A cell that was skipped had no guest, but may have tried to build a module. */
static gboolean
counts(const json_t *result)
{
    return lab_result_is_real(result) ||
           lab_state_from_name(lab_json_string(result, "state")) == LAB_STATE_SKIPPED;
}

static gboolean
read_run(const char *data, const char *name, GPtrArray *rows, GError **error)
{
    g_autoptr(LabRun) run = lab_run_open(data, name, error);
    const GPtrArray *cells = run ? lab_run_cells(run, error) : NULL;

    for (guint i = 0; cells && i < cells->len; i++) {
        const LabRunCell *cell = cells->pdata[i];
        g_autoptr(json_t) result = cell->replay ? NULL : lab_run_read_result(run, cell, NULL);
        g_autofree char *series = lab_series_of(cell->release);

        if (result && counts(result))
            count_result(row_of(rows, series), result);
    }
    return cells != NULL;
}

static gint
by_series(gconstpointer a, gconstpointer b)
{
    return lab_release_compare((*(Row *const *)a)->series, (*(Row *const *)b)->series);
}

static const char *
word(const Row *row, Column column)
{
    return row->yes[column] > 0 ? "yes" : row->no[column] > 0 ? "no" : "not run";
}

static const char *
status(const Row *row)
{
    if (row->cells > 0)
        return "run";
    for (gsize i = 0; i < G_N_ELEMENTS(prepared); i++)
        if (g_str_equal(prepared[i], row->series))
            return "prepared, not run";
    return "not run";
}

static json_t *
row_to_json(const Row *row)
{
    json_t *json = json_pack("{s:o, s:i, s:s}", "series", lab_json_text(row->series), "cells",
                             (int)row->cells, "status", status(row));

    for (int i = 0; i < N_COLUMNS; i++)
        json_object_set_new(json, column_names[i],
                            json_pack("{s:s, s:i, s:i, s:o}", "works", word(row, i), "yes",
                                      (int)row->yes[i], "no", (int)row->no[i], "why_not",
                                      lab_json_text(row->why_not[i])));
    return json;
}

static void
print_table(const GPtrArray *rows)
{
    static const char *const headings[] = {"KERNELS",   ">CELLS",   "BOOT",   "MODULE", "KDUMP",
                                           "HOST DUMP", "CRASH(8)", "STACKS", "",       NULL};
    g_autoptr(LabTable) table = lab_table_new(headings);
    g_autoptr(GString) notes = g_string_new(NULL);

    for (guint i = 0; i < rows->len; i++) {
        const Row *row = rows->pdata[i];
        g_autofree char *cells = g_strdup_printf("%u", row->cells);
        char text[N_COLUMNS][64];

        for (int c = 0; c < N_COLUMNS; c++) {
            if (row->yes[c] > 0 && row->no[c] > 0)
                g_snprintf(text[c], sizeof text[c], "yes (%u of %u)", row->yes[c],
                           row->yes[c] + row->no[c]);
            else
                g_snprintf(text[c], sizeof text[c], "%s", word(row, c));
            if (row->why_not[c])
                g_string_append_printf(notes, "%s, %s: %s\n", row->series, column_names[c],
                                       row->why_not[c]);
        }
        lab_table_add(table, row->series, cells, text[BOOT], text[MODULE_BUILD], text[KDUMP],
                      text[HOST_DUMP], text[CRASH_TOOL], text[STACKS],
                      row->cells == 0 ? status(row) : "");
    }
    lab_table_print(table);
    if (notes->len > 0)
        lab_cli_print("\n%s", notes->str);
}

static int
cmd_support(LabCli *cli, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
    g_auto(GStrv) all = cli->n_args > 0 ? NULL : lab_run_ids(cli->paths->data, error);
    char **names = cli->n_args > 0 ? cli->args : all;
    json_t *array;

    if (!names)
        return LAB_EXIT_INFRA;
    for (gsize i = 0; i < G_N_ELEMENTS(prepared); i++)
        row_of(rows, prepared[i]);
    for (char **name = names; *name; name++) {
        g_autoptr(GError) local = NULL;

        if (read_run(cli->paths->data, *name, rows, &local))
            continue;
        if (cli->n_args > 0) {
            g_propagate_error(error, g_steal_pointer(&local));
            return LAB_EXIT_CONFIG;
        }
        lab_warn("left out: %s", local->message);
    }
    g_ptr_array_sort(rows, by_series);
    if (!lab_cli_flag(cli, "json")) {
        print_table(rows);
        return LAB_EXIT_OK;
    }
    array = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(array, row_to_json(rows->pdata[i]));
    lab_cli_print_json(json_pack("{s:i, s:o}", "schema_version", 1, "series", array));
    return LAB_EXIT_OK;
}

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

const LabVerb lab_verb_support = {
    .name = "support",
    .summary = "print what was seen to work, kernel series by kernel series",
    .synopsis = "[RUN…]",
    .description = "Counts the results of the given runs, or of all. Recorded guests do not count.",
    .max_args = -1,
    .options = {options},
    .hints = {LAB_HINT_RUN},
    .run = cmd_support,
};

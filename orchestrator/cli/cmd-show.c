/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-cli-run.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-journal.h"
#include "lab-json.h"
#include "lab-summary.h"
#include "lab-table.h"
#include "lab-units.h"

#define MAX_FRAMES 12

static json_t *
brief_to_json(const LabRunCell *cell, const LabBrief *brief)
{
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:i, s:s, s:o, s:o, s:b, s:o, s:o, s:I, s:o}", "id", cell->id,
        "kernel", lab_json_text(cell->kernel), "release", lab_json_text(cell->release), "recipe",
        lab_json_text(cell->recipe), "variant", lab_json_text(cell->variant), "repetition",
        cell->repetition, "state", lab_state_name(brief->state), "outcome",
        lab_json_text(lab_outcome_name(brief->outcome)), "expected",
        brief->expected == LAB_EXPECTED_UNKNOWN ? json_null() : json_boolean(brief->expected),
        "unexpected", lab_brief_is_unexpected(brief), "title", lab_json_text(brief->title),
        "suspect", lab_json_text(brief->suspect), "duration_ms", (json_int_t)brief->duration_ms,
        "dump_method", lab_json_text(brief->dump_method));
}

static void
show_run_json(LabRun *run, const GPtrArray *cells, const GPtrArray *briefs, GHashTable *spared)
{
    g_autoptr(json_t) array = json_array();
    LabSummary summary = {.cells = cells->len, .spared = g_hash_table_size(spared)};

    for (guint i = 0; i < cells->len; i++) {
        const LabBrief *brief = briefs->pdata[i];

        if (g_hash_table_contains(spared, ((LabRunCell *)cells->pdata[i])->id))
            continue;
        if (brief->state != LAB_STATE_MISSING)
            lab_summary_add(&summary, brief);
        json_array_append_new(array, brief_to_json(cells->pdata[i], brief));
    }
    lab_cli_print_json(json_pack("{s:i, s:s, s:o, s:s, s:s, s:O, s:o, s:O}", "schema_version", 1,
                                 "run", lab_run_id(run), "title", lab_json_text(lab_run_title(run)),
                                 "created", lab_run_created(run), "directory",
                                 lab_run_directory(run), "info", lab_run_info(run), "summary",
                                 lab_summary_to_json(&summary), "cells", array));
}

static void
show_run(LabRun *run, const GPtrArray *cells, const GPtrArray *briefs, GHashTable *spared)
{
    static const char *const headings[] = {"CELL",    "KERNEL", "RECIPE", "VARIANT", ">REP",
                                           "OUTCOME", "",       ">TIME",  "TITLE",   NULL};
    g_autoptr(LabTable) table = lab_table_new(headings);
    LabSummary summary = {.cells = cells->len, .spared = g_hash_table_size(spared)};
    g_autofree char *text = NULL;

    for (guint i = 0; i < cells->len; i++) {
        const LabRunCell *cell = cells->pdata[i];
        const LabBrief *brief = briefs->pdata[i];
        gboolean missing = brief->state == LAB_STATE_MISSING;
        g_autofree char *repetition = g_strdup_printf("%d", cell->repetition);
        g_autofree char *time = missing ? NULL : lab_duration_human(brief->duration_ms);

        if (g_hash_table_contains(spared, cell->id))
            continue;
        if (!missing)
            lab_summary_add(&summary, brief);
        lab_table_add(table, cell->id, cell->kernel, cell->recipe, cell->variant, repetition,
                      lab_brief_word(brief), lab_brief_is_unexpected(brief) ? "unexpected" : "",
                      time,
                      brief->title ? brief->title
                      : brief->why ? brief->why
                                   : "");
    }
    text = lab_summary_text(&summary);
    lab_cli_print("%s  %s\n%s\n%s\n\n", lab_run_id(run), lab_run_title(run), lab_run_directory(run),
                  text);
    lab_table_print(table);
}

static void
field(const char *name, const char *text)
{
    if (text && *text)
        lab_cli_print("%-12s %s\n", name, text);
}

static void
time_field(const char *name, const json_t *result, const char *key)
{
    gint64 ms = lab_json_int(result, key, -1);
    g_autofree char *text = ms >= 0 ? lab_duration_human(ms) : NULL;

    field(name, text);
}

static void
show_crash(const json_t *crash)
{
    json_t *frames = lab_json_member(crash, "frames");
    gsize i;
    json_t *frame;

    field("title", lab_json_string(crash, "title"));
    field("type", lab_json_string(crash, "type"));
    field("signature", lab_json_string(lab_json_member(crash, "signature"), "k0"));
    json_array_foreach (frames, i, frame) {
        const char *module = lab_json_string(frame, "module");
        g_autofree char *text =
            g_strdup_printf("%s%s%s%s%s", lab_json_bool(frame, "reliable", TRUE) ? "" : "? ",
                            lab_json_string(frame, "function"), module ? " [" : "",
                            module ? module : "", module ? "]" : "");

        if (i < MAX_FRAMES)
            field(i == 0 ? "frames" : "", text);
    }
}

static void
show_dump(LabRun *run, const LabRunCell *cell, const json_t *dump)
{
    const char *method = lab_json_string(dump, "method");
    g_autofree char *path = g_strdup_printf("cells/%s/vmcore", cell->id);
    g_autofree char *size = lab_size_human((guint64)lab_json_int(dump, "size_bytes", 0));
    g_autofree char *duration = lab_duration_human(lab_json_int(dump, "duration_ms", 0));
    g_autofree char *text = NULL;

    if (method)
        text = g_strdup_printf(
            "%s, %s in %s%s", method, size, duration,
            lab_file_exists(lab_run_fd(run), path) ? "" : "; not kept (see journal.jsonl)");
    field("dump", text);
    field("no kdump", lab_json_string(dump, "why_not"));
    field("", lab_json_string(dump, "detail"));
}

static void
show_phases(const json_t *phases)
{
    gsize i;
    json_t *phase;

    json_array_foreach ((json_t *)phases, i, phase) {
        g_autofree char *duration = lab_duration_human(lab_json_int(phase, "duration_ms", 0));
        g_autofree char *text =
            g_strdup_printf("%-10s %s", lab_json_string(phase, "name"), duration);

        field(i == 0 ? "phases" : "", text);
    }
}

static void
show_metrics(const json_t *metrics)
{
    const char *name;
    json_t *value;
    gboolean first = TRUE;

    json_object_foreach ((json_t *)metrics, name, value) {
        g_autofree char *text = g_strdup_printf("%s %g", name, json_number_value(value));

        field(first ? "metrics" : "", text);
        first = FALSE;
    }
}

static void
show_files(LabRun *run, const LabRunCell *cell)
{
    static const char *const files[] = {"console.log",      "dmesg.txt",  "vmcore",
                                        "vmcore.dmesg.txt", "hang.txt",   "stressor.log",
                                        "domain.xml",       "worker.log", "result.json"};
    g_autofree char *directory = lab_run_cell_directory(run, cell);

    field("directory", directory);
    for (gsize i = 0, n = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(directory, files[i], NULL);

        if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
            field(n++ == 0 ? "files" : "", files[i]);
    }
}

/* Attempts that were kept aside. */
static void
show_attempts(LabRun *run, const LabRunCell *cell)
{
    for (int n = 1;; n++) {
        g_autofree char *path =
            g_strdup_printf("%s/cells/%s.attempt-%d", lab_run_directory(run), cell->id, n);

        if (!g_file_test(path, G_FILE_TEST_IS_DIR))
            return;
        field(n == 1 ? "attempts" : "", path);
    }
}

/* "fix.ko: loaded, live patch enabled in 1.2 s" */
static void
show_hotfix(const json_t *hotfix)
{
    const json_t *patch = lab_json_member(hotfix, "livepatch");
    const char *error = lab_json_string(hotfix, "error");
    g_autoptr(GString) text = g_string_new(lab_json_string(hotfix, "file"));

    if (!json_is_object(hotfix))
        return;
    g_string_append_printf(text, ": %s",
                           lab_json_bool(hotfix, "loaded", FALSE) ? "loaded" : "not loaded");
    if (error)
        g_string_append_printf(text, " (%s)", error);
    if (json_is_object(patch) && lab_json_bool(patch, "in_transition", FALSE))
        g_string_append(text, ", live patch still in transition");
    else if (json_is_object(patch))
        g_string_append_printf(text, ", live patch %s after %.1f s",
                               lab_json_bool(patch, "enabled", FALSE) ? "in force" : "off",
                               (double)lab_json_int(patch, "transition_ms", 0) / 1000);
    field("hotfix", text->str);
}

static void
show_cell(LabRun *run, const LabRunCell *cell, const json_t *result)
{
    g_autoptr(LabBrief) brief = result ? lab_brief_new_from_result(result) : lab_brief_new();
    g_autofree char *what =
        g_strdup_printf("%s/%s #%d", cell->recipe, cell->variant, cell->repetition);
    g_autofree char *outcome = g_strdup_printf("%s%s%s", lab_brief_word(brief),
                                               brief->survived ? ", the kernel went on" : "",
                                               lab_brief_is_unexpected(brief) ? ", unexpected"
                                               : brief->expected == LAB_EXPECTED_YES ? ", expected"
                                                                                     : "");

    lab_cli_print("%s/%s\n", lab_run_id(run), cell->id);
    field("kernel", cell->kernel);
    field("recipe", what);
    field("state", lab_state_name(brief->state));
    field("outcome", outcome);
    field("why", brief->why);
    show_crash(lab_json_member(result, "crash"));
    show_dump(run, cell, lab_json_member(result, "dump"));
    time_field("boot", result, "boot_ms");
    time_field("to crash", result, "time_to_crash_ms");
    time_field("time", result, "duration_ms");
    show_phases(lab_json_member(result, "phases"));
    show_metrics(lab_json_member(result, "metrics"));
    show_hotfix(lab_json_member(lab_json_member(result, "facts"), "hotfix"));
    field("accelerator", lab_json_string(lab_json_member(result, "facts"), "accelerator"));
    show_files(run, cell);
    show_attempts(run, cell);
}

static int
show_one_cell(LabCli *cli, LabRun *run, const LabRunCell *cell, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(json_t) result = lab_run_read_result(run, cell, &local);
    g_autoptr(LabCell) whole = NULL;

    if (!result && !g_error_matches(local, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return 0;
    }
    if (!lab_cli_flag(cli, "json")) {
        show_cell(run, cell, result);
        return LAB_EXIT_OK;
    }
    whole = lab_run_read_cell(run, cell, error);
    if (!whole)
        return 0;
    lab_cli_print_json(json_pack("{s:i, s:o, s:o}", "schema_version", 1, "cell",
                                 lab_cell_to_json(whole), "result",
                                 result ? json_incref(result) : json_null()));
    return LAB_EXIT_OK;
}

static int
cmd_show(LabCli *cli, GError **error)
{
    const LabRunCell *cell;
    g_autoptr(LabRun) run = lab_cli_open_run(cli, &cell, error);
    const GPtrArray *cells = run ? lab_run_cells(run, error) : NULL;
    g_autoptr(GPtrArray) briefs = NULL;
    g_autoptr(GHashTable) spared = NULL;

    if (!cells)
        return 0;
    if (cell)
        return show_one_cell(cli, run, cell, error);
    briefs = lab_run_read_briefs(run, error);
    spared = briefs ? lab_journal_spared(run, error) : NULL;
    if (!spared)
        return 0;
    if (lab_cli_flag(cli, "json"))
        show_run_json(run, cells, briefs, spared);
    else
        show_run(run, cells, briefs, spared);
    return LAB_EXIT_OK;
}

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

const LabVerb lab_verb_show = {
    .name = "show",
    .summary = "show a run or one of its cells",
    .synopsis = "[RUN[/CELL]]",
    .description = "RUN and CELL may be unique prefixes; RUN is 'latest' unless it is given.",
    .max_args = 1,
    .options = {options},
    .hints = {LAB_HINT_CELL},
    .run = cmd_show,
};

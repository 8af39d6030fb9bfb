/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON for programs: reports/schema/report.schema.json. Paths are absolute. */
#include "lab-report.h"

#include "lab-error.h"
#include "lab-json.h"

extern const LabReportFormat lab_report_format_json;

static void
copy(json_t *to, const char *key, const json_t *from)
{
    json_t *value = lab_json_member(from, key);

    json_object_set(to, key, value ? value : json_null());
}

static json_t *
dump_to_json(const LabReport *report, const LabReportCell *cell, const json_t *result)
{
    static const char *const keys[] = {"method", "size_bytes",           "duration_ms", "why_not",
                                       "detail", "capture_kernel_state", "check"};
    const json_t *dump = lab_json_member(result, "dump");
    const char *file = lab_json_string(dump, "path");
    g_autofree char *directory = lab_run_cell_directory(report->run, cell->cell);
    g_autofree char *path = file ? g_build_filename(directory, file, NULL) : NULL;
    gboolean gone = lab_report_dump_is_gone(cell, dump);
    json_t *out = json_object();

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        copy(out, keys[i], dump);
    json_object_set_new(out, "path", gone ? json_null() : lab_json_text(path));
    json_object_set_new(out, "removed", json_boolean(gone));
    return out;
}

static json_t *
evidence_to_json(const LabReport *report, const LabReportCell *cell)
{
    g_autofree char *directory = lab_run_cell_directory(report->run, cell->cell);
    json_t *out = json_object();

    for (guint i = 0; i < lab_n_evidence_files; i++) {
        g_autofree char *path = g_build_filename(directory, lab_evidence_files[i].name, NULL);

        if (cell->evidence & (1u << i))
            json_object_set_new(out, lab_evidence_files[i].name, lab_json_text(path));
    }
    return out;
}

static json_t *
cell_to_json(const LabReport *report, const LabReportCell *cell)
{
    static const char *const keys[] = {"why",     "expected",         "survived", "duration_ms",
                                       "boot_ms", "time_to_crash_ms", "metrics",  "reached",
                                       "crash",   "phases",           "started"};
    g_autoptr(json_t) result = lab_report_cell_result(report, cell);
    json_t *crash = lab_json_member(result, "crash");
    const char *title = lab_json_string(crash, "title");
    const char *outcome =
        cell->brief->state == LAB_STATE_RAN ? lab_outcome_name(cell->brief->outcome) : NULL;
    json_t *out = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:i, s:b, s:s, s:o, s:o}", "id", cell->cell->id, "kernel",
        lab_json_text(cell->cell->kernel), "release", lab_json_text(cell->cell->release), "recipe",
        lab_json_text(cell->cell->recipe), "variant", lab_json_text(cell->cell->variant),
        "repetition", cell->cell->repetition, "baseline", cell->baseline, "state",
        lab_state_name(cell->brief->state), "outcome", lab_json_text(outcome), "title",
        lab_json_text(title));

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        copy(out, keys[i], result);
    json_object_set_new(out, "unexpected", json_boolean(lab_brief_is_unexpected(cell->brief)));
    json_object_set_new(out, "dump", dump_to_json(report, cell, result));
    json_object_set_new(out, "evidence", evidence_to_json(report, cell));
    return out;
}

static json_t *
crash_to_json(const LabReportCrash *crash)
{
    json_t *cells = json_array();
    json_t *whys = json_array();
    json_t *apart = json_array();

    for (guint i = 0; i < crash->cells->len; i++)
        json_array_append_new(cells,
                              lab_json_text(((LabReportCell *)crash->cells->pdata[i])->cell->id));
    for (guint i = 0; i < crash->whys->len; i++)
        json_array_append_new(whys, lab_json_text(crash->whys->pdata[i]));
    for (guint i = 0; i < crash->apart->len; i++) {
        const LabReportApart *one = crash->apart->pdata[i];

        json_array_append_new(apart, json_pack("{s:i, s:s, s:o}", "crash", (int)one->other,
                                               "verdict", lab_crash_verdict_name(one->verdict),
                                               "why", lab_json_text(one->why)));
    }
    return json_pack("{s:o, s:o, s:o, s:b, s:o}", "title", lab_json_text(crash->title), "cells",
                     cells, "why", whys, "uncertain", crash->uncertain, "apart", apart);
}

static json_t *
crashes_to_json(const LabReport *report)
{
    json_t *out = json_array();

    for (guint i = 0; i < report->crashes->len; i++)
        json_array_append_new(out, crash_to_json(report->crashes->pdata[i]));
    return out;
}

static json_t *
counts_to_json(const LabReport *report)
{
    json_t *out = json_pack("{s:i, s:i, s:i}", "cells", (int)report->cells->len, "ran",
                            (int)report->ran, "unexpected", (int)report->unexpected);

    if (report->suspect > 0)
        json_object_set_new(out, "suspect", json_integer(report->suspect));
    for (const char *const *word = lab_report_words; *word; word++)
        json_object_set_new(out, *word, json_integer(lab_report_count(report, *word)));
    return out;
}

static gboolean
write_json(const LabReport *report, GString *out, GError **error)
{
    g_autoptr(json_t) root = NULL;
    json_t *cells = json_array();
    g_autofree char *rule = lab_analysis_rule(report->analysis);
    json_t *host = lab_json_member(lab_run_info(report->run), "host");
    char *text;

    root = json_pack(
        "{s:i, s:s, s:o, s:s, s:o, s:s, s:s, s:o, s:o}", "schema_version", LAB_REPORT_SCHEMA, "run",
        lab_run_id(report->run), "title", lab_json_text(lab_run_title(report->run)), "created",
        lab_run_created(report->run), "directory", lab_json_text(lab_run_directory(report->run)),
        "kreglab", KREGLAB_VERSION, "rule", rule, "baseline_kernel",
        lab_json_text(report->analysis->baseline_kernel), "counts", counts_to_json(report));
    for (guint i = 0; i < report->cells->len; i++)
        json_array_append_new(cells, cell_to_json(report, report->cells->pdata[i]));
    json_object_set_new(root, "cells", cells);
    json_object_set_new(root, "crashes", crashes_to_json(report));
    json_object_set_new(root, "confidence", json_real(report->analysis->confidence));
    json_object_set_new(root, "comparisons", lab_analysis_to_json(report->analysis));
    json_object_set_new(root, "environment",
                        json_pack("{s:o, s:O}", "host", host ? json_incref(host) : json_object(),
                                  "facts", report->facts));
    text = json_dumps(root, JSON_INDENT(2));
    if (!text) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the report is no valid JSON");
        return FALSE;
    }
    g_string_append(out, text);
    g_string_append_c(out, '\n');
    free(text);
    return TRUE;
}

const LabReportFormat lab_report_format_json = {
    .name = "json",
    .extension = "json",
    .summary = "for programs",
    .write = write_json,
};

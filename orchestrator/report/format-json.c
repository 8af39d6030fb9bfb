/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON for programs: reports/schema/report.schema.json. Paths are absolute. */
#include "lab-report.h"

#include <math.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

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
    gboolean gone = lab_report_dump_is_gone(report, cell, dump);
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
    guint there = lab_report_evidence(report, cell);
    json_t *out = json_object();

    for (guint i = 0; i < lab_n_evidence_files; i++) {
        g_autofree char *path = g_build_filename(directory, lab_evidence_files[i].name, NULL);

        if (there & (1u << i))
            json_object_set_new(out, lab_evidence_files[i].name, lab_json_text(path));
    }
    return out;
}

/* What the cell is; the keys that the long and the short form share. */
static json_t *
cell_head(const LabReportCell *cell, const char *title)
{
    const char *outcome =
        cell->brief->state == LAB_STATE_RAN ? lab_outcome_name(cell->brief->outcome) : NULL;

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:i, s:b, s:s, s:o, s:o}", "id", cell->cell->id,
                     "kernel", lab_json_text(cell->cell->kernel), "release",
                     lab_json_text(cell->cell->release), "recipe",
                     lab_json_text(cell->cell->recipe), "variant",
                     lab_json_text(cell->cell->variant), "repetition", cell->cell->repetition,
                     "baseline", cell->baseline, "state", lab_state_name(cell->brief->state),
                     "outcome", lab_json_text(outcome), "title", lab_json_text(title));
}

static json_t *
cell_to_json(const LabReport *report, const LabReportCell *cell)
{
    static const char *const keys[] = {"why",     "expected",         "survived", "duration_ms",
                                       "boot_ms", "time_to_crash_ms", "metrics",  "reached",
                                       "crash",   "phases",           "started"};
    g_autoptr(json_t) result = lab_report_cell_result(report, cell);
    json_t *crash = lab_json_member(result, "crash");
    json_t *out = cell_head(cell, lab_json_string(crash, "title"));

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        copy(out, keys[i], result);
    json_object_set_new(out, "unexpected", json_boolean(lab_brief_is_unexpected(cell->brief)));
    json_object_set_new(out, "dump", dump_to_json(report, cell, result));
    json_object_set_new(out, "evidence", evidence_to_json(report, cell));
    return out;
}

static json_t *
clean_text(const char *text)
{
    g_autofree char *clean = text ? lab_text_clean(text, -1, FALSE) : NULL;

    return lab_json_text(clean);
}

static json_t *
time_to_json(gboolean ran, gint64 ms)
{
    return ran && ms >= 0 ? json_integer(ms) : json_null();
}

static json_t *
metrics_to_json(const LabObservation *observation)
{
    json_t *out = json_object();

    for (guint i = 0; i < observation->n_metrics; i++) {
        const LabMetric *one = &observation->metrics[i];
        g_autofree char *name = lab_text_clean(one->name, -1, FALSE);
        gboolean whole = !(fabs(one->value - round(one->value)) > 0) && fabs(one->value) < 1e15;

        json_object_set_new(out, name,
                            whole ? json_integer((json_int_t)one->value) : json_real(one->value));
    }
    return out;
}

/* Of the many cells of a large run: what is known without a look at their result.json. */
static json_t *
short_cell_to_json(const LabReport *report, const LabReportCell *cell)
{
    const LabBrief *brief = cell->brief;
    gboolean ran = brief->state == LAB_STATE_RAN;
    g_autofree char *title = brief->title ? lab_text_clean(brief->title, -1, FALSE) : NULL;
    g_autofree char *directory = lab_run_cell_directory(report->run, cell->cell);
    g_autofree char *vmcore = g_build_filename(directory, "vmcore", NULL);
    g_autofree char *below = g_strdup_printf("cells/%s/vmcore", cell->cell->id);
    gboolean there = brief->dump_method && lab_file_exists(lab_run_fd(report->run), below);
    json_t *out = cell_head(cell, title);

    json_object_set_new(out, "short", json_true());
    json_object_set_new(out, "why", clean_text(brief->why));
    json_object_set_new(out, "expected",
                        brief->expected == LAB_EXPECTED_UNKNOWN
                            ? json_null()
                            : json_boolean(brief->expected == LAB_EXPECTED_YES));
    json_object_set_new(out, "unexpected", json_boolean(lab_brief_is_unexpected(brief)));
    json_object_set_new(out, "survived", json_boolean(brief->survived));
    json_object_set_new(out, "duration_ms", time_to_json(ran, brief->duration_ms));
    json_object_set_new(out, "boot_ms", time_to_json(ran, brief->boot_ms));
    json_object_set_new(out, "time_to_crash_ms", time_to_json(ran, brief->time_to_crash_ms));
    json_object_set_new(out, "metrics", metrics_to_json(cell->observation));
    json_object_set_new(out, "dump",
                        json_pack("{s:o, s:n, s:n, s:n, s:o, s:b}", "method",
                                  clean_text(brief->dump_method), "size_bytes", "duration_ms",
                                  "why_not", "path", there ? lab_json_text(vmcore) : json_null(),
                                  "removed", brief->dump_method && !there));
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
    if (report->spared > 0)
        json_object_set_new(out, "spared", json_integer(report->spared));
    for (const char *const *word = lab_report_words; *word; word++)
        json_object_set_new(out, *word, json_integer(lab_report_count(report, *word)));
    return out;
}

/* --- text: cell by cell, as 100 000 of them are too many for the memory --- */

/* Enough for any cell. */
#define TEXT_SIZE (32 * 1024)

static void
append_indented(GString *out, const char *text, gsize length, const char *indent)
{
    const char *end = text + length;
    gssize indent_length = (gssize)strlen(indent);
    const char *newline;

    for (; (newline = memchr(text, '\n', (gsize)(end - text))); text = newline + 1) {
        g_string_append_len(out, text, newline + 1 - text);
        g_string_append_len(out, indent, indent_length);
    }
    g_string_append_len(out, text, end - text);
}

/* 'indent' goes after each newline. */
static gboolean
put(GString *out, const json_t *value, const char *indent, GError **error)
{
    char buffer[TEXT_SIZE];
    g_autofree char *large = NULL;
    gsize length = value ? json_dumpb(value, buffer, sizeof buffer, JSON_INDENT(2)) : 0;

    if (length > sizeof buffer) {
        large = g_malloc(length);
        length = json_dumpb(value, large, length, JSON_INDENT(2));
    }
    if (!length) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the report is no valid JSON");
        return FALSE;
    }
    append_indented(out, large ? large : buffer, length, indent);
    return TRUE;
}

static gboolean
put_cells(const LabReport *report, GString *out, GError **error)
{
    g_string_append(out, ",\n  \"cells\": [");
    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];
        g_autoptr(json_t) json = cell->detailed ? cell_to_json(report, cell)
                                                : short_cell_to_json(report, cell);

        g_string_append(out, i ? ",\n    " : "\n    ");
        if (!put(out, json, "    ", error) || !lab_report_drain(report, out, error))
            return FALSE;
    }
    g_string_append(out, report->cells->len ? "\n  ]," : "],");
    return TRUE;
}

static gboolean
write_json(const LabReport *report, GString *out, GError **error)
{
    g_autoptr(json_t) head = NULL;
    g_autoptr(json_t) tail = NULL;
    g_autofree char *rule = lab_analysis_rule(report->analysis);
    json_t *host = lab_json_member(lab_run_info(report->run), "host");
    gsize brace;

    head = json_pack(
        "{s:i, s:s, s:o, s:s, s:o, s:s, s:s, s:o, s:o}", "schema_version", LAB_REPORT_SCHEMA, "run",
        lab_run_id(report->run), "title", lab_json_text(lab_run_title(report->run)), "created",
        lab_run_created(report->run), "directory", lab_json_text(lab_run_directory(report->run)),
        "kreglab", KREGLAB_VERSION, "rule", rule, "baseline_kernel",
        lab_json_text(report->analysis->baseline_kernel), "counts", counts_to_json(report));
    if (!put(out, head, "", error))
        return FALSE;
    g_string_truncate(out, out->len - strlen("\n}"));
    if (!put_cells(report, out, error))
        return FALSE;
    tail = json_pack("{s:o, s:f, s:o, s:{s:o, s:O}}", "crashes", crashes_to_json(report),
                     "confidence", report->analysis->confidence, "comparisons",
                     lab_report_comparisons_to_json(report), "environment", "host",
                     host ? json_incref(host) : json_object(), "facts", report->facts);
    brace = out->len;
    if (!put(out, tail, "", error))
        return FALSE;
    g_string_erase(out, (gssize)brace, 1);
    g_string_append_c(out, '\n');
    return TRUE;
}

const LabReportFormat lab_report_format_json = {
    .name = "json",
    .extension = "json",
    .summary = "for programs",
    .write = write_json,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JUnit's XML as Jenkins and GitLab read it (the schema of the jenkinsci/xunit plugin,
 * junit-10.xsd): a suite a kernel, a case a cell. What the recipe expects is no failure, and what
 * the lab did not manage is an error, never a failure of the kernel.
 */
#include <string.h>

#include "lab-html.h" /* lab_html(): its escapes are XML's, too */
#include "lab-json.h"
#include "lab-report-cases.h"

extern const LabReportFormat lab_report_format_junit;

typedef struct {
    guint tests, failures, errors, skipped;
    gint64 ms;
} Sums;

static void
add_up(Sums *sums, const LabReportCell *cell)
{
    LabCase standing = lab_report_case(cell);

    sums->tests++;
    sums->failures += standing == LAB_CASE_FAIL;
    sums->errors += standing == LAB_CASE_ERROR;
    sums->skipped += standing == LAB_CASE_SKIP || standing == LAB_CASE_UNKNOWN;
    sums->ms += MAX(cell->brief->duration_ms, 0);
}

static void
put_sums(GString *out, const Sums *sums)
{
    lab_html(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\"",
             sums->tests, sums->failures, sums->errors, sums->skipped, (double)sums->ms / 1000);
}

static void
put_frames(GString *out, const json_t *crash)
{
    json_t *one;
    size_t index;

    json_array_foreach (lab_json_member(crash, "frames"), index, one) {
        const char *function = lab_json_string(one, "function");
        const char *module = lab_json_string(one, "module");

        if (function)
            lab_html(out, "  %s%s%s%s\n", function, module ? " [" : "", module ? module : "",
                     module ? "]" : "");
    }
}

/* The files, as Jenkins' attachments plug-in and GitLab find them. */
static void
put_files(const LabReport *report, GString *out, const LabReportCell *cell)
{
    g_autofree char *directory = lab_run_cell_directory(report->run, cell->cell);
    guint there = lab_report_evidence(report, cell);

    for (guint i = 0; i < lab_n_evidence_files; i++)
        if (there & (1u << i))
            lab_html(out, "[[ATTACHMENT|%s/%s]]\n", directory, lab_evidence_files[i].name);
}

static void
put_verdict(const LabReport *report, GString *out, const LabReportCell *cell)
{
    LabCase standing = lab_report_case(cell);
    g_autofree char *text = lab_report_case_text(cell);
    g_autoptr(json_t) result = NULL;

    switch (standing) {
    case LAB_CASE_FAIL:
        result = lab_report_cell_result(report, cell);
        lab_html(out, "<failure type=\"%s\" message=\"%s\">%s\n", lab_report_word(cell), text,
                 text);
        put_frames(out, lab_json_member(result, "crash"));
        g_string_append(out, "</failure>\n");
        break;
    case LAB_CASE_ERROR:
        lab_html(out, "<error type=\"%s\" message=\"%s\"/>\n", lab_report_word(cell), text);
        break;
    case LAB_CASE_SKIP:
    case LAB_CASE_UNKNOWN:
        lab_html(out, "<skipped message=\"%s\"/>\n", text);
        break;
    case LAB_CASE_PASS:
    case LAB_CASE_EXPECTED:
        break;
    }
    g_string_append(out, "<system-out>");
    if (standing == LAB_CASE_EXPECTED)
        lab_html(out, "as expected: %s\n", text);
    put_files(report, out, cell);
    g_string_append(out, "</system-out>\n");
}

/* Dots make packages of a class name: those of the release are none. */
static char *
class_name(const LabRunCell *cell)
{
    g_autofree char *kernel = g_strdelimit(g_strdup(cell->kernel), ".", '_');

    return g_strdup_printf("%s.%s", kernel, cell->recipe);
}

static void
put_case(const LabReport *report, GString *out, const LabReportCell *cell, const char *name)
{
    g_autofree char *class = class_name(cell->cell);

    lab_html(out, "<testcase classname=\"%s\" name=\"%s on %s\" time=\"%.3f\">\n", class, name,
             cell->cell->kernel, (double)MAX(cell->brief->duration_ms, 0) / 1000);
    put_verdict(report, out, cell);
    g_string_append(out, "</testcase>\n");
}

static void
put_suite(const LabReport *report, GString *out, const char *kernel, const GPtrArray *names)
{
    g_autoptr(GArray) cells = lab_report_cells_of(report, kernel);
    Sums sums = {0};

    for (guint i = 0; i < cells->len; i++)
        add_up(&sums, report->cells->pdata[g_array_index(cells, guint, i)]);
    lab_html(out, "<testsuite name=\"%s\"", kernel);
    put_sums(out, &sums);
    lab_html(out,
             " timestamp=\"%.19s\">\n<properties>\n<property name=\"release\" value=\"%s\"/>\n"
             "<property name=\"run\" value=\"%s\"/>\n</properties>\n",
             lab_run_created(report->run), lab_report_release(report, kernel),
             lab_run_id(report->run));
    for (guint i = 0; i < cells->len; i++) {
        guint index = g_array_index(cells, guint, i);

        put_case(report, out, report->cells->pdata[index], names->pdata[index]);
    }
    g_string_append(out, "</testsuite>\n");
}

static gboolean
write_junit(const LabReport *report, GString *out, GError **error)
{
    g_autoptr(GPtrArray) names = lab_report_case_names(report);
    Sums sums = {0};

    for (guint i = 0; i < report->cells->len; i++)
        add_up(&sums, report->cells->pdata[i]);
    g_string_append(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    lab_html(out, "<testsuites name=\"kreglab %s\"", lab_run_id(report->run));
    put_sums(out, &sums);
    g_string_append(out, ">\n");
    for (guint i = 0; i < report->kernels->len; i++)
        put_suite(report, out, report->kernels->pdata[i], names);
    g_string_append(out, "</testsuites>\n");
    return TRUE;
}

const LabReportFormat lab_report_format_junit = {
    .name = "junit",
    .extension = "xml",
    .summary = "JUnit's XML, for Jenkins, GitLab and the like",
    .write = write_junit,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KTAP version 1 (Documentation/dev-tools/ktap.rst): a test a kernel, below it one a cell. A crash
 * that the recipe expects of the kernel is XFAIL; what the lab did not manage is ERROR.
 */
#include "lab-report-cases.h"

extern const LabReportFormat lab_report_format_ktap;

/* Behind a '#' a parser looks for a directive: none comes from the guest. */
static char *
without_hash(const char *text)
{
    return g_strdelimit(g_strdup(text), "#", '_');
}

/* The result line's directive of a cell; "" for a plain pass or failure. Static. */
static const char *
directive(LabCase standing, const LabReportCell *cell)
{
    switch (standing) {
    case LAB_CASE_EXPECTED:
        return " # XFAIL";
    case LAB_CASE_UNKNOWN:
    case LAB_CASE_SKIP:
        return " # SKIP";
    case LAB_CASE_ERROR:
        return " # ERROR";
    case LAB_CASE_FAIL:
        return cell->brief->outcome == LAB_OUTCOME_TIMEOUT ? " # TIMEOUT" : "";
    case LAB_CASE_PASS:
        break;
    }
    return "";
}

static gboolean
is_not_ok(LabCase standing)
{
    return standing == LAB_CASE_FAIL || standing == LAB_CASE_ERROR;
}

static void
put_cell(GString *out, guint number, const LabReportCell *cell, const char *name)
{
    LabCase standing = lab_report_case(cell);
    g_autofree char *text = lab_report_case_text(cell);
    g_autofree char *plain = without_hash(name);
    g_autofree char *why = without_hash(text);
    const char *word = directive(standing, cell);

    if (standing == LAB_CASE_FAIL)
        g_string_append_printf(out, "  # %s, cell %s\n", why, cell->cell->id);
    g_string_append_printf(out, "  %sok %u %s%s%s%s\n", is_not_ok(standing) ? "not " : "", number,
                           plain, word, *word ? " " : "", *word ? why : "");
}

/* Returns whether some cell failed. */
static gboolean
put_kernel(const LabReport *report, GString *out, const char *kernel, const GPtrArray *names)
{
    g_autoptr(GArray) cells = lab_report_cells_of(report, kernel);
    gboolean bad = FALSE;

    g_string_append_printf(out, "  KTAP version 1\n  # Subtest: %s\n  1..%u\n", kernel, cells->len);
    for (guint i = 0; i < cells->len; i++) {
        guint index = g_array_index(cells, guint, i);
        const LabReportCell *cell = report->cells->pdata[index];

        put_cell(out, i + 1, cell, names->pdata[index]);
        bad = bad || is_not_ok(lab_report_case(cell));
    }
    return bad;
}

static gboolean
write_ktap(const LabReport *report, GString *out, GError **error)
{
    g_autoptr(GPtrArray) names = lab_report_case_names(report);

    g_string_append_printf(out, "KTAP version 1\n# kreglab %s, run %s\n1..%u\n", KREGLAB_VERSION,
                           lab_run_id(report->run), report->kernels->len);
    for (guint i = 0; i < report->kernels->len; i++) {
        const char *kernel = report->kernels->pdata[i];
        gboolean bad = put_kernel(report, out, kernel, names);

        g_string_append_printf(out, "%sok %u %s\n", bad ? "not " : "", i + 1, kernel);
    }
    return TRUE;
}

const LabReportFormat lab_report_format_ktap = {
    .name = "ktap",
    .extension = "ktap",
    .summary = "the kernel's own test format, for kunit.py and kselftest tools",
    .write = write_ktap,
};

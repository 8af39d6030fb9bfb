/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels × recipes × variants: one table, a row for what was run, a column for a kernel. */
#include <string.h>

#include "lab-html.h"
#include "lab-json.h"

static void
put_dump(const LabReport *report, const LabReportCell *cell, GString *out)
{
    g_autoptr(json_t) result = NULL;
    const json_t *dump;
    const char *method;
    const char *why_not;

    if (cell->brief->state != LAB_STATE_RAN || cell->brief->outcome == LAB_OUTCOME_PASS)
        return;
    result = lab_report_cell_result(report, cell);
    dump = lab_json_member(result, "dump");
    method = lab_json_string(dump, "method");
    why_not = lab_json_string(dump, "why_not");
    if (method) {
        g_autofree char *size = lab_report_size((guint64)lab_json_int(dump, "size_bytes", 0));

        lab_html(out, "<div class=\"fact\">%s %s%s</div>", method, size,
                 cell->dump_removed ? " (removed)" : "");
    }
    if (why_not)
        lab_html(out, "<div class=\"fact dim\">no kdump: %s</div>", why_not);
}

static void
put_cell(const LabReport *report, const LabReportCell *cell, gboolean numbered, GString *out)
{
    const LabBrief *brief = cell->brief;
    g_autofree char *time = lab_report_time(brief->time_to_crash_ms);
    g_autofree char *word =
        numbered ? g_strdup_printf("%s #%d", lab_report_word(cell), cell->cell->repetition)
                 : g_strdup(lab_report_word(cell));

    g_string_append(out, "<div class=\"cell\">");
    lab_html_link_cell(cell, "plain", out);
    lab_html_badge(out, lab_report_word(cell), word);
    lab_html_unlink_cell(cell, out);
    if (lab_brief_is_unexpected(brief))
        g_string_append(out, " <span class=\"unexpected\">unexpected</span>");
    else if (brief->expected == LAB_EXPECTED_YES && brief->outcome != LAB_OUTCOME_PASS)
        g_string_append(out, " <span class=\"dim\">as expected</span>");
    if (brief->survived)
        g_string_append(out, " <span class=\"dim\">survived</span>");
    if (brief->title)
        lab_html(out, "<code class=\"title\">%s</code>", brief->title);
    if (brief->state == LAB_STATE_RAN && brief->time_to_crash_ms >= 0)
        lab_html(out, "<div class=\"fact\">crash after %s</div>", time);
    put_dump(report, cell, out);
    if (brief->state != LAB_STATE_RAN && brief->why)
        lab_html(out, "<div class=\"fact dim\">%s</div>", brief->why);
    g_string_append(out, "<div class=\"links\">");
    lab_html_evidence(report, cell, FALSE, out);
    g_string_append(out, "</div></div>");
}

/* Cells that ended alike: how many, and a few to look at. */
static void
put_kind(const LabReportKind *kind, guint total, GString *out)
{
    const LabReportCell *first = kind->examples[0];
    const char *word = lab_report_word(first);
    g_autofree char *text = g_strdup_printf("%s %u of %u", word, kind->n, total);

    g_string_append(out, "<div class=\"cell\">");
    lab_html_badge(out, word, text);
    if (lab_brief_is_unexpected(first->brief))
        g_string_append(out, " <span class=\"unexpected\">unexpected</span>");
    if (first->brief->title)
        lab_html(out, "<code class=\"title\">%s</code>", first->brief->title);
    if (first->detailed) {
        g_string_append(out, "<div class=\"links\">such as");
        for (guint i = 0; i < LAB_REPORT_EXAMPLES && kind->examples[i]; i++) {
            const LabReportCell *cell = kind->examples[i];

            g_string_append_c(out, ' ');
            lab_html_link_cell(cell, "seen", out);
            lab_html(out, "#%d", cell->cell->repetition);
            lab_html_unlink_cell(cell, out);
        }
        g_string_append(out, "</div>");
    }
    g_string_append(out, "</div>");
}

/* Of one entry, so many kinds are shown. */
#define KINDS_MAX 12

static void
put_kinds(const LabReportEntry *entry, GString *out)
{
    guint left = 0;

    for (guint i = 0; i < entry->kinds->len; i++) {
        const LabReportKind *kind = &g_array_index(entry->kinds, LabReportKind, i);

        if (i < KINDS_MAX)
            put_kind(kind, entry->cells->len, out);
        else
            left += kind->n;
    }
    if (left)
        lab_html(out, "<div class=\"fact dim\">and %u cells that ended in %u other ways</div>",
                 left, entry->kinds->len - KINDS_MAX);
    if (entry->group->time_to_crash_ms >= 0) {
        g_autofree char *time = lab_report_time(entry->group->time_to_crash_ms);

        lab_html(out, "<div class=\"fact\">crash after %s (median)</div>", time);
    }
}

/* Of one entry, so many that are no pass are shown one by one. */
#define SHOWN_MAX 12

/* Many repetitions: the passes as a count, the others one by one. */
static void
put_cells(const LabReport *report, const LabReportEntry *entry, GString *out)
{
    guint passes = 0, shown_max = lab_report_is_large(report) ? LAB_REPORT_EXAMPLES : SHOWN_MAX;

    for (guint i = 0; i < entry->cells->len; i++)
        passes += strcmp(lab_report_word(entry->cells->pdata[i]), "pass") == 0;
    if (entry->cells->len - passes > shown_max) {
        put_kinds(entry, out);
        return;
    }
    for (guint i = 0; i < entry->cells->len; i++)
        if (entry->cells->len == 1 || strcmp(lab_report_word(entry->cells->pdata[i]), "pass") != 0)
            put_cell(report, entry->cells->pdata[i], entry->cells->len > 1, out);
    if (passes && entry->cells->len > 1) {
        g_autofree char *text = g_strdup_printf("pass %u of %u", passes, entry->cells->len);

        g_string_append(out, "<div class=\"cell\">");
        lab_html_badge(out, "pass", text);
        g_string_append(out, "</div>");
    }
}

static void
put_metrics(const LabGroup *group, GString *out)
{
    const char *name;
    json_t *value;

    if (!group)
        return;
    json_object_foreach (group->metrics, name, value) {
        g_autofree char *number = lab_number_text(json_number_value(value));

        if (g_str_has_suffix(name, "_ms"))
            lab_html(out, "<div class=\"metric\">%s <b>%s</b></div>", name, number);
    }
}

static void
put_legend(const LabReport *report, GString *out)
{
    g_string_append(out, "<p class=\"legend\">");
    for (const char *const *word = lab_report_words; *word; word++)
        if (lab_report_count(report, *word)) {
            lab_html_badge(out, *word, NULL);
            g_string_append_c(out, ' ');
        }
    g_string_append(out, "</p>\n");
}

void
lab_html_matrix(const LabReport *report, GString *out)
{
    g_string_append(out, "<section id=\"matrix\">\n<h2>Matrix</h2>\n");
    put_legend(report, out);
    g_string_append(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" "
                         "aria-label=\"Matrix of kernels, recipes and variants\">\n"
                         "<table class=\"matrix\">\n<thead><tr><th scope=\"col\">Recipe, variant"
                         "</th>");
    for (guint i = 0; i < report->kernels->len; i++)
        lab_html(out, "<th scope=\"col\">%s</th>",
                 lab_report_release(report, report->kernels->pdata[i]));
    g_string_append(out, "</tr></thead>\n<tbody>\n");
    for (guint i = 0; i < report->rows->len; i++) {
        const LabReportRow *row = report->rows->pdata[i];

        lab_html(out, "<tr><th scope=\"row\">%s<br><span class=\"dim\">%s%s</span></th>",
                 row->recipe, row->variant, row->baseline ? ", baseline" : "");
        for (guint k = 0; k < report->kernels->len; k++) {
            const LabReportEntry *entry = lab_report_entry(report, report->kernels->pdata[k], row);

            g_string_append(out, "<td>");
            if (entry)
                put_cells(report, entry, out);
            else
                g_string_append(out, "<span class=\"dim\">not in the matrix</span>");
            put_metrics(entry ? entry->group : NULL, out);
            g_string_append(out, "</td>");
        }
        g_string_append(out, "</tr>\n");
    }
    g_string_append(out, "</tbody>\n</table>\n</div>\n</section>\n");
}

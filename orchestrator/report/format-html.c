/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One page, nothing loaded from anywhere, no script. */
#include <gio/gio.h>
#include <string.h>

#include "lab-html.h"
#include "lab-json.h"
#include "lab-report-resources.h"

extern const LabReportFormat lab_report_format_html;

/* The digest by which the content policy lets this very style sheet in, and nothing else. */
static char *
style_digest(const char *css, gsize length)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize size = sizeof digest;

    g_checksum_update(checksum, (const guchar *)css, (gssize)length);
    g_checksum_get_digest(checksum, digest, &size);
    return g_base64_encode(digest, size);
}

static gboolean
put_head(const LabReport *report, GString *out, GError **error)
{
    g_autoptr(GBytes)
        style = g_resource_lookup_data(lab_report_get_resource(), "/kreglab/report/report.css",
                                       G_RESOURCE_LOOKUP_FLAGS_NONE, error);
    g_autofree char *digest = NULL;
    const char *css;
    gsize length;

    if (!style)
        return FALSE;
    css = g_bytes_get_data(style, &length);
    digest = style_digest(css, length);
    lab_html(out,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
             "style-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"
             "<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<meta name=\"generator\" content=\"kreglab %s\">\n"
             "<title>%s – kreglab run %s</title>\n<style>",
             digest, KREGLAB_VERSION, lab_run_title(report->run), lab_run_id(report->run));
    g_string_append_len(out, css, (gssize)length);
    g_string_append(out, "</style>\n</head>\n");
    return TRUE;
}

static void
put_counts(const LabReport *report, GString *out)
{
    g_string_append(out, "<ul class=\"counts\" aria-label=\"Cells by outcome\">\n");
    for (const char *const *word = lab_report_words; *word; word++) {
        guint n = lab_report_count(report, *word);
        g_autofree char *text = g_strdup_printf("%u %s", n, *word);

        if (!n)
            continue;
        g_string_append(out, "<li>");
        lab_html_badge(out, *word, text);
        g_string_append(out, "</li>\n");
    }
    g_string_append(out, "</ul>\n");
    if (report->unexpected)
        lab_html(out,
                 "<p><strong>%u of %u</strong> outcomes that were judged are "
                 "<span class=\"unexpected\">unexpected</span>.</p>\n",
                 report->unexpected, report->ran);
    else
        lab_html(out, "<p>All %u outcomes that were judged are as the recipes expect.</p>\n",
                 report->ran);
    if (report->suspect)
        lab_html(out,
                 "<p>%u of them are suspect: the host was under pressure, and that can explain "
                 "them.</p>\n",
                 report->suspect);
    if (report->spared)
        lab_html(
            out,
            "<p>Cells were repeated as often as the comparisons needed and the budget allowed: %u "
            "more repetitions were spared.</p>\n",
            report->spared);
}

static void
put_header(const LabReport *report, GString *out)
{
    lab_html(out,
             "<body>\n<a class=\"skip\" href=\"#matrix\">to the matrix</a>\n<header>\n"
             "<h1>%s</h1>\n<p class=\"dim\">run <code>%s</code>, begun <time>%s</time>: %u cell%s, "
             "%u kernel%s</p>\n",
             *lab_run_title(report->run) ? lab_run_title(report->run) : "Kernel comparison",
             lab_run_id(report->run), lab_run_created(report->run), report->cells->len,
             report->cells->len == 1 ? "" : "s", report->kernels->len,
             report->kernels->len == 1 ? "" : "s");
    put_counts(report, out);
    g_string_append(out, "<nav aria-label=\"Parts\"><a href=\"#differs\">Verdicts</a> "
                         "<a href=\"#matrix\">Matrix</a> ");
    if (report->crashes->len)
        g_string_append(out, "<a href=\"#crashes\">Crashes</a> ");
    g_string_append(out, "<a href=\"#pictures\">Pictures</a> <a href=\"#cells\">Cells</a> <a "
                         "href=\"#environment\">Environment</a>"
                         "</nav>\n</header>\n<main>\n");
}

static const char *
why_unjudged(const LabReportCell *cell)
{
    return cell->brief->why                          ? cell->brief->why
           : cell->brief->state == LAB_STATE_MISSING ? "not run, or its worker was lost"
                                                     : "";
}

/* Cells in one line: the same was run, and the same is said of why it says nothing. */
typedef struct {
    const LabReportCell *first;
    guint n;
} Unjudged;

/* Unjudged, in running order of their first cells. Owned by the caller. */
static GArray *
find_unjudged(const LabReport *report)
{
    GArray *lines = g_array_new(FALSE, TRUE, sizeof(Unjudged));
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];
        const LabRunCell *one = cell->cell;
        const Unjudged new = {cell, 1};
        char *key;
        guint line;

        if (cell->brief->state == LAB_STATE_RAN)
            continue;
        key = g_strdup_printf("%s\n%s\n%s\n%s\n%s", one->kernel, one->recipe, one->variant,
                              lab_report_word(cell), why_unjudged(cell));
        line = GPOINTER_TO_UINT(g_hash_table_lookup(seen, key));
        if (line > 0) {
            g_array_index(lines, Unjudged, line - 1).n++;
            g_free(key);
            continue;
        }
        g_array_append_val(lines, new);
        g_hash_table_insert(seen, key, GUINT_TO_POINTER(lines->len));
    }
    return lines;
}

/* Above so many lines nobody reads them. */
#define UNJUDGED_MAX 500

static void
put_unjudged_lines(const GArray *lines, GString *out)
{
    guint left = 0;

    for (guint i = 0; i < lines->len; i++) {
        const Unjudged *line = &g_array_index(lines, Unjudged, i);
        const LabRunCell *cell = line->first->cell;

        if (i >= UNJUDGED_MAX) {
            left += line->n;
            continue;
        }
        g_string_append(out, "<tr><td>");
        lab_html_badge(out, lab_report_word(line->first), NULL);
        if (line->n > 1)
            lab_html(out, " %u cells", line->n);
        lab_html(out, "</td><td>%s</td><td>%s/%s</td><td>%s</td></tr>\n", cell->release,
                 cell->recipe, cell->variant, why_unjudged(line->first));
    }
    if (left)
        lab_html(out,
                 "<tr><td colspan=\"4\">and %u more cells: they are in the JSON report</td></tr>\n",
                 left);
}

static void
put_unjudged(const LabReport *report, GString *out)
{
    g_autoptr(GArray) lines = NULL;

    if (!report->infra && !report->skipped && !report->missing)
        return;
    lines = find_unjudged(report);
    lab_html(
        out,
        "<section id=\"unjudged\">\n<h2>Not judged</h2>\n<p>%u cells say nothing about a "
        "kernel and count nowhere: the lab failed (infra: %u), the kernel lacks what the "
        "recipe needs (skipped: %u), or there is no result (missing: %u).</p>\n"
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"Cells that were not judged\"><table>\n<thead><tr><th scope=\"col\">State</th>"
        "<th scope=\"col\">Kernel</th><th scope=\"col\">Recipe</th><th scope=\"col\">Why</th>"
        "</tr></thead>\n<tbody>\n",
        report->infra + report->skipped + report->missing, report->infra, report->skipped,
        report->missing);
    put_unjudged_lines(lines, out);
    g_string_append(out, "</tbody>\n</table></div>\n</section>\n");
}

static void
put_facts(GString *out, const json_t *facts)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)facts, name, value) {
        g_autofree char *line = json_is_string(value) ? g_strdup(json_string_value(value))
                                                      : lab_json_line(value);

        if (!json_is_null(value))
            lab_html(out, "<dt>%s</dt><dd>%s</dd>\n", name, line);
    }
}

static void
put_environment(const LabReport *report, GString *out)
{
    g_string_append(out, "<section id=\"environment\">\n<h2>Environment</h2>\n"
                         "<p class=\"dim\">The same for all cells; what differs is with each "
                         "cell.</p>\n<dl>\n");
    put_facts(out, lab_json_member(lab_run_info(report->run), "host"));
    put_facts(out, report->facts);
    g_string_append(out, "</dl>\n</section>\n");
}

static gboolean
write_html(const LabReport *report, GString *out, GError **error)
{
    g_autofree char *rule = lab_analysis_rule(report->analysis);

    if (!put_head(report, out, error))
        return FALSE;
    put_header(report, out);
    lab_html_differs(report, out);
    lab_html_matrix(report, out);
    put_unjudged(report, out);
    lab_html_survival(report, out);
    lab_html_crashes(report, out);
    lab_html_pictures(report, out);
    if (!lab_html_cells(report, out, error))
        return FALSE;
    put_environment(report, out);
    lab_html(out,
             "</main>\n<footer><p>Made by kreglab %s. Rule: "
             "<strong>%s</strong>.</p></footer>\n</body>\n</html>\n",
             KREGLAB_VERSION, rule);
    return TRUE;
}

const LabReportFormat lab_report_format_html = {
    .name = "html",
    .extension = "html",
    .summary = "one page for a browser, links to the evidence",
    .write = write_html,
};

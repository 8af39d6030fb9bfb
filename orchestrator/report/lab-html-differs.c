/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between variants and between kernels: the first thing to read. */
#include <math.h>
#include <string.h>

#include "lab-html.h"
#include "lab-json.h"

static const char *
verdict_sign(LabVerdict verdict)
{
    switch (verdict) {
    case LAB_VERDICT_FIXED:
        return "✓";
    case LAB_VERDICT_REGRESSED:
        return "✗";
    case LAB_VERDICT_NEW_CRASH:
        return "+";
    case LAB_VERDICT_RATE_CHANGED:
        return "±";
    case LAB_VERDICT_STILL_DIFFERENT_CRASH:
        return "≠";
    case LAB_VERDICT_SAME_PASS:
    case LAB_VERDICT_STILL_SAME_CRASH:
    case LAB_VERDICT_STILL_FAILS:
        return "=";
    default:
        return "~";
    }
}

static void
put_side(GString *out, const LabGroup *group)
{
    LabOutcome outcome = lab_group_outcome_value(group);
    g_autofree char *text = lab_group_outcome(group);
    const char *word = outcome == LAB_OUTCOME_NONE ? (group->skipped ? "skipped"
                                                      : group->infra ? "infra"
                                                                     : "missing")
                                                   : lab_outcome_name(outcome);

    lab_html_badge(out, word, text);
    if (outcome == LAB_OUTCOME_CRASH && group->typical->title)
        lab_html(out, "<br><code class=\"title\">%s</code>", group->typical->title);
}

/* The metrics of both sides: measured beside judged. */
static void
put_metrics(GString *out, const LabComparison *one)
{
    const char *name;
    json_t *value;

    json_object_foreach (one->candidate->metrics, name, value) {
        double before = lab_group_metric(one->baseline, name);
        g_autofree char *from = lab_number_text(before);
        g_autofree char *to = lab_number_text(json_number_value(value));

        if (isnan(before) || !g_str_has_suffix(name, "_ms"))
            continue;
        lab_html(out, "<div class=\"metric\">%s <b>%s</b> → <b>%s</b></div>", name, from, to);
    }
}

/* What changed beside the outcome. */
static void
put_beside(const LabReport *report, GString *out, const LabComparison *one)
{
    g_autoptr(GPtrArray) lines = lab_report_beside_lines(report, one, FALSE);

    if (lines->len == 0)
        return;
    g_string_append(out, "<details><summary>What changed beside it</summary>\n<ul>\n");
    for (guint i = 0; i < lines->len; i++) {
        const LabReportBesideLine *line = lines->pdata[i];

        lab_html(out, "<li><span class=\"dim\">%s:</span> %s</li>\n", line->label, line->text);
    }
    g_string_append(out, "</ul></details>");
}

static void
put_row(const LabReport *report, GString *out, const LabComparison *one)
{
    gboolean variants = one->kind == LAB_COMPARE_VARIANTS;
    const char *verdict = lab_verdict_name(one->verdict);

    lab_html(out,
             "<tr><td><span class=\"badge v-%s\" title=\"%s\"><span aria-hidden=\"true\">%s</span> "
             "%s</span></td><th scope=\"row\">%s<br><span class=\"dim\">%s</span></th>",
             verdict, one->why, verdict_sign(one->verdict), verdict, one->candidate->recipe,
             variants ? one->candidate->release : one->candidate->variant);
    lab_html(out, "<td><span class=\"side\">%s</span> ",
             variants ? one->baseline->variant : one->baseline->release);
    put_side(out, one->baseline);
    lab_html(out, "</td><td><span class=\"side\">%s</span> ",
             variants ? one->candidate->variant : one->candidate->release);
    put_side(out, one->candidate);
    if (one->verdict == LAB_VERDICT_NEW_CRASH) {
        g_autofree char *titles = lab_new_crash_text(&one->crashes);

        lab_html(out, "<br><span class=\"dim\">new:</span> %s", titles);
    }
    g_string_append(out, "</td><td>");
    put_metrics(out, one);
    lab_html(out, "<span class=\"dim\">%s</span>", one->why);
    put_beside(report, out, one);
    g_string_append(out, "</td></tr>\n");
}

/* What a reader has to know first, the worst first. */
static const LabVerdict told[] = {LAB_VERDICT_REGRESSED, LAB_VERDICT_NEW_CRASH,
                                  LAB_VERDICT_STILL_DIFFERENT_CRASH, LAB_VERDICT_RATE_CHANGED,
                                  LAB_VERDICT_FIXED};

/* Above so many settled ones a line says how many there are of each verdict. */
#define TALLY_MIN 12

static void
put_tally(const LabReport *report, GString *out, LabComparisonKind kind)
{
    guint counts[G_N_ELEMENTS(told)] = {0}, all = 0;

    for (guint i = 0; i < report->analysis->comparisons->len; i++) {
        const LabComparison *one = report->analysis->comparisons->pdata[i];

        for (gsize k = 0; k < G_N_ELEMENTS(told); k++)
            counts[k] += one->kind == kind && one->verdict == told[k] && one->settled;
    }
    for (gsize k = 0; k < G_N_ELEMENTS(told); k++)
        all += counts[k];
    if (all <= TALLY_MIN)
        return;
    g_string_append(out, "<p class=\"tally\">");
    for (gsize k = 0; k < G_N_ELEMENTS(told); k++)
        if (counts[k])
            lab_html(
                out,
                "<span class=\"badge v-%s\"><span aria-hidden=\"true\">%s</span> %u %s</span> ",
                lab_verdict_name(told[k]), verdict_sign(told[k]), counts[k],
                lab_verdict_name(told[k]));
    g_string_append(out, "</p>\n");
}

/* Those that are settled, or those that are not. */
static guint
put_list(const LabReport *report, GString *out, LabComparisonKind kind, gboolean settled)
{
    guint n = 0;

    for (gsize k = 0; k < G_N_ELEMENTS(told); k++)
        for (guint i = 0; i < report->analysis->comparisons->len; i++) {
            const LabComparison *one = report->analysis->comparisons->pdata[i];

            if (one->kind != kind || one->verdict != told[k] || !one->settled != !settled)
                continue;
            if (n++ == 0)
                g_string_append(out, "<ul class=\"sentences\">\n");
            lab_html(out, "<li class=\"v-%s\"><span aria-hidden=\"true\">%s</span> %s</li>\n",
                     lab_verdict_name(one->verdict), verdict_sign(one->verdict), one->sentence);
        }
    if (n)
        g_string_append(out, "</ul>\n");
    return n;
}

/* The sentences that matter, above the table; what chance may explain is folded away. */
static void
put_sentences(const LabReport *report, GString *out, LabComparisonKind kind)
{
    g_autoptr(GString) doubtful = g_string_new(NULL);
    guint n;

    put_tally(report, out, kind);
    put_list(report, out, kind, TRUE);
    n = put_list(report, doubtful, kind, FALSE);
    if (n == 0)
        return;
    lab_html(out, "<details><summary>%u more that could be chance</summary>\n", n);
    g_string_append_len(out, doubtful->str, (gssize)doubtful->len);
    g_string_append(out, "</details>\n");
}

static guint
count_kind(const LabReport *report, LabComparisonKind kind, gboolean differences)
{
    guint n = 0;

    for (guint i = 0; i < report->analysis->comparisons->len; i++) {
        const LabComparison *one = report->analysis->comparisons->pdata[i];

        n += one->kind == kind && lab_comparison_differs(one) == differences;
    }
    return n;
}

static void
put_table_head(const LabReport *report, GString *out, LabComparisonKind kind, gboolean differences,
               const char *caption)
{
    guint same = count_kind(report, kind, FALSE);

    if (!differences)
        lab_html(out, "<details><summary>No difference in %u comparison%s</summary>\n", same,
                 same == 1 ? "" : "s");
    lab_html(out,
             "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>\n"
             "<caption>%s</caption>\n<thead><tr>"
             "<th scope=\"col\">Verdict</th><th scope=\"col\">Recipe</th>"
             "<th scope=\"col\">Baseline</th><th scope=\"col\">Candidate</th>"
             "<th scope=\"col\">Measured (medians), and how sure</th></tr></thead>\n<tbody>\n",
             caption, caption);
}

static void
put_table(const LabReport *report, GString *out, LabComparisonKind kind, gboolean differences,
          const char *caption)
{
    const GPtrArray *all = report->analysis->comparisons;
    guint n = 0;

    for (guint i = 0; i < all->len; i++) {
        const LabComparison *one = all->pdata[i];

        if (one->kind != kind || lab_comparison_differs(one) != differences)
            continue;
        if (n++ == 0)
            put_table_head(report, out, kind, differences, caption);
        put_row(report, out, one);
    }
    if (n)
        g_string_append(out, "</tbody>\n</table></div>\n");
    if (n && !differences)
        g_string_append(out, "</details>\n");
}

void
lab_html_differs(const LabReport *report, GString *out)
{
    static const struct {
        LabComparisonKind kind;
        const char *title, *differ, *same;
    } parts[] = {
        {LAB_COMPARE_VARIANTS, "Between variants", "A variant against its recipe's baseline",
         "Variants that make no difference"},
        {LAB_COMPARE_KERNELS, "Between kernels", "A kernel against the baseline kernel",
         "Kernels that behave alike"},
    };

    g_autofree char *rule = lab_analysis_rule(report->analysis);

    g_string_append(out, "<section id=\"differs\">\n<h2>Verdicts</h2>\n");
    lab_html(out, "<p class=\"dim\">Rule: %s. Baseline kernel: %s.</p>\n", rule,
             report->analysis->baseline_kernel
                 ? lab_report_release(report, report->analysis->baseline_kernel)
                 : "none");
    if (!report->analysis->comparisons->len)
        g_string_append(out,
                        "<p>One kernel and one variant of each recipe: nothing to compare.</p>\n");
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        guint differ = count_kind(report, parts[i].kind, TRUE);
        guint same = count_kind(report, parts[i].kind, FALSE);

        if (!differ && !same)
            continue;
        lab_html(out, "<h3>%s</h3>\n", parts[i].title);
        put_sentences(report, out, parts[i].kind);
        put_table(report, out, parts[i].kind, TRUE, parts[i].differ);
        put_table(report, out, parts[i].kind, FALSE, parts[i].same);
    }
    g_string_append(out, "</section>\n");
}

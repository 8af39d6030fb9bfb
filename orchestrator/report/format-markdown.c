/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Markdown for bug trackers and mail: verdicts, matrix, crashes. Whatever comes from a guest stands
 * in code spans, where nothing of it is markup. */
#include <string.h>

#include "lab-json.h"
#include "lab-log.h"
#include "lab-report-cases.h"

extern const LabReportFormat lab_report_format_markdown;

/* Above so many, a list is cut: the whole is in the other formats. */
#define CELLS_MAX   200
#define CRASHES_MAX 40
#define FRAMES_MAX  12

/* A code span that neither text nor table ends. */
static void
put_code(GString *out, const char *text)
{
    g_autofree char *clean = lab_text_clean(text, -1, FALSE);

    g_strdelimit(clean, "`", '\'');
    g_strdelimit(clean, "|", '/');
    g_string_append_printf(out, "`%s`", *clean ? clean : " ");
}

/* Own words that may have a guest's in them: what Markdown would read is taken back. */
static void
put_words(GString *out, const char *text)
{
    g_autofree char *clean = lab_text_clean(text, -1, FALSE);

    for (const char *c = clean; *c; c++) {
        if (strchr("\\`*_[]<>#|~&", *c))
            g_string_append_c(out, '\\');
        g_string_append_c(out, *c);
    }
}

static void
put_counts(const LabReport *report, GString *out)
{
    g_string_append_printf(out, "%u cells:", report->cells->len);
    for (const char *const *word = lab_report_words; *word; word++)
        if (lab_report_count(report, *word))
            g_string_append_printf(out, " %s %u %s,", lab_report_sign(*word),
                                   lab_report_count(report, *word), *word);
    g_string_truncate(out, out->len - 1);
    if (report->unexpected)
        g_string_append_printf(out, "; **%u unexpected**", report->unexpected);
    if (report->suspect)
        g_string_append_printf(out, "; %u suspect: the host was under pressure", report->suspect);
    if (report->spared)
        g_string_append_printf(out, "; %u more repetitions were spared", report->spared);
    g_string_append(out, ".\n");
}

static void
put_beside(const LabReport *report, GString *out, const LabComparison *one)
{
    g_autoptr(GPtrArray) lines = lab_report_beside_lines(report, one, TRUE);

    for (guint i = 0; i < lines->len; i++) {
        const LabReportBesideLine *line = lines->pdata[i];

        g_string_append_printf(out, "  - %s: ", line->label);
        put_words(out, line->text);
        g_string_append_c(out, '\n');
    }
}

static void
put_verdicts(const LabReport *report, GString *out)
{
    guint same = 0;

    if (!report->analysis->comparisons->len)
        return;
    g_string_append(out, "\n## Verdicts\n\n");
    for (guint i = 0; i < report->analysis->comparisons->len; i++) {
        const LabComparison *one = report->analysis->comparisons->pdata[i];

        if (!lab_comparison_differs(one)) {
            same++;
            continue;
        }
        g_string_append_printf(out, "- **%s**: ", lab_verdict_name(one->verdict));
        put_words(out, one->sentence);
        g_string_append_c(out, '\n');
        if (!strstr(one->sentence, one->why)) {
            g_string_append(out, "  - ");
            put_words(out, one->why);
            g_string_append_c(out, '\n');
        }
        put_beside(report, out, one);
    }
    if (same)
        g_string_append_printf(out, "- no difference in %u of %u comparisons\n", same,
                               report->analysis->comparisons->len);
}

static void
put_group(const LabReport *report, GString *out, const char *kernel, const LabReportRow *row)
{
    const LabReportEntry *entry = lab_report_entry(report, kernel, row);
    const LabGroup *group = entry ? entry->group : NULL;
    g_autofree char *text = group ? lab_group_outcome(group) : NULL;
    LabOutcome outcome = group ? lab_group_outcome_value(group) : LAB_OUTCOME_NONE;
    const char *word = outcome != LAB_OUTCOME_NONE ? lab_outcome_name(outcome)
                       : group && group->skipped   ? "skipped"
                       : group && group->infra     ? "infra"
                                                   : "missing";

    if (!group)
        g_string_append(out, " |");
    else
        g_string_append_printf(out, " %s %s |", lab_report_sign(word), text);
}

static void
put_matrix(const LabReport *report, GString *out)
{
    g_string_append(out, "\n## Matrix\n\n| recipe, variant |");
    for (guint i = 0; i < report->kernels->len; i++) {
        g_string_append_c(out, ' ');
        put_code(out, lab_report_release(report, report->kernels->pdata[i]));
        g_string_append(out, " |");
    }
    g_string_append(out, "\n| --- |");
    for (guint i = 0; i < report->kernels->len; i++)
        g_string_append(out, " --- |");
    g_string_append_c(out, '\n');
    for (guint i = 0; i < report->rows->len; i++) {
        const LabReportRow *row = report->rows->pdata[i];
        g_autofree char *name = g_strdup_printf("%s/%s", row->recipe, row->variant);

        g_string_append(out, "| ");
        put_code(out, name);
        g_string_append(out, " |");
        for (guint k = 0; k < report->kernels->len; k++)
            put_group(report, out, report->kernels->pdata[k], row);
        g_string_append_c(out, '\n');
    }
}

static void
put_frames(GString *out, const LabCrashTrace *trace)
{
    if (!trace->stack->len)
        return;
    g_string_append(out, "\n```\n");
    for (guint i = 0; i < MIN(trace->stack->len, FRAMES_MAX); i++) {
        const LabCrashFrame *frame = trace->stack->pdata[i];
        g_autofree char *function = lab_text_clean(frame->function, -1, FALSE);
        g_autofree char *module = lab_text_clean(frame->module ? frame->module : "", -1, FALSE);

        g_strdelimit(function, "`", '\'');
        g_strdelimit(module, "`", '\'');
        g_string_append_printf(out, "%s%s%s%s\n", function, *module ? " [" : "", module,
                               *module ? "]" : "");
    }
    if (trace->stack->len > FRAMES_MAX)
        g_string_append_printf(out, "… and %u more\n", trace->stack->len - FRAMES_MAX);
    g_string_append(out, "```\n");
}

static void
put_crashes(const LabReport *report, GString *out)
{
    if (!report->crashes->len)
        return;
    g_string_append(out, "\n## Crashes\n");
    for (guint i = 0; i < MIN(report->crashes->len, CRASHES_MAX); i++) {
        const LabReportCrash *crash = report->crashes->pdata[i];
        const LabReportCell *first = crash->cells->pdata[0];

        g_string_append_printf(out, "\n%u. ", i + 1);
        put_code(out, crash->title);
        g_string_append_printf(out, ", %u %s, first in cell %s on ", crash->cells->len,
                               crash->cells->len == 1 ? "cell" : "cells", first->cell->id);
        put_code(out, first->cell->release);
        g_string_append(out, "\n");
        put_frames(out, first->observation->trace);
    }
    if (report->crashes->len > CRASHES_MAX)
        g_string_append_printf(out, "\nAnd %u more.\n", report->crashes->len - CRASHES_MAX);
}

static void
put_cells(const LabReport *report, GString *out)
{
    guint n = 0;

    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];
        g_autofree char *text = NULL;
        g_autofree char *name = NULL;

        if (lab_report_case(cell) == LAB_CASE_PASS)
            continue;
        if (n == 0)
            g_string_append(out, "\n## Cells that did not pass\n\n"
                                 "| cell | kernel | recipe, variant | what happened |\n"
                                 "| --- | --- | --- | --- |\n");
        if (n++ >= CELLS_MAX)
            continue;
        text = lab_report_case_text(cell);
        name = g_strdup_printf("%s/%s #%d", cell->cell->recipe, cell->cell->variant,
                               cell->cell->repetition);
        g_string_append_printf(out, "| %s | ", cell->cell->id);
        put_code(out, cell->cell->release);
        g_string_append(out, " | ");
        put_code(out, name);
        g_string_append_printf(out, " | %s%s ", lab_report_sign(lab_report_word(cell)),
                               lab_report_case(cell) == LAB_CASE_FAIL ? " **unexpected**" : "");
        put_code(out, text);
        g_string_append(out, " |\n");
    }
    if (n > CELLS_MAX)
        g_string_append_printf(out, "\nAnd %u more.\n", n - CELLS_MAX);
}

static gboolean
write_markdown(const LabReport *report, GString *out, GError **error)
{
    g_string_append(out, "# ");
    put_words(out, *lab_run_title(report->run) ? lab_run_title(report->run) : "Kernel comparison");
    g_string_append_printf(out, "\n\nRun `%s`, begun %s, kreglab %s.\n", lab_run_id(report->run),
                           lab_run_created(report->run), KREGLAB_VERSION);
    put_counts(report, out);
    put_verdicts(report, out);
    put_matrix(report, out);
    put_crashes(report, out);
    put_cells(report, out);
    return TRUE;
}

const LabReportFormat lab_report_format_markdown = {
    .name = "markdown",
    .extension = "md",
    .summary = "for bug trackers and mail",
    .write = write_markdown,
};

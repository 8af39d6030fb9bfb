/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For a terminal: what differs, then the matrix, then the crashes. */
#include "lab-report.h"

#include <string.h>

#include "lab-json.h"
#include "lab-log.h"

extern const LabReportFormat lab_report_format_text;

static const char *
color_of(const char *word)
{
    if (strcmp(word, "pass") == 0 || strcmp(word, "fixed") == 0 || strcmp(word, "same-pass") == 0)
        return "32";
    if (strcmp(word, "crash") == 0 || strcmp(word, "fail") == 0 || strcmp(word, "hang") == 0 ||
        strcmp(word, "regressed") == 0 || strcmp(word, "boot-failure") == 0 ||
        strcmp(word, "lost") == 0 || strcmp(word, "timeout") == 0)
        return "31";
    return "33";
}

/* 'text' cleaned, padded to 'width' columns, in the colour of 'word' where colours are welcome. */
static void
put(const LabReport *report, GString *out, const char *word, const char *text, glong width)
{
    g_autofree char *clean = lab_text_clean(text, -1, FALSE);
    glong length = g_utf8_strlen(clean, -1);

    if (report->color && word)
        g_string_append_printf(out, "\033[%sm%s\033[0m", color_of(word), clean);
    else
        g_string_append(out, clean);
    for (; length < width; length++)
        g_string_append_c(out, ' ');
}

/* 'text' over lines of 80 columns, from the second on at column 'indent'; the first begins at
 * 'column'. */
static void
put_wrapped(const LabReport *report, GString *out, const char *text, guint indent, guint column)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gboolean first = TRUE;

    for (char **word = words; *word; word++) {
        guint length = (guint)g_utf8_strlen(*word, -1);

        if (!first && column + 1 + length > 80) {
            g_string_append_printf(out, "\n%*s", (int)indent, "");
            column = indent;
            first = TRUE;
        }
        if (!first)
            g_string_append_c(out, ' ');
        put(report, out, NULL, *word, 0);
        column += length + !first;
        first = FALSE;
    }
    g_string_append_c(out, '\n');
}

static void
heading(const LabReport *report, GString *out, const char *text)
{
    if (report->color)
        g_string_append_printf(out, "\n\033[1m%s\033[0m\n", text);
    else
        g_string_append_printf(out, "\n%s\n", text);
}

static void
put_counts(const LabReport *report, GString *out)
{
    g_string_append_printf(out, "%u cells:", report->cells->len);
    for (const char *const *word = lab_report_words; *word; word++) {
        guint n = lab_report_count(report, *word);
        g_autofree char *text = g_strdup_printf(" %u %s", n, *word);

        if (n)
            put(report, out, *word, text, 0);
    }
    if (report->unexpected)
        g_string_append_printf(out, "; %u unexpected", report->unexpected);
    if (report->suspect)
        g_string_append_printf(out, "; %u suspect: the host was under pressure", report->suspect);
    if (report->spared)
        g_string_append_printf(out, "; %u more repetitions were spared", report->spared);
    g_string_append_c(out, '\n');
}

/* What changed beside it, a line each: the other formats have it whole. */
static void
put_beside(const LabReport *report, GString *out, const LabComparison *one)
{
    const glong width = 80 - 4 - 14;
    g_autoptr(GPtrArray) lines = lab_report_beside_lines(report, one, TRUE);

    for (guint i = 0; i < lines->len; i++) {
        const LabReportBesideLine *line = lines->pdata[i];
        g_autofree char *clean = lab_text_clean(line->text, -1, FALSE);
        gboolean fits = g_utf8_strlen(clean, -1) <= width;

        g_string_append_printf(out, "    %-14s%.*s%s\n", line->label,
                               (int)(g_utf8_offset_to_pointer(clean, fits ? 0 : width - 1) - clean),
                               clean, fits ? clean : "…");
    }
}

static void
put_comparisons(const LabReport *report, GString *out, LabComparisonKind kind, const char *title)
{
    guint same = 0;
    guint n = 0;

    for (guint i = 0; i < report->analysis->comparisons->len; i++) {
        const LabComparison *one = report->analysis->comparisons->pdata[i];

        if (one->kind != kind)
            continue;
        if (n++ == 0)
            heading(report, out, title);
        if (!lab_comparison_differs(one)) {
            same++;
            continue;
        }
        g_string_append(out, "  ");
        put(report, out, lab_verdict_name(one->verdict), lab_verdict_name(one->verdict), 23);
        put_wrapped(report, out, one->sentence, 25, 25);
        if (!strstr(one->sentence, one->why)) {
            g_string_append_printf(out, "%*s", 25, "");
            put_wrapped(report, out, one->why, 25, 25);
        }
        if (one->settled || one->leaning != LAB_VERDICT_INCONCLUSIVE)
            put_beside(report, out, one);
    }
    if (same)
        g_string_append_printf(out, "  no difference in %u of %u comparisons\n", same, n);
}

/* "✗ crash 12.3 s", "✓ pass", several repetitions as "✗ crash 2/3": of the runs that say something,
 * as the other formats count. g_free. */
static char *
matrix_text(const LabReportEntry *entry, const char **word)
{
    const GPtrArray *cells = entry->cells;
    const LabGroup *group = entry->group;
    const LabReportCell *first = cells->pdata[0];
    LabOutcome outcome = lab_group_outcome_value(group);
    g_autofree char *time = lab_report_time(group->time_to_crash_ms);

    *word = cells->len == 1 || outcome == LAB_OUTCOME_NONE ? lab_report_word(first)
                                                           : lab_outcome_name(outcome);
    if (cells->len == 1)
        return g_strdup_printf("%s %s%s%s%s", lab_report_sign(*word), *word,
                               group->time_to_crash_ms >= 0 ? " " : "",
                               group->time_to_crash_ms >= 0 ? time : "",
                               lab_brief_is_unexpected(first->brief) ? " !" : "");
    if (!group->usable)
        return g_strdup_printf("%s %s", lab_report_sign(*word), *word);
    return g_strdup_printf("%s %s %u/%u", lab_report_sign(*word), *word,
                           outcome == LAB_OUTCOME_PASS ? group->usable : group->bad, group->usable);
}

static void
put_matrix(const LabReport *report, GString *out)
{
    glong first = 0;
    glong width = 19;

    for (guint i = 0; i < report->rows->len; i++) {
        const LabReportRow *row = report->rows->pdata[i];

        first = MAX(first, g_utf8_strlen(row->recipe, -1) + g_utf8_strlen(row->variant, -1) + 1);
    }
    for (guint i = 0; i < report->kernels->len; i++)
        width = MAX(width, g_utf8_strlen(report->kernels->pdata[i], -1));
    g_string_append_printf(out, "  %-*s", (int)first, "");
    for (guint i = 0; i < report->kernels->len; i++) {
        g_string_append(out, "  ");
        put(report, out, NULL, lab_report_release(report, report->kernels->pdata[i]), width);
    }
    g_string_append_c(out, '\n');
    for (guint i = 0; i < report->rows->len; i++) {
        const LabReportRow *row = report->rows->pdata[i];
        g_autofree char *name = g_strdup_printf("%s/%s", row->recipe, row->variant);

        g_string_append(out, "  ");
        put(report, out, NULL, name, first);
        for (guint k = 0; k < report->kernels->len; k++) {
            const LabReportEntry *entry = lab_report_entry(report, report->kernels->pdata[k], row);
            const char *word = NULL;
            g_autofree char *text = entry ? matrix_text(entry, &word) : NULL;

            g_string_append(out, "  ");
            put(report, out, word, text ? text : "", width);
        }
        while (out->len && out->str[out->len - 1] == ' ')
            g_string_truncate(out, out->len - 1);
        g_string_append_c(out, '\n');
    }
}

static void
put_dump(const LabReport *report, const LabReportCell *cell, const json_t *result, GString *out)
{
    const json_t *dump = lab_json_member(result, "dump");
    const char *method = lab_json_string(dump, "method");
    const char *why_not = lab_json_string(dump, "why_not");
    g_autofree char *size = lab_report_size((guint64)lab_json_int(dump, "size_bytes", 0));
    g_autofree char *time = lab_report_time(lab_json_int(dump, "duration_ms", -1));

    if (method)
        g_string_append_printf(
            out, "; dump by %s, %s in %s%s", method, size, time,
            lab_report_dump_is_gone(report, cell, dump) ? ", removed by keep policy" : "");
    if (why_not)
        g_string_append_printf(out, "; no kdump: %s", why_not);
}

/* One line a cell that is not a plain pass. */
/* Nobody reads more of them on a terminal; `kreglab show` has them all. */
#define TEXT_CELLS 1000

static void
put_cells(const LabReport *report, GString *out)
{
    guint n = 0;

    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];
        const char *word = lab_report_word(cell);
        g_autoptr(json_t) result = NULL;
        g_autoptr(GString) line = g_string_new(NULL);
        const char *title;

        if (strcmp(word, "pass") == 0 || ++n > TEXT_CELLS)
            continue;
        result = lab_report_cell_result(report, cell);
        title = lab_json_string(lab_json_member(result, "crash"), "title");
        g_string_append_printf(line, "%s %s/%s", cell->cell->release, cell->cell->recipe,
                               cell->cell->variant);
        if (cell->cell->repetition > 1)
            g_string_append_printf(line, " #%d", cell->cell->repetition);
        if (title)
            g_string_append_printf(line, ": %s", title);
        else if (cell->brief->why)
            g_string_append_printf(line, ": %s", cell->brief->why);
        put_dump(report, cell, result, line);
        g_string_append_printf(out, "  %s  ", cell->cell->id);
        put(report, out, word, word, 13);
        if (lab_brief_is_unexpected(cell->brief))
            g_string_append(line, " (unexpected)");
        put_wrapped(report, out, line->str, 29, 29);
    }
    if (n > TEXT_CELLS)
        g_string_append_printf(out, "  and %u more: kreglab show %s\n", n - TEXT_CELLS,
                               lab_run_id(report->run));
}

static void
put_line(const LabReport *report, GString *out, const char *name, const char *text)
{
    g_string_append_printf(out, "      %-8s", name);
    put_wrapped(report, out, text, 14, 14);
}

/* "CLASS in f" of each report before or after the cause, the harmless ones apart. */
static void
put_reports(const LabReport *report, GString *out, const json_t *crash, const char *place)
{
    json_t *reports = lab_json_member(crash, "reports");
    json_t *one;
    size_t index;
    guint harmless = 0;

    json_array_foreach (reports, index, one) {
        const char *title = lab_json_string(one, "title");

        if (!title || strcmp(lab_report_place(crash, one), place) != 0)
            continue;
        if (!lab_json_bool(one, "harmless", FALSE))
            put_line(report, out, place, title);
        else
            harmless++;
    }
    json_array_foreach (reports, index, one) {
        g_autofree char *text = NULL;
        const char *title = lab_json_string(one, "title");

        if (!harmless || !title || !lab_json_bool(one, "harmless", FALSE) ||
            strcmp(lab_report_place(crash, one), place) != 0)
            continue;
        text = g_strdup_printf("%s (%s)", title, lab_report_harmless(place));
        put_line(report, out, place, text);
    }
}

#define TEXT_FRAMES 8

static void
put_frames(const LabReport *report, GString *out, const LabCrashTrace *trace)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < MIN(trace->stack->len, TEXT_FRAMES); i++) {
        const LabCrashFrame *frame = trace->stack->pdata[i];

        g_string_append_printf(text, "%s%s%s%s%s", i ? " < " : "", frame->function,
                               frame->module ? "[" : "", frame->module ? frame->module : "",
                               frame->module ? "]" : "");
    }
    if (trace->stack->len > TEXT_FRAMES)
        g_string_append(text, " …");
    if (text->len)
        put_line(report, out, "frames", text->str);
}

static void
put_crash(const LabReport *report, GString *out, guint number)
{
    const LabReportCrash *crash = report->crashes->pdata[number];
    const LabReportCell *first = crash->cells->pdata[0];
    g_autoptr(json_t) result = lab_report_cell_result(report, first);
    const json_t *told = lab_json_member(result, "crash");
    g_autofree char *flags = lab_report_crash_flags(told);
    const json_t *other = lab_json_member(told, "other");

    g_string_append_printf(out, "  %2u. ", number + 1);
    put_wrapped(report, out, crash->title, 6, 6);
    for (guint i = 0; i < crash->cells->len; i++) {
        const LabReportCell *cell = crash->cells->pdata[i];
        g_autofree char *text = g_strdup_printf(
            "%s  %s  %s/%s%s%s", cell->cell->id, cell->cell->release, cell->cell->recipe,
            cell->cell->variant, strcmp(cell->observation->title, crash->title) != 0 ? ": " : "",
            strcmp(cell->observation->title, crash->title) != 0 ? cell->observation->title : "");

        if (i == 12) {
            g_string_append_printf(out, "              and %u more cells\n", crash->cells->len - i);
            break;
        }
        put_line(report, out, i ? "" : "cells", text);
    }
    for (guint i = 0; i < crash->whys->len; i++)
        put_line(report, out,
                 i                       ? ""
                 : crash->cells->len > 1 ? "one as"
                                         : "note",
                 crash->whys->pdata[i]);
    for (guint i = 0; i < crash->apart->len; i++) {
        const LabReportApart *apart = crash->apart->pdata[i];
        g_autofree char *text = g_strdup_printf("crash %u is %s: %s", apart->other + 1,
                                                lab_crash_verdict_name(apart->verdict), apart->why);

        /* Each pair is told once. */
        if (apart->other > number)
            put_line(report, out, "but", text);
    }
    put_frames(report, out, first->observation->trace);
    put_reports(report, out, told, "before");
    put_reports(report, out, told, "after");
    if (*flags)
        put_line(report, out, "flags", flags);
    if (json_is_object(other)) {
        const char *title = lab_json_string(other, "title");
        g_autofree char *text =
            g_strdup_printf("the %s shows %s%s%s", lab_json_string(other, "source"),
                            title ? "'" : "no crash", title ? title : "", title ? "'" : "");

        put_line(report, out, "but", text);
    }
}

/* So many are shown: the rest is in the JSON report. */
#define TEXT_CRASHES 40

static void
put_crashes(const LabReport *report, GString *out)
{
    if (!report->crashes->len)
        return;
    heading(report, out, "Crashes");
    for (guint i = 0; i < MIN(report->crashes->len, TEXT_CRASHES); i++)
        put_crash(report, out, i);
    if (report->crashes->len > TEXT_CRASHES)
        g_string_append_printf(out, "  and %u more: see the JSON report\n",
                               report->crashes->len - TEXT_CRASHES);
}

static gboolean
write_text(const LabReport *report, GString *out, GError **error)
{
    g_autofree char *rule = lab_analysis_rule(report->analysis);

    g_string_append_printf(out, "run %s  ", lab_run_id(report->run));
    put(report, out, NULL, lab_run_title(report->run), 0);
    g_string_append_printf(out, "  %s\n", lab_run_created(report->run));
    put_counts(report, out);
    put_comparisons(report, out, LAB_COMPARE_VARIANTS, "Between variants");
    put_comparisons(report, out, LAB_COMPARE_KERNELS, "Between kernels");
    if (report->analysis->comparisons->len) {
        g_string_append(out, "  ");
        put_wrapped(report, out, rule, 2, 2);
    }
    heading(report, out, "Matrix");
    put_matrix(report, out);
    put_crashes(report, out);
    if (lab_report_count(report, "pass") < report->cells->len) {
        heading(report, out, "Cells that did not pass");
        put_cells(report, out);
    }
    return TRUE;
}

const LabReportFormat lab_report_format_text = {
    .name = "text",
    .extension = "txt",
    .summary = "for a terminal",
    .write = write_text,
};

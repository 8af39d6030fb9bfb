/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line by line: headers open reports, the lines of the same caller fill them. Kept in memory are at
 * most OPEN_MAX open reports of LAB_CRASH_REPORT_LINES lines each and what was made of the closed.
 */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

#define OPEN_MAX 6
/* Lines after which an open report that gets none of its own is closed. */
#define IDLE_LINES 600

typedef struct {
    const LabCrashClass *class;
    GPtrArray *lines; /* char *, header first */
    char caller[16];
    guint64 line_first, line_last;
    guint64 order;
    gboolean panicked;
    gboolean traced; /* a call trace began */
} Open;

struct LabCrashParser {
    LabCrashLog *log;
    GPtrArray *open; /* Open */
    guint64 line;
    LabCrashSalvage *salvage; /* NULL: the text was mended already */
    LabCrashLine scratch;
    gboolean has_report;
    gboolean panic_ended;
};

static void
open_free(Open *open)
{
    g_ptr_array_unref(open->lines);
    g_free(open);
}

LabCrashParser *
lab_crash_parser_new(void)
{
    LabCrashParser *parser = g_new0(LabCrashParser, 1);

    parser->log = g_new0(LabCrashLog, 1);
    parser->log->reports = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_report_free);
    parser->open = g_ptr_array_new_with_free_func((GDestroyNotify)open_free);
    parser->salvage = lab_crash_salvage_new();
    return parser;
}

void
lab_crash_parser_free(LabCrashParser *parser)
{
    if (!parser)
        return;
    lab_crash_log_free(parser->log);
    g_ptr_array_unref(parser->open);
    lab_crash_salvage_free(parser->salvage);
    g_free(parser);
}

static int
compare_reports(gconstpointer a, gconstpointer b)
{
    const LabCrashReport *left = *(const LabCrashReport *const *)a;
    const LabCrashReport *right = *(const LabCrashReport *const *)b;

    return left->line_first < right->line_first ? -1 : left->line_first > right->line_first;
}

static void
close_report(LabCrashParser *parser, guint index)
{
    Open *open = parser->open->pdata[index];
    LabCrashReport *report = NULL;

    if (parser->log->reports->len < LAB_CRASH_REPORTS_MAX)
        report = lab_crash_report_build(open->class, open->lines);
    if (report) {
        report->line_first = open->line_first;
        report->line_last = open->line_last;
        report->panicked = open->panicked || (open->class->flags & LAB_CRASH_STOPS);
        report->harmless = (open->class->flags & LAB_CRASH_MINOR) && !report->panicked;
        if (open->class->flags & LAB_CRASH_FOLLOWS)
            report->harmless = parser->log->reports->len > 0;
        g_ptr_array_add(parser->log->reports, report);
        g_ptr_array_sort(parser->log->reports, compare_reports);
    }
    g_ptr_array_remove_index(parser->open, index);
}

static gint
find_open(LabCrashParser *parser, const char *caller)
{
    for (guint i = parser->open->len; i > 0; i--)
        if (strcmp(((Open *)parser->open->pdata[i - 1])->caller, caller) == 0)
            return (gint)i - 1;
    return -1;
}

/* "Linux version 6.1.0-9-amd64 (…)": a boot. */
static void
read_banner(LabCrashParser *parser, const char *text)
{
    const char *release = text + strlen("Linux version ");
    gsize length = strcspn(release, " ");

    parser->log->boots++;
    g_free(parser->log->release);
    parser->log->release = g_strndup(release, length);
    while (parser->open->len)
        close_report(parser, 0);
}

static void
add_line(Open *open, const LabCrashLine *line, guint64 number)
{
    if (open->lines->len >= LAB_CRASH_REPORT_LINES)
        return;
    if (strstr(line->text, "all Trace:") || strstr(line->text, "all trace:") ||
        g_str_has_prefix(line->text, "Backtrace:"))
        open->traced = TRUE;
    g_ptr_array_add(open->lines, g_strdup(line->text));
    if (line->length)
        open->line_last = number;
}

/* A header that goes on with what the open report is about: "Oops: 0000 [#1]" after "BUG: unable
 * to handle", "kernel BUG at" after what usercopy said. */
static gboolean
continues(const Open *open, const LabCrashClass *class, guint64 line)
{
    if (open->traced || line - open->line_first > 16)
        return FALSE;
    return ((class->flags & LAB_CRASH_CONTINUES) && !(class->flags & LAB_CRASH_STOPS)) ||
           (open->class->flags & LAB_CRASH_PRELUDE);
}

/* "Kernel panic - not syncing: panic_on_warn set": the report goes on, for the trace of the panic
 * is often the only one; that the kernel stopped is noted apart. */
static void
add_follow_up(LabCrashParser *parser, Open *open, const LabCrashClass *class)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    LabCrashReport *report;

    open->panicked = TRUE;
    g_ptr_array_add(lines, parser->scratch.text);
    if (parser->log->reports->len < LAB_CRASH_REPORTS_MAX) {
        report = lab_crash_report_build(class, lines);
        report->line_first = report->line_last = parser->line;
        report->panicked = report->harmless = TRUE;
        g_ptr_array_add(parser->log->reports, report);
    }
    add_line(open, &parser->scratch, parser->line);
}

static void
open_report(LabCrashParser *parser, const LabCrashClass *class)
{
    const LabCrashLine *line = &parser->scratch;
    gint index = find_open(parser, line->caller);
    Open *open;

    if (class->flags & LAB_CRASH_STOPS)
        parser->log->panicked = TRUE;
    if (index >= 0) {
        open = parser->open->pdata[index];
        if (class->flags & LAB_CRASH_FOLLOWS) {
            add_follow_up(parser, open, class);
            return;
        }
        if (continues(open, class, parser->line)) {
            add_line(open, line, parser->line);
            return;
        }
        close_report(parser, (guint)index);
    }
    if (parser->open->len >= OPEN_MAX)
        close_report(parser, 0);
    open = g_new0(Open, 1);
    open->class = class;
    open->lines = g_ptr_array_new_with_free_func(g_free);
    memcpy(open->caller, line->caller, sizeof open->caller);
    open->line_first = parser->line;
    g_ptr_array_add(parser->open, open);
    add_line(open, line, parser->line);
    if (!(class->flags & (LAB_CRASH_NEEDS_TRACE | LAB_CRASH_MINOR)))
        parser->has_report = TRUE;
}

void
lab_crash_parser_feed(LabCrashParser *parser, const char *bytes, gsize length)
{
    LabCrashLine *line = &parser->scratch;
    g_autoptr(GMatchInfo) match = NULL;
    const LabCrashClass *class;
    gint index;

    parser->line++;
    if (parser->salvage)
        lab_crash_salvage_keep(parser->salvage, bytes, length);
    lab_crash_line_set(line, bytes, length);
    if (line->text[0] == ' ' || line->text[0] == 'P')
        if (lab_crash_session_unquote(line->text))
            line->length = strlen(line->text);
    if (g_str_has_prefix(line->text, "Linux version ")) {
        read_banner(parser, line->text);
        return;
    }
    if (strstr(line->text, "---[ end Kernel panic"))
        parser->panic_ended = TRUE;
    class = lab_crash_class_find(line->text, &match);
    if (class) {
        open_report(parser, class);
        return;
    }
    if (parser->open->len == 0)
        return;
    index = find_open(parser, line->caller);
    if (index >= 0) {
        Open *open = parser->open->pdata[index];

        if (parser->line - open->line_last > IDLE_LINES) {
            close_report(parser, (guint)index);
            return;
        }
        add_line(open, line, parser->line);
        if ((open->class->flags & LAB_CRASH_NEEDS_TRACE) && open->traced)
            parser->has_report = TRUE;
    }
}

/* The first report that is not harmless is the cause; a panic that only repeats something belongs
 * to the last report before it. */
static void
settle(LabCrashLog *log)
{
    LabCrashReport *last = NULL;

    for (guint i = 0; i < log->reports->len; i++) {
        LabCrashReport *report = log->reports->pdata[i];

        if (!report->harmless) {
            last = report;
            if (!log->cause)
                log->cause = report;
        } else if (report->panicked && last) {
            last->panicked = TRUE;
        }
    }
}

LabCrashLog *
lab_crash_parser_finish(LabCrashParser *parser)
{
    LabCrashLog *log = parser->log;

    while (parser->open->len)
        close_report(parser, 0);
    settle(log);
    if (parser->salvage)
        lab_crash_salvage_log(parser->salvage, log);
    lab_crash_log_sign(log);
    parser->log = NULL;
    return log;
}

LabCrashLog *
lab_crash_log_parse_mended(const char *text, gsize length)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    const char *end = text + length;

    g_clear_pointer(&parser->salvage, lab_crash_salvage_free);
    while (text < end) {
        const char *newline = memchr(text, '\n', end - text);
        const char *stop = newline ? newline : end;

        lab_crash_parser_feed(parser, text, stop - text);
        text = stop + 1;
    }
    return lab_crash_parser_finish(parser);
}

gboolean
lab_crash_parser_has_report(const LabCrashParser *parser)
{
    return parser->has_report;
}

gboolean
lab_crash_parser_has_panicked(const LabCrashParser *parser)
{
    return parser->log && parser->log->panicked;
}

gboolean
lab_crash_parser_panic_ended(const LabCrashParser *parser)
{
    return parser->panic_ended;
}

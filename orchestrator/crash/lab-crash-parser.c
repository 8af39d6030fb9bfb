/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line by line: headers open reports, the lines of the same caller fill them. Kept in memory are at
 * most OPEN_MAX open reports of LAB_CRASH_REPORT_LINES lines each and what was made of the closed.
 */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

/* A firmware's first word later than this line was not the log's beginning. */
#define FIRMWARE_LINE 2
/* … and a loader's, when no start was seen before: a first one stands below what firmware said. */
#define LOADER_LINE 200
/* Lines after which a report has told its trace. */
#define TORN_LINES 60
#define OPEN_MAX   6
/* Lines after which an open report that gets none of its own is closed. */
#define IDLE_LINES 600

/* Callers beside its own whose lines a report takes: CPUs that show their stacks for it. */
#define HELPERS_MAX 8
/* How often, in lines, reports that get none of their own are looked for. */
#define SWEEP_LINES 64

typedef struct {
    const LabCrashClass *class;
    GPtrArray *lines; /* char *, header first */
    char caller[16];
    char helpers[HELPERS_MAX][16];
    guint n_helpers;
    guint64 line_first, line_last;
    gint64 time_us; /* of the last line; -1: none */
    int cpu;        /* that "CPU: 1 PID: 2" named; -1: none yet */
    gboolean panicked;
    gboolean timed;        /* printk's time stood before the header */
    gboolean traced;       /* a call trace began */
    gboolean shows_others; /* stacks of other CPUs follow */
    gboolean interleaved;
    gboolean truncated;
    gboolean wall; /* its header is what syslogd wrote to all terminals */
    gboolean torn; /* … so early that the blamed frame may be among what is lost */
    gboolean told; /* a person's words stand before the header: only more of it makes it a report */
} Open;

struct LabCrashParser {
    LabCrashLog *log;
    GPtrArray *open; /* Open */
    LabCrashInput *input;
    LabCrashSalvage *salvage; /* NULL: the text was mended already */
    guint64 swept;            /* the line at which idle reports were looked for last */
    guint64 wall_line;        /* the line of which syslogd told on all terminals; 0: none */
    guint64 last_line;        /* that a report took, and which */
    const Open *last_open;
    gboolean rebooted;
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
    parser->input = lab_crash_input_new(parser);
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
    lab_crash_input_free(parser->input);
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

/* Is there a report that is the cause even beside others? */
static gboolean
has_strong(const LabCrashParser *parser)
{
    for (guint i = 0; i < parser->log->reports->len; i++)
        if (!((LabCrashReport *)parser->log->reports->pdata[i])->weak)
            return TRUE;
    return FALSE;
}

static gboolean
has_earlier(const LabCrashParser *parser, const Open *open)
{
    for (guint i = 0; i < parser->open->len; i++)
        if (((Open *)parser->open->pdata[i])->line_first < open->line_first)
            return TRUE;
    return has_strong(parser);
}

/* Is a header all there is of it? */
static gboolean
is_bare(const Open *open)
{
    for (guint i = 1; i < open->lines->len; i++) {
        const char *text = open->lines->pdata[i];

        if (strstr(text, " PID: ") || strstr(text, "Pid: ") || strstr(text, "---[ end "))
            return FALSE;
    }
    return !open->traced;
}

static void
close_report(LabCrashParser *parser, guint index)
{
    Open *open = parser->open->pdata[index];
    LabCrashReport *report = NULL;

    if (open->told && is_bare(open)) {
        g_ptr_array_remove_index(parser->open, index);
        parser->last_open = NULL;
        return;
    }
    if (open->class->flags & LAB_CRASH_STOPS)
        parser->log->panicked = TRUE;
    if (parser->log->reports->len < LAB_CRASH_REPORTS_MAX)
        report = lab_crash_report_build(open->class, open->lines);
    if (!report && parser->log->reports->len < LAB_CRASH_REPORTS_MAX)
        report = lab_crash_report_build_line(open->class, open->lines->pdata[0], open->timed);
    if (report) {
        report->line_first = open->line_first;
        report->line_last = open->line_last;
        report->interleaved |= open->interleaved;
        report->truncated |= open->truncated;
        report->corrupted |= open->torn;
        report->weak |= open->wall;
        report->panicked = open->panicked || (open->class->flags & LAB_CRASH_STOPS);
        report->harmless = (open->class->flags & LAB_CRASH_MINOR) && !report->panicked;
        if (open->class->flags & LAB_CRASH_FOLLOWS)
            report->harmless = has_earlier(parser, open);
        g_ptr_array_add(parser->log->reports, report);
        g_ptr_array_sort(parser->log->reports, compare_reports);
    }
    parser->log->interleaved |= report ? report->interleaved : open->interleaved;
    if (parser->last_open == open)
        parser->last_open = NULL;
    g_ptr_array_remove_index(parser->open, index);
}

/* Reports that got no line of their own for long are over. */
static void
sweep(LabCrashParser *parser, guint64 line)
{
    if (line < parser->swept + SWEEP_LINES)
        return;
    parser->swept = line;
    for (guint i = 0; i < parser->open->len;) {
        if (line > ((Open *)parser->open->pdata[i])->line_last + IDLE_LINES)
            close_report(parser, i);
        else
            i++;
    }
}

static gint
find_open(LabCrashParser *parser, const char *caller)
{
    for (guint i = parser->open->len; i > 0; i--)
        if (strcmp(((Open *)parser->open->pdata[i - 1])->caller, caller) == 0)
            return (gint)i - 1;
    return -1;
}

/* The report for which that caller shows the stack of its CPU. */
static gint
find_helped(LabCrashParser *parser, const char *caller)
{
    for (guint i = parser->open->len; i > 0; i--) {
        const Open *open = parser->open->pdata[i - 1];

        for (guint j = 0; j < open->n_helpers; j++)
            if (strcmp(open->helpers[j], caller) == 0)
                return (gint)i - 1;
    }
    return -1;
}

/* "NMI backtrace for cpu 1": that CPU's own words, for the report that asked for them. */
static gint
adopt(LabCrashParser *parser, const LabCrashLine *line)
{
    if (!line->caller[0] || !strstr(line->text, "NMI backtrace for cpu"))
        return -1;
    for (guint i = parser->open->len; i > 0; i--) {
        Open *open = parser->open->pdata[i - 1];

        if (open->n_helpers == HELPERS_MAX ||
            (!open->shows_others && open->class->rule != LAB_CRASH_RULE_STALL))
            continue;
        memcpy(open->helpers[open->n_helpers++], line->caller, sizeof line->caller);
        return (gint)i - 1;
    }
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

/* Without callers: what betrays that another CPU's lines stand in the report. */
static void
look_for_others(Open *open, const LabCrashLine *line)
{
    const char *cpu;
    int number;

    if (line->split)
        open->interleaved = TRUE;
    if (strstr(line->text, "NMI backtrace for cpu") || strstr(line->text, "Sending NMI from CPU") ||
        strstr(line->text, "Task dump for CPU") || strstr(line->text, "Showing all locks held"))
        open->shows_others = TRUE;
    if (line->caller[0])
        return;
    if (line->has_time) {
        if (line->time_us < open->time_us)
            open->interleaved = TRUE;
        open->time_us = line->time_us;
    }
    cpu = strstr(line->text, "CPU: ");
    if (!cpu || !g_ascii_isdigit(cpu[5]) || !strstr(cpu, " PID: "))
        return;
    number = (int)strtol(cpu + 5, NULL, 10);
    if (open->cpu >= 0 && number != open->cpu && !open->shows_others)
        open->interleaved = TRUE;
    open->cpu = number;
}

static void
add_line(LabCrashParser *parser, Open *open, const LabCrashLine *line)
{
    if (parser->last_open && parser->last_open != open && parser->last_line + 1 >= line->number)
        parser->log->interleaved = TRUE;
    parser->last_open = open;
    parser->last_line = line->number_last;
    if (open->lines->len >= LAB_CRASH_REPORT_LINES)
        return;
    if (strstr(line->text, "all Trace:") || strstr(line->text, "all trace:") ||
        g_str_has_prefix(line->text, "Backtrace:"))
        open->traced = TRUE;
    look_for_others(open, line);
    g_ptr_array_add(open->lines, g_strndup(line->text, line->length));
    if (line->length)
        open->line_last = line->number_last;
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

/* Two CPUs that fault at once say so one after the other; the lines after them tell of one. */
static gboolean
repeats(const Open *open, const LabCrashClass *class, const LabCrashLine *line)
{
    return open->class == class && open->lines->len == 1 &&
           (class->rule == LAB_CRASH_RULE_TOP || class->rule == LAB_CRASH_RULE_STALL) &&
           line->has_time && line->number == open->line_last + 1;
}

/* A machine that starts again without having told why. Later starts add nothing. */
static void
note_reboot(LabCrashParser *parser, const LabCrashClass *class, const LabCrashLine *line)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_autofree char *text = g_strndup(line->text, line->length);
    LabCrashReport *report;

    while (parser->open->len)
        close_report(parser, 0);
    if (parser->rebooted || parser->log->reports->len >= LAB_CRASH_REPORTS_MAX ||
        has_strong(parser))
        return;
    parser->rebooted = TRUE;
    g_ptr_array_add(lines, text);
    report = lab_crash_report_build(class, lines);
    report->line_first = 1; /* what ended without a word began there */
    report->line_last = line->number;
    g_ptr_array_add(parser->log->reports, report);
}

/* "Kernel panic - not syncing: panic_on_warn set": the report goes on, for the trace of the panic
 * is often the only one; that the kernel stopped is noted apart. */
static void
add_follow_up(LabCrashParser *parser, Open *open, const LabCrashClass *class,
              const LabCrashLine *line)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_autofree char *text = g_strndup(line->text, line->length);
    LabCrashReport *report;

    open->panicked = TRUE;
    g_ptr_array_add(lines, text);
    if (parser->log->reports->len < LAB_CRASH_REPORTS_MAX &&
        (report = lab_crash_report_build(class, lines))) {
        report->line_first = line->number;
        report->line_last = line->number_last;
        report->panicked = report->harmless = TRUE;
        g_ptr_array_add(parser->log->reports, report);
    }
    add_line(parser, open, line);
}

/* "---[ end Kernel panic - not syncing: … ]---" is what stands on a screen when the first words
 * have left it: without any other report it is one. */
static void
last_words(LabCrashParser *parser, const LabCrashLine *line)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_autofree char *text = g_strdup(strstr(line->text, "Kernel panic"));
    g_autoptr(GMatchInfo) match = NULL;
    const LabCrashClass *class;
    LabCrashReport *report;

    if (parser->open->len || parser->log->reports->len || line->text[0] != '-' ||
        !(class = lab_crash_class_find(text, &match)))
        return;
    g_ptr_array_add(lines, text);
    report = lab_crash_report_build(class, lines);
    if (!report)
        return;
    report->line_first = line->number;
    report->line_last = line->number_last;
    report->panicked = parser->log->panicked = TRUE;
    report->weak = report->corrupted = TRUE;
    g_ptr_array_add(parser->log->reports, report);
}

/* Is the header enough to say that there is a report? */
static gboolean
tells_at_once(const LabCrashClass *class)
{
    if (class->flags & (LAB_CRASH_NEEDS_TRACE | LAB_CRASH_NEEDS_DETAIL | LAB_CRASH_MINOR))
        return FALSE;
    return !(class->flags & LAB_CRASH_WEAK && class->rule == LAB_CRASH_RULE_TITLE);
}

/* Does a person tell of a report: is the header, at 'start', quoted, an item of a list, or in the
 * middle of a sentence? Printk's time, a level or a collector's tag say that it is the kernel. */
static gboolean
is_told(const LabCrashLine *line, int start)
{
    static gsize once;
    static GRegex *words;

    if (start <= 0 || line->has_time || line->tagged || line->level >= 0)
        return FALSE;
    if (g_once_init_enter(&once)) {
        words = g_regex_new("^\\s*(?:[-*+]|\\d{1,2}[.)])\\s+$|[\"'`](?:(?:NMI )?watchdog: |rcu: "
                            ")?$|(?:^|\\s)(?:[A-Za-z']+,?\\s+){3}$"
                            "|(?:^|\\s)(?:[A-Za-z'/_-]+[.,;:]?\\s+){6}$",
                            G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, NULL);
        g_once_init_leave(&once, 1);
    }
    return g_regex_match_full(words, line->text, start, 0, 0, NULL, NULL);
}

static void
open_report(LabCrashParser *parser, const LabCrashClass *class, const LabCrashLine *line, int start)
{
    gint index = find_open(parser, line->caller);
    gboolean told = is_told(line, start);
    Open *open;

    if ((class->flags & LAB_CRASH_STOPS) && !told)
        parser->log->panicked = TRUE;
    if (index >= 0 && ((Open *)parser->open->pdata[index])->told) {
        close_report(parser, (guint)index);
    } else if (index >= 0) {
        open = parser->open->pdata[index];
        if (class->flags & LAB_CRASH_FOLLOWS) {
            add_follow_up(parser, open, class, line);
            return;
        }
        if (repeats(open, class, line)) {
            open->interleaved = TRUE;
            add_line(parser, open, line);
            return;
        }
        if (continues(open, class, line->number)) {
            add_line(parser, open, line);
            return;
        }
        close_report(parser, (guint)index);
    }
    if (parser->log->reports->len >= LAB_CRASH_REPORTS_MAX)
        return;
    if (parser->open->len >= OPEN_MAX)
        close_report(parser, 0);
    open = g_new0(Open, 1);
    open->class = class;
    open->lines = g_ptr_array_new_with_free_func(g_free);
    memcpy(open->caller, line->caller, sizeof open->caller);
    open->line_first = open->line_last = line->number;
    open->timed = line->has_time || line->tagged || line->level >= 0;
    open->time_us = open->cpu = -1;
    open->wall = line->number == parser->wall_line;
    open->told = told;
    g_ptr_array_add(parser->open, open);
    add_line(parser, open, line);
    if (tells_at_once(class) && !told)
        parser->has_report = TRUE;
}

/* "** 12 printk messages dropped **", journald's "Missed 12 kernel messages", /dev/kmsg's overrun.
 * Messages that were held back on purpose ("callbacks suppressed") are no loss. */
static gboolean
tells_of_loss(const char *text)
{
    const char *missed = strstr(text, "Missed ");

    return strstr(text, "printk messages dropped") || strstr(text, "some messages lost") ||
           (missed && strstr(missed, " kernel messages"));
}

static void
note_loss(LabCrashParser *parser)
{
    parser->log->truncated = TRUE;
    for (guint i = 0; i < parser->open->len; i++) {
        Open *open = parser->open->pdata[i];

        open->truncated = TRUE;
        open->torn |= open->lines->len < TORN_LINES;
    }
}

static gboolean
ends_panic(const char *text)
{
    return strstr(text, "---[ end Kernel panic") != NULL;
}

/* Of a machine that reports for ever only its end is still of interest. */
static gboolean
is_full(const LabCrashParser *parser)
{
    return parser->log->reports->len >= LAB_CRASH_REPORTS_MAX;
}

static gboolean
may_stop(const char *text)
{
    return strstr(text, "anic") || strstr(text, "Not continuing");
}

/* It was the capture kernel that started: the command line names its core. */
static void
forget_reboot(LabCrashParser *parser)
{
    GPtrArray *reports = parser->log->reports;

    for (guint i = reports->len; i > 0; i--)
        if (strcmp(((LabCrashReport *)reports->pdata[i - 1])->type, "reboot") == 0)
            g_ptr_array_remove_index(reports, i - 1);
    parser->rebooted = FALSE;
}

/* Lines with a word that headers, banners and losses have. TRUE: all was done. */
static gboolean
take_special(LabCrashParser *parser, const LabCrashLine *line)
{
    g_autoptr(GMatchInfo) match = NULL;
    const LabCrashClass *class;

    if (tells_of_loss(line->text))
        note_loss(parser);
    if (g_str_has_prefix(line->text, "Message from syslogd@")) /* the log itself may follow */
        parser->wall_line = line->number_last + 1;
    if (parser->rebooted && strstr(line->text, "elfcorehdr="))
        forget_reboot(parser);
    if (ends_panic(line->text)) {
        parser->panic_ended = TRUE;
        last_words(parser, line);
    }
    if (g_str_has_prefix(line->text, "Linux version ")) {
        read_banner(parser, line->text);
        if (parser->log->boots == 1)
            return TRUE;
    }
    if (line->noise || (is_full(parser) && !may_stop(line->text)))
        return FALSE;
    class = lab_crash_class_find(line->text, &match);
    if (class && class->flags & LAB_CRASH_REBOOT) {
        if (line->number > (*line->text == 'S' || parser->log->boots ? FIRMWARE_LINE : LOADER_LINE))
            note_reboot(parser, class, line);
    } else if (class) {
        int start = 0;

        if (match)
            g_match_info_fetch_pos(match, 0, &start, NULL);
        open_report(parser, class, line, start);
    }
    return class != NULL;
}

void
lab_crash_parser_take(LabCrashParser *parser, const LabCrashLine *line)
{
    gboolean special =
        lab_crash_scan_find(lab_crash_scan_all(), line->text, line->text + line->length) != NULL;
    char text[LAB_CRASH_LINE_MAX + 1];
    LabCrashLine own = *line;
    gint index;

    if (!special && parser->open->len == 0)
        return;
    memcpy(text, line->text, line->length);
    text[line->length] = '\0';
    own.text = text;
    if ((text[0] == ' ' || text[0] == 'P') && lab_crash_session_unquote(text))
        own.length = strlen(text);
    if ((special && take_special(parser, &own)) || parser->open->len == 0 || line->noise)
        return;
    index = find_open(parser, line->caller);
    if (index < 0)
        index = find_helped(parser, line->caller);
    if (index < 0)
        index = adopt(parser, &own);
    if (index >= 0) {
        Open *open = parser->open->pdata[index];

        add_line(parser, open, &own);
        if ((open->class->flags & LAB_CRASH_NEEDS_TRACE) && open->traced)
            parser->has_report = TRUE;
    }
    sweep(parser, line->number);
}

void
lab_crash_parser_peek(LabCrashParser *parser, const LabCrashLine *line)
{
    g_autofree char *text = g_strndup(line->text, line->length);
    g_autoptr(GMatchInfo) match = NULL;
    const LabCrashClass *class = lab_crash_class_find(text, &match);

    parser->panic_ended |= ends_panic(text);
    if (!class || line->noise || line->foreign)
        return;
    parser->has_report |= tells_at_once(class);
    parser->log->panicked |= (class->flags & LAB_CRASH_STOPS) != 0;
}

gboolean
lab_crash_parser_is_quiet(const LabCrashParser *parser)
{
    return parser->open->len == 0;
}

LabCrashInput *
lab_crash_parser_input(LabCrashParser *parser)
{
    return parser->input;
}

void
lab_crash_parser_feed(LabCrashParser *parser, const char *line, gsize length)
{
    if (parser->salvage)
        lab_crash_salvage_keep(parser->salvage, line, length);
    lab_crash_input_line(parser->input, line, length);
}

void
lab_crash_parser_feed_text(LabCrashParser *parser, const char *text, gsize length)
{
    if (parser->salvage)
        lab_crash_salvage_keep_text(parser->salvage, text, length);
    lab_crash_input_text(parser->input, text, length);
}

static gboolean
ends_in_fault(const LabCrashReport *report)
{
    const char *function = lab_json_string(report->attributes, "function");

    return function && lab_crash_function_is_fault(function);
}

/* CPUs stall at once, and the panic of one breaks off what another one prints: if nothing is left
 * beneath a fault's entry, the next report of the kind tells where they stand. */
static const LabCrashReport *
whole_one(const LabCrashLog *log)
{
    gboolean behind = FALSE;

    for (guint i = 0; i < log->reports->len; i++) {
        const LabCrashReport *report = log->reports->pdata[i];

        if (behind && !report->harmless && !report->weak && !ends_in_fault(report) &&
            strcmp(report->type, log->cause->type) == 0)
            return report;
        behind |= report == log->cause;
    }
    return log->cause;
}

/* The first report that is not harmless is the cause, a weak one when there is no other; a panic
 * that only repeats something belongs to the last report before it. */
static void
settle(LabCrashLog *log)
{
    LabCrashReport *last = NULL;
    LabCrashReport *weak = NULL;

    for (guint i = 0; i < log->reports->len; i++) {
        LabCrashReport *report = log->reports->pdata[i];

        if (!report->harmless) {
            last = report;
            if (report->weak && !weak)
                weak = report;
            if (!report->weak && !log->cause)
                log->cause = report;
        } else if (report->panicked && last) {
            last->panicked = TRUE;
        }
    }
    if (!log->cause)
        log->cause = weak;
    if (log->cause && ends_in_fault(log->cause))
        log->cause = whole_one(log);
}

LabCrashLog *
lab_crash_parser_finish(LabCrashParser *parser)
{
    LabCrashLog *log = parser->log;

    lab_crash_input_end(parser->input);
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

    g_clear_pointer(&parser->salvage, lab_crash_salvage_free);
    lab_crash_parser_feed_text(parser, text, length);
    return lab_crash_parser_finish(parser);
}

LabCrashLog *
lab_crash_log_parse_turned(const char *text, gsize length)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();

    lab_crash_salvage_set_turned(parser->salvage);
    lab_crash_parser_feed_text(parser, text, length);
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

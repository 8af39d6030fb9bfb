/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the lines of one report to its title, frames and attributes. */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

void
lab_crash_report_free(LabCrashReport *report)
{
    if (!report)
        return;
    g_free(report->title);
    g_free(report->type);
    g_free(report->identity);
    g_strfreev(report->alternatives);
    if (report->frames)
        g_ptr_array_unref(report->frames);
    json_decref(report->attributes);
    g_free(report);
}

/* --- titles --- */

/* Bytes of a title, at most: what is longer holds more than its own line. */
#define TITLE_MAX 120

/* What differs from run to run becomes a word: addresses ADDR, lines of source files LINE, numbers
 * NUM. */
static char *
scrub(const char *text)
{
    static const char *const patterns[][2] = {
        {"(syz-executor|syzkaller)\\.?[0-9]+(?:[/:][0-9]+)?", "\\1"},
        {"(?<=\\w)\\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?", ""},
        {"\\b(?:0x)?(?=[a-f]*[0-9])[0-9a-f]{6,}\\b|\\(ptrval\\)", "ADDR"},
        {"\\b(?:[0-9]{1,3}\\.){3}[0-9]{1,3}\\b", "IP"},
        {"(\\.[a-zA-Z]\\w*)(?::[0-9]+)+", "\\1:LINE"},
        {"\\bCPU#[0-9]+", "CPU"},
        {"\\b(?:0x[0-9a-f]+|[0-9]+)\\b", "NUM"},
        {" {2,}", " "},
    };
    static GRegex *regex[G_N_ELEMENTS(patterns)];
    static gsize once;
    char *clean = g_strdup(text);

    if (g_once_init_enter(&once)) {
        for (gsize i = 0; i < G_N_ELEMENTS(patterns); i++)
            regex[i] = g_regex_new(patterns[i][0], G_REGEX_RAW, 0, NULL);
        g_once_init_leave(&once, 1);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(patterns); i++) {
        char *next = g_regex_replace(regex[i], clean, -1, 0, patterns[i][1], 0, NULL);

        if (!next)
            continue;
        g_free(clean);
        clean = next;
    }
    return clean;
}

/* Value of a named group in either match; NULL when it took no part. g_free. */
static char *
group(const char *name, GMatchInfo *header, GMatchInfo *detail)
{
    GMatchInfo *matches[] = {header, detail};

    for (gsize i = 0; i < G_N_ELEMENTS(matches); i++) {
        char *value = matches[i] ? g_match_info_fetch_named(matches[i], name) : NULL;

        if (value && *value)
            return value;
        g_free(value);
    }
    return NULL;
}

static char *
expand(const char *template, const char *function, GMatchInfo *header, GMatchInfo *detail)
{
    GString *out = g_string_new(NULL);
    const char *p = template;
    const char *start;

    while ((start = strstr(p, "${"))) {
        const char *end = strchr(start, '}');
        g_autofree char *name = g_strndup(start + 2, end - start - 2);
        g_autofree char *value = NULL;

        g_string_append_len(out, p, start - p);
        p = end + 1;
        if (strcmp(name, "F") == 0) {
            g_string_append(out, function);
            continue;
        }
        value = group(name, header, detail);
        if (!value) {
            p += *p == ' '; /* one blank for the word that is missing */
            continue;
        }
        if (strcmp(name, "dashed") == 0) {
            g_autofree char *lower = g_ascii_strdown(value, -1);

            g_string_append(out, g_strdelimit(lower, " ", '-'));
        } else {
            g_autofree char *clean = scrub(value);

            g_string_append(out, clean ? clean : value);
        }
    }
    g_string_append(out, p);
    if (out->len > TITLE_MAX) {
        gsize length = TITLE_MAX;

        while ((out->str[length] & 0xc0) == 0x80) /* within a character */
            length--;
        g_string_truncate(out, length);
    }
    g_strchomp(out->str);
    return g_string_free(out, FALSE);
}

static void
add_alternative(GStrvBuilder *builder, GHashTable *seen, char *text)
{
    if (g_hash_table_add(seen, text))
        g_strv_builder_add(builder, text);
}

/* Class and function for K0: the group that several kinds of report share stands for the class. */
static char *
identity(const LabCrashReport *report, const LabCrashClass *class, const char *shown)
{
    const char *end = class->alternative ? strstr(class->alternative, " in ${F}") : NULL;

    if (!end || !shown)
        return g_strdup_printf("%s\n%s", report->type, shown ? shown : report->title);
    return g_strdup_printf("%.*s\n%s", (int)(end - class->alternative), class->alternative, shown);
}

/* The same bug under its other names: without the syscall prefix or with it, and by the group that
 * several kinds of report share ("bad-access in F"). */
static void
name_report(LabCrashReport *report, const LabCrashClass *class, const char *function,
            GMatchInfo *header, GMatchInfo *detail)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *plain = function ? lab_crash_function_plain(function) : NULL;
    const char *shown = plain ? plain : function;
    gboolean renamed; /* not shown by its own name */

    if (class->rule == LAB_CRASH_RULE_STALL && function && strstr(function, "smp_call_function"))
        shown = "smp_call_function";
    if (class->rule == LAB_CRASH_RULE_HANG && function &&
        (strstr(function, "synchronize_") && !strstr(function, "irq")))
        shown = "synchronize_rcu";
    renamed = function && g_strcmp0(shown, function) != 0;
    report->title = expand(class->title, shown ? shown : "corrupted", header, detail);
    if (!shown && (class->flags & LAB_CRASH_NO_CORRUPT) &&
        g_str_has_suffix(report->title, " in corrupted"))
        report->title[strlen(report->title) - strlen(" in corrupted")] = '\0';
    g_hash_table_add(seen, g_strdup(report->title));
    if (renamed)
        add_alternative(builder, seen, expand(class->title, function, header, detail));
    if (class->alternative)
        add_alternative(builder, seen,
                        expand(class->alternative, shown ? shown : "corrupted", header, detail));
    if (class->alternative && renamed)
        add_alternative(builder, seen, expand(class->alternative, function, header, detail));
    report->alternatives = g_strv_builder_end(builder);
    report->identity = identity(report, class, shown);
}

/* --- all of it --- */

/* The function that a match names and that may be blamed; g_free. NULL: none. */
static char *
blamed_group(const LabCrashClass *class, GMatchInfo *match)
{
    g_autofree char *symbol = group("F", match, NULL);
    char *function;

    if (!symbol)
        return NULL;
    function = lab_crash_function_name(symbol, strlen(symbol));
    if (class->flags & LAB_CRASH_NAMED || lab_crash_may_be_blamed(class, function, NULL))
        return function;
    g_free(function);
    return NULL;
}

/* The match of the class's detail on a later line, or NULL: the first whose function may be blamed,
 * else the first. */
static GMatchInfo *
find_detail(const LabCrashClass *class, const GPtrArray *lines)
{
    GRegex *regex = lab_crash_class_detail(class);
    GMatchInfo *first = NULL;

    for (guint i = 1; regex && i < MIN(lines->len, 40); i++) {
        g_autoptr(GMatchInfo) match = NULL;
        g_autofree char *function = NULL;

        if (!g_regex_match(regex, lines->pdata[i], 0, &match))
            continue;
        function = blamed_group(class, match);
        if (function || !strstr(class->detail, "?<F>")) {
            g_clear_pointer(&first, g_match_info_unref);
            return g_steal_pointer(&match);
        }
        if (!first)
            first = g_steal_pointer(&match);
    }
    return first;
}

/* Frames of the stack that was blamed, else of the first that tells where it happened. */
static GPtrArray *
take_frames(GPtrArray *stacks, guint index)
{
    GPtrArray *frames = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_frame_free);

    for (guint i = 0; i < stacks->len; i++) {
        LabCrashStack *stack = stacks->pdata[i];

        if (index != G_MAXUINT ? i != index
                               : stack->kind != LAB_CRASH_STACK_MAIN || stack->frames->len == 0)
            continue;
        for (guint j = 0; j < stack->frames->len; j++) {
            LabCrashFrame *frame = stack->frames->pdata[j];

            g_ptr_array_add(frames, frame);
            stack->frames->pdata[j] = NULL;
        }
        break;
    }
    return frames;
}

static gboolean
has_trace(const GPtrArray *stacks)
{
    for (guint i = 0; i < stacks->len; i++)
        if (((LabCrashStack *)stacks->pdata[i])->frames->len > 1)
            return TRUE;
    return FALSE;
}

/* A header's or detail's own function, when the class takes it and it may be blamed. */
static char *
named_function(const LabCrashClass *class, GMatchInfo *header, GMatchInfo *detail)
{
    char *function;

    if (class->rule != LAB_CRASH_RULE_TOP && class->rule != LAB_CRASH_RULE_DEADLOCK)
        return NULL;
    function = blamed_group(class, header);
    return function || !detail ? function : blamed_group(class, detail);
}

LabCrashReport *
lab_crash_report_build(const LabCrashClass *class, const GPtrArray *lines)
{
    g_autoptr(GPtrArray)
        stacks = lab_crash_stacks_read(lines, (class->flags & LAB_CRASH_BARE) != 0);
    g_autoptr(GMatchInfo) header = NULL;
    g_autoptr(GMatchInfo) detail = NULL;
    g_autofree char *function = NULL;
    guint index = G_MAXUINT;
    LabCrashReport *report;
    const LabCrashFrame *frame;

    if ((class->flags & LAB_CRASH_NEEDS_TRACE) && !has_trace(stacks))
        return NULL;
    lab_crash_class_find(lines->pdata[0], &header);
    detail = find_detail(class, lines);
    if ((class->flags & LAB_CRASH_NEEDS_DETAIL) && !detail)
        return NULL;
    report = g_new0(LabCrashReport, 1);
    report->type = g_strdup(class->type);
    report->weak = (class->flags & LAB_CRASH_WEAK) != 0;
    report->attributes = json_object();
    frame = lab_crash_blame(class, stacks, &index);
    report->corrupted = lab_crash_is_corrupted(class, lines, stacks, index, detail != NULL);
    if (class->rule != LAB_CRASH_RULE_TITLE) {
        function = named_function(class, header, detail);
        if (!function && frame)
            function = g_strdup(frame->function);
        report->corrupted |= !function && !(class->flags & LAB_CRASH_NO_CORRUPT);
    }
    name_report(report, class, function, header, detail);
    if (function)
        json_object_set_new(report->attributes, LAB_CRASH_FUNCTION, lab_json_text(function));
    lab_crash_attributes_read(report->attributes, lines);
    report->interleaved |= lab_crash_lines_interleave(lines);
    report->frames = take_frames(stacks, index);
    return report;
}

LabCrashReport *
lab_crash_report_build_line(const LabCrashClass *class, const char *header, gboolean timed)
{
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *device = NULL;
    LabCrashReport *report;

    lab_crash_class_find(header, &match);
    device = match ? g_match_info_fetch_named(match, "device") : NULL;
    if (!(class->flags & LAB_CRASH_NEEDS_TRACE) || (class->flags & LAB_CRASH_TRACE_ONLY) ||
        !(timed || (device && *device)))
        return NULL;
    report = g_new0(LabCrashReport, 1);
    report->type = g_strdup(class->type);
    report->weak = TRUE;
    report->corrupted = (class->flags & LAB_CRASH_LOST) != 0;
    report->attributes = json_object();
    report->frames = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_frame_free);
    name_report(report, class, NULL, match, NULL);
    return report;
}

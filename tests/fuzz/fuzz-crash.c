/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log reader: any bytes. What it says is whole, the prefilter changes none of it, nor does
 * where the text is cut, and the way of live lines takes the same bytes.
 */
#include <string.h>

#include "lab-crash-private.h"
#include "lab-crash.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static LabCrashLog *
read_in_pieces(const char *text, gsize length, gsize piece)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();

    lab_crash_input_set_prefilter(lab_crash_parser_input(parser), FALSE);
    for (gsize i = 0; i < length; i += piece)
        lab_crash_parser_feed_text(parser, text + i, MIN(piece, length - i));
    return lab_crash_parser_finish(parser);
}

static void
check(const LabCrashLog *log)
{
    json_t *json = lab_crash_log_to_json(log);

    if (log->cause) {
        g_assert(log->k0 && log->k1 && log->k2);
        g_assert(log->cause->title && log->cause->type && log->cause->alternatives);
        g_assert(log->cause->line_first >= 1 && log->cause->line_first <= log->cause->line_last);
        g_assert(json_is_object(json));
    }
    json_decref(json);
}

static void
check_live(const char *text, gsize length)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_autoptr(LabCrashLog) log = NULL;
    const char *end = text + length;

    while (text < end) {
        const char *newline = memchr(text, '\n', (gsize)(end - text));
        const char *stop = newline ? newline : end;

        lab_crash_parser_feed(parser, text, (gsize)(stop - text));
        text = stop + 1;
    }
    log = lab_crash_parser_finish(parser);
    check(log);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const char *text = (const char *)data;
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, size);
    g_autoptr(LabCrashLog) other = read_in_pieces(text, size, 1 + size / 3);

    check(log);
    g_assert_cmpuint(log->reports->len, ==, other->reports->len);
    for (guint i = 0; i < log->reports->len; i++) {
        json_t *one = lab_crash_report_to_json(log->reports->pdata[i]);
        json_t *two = lab_crash_report_to_json(other->reports->pdata[i]);

        g_assert_true(json_equal(one, two));
        json_decref(one);
        json_decref(two);
    }
    g_assert_cmpstr(log->k2, ==, other->k2);
    check_live(text, size);
    return 0;
}

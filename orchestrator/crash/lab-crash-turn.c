/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small texts that have to be turned before they can be read: a mail's body as it was sent
 * (quoted-printable, RFC 2045, section 6.7), and logs with the newest line first (journalctl -r,
 * what web consoles export). They are read again as they would have been, and their reports get the
 * numbers of the lines as they stand.
 */
#include "lab-crash-private.h"

#include <string.h>

/* Soft line breaks stand where the next word found no room in a line of so many columns. */
#define SOFT_MIN 66
#define SOFT_MAX 76

/* --- quoted-printable --- */

static gboolean
is_hex(char c)
{
    return g_ascii_isdigit(c) || (c >= 'A' && c <= 'F');
}

/* The bytes of the line's end at 'p', 0 when there is none. */
static gsize
newline_at(const char *p)
{
    return *p == '\n' ? 1 : p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

/* Does nearly every '=' begin an escape or break a full line, and do two break one? */
static gboolean
is_quoted_printable(const char *text)
{
    const char *line = text;
    guint soft = 0, sound = 0, others = 0;

    for (const char *p = strpbrk(text, "=\n"); p; p = strpbrk(p + 1, "=\n")) {
        gssize column = p - line + 1;

        if (*p == '\n')
            line = p + 1;
        else if (is_hex(p[1]) && is_hex(p[2]))
            sound++;
        else if (newline_at(p + 1) && column >= SOFT_MIN && column <= SOFT_MAX && p[-1] != '=')
            soft++;
        else
            others++;
    }
    return soft >= 2 && others * 20 <= soft + sound;
}

/* A text and, for each of its lines, the number of the line where it began. */
typedef struct {
    GString *text;
    GArray *numbers; /* guint64; one more for the line after the last */
} Turned;

static void
turned_clear(Turned *turned)
{
    g_string_free(turned->text, TRUE);
    g_array_free(turned->numbers, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Turned, turned_clear)

static Turned
decode(const char *text)
{
    Turned turned = {g_string_new(NULL), g_array_new(FALSE, FALSE, sizeof(guint64))};
    guint64 number = 1;

    g_array_append_val(turned.numbers, number);
    for (const char *p = text; *p; p++) {
        gsize end = *p == '=' ? newline_at(p + 1) : 0;

        if (end) {
            number++;
            p += end;
        } else if (*p == '=' && is_hex(p[1]) && is_hex(p[2])) {
            int byte = g_ascii_xdigit_value(p[1]) * 16 + g_ascii_xdigit_value(p[2]);

            g_string_append_c(turned.text, byte ? (char)byte : ' ');
            p += 2;
        } else {
            g_string_append_c(turned.text, *p);
            number += *p == '\n';
            if (*p == '\n')
                g_array_append_val(turned.numbers, number);
        }
    }
    number++;
    g_array_append_val(turned.numbers, number);
    return turned;
}

/* --- the newest line first --- */

static gboolean
is_of_trace(const char *line)
{
    LabCrashFrame *frame = lab_crash_frame_parse(line);
    gboolean found = frame || line[strspn(line, " ")] == '<';

    lab_crash_frame_free(frame);
    return found;
}

/* Do frames stand above the words that announce them, and never below? */
static gboolean
is_reversed(char *const *lines)
{
    g_autofree LabCrashForm *form = g_new0(LabCrashForm, 1);
    g_autofree char *before = g_strdup("");
    gboolean announced = FALSE;
    guint forward = 0, backward = 0;

    form->quoted = TRUE;
    for (gsize i = 0; lines[i]; i++) {
        char *line = lab_crash_line_plain(form, lines[i]);

        if (announced && is_of_trace(line))
            forward++;
        announced = g_str_has_suffix(line, "all Trace:") || g_str_has_suffix(line, "all trace:");
        /* What follows is looked at in the next round: only the last one may lack it. */
        backward += announced && is_of_trace(before);
        g_free(before);
        before = line;
    }
    return backward > 0 && forward == 0;
}

static char *
reverse(char *const *lines)
{
    GString *text = g_string_new(NULL);

    for (gsize i = g_strv_length((char **)lines); i > 0; i--) {
        g_string_append(text, lines[i - 1]);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

/* --- both --- */

static void
take(LabCrashLog *to, LabCrashLog *from)
{
    GPtrArray *reports = to->reports;
    char *release = to->release;

    to->reports = from->reports;
    to->release = from->release;
    from->reports = reports;
    from->release = release;
    to->cause = from->cause;
    to->panicked = from->panicked;
    to->interleaved = from->interleaved;
    to->truncated = from->truncated;
    to->boots = from->boots;
}

static gboolean
is_sound(const LabCrashLog *log)
{
    return log->cause && !log->cause->corrupted;
}

/* Reads 'text' backwards when it is so; TRUE when that told more. */
static gboolean
turn_reversed(LabCrashLog *log, const char *text)
{
    g_auto(GStrv) lines = NULL;
    g_autofree char *turned = NULL;
    g_autoptr(LabCrashLog) again = NULL;
    guint64 n;

    if (is_sound(log) || (!strstr(text, "all Trace:") && !strstr(text, "all trace:")))
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    if (!is_reversed(lines))
        return FALSE;
    turned = reverse(lines);
    again = lab_crash_log_parse_turned(turned, strlen(turned));
    if (!again->cause || (log->cause && again->cause->corrupted))
        return FALSE;
    n = g_strv_length(lines);
    for (guint i = 0; i < again->reports->len; i++) {
        LabCrashReport *report = again->reports->pdata[i];
        guint64 last = report->line_last;

        report->line_last = n + 1 - report->line_first;
        report->line_first = n + 1 - last;
    }
    take(log, again);
    return TRUE;
}

/* Reads a mail's body as it was written. */
static void
turn_encoded(LabCrashLog *log, const char *text)
{
    g_auto(Turned) turned = decode(text);
    g_autoptr(LabCrashLog) again = lab_crash_log_parse_turned(turned.text->str, turned.text->len);
    const guint64 *numbers = (const guint64 *)(gpointer)turned.numbers->data;
    guint64 n = turned.numbers->len - 1;

    turn_reversed(again, turned.text->str);
    for (guint i = 0; i < again->reports->len; i++) {
        LabCrashReport *report = again->reports->pdata[i];

        report->line_first = numbers[CLAMP(report->line_first, 1, n) - 1];
        report->line_last = numbers[CLAMP(report->line_last, 1, n)] - 1;
    }
    take(log, again);
}

gboolean
lab_crash_turn(LabCrashLog *log, const char *text)
{
    if (!is_quoted_printable(text))
        return turn_reversed(log, text);
    turn_encoded(log, text);
    return TRUE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log-transform.h"

#include <string.h>

/* printk's stamp, with the caller of its own column; NULL: none. *caller (may be NULL) lies in 'p'.
 */
static const char *
after_stamp(const char *p, const char *end, const char **caller)
{
    const char *q = p;

    if (caller)
        *caller = NULL;
    if (q < end && *q == '<') {
        for (q++; q < end && g_ascii_isdigit(*q); q++)
            ;
        if (q < end && *q == '>')
            q++;
    }
    if (q >= end || *q++ != '[')
        return NULL;
    for (; q < end && (*q == ' ' || *q == '.' || g_ascii_isdigit(*q)); q++)
        ;
    if (q >= end || *q != ']' || q - p < 6)
        return NULL;
    q++;
    if (q + 6 < end && *q == '[' && (q[1] == ' ' || q[1] == 'T' || q[1] == 'C')) {
        const char *close = memchr(q, ']', MIN(end - q, 16));

        if (close && caller)
            *caller = q;
        if (close)
            q = close + 1;
    }
    return q < end && *q == ' ' ? q + 1 : q;
}

static void
wrap(GString *out, const char *line, const char *end, gsize width)
{
    while ((gsize)(end - line) > width) {
        g_string_append_len(out, line, (gssize)width);
        g_string_append_c(out, '\n');
        line += width;
    }
    g_string_append_len(out, line, end - line);
}

static void
wrap_words(GString *out, const char *line, const char *end, gsize width)
{
    while ((gsize)(end - line) > width) {
        const char *cut = line + width;

        while (cut > line && *cut != ' ')
            cut--;
        if (cut == line)
            break;
        g_string_append_len(out, line, cut - line);
        g_string_append_c(out, '\n');
        line = cut + 1;
    }
    g_string_append_len(out, line, end - line);
}

static void
json_line(GString *out, const char *line, const char *end)
{
    g_string_append(out, "{\"log\":\"");
    for (; line < end; line++) {
        if (*line == '"' || *line == '\\')
            g_string_append_printf(out, "\\%c", *line);
        else if ((guchar)*line < ' ')
            g_string_append_printf(out, "\\u%04x", (guchar)*line);
        else
            g_string_append_c(out, *line);
    }
    g_string_append(out, "\\n\",\"stream\":\"stdout\",\"time\":\"2026-08-11T12:45:31.1Z\"}");
}

static void
kmsg_line(GString *out, const char *line, const char *rest, const char *caller, const char *end,
          guint number)
{
    g_string_append_printf(out, "4,%u,%u,-", number, 5000000 + number);
    if (rest && caller) {
        while (*caller == '[' || *caller == ' ')
            caller++;
        g_string_append(out, ",caller=");
        for (; *caller != ']'; caller++)
            g_string_append_c(out, *caller);
    }
    g_string_append_c(out, ';');
    g_string_append_len(out, rest ? rest : line, end - (rest ? rest : line));
}

static void
one_line(GString *out, const char *line, const char *end, LogTransform transform, guint number)
{
    static const char syslog[] = "Aug 11 12:45:31 host kernel: ";
    static const char journald[] = "2026-08-11T12:45:31.000001+08:00 host kernel: ";
    const char *caller;
    const char *rest = after_stamp(line, end, &caller);

    switch (transform) {
    case LOG_SYSLOG:
        g_string_append(out, syslog);
        break;
    case LOG_JOURNALD:
        g_string_append(out, journald);
        break;
    case LOG_SYSLOG_BARE:
    case LOG_JOURNALD_BARE:
        g_string_append(out, transform == LOG_SYSLOG_BARE ? syslog : journald);
        line = rest ? rest : line;
        break;
    case LOG_DMESG_T:
        g_string_append(out, "[Tue Aug 11 12:45:31 2026] ");
        line = caller ? caller : rest ? rest : line;
        break;
    case LOG_QUOTED:
        g_string_append(out, "> ");
        break;
    case LOG_QUOTED_TWICE:
        g_string_append(out, "> > ");
        break;
    case LOG_WRAP_100:
        wrap(out, line, end, 100);
        return;
    case LOG_WRAP_80:
        wrap(out, line, end, 80);
        return;
    case LOG_MAIL:
        wrap_words(out, line, end, 78);
        return;
    case LOG_NO_TIME:
        line = caller ? caller : rest ? rest : line;
        break;
    case LOG_NO_PREFIX:
        line = rest ? rest : line;
        break;
    case LOG_LEVELS:
        g_string_append(out, "<4>");
        break;
    case LOG_KMSG:
        kmsg_line(out, line, rest, caller, end, number);
        return;
    case LOG_CONTAINER:
        g_string_append(out, "2026-08-11T12:45:31.123456789Z stdout F ");
        break;
    case LOG_DOCKER_JSON:
        json_line(out, line, end);
        return;
    case LOG_UNKNOWN:
        g_string_append_printf(out, "lab7/console(12.%03u): ", number % 1000);
        line = rest ? rest : line;
        break;
    default:
        break;
    }
    g_string_append_len(out, line, end - line);
}

const char *
log_transform_name(LogTransform transform)
{
    static const char *const names[LOG_TRANSFORMS] = {
        "plain",
        "syslog",
        "syslog, no stamp",
        "journald",
        "journald, no stamp",
        "dmesg -T",
        "> ",
        "> > ",
        "CRLF",
        "wrapped at 100",
        "wrapped at 80",
        "mail at 78",
        "no time",
        "no time, no caller",
        "<4>",
        "/dev/kmsg",
        "container",
        "docker's JSON",
        "unknown prefix",
    };

    return names[transform];
}

char *
log_transform(const char *text, gsize length, LogTransform transform, gsize *new_length)
{
    GString *out = g_string_sized_new(length * 2);
    const char *end = text + length;
    guint number = 0;

    while (text < end) {
        const char *newline = memchr(text, '\n', (gsize)(end - text));
        const char *stop = newline ? newline : end;

        if (stop > text && stop[-1] == '\r')
            stop--;
        one_line(out, text, stop, transform, number++);
        g_string_append(out, transform == LOG_CRLF ? "\r\n" : "\n");
        text = newline ? newline + 1 : end;
    }
    *new_length = out->len;
    return g_string_free(out, FALSE);
}

/* "[  T123]" with 'mark' before the number, so that two machines' callers differ. */
static void
append_caller(GString *out, const char *own, const char *otherwise, char mark)
{
    if (!own) {
        g_string_append_printf(out, "[%s%c]", otherwise, mark);
        return;
    }
    for (; *own != ']'; own++) {
        g_string_append_c(out, *own);
        if (*own == 'T' || *own == 'C')
            g_string_append_c(out, mark);
    }
    g_string_append_c(out, ']');
}

static const char *
take_line(GString *out, const char *p, const char *end, gboolean own, char mark, guint number)
{
    const char *newline, *stop, *rest, *caller;

    if (p >= end)
        return p;
    newline = memchr(p, '\n', (gsize)(end - p));
    stop = newline ? newline : end;
    rest = after_stamp(p, stop, &caller);
    g_string_append_printf(out, "[%5u.%06u]", 100 + number / 1000, number % 1000);
    append_caller(out, own ? caller : NULL, " T100", mark);
    g_string_append_c(out, ' ');
    g_string_append_len(out, rest ? rest : p, stop - (rest ? rest : p));
    g_string_append_c(out, '\n');
    return newline ? newline + 1 : end;
}

char *
log_interleave(const char *a, gsize a_length, const char *b, gsize b_length, gboolean own,
               gsize *length)
{
    GString *out = g_string_sized_new(2 * (a_length + b_length));
    const char *a_end = a + a_length;
    const char *b_end = b + b_length;

    for (guint number = 0; a < a_end || b < b_end; number += 2) {
        a = take_line(out, a, a_end, own, '1', number);
        b = take_line(out, b, b_end, own, '2', number + 1);
    }
    *length = out->len;
    return g_string_free(out, FALSE);
}

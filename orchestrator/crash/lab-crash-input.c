/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of bytes to the parser: lines are cut, cleaned, joined where something wrapped them, and
 * freed of their prefixes. Of a text that comes in blocks most is never looked at line by line:
 * only windows around a word that reports have, or in which something hinders the search for such
 * words.
 */
#include "lab-crash-private.h"

#include <string.h>

/* What is judged at once; the lines next to it are looked at too. */
#define WINDOW_BYTES  (16u << 10)
#define CONTEXT_BYTES (4u << 10)
#define BUFFER_BYTES  (320u << 10)
/* Lines of a live log from which its form is learnt, and what is kept of each. */
#define RING_LINES 64
#define RING_BYTES 256

struct LabCrashInput {
    LabCrashParser *parser;
    LabCrashForm form;
    guint64 line; /* lines seen */
    gboolean no_prefilter;
    /* A line that may go on in the next one. */
    gboolean pending;
    gsize pending_length, piece_length;
    guint64 pending_first, pending_last;
    char held[LAB_CRASH_LINE_MAX + 1];
    char raw[LAB_CRASH_LINE_MAX + 1];
    /* Live: the last lines. */
    char *ring;
    LabCrashSlice ring_lines[RING_LINES];
    guint ring_n;
    /* In blocks. */
    char *buffer;
    gsize start, length; /* of what is in the buffer: not yet read, and all */
    gboolean skipping;   /* the rest of an endless line */
    gboolean uniform;    /* the lines from which the form was learnt began with one byte */
    guint8 uniform_first;
};

LabCrashInput *
lab_crash_input_new(LabCrashParser *parser)
{
    LabCrashInput *input = g_new0(LabCrashInput, 1);

    input->parser = parser;
    return input;
}

void
lab_crash_input_free(LabCrashInput *input)
{
    if (!input)
        return;
    g_free(input->ring);
    g_free(input->buffer);
    g_free(input);
}

void
lab_crash_input_set_prefilter(LabCrashInput *input, gboolean prefilter)
{
    input->no_prefilter = !prefilter;
}

/* --- a line --- */

static void
emit(LabCrashInput *input, char *text, guint64 first, guint64 last)
{
    char caller[sizeof((LabCrashLine *)NULL)->caller] = "";
    gboolean split = FALSE;

    if (text[0] == '{' || text[0] == '-')
        lab_crash_unwrap_json(text);
    while (text) {
        LabCrashLine line;

        lab_crash_line_set(&line, &input->form, text);
        input->form.tagged |= line.tagged;
        line.split |= split;
        split = line.split;
        /* A log that has callers has them on every line of printk: the stamp is a quoted one. */
        if (!line.caller[0])
            memcpy(line.caller, caller, sizeof caller);
        memcpy(caller, line.caller, sizeof caller);
        line.number = first;
        line.number_last = last;
        text = line.tail;
        if (!line.foreign)
            lab_crash_parser_take(input->parser, &line);
    }
}

static void
flush(LabCrashInput *input)
{
    if (!input->pending)
        return;
    input->pending = FALSE;
    emit(input, input->held, input->pending_first, input->pending_last);
}

static void
hold(LabCrashInput *input, const char *text, gsize length)
{
    LabCrashLine line;

    memcpy(input->held, text, length + 1);
    lab_crash_line_set(&line, &input->form, input->held);
    lab_crash_parser_peek(input->parser, &line);
    input->pending = TRUE;
    input->pending_length = input->piece_length = length;
    input->pending_first = input->pending_last = input->line;
}

/* TRUE when the held line went on in this one. */
static gboolean
continue_held(LabCrashInput *input, const char *text, gsize length)
{
    LabCrashJoin join = lab_crash_form_joins(&input->form, input->piece_length, text);
    gsize room;

    if (join == LAB_CRASH_JOIN_NO) {
        flush(input);
        return FALSE;
    }
    if (join == LAB_CRASH_JOIN_SPACE && input->pending_length < LAB_CRASH_LINE_MAX &&
        input->pending_length && input->held[input->pending_length - 1] != ' ')
        input->held[input->pending_length++] = ' ';
    room = LAB_CRASH_LINE_MAX - input->pending_length;
    memcpy(input->held + input->pending_length, text, MIN(room, length));
    input->pending_length += MIN(room, length);
    input->held[input->pending_length] = '\0';
    input->piece_length = length;
    input->pending_last = input->line;
    if (!lab_crash_form_may_wrap(&input->form, length))
        flush(input);
    return TRUE;
}

static void
take_line(LabCrashInput *input, const char *bytes, gsize length)
{
    char *text = input->raw;
    gsize quote;

    input->line++;
    length = lab_crash_clean(text, LAB_CRASH_LINE_MAX, bytes, length);
    if (input->form.quoted) {
        quote = lab_crash_form_quote(text);
        text += quote;
        length -= quote;
    }
    if (input->pending && continue_held(input, text, length))
        return;
    if (lab_crash_form_may_wrap(&input->form, length))
        hold(input, text, length);
    else
        emit(input, text, input->line, input->line);
}

/* --- live --- */

static void
remember(LabCrashInput *input, const char *bytes, gsize length)
{
    char *slot;

    if (!input->ring)
        input->ring = g_malloc(RING_LINES * RING_BYTES);
    slot = input->ring + (gsize)input->ring_n * RING_BYTES;
    length = MIN(length, RING_BYTES);
    memcpy(slot, bytes, length);
    input->ring_lines[input->ring_n++] = (LabCrashSlice){slot, length};
    if (input->ring_n == RING_LINES || input->ring_n == 8 || input->ring_n == 24)
        lab_crash_form_elect(&input->form, input->ring_lines, input->ring_n);
    input->ring_n %= RING_LINES;
}

void
lab_crash_input_line(LabCrashInput *input, const char *bytes, gsize length)
{
    remember(input, bytes, length);
    take_line(input, bytes, length);
}

/* --- in blocks --- */

static void
elect(LabCrashInput *input, gsize start, gsize end)
{
    LabCrashSlice lines[LAB_CRASH_WINDOW];
    const char *p, *stop;
    guint n = 0;

    start = start > CONTEXT_BYTES ? start - CONTEXT_BYTES : 0;
    p = input->buffer + start;
    stop = input->buffer + MIN(end + CONTEXT_BYTES, input->length);
    while (p < stop && n < LAB_CRASH_WINDOW) {
        const char *newline = memchr(p, '\n', (gsize)(stop - p));
        gsize length = (gsize)((newline ? newline : stop) - p);

        /* The first piece and the last may be cut. */
        if ((newline || stop == input->buffer + input->length) &&
            (n || start == 0 || p != input->buffer + start))
            lines[n++] = (LabCrashSlice){p, length};
        if (!newline)
            break;
        p = newline + 1;
    }
    lab_crash_form_elect(&input->form, lines, n);
}

/* Bytes that may stand inside a word and are dropped later. */
static gboolean
has_controls(const char *text, gsize length)
{
    const guint8 *p = (const guint8 *)text;
    gsize i = 0;

    for (; i + 65 <= length; i += 64) {
        guint8 found = 0;

        for (gsize j = 0; j < 64; j++) {
            guint8 c = p[i + j];

            found |= (guint8)((c < 0x20) & (c != '\n') & (c != '\t') &
                              ((c != '\r') | (p[i + j + 1] != '\n')));
            found |= (guint8)(c == 0xa0) | (guint8)(c == 0x7f);
        }
        if (found)
            return TRUE;
    }
    for (; i < length; i++) {
        guint8 c = p[i];

        if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0xa0 || c == 0x7f)
            return TRUE;
        if (c == '\r' && i + 1 < length && p[i + 1] != '\n')
            return TRUE;
    }
    return FALSE;
}

/* What a cheap look at a window shows. */
typedef struct {
    gboolean wrapped; /* perhaps: says yes too often */
    gboolean uniform; /* nearly all lines begin with one and the same byte */
    guint8 first;     /* that */
} Glance;

/* The first byte of a quoted line behind the marks of the mails that quote it. */
static guint8
first_behind_quotes(const char *p, const char *stop)
{
    while (p < stop && (*p == '>' || *p == ' '))
        p++;
    return p < stop ? (guint8)*p : 0;
}

static Glance
glance(const char *p, const char *end)
{
    guint16 lengths[2048];
    guint8 firsts[2048];
    guint firsts_n[256] = {0};
    guint n = 0, longest = 0, full = 0, followed = 0, others = 0, major = 0;
    guint quotes = 0;
    guint wide = 0; /* lines that no mail program would have left so */

    while (p < end && n < G_N_ELEMENTS(lengths)) {
        const char *newline = memchr(p, '\n', (gsize)(end - p));
        const char *stop = newline ? newline : end;
        gsize length = (gsize)(stop - p);

        length -= length && stop[-1] == '\r';
        lengths[n] = (guint16)MIN(length, 4096);
        firsts[n] = *p == '>' ? first_behind_quotes(p, stop) : (guint8)*p;
        firsts_n[firsts[n]]++;
        quotes += *p == '>';
        longest = MAX(longest, lengths[n]);
        wide += length > 100;
        n++;
        p = stop + 1;
    }
    for (guint i = 1; i < 256; i++)
        if (firsts_n[i] > firsts_n[major])
            major = i;
    for (guint i = 0; i < n; i++) {
        others += firsts[i] != major;
        if (lengths[i] < longest)
            continue;
        full++;
        followed += i + 1 < n && firsts[i + 1] != major;
    }
    return (Glance){
        .wrapped = (wide * 50 <= n && others >= 2) || followed || (others * 2 > n && full >= 2),
        .uniform = others * 20 <= n && (quotes == 0 || quotes == n),
        .first = quotes ? '>' : (guint8)major,
    };
}

static gsize
count_lines(const char *p, const char *end)
{
    gsize n = 0;

    while (p < end && (p = memchr(p, '\n', (gsize)(end - p)))) {
        n++;
        p++;
    }
    return n;
}

static const char *
read_line(LabCrashInput *input, const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (gsize)(end - p));
    const char *stop = newline ? newline : end;

    take_line(input, p, (gsize)(stop - p));
    return newline ? newline + 1 : end;
}

/* Has the form to be learnt anew for a window? Lines that all begin alike mostly have it already.
 */
static gboolean
is_known_form(LabCrashInput *input, Glance seen)
{
    gboolean known = !seen.wrapped && seen.uniform && input->uniform &&
                     seen.first == input->uniform_first;

    input->uniform = seen.uniform;
    input->uniform_first = seen.first;
    if (known)
        input->form.width = input->form.mail = 0;
    return known;
}

/* Lines from 'start' to 'end', both at the beginning of one. */
static void
read_window(LabCrashInput *input, gsize start, gsize end)
{
    const char *p = input->buffer + start;
    const char *stop = input->buffer + end;
    gboolean every = input->no_prefilter;
    gboolean elected = FALSE;
    Glance seen = glance(p, stop);

    if (seen.wrapped) {
        elect(input, start, end);
        elected = TRUE;
        every = every || input->form.width || input->form.mail;
    }
    every = every || has_controls(p, end - start);
    while (p < stop) {
        const char *hit = p;

        if (!every && !input->pending && lab_crash_parser_is_quiet(input->parser)) {
            hit = lab_crash_scan_find(lab_crash_scan_all(), p, stop);
            if (!hit) {
                input->line += count_lines(p, stop);
                return;
            }
            while (hit > p && hit[-1] != '\n')
                hit--;
            input->line += count_lines(p, hit);
        }
        if (!elected && !is_known_form(input, seen))
            elect(input, start, end);
        elected = TRUE;
        if (!seen.wrapped) /* not all lines are read: none may depend on the one before it */
            input->form.width = input->form.mail = 0;
        p = read_line(input, hit, stop);
    }
}

/* Reads what is in the buffer; all of it at the end of the log. */
static void
read_buffer(LabCrashInput *input, gboolean end)
{
    while (input->length - input->start >= WINDOW_BYTES + CONTEXT_BYTES ||
           (end && input->start < input->length)) {
        gsize stop = MIN(input->start + WINDOW_BYTES, input->length);
        const char *newline = memchr(input->buffer + stop - 1, '\n', input->length - stop + 1);

        if (newline) {
            stop = (gsize)(newline - input->buffer) + 1;
        } else if (end) {
            stop = input->length;
        } else if (input->start == 0 && input->length == BUFFER_BYTES) {
            /* Endless: its beginning is a line, the rest is nothing. */
            const char *last = memrchr(input->buffer, '\n', input->length);

            stop = last ? (gsize)(last - input->buffer) + 1 : input->length;
            input->skipping = !last;
        } else {
            break;
        }
        read_window(input, input->start, stop);
        input->start = stop;
    }
}

static void
make_room(LabCrashInput *input)
{
    gsize drop = input->start > CONTEXT_BYTES ? input->start - CONTEXT_BYTES : 0;

    if (drop == 0 && input->length == BUFFER_BYTES)
        drop = input->start;
    memmove(input->buffer, input->buffer + drop, input->length - drop);
    input->length -= drop;
    input->start -= drop;
}

void
lab_crash_input_text(LabCrashInput *input, const char *bytes, gsize length)
{
    if (!input->buffer)
        input->buffer = g_malloc(BUFFER_BYTES);
    while (length > 0) {
        gsize room;

        if (input->skipping) {
            const char *newline = memchr(bytes, '\n', length);

            if (!newline)
                return;
            input->skipping = FALSE;
            length -= (gsize)(newline + 1 - bytes);
            bytes = newline + 1;
            continue;
        }
        room = MIN(BUFFER_BYTES - input->length, length);
        memcpy(input->buffer + input->length, bytes, room);
        input->length += room;
        bytes += room;
        length -= room;
        if (input->length == BUFFER_BYTES) {
            read_buffer(input, FALSE);
            make_room(input);
        }
    }
}

void
lab_crash_input_end(LabCrashInput *input)
{
    if (input->buffer)
        read_buffer(input, TRUE);
    input->start = input->length = 0;
    flush(input);
}

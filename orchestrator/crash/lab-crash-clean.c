/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of a log line become text: what terminals and collectors put between the letters goes. */
#include "lab-crash-private.h"

#include <string.h>

/* Bytes that need a look; all others are copied as they are. */
static const guint8 special[256] = {
    [0 ... 0x1f] = 1,
    ['#'] = 1,
    [0x7f] = 1,
    [0x80 ... 0xff] = 1,
};

/* The end of the ANSI sequence that begins at 'i' (ESC): CSI, OSC, or two characters. */
static gsize
skip_escape(const char *from, gsize i, gsize length)
{
    if (i + 1 >= length)
        return length;
    if (from[i + 1] == '[') {
        for (i += 2; i < length && !(from[i] >= '@' && from[i] <= '~'); i++)
            ;
        return i + 1;
    }
    if (from[i + 1] == ']') {
        for (i += 2; i < length && from[i] != 0x07 && from[i] != 0x1b; i++)
            ;
        return i < length && from[i] == 0x1b ? i + 2 : i + 1;
    }
    return i + 2;
}

/* The bytes of the valid UTF-8 sequence at 'p', 0 when it is none (RFC 3629, section 4). */
static gsize
utf8_length(const guchar *p, gsize left)
{
    gsize n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 0;
    for (gsize i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* What stands for a valid sequence: itself (NULL), a space, or nothing. */
static const char *
replacement(const guchar *p)
{
    if (p[0] == 0xc2 && p[1] <= 0xa0)
        return p[1] == 0xa0 ? " " : ""; /* U+00A0; C1 controls */
    if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] <= 0x8f || p[2] == 0xaf))
        return p[2] <= 0x8a || p[2] == 0xaf ? " " : ""; /* U+2000 to U+200F, U+202F */
    if (p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80)
        return " "; /* U+3000 */
    if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
        return ""; /* byte order mark */
    return NULL;
}

/* Copies one character from 0x80 on; returns the bytes taken, 0 when there is no room. */
static gsize
copy_high(char *to, gsize max, gsize *n, const char *from, gsize left)
{
    const guchar *p = (const guchar *)from;
    gsize taken = utf8_length(p, left);
    const char *text = taken ? replacement(p) : "\xef\xbf\xbd";
    gsize length;

    if (p[0] == 0xc3 && p[1] == 0x97 && taken && *n && to[*n - 1] == '0')
        text = "x"; /* U+00D7, as blogs set "0x1c" */
    length = taken && !text ? taken : !text[0] ? 0 : text[1] ? 3 : 1;
    if (*n + length > max)
        return 0;
    for (gsize i = 0; i < length; i++)
        to[(*n)++] = text ? text[i] : from[i];
    return taken ? taken : 1;
}

/* rsyslog writes control characters as '#' and three octal digits: "#011" is a tab. */
static gboolean
is_rsyslog_escape(const char *from, gsize left)
{
    return left >= 4 && from[1] == '0' && from[2] >= '0' && from[2] <= '3' && from[3] >= '0' &&
           from[3] <= '7';
}

gsize
lab_crash_clean(char *to, gsize max, const char *from, gsize length)
{
    gsize n = 0;
    gsize i = 0;

    while (i < length && n < max) {
        guchar c = (guchar)from[i];
        gsize taken;

        if (!special[c]) {
            gsize end = i + MIN(length - i, max - n);
            gsize start = i;

            while (i < end && !special[(guchar)from[i]])
                i++;
            memcpy(to + n, from + start, i - start);
            n += i - start;
        } else if (c == '#') {
            if (!is_rsyslog_escape(from + i, length - i)) {
                to[n++] = '#';
                i++;
                continue;
            }
            if (from[i + 2] == '3' && from[i + 3] == '3') {
                i = skip_escape(from, i + 3, length);
                continue;
            }
            if (from[i + 2] == '1' && from[i + 3] == '1')
                to[n++] = ' ';
            i += 4;
        } else if (c == 0x1b) {
            i = skip_escape(from, i, length);
        } else if (c < 0x80) {
            if (c == '\t')
                to[n++] = ' ';
            i++;
        } else {
            taken = copy_high(to, max, &n, from + i, length - i);
            if (taken == 0)
                break;
            i += taken;
        }
    }
    to[n] = '\0';
    return n;
}

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

/* One character from 0x80 on: *taken bytes. Returns what stands for it (static), or NULL when the
 * bytes are valid UTF-8 and stay. */
static const char *
mend_utf8(const char *from, gsize left, gsize *taken)
{
    static const char replacement[] = "\xef\xbf\xbd";
    gunichar c = g_utf8_get_char_validated(from, (gssize)MIN(left, 4));

    *taken = 1;
    if (c == (gunichar)-1 || c == (gunichar)-2)
        return replacement;
    *taken = (gsize)(g_utf8_next_char(from) - from);
    if (c < 0xa0 || c == 0xfeff || (c >= 0x200b && c <= 0x200f))
        return ""; /* C1 controls, byte order mark, characters without width */
    if (c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x3000)
        return " "; /* what web pages and word processors make of a space */
    return NULL;
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
        const char *mended;

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
            mended = mend_utf8(from + i, length - i, &taken);
            if (!mended && n + taken > max)
                break;
            if (!mended)
                memcpy(to + n, from + i, taken);
            else if (n + strlen(mended) > max)
                break;
            else
                memcpy(to + n, mended, strlen(mended));
            n += mended ? strlen(mended) : taken;
            i += taken;
        }
    }
    to[n] = '\0';
    return n;
}

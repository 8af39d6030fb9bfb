/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One log line: hostile bytes out, then every prefix that consoles and collectors put before it. */
#include "lab-crash-private.h"

#include <string.h>

/* Copies without ANSI sequences and control bytes; tabs become spaces. Bytes >= 0x80 stay: names in
 * logs are ASCII, and what is shown is made valid UTF-8 when it becomes JSON. */
static gsize
copy_clean(char *to, gsize max, const char *from, gsize length)
{
    gsize n = 0;

    for (gsize i = 0; i < length && n < max; i++) {
        guchar c = (guchar)from[i];

        if (c == 0x1b && i + 1 < length && from[i + 1] == '[') {
            for (i += 2; i < length && !(from[i] >= '@' && from[i] <= '~'); i++)
                ;
            continue;
        }
        if (c == '\t')
            c = ' ';
        if (c < ' ' || c == 0x7f)
            continue;
        to[n++] = (char)c;
    }
    to[n] = '\0';
    return n;
}

static const char *
skip_digits(const char *p)
{
    while (g_ascii_isdigit(*p))
        p++;
    return p;
}

static const char *
skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* "[  332.057218]", then perhaps "[  T123]" or "[    C0]", then one space. NULL: none here. */
static const char *
strip_printk(const char *p, LabCrashLine *line)
{
    const char *q = p;
    const char *digits;

    if (*q++ != '[')
        return NULL;
    q = skip_spaces(q);
    digits = q;
    q = skip_digits(q);
    if (q == digits || *q++ != '.')
        return NULL;
    digits = q;
    q = skip_digits(q);
    if (q - digits < 3 || q - digits > 9)
        return NULL;
    /* CONFIG_PRINTK_CALLER: "[  332.057218][  T123]", or since 5.x "[  332.057218] [  T123]". */
    if (*q == ']' && q[1] == '[') {
        const char *name = skip_spaces(q + 2);
        const char *end = name;

        if (*name == 'T' || *name == 'C')
            end = skip_digits(name + 1);
        if (end > name + 1 && *end == ']' && end - name < (gssize)sizeof line->caller) {
            memcpy(line->caller, name, end - name);
            line->caller[end - name] = '\0';
            q = end;
        }
    }
    if (*q != ']')
        return NULL;
    q++;
    line->has_time = TRUE;
    return *q == ' ' ? q + 1 : q;
}

/* "Aug 11 12:45:31 host kernel: ", "2026-08-11T12:45:31.123+02:00 host kernel: ". */
static const char *
strip_syslog(const char *p)
{
    const char *q = p;
    const char *tag;

    if (g_ascii_isupper(q[0]) && g_ascii_islower(q[1]) && g_ascii_islower(q[2]) && q[3] == ' ') {
        q = skip_digits(skip_spaces(q + 4));
        if (*q++ != ' ')
            return NULL;
        if (!g_ascii_isdigit(q[0]) || !g_ascii_isdigit(q[1]) || q[2] != ':')
            return NULL;
    } else if (g_ascii_isdigit(q[0]) && g_ascii_isdigit(q[1]) && g_ascii_isdigit(q[2]) &&
               g_ascii_isdigit(q[3]) && q[4] == '-') {
        q = strchr(q, 'T');
        if (!q || q - p != 10)
            return NULL;
    } else {
        return NULL;
    }
    tag = strstr(q, " kernel: ");
    if (!tag || tag - p > 160)
        return NULL;
    return tag + strlen(" kernel: ");
}

/* dmesg -T: "[Tue Jan 13 12:00:00 2026] ". */
static const char *
strip_ctime(const char *p)
{
    if (p[0] != '[' || !g_ascii_isupper(p[1]) || !g_ascii_islower(p[2]) || strlen(p) < 27 ||
        p[4] != ' ' || p[14] != ':' || p[17] != ':' || p[25] != ']')
        return NULL;
    return p + 26 + (p[26] == ' ');
}

static const char *
strip_one(const char *p, LabCrashLine *line)
{
    const char *q;

    if (p[0] == '@' && p[1] == '+') { /* the lab's own host time mark */
        q = skip_digits(p + 2);
        return q > p + 2 && *q == ' ' ? q + 1 : NULL;
    }
    if (p[0] == '<') { /* level */
        q = skip_digits(p + 1);
        return q > p + 1 && q - p < 5 && *q == '>' ? q + 1 : NULL;
    }
    if (p[0] == '>' && p[1] == ' ') /* quoted in a mail */
        return p + 2;
    if (p[0] == '[') {
        q = strip_ctime(p);
        return q ? q : strip_printk(p, line);
    }
    if (g_str_has_prefix(p, "kern  :") && strlen(p) > 16 && p[14] == ':') /* dmesg -x */
        return p + 16;
    if (g_str_has_prefix(p, "kernel: "))
        return p + 8;
    return strip_syslog(p);
}

/* A time stamp inside the line: two CPUs wrote at once, or a login prompt stood before it. */
static const char *
find_inner_stamp(const char *p, LabCrashLine *line)
{
    for (const char *q = strchr(p, '['); q; q = strchr(q + 1, '[')) {
        LabCrashLine inner = {.has_time = FALSE};
        const char *after = g_ascii_isdigit(q[1]) || q[1] == ' ' ? strip_printk(q, &inner) : NULL;

        if (after) {
            line->has_time = TRUE;
            memcpy(line->caller, inner.caller, sizeof line->caller);
            return after;
        }
    }
    return NULL;
}

void
lab_crash_line_set(LabCrashLine *line, const char *bytes, gsize length)
{
    const char *p = line->text;
    const char *q;

    line->caller[0] = '\0';
    line->has_time = FALSE;
    line->split = FALSE;
    copy_clean(line->text, LAB_CRASH_LINE_MAX, bytes, length);
    for (int i = 0; i < 6 && (q = strip_one(p, line)); i++)
        p = q;
    if (!line->has_time && (q = find_inner_stamp(p, line))) {
        line->split = *p != '\0';
        p = q;
    }
    line->length = strlen(p);
    memmove(line->text, p, line->length + 1);
    while (line->length && line->text[line->length - 1] == ' ')
        line->text[--line->length] = '\0';
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of text: its prefixes taken off, and cut where a second line begins inside it. */
#include "lab-crash-private.h"

#include <string.h>

void
lab_crash_line_reset(LabCrashLine *line)
{
    line->caller[0] = '\0';
    line->time_us = -1;
    line->level = -1;
    line->has_time = line->dated = line->tagged = line->other_tag = FALSE;
    line->foreign = line->split = line->noise = FALSE;
    line->tail = NULL;
}

/* A time stamp of printk inside 'p': where another line begins. */
static char *
find_stamp(char *p)
{
    for (char *q = strchr(p, '['); q; q = strchr(q + 1, '[')) {
        LabCrashLine ignored;
        const char *point = q + 1;

        while (*point == ' ')
            point++;
        while (g_ascii_isdigit(*point))
            point++;
        if (*point != '.' || strspn(point + 1, "0123456789") < 6)
            continue;
        if (lab_crash_strip_stamp(q, &ignored))
            return q;
    }
    return NULL;
}

void
lab_crash_line_set(LabCrashLine *line, const LabCrashForm *form, char *text)
{
    const char *p;
    char *inner;

    lab_crash_line_reset(line);
    p = lab_crash_strip_prefixes(text, line, form);
    if (form->common[0]) {
        const char *q = lab_crash_form_strip(form, p);

        p = q == p ? p : lab_crash_strip_prefixes(q, line, form);
    }
    inner = find_stamp(text + (p - text));
    if (inner) {
        /* What stands before the first stamp of a line is a prompt or a program's output. */
        line->noise = !line->has_time;
        line->split = line->has_time;
        line->tail = inner;
    }
    line->text = p;
    line->length = inner ? (gsize)(inner - p) : strlen(p);
    while (line->length && p[line->length - 1] == ' ')
        line->length--;
}

char *
lab_crash_line_plain(const LabCrashForm *form, const char *bytes)
{
    char text[LAB_CRASH_LINE_MAX + 1];
    LabCrashLine line;

    lab_crash_clean(text, LAB_CRASH_LINE_MAX, bytes, strlen(bytes));
    lab_crash_line_set(&line, form, text + (form->quoted ? lab_crash_form_quote(text) : 0));
    if (line.noise)
        lab_crash_line_set(&line, form, line.tail);
    return g_strndup(line.text, line.length);
}

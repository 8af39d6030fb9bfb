/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the lines of a log have in common: learnt from those around a line, by majority, because
 * one line alone can look like anything.
 */
#include "lab-crash-private.h"

#include <string.h>

/* Narrower than this no terminal is. */
#define WIDTH_MIN 60

/* What one line says. */
typedef struct {
    guint16 length;
    guint8 word; /* bytes of its first word */
    gboolean prefixed : 1;
    gboolean registers : 1;
    gboolean opens : 1;   /* stands after an empty line */
    gboolean chained : 1; /* has a prefix, or no empty line is between it and one that has */
} Sample;

typedef struct {
    Sample samples[LAB_CRASH_WINDOW];
    guint n;      /* of samples */
    gboolean gap; /* the last line was empty */
    guint prefixed, stamped, kernel_tags;
    guint pairs;                            /* of neighbours whose beginnings were compared */
    guint common[LAB_CRASH_COMMON_MAX + 1]; /* how many pairs have so many characters in common */
    guint dated;                            /* of those, behind a date */
    char last[LAB_CRASH_COMMON_MAX + 1];
} Votes;

/* How far two texts begin alike; a digit is like any digit. */
static gsize
alike(const char *a, const char *b)
{
    gsize i;

    for (i = 0; i < LAB_CRASH_COMMON_MAX && a[i] && b[i]; i++)
        if (a[i] != b[i] && !(g_ascii_isdigit(a[i]) && g_ascii_isdigit(b[i])))
            break;
    return i;
}

gsize
lab_crash_form_quote(const char *text)
{
    gsize i = 0;

    while (text[i] == '>') {
        i++;
        if (text[i] == ' ' && (text[i + 1] == '>' || i < LAB_CRASH_LINE_MAX))
            i++;
    }
    return i;
}

static gboolean
is_registers(const char *p)
{
    gsize n;

    while (*p == ' ')
        p++;
    for (n = 0; n < 5 && (g_ascii_isupper(p[n]) || g_ascii_isdigit(p[n]) || p[n] == 'x'); n++)
        ;
    return n >= 2 && n <= 4 && p[n] == ':';
}

static void
vote(Votes *votes, LabCrashLine *line, const char *text, gsize length, gboolean quoted)
{
    Sample *sample = &votes->samples[votes->n];
    gsize quote = quoted ? lab_crash_form_quote(text) : 0;
    const char *rest;
    gsize n;

    text += quote;
    length -= quote;
    votes->gap |= length == 0;
    if (length == 0)
        return;
    lab_crash_line_reset(line);
    rest = lab_crash_strip_prefixes(text, line, NULL);
    votes->n++;
    sample->opens = votes->gap;
    votes->gap = FALSE;
    sample->length = (guint16)length;
    sample->word = (guint8)MIN(strcspn(text, " "), 255);
    sample->prefixed = rest != text;
    sample->registers = is_registers(rest);
    votes->prefixed += sample->prefixed;
    votes->stamped += line->has_time;
    votes->kernel_tags += line->tagged;
    if (line->has_time || line->tagged || *rest == '\0')
        return;
    if (votes->last[0] && strcmp(votes->last, rest) != 0) { /* a line said twice shows nothing */
        n = alike(votes->last, rest);
        votes->pairs++;
        votes->common[n]++;
        votes->dated += line->dated;
    }
    g_strlcpy(votes->last, rest, sizeof votes->last);
}

/* "usb 5-1: ", "pcieport 0000:00:1c.0: ": the kernel's own name of a device (dev_printk). */
static gboolean
is_device(const char *text)
{
    gsize driver = strcspn(text, " ");
    const char *name = text + driver;

    return g_ascii_islower(*text) && *name == ' ' && strcspn(name + 1, " ") > 1 &&
           g_str_has_suffix(text, ": ") && strchr(name + 1, ' ') == text + strlen(text) - 1 &&
           g_ascii_isalnum(text[strlen(text) - 3]);
}

/* The beginning that nearly all lines share, cut where a prefix may end; after a date that may be
 * behind any word: the host's name. */
static void
elect_common(LabCrashForm *form, const Votes *votes)
{
    const char *ends = votes->dated * 2 > votes->pairs ? NULL : ":|])>#*/";
    guint have = 0;
    gsize n = LAB_CRASH_COMMON_MAX;

    form->common[0] = '\0';
    if (votes->pairs < 8 || votes->pairs * 2 < votes->n)
        return;
    for (;; n--) {
        have += votes->common[n];
        if (have * 10 >= votes->pairs * 8 || n == 0)
            break;
    }
    memcpy(form->common, votes->last, n);
    form->common[n] = '\0';
    for (; n >= 2; n--)
        if (form->common[n - 1] == ' ' && form->common[n - 2] != ' ' &&
            (!ends || strchr(ends, form->common[n - 2])))
            break;
    form->common[n >= 2 ? n : 0] = '\0';
    if (is_device(form->common) || strstr(form->common, "[<") ||
        strstr(form->common, "Call Trace") ||
        lab_crash_scan_find(lab_crash_scan_all(), form->common, form->common + n))
        form->common[0] = '\0';
}

static gboolean
is_usual_width(guint width)
{
    return width % 10 == 0 || width == 72 || width == 76 || width == 78 || width == 79 ||
           width == 132;
}

/* Marks the lines of the log itself: prose stands before its first line and behind empty ones.
 * Returns how many there are, in *prefixed those with a prefix. */
static guint
mark_chained(Votes *votes, guint *prefixed)
{
    gboolean chained = FALSE;
    guint n = 0;

    *prefixed = 0;
    for (guint i = 0; i < votes->n; i++) {
        Sample *sample = &votes->samples[i];

        chained = sample->prefixed || (chained && !sample->opens);
        sample->chained = chained;
        n += chained;
        *prefixed += sample->prefixed;
    }
    return n;
}

/* The length that at most one of the 'n' marked lines in fifty passes. A word alone is not counted,
 * for it was perhaps too long for any line. */
static guint
usual_longest(const Votes *votes, guint n)
{
    guint counts[LAB_CRASH_LINE_MAX + 1] = {0};
    guint longer = 0, length = 0;

    for (guint i = 0; i < votes->n; i++) {
        if (!votes->samples[i].chained || votes->samples[i].word == votes->samples[i].length)
            continue;
        counts[votes->samples[i].length]++;
        length = MAX(length, votes->samples[i].length);
    }
    for (; length > 0; length--) {
        longer += counts[length];
        if (longer * 50 > n)
            break;
    }
    return length;
}

/* The column at which a mail program wrapped: each line of the log without a prefix begins with a
 * word that found no room on the line before. */
static void
elect_mail(LabCrashForm *form, Votes *votes)
{
    guint prefixed;
    guint n = mark_chained(votes, &prefixed);
    guint width = usual_longest(votes, n);
    guint moved = 0, full = 0, others = 0;

    form->mail = 0;
    if (prefixed < 2 || prefixed * 8 < n || width < WIDTH_MIN || width > 100)
        return;
    for (guint i = 1; i < votes->n; i++) {
        if (votes->samples[i].prefixed || !votes->samples[i].chained)
            continue;
        if (votes->samples[i - 1].length == width)
            full++;
        else if (votes->samples[i - 1].length + 1u + votes->samples[i].word > width)
            moved++;
        else
            others++;
    }
    if (moved >= 2 && moved > full && moved + full >= others * 4)
        form->mail = width;
}

/* The column at which a terminal wrapped: no line is longer, and what follows the full lines has no
 * prefix of its own. Registers make lines of one length without any terminal. */
static void
elect_width(LabCrashForm *form, const Votes *votes)
{
    guint width = 0, full = 0, near = 0, followed = 0, unprefixed = 0;
    gboolean usual;

    form->width = 0;
    for (guint i = 0; i < votes->n; i++)
        width = MAX(width, votes->samples[i].length);
    if (form->mail || width < WIDTH_MIN || width >= LAB_CRASH_LINE_MAX)
        return;
    for (guint i = 0; i + 1 < votes->n; i++) {
        const Sample *sample = &votes->samples[i];

        unprefixed += !votes->samples[i + 1].prefixed;
        if (sample->length != width) {
            near += sample->length + 3u > width;
            continue;
        }
        full += !sample->registers;
        followed += !votes->samples[i + 1].prefixed;
    }
    usual = is_usual_width(width);
    if (!form->prefixed) {
        if (full >= (usual ? 2u : 4u) && near * 2 <= full)
            form->width = width;
        return;
    }
    if (followed >= (usual ? 1u : 2u) &&
        (followed * 10 >= full * 8 || followed * 10 >= unprefixed * 8))
        form->width = width;
}

static gboolean
has_quotes(const LabCrashSlice *lines, guint n)
{
    guint run = 0, others = 0;

    for (guint i = 0; i < n; i++) {
        gboolean quote = lines[i].length && lines[i].text[0] == '>';

        run = quote ? run + 1 : 0;
        others += !quote && lines[i].length;
        if (run >= 3)
            return TRUE;
    }
    return run > 0 && others == 0;
}

void
lab_crash_form_elect(LabCrashForm *form, const LabCrashSlice *lines, guint n)
{
    g_autofree Votes *votes = g_new0(Votes, 1);
    LabCrashLine *line = &form->scratch;
    gboolean quoted = has_quotes(lines, n);
    char *text = form->text;

    for (guint i = 0; i < n && votes->n < LAB_CRASH_WINDOW; i++) {
        gsize length = lab_crash_clean(text, LAB_CRASH_LINE_MAX, lines[i].text, lines[i].length);

        vote(votes, line, text, length, quoted);
    }
    form->quoted = quoted;
    if (votes->n < 3)
        return; /* says nothing else: the form stays */
    form->prefixed = votes->prefixed * 10 >= votes->n * 5;
    form->stamped = votes->stamped * 2 > votes->n;
    form->tagged = votes->kernel_tags > 0;
    elect_common(form, votes);
    elect_mail(form, votes);
    elect_width(form, votes);
}

const char *
lab_crash_form_strip(const LabCrashForm *form, const char *text)
{
    const char *p = text;
    const char *shape = form->common;

    while (*shape) {
        if (*p != *shape && !(g_ascii_isdigit(*p) && g_ascii_isdigit(*shape)))
            return text;
        p++;
        shape++;
    }
    return p;
}

/* Does 'text' begin as the log's lines do? */
static gboolean
is_prefixed(LabCrashForm *form, const char *text)
{
    lab_crash_line_reset(&form->scratch);
    return lab_crash_strip_prefixes(text, &form->scratch, form) != text;
}

gboolean
lab_crash_form_may_wrap(const LabCrashForm *form, gsize length)
{
    if (form->width)
        return length == form->width || (form->prefixed && length + 1 == form->width);
    return form->mail && length + WIDTH_MIN > form->mail;
}

LabCrashJoin
lab_crash_form_joins(LabCrashForm *form, gsize length, const char *next)
{
    if (*next == '\0' || !lab_crash_form_may_wrap(form, length))
        return LAB_CRASH_JOIN_NO;
    if ((form->prefixed || form->mail) && is_prefixed(form, next))
        return LAB_CRASH_JOIN_NO;
    if (form->width)
        return length == form->width ? LAB_CRASH_JOIN_TIGHT : LAB_CRASH_JOIN_SPACE;
    return length + 1 + strcspn(next, " ") > form->mail ? LAB_CRASH_JOIN_SPACE : LAB_CRASH_JOIN_NO;
}

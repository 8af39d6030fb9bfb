/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-units.h"

#include <string.h>

#define YEAR_MS (365 * G_GINT64_CONSTANT(86400000))

gboolean
lab_size_parse(const char *text, guint64 *bytes)
{
    static const char units[] = "BKMGT";
    const char *unit;
    char *end;
    guint64 number;
    unsigned shift;

    if (!g_ascii_isdigit(text[0]) || strlen(text) > 24)
        return FALSE;
    number = g_ascii_strtoull(text, &end, 10);
    unit = *end ? strchr(units, g_ascii_toupper(*end)) : NULL;
    if (!unit || number == G_MAXUINT64)
        return FALSE;
    if (end[1] && (unit == units || (strcmp(end + 1, "iB") != 0 && strcmp(end + 1, "B") != 0)))
        return FALSE;
    shift = 10 * (unsigned)(unit - units);
    if (number > (G_MAXUINT64 >> 1) >> shift)
        return FALSE;
    *bytes = number << shift;
    return TRUE;
}

gboolean
lab_duration_parse(const char *text, gint64 *ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1},      {"s", 1000},    {"m", 60000},
                 {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    double number;

    if (!g_ascii_isdigit(text[0]) || strspn(text, "0123456789.") > 15)
        return FALSE;
    number = g_ascii_strtod(text, &end);
    if ((gsize)(end - text) != strspn(text, "0123456789."))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(end, units[i].name) == 0 && number * units[i].ms <= (double)YEAR_MS) {
            *ms = (gint64)(number * units[i].ms + 0.5);
            return TRUE;
        }
    }
    return FALSE;
}

char *
lab_size_format(guint64 bytes)
{
    static const char units[] = "BKMGT";
    int i = 0;

    for (; bytes > 0 && bytes % 1024 == 0 && i < 4; i++)
        bytes /= 1024;
    return g_strdup_printf("%" G_GUINT64_FORMAT "%c", bytes, units[i]);
}

char *
lab_duration_format(gint64 ms)
{
    if (ms > 0 && ms % 3600000 == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "h", ms / 3600000);
    if (ms > 0 && ms % 60000 == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "m", ms / 60000);
    if (ms % 1000 == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "s", ms / 1000);
    return g_strdup_printf("%" G_GINT64_FORMAT "ms", ms);
}

char *
lab_size_human(guint64 bytes)
{
    char *text = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    char *space = strstr(text, "\xc2\xa0");

    /* GLib parts number and unit with a no-break space, which looks odd in logs. */
    if (space) {
        space[0] = ' ';
        memmove(space + 1, space + 2, strlen(space + 2) + 1);
    }
    return text;
}

char *
lab_duration_human(gint64 ms)
{
    gint64 seconds = ms / 1000;

    if (ms < 1000)
        return g_strdup_printf("%d ms", (int)ms);
    if (ms < 10000)
        return g_strdup_printf("%.1f s", (double)ms / 1000);
    if (seconds < 120)
        return g_strdup_printf("%d s", (int)seconds);
    if (seconds < 7200)
        return g_strdup_printf("%d min %d s", (int)(seconds / 60), (int)(seconds % 60));
    return g_strdup_printf("%d h %d min", (int)(seconds / 3600), (int)(seconds / 60 % 60));
}

/* Edits (insert, drop, replace, swap of neighbours) from a to b: optimal string alignment. */
static unsigned
edit_distance(const char *a, const char *b)
{
    unsigned rows[3][65];
    unsigned *before = rows[0], *previous = rows[1], *current = rows[2];
    gsize length_a = strlen(a), length_b = strlen(b);

    if (length_a > 64 || length_b > 64)
        return G_MAXUINT;
    for (gsize j = 0; j <= length_b; j++)
        previous[j] = (unsigned)j;
    for (gsize i = 1; i <= length_a; i++) {
        unsigned *spare = before;

        current[0] = (unsigned)i;
        for (gsize j = 1; j <= length_b; j++) {
            unsigned cost = a[i - 1] != b[j - 1];

            current[j] = MIN(MIN(previous[j] + 1, current[j - 1] + 1), previous[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = MIN(current[j], before[j - 2] + 1);
        }
        before = previous;
        previous = current;
        current = spare;
    }
    return previous[length_b];
}

const char *
lab_did_you_mean(const char *word, const char *const *words)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)MAX(strlen(word) / 3, 1) + 1;

    for (; *words; words++) {
        unsigned distance = edit_distance(word, *words);

        if (distance < best_distance) {
            best = *words;
            best_distance = distance;
        }
    }
    return best;
}

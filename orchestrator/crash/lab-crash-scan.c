/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many literals searched at once, by Wu and Manber's method ("A fast algorithm for multi-pattern
 * searching", 1994): a table says for each pair of bytes how far the search may move on.
 */
#include "lab-crash-private.h"

#include <string.h>

#define TABLE 8192

struct LabCrashScan {
    guint8 shift[TABLE];
    guint8 first[TABLE]; /* index + 1 into 'needles' of the chain whose pair has shift 0 */
    guint8 next[LAB_CRASH_SCAN_MAX];
    const char *needles[LAB_CRASH_SCAN_MAX];
    guint8 lengths[LAB_CRASH_SCAN_MAX];
    guint n;
    guint shortest;
};

static inline guint
pair(const guint8 *p)
{
    return ((guint)p[0] << 5 ^ p[1]) & (TABLE - 1);
}

static gboolean
has_needle(const LabCrashScan *scan, const char *needle)
{
    for (guint i = 0; i < scan->n; i++)
        if (strcmp(scan->needles[i], needle) == 0)
            return TRUE;
    return FALSE;
}

LabCrashScan *
lab_crash_scan_new(const char *const *needles, gsize n)
{
    LabCrashScan *scan = g_new0(LabCrashScan, 1);

    scan->shortest = G_MAXUINT8;
    for (gsize i = 0; i < n; i++) {
        gsize length = strlen(needles[i]);

        if (has_needle(scan, needles[i]))
            continue;
        g_assert(length >= 3 && length <= G_MAXUINT8 && scan->n < LAB_CRASH_SCAN_MAX);
        scan->needles[scan->n] = needles[i];
        scan->lengths[scan->n++] = (guint8)length;
        scan->shortest = MIN(scan->shortest, (guint)length);
    }
    memset(scan->shift, (int)scan->shortest - 1, sizeof scan->shift);
    for (guint i = 0; i < scan->n; i++) {
        for (guint j = 0; j + 2 <= scan->shortest; j++) {
            guint8 *shift = &scan->shift[pair((const guint8 *)scan->needles[i] + j)];

            *shift = (guint8)MIN(*shift, scan->shortest - 2 - j);
            if (j + 2 == scan->shortest) {
                guint8 *first = &scan->first[pair((const guint8 *)scan->needles[i] + j)];

                scan->next[i] = *first;
                *first = (guint8)(i + 1);
            }
        }
    }
    return scan;
}

const char *
lab_crash_scan_find(const LabCrashScan *scan, const char *text, const char *end)
{
    const guint8 *p = (const guint8 *)text + scan->shortest - 2;
    const guint8 *last = (const guint8 *)end - 2;

    if (end - text < (gssize)scan->shortest)
        return NULL;
    while (p <= last) {
        guint key = pair(p);

        if (scan->shift[key]) {
            p += scan->shift[key];
            continue;
        }
        for (guint i = scan->first[key]; i; i = scan->next[i - 1]) {
            const char *start = (const char *)p - scan->shortest + 2;

            if (*start == scan->needles[i - 1][0] && (gsize)(end - start) >= scan->lengths[i - 1] &&
                memcmp(start, scan->needles[i - 1], scan->lengths[i - 1]) == 0)
                return start;
        }
        p++;
    }
    return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes ("512M") and durations ("90s") as people write them. */
#pragma once

#include <glib.h>

/* A whole number and its unit: B, K, M, G or T (powers of 1024; "iB" may follow: "512MiB"). The
 * unit is asked for, as tools disagree on what a bare number means. FALSE when it is no size. */
gboolean lab_size_parse(const char *text, guint64 *bytes);

/* A number and its unit: ms, s, m, h ("500ms", "1.5s", "2m"). Up to a year. FALSE when it is no
 * duration. */
gboolean lab_duration_parse(const char *text, gint64 *ms);

/* The shortest exact form that the parsers above read back. g_free. */
char *lab_size_format(guint64 bytes);
char *lab_duration_format(gint64 ms);

/* Rounded for people: "1.5 GiB", "2 min 5 s". g_free. */
char *lab_size_human(guint64 bytes);
char *lab_duration_human(gint64 ms);

/* Of the NULL-terminated 'words' the one that 'word' was most likely meant to be, or NULL: few
 * edits apart for its length. Borrowed from 'words'. */
const char *lab_did_you_mean(const char *word, const char *const *words);

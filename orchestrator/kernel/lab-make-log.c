/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-make-log.h"

#include <string.h>

char *
lab_make_first_error(const char *log, const char *work)
{
    static const char *const marks[] = {": error:", ": fatal error:",         "ERROR: modpost:",
                                        "ERROR:",   "not found (required by", ": not found",
                                        "*** "};
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);

    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
        for (char **line = lines; *line; line++)
            if (strstr(*line, marks[i])) {
                g_auto(GStrv) parts = g_strsplit(*line, work, -1);
                g_autofree char *text = g_strjoinv("", parts);

                return g_strdup(g_strstrip(text) + (*text == '/'));
            }
    return g_strdup("make failed without a word");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-deb.h"

#include <string.h>

/* The end of the line that 'text' starts: at its newline or NUL. */
static const char *
line_end(const char *text)
{
    return text + strcspn(text, "\n");
}

char *
lab_deb_field(const char *text, const char *field)
{
    gsize length = strlen(field);

    for (; text && *text && *text != '\n'; text = *line_end(text) ? line_end(text) + 1 : NULL) {
        const char *end;

        if (g_ascii_strncasecmp(text, field, length) != 0 || text[length] != ':')
            continue;
        text += length + 1;
        end = line_end(text);
        while (*end == '\n' && (end[1] == ' ' || end[1] == '\t'))
            end = line_end(end + 1);
        return g_strstrip(g_strndup(text, (gsize)(end - text)));
    }
    return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-log.h"

#include <string.h>
#include <unistd.h>

static const char *log_program = "kreglab";
static LabLogLevel log_level = LAB_LOG_INFO;

void
lab_log_init(const char *program, LabLogLevel level)
{
    log_program = program;
    log_level = level;
}

void
lab_log(LabLogLevel level, const char *format, ...)
{
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
    g_autofree char *text = NULL;
    g_autofree char *clean = NULL;
    g_autofree char *line = NULL;
    va_list args;

    if (level > log_level)
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    clean = lab_text_clean(text, -1, TRUE);
    line = g_strdup_printf("%s: %s%s\n", log_program, words[level], clean);
    if (write(STDERR_FILENO, line, strlen(line)) < 0) {
        /* Nobody listens. */
    }
}

static gboolean
is_unsafe(gunichar c, gboolean keep_newlines)
{
    if (c == '\t' || (c == '\n' && keep_newlines))
        return FALSE;
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x2028 || c == 0x2029;
}

char *
lab_text_clean(const char *text, gssize length, gboolean keep_newlines)
{
    gsize size = length < 0 ? strlen(text) : (gsize)length;
    GString *out = g_string_sized_new(size);

    for (gsize i = 0; i < size;) {
        gsize plain = i;
        gunichar c;

        while (plain < size && text[plain] >= 0x20 && text[plain] <= 0x7e)
            plain++;
        g_string_append_len(out, text + i, (gssize)(plain - i));
        i = plain;
        if (i == size)
            break;
        c = g_utf8_get_char_validated(text + i, (gssize)(size - i));

        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        g_string_append_unichar(out, is_unsafe(c, keep_newlines) ? 0xfffd : c);
        i += (gsize)(c == 0 ? 1 : g_utf8_next_char(text + i) - (text + i));
    }
    return g_string_free(out, FALSE);
}

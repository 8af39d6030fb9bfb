/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-verb-io.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

#define EVENT_FD          3
#define REQUEST_MAX_BYTES (1u << 20)

static char *
read_stdin(gsize *length, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint8 buffer[4096];
    ssize_t n;

    while ((n = TEMP_FAILURE_RETRY(read(STDIN_FILENO, buffer, sizeof buffer))) > 0) {
        if (bytes->len + (gsize)n > REQUEST_MAX_BYTES) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT, "the request is over 1 MiB");
            return NULL;
        }
        g_byte_array_append(bytes, buffer, (guint)n);
    }
    *length = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

json_t *
lab_verb_read_request(int argc, char **argv, GError **error)
{
    const char *name = argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : NULL;
    gsize length = 0;
    g_autofree char *text = name ? lab_file_read(AT_FDCWD, name, REQUEST_MAX_BYTES, &length, error)
                                 : read_stdin(&length, error);
    g_autoptr(json_t) request = NULL;

    if (!text)
        return NULL;
    request = lab_json_parse(text, length, name ? name : "request on stdin", error);
    if (request && !json_is_object(request)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "the request is no JSON object");
        return NULL;
    }
    return g_steal_pointer(&request);
}

void
lab_verb_send(json_t *event)
{
    g_autofree char *line = lab_json_line(event);
    g_autofree char *text = g_strconcat(line, "\n", NULL);

    if (fcntl(EVENT_FD, F_GETFD) >= 0)
        lab_fd_write_all(EVENT_FD, text, strlen(text), NULL);
    json_decref(event);
}

void
lab_verb_on_progress(const char *text, guint64 done, guint64 total, gpointer data)
{
    lab_verb_send(json_pack("{s:s, s:o, s:I, s:I}", "event", "progress", "text",
                            lab_json_text(text), "done", (json_int_t)done, "total",
                            (json_int_t)total));
}

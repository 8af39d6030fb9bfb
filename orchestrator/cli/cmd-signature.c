/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-cli.h"
#include "lab-crash.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"

#define BLOCK_BYTES (256u << 10)
/* A line longer than this is handed on in pieces: memory stays constant. */
#define LINE_BYTES (64u << 10)

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "one JSON object a file and line"},
    {NULL},
};

/* Hands complete lines of 'buffer' to the parser; keeps the rest at its front. */
static void
feed_lines(LabCrashParser *parser, GByteArray *buffer, gboolean end)
{
    gsize start = 0;

    while (start < buffer->len) {
        const guint8 *line = buffer->data + start;
        const guint8 *newline = memchr(line, '\n', buffer->len - start);
        gsize length = newline ? (gsize)(newline - line) : buffer->len - start;

        if (!newline && !end && length < LINE_BYTES)
            break;
        lab_crash_parser_feed(parser, (const char *)line, length);
        start += length + (newline != NULL);
    }
    g_byte_array_remove_range(buffer, 0, (guint)start);
}

static LabCrashLog *
read_log(const char *path, GError **error)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    g_autofree guint8 *block = g_malloc(BLOCK_BYTES);
    LAB_AUTO_FD fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                            : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "'%s': %s", path,
                    g_strerror(errno));
        return NULL;
    }
    while ((n = read(fd, block, BLOCK_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "'%s': %s", path,
                        g_strerror(errno));
            return NULL;
        }
        g_byte_array_append(buffer, block, (guint)n);
        feed_lines(parser, buffer, FALSE);
    }
    feed_lines(parser, buffer, TRUE);
    return lab_crash_parser_finish(parser);
}

static void
print_json(const char *path, const LabCrashLog *log)
{
    const LabCrashReport *cause = log->cause;
    json_t *reports = json_array();
    g_autoptr(json_t) object = NULL;
    g_autofree char *line = NULL;

    for (guint i = 0; i < log->reports->len; i++)
        json_array_append_new(reports, lab_crash_report_to_json(log->reports->pdata[i]));
    object = json_pack(
        "{s:o, s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:o}", "file", lab_json_text(path),
        "title", lab_json_text(cause ? cause->title : NULL), "alternatives",
        cause ? lab_json_from_strv((const char *const *)cause->alternatives) : json_array(), "type",
        lab_json_text(cause ? cause->type : NULL), "corrupted", cause && cause->corrupted,
        "confidence", lab_crash_log_confidence(log), "release", lab_json_text(log->release),
        "reports", reports, "k0", lab_json_text(log->k0), "k1", lab_json_text(log->k1), "k2",
        lab_json_text(log->k2));
    line = lab_json_line(object);
    puts(line);
}

/* "file<TAB>title"; tabs, newlines and backslashes of the name are escaped C-wise. */
static void
print_line(const char *path, const LabCrashLog *log)
{
    g_autoptr(GString) name = g_string_new(NULL);

    for (const char *p = path; *p; p++) {
        if (*p == '\\')
            g_string_append(name, "\\\\");
        else if (*p == '\t')
            g_string_append(name, "\\t");
        else if (*p == '\n')
            g_string_append(name, "\\n");
        else
            g_string_append_c(name, *p);
    }
    lab_cli_print("%s", name->str);
    putchar('\t');
    lab_cli_print("%s", log->cause ? log->cause->title : "");
    putchar('\n');
}

static int
cmd_signature(LabCli *cli, GError **error)
{
    for (int i = 0; i < cli->n_args; i++) {
        g_autoptr(LabCrashLog) log = read_log(cli->args[i], error);

        if (!log)
            return LAB_EXIT_CONFIG;
        if (lab_cli_flag(cli, "json"))
            print_json(cli->args[i], log);
        else
            print_line(cli->args[i], log);
    }
    return LAB_EXIT_OK;
}

const LabVerb lab_verb_signature = {
    .name = "signature",
    .summary = "name the crash that a log shows",
    .synopsis = "FILE…",
    .description = "Reads console logs, dmesg, syslog or journal exports ('-': stdin) and prints "
                   "one line a file: its name, a tab, and the title of the crash; no title means "
                   "no crash.",
    .min_args = 1,
    .max_args = -1,
    .options = {options},
    .hints = {LAB_HINT_FILE},
    .run = cmd_signature,
};

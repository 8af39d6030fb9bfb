/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "lab-cli.h"
#include "lab-crash-source.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "one JSON object a file and line"},
    {NULL},
};

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

/* A file that cannot be read does not keep the others from it; the status tells at the end. */
static int
cmd_signature(LabCli *cli, GError **error)
{
    int status = LAB_EXIT_OK;

    for (int i = 0; i < cli->n_args; i++) {
        g_autoptr(GError) local = NULL;
        g_autofree char *missing = NULL;
        g_autoptr(LabCrashLog) log = lab_crash_file_read_part(cli->args[i], &missing, &local);

        if (!log) {
            lab_error_log("%s", local->message);
            status = LAB_EXIT_CONFIG;
            continue;
        }
        if (lab_cli_flag(cli, "json"))
            print_json(cli->args[i], log);
        else
            print_line(cli->args[i], log);
        if (missing) {
            lab_error_log("'%s': %s", cli->args[i], missing);
            status = LAB_EXIT_CONFIG;
        }
    }
    return status;
}

const LabVerb lab_verb_signature = {
    .name = "signature",
    .summary = "name the crash that a log shows",
    .synopsis = "FILE…",
    .description =
        "Reads console logs, dmesg, syslog or journal exports, plain or compressed (gzip, bzip2, "
        "xz, "
        "lzip, lz4, zstd; '-': stdin), or the log in a vmcore, and prints one line a file: its "
        "name, a "
        "tab, and the title of the crash; no title means no crash. With --json, 'confidence' says "
        "how "
        "far the title can be trusted: high, low (the report is corrupted or two CPUs wrote it at "
        "once), guessed (nearly what the kernel prints, or only the words of a person), none (no "
        "crash). "
        "A file that cannot be read is told on stderr, the others are read all the same, and the "
        "exit "
        "status is 2.",
    .min_args = 1,
    .max_args = -1,
    .options = {options},
    .hints = {LAB_HINT_FILE},
    .run = cmd_signature,
};

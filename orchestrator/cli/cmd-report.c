/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-cli-run.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-report.h"

static const char *const formats[] = {"text",  "html", "json",  "markdown",
                                      "junit", "ktap", "kcidb", NULL};

static const LabOption options[] = {
    {"format", 'f', LAB_OPTION_STRING, "FORMAT",
     "how to print it (default: as the end of --output's FILE says; else text)",
     .choices = formats},
    {"output", 'o', LAB_OPTION_STRING, "FILE", "write FILE instead of stdout",
     .hint = LAB_HINT_FILE},
    {"baseline", 'b', LAB_OPTION_STRING, "KERNEL",
     "compare kernels against this one (default: the run's first, by release)",
     .hint = LAB_HINT_KERNEL},
    {"confidence", 'c', LAB_OPTION_STRING, "PERCENT", "how sure a verdict has to be (default: 95)"},
    {NULL},
};

/* The ends of files that stand for a format: ".html, .json, …". g_free. */
static char *
known_ends(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (const LabReportFormat *const *one = lab_report_formats; *one; one++)
        g_string_append_printf(text, "%s.%s", text->len ? ", " : "", (*one)->extension);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* The format that the end of the file's name stands for; text for stdout and for a name without a
 * dot. */
static const LabReportFormat *
format_of_file(const char *output, GError **error)
{
    g_autofree char *base = output ? g_path_get_basename(output) : NULL;
    g_autofree char *known = NULL;
    const LabReportFormat *found = NULL;

    if (!base || !strchr(base, '.'))
        return lab_report_format_find("text");
    /* "x.kcidb.json" ends in ".json", too: the longest end counts. */
    for (const LabReportFormat *const *one = lab_report_formats; *one; one++) {
        g_autofree char *end = g_strconcat(".", (*one)->extension, NULL);

        if (g_str_has_suffix(base, end) && (!found || strlen(end) > strlen(found->extension) + 1))
            found = *one;
    }
    known = known_ends();
    if (!found)
        lab_cli_usage(error,
                      "'%s': no format goes by that end: name the file with one of %s, or "
                      "give --format",
                      output, known);
    return found;
}

/* A report that does not lie in the run directory names the evidence by its full path. */
static void
settle_links(LabReport *report, const char *output)
{
    g_autofree char *directory = g_path_get_dirname(output);
    g_autofree char *real = realpath(directory, NULL);
    const char *run = lab_run_directory(report->run);

    if (g_strcmp0(real, run) == 0)
        return;
    g_free(report->links);
    report->links = g_strconcat(run, "/", NULL);
}

/* Large reports go to 'fd' piece by piece. */
static gboolean
write_to_fd(LabReport *report, const LabReportFormat *format, int fd, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    report->fd = fd;
    return format->write(report, text, error) && lab_fd_write_all(fd, text->str, text->len, error);
}

static gboolean
write_to_file(LabReport *report, const LabReportFormat *format, const char *output, GError **error)
{
    g_autofree char *temporary = NULL;
    LAB_AUTO_FD fd = lab_file_begin(AT_FDCWD, output, 0600, &temporary, error);
    gboolean whole;

    if (fd < 0)
        return FALSE;
    whole = write_to_fd(report, format, fd, error);
    if (!lab_file_end(AT_FDCWD, fd, temporary, output, whole, error)) {
        g_prefix_error(error, "'%s': ", output);
        return FALSE;
    }
    return TRUE;
}

static int
cmd_report(LabCli *cli, GError **error)
{
    const char *output = lab_cli_string(cli, "output");
    const char *name = lab_cli_string(cli, "format");
    const LabReportFormat *format = name ? lab_report_format_find(name)
                                         : format_of_file(output, error);
    g_autoptr(LabRun) run = format ? lab_cli_open_run(cli, NULL, error) : NULL;
    double confidence = LAB_ANALYSIS_CONFIDENCE;
    g_autoptr(LabReport) report = NULL;
    gboolean written;

    if (!run || !lab_confidence_parse(lab_cli_string(cli, "confidence"), &confidence, error))
        return LAB_EXIT_CONFIG;
    report = lab_report_new(run, lab_cli_string(cli, "baseline"), confidence, error);
    if (!report)
        return LAB_EXIT_CONFIG;
    report->color = cli->color && !output;
    output = output && strcmp(output, "-") != 0 ? output : NULL;
    if (output)
        settle_links(report, output);
    written = output ? write_to_file(report, format, output, error)
                     : write_to_fd(report, format, STDOUT_FILENO, error);
    return written ? LAB_EXIT_OK : LAB_EXIT_INFRA;
}

const LabVerb lab_verb_report = {
    .name = "report",
    .summary = "say what a run found",
    .synopsis = "[RUN]",
    .description =
        "Prints what differs between variants and between kernels, the matrix of outcomes, and "
        "what is known of each cell. The verdicts are those of 'kreglab compare'. RUN is 'latest' "
        "unless it is given.",
    .max_args = 1,
    .options = {options},
    .hints = {LAB_HINT_RUN},
    .run = cmd_report,
};

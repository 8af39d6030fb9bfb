/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-error.h"
#include "lab-log.h"

static int
report_error(const LabCommandLine *line, const GError *error)
{
    const char *name = line->cli.name;

    lab_error_log("%s", error->message);
    if (g_error_matches(error, LAB_CONFIG_ERROR, LAB_ERROR_USAGE))
        lab_info("try 'kreglab %s%s--help'", name ? name : "", name ? " " : "");
    return (line->verb ? line->verb->error_base : 0) + lab_error_exit_code(error);
}

static int
run(LabCommandLine *line, GError **error)
{
    if (line->help) {
        lab_help_print(line->verb, line->parent);
        return LAB_EXIT_OK;
    }
    if (line->version) {
        puts("kreglab " KREGLAB_VERSION);
        return LAB_EXIT_OK;
    }
    if (line->dump_options) {
        lab_help_dump_options();
        return LAB_EXIT_OK;
    }
    return line->verb->run(&line->cli, error);
}

/* What the user saw of stdout may be cut off by a full disk: that is no success. */
static int
finish_stdout(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE)
        lab_error_log("writing to stdout: %s", g_strerror(errno));
    return status == LAB_EXIT_OK ? LAB_EXIT_INFRA : status;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabPaths) paths = NULL;
    LabCommandLine line;
    int status;

    setlocale(LC_CTYPE, "C.UTF-8");
    lab_log_init("kreglab", LAB_LOG_INFO);
    if (!lab_command_line_parse(&line, argc, argv, &error)) {
        status = report_error(&line, error);
        lab_command_line_clear(&line);
        return status;
    }
    lab_log_init("kreglab", line.cli.verbose ? LAB_LOG_DEBUG
                            : line.cli.quiet ? LAB_LOG_WARNING
                                             : LAB_LOG_INFO);
    paths = lab_paths_new(line.data);
    line.cli.paths = paths;
    status = run(&line, &error);
    status = finish_stdout(status);
    if (error)
        status = report_error(&line, error);
    lab_command_line_clear(&line);
    return status;
}

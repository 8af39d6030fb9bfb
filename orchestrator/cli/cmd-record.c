/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-environment.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-run.h"

/* Copies what there is of it. 'needed': an error when it is not there. */
static gboolean
copy_file(int from, int to, const char *name, gboolean needed, GError **error)
{
    if (!needed && !lab_file_exists(from, name))
        return TRUE;
    return lab_file_copy(from, name, to, name, 0600, error);
}

static gboolean
copy_recording(int from, int to, gboolean with_dump, GError **error)
{
    /* console.log last: a directory without it is no recording. */
    return copy_file(from, to, "cell.json", FALSE, error) &&
           copy_file(from, to, "agent.jsonl", FALSE, error) &&
           copy_file(from, to, "events.jsonl", FALSE, error) &&
           copy_file(from, to, "warm.json", FALSE, error) &&
           copy_file(from, to, "boot.log", FALSE, error) &&
           copy_file(from, to, LAB_ENVIRONMENT_FILE, FALSE, error) &&
           (!with_dump || copy_file(from, to, "vmcore", TRUE, error)) &&
           copy_file(from, to, "console.log", TRUE, error);
}

static int
cmd_record(LabCli *cli, GError **error)
{
    const LabRunCell *cell;
    g_autoptr(LabRun) run = lab_run_open_cell(cli->paths->data, cli->args[0], &cell, error);
    g_autofree char *path = NULL;
    LAB_AUTO_FD from = -1;
    LAB_AUTO_FD to = -1;

    if (!run)
        return 0;
    if (!cell)
        return lab_cli_usage(error, "'%s' names a run: give RUN/CELL", cli->args[0]);
    path = lab_run_cell_path(cell);
    if (!lab_file_exists(lab_run_fd(run), path)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "cell '%s' was not run yet",
                    cell->id);
        return LAB_EXIT_CONFIG;
    }
    from = lab_dir_open(lab_run_fd(run), path, error);
    if (from < 0)
        return LAB_EXIT_INFRA;
    if (!lab_file_exists(from, "console.log")) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "cell '%s' has no console.log: its guest was not started", cell->id);
        return LAB_EXIT_CONFIG;
    }
    if (lab_file_exists(AT_FDCWD, cli->args[1])) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS, "'%s' is there already",
                    cli->args[1]);
        return LAB_EXIT_CONFIG;
    }
    to = lab_dir_make(AT_FDCWD, cli->args[1], 0700, error);
    if (to >= 0)
        copy_recording(from, to, lab_cli_flag(cli, "dump"), error);
    return LAB_EXIT_OK;
}

static const LabOption options[] = {
    {"dump", 0, LAB_OPTION_FLAG, NULL, "put the vmcore in, too (it holds the guest's memory)"},
    {NULL},
};

const LabVerb lab_verb_record = {
    .name = "record",
    .summary = "make a replay guest of a cell that ran",
    .synopsis = "RUN/CELL DIR",
    .description = "'kreglab run --replay DIR' plays it: the whole way from worker to report, "
                   "without QEMU.",
    .min_args = 2,
    .max_args = 2,
    .options = {options},
    .hints = {LAB_HINT_CELL, LAB_HINT_DIRECTORY},
    .run = cmd_record,
};

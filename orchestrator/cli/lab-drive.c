/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-drive.h"

#include <stdio.h>
#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-progress.h"
#include "lab-repetition.h"

#define DEFAULT_RETRIES         2
#define DEFAULT_SUSPECT_RETRIES 1

const LabOption lab_drive_options[] = {
    {"jobs", 'j', LAB_OPTION_INT, "N",
     "cells at once (default: what cores and memory bear, held against what the cells ask)",
     .min = 1, .max = 1024},
    {"retries", 0, LAB_OPTION_INT, "N",
     "further attempts at a cell that failed for the lab's reasons (default: 2)", .max = 100},
    {"suspect-retries", 0, LAB_OPTION_INT, "N",
     "further attempts at a cell whose outcome the host's load may have made (default: 1)",
     .max = 100},
    {"worker-margin", 0, LAB_OPTION_DURATION, "TIME",
     "what a worker gets beyond its cell's deadlines before it is ended (default: 5m)"},
    {"json", 0, LAB_OPTION_FLAG, NULL, "print what happens as JSON lines"},
    {NULL},
};

json_t *
lab_drive_options_to_json(const LabCli *cli, const char *keep_dumps)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "jobs", (json_int_t)lab_cli_int(cli, "jobs", 0),
                     "retries", (json_int_t)lab_cli_int(cli, "retries", DEFAULT_RETRIES),
                     "suspect_retries",
                     (json_int_t)lab_cli_int(cli, "suspect-retries", DEFAULT_SUSPECT_RETRIES),
                     "worker_margin_ms", (json_int_t)lab_cli_duration_ms(cli, "worker-margin"),
                     "keep_dumps", lab_json_text(keep_dumps));
}

/* What the run was made with, and what this command line says above that. */
static LabSchedulerOptions
read_options(const LabCli *cli, const LabRun *run)
{
    const json_t *kept = lab_json_member(lab_run_info(run), "options");
    LabSchedulerOptions options = {0};

    options.jobs = (int)lab_cli_int(cli, "jobs", lab_json_int(kept, "jobs", 0));
    options.retries =
        (int)lab_cli_int(cli, "retries", lab_json_int(kept, "retries", DEFAULT_RETRIES));
    options.suspect_retries = (int)lab_cli_int(
        cli, "suspect-retries", lab_json_int(kept, "suspect_retries", DEFAULT_SUSPECT_RETRIES));
    options.margin_ms = lab_cli_given(cli, "worker-margin")
                            ? lab_cli_duration_ms(cli, "worker-margin")
                            : lab_json_int(kept, "worker_margin_ms", 0);
    options.keep_dumps = lab_json_string(kept, "keep_dumps");
    if (g_str_equal(cli->verb->name, "resume"))
        options.retry_infra = lab_cli_flag(cli, "retry-infra");
    return options;
}

static void
print_end(const LabRun *run, const LabSummary *summary)
{
    g_autofree char *text = lab_summary_text(summary);

    printf("%s\n%s\n", text, lab_run_directory(run));
    if (summary->missing > 0 || !lab_summary_is_whole(summary))
        lab_info("go on with 'kreglab resume %s'", lab_run_id(run));
    else if (summary->infra > 0)
        lab_info("cells without an outcome can be run again: 'kreglab resume --retry-infra %s'",
                 lab_run_id(run));
}

static void
print_repetition(const LabRepetition *repetition)
{
    g_autofree char *text = lab_repetition_text(repetition);
    g_autofree char *clean = lab_text_clean(text, -1, FALSE);

    printf("%s\n", clean);
}

gboolean
lab_drive_run(LabCli *cli, LabRun *run, gboolean announce, LabSummary *summary, GError **error)
{
    gboolean json = lab_cli_flag(cli, "json");
    g_autoptr(LabProgress) progress = lab_progress_new(cli, json);
    LabSchedulerOptions options = read_options(cli, run);
    gboolean resumed = g_str_equal(cli->verb->name, "resume");
    g_autoptr(LabRepetition)
        repetition = lab_repetition_new(run, resumed ? lab_cli_duration_ms(cli, "budget") : 0);
    g_autoptr(GError) no_index = NULL;
    g_autoptr(LabIndex) index = lab_index_open(cli->paths->data, &no_index);
    g_autoptr(LabScheduler) scheduler = NULL;
    gboolean ok;

    options.chooser = repetition ? lab_repetition_chooser(repetition) : NULL;
    scheduler = lab_scheduler_new(run, index, cli->paths, &options, lab_progress_event, progress);
    if (!index)
        lab_warn("%s", no_index->message);
    if (announce && !json && !lab_progress_is_live(progress)) {
        printf("run %s\n", lab_run_id(run));
        fflush(stdout);
    }
    ok = lab_scheduler_run(scheduler, error);
    *summary = *lab_scheduler_summary(scheduler);
    if (repetition && !json)
        print_repetition(repetition);
    return ok;
}

int
lab_drive(LabCli *cli, LabRun *run, GError **error)
{
    LabSummary summary;
    gboolean ok = lab_drive_run(cli, run, TRUE, &summary, error);

    if (!lab_cli_flag(cli, "json"))
        print_end(run, &summary);
    return ok ? lab_summary_exit_code(&summary) : LAB_EXIT_INFRA;
}

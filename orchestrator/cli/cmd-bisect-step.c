/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `git bisect run` calls: git takes 0 for good, 1 for bad, 125 for "cannot be tested", other
 * statuses under 128 for bad too, and ends the bisection at 128 and above. So errors of the command
 * line, which end other verbs with 2, get LAB_GIT_ABORT added.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-bisect.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-intake-call.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-plan.h"
#include "lab-proc.h"
#include "lab-trial.h"

#define STEP_GOOD    0
#define STEP_BAD     1
#define STEP_SKIP    125
#define STEP_STOPPED (LAB_GIT_ABORT + LAB_EXIT_INFRA)

#define DEFAULT_RATE       0.5
#define DEFAULT_CONFIDENCE 0.95
/* Runs that said nothing, in a row, after which the commit cannot be tested. */
#define MOST_NOTHING 3

typedef struct {
    LabCli *cli;
    LabTrial *trial;
    guint good, nothing;
    char *words; /* the last result */
} Step;

static char *
git_commit(const char *tree)
{
    const char *const argv[] = {"git", "-C", tree, "rev-parse", "--short=12", "HEAD", NULL};
    g_auto(LabProcResult) result = {0};

    if (!lab_proc_check(argv, NULL, &result, NULL))
        return NULL;
    return g_strdup(g_strchomp(result.output));
}

/* Paths of --config and --patch, which have to be there: what fails later is the commit's fault. */
static json_t *
existing_paths(const LabCli *cli, const char *option, GError **error)
{
    g_autoptr(json_t) array = json_array();

    for (const char *const *path = lab_cli_strings(cli, option); *path; path++) {
        g_autofree char *absolute = g_canonicalize_filename(*path, NULL);

        if (!lab_file_exists(AT_FDCWD, absolute)) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "--%s: there is no '%s'",
                        option, *path);
            return NULL;
        }
        json_array_append_new(array, lab_json_text(absolute));
    }
    return g_steal_pointer(&array);
}

/* The kernel's name: of the commit, and of what goes over it, so that another one of these is
 * another kernel. g_free. */
static char *
build_name(const char *tree, const json_t *configs, const json_t *patches)
{
    const json_t *const lists[] = {configs, patches};
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *commit = git_commit(tree);
    gboolean plain = TRUE;

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        const json_t *path;
        size_t n;

        json_array_foreach (lists[i], n, path) {
            g_autofree char *text = NULL;
            gsize length = 0;

            if (g_file_get_contents(json_string_value(path), &text, &length, NULL))
                g_checksum_update(checksum, (const guchar *)text, (gssize)length);
            plain = FALSE;
        }
    }
    return g_strdup_printf("bisect-%s%s%.6s", commit ? commit : "tree", plain ? "" : "-",
                           plain ? "" : g_checksum_get_string(checksum));
}

/* Builds the tree. *id stays NULL without an error when it does not build. */
static gboolean
build(const LabCli *cli, const char *tree, char **id, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(tree, NULL);
    g_autofree char *kbuild = g_build_filename(absolute, "Kbuild", NULL);
    g_autofree char *name = NULL;
    g_autoptr(json_t) configs = existing_paths(cli, "config", error);
    g_autoptr(json_t) patches = configs ? existing_paths(cli, "patch", error) : NULL;
    g_autoptr(json_t) request = NULL;
    int status;

    if (!patches)
        return FALSE;
    if (!lab_file_exists(AT_FDCWD, kbuild)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "'%s' is no kernel source tree: give one with --source, or a kernel of the "
                    "store",
                    tree);
        return FALSE;
    }
    name = build_name(absolute, configs, patches);
    request = json_pack("{s:o, s:o, s:O, s:O, s:I}", "source", lab_json_text(absolute), "name",
                        lab_json_text(name), "configs", configs, "patches", patches, "jobs",
                        (json_int_t)lab_cli_int(cli, "build-jobs", 0));
    status = lab_intake_call(cli->paths, "kernel-build", request, cli->quiet, id, error);
    if (status == LAB_EXIT_OK && !*id) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the worker built nothing");
        return FALSE;
    }
    return status >= 0;
}

static LabKernel *
find_kernel(const LabCli *cli, const char *name, GPtrArray **all, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    *all = lab_kernel_list(cli->paths->data, error);
    if (!*all || !lab_kernel_match(*all, name, found, error))
        return NULL;
    if (found->len == 1)
        return found->pdata[0];
    lab_cli_usage(error, "'%s' names %u kernels; give one", name, found->len);
    return NULL;
}

/* Takes the results of a run. Returns STEP_BAD or STEP_SKIP when they decide it, else -1. */
static int
take_run(Step *step, LabRun *run, GError **error)
{
    const GPtrArray *cells = lab_run_cells(run, error);
    gboolean bad = FALSE, unable = FALSE;

    if (!cells)
        return STEP_SKIP;
    for (guint i = 0; i < cells->len; i++) {
        g_autoptr(json_t) result = lab_run_read_result(run, cells->pdata[i], NULL);
        LabSign sign = lab_mark_judge(&step->trial->mark, result);
        gboolean told = sign == LAB_SIGN_SHOWN || sign == LAB_SIGN_NOT_SHOWN;

        if (!bad) {
            g_free(step->words);
            step->words = lab_mark_describe(result);
        }
        bad = bad || sign == LAB_SIGN_SHOWN;
        unable = unable || sign == LAB_SIGN_UNABLE;
        step->good += sign == LAB_SIGN_NOT_SHOWN ? 1 : 0;
        step->nothing = told ? 0 : step->nothing + 1;
    }
    if (bad)
        return STEP_BAD;
    return unable || step->nothing >= MOST_NOTHING ? STEP_SKIP : -1;
}

/* Runs until one run shows it, or 'needed' runs did not. */
static int
run_trials(Step *step, const LabKernel *kernel, guint needed, GError **error)
{
    int at_once = (int)lab_cli_int(step->cli, "jobs", 0);

    if (at_once == 0) {
        g_autoptr(GPtrArray) cells = lab_trial_cells(step->trial, kernel, 1, error);
        const LabCell *cell = cells ? cells->pdata[0] : NULL;

        if (!cell)
            return LAB_GIT_ABORT;
        at_once = lab_estimate_jobs(cell->guest.cpus, cell->guest.memory_bytes);
    }
    while (step->good < needed) {
        g_autoptr(LabRun) run = NULL;
        LabSummary summary = {0};
        int decided;

        run = lab_trial_make_run(step->cli, step->trial, kernel,
                                 MIN(at_once, (int)(needed - step->good)),
                                 json_pack("{s:i}", "good", (int)step->good), error);
        if (!run)
            return LAB_GIT_ABORT;
        if (!lab_drive_run(step->cli, run, FALSE, &summary, error))
            return STEP_SKIP;
        if (summary.stopped)
            return STEP_STOPPED;
        decided = take_run(step, run, error);
        if (decided >= 0)
            return decided;
    }
    return STEP_GOOD;
}

static void
tell(const Step *step, const LabKernel *kernel, int status, guint needed)
{
    if (status == STEP_GOOD)
        lab_info("good: %s, %u of %u runs passed", kernel->release, step->good, needed);
    else if (status == STEP_BAD)
        lab_info("bad: %s after %u passes: %s", kernel->release, step->good, step->words);
    else if (status == STEP_SKIP)
        lab_info("cannot be tested: %s: %s", kernel->release,
                 step->words ? step->words : "the lab failed");
}

static int
test_kernel(LabCli *cli, const char *id, guint needed, GError **error)
{
    g_autoptr(GPtrArray) all = NULL;
    const LabKernel *kernel = find_kernel(cli, id, &all, error);
    g_autoptr(LabTrial) trial = kernel ? lab_trial_new(cli, error) : NULL;
    Step step = {.cli = cli, .trial = trial};
    g_autoptr(GError) lab_failed = NULL;
    int status;

    if (!trial)
        return LAB_GIT_ABORT;
    status = run_trials(&step, kernel, needed, &lab_failed);
    tell(&step, kernel, status, needed);
    g_free(step.words);
    if (lab_failed && status == STEP_SKIP)
        lab_error_log("%s", lab_failed->message);
    else if (lab_failed)
        g_propagate_error(error, g_steal_pointer(&lab_failed));
    return status;
}

static int
cmd_bisect_step(LabCli *cli, GError **error)
{
    const char *kernel = cli->n_args > 0 ? cli->args[0] : NULL;
    const char *source = lab_cli_string(cli, "source");
    g_autoptr(LabTrial) early = NULL;
    g_autoptr(GError) local = NULL;
    g_autofree char *built = NULL;
    double rate, confidence;

    if (kernel && source)
        return lab_cli_usage(error, "give a kernel of the store or --source, not both");
    if (!lab_trial_fraction(cli, "rate", DEFAULT_RATE, &rate, error) ||
        !lab_trial_fraction(cli, "confidence", DEFAULT_CONFIDENCE, &confidence, error))
        return LAB_GIT_ABORT;
    /* A mistake in the recipe shows before anything is built. */
    early = lab_trial_new(cli, error);
    if (!early)
        return LAB_GIT_ABORT;
    if (!kernel && !build(cli, source ? source : ".", &built, &local)) {
        if (local->domain != LAB_INFRA_ERROR) {
            g_propagate_error(error, g_steal_pointer(&local));
            return LAB_GIT_ABORT;
        }
        lab_error_log("%s", local->message);
        return STEP_SKIP;
    }
    if (!kernel && !built) {
        lab_info("cannot be tested: it does not build");
        return STEP_SKIP;
    }
    return test_kernel(cli, kernel ? kernel : built, lab_bisect_repeats(rate, confidence), error);
}

static const LabOption options[] = {
    {"source", 0, LAB_OPTION_STRING, "DIR", "the kernel source tree to build (default: .)",
     .hint = LAB_HINT_DIRECTORY},
    {"config", 0, LAB_OPTION_STRINGS, "FRAGMENT",
     "lines of a .config, over those that the lab's guests need", .hint = LAB_HINT_FILE},
    {"patch", 0, LAB_OPTION_STRINGS, "FILE", "patch to apply before building",
     .hint = LAB_HINT_FILE},
    {"build-jobs", 0, LAB_OPTION_INT, "N", "compilers at once (default: one a CPU)", .min = 1,
     .max = 1024},
    {"rate", 0, LAB_OPTION_STRING, "P",
     "share of runs of a bad kernel that show it (default: 50%)"},
    {"confidence", 0, LAB_OPTION_STRING, "P",
     "probability that a bad kernel is not taken for a good one (default: 95%)"},
    {NULL},
};

const LabVerb lab_verb_bisect_step = {
    .name = "bisect-step",
    .summary = "judge one commit or kernel for git bisect run",
    .synopsis = "[KERNEL]",
    .description =
        "Builds the source tree (or takes KERNEL of the store) and runs RECIPE until one run shows "
        "what is looked for, or so many did not that it would have shown with the confidence asked "
        "for. Ends with 0 for good, 1 for bad, 125 when it cannot be tested (it does not build, is "
        "skipped, or the lab failed), and 130 for mistakes of the command line or the recipe, at "
        "which git stops.",
    .max_args = 1,
    .options = {options, lab_trial_options, lab_guest_options, lab_drive_options},
    .hints = {LAB_HINT_KERNEL},
    .error_base = LAB_GIT_ABORT,
    .run = cmd_bisect_step,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lab-bisection.h"
#include "lab-error.h"
#include "lab-intake-call.h"
#include "lab-json.h"
#include "lab-kernel-verbs.h"
#include "lab-log.h"
#include "lab-plan.h"
#include "lab-units.h"

#define DEFAULT_CONFIDENCE 0.98
#define DEFAULT_FALSE_RATE 0.001
/* What fetching a kernel costs beside running it. */
#define FETCH_MS 60000
/* Kernels that drop out one after the other because the lab failed: then it is the lab. */
#define MOST_LAB_FAILURES 2
#define FORECAST_SEARCHES 100

typedef struct {
    LabCli *cli;
    LabBisection *bisection;
    LabTrial *trial;
    gint64 guess_ms; /* of a run, without history */
    guint lab_failures;
} Search;

/* The kernel of the row as the store has it now. Owned by the caller; NULL: gone. */
static LabKernel *
load_kernel(const Search *search, const LabBisectionKernel *row, GError **error)
{
    g_autofree char *directory =
        g_build_filename(search->cli->paths->data, "kernels", row->kernel, NULL);
    g_autofree char *file = g_build_filename(directory, "kernel.json", NULL);
    g_autoptr(json_t) json = lab_json_read(AT_FDCWD, file, LAB_KERNEL_SCHEMA, error);

    return json ? lab_kernel_new_from_json(json, directory, error) : NULL;
}

/* Fetches what the row knows by its package only. FALSE: it drops out (or error is set). */
static gboolean
fetch(const Search *search, guint kernel, GError **error)
{
    LabBisectionKernel *row = search->bisection->kernels->pdata[kernel];
    g_autoptr(json_t) request = json_pack("{s:[s], s:n, s:n, s:b, s:b}", "sources",
                                          row->source ? row->source : "", "name", "sha256",
                                          "headers", 0, "debug", 0);
    g_autofree char *id = NULL;
    int status;

    if (row->kernel)
        return TRUE;
    lab_info("fetching %s", row->source);
    status = lab_intake_call(search->cli->paths, "intake", request, search->cli->quiet, &id, error);
    if (status < 0)
        return FALSE;
    if (status != LAB_EXIT_OK || !id) {
        lab_bisection_drop(search->bisection, kernel, "it could not be fetched");
        return FALSE;
    }
    row->kernel = g_steal_pointer(&id);
    return TRUE;
}

static void
tell_step(const Search *search, const LabBisectionStep *step)
{
    const LabBisection *bisection = search->bisection;
    const LabBisectionKernel *row = bisection->kernels->pdata[step->kernel];
    guint shown = lab_bisect_shown(bisection->search, (guint)step->kernel);
    g_autofree char *best = lab_bisection_best_text(bisection);

    lab_info("[%u] %s: %s; seen in %u of %u runs. %s", bisection->steps->len, row->release,
             row->words ? row->words : "no result", shown,
             shown + lab_bisect_not_shown(bisection->search, (guint)step->kernel), best);
}

/* Runs what is left of a step and counts it. FALSE: the lab could not go on, or the user said stop;
 * then there is an error in any case. */
static gboolean
drive_step(Search *search, const LabBisectionStep *step, LabRun *run, GError **error)
{
    LabBisection *bisection = search->bisection;
    gint64 start_us = g_get_monotonic_time();
    LabSummary summary = {0};
    gboolean ok = lab_drive_run(search->cli, run, FALSE, &summary, error);

    bisection->spent_ms += (g_get_monotonic_time() - start_us) / 1000;
    if (!ok)
        return FALSE;
    if (summary.stopped) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_CANCELLED,
                    "stopped; go on with 'kreglab bisect --resume %s'", bisection->id);
        lab_bisection_save(bisection, NULL);
        return FALSE;
    }
    if (!lab_bisection_take_run(bisection, step, run, error))
        return FALSE;
    tell_step(search, step);
    return lab_bisection_save(bisection, error);
}

/* A lab that fails on one kernel after the other says nothing about kernels: what was dropped for
 * its sake comes back. */
static gboolean
check_lab(Search *search, guint kernel, GError **error)
{
    LabBisection *bisection = search->bisection;
    const LabBisectionKernel *row = bisection->kernels->pdata[kernel];

    if (row->nothing_in_a_row == 0)
        search->lab_failures = 0;
    else if (row->lab_failed && row->dropped)
        search->lab_failures++;
    if (search->lab_failures < MOST_LAB_FAILURES)
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                "the lab failed on %u kernels one after the other (%s); mend it, then 'kreglab "
                "bisect --resume %s'",
                search->lab_failures, row->words, bisection->id);
    for (guint i = bisection->steps->len; i-- > 0;) {
        const LabBisectionStep *step = bisection->steps->pdata[i];
        LabBisectionKernel *other = bisection->kernels->pdata[step->kernel];

        if (!other->lab_failed || other->nothing_in_a_row == 0)
            break;
        g_clear_pointer(&other->dropped, g_free);
        lab_bisection_drop_step(bisection, i);
    }
    lab_bisection_save(bisection, NULL);
    return FALSE;
}

static gboolean
make_step(Search *search, guint kernel, GError **error)
{
    LabBisection *bisection = search->bisection;
    const LabBisectionKernel *row = bisection->kernels->pdata[kernel];
    g_autoptr(LabKernel) whole = NULL;
    g_autoptr(LabRun) run = NULL;
    g_autoptr(GError) gone = NULL;

    if (!fetch(search, kernel, &gone)) {
        if (!gone)
            return lab_bisection_save(bisection, error);
        g_propagate_error(error, g_steal_pointer(&gone));
        return FALSE;
    }
    whole = load_kernel(search, row, &gone);
    if (!whole) {
        lab_bisection_drop(bisection, kernel, gone->message);
        return lab_bisection_save(bisection, error);
    }
    run = lab_trial_make_run(search->cli, search->trial, whole, bisection->repeat,
                             json_pack("{s:s, s:i, s:i}", "bisection", bisection->id, "step",
                                       (int)bisection->steps->len, "kernel", (int)kernel),
                             error);
    if (!run)
        return FALSE;
    lab_bisection_add_step(bisection, lab_run_id(run), (int)kernel);
    return lab_bisection_save(bisection, error) &&
           drive_step(search, bisection->steps->pdata[bisection->steps->len - 1], run, error) &&
           check_lab(search, kernel, error);
}

/* What a run of each kernel is expected to take. Returns the mean. */
static gint64
set_costs(const Search *search)
{
    LabBisection *bisection = search->bisection;
    g_autoptr(LabIndex) index = lab_index_open(search->cli->paths->data, NULL);
    g_autoptr(LabEstimate) estimate = lab_estimate_new(index);
    gint64 sum_ms = 0;

    for (guint i = 0; i < bisection->kernels->len; i++) {
        const LabBisectionKernel *row = bisection->kernels->pdata[i];
        gint64 ms = lab_estimate_ms(estimate, row->kernel ? row->kernel : row->release,
                                    bisection->recipe, bisection->variant, search->guess_ms);

        ms = MAX(ms, 1) + (row->kernel ? 0 : FETCH_MS / bisection->repeat);
        lab_bisect_set_cost(bisection->search, i, (double)ms);
        sum_ms += ms;
    }
    return sum_ms / bisection->kernels->len;
}

/* Says how the search ends now, or NULL and the kernel to run next. */
static const char *
decide(const Search *search, guint *kernel)
{
    LabBisection *bisection = search->bisection;
    LabBisectPair pair = lab_bisect_best(bisection->search);
    guint last = bisection->kernels->len - 1;
    gint64 run_ms;
    int next;

    if (pair.odds >= bisection->confidence)
        return pair.good < 0 ? "first-has-it" : pair.bad > (int)last ? "never-seen" : "found";
    if (lab_bisect_is_hopeless(bisection->search, bisection->confidence))
        return "never-seen";
    if (lab_bisect_is_dropped(bisection->search, 0) ||
        lab_bisect_is_dropped(bisection->search, last))
        return "out-of-kernels";
    run_ms = set_costs(search);
    next = lab_bisect_next(bisection->search);
    if (next < 0)
        return "out-of-kernels";
    if (bisection->budget_ms > 0 && bisection->spent_ms + run_ms > bisection->budget_ms)
        return "budget";
    *kernel = (guint)next;
    return NULL;
}

/* A run that was made for the next step by a process that was killed before it said so. */
static gboolean
adopt(const LabBisection *bisection, const LabRun *run)
{
    const json_t *options = lab_json_member(lab_run_info(run), "options");
    const json_t *search = lab_json_member(options, "search");
    gint64 kernel = lab_json_int(search, "kernel", -1);

    return g_strcmp0(lab_json_string(search, "bisection"), bisection->id) == 0 &&
           lab_json_int(search, "step", -1) == bisection->steps->len && kernel >= 0 &&
           kernel < bisection->kernels->len;
}

static gboolean
adopt_orphan(LabBisection *bisection, const LabPaths *paths, GError **error)
{
    g_auto(GStrv) ids = lab_run_ids(paths->data, error);

    if (!ids)
        return FALSE;
    for (char **id = ids; *id && strncmp(*id, bisection->id, 15) >= 0; id++) {
        g_autoptr(LabRun) run = lab_run_open(paths->data, *id, NULL);

        if (!run || !adopt(bisection, run))
            continue;
        lab_bisection_add_step(
            bisection, *id,
            (int)lab_json_int(
                lab_json_member(lab_json_member(lab_run_info(run), "options"), "search"), "kernel",
                0));
        return lab_bisection_save(bisection, error);
    }
    return TRUE;
}

/* Counts the runs there are, after the one that was interrupted is done. */
static gboolean
take_up(Search *search, GError **error)
{
    LabBisection *bisection = search->bisection;

    if (!adopt_orphan(bisection, search->cli->paths, error))
        return FALSE;
    for (guint i = 0; i < bisection->steps->len; i++) {
        const LabBisectionStep *step = bisection->steps->pdata[i];
        g_autoptr(LabRun) run = lab_run_open(search->cli->paths->data, step->run, error);
        gboolean last = i + 1 == bisection->steps->len;

        if (!run)
            return FALSE;
        if (last && g_str_equal(bisection->state, "searching")) {
            if (!lab_run_lock(run, error) || !drive_step(search, step, run, error))
                return FALSE;
        } else if (!lab_bisection_take_run(bisection, step, run, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static int
exit_status(const LabBisection *bisection)
{
    if (g_str_equal(bisection->state, "found"))
        return LAB_EXIT_OK;
    return g_str_equal(bisection->state, "first-has-it") ? LAB_EXIT_UNEXPECTED
                                                         : LAB_EXIT_NOT_ENOUGH;
}

/* The changelog's difference between the pair, where both are in the store. */
static json_t *
find_changes(const Search *search, GError **error)
{
    const LabBisection *bisection = search->bisection;
    LabBisectPair pair = lab_bisect_best(bisection->search);
    const LabBisectionKernel *good, *bad;
    g_autoptr(LabKernel) one = NULL;
    g_autoptr(LabKernel) other = NULL;
    gboolean backwards;

    if (pair.good < 0 || pair.bad >= (int)bisection->kernels->len) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "there is no pair");
        return NULL;
    }
    good = bisection->kernels->pdata[pair.good];
    bad = bisection->kernels->pdata[pair.bad];
    if (!good->kernel || !bad->kernel) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "'%s' was not fetched",
                    good->kernel ? bad->release : good->release);
        return NULL;
    }
    one = load_kernel(search, good, error);
    other = one ? load_kernel(search, bad, error) : NULL;
    backwards = lab_release_compare(good->release, bad->release) > 0;
    return other ? lab_kernel_changes(backwards ? other : one, backwards ? one : other, NULL, error)
                 : NULL;
}

static void
print_end(const Search *search)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(json_t) changes = find_changes(search, &why);
    g_autoptr(json_t) json = NULL;
    g_autofree char *line = NULL;

    if (!lab_cli_flag(search->cli, "json")) {
        lab_bisection_print(search->bisection, changes, why ? why->message : NULL);
        return;
    }
    json = lab_bisection_to_json(search->bisection, changes);
    line = lab_json_line(json);
    puts(line);
}

/* Looks at a cell of the first kernel, which is in the store: how long it may take, and how many
 * run at once. */
static gboolean
begin(Search *search, GError **error)
{
    LabBisection *bisection = search->bisection;
    g_autoptr(LabKernel) kernel = load_kernel(search, bisection->kernels->pdata[0], error);
    g_autoptr(GPtrArray) cells = kernel ? lab_trial_cells(search->trial, kernel, 1, error) : NULL;
    const LabCell *cell = cells ? cells->pdata[0] : NULL;

    if (!cell)
        return FALSE;
    search->guess_ms = lab_run_guess_ms(cell);
    if (bisection->repeat < 1)
        bisection->repeat = lab_estimate_jobs(cell->guest.cpus, cell->guest.memory_bytes);
    lab_bisection_begin(bisection);
    return TRUE;
}

static int
run_search(LabCli *cli, LabBisection *bisection, LabTrial *trial, GError **error)
{
    Search search = {.cli = cli, .bisection = bisection, .trial = trial};
    const char *end = NULL;
    guint kernel = 0;

    if (!begin(&search, error))
        return LAB_EXIT_CONFIG;
    if (!take_up(&search, error))
        return LAB_EXIT_INFRA;
    for (;;) {
        end = decide(&search, &kernel);
        if (end)
            break;
        if (!make_step(&search, kernel, error))
            return LAB_EXIT_INFRA;
    }
    g_free(bisection->state);
    bisection->state = g_strdup(end);
    if (!lab_bisection_save(bisection, error))
        return LAB_EXIT_INFRA;
    print_end(&search);
    return exit_status(bisection);
}

static void
print_forecast(const LabBisection *bisection, gint64 run_ms)
{
    static const double rates[] = {1, 0.3, 0.1};
    gsize n = bisection->rate > 0 ? 1 : G_N_ELEMENTS(rates);

    for (gsize i = 0; i < n; i++) {
        LabBisectLab lab = {.rate = bisection->rate > 0 ? bisection->rate : rates[i],
                            .false_rate = bisection->false_rate};
        LabBisectForecast forecast = lab_bisect_forecast(
            bisection->search, &lab, bisection->confidence, FORECAST_SEARCHES, 1);
        g_autofree char *time = lab_duration_human(forecast.median * run_ms / bisection->repeat);

        lab_cli_print("if it shows in %.0f %% of runs: about %u runs, in nine of ten searches at "
                      "most %u; about %s\n",
                      lab.rate * 100, forecast.median, forecast.nine_of_ten, time);
    }
}

static int
dry_run(LabCli *cli, LabBisection *bisection, LabTrial *trial, GError **error)
{
    Search search = {.cli = cli, .bisection = bisection, .trial = trial};
    json_t *kernels;
    gint64 run_ms;

    if (!begin(&search, error))
        return LAB_EXIT_CONFIG;
    run_ms = set_costs(&search);
    if (lab_cli_flag(cli, "json")) {
        kernels = json_array();
        for (guint i = 0; i < bisection->kernels->len; i++) {
            const LabBisectionKernel *row = bisection->kernels->pdata[i];

            json_array_append_new(kernels, lab_json_text(row->release));
        }
        lab_cli_print_json(json_pack("{s:o}", "kernels", kernels));
        return LAB_EXIT_OK;
    }
    for (guint i = 0; i < bisection->kernels->len; i++) {
        const LabBisectionKernel *row = bisection->kernels->pdata[i];

        lab_cli_print("%-44s %s\n", row->release, row->kernel ? "in the store" : row->source);
    }
    print_forecast(bisection, run_ms);
    return LAB_EXIT_OK;
}

static LabBisection *
new_bisection(const LabCli *cli, LabTrial *trial, GError **error)
{
    g_autoptr(LabBisection) bisection = lab_bisection_new();
    const char *good = lab_cli_string(cli, "good");
    const char *bad = lab_cli_string(cli, "bad");

    if (!good || !bad) {
        lab_cli_usage(error, "give --good and --bad, the two kernels to search between");
        return NULL;
    }
    if (!lab_trial_fraction(cli, "confidence", DEFAULT_CONFIDENCE, &bisection->confidence, error) ||
        !lab_trial_fraction(cli, "rate", 0, &bisection->rate, error) ||
        !lab_trial_fraction(cli, "false-rate", DEFAULT_FALSE_RATE, &bisection->false_rate, error) ||
        !lab_bisection_make_row(bisection, cli, good, bad, error))
        return NULL;
    bisection->repeat = (int)lab_cli_int(cli, "repeat", lab_cli_int(cli, "jobs", 0));
    bisection->matrix = lab_trial_to_yaml(trial);
    bisection->recipe = g_strdup(trial->recipe->name);
    bisection->recipe_directory = g_strdup(trial->recipe->directory);
    bisection->recipe_digest = g_strdup(trial->recipe->digest);
    bisection->variant = g_strdup(trial->variant);
    bisection->mark.title = g_strdup(trial->mark.title);
    bisection->mark.signature = g_strdup(trial->mark.signature);
    bisection->mark.outcome = g_strdup(trial->mark.outcome);
    bisection->budget_ms = lab_cli_duration_ms(cli, "budget");
    return g_steal_pointer(&bisection);
}

static int
resume(LabCli *cli, GError **error)
{
    g_autoptr(LabBisection) bisection =
        lab_bisection_open(cli->paths->data, cli->n_args > 0 ? cli->args[0] : "latest", error);
    g_autoptr(LabTrial) trial = NULL;

    if (!bisection)
        return LAB_EXIT_CONFIG;
    trial = lab_trial_new_again(bisection->matrix, bisection->recipe_directory,
                                bisection->recipe_digest, &bisection->mark, error);
    if (!trial)
        return LAB_EXIT_CONFIG;
    if (lab_cli_given(cli, "budget"))
        bisection->budget_ms = lab_cli_duration_ms(cli, "budget");
    if (!lab_trial_fraction(cli, "confidence", bisection->confidence, &bisection->confidence,
                            error))
        return LAB_EXIT_CONFIG;
    return run_search(cli, bisection, trial, error);
}

static int
cmd_bisect(LabCli *cli, GError **error)
{
    g_autoptr(LabTrial) trial = NULL;
    g_autoptr(LabBisection) bisection = NULL;

    if (lab_cli_flag(cli, "resume"))
        return resume(cli, error);
    if (cli->n_args > 0)
        return lab_cli_usage(error, "'%s' is taken with --resume only", cli->args[0]);
    trial = lab_trial_new(cli, error);
    bisection = trial ? new_bisection(cli, trial, error) : NULL;
    if (!bisection)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "dry-run"))
        return dry_run(cli, bisection, trial, error);
    if (!lab_bisection_create(bisection, cli->paths->data, error))
        return LAB_EXIT_INFRA;
    lab_info("bisection %s: %u kernels", bisection->id, bisection->kernels->len);
    return run_search(cli, bisection, trial, error);
}

static const LabOption options[] = {
    {"good", 0, LAB_OPTION_STRING, "KERNEL", "a kernel without the change, in the store",
     .hint = LAB_HINT_KERNEL},
    {"bad", 0, LAB_OPTION_STRING, "KERNEL", "a kernel with it", .hint = LAB_HINT_KERNEL},
    {"kernels", 0, LAB_OPTION_STRINGS, "LIST",
     "kernels to search: ids, prefixes and globs with commas between, or debian:SUITE (may be "
     "repeated; default: those of the store of the same flavour)",
     .hint = LAB_HINT_KERNEL},
    {"in-order", 0, LAB_OPTION_FLAG, NULL,
     "the kernels are in the order of --kernels, not of their versions"},
    {"rate", 0, LAB_OPTION_STRING, "P",
     "share of runs of a bad kernel that show it, if it is known: 30% (default: found out)"},
    {"false-rate", 0, LAB_OPTION_STRING, "P",
     "share of runs of a good kernel that seem to show it (default: 0.1%)"},
    {"confidence", 0, LAB_OPTION_STRING, "P",
     "probability of the pair at which the search ends (default: 98%)"},
    {"budget", 0, LAB_OPTION_DURATION, "TIME", "end when the next run would pass this time"},
    {"repeat", 'n', LAB_OPTION_INT, "N",
     "runs of a kernel at each step (default: as many as run at once)", .min = 1, .max = 1000},
    {"resume", 0, LAB_OPTION_FLAG, NULL, "go on with a bisection that was interrupted"},
    {"dry-run", 0, LAB_OPTION_FLAG, NULL, "print the kernels and how many runs to expect"},
    {NULL},
};

const LabVerb lab_verb_bisect = {
    .name = "bisect",
    .summary = "find between which kernels a crash or a behaviour came in",
    .synopsis = "[BISECTION]",
    .description =
        "Searches a row of kernels for the first that shows what RECIPE provokes, though it may "
        "show in some runs only: kernels are run again where that tells most, until one pair has "
        "the odds asked for. With --good newer than --bad it finds where a change went away.\n"
        "BISECTION (with --resume) is 'latest' unless it is given. Ends with 0 when the pair is "
        "found, 1 when the good kernel has it already, 4 when the runs do not suffice.",
    .max_args = 1,
    .options = {options, lab_trial_options, lab_guest_options, lab_drive_options},
    .run = cmd_bisect,
};

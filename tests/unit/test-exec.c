/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduler against the fake worker (tests/cli/fake-worker.c; its path is in FAKE_WORKER). */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-scheduler.h"

typedef struct {
    char *data;
    char *log; /* of the fake worker */
    LabPaths *paths;
    guint events[LAB_RUN_ENDED + 1];
    guint most_running;
    char *last_text;
    guint signal_at_start; /* so many SIGINTs are raised when the first cell starts */
} Fixture;

static void
set_up(Fixture *f, gconstpointer unused)
{
    f->data = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
    f->log = g_build_filename(f->data, "worker.log", NULL);
    f->paths = g_new0(LabPaths, 1);
    f->paths->data = g_strdup(f->data);
    f->paths->cache = g_build_filename(f->data, "cache", NULL);
    f->paths->worker = g_strdup(g_getenv("FAKE_WORKER"));
    g_setenv("FAKE_WORKER_LOG", f->log, TRUE);
    g_setenv("FAKE_WORKER_PLAN", "", TRUE);
    g_setenv("FAKE_WORKER_MS", "0", TRUE);
}

static void
tear_down(Fixture *f, gconstpointer unused)
{
    g_assert_true(lab_path_remove(AT_FDCWD, f->data, NULL));
    lab_paths_free(f->paths);
    g_free(f->data);
    g_free(f->log);
    g_free(f->last_text);
}

static LabRun *
make_run(const char *data, int n, const char *recipe)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free);
    g_autoptr(GError) error = NULL;
    LabRun *run;

    for (int i = 0; i < n; i++) {
        LabCell *cell = lab_cell_new();

        cell->kernel_id = g_strdup("6.1.0-1");
        cell->kernel_release = g_strdup("6.1.0-1");
        cell->recipe = g_strdup(recipe);
        cell->variant = g_strdup("stock");
        cell->repetition = i + 1;
        cell->guest.cpus = 1;
        cell->guest.memory_bytes = 1 << 20;
        cell->deadlines = (LabDeadlines){.boot_ms = 1};
        lab_cell_compute_id(cell);
        g_ptr_array_add(cells, cell);
    }
    run = lab_run_create(data, NULL, cells, "", NULL, &error);
    g_assert_no_error(error);
    return run;
}

static void
on_event(const LabRunEvent *event, gpointer data)
{
    Fixture *f = data;
    g_autoptr(json_t) json = lab_run_event_to_json(event);

    g_assert_nonnull(lab_json_string(json, "event"));
    f->events[event->kind]++;
    f->most_running = MAX(f->most_running, event->summary->running);
    if (event->text) {
        g_free(f->last_text);
        f->last_text = g_strdup(event->text);
    }
    if (event->kind == LAB_RUN_CELL_PHASE)
        for (; f->signal_at_start > 0; f->signal_at_start--)
            kill(getpid(), SIGINT);
}

/* Runs and gives the summary; the fixture counts the events. */
static LabSummary
drive(Fixture *f, LabRun *run, LabSchedulerOptions options, GError **error)
{
    g_autoptr(LabScheduler)
        scheduler = lab_scheduler_new(run, NULL, f->paths, &options, on_event, f);
    gboolean ok;

    memset(f->events, 0, sizeof f->events);
    ok = lab_scheduler_run(scheduler, error);
    g_assert_true(ok == !(error && *error));
    return *lab_scheduler_summary(scheduler);
}

static guint
count_lines(const Fixture *f, const char *prefix)
{
    g_autofree char *text = lab_file_read(AT_FDCWD, f->log, 16 << 20, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    guint n = 0;

    for (char **line = lines; *line; line++)
        n += g_str_has_prefix(*line, prefix);
    return n;
}

static void
test_all_pass(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 20, "true");
    g_autoptr(GError) error = NULL;
    LabSummary summary = drive(f, run, (LabSchedulerOptions){.jobs = 4}, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(summary.done, ==, 20);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 20);
    g_assert_cmpint(lab_summary_exit_code(&summary), ==, LAB_EXIT_OK);
    g_assert_cmpuint(f->events[LAB_RUN_CELL_FINISHED], ==, 20);
    g_assert_cmpuint(f->most_running, <=, 4);
    g_assert_cmpuint(f->most_running, >=, 2);
    g_assert_cmpuint(count_lines(f, "start"), ==, 20);
    g_assert_cmpuint(count_lines(f, "clean"), ==, 1);
    /* Once more: nothing is run twice. */
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 4}, &error);
    g_assert_cmpuint(summary.done, ==, 20);
    g_assert_cmpuint(count_lines(f, "start"), ==, 20);
}

static void
test_failed_attempts_are_made_again(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 4, "true");
    g_autofree char *aside = NULL;
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*/1=infra-once;*/2=lost-once;*/3=infra;*/4=lost", TRUE);
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 1, .retries = 2}, NULL);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 2);
    g_assert_cmpuint(summary.infra, ==, 1);
    g_assert_cmpuint(summary.missing, ==, 1);
    g_assert_cmpuint(summary.again, ==, 6);
    g_assert_cmpint(lab_summary_exit_code(&summary), ==, LAB_EXIT_INFRA);
    g_assert_cmpuint(count_lines(f, "start"), ==, 2 + 2 + 3 + 3);
    aside = g_strdup_printf("%s/cells/%s.attempt-1/result.json", lab_run_directory(run),
                            ((const LabRunCell *)lab_run_cells(run, NULL)->pdata[0])->id);
    g_assert_true(lab_file_exists(AT_FDCWD, aside));
    /* Given-up infra stands, a missing cell is tried again. */
    g_setenv("FAKE_WORKER_PLAN", "", TRUE);
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 1, .retries = 2}, NULL);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 3);
    g_assert_cmpuint(summary.infra, ==, 1);
    summary =
        drive(f, run, (LabSchedulerOptions){.jobs = 1, .retries = 2, .retry_infra = TRUE}, NULL);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 4);
    g_assert_cmpint(lab_summary_exit_code(&summary), ==, LAB_EXIT_OK);
}

static void
test_broken_lab_stops_early(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 200, "true");
    g_autoptr(GError) error = NULL;
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*=infra", TRUE);
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .retries = 2}, &error);
    g_assert_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED);
    g_assert_cmpuint(count_lines(f, "start"), <, 40);
    g_assert_cmpuint(summary.done, <, 200);
}

static void
test_deadline(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 2, "true");
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*/1=slow", TRUE);
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .margin_ms = 300}, NULL);
    g_assert_cmpuint(summary.missing, ==, 1);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 1);
    g_assert_nonnull(strstr(f->last_text, "deadline"));
}

static void
test_stop_once(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 6, "true");
    g_autoptr(GError) error = NULL;
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*=slow", TRUE);
    f->signal_at_start = 1;
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .retries = 2}, &error);
    g_assert_no_error(error);
    g_assert_true(summary.stopped);
    g_assert_cmpuint(summary.done, ==, 0);
    g_assert_cmpuint(f->events[LAB_RUN_CELL_STOPPED], ==, 2);
    g_assert_cmpint(lab_summary_exit_code(&summary), ==, LAB_EXIT_INFRA);
    g_setenv("FAKE_WORKER_PLAN", "", TRUE);
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .retries = 0}, &error);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 6);
}

static void
test_stop_twice(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 1, "true");
    gint64 start_us = g_get_monotonic_time();
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*=stubborn", TRUE);
    /* Two signals that arrive together are one: the second is sent a moment later. */
    f->signal_at_start = 1;
    if (fork() == 0) {
        g_usleep(1500000);
        kill(getppid(), SIGINT);
        _exit(0);
    }
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 1}, NULL);
    g_assert_cmpuint(summary.done, ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, 10 * G_USEC_PER_SEC);
}

static void
test_dumps(Fixture *f, gconstpointer policy)
{
    g_autoptr(LabRun) run = make_run(f->data, 4, "panic");
    const GPtrArray *cells = lab_run_cells(run, NULL);
    guint kept = 0;

    g_setenv("FAKE_WORKER_PLAN", "*=crash", TRUE);
    drive(f, run, (LabSchedulerOptions){.jobs = 2, .keep_dumps = policy}, NULL);
    for (guint i = 0; i < cells->len; i++) {
        g_autofree char *path = g_strdup_printf("%s/cells/%s/vmcore", lab_run_directory(run),
                                                ((const LabRunCell *)cells->pdata[i])->id);

        kept += lab_file_exists(AT_FDCWD, path);
    }
    g_assert_cmpuint(kept, ==,
                     g_str_equal(policy, "all")    ? 4
                     : g_str_equal(policy, "none") ? 0
                                                   : 1);
    g_assert_cmpuint(f->events[LAB_RUN_DUMP_REMOVED], ==, 4 - kept);
}

static void
test_flood_and_dirt(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 2, "true");
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*/1=flood;*/2=dirty", TRUE);
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2}, NULL);
    g_assert_cmpuint(summary.done, ==, 2);
    g_assert_cmpuint(f->events[LAB_RUN_CELL_WARNING], ==, 1);
}

static void
test_no_worker(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 1, "true");
    g_autoptr(GError) error = NULL;

    g_free(f->paths->worker);
    f->paths->worker = g_strdup("/nonexistent/kreglab-worker");
    drive(f, run, (LabSchedulerOptions){0}, &error);
    g_assert_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND);
}

#define ADD(name, function) g_test_add(name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/exec/all-pass", test_all_pass);
    ADD("/exec/failed-attempts-again", test_failed_attempts_are_made_again);
    ADD("/exec/broken-lab-stops-early", test_broken_lab_stops_early);
    ADD("/exec/deadline", test_deadline);
    ADD("/exec/stop-once", test_stop_once);
    ADD("/exec/stop-twice", test_stop_twice);
    ADD("/exec/flood-and-dirt", test_flood_and_dirt);
    ADD("/exec/no-worker", test_no_worker);
    g_test_add("/exec/dumps/first", Fixture, "first-per-signature", set_up, test_dumps, tear_down);
    g_test_add("/exec/dumps/all", Fixture, "all", set_up, test_dumps, tear_down);
    g_test_add("/exec/dumps/none", Fixture, "none", set_up, test_dumps, tear_down);
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduler against the fake worker (tests/cli/fake-worker.c; its path is in FAKE_WORKER). */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-host.h"
#include "lab-json.h"
#include "lab-queue.h"
#include "lab-scheduler.h"

typedef struct {
    char *data;
    char *log; /* of the fake worker */
    LabPaths *paths;
    guint events[LAB_RUN_ENDED + 1];
    guint most_running;
    char *last_text;
    gint64 left_ms;        /* at the start */
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
    if (event->kind == LAB_RUN_STARTED)
        f->left_ms = event->left_ms;
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

/* The parent was killed between the worker's start and the journal's line of it. */
static void
test_attempts_that_the_journal_lacks(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 4, "true");
    g_autofree char *journal = g_build_filename(lab_run_directory(run), "journal.jsonl", NULL);
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*/1=infra;*/2=suspect;*/3=fail", TRUE);
    drive(f, run, (LabSchedulerOptions){.jobs = 1}, NULL);
    g_assert_true(lab_path_remove(AT_FDCWD, journal, NULL));
    g_clear_pointer(&run, lab_run_free);
    run = lab_run_open(f->data, "latest", NULL);
    g_setenv("FAKE_WORKER_PLAN", "", TRUE);
    summary =
        drive(f, run, (LabSchedulerOptions){.jobs = 1, .retries = 2, .suspect_retries = 1}, NULL);
    g_assert_cmpuint(summary.infra, ==, 0);
    g_assert_cmpuint(summary.suspect, ==, 0);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 3);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_FAIL], ==, 1);
    g_assert_cmpuint(count_lines(f, "start"), ==, 4 + 2);
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
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .margin_ms = 3000}, NULL);
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

static void
put(const char *root, const char *path, const char *text)
{
    g_autofree char *file = g_strconcat(root, path, NULL);
    g_autofree char *folder = g_path_get_dirname(file);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
}

static void
test_host_memory(Fixture *f, gconstpointer unused)
{
    g_autofree char *root = g_build_filename(f->data, "host", NULL);
    LabHostMemory memory;

    put(root, "/proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n");
    lab_host_memory(root, &memory);
    g_assert_cmpuint(memory.total_bytes, ==, 8ull << 30);
    g_assert_cmpuint(memory.available_bytes, ==, 4ull << 30);
    /* A group above the own one has a limit; its page cache can be given back. */
    put(root, "/proc/self/cgroup", "0::/a/b\n");
    put(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    put(root, "/sys/fs/cgroup/a/memory.max", "2147483648\n");
    put(root, "/sys/fs/cgroup/a/memory.current", "1610612736\n");
    put(root, "/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 536870912\n");
    put(root, "/sys/fs/cgroup/a/cpu.max", "100000 100000\n");
    lab_host_memory(root, &memory);
    g_assert_cmpuint(memory.total_bytes, ==, 2ull << 30);
    g_assert_cmpuint(memory.available_bytes, ==, 1ull << 30);
    g_assert_cmpint(lab_host_cpus(root), ==, 1);
    /* Version 1. */
    put(root, "/proc/self/cgroup", "4:memory:/x\n3:cpuset:/\n");
    put(root, "/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1073741824\n");
    put(root, "/sys/fs/cgroup/memory/x/memory.usage_in_bytes", "805306368\n");
    put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "805306368\n");
    lab_host_memory(root, &memory);
    g_assert_cmpuint(memory.total_bytes, ==, 1ull << 30);
    g_assert_cmpuint(memory.available_bytes, ==, 256ull << 20);
    put(root, "/proc/77/status",
        "VmRSS: 900 kB\nRssAnon: 400 kB\nRssFile: 300 kB\nRssShmem: 200 kB\n");
    g_assert_cmpuint(lab_host_resident_bytes(root, 77), ==, 600 << 10);
    put(root, "/proc/78/status", "VmRSS: 900 kB\n");
    g_assert_cmpuint(lab_host_resident_bytes(root, 78), ==, 900 << 10);
    g_assert_cmpuint(lab_host_resident_bytes(root, 79), ==, 0);
}

/* Memory for one guest of 161 MiB beside the reserve: one at a time, whatever --jobs says. With
 * their resident sets known to be small, more fit. */
static void
test_memory_bounds_jobs(Fixture *f, gconstpointer unused)
{
    g_autofree char *root = g_build_filename(f->data, "host", NULL);
    g_autoptr(LabRun) run = make_run(f->data, 6, "true");
    g_autoptr(LabRun) small = NULL;
    LabSchedulerOptions options = {.jobs = 4, .host_root = root};
    LabSummary summary;

    put(root, "/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 500000 kB\n");
    g_setenv("FAKE_WORKER_MS", "50", TRUE);
    summary = drive(f, run, options, NULL);
    g_assert_cmpuint(summary.done, ==, 6);
    g_assert_cmpuint(f->most_running, ==, 1);
    f->most_running = 0;
    put(root, "/proc/4711/status", "RssAnon: 1000 kB\nRssShmem: 0 kB\n");
    g_setenv("FAKE_WORKER_GUEST", "4711", TRUE);
    g_setenv("FAKE_WORKER_MS", "400", TRUE);
    small = make_run(f->data, 12, "true");
    summary = drive(f, small, options, NULL);
    g_unsetenv("FAKE_WORKER_GUEST");
    g_assert_cmpuint(summary.done, ==, 12);
    g_assert_cmpuint(f->most_running, >=, 2);
}

static void
test_never_fits(Fixture *f, gconstpointer unused)
{
    g_autofree char *root = g_build_filename(f->data, "host", NULL);
    g_autoptr(LabRun) run = make_run(f->data, 2, "true");
    g_autoptr(GError) error = NULL;

    put(root, "/proc/meminfo", "MemTotal: 200000 kB\nMemAvailable: 200000 kB\n");
    drive(f, run, (LabSchedulerOptions){.jobs = 2, .host_root = root}, &error);
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT);
    g_assert_nonnull(strstr(error->message, "--memory"));
    g_assert_cmpuint(count_lines(f, "start"), ==, 0);
}

/* It waits, says so once, and goes on when there is memory. */
static void
test_waits_for_memory(Fixture *f, gconstpointer unused)
{
    g_autofree char *root = g_build_filename(f->data, "host", NULL);
    g_autoptr(LabRun) run = make_run(f->data, 2, "true");
    LabSummary summary;
    pid_t child;

    put(root, "/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 100000 kB\n");
    child = fork();
    if (child == 0) {
        g_usleep(1500000);
        put(root, "/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 8000000 kB\n");
        _exit(0);
    }
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .host_root = root}, NULL);
    g_assert_cmpuint(summary.done, ==, 2);
    g_assert_cmpuint(f->events[LAB_RUN_WARNING], ==, 1);
}

static void
test_suspects_are_run_again(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 3, "true");
    g_autofree char *first =
        g_strdup_printf("%s/cells/%s.attempt-1/result.json", lab_run_directory(run),
                        ((const LabRunCell *)lab_run_cells(run, NULL)->pdata[0])->id);
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*/1=suspect-once;*/2=suspect", TRUE);
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .suspect_retries = 1}, NULL);
    g_assert_cmpuint(summary.done, ==, 3);
    g_assert_cmpuint(summary.again, ==, 0);
    g_assert_cmpuint(summary.suspect_again, ==, 2);
    g_assert_cmpuint(summary.suspect, ==, 1);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_PASS], ==, 2);
    g_assert_cmpuint(summary.outcomes[LAB_OUTCOME_HANG], ==, 1);
    g_assert_cmpuint(count_lines(f, "start"), ==, 5);
    g_assert_true(lab_file_exists(AT_FDCWD, first));
    /* What stands is not run again by a later session. */
    summary = drive(f, run, (LabSchedulerOptions){.jobs = 2, .suspect_retries = 1}, NULL);
    g_assert_cmpuint(summary.suspect, ==, 1);
    g_assert_cmpuint(count_lines(f, "start"), ==, 5);
}

/* Takes the last cells first: three, then waits for three results, two more, and spares the rest.
 */
typedef struct {
    const GPtrArray *cells;
    gboolean gone[20]; /* taken, or told */
    guint taken, told, waited, again, begun;
    gboolean waits; /* for ever */
    gint64 end_us;  /* 0: none */
} Choices;

static void
begin_choices(LabEstimate *estimate, int jobs, gpointer data)
{
    Choices *c = data;

    g_assert_nonnull(estimate);
    g_assert_cmpuint(c->told, ==, 0);
    c->begun += (guint)jobs;
}

static LabCellChoice
next_choice(const LabRunCell **cell, const char **why, gpointer data)
{
    Choices *c = data;
    guint i = c->cells->len;

    while (c->gone[i - 1])
        i--;
    *cell = c->cells->pdata[i - 1];
    if (c->waits || (c->taken >= 3 && c->told < 3)) {
        c->waited++;
        return LAB_CELL_WAIT;
    }
    *why = "enough";
    return i > 15 ? LAB_CELL_RUN : LAB_CELL_SPARE;
}

static void
take_choice(const LabRunCell *cell, LabCellChoice choice, gpointer data)
{
    Choices *c = data;

    g_assert_cmpint(choice == LAB_CELL_RUN, ==, cell->repetition > 15 || c->waits);
    c->gone[cell->index] = TRUE;
    c->taken++;
}

static void
count_again(const LabRunCell *cell, guint before, gpointer data)
{
    Choices *c = data;

    c->again++;
    c->taken--;
    c->gone[cell->index] = FALSE;
}

static void
count_told(const LabRunCell *cell, const LabBrief *brief, gpointer data)
{
    Choices *c = data;

    c->gone[cell->index] = TRUE;
    c->told++;
}

static gint64
work_ms(gint64 *end_us, gpointer data)
{
    Choices *c = data;

    if (c->end_us > 0)
        *end_us = c->end_us;
    return 8000;
}

static char *
sum_up(gpointer data)
{
    return g_strdup("as far as this");
}

static LabSummary
drive_chosen(Fixture *f, LabRun *run, Choices *c, int jobs)
{
    const LabCellChooser chooser = {begin_choices, next_choice, take_choice, count_again,
                                    count_told,    work_ms,     sum_up,      c};

    c->cells = lab_run_cells(run, NULL);
    return drive(f, run, (LabSchedulerOptions){.jobs = jobs, .retries = 1, .chooser = &chooser},
                 NULL);
}

static void
test_chooser(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 20, "true");
    Choices c = {0};
    LabSummary summary;

    g_setenv("FAKE_WORKER_PLAN", "*/19=infra-once", TRUE);
    summary = drive_chosen(f, run, &c, 8);
    g_assert_cmpuint(c.begun, ==, 8);
    g_assert_cmpuint(summary.done, ==, 5);
    g_assert_cmpuint(summary.spared, ==, 15);
    g_assert_cmpuint(c.told, ==, 5);
    g_assert_cmpuint(c.again, ==, 1);
    g_assert_cmpuint(c.waited, >, 0);
    g_assert_cmpuint(f->events[LAB_RUN_CELL_SPARED], ==, 15);
    g_assert_true(lab_summary_is_whole(&summary));
    g_assert_cmpint(lab_summary_exit_code(&summary), ==, LAB_EXIT_OK);
    /* Eight at once; not what the 20 cells that wait would take. */
    g_assert_cmpint(f->left_ms, ==, 1000);
    /* A later session decides by the same results. */
    c = (Choices){.end_us = 1};
    summary = drive_chosen(f, run, &c, 8);
    g_assert_cmpuint(summary.done, ==, 5);
    g_assert_cmpuint(summary.spared, ==, 15);
    g_assert_cmpuint(count_lines(f, "start"), ==, 6);
    g_assert_cmpint(f->left_ms, ==, 0);
}

/* One that waits for ever does not stop the run. */
static void
test_chooser_that_waits(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabRun) run = make_run(f->data, 4, "true");
    Choices c = {.waits = TRUE};
    LabSummary summary = drive_chosen(f, run, &c, 2);

    g_assert_cmpuint(summary.done, ==, 4);
    g_assert_cmpuint(c.told, ==, 4);
}

static void
add_queued(LabQueue *queue, GPtrArray *cells, const char *recipe, const char *share, gint64 ms)
{
    LabRunCell *cell = g_new0(LabRunCell, 1);

    *cell = (LabRunCell){.id = "x",
                         .kernel = "k",
                         .recipe = recipe,
                         .variant = "v",
                         .share = share,
                         .guess_ms = ms,
                         .index = cells->len};
    g_ptr_array_add(cells, cell);
    lab_queue_add(queue, cell);
}

/* What two jobs need for the queue as it stands, and how often a job changes its share. */
static gint64
makespan(LabQueue *queue, int jobs, guint *changes)
{
    gint64 free_at[8] = {0}, end = 0;
    const char *share[8] = {NULL};
    const LabRunCell *cell;

    *changes = 0;
    while ((cell = lab_queue_peek(queue, 0))) {
        int job = 0;

        lab_queue_take(queue, cell);

        for (int i = 1; i < jobs; i++)
            if (free_at[i] < free_at[job])
                job = i;
        *changes += share[job] != cell->share;
        share[job] = cell->share;
        free_at[job] += cell->guess_ms;
        end = MAX(end, free_at[job]);
    }
    return end;
}

static void
test_queue_order(void)
{
    g_autoptr(LabEstimate) estimate = lab_estimate_new(NULL);
    g_autoptr(LabQueue) queue = lab_queue_new(estimate);
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    const char *const shares[] = {"a", "b", "c"};
    gint64 sum = 0, end;
    guint changes;

    /* Three shares mixed, and the longest cell of all last. */
    for (int i = 0; i < 300; i++) {
        add_queued(queue, cells, "short", shares[i % 3], 1000);
        sum += 1000;
    }
    add_queued(queue, cells, "long", "c", 120000);
    sum += 120000;
    lab_queue_sort(queue, 2);
    g_assert_cmpstr(lab_queue_peek(queue, 0)->recipe, ==, "long");
    g_assert_cmpuint(lab_queue_sharers(queue, cells->pdata[0]), ==, 100);
    end = makespan(queue, 2, &changes);
    /* The bound that lab-queue.h promises; and each job meets each share about once. */
    g_assert_cmpint(end, <=, sum / 2 + sum / 2 / 8);
    g_assert_cmpuint(changes, <=, 8);
    g_assert_cmpint(lab_estimate_waiting_ms(estimate), ==, 0);
}

#define ADD(name, function) g_test_add(name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/exec/all-pass", test_all_pass);
    ADD("/exec/failed-attempts-again", test_failed_attempts_are_made_again);
    ADD("/exec/attempts-that-the-journal-lacks", test_attempts_that_the_journal_lacks);
    ADD("/exec/broken-lab-stops-early", test_broken_lab_stops_early);
    ADD("/exec/deadline", test_deadline);
    ADD("/exec/stop-once", test_stop_once);
    ADD("/exec/stop-twice", test_stop_twice);
    ADD("/exec/flood-and-dirt", test_flood_and_dirt);
    ADD("/exec/no-worker", test_no_worker);
    ADD("/exec/host-memory", test_host_memory);
    ADD("/exec/memory-bounds-jobs", test_memory_bounds_jobs);
    ADD("/exec/never-fits", test_never_fits);
    ADD("/exec/waits-for-memory", test_waits_for_memory);
    ADD("/exec/suspects-again", test_suspects_are_run_again);
    ADD("/exec/chooser", test_chooser);
    ADD("/exec/chooser-that-waits", test_chooser_that_waits);
    g_test_add_func("/exec/queue-order", test_queue_order);
    g_test_add("/exec/dumps/first", Fixture, "first-per-signature", set_up, test_dumps, tear_down);
    g_test_add("/exec/dumps/all", Fixture, "all", set_up, test_dumps, tear_down);
    g_test_add("/exec/dumps/none", Fixture, "none", set_up, test_dumps, tear_down);
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * make-recorded-run [OPTION…] DATA: writes a finished run as a recorded one lies on the disk, and
 * prints its id. Nothing was run: the cells are made up, their crashes are what the log reader says
 * of real consoles (--logs). Two runs that differ in nothing but --candidate are for `compare`.
 *
 * Of five recipes one passes everywhere, one crashes always with kernels from the second on, one
 * now and then (with --candidate thrice as often), one with kernels up to the second (with
 * --candidate no more), and one hangs, times out, is skipped and fails for the lab's reasons.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gprintf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-crash.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-run.h"

#define CMDLINE                                                                              \
    "console=ttyS0,115200 earlyprintk=ttyS0,115200 rdinit=/init panic=0 unknown_nmi_panic "  \
    "sysrq_always_enabled printk.time=1 printk.devkmsg=on cryptomgr.notests no_timer_check " \
    "random.trust_cpu=on 8250.nr_uarts=1 tsc=reliable crashkernel=128M"

static int n_cells = 1000, n_kernels = 5, n_recipes = 20, n_variants = 4, seed = 1;
static gboolean candidate;
static char *logs = NULL;

static const GOptionEntry entries[] = {
    {"cells", 0, 0, G_OPTION_ARG_INT, &n_cells, "How many cells (default 1000)", "N"},
    {"kernels", 0, 0, G_OPTION_ARG_INT, &n_kernels, "Of that many kernels (default 5)", "N"},
    {"recipes", 0, 0, G_OPTION_ARG_INT, &n_recipes, "Of that many recipes (default 20)", "N"},
    {"variants", 0, 0, G_OPTION_ARG_INT, &n_variants, "Of that many variants (default 4)", "N"},
    {"seed", 0, 0, G_OPTION_ARG_INT, &seed, "Of the dice (default 1)", "N"},
    {"candidate", 0, 0, G_OPTION_ARG_NONE, &candidate, "What has changed for the worse", NULL},
    {"logs", 0, 0, G_OPTION_ARG_FILENAME, &logs, "Folder of consoles with crashes (needed)", "DIR"},
    {NULL},
};

typedef struct {
    GRand *dice;
    GPtrArray *crashes; /* json_t, "crash" of a result */
    LabRun *run;
    GString *journal;
    int kernel, recipe, variant; /* of the cell in hand */
} Maker;

typedef enum { PASSES, REGRESSED, FLAKY, FIXED, TROUBLED, N_KINDS } Kind;

static json_t *
read_crash(const char *path)
{
    gsize length;
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 1 << 20, &length, NULL);
    LabCrashLog *log = text ? lab_crash_log_parse(text, length) : NULL;
    json_t *crash = log && log->cause && log->k0 && log->cause->title ? lab_crash_log_to_json(log)
                                                                      : NULL;

    g_clear_pointer(&log, lab_crash_log_free);
    if (!json_is_object(crash))
        return NULL;
    json_object_set_new(crash, "source", json_string("console"));
    json_object_set_new(crash, "other", json_null());
    return crash;
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *
read_crashes(GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) crashes = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    g_autoptr(GDir) folder = g_dir_open(logs, 0, error);

    if (!folder)
        return NULL;
    for (const char *name; (name = g_dir_read_name(folder));)
        if (g_str_has_suffix(name, ".log"))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(logs, names->pdata[i], NULL);
        json_t *crash = read_crash(path);

        if (crash)
            g_ptr_array_add(crashes, crash);
    }
    if (crashes->len == 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "'%s' holds no crash", logs);
        return NULL;
    }
    return g_steal_pointer(&crashes);
}

static LabCell *
make_cell(int number)
{
    LabCell *cell = lab_cell_new();
    int kernel = number % n_kernels;
    int recipe = number / n_kernels % n_recipes;
    int variant = number / n_kernels / n_recipes % n_variants;

    cell->kernel_id = g_strdup_printf("6.1.0-%d-cloud-amd64", 10 + kernel);
    cell->kernel_release = g_strdup(cell->kernel_id);
    cell->kernel_digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, cell->kernel_id, -1);
    cell->kernel_directory = g_strdup_printf("/nowhere/kernels/%s", cell->kernel_id);
    cell->recipe = g_strdup_printf("recorded-%02d", recipe);
    cell->recipe_digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, cell->recipe, -1);
    cell->recipe_directory = g_strdup_printf("/nowhere/recipes/%s", cell->recipe);
    cell->variant = variant == 0 ? g_strdup("stock") : g_strdup_printf("tuned-%d", variant);
    cell->baseline = variant == 0;
    cell->repetition = 1 + number / (n_kernels * n_recipes * n_variants);
    cell->guest.cpus = 1;
    cell->guest.memory_bytes = 512 << 20;
    cell->stressor.kind = LAB_STRESSOR_BUILTIN;
    cell->stressor.value = g_strdup("true");
    if (variant > 0)
        cell->setup.cmdline = g_strdup_printf("kreglab.recorded=%d", variant);
    lab_cell_compute_id(cell);
    return cell;
}

static gboolean
happens(Maker *maker, double rate)
{
    return g_rand_double(maker->dice) < rate;
}

static const char *
troubled_word(Maker *maker)
{
    double toss = g_rand_double(maker->dice);

    return toss < 0.02   ? "infra"
           : toss < 0.03 ? "skipped"
           : toss < 0.10 ? "hang"
           : toss < 0.14 ? "timeout"
           : toss < 0.16 ? "boot-failure"
           : toss < 0.17 ? "lost"
           : toss < 0.20 ? "inconclusive"
           : toss < 0.30 ? "fail"
                         : "pass";
}

/* The outcome, or the state without one. */
static const char *
toss_word(Maker *maker)
{
    switch ((Kind)(maker->recipe % N_KINDS)) {
    case REGRESSED:
        return maker->kernel >= 1 && happens(maker, 0.98) ? "crash" : "pass";
    case FLAKY:
        return happens(maker, candidate ? 0.3 : 0.1) ? "crash" : "pass";
    case FIXED:
        return maker->kernel <= 1 && !candidate && happens(maker, 0.9) ? "crash" : "pass";
    case TROUBLED:
        return troubled_word(maker);
    case PASSES:
    case N_KINDS:
        break;
    }
    return "pass";
}

static json_t *
crash_of(Maker *maker)
{
    guint which = (guint)maker->recipe * 7;

    if (happens(maker, 0.03)) /* not always the recipe's own */
        which = g_rand_int(maker->dice);
    return json_incref(maker->crashes->pdata[which % maker->crashes->len]);
}

static json_t *
phases_of(Maker *maker, int boot_ms, int run_ms, gboolean crashed, int *duration_ms)
{
    const struct {
        const char *name;
        int ms;
    } phases[] = {
        {"prepare", 20},
        {"boot", boot_ms},
        {"setup", 60},
        {"run", run_ms},
        {"evidence", crashed ? 300 : 20},
        {"dump", crashed ? g_rand_int_range(maker->dice, 800, 1500) : 0},
        {"check", 10},
    };
    json_t *array = json_array();

    *duration_ms = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++) {
        if (phases[i].ms == 0)
            continue;
        json_array_append_new(array,
                              json_pack("{s:s, s:i, s:i}", "name", phases[i].name, "start_ms",
                                        *duration_ms, "duration_ms", phases[i].ms));
        *duration_ms += phases[i].ms;
    }
    return array;
}

static json_t *
memory_of(Maker *maker, int boot_ms, int run_ms)
{
    json_t *array = json_array();

    for (int at = 0; at < run_ms; at += 1000)
        json_array_append_new(array,
                              json_pack("[i, i]", boot_ms + at,
                                        g_rand_int_range(maker->dice, 120 * 1024, 400 * 1024)));
    return array;
}

/* Times and rates are spread as measured ones are: many near the middle, a long tail. */
static int
spread(Maker *maker, int middle)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += g_rand_double(maker->dice);
    return (int)(middle * exp((sum - 6) / 8));
}

static json_t *
dump_of(Maker *maker, gboolean crashed)
{
    return json_pack("{s:s?, s:n, s:i, s:i, s:n, s:n, s:b, s:{s:s?, s:i, s:n, s:n}}", "method",
                     crashed ? "host-kdump-zlib" : NULL, "path", "size_bytes",
                     crashed ? g_rand_int_range(maker->dice, 20000000, 32000000) : 0, "duration_ms",
                     crashed ? spread(maker, 1100) : 0, "why_not", "detail", "capture_kernel_state",
                     0, "check", "makedumpfile", crashed ? "ok" : NULL, "dmesg_bytes",
                     crashed ? 24000 : 0, "crash", "crash_version");
}

static json_t *
facts_of(const LabRunCell *cell)
{
    return json_pack("{s:{s:i, s:s, s:s, s:i}, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:i}",
                     "agent", "version", 1, "agent", "0.1.0", "release", cell->release,
                     "kexec_crash_size", 128 << 20, "accelerator", "tcg", "uri", "qemu:///embed",
                     "cpu_model", "max", "boot", "bzimage", "kaslr", 1, "cmdline", CMDLINE, "qemu",
                     "7.2.22", "libvirt", "9.0.0", "qemu_pid", 4242);
}

static json_t *
result_of(Maker *maker, const LabRunCell *cell, const char *word)
{
    gboolean skipped = strcmp(word, "skipped") == 0, infra = strcmp(word, "infra") == 0;
    gboolean crashed = strcmp(word, "crash") == 0, passed = strcmp(word, "pass") == 0;
    gboolean stopped = crashed || strcmp(word, "hang") == 0;
    int boot_ms = spread(maker, 2600), run_ms = spread(maker, 4000), duration_ms;
    json_t *phases = phases_of(maker, boot_ms, run_ms, crashed, &duration_ms);
    const char *state = skipped || infra ? word : "ran";
    json_t *result = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s?, s:s, s:b, s:o, s:o, s:o, s:o, s:s}",
        "schema_version", LAB_RESULT_SCHEMA, "id", cell->id, "run", lab_run_id(maker->run),
        "kernel", cell->kernel, "release", cell->release, "recipe", cell->recipe, "variant",
        cell->variant, "repetition", cell->repetition, "state", state, "outcome",
        skipped || infra ? NULL : word, "why", "recorded for a test", "survived", 0, "expected",
        passed ? json_true() : json_null(), "crash", crashed ? crash_of(maker) : json_null(),
        "dump", dump_of(maker, crashed), "phases", phases, "started", "2026-01-01T00:00:00.000Z");
    json_t *rest = json_pack(
        "{s:i, s:i, s:o, s:{s:i, s:i}, s:{s:s, s:f, s:i, s:b}, s:o, s:{s:i, s:i, s:i},"
        " s:[{s:s, s:b, s:n}], s:o}",
        "duration_ms", duration_ms, "boot_ms", boot_ms, "time_to_crash_ms",
        stopped ? json_integer(boot_ms + spread(maker, 900)) : json_null(), "metrics", "stall_ms",
        spread(maker, maker->variant == 0 ? 40 : 25), "splits", spread(maker, 5000), "reached",
        "metric", "splits", "min", 1.0, "value", 5000, "held", 1, "memory",
        memory_of(maker, boot_ms, run_ms), "vmstat", "pgfault", spread(maker, 40000), "pgfree",
        spread(maker, 150000), "nr_free_pages", spread(maker, 300), "setup", "set", "clock", "ok",
        1, "error", "facts", facts_of(cell));

    json_object_update(result, rest);
    json_decref(rest);
    return result;
}

/* Not synced: made for tests, and a hundred thousand of them. */
static gboolean
write_file(int dirfd, const char *name, json_t *json, GError **error)
{
    LAB_AUTO_FD fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    char *text = json_dumps(json, JSON_INDENT(2));
    gboolean ok = fd >= 0 ? lab_fd_write_all(fd, text, strlen(text), error)
                          : lab_error_set_errno(error, errno, "creating '%s'", name);

    free(text);
    return ok;
}

static gboolean
write_cell(Maker *maker, const LabCell *cell, const LabRunCell *brief, GError **error)
{
    g_autofree char *path = lab_run_cell_path(brief);
    const char *word;
    g_autoptr(json_t) whole = lab_cell_to_json(cell);
    g_autoptr(json_t) result = NULL;
    LAB_AUTO_FD fd = -1;

    word = toss_word(maker);
    result = result_of(maker, brief, word);
    fd = lab_dir_make(lab_run_fd(maker->run), path, 0700, error);
    if (fd < 0 || !write_file(fd, "cell.json", whole, error) ||
        !write_file(fd, "result.json", result, error))
        return FALSE;
    g_string_append_printf(
        maker->journal,
        "{\"event\":\"started\",\"cell\":\"%s\",\"attempt\":1,\"pid\":4242,\"birth\":1,"
        "\"time\":\"2026-01-01T00:00:00.000Z\"}\n"
        "{\"event\":\"finished\",\"cell\":\"%s\",\"attempt\":1,\"state\":\"%s\",\"outcome\":%s%s%s,"
        "\"again\":false,\"status\":0,\"time\":\"2026-01-01T00:00:01.000Z\"}\n",
        brief->id, brief->id, lab_json_string(result, "state"),
        lab_json_string(result, "outcome") ? "\"" : "",
        lab_json_string(result, "outcome") ? word : "null",
        lab_json_string(result, "outcome") ? "\"" : "");
    return TRUE;
}

static gboolean
make_run(const char *data, GError **error)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free);
    g_autoptr(GPtrArray) crashes = read_crashes(error);
    g_autoptr(GRand) dice = g_rand_new_with_seed((guint32)seed);
    g_autoptr(GString) journal = g_string_new(NULL);
    g_autoptr(LabRun) run = NULL;
    Maker maker = {.dice = dice, .crashes = crashes, .journal = journal};
    const GPtrArray *briefs;

    if (!crashes)
        return FALSE;
    for (int i = 0; i < n_cells; i++)
        g_ptr_array_add(cells, make_cell(i));
    maker.run = run = lab_run_create(data, candidate ? "recorded, candidate" : "recorded", cells,
                                     "# recorded\n", NULL, error);
    briefs = run ? lab_run_cells(run, error) : NULL;
    if (!briefs)
        return FALSE;
    for (int i = 0; i < n_cells; i++) {
        maker.kernel = i % n_kernels;
        maker.recipe = i / n_kernels % n_recipes;
        maker.variant = i / n_kernels / n_recipes % n_variants;
        if (!write_cell(&maker, cells->pdata[i], briefs->pdata[i], error))
            return FALSE;
    }
    g_string_append(journal, "{\"event\":\"end\",\"state\":\"done\","
                             "\"time\":\"2026-01-01T00:00:02.000Z\"}\n");
    if (!lab_file_write(lab_run_fd(run), "journal.jsonl", journal->str, (gssize)journal->len, 0600,
                        error))
        return FALSE;
    g_printf("%s\n", lab_run_id(run));
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new("DATA");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2 || !logs ||
        MIN(MIN(n_cells, n_kernels), MIN(n_recipes, n_variants)) < 1) {
        g_fprintf(stderr, "make-recorded-run: %s\n",
                  error ? error->message : "see make-recorded-run --help");
        return LAB_EXIT_CONFIG;
    }
    if (!make_run(argv[1], &error)) {
        g_fprintf(stderr, "make-recorded-run: %s\n", error->message);
        return LAB_EXIT_INFRA;
    }
    return LAB_EXIT_OK;
}

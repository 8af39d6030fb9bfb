/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a cell, lived with a scripted guest: from cell.json to result.json. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-life.h"
#include "scripted-guest.h"

#define BANNER "[    0.000000] Linux version 6.1.0-1-cloud-amd64 (x) #1 SMP\n"
#define PANIC                                                                          \
    "[    9.100000] BUG: kernel NULL pointer dereference, address: 0000000000000000\n" \
    "[    9.100000] Oops: 0002 [#1] PREEMPT SMP NOPTI\n"                               \
    "[    9.100000] CPU: 0 PID: 77 Comm: t Not tainted 6.1.0-1-cloud-amd64 #1\n"       \
    "[    9.100000] RIP: 0010:ksm_do_scan+0x10/0x20\n"                                 \
    "[    9.100000] Call Trace:\n"                                                     \
    "[    9.100000]  ksm_scan_thread+0x10/0x20\n"                                      \
    "[    9.100000]  kthread+0x10/0x20\n"                                              \
    "[    9.100000] ---[ end trace 0000000000000000 ]---\n"
#define STOP                                                       \
    "[    9.200000] Kernel panic - not syncing: Fatal exception\n" \
    "[    9.200000] ---[ end Kernel panic - not syncing: Fatal exception ]---\n"
#define WARNING                                                                      \
    "[    9.100000] ------------[ cut here ]------------\n"                          \
    "[    9.100000] WARNING: CPU: 0 PID: 77 at mm/ksm.c:100 ksm_do_scan+0x10/0x20\n" \
    "[    9.100000] CPU: 0 PID: 77 Comm: t Not tainted 6.1.0-1-cloud-amd64 #1\n"     \
    "[    9.100000] RIP: 0010:ksm_do_scan+0x10/0x20\n"                               \
    "[    9.100000] Call Trace:\n"                                                   \
    "[    9.100000]  ksm_scan_thread+0x10/0x20\n"                                    \
    "[    9.100000] ---[ end trace 0000000000000000 ]---\n"

typedef struct {
    char *path;
    int fd;
    LabCell *cell;
    json_t *result; /* NULL: none was written */
    GError *error;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->path = g_dir_make_tmp("kreglab-life-XXXXXX", NULL);
    f->fd = lab_dir_open(AT_FDCWD, f->path, NULL);
    g_assert_cmpint(f->fd, >=, 0);
    f->cell = lab_cell_new();
    f->cell->id = g_strdup("0123456789ab");
    f->cell->run = g_strdup("20260101-000000-abcd");
    f->cell->kernel_id = g_strdup("6.1.0-1-cloud-amd64");
    f->cell->kernel_release = g_strdup("6.1.0-1-cloud-amd64");
    f->cell->kernel_directory = g_strdup("/nonexistent");
    f->cell->recipe = g_strdup("some");
    f->cell->recipe_directory = g_strdup("/nonexistent");
    f->cell->variant = g_strdup("default");
    f->cell->repetition = 1;
    f->cell->stressor.kind = LAB_STRESSOR_BUILTIN;
    g_free(f->cell->stressor.value);
    f->cell->stressor.value = g_strdup("true");
    f->cell->replay = g_strdup("/nonexistent");
    f->cell->kdump = FALSE;
    asked = (Asked){0};
    script = (Script){.boot_ms = 3000,
                      .boot_console = BANNER "[    1.000000] Run /init as init process\n",
                      .exit_after_ms = 2000,
                      .kexec_crash_size = 128 << 20};
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    json_decref(f->result);
    g_clear_error(&f->error);
    lab_cell_free(f->cell);
    close(f->fd);
    g_assert_true(lab_path_remove(AT_FDCWD, f->path, NULL));
    g_free(f->path);
}

/* Lives the fixture's cell. Returns the outcome's name ("-" without one), borrowed. */
static const char *
live(Fixture *f)
{
    g_autoptr(json_t) json = lab_cell_to_json(f->cell);
    g_autoptr(LabLife) life = NULL;
    const char *outcome;

    g_assert_true(lab_json_write(f->fd, "cell.json", json, 0600, NULL));
    life = lab_life_new(f->path, -1, &f->error);
    g_assert_no_error(f->error);
    if (!lab_life_run(life, &f->error)) {
        g_assert_nonnull(f->error);
        g_assert_false(lab_file_exists(f->fd, "result.json"));
        return "-";
    }
    f->result = lab_json_read(f->fd, "result.json", LAB_RESULT_SCHEMA, NULL);
    g_assert_nonnull(f->result);
    g_assert_cmpint(asked.destroyed, >=, asked.starts);
    outcome = lab_json_string(f->result, "outcome");
    return outcome ? outcome : "-";
}

static const char *
state(Fixture *f)
{
    return lab_json_string(f->result, "state");
}

static const char *
why(Fixture *f)
{
    return lab_json_string(f->result, "why");
}

static json_t *
dump(Fixture *f)
{
    return lab_json_member(f->result, "dump");
}

static char *
read_file(Fixture *f, const char *name)
{
    char *text = lab_file_read(f->fd, name, 1 << 20, NULL, NULL);

    g_assert_nonnull(text);
    return text;
}

static void
test_pass(Fixture *f, gconstpointer data)
{
    g_autofree char *log = NULL;
    g_autofree char *dmesg = NULL;

    script.output = "working\n@metric rounds 7\nno newline";
    g_assert_cmpstr(live(f), ==, "pass");
    g_assert_cmpstr(state(f), ==, "ran");
    g_assert_cmpint(lab_json_int(f->result, "boot_ms", 0), ==, 3000);
    g_assert_cmpint(lab_json_int(lab_json_member(f->result, "metrics"), "rounds", 0), ==, 7);
    g_assert_cmpint(lab_json_int(lab_json_member(f->result, "vmstat"), "pgfault", 0), >, 0);
    g_assert_cmpuint(json_array_size(lab_json_member(f->result, "memory")), >, 0);
    g_assert_cmpuint(json_array_size(lab_json_member(f->result, "phases")), >=, 4);
    g_assert_true(json_is_null(lab_json_member(f->result, "time_to_crash_ms")));
    g_assert_true(json_is_null(lab_json_member(dump(f), "method")));
    log = read_file(f, "stressor.log");
    g_assert_cmpstr(log, ==, script.output);
    dmesg = read_file(f, "dmesg.txt");
    g_assert_true(g_str_has_prefix(dmesg, "[    0.000000] Linux version"));
}

static void
test_fail(Fixture *f, gconstpointer data)
{
    script.exit_status = 5;
    g_assert_cmpstr(live(f), ==, "fail");
    g_assert_nonnull(strstr(why(f), "5"));
}

static void
test_pattern(Fixture *f, gconstpointer data)
{
    LabDetector *detector = g_new0(LabDetector, 1);

    detector->kind = g_strdup("pattern");
    detector->pattern = g_strdup("ksm: odd order:[0-9]+");
    g_ptr_array_add(f->cell->detectors, detector);
    script.run_console = "[    5.000000] t: ksm: odd order:3, mode:0x0\n";
    g_assert_cmpstr(live(f), ==, "fail");
    g_assert_nonnull(strstr(why(f), "order:3"));
}

static void
test_bad_pattern(Fixture *f, gconstpointer data)
{
    LabDetector *detector = g_new0(LabDetector, 1);
    g_autoptr(json_t) json = NULL;
    g_autoptr(GError) error = NULL;

    detector->kind = g_strdup("pattern");
    detector->pattern = g_strdup("(");
    g_ptr_array_add(f->cell->detectors, detector);
    json = lab_cell_to_json(f->cell);
    g_assert_true(lab_json_write(f->fd, "cell.json", json, 0600, NULL));
    g_assert_null(lab_life_new(f->path, -1, &error));
    g_assert_nonnull(error);
    g_assert_cmpint(lab_error_exit_code(error), ==, LAB_EXIT_CONFIG);
}

static void
test_panic(Fixture *f, gconstpointer data)
{
    json_t *crash;

    script.exit_after_ms = -1;
    script.run_console = PANIC STOP;
    script.pvpanic_after_ms = 30;
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_false(lab_json_bool(f->result, "survived", TRUE));
    crash = lab_json_member(f->result, "crash");
    g_assert_cmpstr(lab_json_string(crash, "title"), ==,
                    "BUG: unable to handle kernel NULL pointer dereference in ksm_do_scan");
    g_assert_cmpint(lab_json_int(f->result, "time_to_crash_ms", -1), ==, 10);
    g_assert_cmpstr(lab_json_string(dump(f), "method"), ==, "host-kdump-zlib");
    g_assert_cmpstr(lab_json_string(dump(f), "path"), ==, "vmcore");
    g_assert_cmpint(asked.host_dumps, ==, 1);
    g_assert_cmpint(asked.nmis, ==, 0);
    /* The scripted dump is none: the check has to say so, not be skipped. */
    g_assert_nonnull(lab_json_string(lab_json_member(dump(f), "check"), "makedumpfile"));
    g_assert_cmpstr(lab_json_string(lab_json_member(dump(f), "check"), "makedumpfile"), !=, "ok");
}

static void
test_panic_dump_not_kept(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.run_console = PANIC STOP;
    g_free(f->cell->keep_dumps);
    f->cell->keep_dumps = g_strdup("none");
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_true(json_is_null(lab_json_member(dump(f), "path")));
    g_assert_cmpint(lab_json_int(dump(f), "size_bytes", 0), >, 0);
    g_assert_false(lab_file_exists(f->fd, "vmcore"));
}

static void
test_panic_dump_fails(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.run_console = PANIC STOP;
    script.host_dump_fails = TRUE;
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_true(json_is_null(lab_json_member(dump(f), "method")));
    g_assert_nonnull(strstr(lab_json_string(dump(f), "detail"), "no space"));
}

/* A dump that could not be filtered is kept, and says why it is so large. */
static void
test_panic_dump_whole(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.run_console = PANIC STOP;
    script.host_dump_whole = "the dump has no vmcoreinfo";
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_cmpstr(lab_json_string(dump(f), "method"), ==, "host-kdump-zlib");
    g_assert_cmpstr(lab_json_string(dump(f), "detail"), ==,
                    "not filtered: the dump has no vmcoreinfo");
}

static void
test_kdump(Fixture *f, gconstpointer data)
{
    f->cell->kdump = TRUE;
    script.exit_after_ms = -1;
    script.run_console = PANIC BANNER "[    1.000000] WARNING: of the capture kernel\n";
    script.dump_after_ms = 4000;
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_cmpstr(lab_json_string(dump(f), "method"), ==, "kdump");
    g_assert_true(json_is_null(lab_json_member(dump(f), "why_not")));
    g_assert_false(lab_json_bool(dump(f), "capture_kernel_state", TRUE));
    g_assert_cmpint(lab_json_int(dump(f), "duration_ms", 0), >=, 4000);
    g_assert_cmpint(asked.host_dumps, ==, 0);
    g_assert_nonnull(
        strstr(lab_json_string(lab_json_member(f->result, "crash"), "title"), "ksm_do_scan"));
}

typedef struct {
    const char *name;
    const char *console; /* after the panic */
    gint64 dump_after_ms;
    const char *dump_error;
    const char *word;
    gboolean capture_state;
} KdumpRow;

static const KdumpRow kdump_rows[] = {
    {"no-output", "[    9.200000] Kernel panic - not syncing: Fatal exception\n", 0, NULL,
     "no-capture-kernel-output", FALSE},
    {"panic-ended", STOP, 0, NULL, "no-capture-kernel-output", FALSE},
    {"out-of-memory",
     BANNER "[    2.000000] Kernel panic - not syncing: System is deadlocked on memory\n", 0, NULL,
     "out-of-memory", TRUE},
    {"capture-panics", BANNER "[    2.000000] Kernel panic - not syncing: VFS\n", 0, NULL,
     "transfer", TRUE},
    {"transfer", BANNER, 2000, "stream ended early", "transfer", TRUE},
    {"deadline", BANNER, 0, NULL, "deadline", TRUE},
};

static void
test_kdump_fails(Fixture *f, gconstpointer data)
{
    const KdumpRow *row = data;
    g_autofree char *console = g_strconcat(PANIC, row->console, NULL);

    f->cell->kdump = TRUE;
    script.exit_after_ms = -1;
    script.run_console = console;
    script.dump_after_ms = row->dump_after_ms;
    script.dump_error = row->dump_error;
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_cmpstr(lab_json_string(dump(f), "why_not"), ==, row->word);
    g_assert_cmpstr(lab_json_string(dump(f), "method"), ==, "host-kdump-zlib");
    g_assert_cmpint(lab_json_bool(dump(f), "capture_kernel_state", !row->capture_state), ==,
                    row->capture_state);
}

static void
test_kdump_load_refused(Fixture *f, gconstpointer data)
{
    f->cell->kdump = TRUE;
    script.exit_after_ms = -1;
    script.fail_verb = "load-capture";
    script.fail_errno = EPERM;
    script.run_console = PANIC STOP;
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_cmpstr(lab_json_string(dump(f), "why_not"), ==, "load-refused");
    g_assert_nonnull(strstr(lab_json_string(dump(f), "detail"), "errno 1"));
    g_assert_cmpstr(lab_json_string(dump(f), "method"), ==, "host-kdump-zlib");
}

static void
test_kdump_nothing_reserved(Fixture *f, gconstpointer data)
{
    f->cell->kdump = TRUE;
    script.kexec_crash_size = 0;
    g_assert_cmpstr(live(f), ==, "pass");
    g_assert_cmpstr(lab_json_string(dump(f), "why_not"), ==, "not-possible");
}

static void
test_survived(Fixture *f, gconstpointer data)
{
    script.run_console = WARNING;
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_true(lab_json_bool(f->result, "survived", FALSE));
    g_assert_cmpint(asked.host_dumps, ==, 0);
    g_assert_nonnull(strstr(why(f), "went on"));
}

static void
test_hang(Fixture *f, gconstpointer data)
{
    g_autofree char *hang = NULL;

    script.exit_after_ms = -1;
    script.heartbeats_end_ms = 9000;
    script.nmi_console = "[   60.000000] Uhhuh. NMI received for unknown reason 3d on CPU 0.\n"
                         "[   60.000000] Kernel panic - not syncing: NMI: Not continuing\n";
    g_assert_cmpstr(live(f), ==, "hang");
    g_assert_true(json_is_null(lab_json_member(f->result, "crash")));
    g_assert_cmpint(asked.nmis, ==, 1);
    g_assert_cmpint(asked.registers, >=, 3);
    g_assert_cmpint(asked.sysrqs, ==, 3);
    g_assert_cmpint(asked.host_dumps, ==, 1);
    hang = read_file(f, "hang.txt");
    g_assert_nonnull(strstr(hang, "RIP=ffffffff81000000"));
    g_assert_nonnull(strstr(hang, "NMI: Not continuing"));
}

static void
test_reported_hang(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.heartbeats_end_ms = 9000;
    script.run_console = WARNING;
    script.nmi_console = "[   60.000000] Kernel panic - not syncing: NMI: Not continuing\n";
    g_assert_cmpstr(live(f), ==, "crash");
    g_assert_false(lab_json_bool(f->result, "survived", TRUE));
    g_assert_nonnull(
        strstr(lab_json_string(lab_json_member(f->result, "crash"), "title"), "ksm_do_scan"));
}

/* A host four times as slow gets four times as long: what would be a timeout is none. */
static void
test_time_factor(Fixture *f, gconstpointer data)
{
    json_t *speed;

    f->cell->deadlines.run_ms = 1000;
    script.exit_after_ms = 3000;
    g_setenv("KREGLAB_TIME_FACTOR", "4", TRUE);
    g_assert_cmpstr(live(f), ==, "pass");
    g_unsetenv("KREGLAB_TIME_FACTOR");
    speed = lab_json_member(lab_json_member(f->result, "facts"), "speed");
    g_assert_cmpfloat(json_number_value(lab_json_member(speed, "factor")), >=, 4);
    g_assert_true(json_is_true(lab_json_member(speed, "given")));
    g_assert_cmpint(lab_json_int(speed, "boot_ms", 0), ==, 3000);
}

static void
test_without_time_factor(Fixture *f, gconstpointer data)
{
    f->cell->deadlines.run_ms = 1000;
    script.exit_after_ms = 3000;
    g_assert_cmpstr(live(f), ==, "timeout");
    g_assert_null(lab_json_member(lab_json_member(f->result, "facts"), "speed"));
}

static void
test_speed_factor(void)
{
    g_assert_cmpfloat_with_epsilon(lab_speed_factor(2.0, 0, FALSE), 1, 1e-9);
    g_assert_cmpfloat_with_epsilon(lab_speed_factor(8.0, 0, FALSE), 2, 1e-9);
    g_assert_cmpfloat_with_epsilon(lab_speed_factor(2.0, 18000, FALSE), 3, 1e-9);
    g_assert_cmpfloat_with_epsilon(lab_speed_factor(2.0, 4500, TRUE), 3, 1e-9);
    g_assert_cmpfloat_with_epsilon(lab_speed_factor(2.0, 1000000, TRUE), 10, 1e-9);
}

static void
test_pressed(void)
{
    const LabHostSample from = {.at_us = 1000000, .cpu_ticks = 100, .has_pressure = TRUE};
    static const struct {
        LabHostSample to;
        const char *why; /* NULL: it is not under pressure */
    } rows[] = {
        {{.run_us = 3000000, .delay_us = 900000, .cpu_ticks = 900}, NULL},
        {{.run_us = 900000, .delay_us = 1500000, .cpu_ticks = 900}, "waited 1500 ms for a CPU"},
        /* Waiting long, but only a small part of the time: it slept. */
        {{.run_us = 100000, .delay_us = 300000, .cpu_ticks = 900}, NULL},
        {{.run_us = 3000000, .cpu_ticks = 900, .steal_ticks = 200}, "stolen"},
        {{.run_us = 3000000, .cpu_ticks = 900, .memory_stall_us = 500000},
         "stalled for memory 12%"},
        {{.run_us = 3000000, .cpu_ticks = 900, .io_stall_us = 1500000}, "stalled for disks 37%"},
        {{.run_us = 3000000, .cpu_ticks = 900, .cpu_stall_us = 3900000}, NULL},
        {{.cpu_ticks = 900, .cpu_stall_us = 3900000}, "waited for a CPU 97%"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabHostSample to = rows[i].to;
        LabPressure pressure = {0};

        to.at_us = 5000000;
        to.has_pressure = TRUE;
        g_assert_cmpint(lab_host_pressed(&from, &to, &pressure), ==, rows[i].why != NULL);
        if (rows[i].why)
            g_assert_nonnull(strstr(pressure.why, rows[i].why));
        g_free(pressure.why);
    }
}

static void
test_timeout(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.sysrq_console = "[   60.000000] sysrq: Show Blocked State\n"
                           "[   60.000000] task:t state:D stack:0 pid:77\n";
    g_assert_cmpstr(live(f), ==, "timeout");
    g_assert_cmpint(asked.nmis, ==, 0);
    g_assert_cmpint(asked.host_dumps, ==, 0);
    g_assert_true(lab_file_exists(f->fd, "hang.txt"));
}

static void
test_boot_panic(Fixture *f, gconstpointer data)
{
    script.boot_ms = -1;
    script.boot_console = BANNER PANIC STOP;
    g_assert_cmpstr(live(f), ==, "boot-failure");
    g_assert_nonnull(strstr(why(f), "ksm_do_scan"));
}

static void
test_boot_silence(Fixture *f, gconstpointer data)
{
    script.boot_ms = -1;
    g_assert_cmpstr(live(f), ==, "boot-failure");
    g_assert_nonnull(strstr(why(f), "silent"));
}

static void
test_boot_reset(Fixture *f, gconstpointer data)
{
    script.boot_ms = -1;
    script.reset_ms = 500;
    g_assert_cmpstr(live(f), ==, "boot-failure");
}

static void
test_boot_own_init(Fixture *f, gconstpointer data)
{
    script.boot_ms = -1;
    script.boot_console = BANNER
        "[    2.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n"
        "[    2.000000] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-1-cloud-amd64 #1\n"
        "[    2.000000] ---[ end Kernel panic - not syncing: Attempted to kill init! ]---\n";
    live(f);
    g_assert_cmpstr(state(f), ==, "infra");
}

static void
test_nothing_printed(Fixture *f, gconstpointer data)
{
    script.boot_ms = -1;
    script.boot_console = NULL;
    live(f);
    g_assert_cmpstr(state(f), ==, "infra");
    g_assert_nonnull(strstr(why(f), "printed nothing"));
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.reset_ms = 4000;
    g_assert_cmpstr(live(f), ==, "lost");
    g_assert_cmpint(asked.host_dumps, ==, 0);
}

static void
test_shutdown(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.shutdown_ms = 4000;
    g_assert_cmpstr(live(f), ==, "lost");
}

static void
test_gone(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.gone_ms = 4000;
    live(f);
    g_assert_cmpstr(state(f), ==, "infra");
    g_assert_nonnull(strstr(why(f), "Killed"));
    g_assert_null(strchr(why(f), '\x1b'));
}

static void
test_cancelled(Fixture *f, gconstpointer data)
{
    script.exit_after_ms = -1;
    script.cancel_ms = 4000;
    live(f);
    g_assert_null(f->result);
    g_assert_error(f->error, LAB_INFRA_ERROR, LAB_ERROR_CANCELLED);
    g_assert_cmpint(lab_error_exit_code(f->error), ==, LAB_EXIT_INFRA);
    g_assert_cmpint(asked.destroyed, >=, 1);
}

static void
give_sysctl(Fixture *f, int code)
{
    static const char *const settings[] = {"vm.no_such=1", NULL};

    g_strfreev(f->cell->setup.sysctl);
    f->cell->setup.sysctl = g_strdupv((char **)settings);
    script.fail_verb = "set";
    script.fail_errno = code;
}

static void
test_setting_lacks(Fixture *f, gconstpointer data)
{
    json_t *last, *setup;

    give_sysctl(f, ENOENT);
    live(f);
    g_assert_cmpstr(state(f), ==, "skipped");
    g_assert_nonnull(strstr(why(f), "vm.no_such"));
    setup = lab_json_member(f->result, "setup");
    last = json_array_get(setup, json_array_size(setup) - 1);
    g_assert_cmpstr(lab_json_string(last, "set"), ==, "vm.no_such=1");
    g_assert_false(lab_json_bool(last, "ok", TRUE));
}

static void
test_setting_fails(Fixture *f, gconstpointer data)
{
    give_sysctl(f, EINVAL);
    live(f);
    g_assert_cmpstr(state(f), ==, "infra");
}

static void
test_stressor_does_not_start(Fixture *f, gconstpointer data)
{
    script.fail_verb = "builtin";
    script.fail_errno = ENOENT;
    live(f);
    g_assert_cmpstr(state(f), ==, "infra");
}

static void
test_garbage(Fixture *f, gconstpointer data)
{
    GString *noise = g_string_new(NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (int i = 0; i < 20000; i++)
        g_string_append_c(noise, (char)g_rand_int_range(rand, 1, 256));
    script.run_console = noise->str;
    script.output = noise->str;
    g_assert_cmpstr(live(f), ==, "pass");
    g_string_free(noise, TRUE);
}

typedef struct {
    const char *name, *boot, *config, *cmdline;
    gboolean bzimage, vmlinux, has_pvh; /* of the kernel */
    const char *booted;                 /* NULL: it cannot be */
    int kaslr;                          /* -1: unknown */
    gboolean explained;
} BootRow;

static const BootRow boot_rows[] = {
    {"bzimage", "bzimage", "CONFIG_RANDOMIZE_BASE=y\n", "quiet", TRUE, TRUE, TRUE, "bzimage", 1},
    {"nokaslr", "bzimage", "CONFIG_RANDOMIZE_BASE=y\n", "a nokaslr b", TRUE, TRUE, TRUE, "bzimage",
     0},
    {"nokaslr-in-a-word", "bzimage", "CONFIG_RANDOMIZE_BASE=y\n", "x=nokaslr", TRUE, TRUE, TRUE,
     "bzimage", 1},
    {"kaslr-off", "bzimage", "# CONFIG_RANDOMIZE_BASE is not set\nCONFIG_X86=y\n", "", TRUE, TRUE,
     TRUE, "bzimage", 0},
    {"no-config", "bzimage", NULL, "", TRUE, TRUE, TRUE, "bzimage", -1},
    {"pvh", "pvh", "CONFIG_RANDOMIZE_BASE=y\n", "", TRUE, TRUE, TRUE, "pvh", 0},
    {"pvh-no-note", "pvh", "CONFIG_RANDOMIZE_BASE=y\n", "", TRUE, TRUE, FALSE, "bzimage", 1, TRUE},
    {"pvh-no-vmlinux", "pvh", NULL, "", TRUE, FALSE, TRUE, "bzimage", -1, TRUE},
    {"only-vmlinux", "bzimage", NULL, "", FALSE, TRUE, TRUE, "pvh", 0, TRUE},
    {"only-vmlinux-no-note", "pvh", NULL, "", FALSE, TRUE, FALSE, NULL, 0},
};

static void
fill_kernel(Fixture *f, const BootRow *row)
{
    LAB_AUTO_FD fd = lab_dir_make(f->fd, "kernel", 0700, NULL);
    g_autoptr(json_t) json = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "schema_version", LAB_KERNEL_SCHEMA, "id",
        "6.1.0-1-cloud-amd64", "release", "6.1.0-1-cloud-amd64", "format", "file", "digest", "00",
        "source", "/x", "verification", "unverified", "has_pvh", row->has_pvh);

    g_assert_true(lab_json_write(fd, "kernel.json", json, 0600, NULL));
    g_assert_true(!row->bzimage || lab_file_write(fd, "vmlinuz", "x", 1, 0600, NULL));
    g_assert_true(!row->vmlinux || lab_file_write(fd, "vmlinux", "x", 1, 0600, NULL));
    g_assert_true(!row->config || lab_file_write(fd, "config", row->config, -1, 0600, NULL));
}

/* What was asked for, what the kernel can, and what the facts say of it. */
static void
test_boot_choice(Fixture *f, gconstpointer data)
{
    const BootRow *row = data;
    g_autofree char *directory = g_build_filename(f->path, "kernel", NULL);
    g_autoptr(json_t) json = NULL;
    g_autoptr(LabLife) life = NULL;
    json_t *facts;

    fill_kernel(f, row);
    g_free(f->cell->kernel_directory);
    f->cell->kernel_directory = g_steal_pointer(&directory);
    g_free(f->cell->boot);
    f->cell->boot = g_strdup(row->boot);
    json = lab_cell_to_json(f->cell);
    g_assert_true(lab_json_write(f->fd, "cell.json", json, 0600, NULL));
    life = lab_life_new(f->path, -1, NULL);
    g_assert_true(lab_life_load_kernel(life, &f->error));
    g_assert_no_error(f->error);
    g_assert_cmpint(life->found->evidence.lacks_need, ==, row->booted == NULL);
    if (!row->booted) {
        g_assert_nonnull(strstr(life->found->why, "CONFIG_PVH"));
        return;
    }
    g_assert_true(g_str_has_suffix(life->boot_image,
                                   strcmp(row->booted, "pvh") == 0 ? "vmlinux" : "vmlinuz"));
    life->cmdline = g_strdup(row->cmdline);
    lab_life_add_boot_facts(life);
    facts = life->found->facts;
    g_assert_cmpstr(lab_json_string(facts, "boot"), ==, row->booted);
    g_assert_cmpstr(lab_json_string(facts, "cmdline"), ==, row->cmdline);
    g_assert_cmpint(lab_json_string(facts, "boot_why") != NULL, ==, row->explained);
    if (row->kaslr < 0)
        g_assert_true(json_is_null(lab_json_member(facts, "kaslr")));
    else
        g_assert_cmpint(json_is_true(lab_json_member(facts, "kaslr")), ==, row->kaslr);
}

/* Modules and settings are a nicety: without them the cell goes on, and says why. */
static void
test_environment(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *said, *fail, *mute, *why_not;
    } rows[] = {
        {"{\"modules\":{\"m\":1},\"values\":{\"vm.a\":\"1\"}}", NULL, NULL, NULL},
        {NULL, "environment", NULL, "Function not implemented"},
        {NULL, NULL, "environment", "the agent did not answer in time"},
        {"{\"modules\":[],\"values\":7}", NULL, NULL,
         "what the agent answered is not modules and values"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const json_t *found;

        script.environment = rows[i].said;
        script.fail_verb = rows[i].fail;
        script.fail_errno = ENOSYS;
        script.mute_verb = rows[i].mute;
        (void)unlinkat(f->fd, "environment.json", 0);
        g_assert_cmpstr(live(f), ==, "pass");
        found = lab_json_member(f->result, "environment");
        g_assert_cmpstr(lab_json_string(found, "why_not"), ==, rows[i].why_not);
        g_assert_cmpstr(lab_json_string(found, "file"), ==,
                        rows[i].why_not ? NULL : "environment.json");
        g_assert_cmpint(lab_file_exists(f->fd, "environment.json"), ==, !rows[i].why_not);
        g_clear_pointer(&f->result, json_decref);
    }
}

#define TEST(name, function) g_test_add("/life/" name, Fixture, NULL, set_up, function, tear_down)

static void
add_endings(void)
{
    TEST("pass", test_pass);
    TEST("fail", test_fail);
    TEST("pattern", test_pattern);
    TEST("bad-pattern", test_bad_pattern);
    TEST("survived", test_survived);
    TEST("hang", test_hang);
    TEST("reported-hang", test_reported_hang);
    TEST("timeout", test_timeout);
    TEST("time-factor", test_time_factor);
    TEST("time-factor-absent", test_without_time_factor);
    TEST("environment", test_environment);
    g_test_add_func("/life/speed-factor", test_speed_factor);
    g_test_add_func("/life/pressed", test_pressed);
    TEST("reset", test_reset);
    TEST("shutdown", test_shutdown);
    TEST("gone", test_gone);
    TEST("cancelled", test_cancelled);
    TEST("garbage", test_garbage);
}

static void
add_boots(void)
{
    TEST("boot-panic", test_boot_panic);
    TEST("boot-silence", test_boot_silence);
    TEST("boot-reset", test_boot_reset);
    TEST("boot-own-init", test_boot_own_init);
    TEST("nothing-printed", test_nothing_printed);
    TEST("setting-lacks", test_setting_lacks);
    TEST("setting-fails", test_setting_fails);
    TEST("stressor-does-not-start", test_stressor_does_not_start);
    for (gsize i = 0; i < G_N_ELEMENTS(boot_rows); i++) {
        g_autofree char *path = g_strdup_printf("/life/boot-choice-%s", boot_rows[i].name);

        g_test_add(path, Fixture, &boot_rows[i], set_up, test_boot_choice, tear_down);
    }
}

static void
add_dumps(void)
{
    TEST("panic", test_panic);
    TEST("panic-dump-not-kept", test_panic_dump_not_kept);
    TEST("panic-dump-fails", test_panic_dump_fails);
    TEST("panic-dump-whole", test_panic_dump_whole);
    TEST("kdump", test_kdump);
    TEST("kdump-load-refused", test_kdump_load_refused);
    TEST("kdump-nothing-reserved", test_kdump_nothing_reserved);
    for (gsize i = 0; i < G_N_ELEMENTS(kdump_rows); i++) {
        g_autofree char *path = g_strdup_printf("/life/kdump-%s", kdump_rows[i].name);

        g_test_add(path, Fixture, &kdump_rows[i], set_up, test_kdump_fails, tear_down);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_endings();
    add_boots();
    add_dumps();
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cell whose clone cannot be had boots a guest of its own: it says why, and ends as ever. */
#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-life.h"
#include "scripted-guest.h"

#define BOOT                                                    \
    "[    0.000000] Linux version 6.1.0-1-cloud-amd64 (x) #1\n" \
    "[    1.000000] Run /init as init process\n"
#define OOPS                                                                           \
    "[    9.100000] BUG: kernel NULL pointer dereference, address: 0000000000000000\n" \
    "[    9.100000] Oops: 0002 [#1] PREEMPT SMP NOPTI\n"                               \
    "[    9.100000] RIP: 0010:lab_f+0x10/0x20\n"                                       \
    "[    9.100000] Call Trace:\n"                                                     \
    "[    9.100000]  lab_g+0x10/0x20\n"                                                \
    "[    9.100000] ---[ end trace 0000000000000000 ]---\n"                            \
    "[    9.200000] Kernel panic - not syncing: Fatal exception\n"                     \
    "[    9.200000] ---[ end Kernel panic - not syncing: Fatal exception ]---\n"
#define OOPS_TITLE "BUG: unable to handle kernel NULL pointer dereference in lab_f"

/* The step that fails, what the report says of it, and how far the cell had come by then. */
typedef struct {
    const char *step, *why;
    int templates, clones;
    const char *refused_verb; /* by the agent, in place of a step */
} Row;

static const Row rows[] = {
    {"key", "a scripted guest boots", 0, 0},
    {"claim", "scripted trouble: claim", 0, 0},
    {"busy", "another worker makes the template and does not end", 0, 0},
    {"unable", "x-ignore-shared", 1, 0},
    {"boot", "scripted trouble: boot", 1, 0},
    {"agent-refuses-template", "saving: the agent refused: Input/output error", 1, 0, "template"},
    {"save", "scripted trouble: save", 1, 0},
    {"clone", "scripted trouble: clone", 1, 1},
    {"restore", "scripted trouble: restore", 1, 1},
    {"boot-log", "boot.log", 1, 1},
    {"agent-refuses-clone", "waking the clone: the agent refused", 1, 1, "clone"},
    {"mute", "waking the clone: ", 1, 1},
    {"gone", "waking the clone: QEMU ended", 1, 1},
    {"token", "its 'token' is not the template's", 1, 1},
    {"woken", "the clone was woken before", 1, 1},
};

typedef struct {
    char *path;
    int fd;
    LabStock *stock;
    GError *error;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    const Row *row = data;
    g_autoptr(LabCell) cell = lab_cell_new();
    g_autoptr(json_t) json = NULL;

    f->path = g_dir_make_tmp("kreglab-warm-XXXXXX", NULL);
    f->fd = lab_dir_open(AT_FDCWD, f->path, NULL);
    g_assert_cmpint(f->fd, >=, 0);
    f->stock = lab_stock_new();
    cell->id = g_strdup("0123456789ab");
    cell->run = g_strdup("20260101-000000-abcd");
    cell->kernel_id = g_strdup("6.1.0-1-cloud-amd64");
    cell->kernel_release = g_strdup("6.1.0-1-cloud-amd64");
    cell->kernel_directory = g_strdup("/nonexistent");
    cell->recipe = g_strdup("some");
    cell->recipe_directory = g_strdup("/nonexistent");
    cell->variant = g_strdup("default");
    cell->repetition = 1;
    cell->stressor.kind = LAB_STRESSOR_BUILTIN;
    g_free(cell->stressor.value);
    cell->stressor.value = g_strdup("true");
    cell->replay = g_strdup("/nonexistent"); /* no kernel, no initramfs: the guest is scripted */
    cell->kdump = FALSE;
    json = lab_cell_to_json(cell);
    g_assert_true(lab_json_write(f->fd, "cell.json", json, 0600, NULL));
    asked = (Asked){0};
    script = (Script){.boot_ms = 3000,
                      .boot_console = BOOT,
                      .exit_after_ms = 2000,
                      .has_templates = TRUE,
                      .warm_fails = row ? row->step : NULL,
                      .fail_verb = row ? row->refused_verb : NULL,
                      .fail_errno = EIO};
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    lab_stock_free(f->stock);
    g_clear_error(&f->error);
    close(f->fd);
    g_assert_true(lab_path_remove(AT_FDCWD, f->path, NULL));
    g_free(f->path);
}

/* Lives the cell, warm if it can be. The result, or NULL and f->error. */
static json_t *
live(Fixture *f)
{
    g_autoptr(LabLife) life = lab_life_new(f->path, -1, &f->error);
    json_t *result = NULL;

    g_assert_no_error(f->error);
    life->stock = f->stock;
    life->warm = TRUE;
    if (lab_life_run(life, &f->error))
        result = lab_json_read(f->fd, "result.json", LAB_RESULT_SCHEMA, NULL);
    g_clear_pointer(&life, lab_life_free);
    g_assert_cmpint(asked.freed, ==, asked.made);
    return result;
}

static void
make_oops(void)
{
    script.run_console = OOPS;
    script.exit_after_ms = -1;
    script.pvpanic_after_ms = 500;
}

/* What the tests of failures would not notice if no clone ever ran. */
static void
test_clone(Fixture *f, gconstpointer data)
{
    g_autoptr(json_t) result = live(f);
    const json_t *facts = lab_json_member(result, "facts");

    g_assert_no_error(f->error);
    g_assert_cmpstr(lab_json_string(result, "outcome"), ==, "pass");
    g_assert_true(lab_json_bool(facts, "warm", FALSE));
    g_assert_cmpstr(lab_json_string(facts, "template"), ==, "feed");
    g_assert_null(lab_json_member(facts, "cold_why"));
    g_assert_cmpint(asked.clones, ==, 1);
    g_assert_cmpint(asked.made, ==, 2);
    g_assert_true(lab_file_exists(f->fd, "warm.json"));
}

#define ENVIRONMENT "{\"modules\":{\"m\":1},\"values\":{\"vm.a\":\"1\",\"vm.b\":\"2\"}}"

static json_t *
live_with_setting(Fixture *f, const char *setting)
{
    g_autoptr(json_t) cell = lab_json_read(f->fd, "cell.json", LAB_CELL_SCHEMA, NULL);

    json_object_set_new(lab_json_member(cell, "setup"), "sysctl", json_pack("[s]", setting));
    g_assert_true(lab_json_write(f->fd, "cell.json", cell, 0600, NULL));
    return live(f);
}

/* A clone is asked only for what it was set to; the rest is the template's. */
static void
test_environment(Fixture *f, gconstpointer data)
{
    g_autoptr(json_t) first = NULL;
    g_autoptr(json_t) second = NULL;
    const json_t *found;

    script.environment = ENVIRONMENT;
    script.value = "7\n";
    first = live(f);
    found = lab_json_member(first, "environment");
    g_assert_cmpint(asked.environments, ==, 1);
    g_assert_cmpstr(lab_json_string(found, "file"), ==, "environment.json");
    g_assert_cmpuint(json_object_size(lab_json_member(found, "changed")), ==, 0);
    g_assert_true(lab_file_exists(f->fd, "environment.json"));

    second = live_with_setting(f, "vm.a=7");
    found = lab_json_member(second, "environment");
    g_assert_true(lab_json_bool(lab_json_member(second, "facts"), "warm", FALSE));
    g_assert_cmpint(asked.environments, ==, 2); /* this fixture makes a template each time */
    g_assert_cmpuint(json_object_size(lab_json_member(found, "changed")), ==, 1);
    g_assert_cmpstr(lab_json_string(lab_json_member(found, "changed"), "vm.a"), ==, "7");
}

/* The template's capture kernel is the clone's, whatever was asked of the template after it. */
static void
test_capture(Fixture *f, gconstpointer data)
{
    g_autoptr(json_t) cell = lab_json_read(f->fd, "cell.json", LAB_CELL_SCHEMA, NULL);
    g_autoptr(json_t) result = NULL;
    g_autoptr(json_t) warm = NULL;
    const json_t *capture;

    json_object_set_new(cell, "kdump", json_true());
    g_assert_true(lab_json_write(f->fd, "cell.json", cell, 0600, NULL));
    script.kexec_crash_size = 128 << 20;
    script.environment = ENVIRONMENT;
    result = live(f);
    g_assert_true(lab_json_bool(lab_json_member(result, "facts"), "warm", FALSE));
    warm = lab_json_read(f->fd, "warm.json", 1, NULL);
    capture = lab_json_member(lab_json_member(warm, "state"), "capture");
    g_assert_true(lab_json_bool(capture, "ok", FALSE));
}

static void
check_cold(Fixture *f, const json_t *result, const Row *row)
{
    const json_t *facts = lab_json_member(result, "facts");
    const char *why = lab_json_string(facts, "cold_why");

    g_assert_no_error(f->error);
    g_assert_nonnull(result);
    g_assert_false(lab_json_bool(facts, "warm", TRUE));
    g_assert_nonnull(why);
    if (!strstr(why, row->why))
        g_error("cold_why is \"%s\"", why);
    g_assert_null(lab_json_member(facts, "template"));
    g_assert_null(lab_json_member(facts, "template_boot_ms"));
    g_assert_false(lab_file_exists(f->fd, "warm.json"));
    g_assert_false(lab_file_exists(f->fd, "boot.log"));
    g_assert_cmpstr(lab_json_string(result, "state"), ==, "ran");
    g_assert_cmpint(asked.templates, ==, row->templates);
    g_assert_cmpint(asked.clones, ==, row->clones);
}

/* Twice: the second cell of this worker does not try again, and says the same. */
static void
test_passes(Fixture *f, gconstpointer data)
{
    g_autoptr(json_t) first = live(f);
    g_autoptr(json_t) second = NULL;

    check_cold(f, first, data);
    g_assert_cmpstr(lab_json_string(first, "outcome"), ==, "pass");
    second = live(f);
    check_cold(f, second, data);
    g_assert_cmpstr(lab_json_string(second, "outcome"), ==, "pass");
}

/* The crash is that of the guest that booted, told once. */
static void
test_crashes(Fixture *f, gconstpointer data)
{
    g_autoptr(json_t) result = NULL;
    const json_t *crash;

    make_oops();
    result = live(f);
    check_cold(f, result, data);
    crash = lab_json_member(result, "crash");
    g_assert_cmpstr(lab_json_string(result, "outcome"), ==, "crash");
    g_assert_cmpstr(lab_json_string(crash, "title"), ==, OOPS_TITLE);
    g_assert_cmpint(asked.host_dumps, ==, 1);
}

/* Whoever is told to end does not boot another guest first. */
static void
test_cancelled(Fixture *f, gconstpointer data)
{
    g_autoptr(json_t) result = NULL;

    script.warm_fails = "cancelled";
    result = live(f);
    g_assert_null(result);
    g_assert_error(f->error, LAB_INFRA_ERROR, LAB_ERROR_CANCELLED);
    g_assert_cmpint(asked.made, ==, 2);
}

static void
add(const char *kind, const Row *row, void (*function)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strdup_printf("/life-warm/%s/%s", kind, row->step);

    g_test_add(path, Fixture, row, set_up, function, tear_down);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/life-warm/clone", Fixture, NULL, set_up, test_clone, tear_down);
    g_test_add("/life-warm/environment", Fixture, NULL, set_up, test_environment, tear_down);
    g_test_add("/life-warm/capture", Fixture, NULL, set_up, test_capture, tear_down);
    g_test_add("/life-warm/cancelled", Fixture, NULL, set_up, test_cancelled, tear_down);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        add("passes", &rows[i], test_passes);
        add("crashes", &rows[i], test_crashes);
    }
    return g_test_run();
}

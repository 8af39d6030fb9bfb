/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lab makes of crash(8)'s words: a script stands for it. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-file.h"
#include "lab-life.h"

#define RELEASE "6.1.0-1-test"
#define OPENED                                                                      \
    "cat >/dev/null; echo '     RELEASE: " RELEASE "'; echo '       PANIC: \"x\"';" \
    "echo 'PID: 1  TASK: ffff888000000000';"                                        \
    "echo ' #0 [ffffc90000000000] panic at ffffffff81000000';"

typedef struct {
    char *path;
    LabCell *cell;
    LabLife life;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *debug = NULL;
    g_autofree char *vmlinux = NULL;

    f->path = g_dir_make_tmp("kreglab-crash-XXXXXX", NULL);
    debug = g_build_filename(f->path, "debug", NULL);
    vmlinux = g_build_filename(debug, "vmlinux", NULL);
    g_assert_cmpint(mkdir(debug, 0700), ==, 0);
    g_assert_true(g_file_set_contents(vmlinux, "", 0, NULL));
    f->cell = lab_cell_new();
    f->cell->kernel_release = g_strdup(RELEASE);
    f->cell->kernel_directory = g_strdup(f->path);
    f->life = (LabLife){.cell = f->cell, .directory = f->path, .event_fd = -1};
    f->life.dirfd = lab_dir_open(AT_FDCWD, f->path, NULL);
    f->life.found = lab_findings_new(f->cell);
    g_assert_true(g_setenv("PATH", f->path, TRUE));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_assert_true(g_setenv("PATH", "/usr/bin:/bin", TRUE));
    lab_findings_free(f->life.found);
    lab_cell_free(f->cell);
    lab_fd_close(&f->life.dirfd);
    lab_path_remove(AT_FDCWD, f->path, NULL);
    g_free(f->path);
}

/* Has that script for crash(8) and asks it. Returns its verdict, borrowed; NULL: not asked. */
static const char *
ask(Fixture *f, const char *script)
{
    g_autofree char *path = g_build_filename(f->path, "crash", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\nPATH=/usr/bin:/bin\n"
                                            "if [ \"$1\" = --version ]; then\n"
                                            "printf '\\ncrash 8.0.2\\nCopyright\\n'; exit 0\nfi\n"
                                            "echo \"$*\" >>%s/calls\n%s\n",
                                            f->path, script);
    GError *error = NULL;

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(chmod(path, 0755), ==, 0);
    lab_life_check_with_crash(&f->life, &error);
    g_assert_no_error(error);
    return f->life.found->dump.crash;
}

static char *
file_text(const Fixture *f, const char *name)
{
    return lab_file_read(f->life.dirfd, name, 1 << 20, NULL, NULL);
}

static void
test_opens(Fixture *f, gconstpointer data)
{
    g_autofree char *calls = NULL;
    g_autofree char *words = NULL;

    g_assert_cmpstr(ask(f, OPENED), ==, "ok");
    g_assert_cmpstr(f->life.found->dump.crash_version, ==, "8.0.2");
    words = file_text(f, "bt.txt");
    g_assert_nonnull(strstr(words, "#0 [ffffc90000000000] panic at"));
    calls = file_text(f, "calls");
    g_assert_true(g_str_has_prefix(calls, "-s --no_crashrc "));
}

static void
test_is_bounded(Fixture *f, gconstpointer data)
{
    g_autofree char *words = NULL;

    g_assert_cmpstr(ask(f, OPENED "echo limit $(ulimit -v)"), ==, "ok");
    words = file_text(f, "bt.txt");
    g_assert_nonnull(strstr(words, "limit 8388608\n"));
}

static void
test_no_symbols(Fixture *f, gconstpointer data)
{
    g_autofree char *vmlinux = g_build_filename(f->path, "debug", "vmlinux", NULL);

    g_assert_cmpint(unlink(vmlinux), ==, 0);
    g_assert_null(ask(f, OPENED));
    g_assert_null(f->life.found->dump.crash_version);
    g_assert_null(file_text(f, "calls"));
}

/* A recording's dump was checked when it was made. */
static void
test_recording(Fixture *f, gconstpointer data)
{
    f->cell->replay = g_strdup("/nonexistent");
    g_assert_null(ask(f, OPENED));
    g_assert_null(file_text(f, "calls"));
}

static void
test_not_installed(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    g_assert_true(lab_life_check_with_crash(&f->life, &error));
    g_assert_no_error(error);
    g_assert_null(f->life.found->dump.crash);
}

static const struct Row {
    const char *name, *script, *verdict;
} rows[] = {
    /* 8.0.2 on 6.12's vmcores */
    {"mute", "[ $1 = -s ] || echo 'crash: page excluded: kernel virtual address: f8'; exit 1",
     "crash 8.0.2: page excluded: kernel virtual address: f8"},
    {"says", "echo 'crash: first'; echo 'crash: last'; echo more; exit 1", "crash 8.0.2: last"},
    {"says-nothing", "exit 3", "crash 8.0.2: ended with 3"},
    {"killed", "kill -SEGV $$", "crash 8.0.2: ended with 139"},
    {"other-release", "echo 'RELEASE: 5.4'; echo PANIC:; echo 'PID: 1'; echo '#0 ['",
     "crash 8.0.2: it opened the vmcore and found another release in it"},
    {"no-panic", "echo " RELEASE "; echo 'PID: 1'; echo '#0 ['",
     "crash 8.0.2: it opened the vmcore and found no panic in it"},
    {"no-stack", "echo " RELEASE "; echo PANIC:; echo 'PID: 1'",
     "crash 8.0.2: it opened the vmcore and found no stack of the panicking task"},
};

static void
test_reason(Fixture *f, gconstpointer data)
{
    const struct Row *row = data;

    g_assert_cmpstr(ask(f, row->script), ==, row->verdict);
    g_assert_cmpstr(f->life.found->dump.crash_version, ==, "8.0.2");
    g_assert_null(file_text(f, "bt.txt"));
}

static void
test_control_characters(Fixture *f, gconstpointer data)
{
    const char *verdict = ask(f, "printf 'crash: \\033[31mbad\\n'; exit 1");

    g_assert_nonnull(strstr(verdict, "bad"));
    g_assert_null(strchr(verdict, 0x1b));
}

#define TEST(name, function) \
    g_test_add("/crash-check/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN); /* as the programs have it: crash may end before it has read */
    TEST("opens", test_opens);
    TEST("is-bounded", test_is_bounded);
    TEST("no-symbols", test_no_symbols);
    TEST("recording", test_recording);
    TEST("not-installed", test_not_installed);
    TEST("control-characters", test_control_characters);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/crash-check/%s", rows[i].name);

        g_test_add(path, Fixture, &rows[i], set_up, test_reason, tear_down);
    }
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for kreglab-worker where tests need many cells and no guests. What it does is said by
 * the environment:
 *   FAKE_WORKER_PLAN  "PATTERN=BEHAVIOUR;…", patterns over KERNEL/RECIPE/VARIANT/REPETITION; the
 *                     first that matches counts; without one: pass
 *   FAKE_WORKER_MS    how long a cell takes (default 0)
 *   FAKE_WORKER_LOG   a file that gets "start ID PID", "result ID", "infra ID", "clean" lines, and
 *                     "warm ID" or "cold ID", as it was asked to run it
 *   FAKE_WORKER_GUEST a pid that is told as the guest's
 * Behaviours: suspect, suspect-once, pass, fail, expected-crash, crash, other-crash, infra,
 * infra-once, lost, lost-once, no-result, skipped, slow (until it is told to stop), stubborn (not
 * even then), flood, dirty.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"

static void log_line(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void
log_line(const char *format, ...)
{
    const char *path = g_getenv("FAKE_WORKER_LOG");
    LAB_AUTO_FD fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (fd >= 0)
        lab_fd_append_line(fd, text, NULL);
}

static char *
behaviour_of(const json_t *cell)
{
    g_autofree char *key = g_strdup_printf(
        "%s/%s/%s/%d", lab_json_string(cell, "kernel"), lab_json_string(cell, "recipe"),
        lab_json_string(cell, "variant"), (int)lab_json_int(cell, "repetition", 1));
    const char *plan = g_getenv("FAKE_WORKER_PLAN");
    g_auto(GStrv) rules = g_strsplit(plan ? plan : "", ";", -1);

    for (char **rule = rules; *rule; rule++) {
        char *equals = strrchr(*rule, '=');

        if (!equals)
            continue;
        *equals = '\0';
        if (fnmatch(*rule, key, 0) == 0)
            return g_strdup(equals + 1);
    }
    return g_strdup("pass");
}

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void
say(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (fcntl(3, F_GETFD) >= 0)
        (void)!write(3, text, strlen(text));
}

static void
flood(void)
{
    g_autofree char *noise = g_malloc(1 << 20);

    memset(noise, '{', 1 << 20);
    for (int i = 0; i < 16; i++)
        (void)!write(3, noise, 1 << 20);
    say("\n\n[1]\nnull\n{\"event\":7}\n");
}

static json_t *
crash_of(const json_t *cell, const char *title, gboolean other)
{
    g_autofree char *hash = g_compute_checksum_for_string(
        G_CHECKSUM_SHA256, other ? title : lab_json_string(cell, "recipe"), -1);
    g_autofree char *k0 = g_strdup_printf("v1:%.16s", hash);

    return json_pack(
        "{s:s, s:s, s:[], s:[{s:s, s:n, s:b, s:n}], s:i, s:i, s:{s:s, s:s, s:s}, s:[]}", "type",
        "panic", "title", title, "alternatives", "frames", "function",
        other ? "other_function" : "sysrq_handle_crash", "module", "reliable", 1, "stack",
        "line_first", 1, "line_last", 2, "signature", "k0", k0, "k1", k0, "k2", k0, "reports");
}

static json_t *
result_of(const json_t *cell, const char *state, const char *outcome, json_t *crash, json_t *dump)
{
    return json_pack(
        "{s:i, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:s, s:o, s:s, s:b, s:o, s:o, s:o, s:[], s:s,"
        " s:i, s:i, s:o, s:{}, s:n, s:[], s:{}, s:[], s:{s:s}}",
        "schema_version", 1, "id", json_object_get(cell, "id"), "run", json_object_get(cell, "run"),
        "kernel", json_object_get(cell, "kernel"), "release", json_object_get(cell, "release"),
        "recipe", json_object_get(cell, "recipe"), "variant", json_object_get(cell, "variant"),
        "repetition", json_object_get(cell, "repetition"), "state", state, "outcome",
        lab_json_text(outcome), "why", "as the fake worker was told", "survived", 0, "expected",
        json_null(), "crash", crash, "dump", dump, "phases", "started", "2026-01-01T00:00:00.000Z",
        "duration_ms", 1234, "boot_ms", 500, "time_to_crash_ms", json_null(), "metrics", "reached",
        "memory", "vmstat", "setup", "facts", "accelerator", "none");
}

/* The result that a behaviour leads to; NULL: none. */
static json_t *
make_result(const json_t *cell, const char *behaviour, int dirfd, gboolean first)
{
    json_t *result;

    if (g_str_equal(behaviour, "fail"))
        return result_of(cell, "ran", "fail", json_null(), json_null());
    if (g_str_equal(behaviour, "suspect") || (g_str_equal(behaviour, "suspect-once") && first)) {
        result = result_of(cell, "ran", "hang", json_null(), json_null());
        json_object_set_new(result, "suspect",
                            json_pack("{s:s, s:i}", "why", "the host was busy", "window_ms", 5000));
        return result;
    }
    if (g_str_equal(behaviour, "skipped"))
        return result_of(cell, "skipped", NULL, json_null(), json_null());
    if (g_str_equal(behaviour, "infra") || (g_str_equal(behaviour, "infra-once") && first))
        return result_of(cell, "infra", NULL, json_null(), json_null());
    if (g_str_has_suffix(behaviour, "crash") || g_str_equal(behaviour, "dirty")) {
        gboolean other = g_str_equal(behaviour, "other-crash");

        lab_file_write(dirfd, "vmcore", "KDUMP   ", -1, 0600, NULL);
        result = result_of(cell, "ran", "crash",
                           crash_of(cell,
                                    g_str_equal(behaviour, "dirty")
                                        ? "panic: \x1b[2J\x1b]0;owned\a \xe2\x80\xae"
                                          "dirty"
                                    : other ? "general protection fault in other_function"
                                            : "Kernel panic - not syncing: sysrq triggered crash",
                                    other),
                           json_pack("{s:s, s:s, s:i, s:i, s:n}", "method", "kdump", "path",
                                     "vmcore", "size_bytes", 8, "duration_ms", 10, "why_not"));
        json_object_set_new(result, "time_to_crash_ms", json_integer(700));
        if (g_str_equal(behaviour, "expected-crash"))
            json_object_set_new(result, "expected", json_true());
        return result;
    }
    return result_of(cell, "ran", "pass", json_null(), json_null());
}

static G_NORETURN void
on_term(int signal_number)
{
    _exit(LAB_EXIT_INFRA);
}

static int
run_cell(const char *directory)
{
    g_autofree char *aside = g_strconcat(directory, ".attempt-1", NULL);
    gboolean first = !lab_file_exists(AT_FDCWD, aside);
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, directory, NULL);
    g_autoptr(json_t) cell = lab_json_read(fd, "cell.json", 1, NULL);
    g_autofree char *behaviour = NULL;
    g_autoptr(json_t) result = NULL;
    const char *ms = g_getenv("FAKE_WORKER_MS");

    if (!cell)
        return LAB_EXIT_CONFIG;
    behaviour = behaviour_of(cell);
    signal(SIGTERM, g_str_equal(behaviour, "stubborn") ? SIG_IGN : on_term);
    log_line("start %s %d", lab_json_string(cell, "id"), (int)getpid());
    say("{\"event\":\"phase\",\"cell\":\"%s\",\"phase\":\"boot\",\"t_ms\":1}\n",
        lab_json_string(cell, "id"));
    if (g_getenv("FAKE_WORKER_GUEST"))
        say("{\"event\":\"guest\",\"cell\":\"%s\",\"pid\":%s}\n", lab_json_string(cell, "id"),
            g_getenv("FAKE_WORKER_GUEST"));
    lab_file_write(fd, "console.log", "@+1 Linux version 6.1\n", -1, 0600, NULL);
    if (g_str_equal(behaviour, "flood"))
        flood();
    if (g_str_equal(behaviour, "dirty"))
        say("{\"event\":\"warning\",\"cell\":\"%s\",\"text\":\"\\u001b[31mred\\u0007\"}\n",
            lab_json_string(cell, "id"));
    while (g_str_equal(behaviour, "slow") || g_str_equal(behaviour, "stubborn"))
        pause();
    g_usleep(ms ? (gulong)g_ascii_strtoull(ms, NULL, 10) * 1000 : 0);
    if (g_str_equal(behaviour, "lost") || (g_str_equal(behaviour, "lost-once") && first))
        raise(SIGKILL);
    if (g_str_equal(behaviour, "no-result"))
        return LAB_EXIT_INFRA;
    result = make_result(cell, behaviour, fd, first);
    if (!lab_json_write(fd, "result.json", result, 0600, NULL))
        return LAB_EXIT_INFRA;
    /* An infra result asks for one more attempt, and so does a suspect one. */
    log_line("%s %s",
             g_strcmp0(lab_json_string(result, "state"), "infra") == 0 ? "infra"
             : json_object_get(result, "suspect")                      ? "suspect"
                                                                       : "result",
             lab_json_string(cell, "id"));
    return LAB_EXIT_OK;
}

/* Like the real one: one cell a line, until there is no more. */
static int
run_cells(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    while ((n = getline(&line, &size, stdin)) > 0) {
        g_autoptr(json_t) request = lab_json_parse(line, (gsize)n, "request", NULL);
        const char *directory = lab_json_string(request, "cell");
        g_autofree char *name = directory ? g_path_get_basename(directory) : NULL;
        int status;

        if (!directory)
            return LAB_EXIT_CONFIG;
        log_line("%s %s", lab_json_bool(request, "warm", FALSE) ? "warm" : "cold", name);
        status = run_cell(directory);
        signal(SIGTERM, on_term);
        say("{\"event\":\"cell-done\",\"cell\":\"%s\",\"status\":%d}\n", name, status);
    }
    free(line);
    return LAB_EXIT_OK;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && g_str_equal(argv[1], "cells"))
        return run_cells();
    if (argc == 3 && g_str_equal(argv[1], "cell"))
        return run_cell(argv[2]);
    if (argc >= 2 && g_str_equal(argv[1], "clean")) {
        log_line("clean");
        say("{\"event\":\"cleaned\",\"guests\":0,\"directories\":0,\"alive\":0}\n");
        return LAB_EXIT_OK;
    }
    if (argc == 2 && g_str_equal(argv[1], "--version")) {
        puts("fake-worker");
        return LAB_EXIT_OK;
    }
    if (argc >= 2 && g_str_equal(argv[1], "probe")) {
        say("{\"event\":\"probe\",\"libvirt\":{\"version\":\"9.0.0\",\"error\":null},"
            "\"qemu\":{\"version\":\"7.2.0\"},\"qemu_user\":{\"name\":null,\"error\":null},"
            "\"accelerator\":{\"device\":false,\"answer\":\"tcg\",\"error\":null}}\n");
        return LAB_EXIT_OK;
    }
    return LAB_EXIT_CONFIG;
}

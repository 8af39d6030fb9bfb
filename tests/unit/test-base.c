/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-proc.h"

typedef struct {
    char *path;
    int fd;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->path = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
    f->fd = lab_dir_open(AT_FDCWD, f->path, NULL);
    g_assert_cmpint(f->fd, >=, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    g_assert_true(lab_path_remove(AT_FDCWD, f->path, NULL));
    g_free(f->path);
}

static void
test_write_replaces_whole(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;
    gsize length;

    g_assert_true(lab_file_write(f->fd, "a", "first, longer", -1, 0600, NULL));
    g_assert_true(lab_file_write(f->fd, "a", "second", -1, 0600, NULL));
    text = lab_file_read(f->fd, "a", 100, &length, NULL);
    g_assert_cmpstr(text, ==, "second");
    g_assert_cmpuint(length, ==, 6);
}

static void
test_read_limits(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) limit = NULL;
    g_autoptr(GError) absent = NULL;

    g_assert_true(lab_file_write(f->fd, "a", "12345", -1, 0600, NULL));
    g_assert_null(lab_file_read(f->fd, "a", 4, NULL, &limit));
    g_assert_error(limit, LAB_DATA_ERROR, LAB_ERROR_LIMIT);
    g_assert_null(lab_file_read(f->fd, "b", 4, NULL, &absent));
    g_assert_error(absent, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND);
}

static void
test_remove_keeps_link_targets(Fixture *f, gconstpointer data)
{
    LAB_AUTO_FD fd = lab_dir_make(f->fd, "x/y/z", 0700, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_true(lab_file_write(f->fd, "kept", "k", -1, 0600, NULL));
    g_assert_cmpint(symlinkat("../../kept", f->fd, "x/y/link"), ==, 0);
    g_assert_true(lab_path_remove(f->fd, "x", NULL));
    g_assert_false(lab_file_exists(f->fd, "x"));
    g_assert_true(lab_file_exists(f->fd, "kept"));
}

static void
test_lock_is_exclusive(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    LAB_AUTO_FD first = lab_lock_take(f->fd, "lock", FALSE, NULL);

    g_assert_cmpint(first, >=, 0);
    g_assert_cmpint(lab_lock_take(f->fd, "lock", FALSE, &error), ==, -1);
    g_assert_error(error, LAB_INFRA_ERROR, LAB_ERROR_EXISTS);
}

static void
test_json_versions(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = json_pack("{s:i}", "schema_version", 2);
    g_autoptr(json_t) same = NULL;

    g_assert_true(lab_json_write(f->fd, "v.json", value, 0600, NULL));
    same = lab_json_read(f->fd, "v.json", 2, NULL);
    g_assert_nonnull(same);
    g_assert_null(lab_json_read(f->fd, "v.json", 1, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_NEWER);
}

static void
test_json_depth(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *deep = g_strnfill(100000, '[');

    g_assert_null(lab_json_parse(deep, 100000, "deep", &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT);
}

static void
test_text_clean(void)
{
    g_autofree char *clean = lab_text_clean("a\033[2J\tb\nc\xff\302\205", -1, FALSE);

    g_assert_cmpstr(clean, ==, "a\357\277\275[2J\tb\357\277\275c\357\277\275\357\277\275");
}

static void
test_proc_output_and_status(void)
{
    const char *const argv[] = {"sh", "-c", "cat; echo err >&2; exit 3", NULL};
    LabProcOptions options = {.input = "hello", .input_length = 5};
    g_auto(LabProcResult) result = {0};

    g_assert_true(lab_proc_run(argv, &options, &result, NULL));
    g_assert_cmpint(result.status, ==, 3);
    g_assert_cmpstr(result.output, ==, "hello");
    g_assert_cmpstr(result.errors, ==, "err\n");
}

static void
test_proc_deadline_kills_the_group(void)
{
    const char *const argv[] = {"sh", "-c", "sleep 60 & sleep 60", NULL};
    LabProcOptions options = {.timeout_ms = 200};
    g_auto(LabProcResult) result = {0};
    g_autoptr(GError) error = NULL;
    gint64 start = g_get_monotonic_time();

    g_assert_false(lab_proc_run(argv, &options, &result, &error));
    g_assert_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
}

static void
test_proc_absent_program(void)
{
    const char *const argv[] = {"/nonexistent/program", NULL};
    g_auto(LabProcResult) result = {0};
    g_autoptr(GError) error = NULL;

    g_assert_false(lab_proc_run(argv, NULL, &result, &error));
    g_assert_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND);
}

/* Whatever PATH is given, the sbin directories come after it. */
static void
test_proc_looks_in_sbin(void)
{
    const char *env[] = {"PATH=/nonexistent", NULL};
    const char *argv[] = {"ldconfig", "--version", NULL};
    LabProcOptions options = {.env = env};
    g_auto(LabProcResult) result = {0};

    g_assert_true(lab_proc_run(argv, &options, &result, NULL));
    g_assert_cmpint(result.status, ==, 0);
}

static void
test_proc_output_limit(void)
{
    const char *const argv[] = {"sh", "-c", "head -c 1000000 /dev/zero", NULL};
    LabProcOptions options = {.max_output = 1000};
    g_auto(LabProcResult) result = {0};

    g_assert_true(lab_proc_run(argv, &options, &result, NULL));
    g_assert_cmpuint(result.output_length, ==, 1000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/base/file/write-replaces-whole", Fixture, NULL, set_up, test_write_replaces_whole,
               tear_down);
    g_test_add("/base/file/read-limits", Fixture, NULL, set_up, test_read_limits, tear_down);
    g_test_add("/base/file/remove-keeps-link-targets", Fixture, NULL, set_up,
               test_remove_keeps_link_targets, tear_down);
    g_test_add("/base/file/lock-is-exclusive", Fixture, NULL, set_up, test_lock_is_exclusive,
               tear_down);
    g_test_add("/base/json/versions", Fixture, NULL, set_up, test_json_versions, tear_down);
    g_test_add_func("/base/json/depth", test_json_depth);
    g_test_add_func("/base/text/clean", test_text_clean);
    g_test_add_func("/base/proc/output-and-status", test_proc_output_and_status);
    g_test_add_func("/base/proc/looks-in-sbin", test_proc_looks_in_sbin);
    g_test_add_func("/base/proc/deadline-kills-the-group", test_proc_deadline_kills_the_group);
    g_test_add_func("/base/proc/absent-program", test_proc_absent_program);
    g_test_add_func("/base/proc/output-limit", test_proc_output_limit);
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which log tells the crash, console or vmcore: a script stands for makedumpfile. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-file.h"
#include "lab-json.h"
#include "lab-life.h"

#define OOPS(function)                                                                 \
    "[    5.100000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n" \
    "[    5.100000] Oops: 0000 [#1] PREEMPT SMP\n"                                     \
    "[    5.100000] RIP: 0010:" function "+0x12/0x40\n"                                \
    "[    5.100000] Call Trace:\n"                                                     \
    "[    5.100000]  <TASK>\n"                                                         \
    "[    5.100000]  lab_g+0x1/0x2\n"                                                  \
    "[    5.100000]  do_syscall_64+0x1/0x2\n"                                          \
    "[    5.100000]  </TASK>\n"                                                        \
    "[    5.100000] ---[ end trace 0000000000000000 ]---\n"
#define WARNING                                                               \
    "[    4.100000] ------------[ cut here ]------------\n"                   \
    "[    4.100000] WARNING: CPU: 0 PID: 77 at mm/lab.c:12 lab_w+0x12/0x40\n" \
    "[    4.100000] RIP: 0010:lab_w+0x12/0x40\n"                              \
    "[    4.100000] Call Trace:\n"                                            \
    "[    4.100000]  lab_v+0x1/0x2\n"                                         \
    "[    4.100000] ---[ end trace 0000000000000000 ]---\n"
#define CLEAN "[    0.100000] all is well\n"

static const struct {
    const char *name, *console, *vmcore;
    const char *source, *title;
    const char *other; /* title of the other; "": it has none; NULL: they agree */
} rows[] = {
    {"alike", OOPS("lab_f"), OOPS("lab_f"), "vmcore",
     "BUG: unable to handle kernel NULL pointer dereference in lab_f", NULL},
    {"no dmesg in the dump", OOPS("lab_f"), "", "console",
     "BUG: unable to handle kernel NULL pointer dereference in lab_f", NULL},
    {"the vmcore has another", OOPS("lab_f"), OOPS("lab_q"), "vmcore",
     "BUG: unable to handle kernel NULL pointer dereference in lab_q",
     "BUG: unable to handle kernel NULL pointer dereference in lab_f"},
    {"the console missed it", CLEAN, OOPS("lab_f"), "vmcore",
     "BUG: unable to handle kernel NULL pointer dereference in lab_f", ""},
    {"the ring lost the first", WARNING OOPS("lab_f"), OOPS("lab_f"), "console", "WARNING in lab_w",
     "BUG: unable to handle kernel NULL pointer dereference in lab_f"},
    {"the ring lost all", OOPS("lab_f"), CLEAN, "console",
     "BUG: unable to handle kernel NULL pointer dereference in lab_f", ""},
};

static void
feed(LabCrashParser *parser, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++)
        lab_crash_parser_feed(parser, *line, strlen(*line));
}

/* makedumpfile --dump-dmesg VMCORE OUTPUT copies VMCORE. */
static void
put_script(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "makedumpfile", NULL);

    g_assert_true(g_file_set_contents(
        path, "#!/bin/sh\nPATH=/usr/bin:/bin\nexec cp \"$2\" \"$3\"\n", -1, NULL));
    g_assert_cmpint(chmod(path, 0755), ==, 0);
}

static void
check_result(const LabFindings *found, gsize row)
{
    g_autoptr(json_t) result = lab_findings_to_result(found);
    const json_t *crash = lab_json_member(result, "crash");
    const json_t *other = lab_json_member(crash, "other");

    g_assert_cmpstr(lab_json_string(crash, "source"), ==, rows[row].source);
    g_assert_cmpstr(lab_json_string(crash, "title"), ==, rows[row].title);
    if (!rows[row].other) {
        g_assert_true(json_is_null(other));
        return;
    }
    g_assert_cmpstr(lab_json_string(other, "source"), !=, rows[row].source);
    g_assert_cmpstr(lab_json_string(other, "title"), ==, *rows[row].other ? rows[row].other : NULL);
}

static void
test_row(gconstpointer data)
{
    gsize row = GPOINTER_TO_SIZE(data);
    g_autofree char *directory = g_dir_make_tmp("kreglab-logs-XXXXXX", NULL);
    g_autofree char *vmcore = g_build_filename(directory, "vmcore", NULL);
    g_autofree char *text = NULL;
    LabCell *cell = lab_cell_new();
    LabLife life = {.cell = cell, .directory = directory, .event_fd = -1};
    GError *error = NULL;

    put_script(directory);
    g_assert_true(g_file_set_contents(vmcore, rows[row].vmcore, -1, NULL));
    g_assert_true(g_setenv("PATH", directory, TRUE));
    cell->kernel_release = g_strdup("6.1.0-1-test");
    cell->kernel_directory = g_strdup(directory);
    life.dirfd = lab_dir_open(AT_FDCWD, directory, NULL);
    life.found = lab_findings_new(cell);
    life.found->dump.method = "kdump";
    life.found->dump.kept = TRUE;
    life.found->evidence.reached_agent = TRUE;
    life.parser = lab_crash_parser_new();
    feed(life.parser, rows[row].console);
    g_assert_true(lab_life_read_logs(&life, &error));
    g_assert_no_error(error);
    check_result(life.found, row);
    text = lab_file_read(life.dirfd, "vmcore.dmesg.txt", 1 << 20, NULL, NULL);
    g_assert_cmpstr(text, ==, *rows[row].vmcore ? rows[row].vmcore : NULL);
    g_assert_true(g_setenv("PATH", "/usr/bin:/bin", TRUE));
    lab_crash_parser_free(life.parser);
    lab_findings_free(life.found);
    lab_cell_free(cell);
    lab_fd_close(&life.dirfd);
    lab_path_remove(AT_FDCWD, directory, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/life-logs/%s", rows[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_row);
    }
    return g_test_run();
}

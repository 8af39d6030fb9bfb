/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live view: what it draws, that it fits, and that it leaves the terminal as it was. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-file.h"
#include "lab-grid.h"
#include "lab-progress.h"

/* The program's registry of verbs, which lab-cli.c looks into. */
const LabVerb *const lab_verbs[] = {NULL};

typedef struct {
    char *data;
    LabRun *run;
} Fixture;

static void
set_up(Fixture *f, gconstpointer unused)
{
    static const char *const kernels[] = {"5.10.0-35-cloud-amd64", "6.1.0-40-cloud-amd64"};
    static const char *const recipes[] = {"true", "sysrq-panic", "ksm-migrate"};
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free);

    f->data = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
    for (gsize k = 0; k < G_N_ELEMENTS(kernels); k++)
        for (gsize r = 0; r < G_N_ELEMENTS(recipes); r++)
            for (int i = 1; i <= 3; i++) {
                LabCell *cell = lab_cell_new();

                cell->kernel_id = g_strdup(kernels[k]);
                cell->kernel_release = g_strdup(kernels[k]);
                cell->recipe = g_strdup(recipes[r]);
                cell->variant = g_strdup("stock");
                cell->repetition = i;
                cell->recipe_digest = g_strdup(recipes[r]);
                cell->kernel_digest = g_strdup(kernels[k]);
                lab_cell_compute_id(cell);
                g_ptr_array_add(cells, cell);
            }
    f->run = lab_run_create(f->data, "a \x1b[31mtitle", cells, "", NULL, NULL);
}

static void
tear_down(Fixture *f, gconstpointer unused)
{
    lab_run_free(f->run);
    g_assert_true(lab_path_remove(AT_FDCWD, f->data, NULL));
    g_free(f->data);
}

static const LabRunCell *
cell_at(Fixture *f, guint i)
{
    return lab_run_cells(f->run, NULL)->pdata[i];
}

static LabBrief *
brief_of(LabOutcome outcome, LabExpected expected)
{
    LabBrief *brief = lab_brief_new();

    brief->state = LAB_STATE_RAN;
    brief->outcome = outcome;
    brief->expected = expected;
    return brief;
}

static char *
draw(const LabGrid *grid, int columns, int rows, gboolean color)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    lab_grid_draw(grid, lines, columns, rows, color, 0);
    g_assert_cmpint((int)lines->len, <=, rows);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

static void
test_grid(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabGrid) grid = lab_grid_new(lab_run_cells(f->run, NULL));
    g_autoptr(LabBrief) pass = brief_of(LAB_OUTCOME_PASS, LAB_EXPECTED_UNKNOWN);
    g_autoptr(LabBrief) crash = brief_of(LAB_OUTCOME_CRASH, LAB_EXPECTED_YES);
    g_autofree char *text = NULL;

    lab_grid_set(grid, cell_at(f, 0), LAB_SIGN_DONE, pass);
    lab_grid_set(grid, cell_at(f, 1), LAB_SIGN_DONE, pass);
    lab_grid_set(grid, cell_at(f, 3), LAB_SIGN_DONE, crash);
    lab_grid_set(grid, cell_at(f, 4), LAB_SIGN_RUNNING, NULL);
    lab_grid_set(grid, cell_at(f, 9), LAB_SIGN_AGAIN, NULL);
    text = draw(grid, 80, 24, FALSE);
    g_assert_cmpstr(text, ==,
                    "                   5.10.0-35  6.1.0-40  \n"
                    "true/stock         PP·        ↻··       \n"
                    "sysrq-panic/stock  C◐·        ···       \n"
                    "ksm-migrate/stock  ···        ···       \n"
                    "P pass   C crash   ");
}

/* Colours tell what was unexpected; without them it is reversed. */
static void
test_grid_unexpected(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabGrid) grid = lab_grid_new(lab_run_cells(f->run, NULL));
    g_autoptr(LabBrief) bad = brief_of(LAB_OUTCOME_CRASH, LAB_EXPECTED_NO);
    g_autofree char *color = NULL;
    g_autofree char *plain = NULL;

    lab_grid_set(grid, cell_at(f, 0), LAB_SIGN_DONE, bad);
    color = draw(grid, 80, 24, TRUE);
    plain = draw(grid, 80, 24, FALSE);
    g_assert_nonnull(strstr(color, "\x1b[1;31mC\x1b[0m"));
    g_assert_nonnull(strstr(plain, "\x1b[7mC\x1b[0m"));
    g_assert_null(strstr(plain, "\x1b[1;31m"));
}

/* Places that the text takes, escape sequences left out. */
static int
visible(const char *line)
{
    g_autoptr(GRegex) escapes = g_regex_new("\x1b\\[[0-9;?]*[A-Za-z]", 0, 0, NULL);
    g_autofree char *text = g_regex_replace_literal(escapes, line, -1, 0, "", 0, NULL);

    return (int)g_utf8_strlen(text, -1);
}

static void
test_grid_fits(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabGrid) grid = lab_grid_new(lab_run_cells(f->run, NULL));

    for (int columns = 20; columns < 100; columns += 7)
        for (int rows = 3; rows < 10; rows++) {
            g_autofree char *text = draw(grid, columns, rows, TRUE);
            g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

            for (char **line = lines; *line; line++)
                g_assert_cmpint(visible(*line), <=, columns);
        }
}

static char *
read_all(int fd)
{
    GString *text = g_string_new(NULL);
    char buffer[4096];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    return g_string_free(text, FALSE);
}

static void
test_live(Fixture *f, gconstpointer unused)
{
    int ends[2];
    LabSummary summary = {.cells = 18, .running = 1};
    LabRunEvent event = {.run = f->run, .summary = &summary, .left_ms = 60000, .attempt = 1};
    g_autoptr(LabBrief) brief = brief_of(LAB_OUTCOME_CRASH, LAB_EXPECTED_NO);
    LabLive *live;
    g_autofree char *text = NULL;

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_assert_cmpint(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), >, 0);
    live = lab_live_new(f->run, ends[1], 70, 24, TRUE);
    event.kind = LAB_RUN_STARTED;
    lab_live_event(live, &event);
    event.cell = cell_at(f, 0);
    event.kind = LAB_RUN_CELL_STARTED;
    lab_live_event(live, &event);
    brief->title = g_strdup("panic: \x1b[2J\a hostile");
    event.brief = brief;
    event.kind = LAB_RUN_CELL_FINISHED;
    summary.done = 1;
    summary.unexpected = 1;
    lab_live_event(live, &event);
    event.kind = LAB_RUN_CELL_SPARED;
    event.text = "its comparison is \x1b[2Jsettled";
    lab_live_event(live, &event);
    lab_live_event(live, &event);
    event.kind = LAB_RUN_ENDED;
    lab_live_event(live, &event);
    lab_live_free(live);
    close(ends[1]);
    text = read_all(ends[0]);
    close(ends[0]);
    g_assert_nonnull(strstr(text, "about 1:00 left"));
    g_assert_nonnull(strstr(text, "1/18 done"));
    g_assert_nonnull(strstr(text, "UNEXPECTED"));
    /* Once for all cells of a group. */
    g_assert_nonnull(strstr(text, "spared: "));
    g_assert_true(strstr(text, "spared: ") == g_strrstr(text, "spared: "));
    g_assert_null(strstr(text, "\x1b[2J"));
    g_assert_null(strchr(text, '\a'));
    g_assert_null(strstr(text, "a \x1b[31mtitle"));
    g_assert_true(g_str_has_suffix(text, "\x1b[?25h"));
}

#define ADD(name, function) g_test_add(name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/live/grid", test_grid);
    ADD("/live/grid/unexpected", test_grid_unexpected);
    ADD("/live/grid/fits", test_grid_fits);
    ADD("/live/view", test_live);
    return g_test_run();
}

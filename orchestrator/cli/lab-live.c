/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live view: the grid, what runs now, what finished last, how far it is. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab-file.h"
#include "lab-grid.h"
#include "lab-log.h"
#include "lab-progress.h"
#include "lab-units.h"

#define BEAT_MS     500
#define MAX_RUNNING 8
#define MAX_RECENT  4

typedef struct {
    const LabRunCell *cell;
    char *phase;
    gint64 start_us;
    int attempt;
} Busy;

struct LabLive {
    LabRun *run;
    const GPtrArray *cells;
    int fd, columns, rows; /* the latter two 0: ask the terminal */
    gboolean color;
    LabGrid *grid;
    GPtrArray *busy;   /* Busy */
    GPtrArray *recent; /* char *, finished lines */
    LabSummary summary;
    gint64 start_us, left_ms, left_at_us;
    gboolean stopping, ended;
    const LabRunCell *spared; /* the last one; borrowed */
    int drawn;                /* lines on the terminal now */
    guint beat;
    guint source;
};

static void
busy_free(gpointer pointer)
{
    Busy *busy = pointer;

    g_free(busy->phase);
    g_free(busy);
}

static void
terminal_size(const LabLive *live, int *columns, int *rows)
{
    struct winsize size = {0};

    *columns = live->columns;
    *rows = live->rows;
    if (*columns == 0 && ioctl(live->fd, TIOCGWINSZ, &size) == 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
    if (*columns < 20)
        *columns = 80;
    if (*rows < 8)
        *rows = 24;
}

static char *
clock_text(gint64 ms)
{
    gint64 s = (ms + 500) / 1000;

    if (s >= 3600)
        return g_strdup_printf("%d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    return g_strdup_printf("%d:%02d", (int)(s / 60), (int)(s % 60));
}

/* Cuts to 'columns' places; 'text' has no escape sequences. */
static void
add_text(GPtrArray *lines, const char *text, int columns, const char *code, const char *end)
{
    g_autofree char *cut = g_utf8_strlen(text, -1) > columns ? g_utf8_substring(text, 0, columns)
                                                             : g_strdup(text);

    g_ptr_array_add(lines, g_strconcat(code, cut, end, NULL));
}

static void
draw_head(const LabLive *live, GPtrArray *lines, int columns)
{
    g_autofree char *title = lab_text_clean(lab_run_title(live->run), -1, FALSE);
    g_autofree char *text = g_strdup_printf("%s  %s", lab_run_id(live->run), title);

    add_text(lines, text, columns, live->color ? "\x1b[1m" : "", live->color ? "\x1b[0m" : "");
    g_ptr_array_add(lines, g_strdup(""));
}

/* A bar of 'width' places: done, unexpected at its end. */
static char *
bar(const LabLive *live, int width)
{
    GString *text = g_string_new(NULL);
    guint cells = MAX(live->summary.cells, 1);
    int done = (int)((gint64)width * live->summary.done / cells);
    const char *code = live->summary.unexpected > 0 ? "\x1b[31m" : "\x1b[32m";

    g_string_append(text, live->color ? code : "");
    for (int i = 0; i < done; i++)
        g_string_append(text, "━");
    g_string_append(text, live->color ? "\x1b[0;2m" : "");
    for (int i = done; i < width; i++)
        g_string_append(text, live->color ? "━" : "╌");
    g_string_append(text, live->color ? "\x1b[0m" : "");
    return g_string_free(text, FALSE);
}

static char *
time_left(const LabLive *live)
{
    gint64 now_us = g_get_monotonic_time();
    gint64 left_ms = live->left_ms - (now_us - live->left_at_us) / 1000;
    g_autofree char *clock = clock_text(MAX(left_ms, 0));

    if (live->ended)
        return g_strdup("");
    if (live->stopping)
        return g_strdup("  stopping (once more: at once)");
    if (live->left_ms < 0)
        return g_strdup("");
    return left_ms < 1000 ? g_strdup("  nearly done") : g_strdup_printf("  about %s left", clock);
}

static void
draw_counts(const LabLive *live, GPtrArray *lines, int columns)
{
    const LabSummary *s = &live->summary;
    g_autofree char *clock = clock_text((g_get_monotonic_time() - live->start_us) / 1000);
    g_autofree char *left = time_left(live);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *line = bar(live, MIN(columns, 60));

    g_ptr_array_add(lines, g_strdup(""));
    g_ptr_array_add(lines, g_steal_pointer(&line));
    g_string_printf(text, "%u/%u done  %u running", s->done, s->cells, s->running);
    if (s->unexpected > 0)
        g_string_append_printf(text, "  %u unexpected", s->unexpected);
    if (s->infra + s->missing > 0)
        g_string_append_printf(text, "  %u infra", s->infra + s->missing);
    if (s->again > 0)
        g_string_append_printf(text, "  %u again", s->again);
    g_string_append_printf(text, "  %s%s", clock, left);
    add_text(lines, text->str, columns, "", "");
}

static void
draw_busy(const LabLive *live, GPtrArray *lines, int columns)
{
    gint64 now_us = g_get_monotonic_time();

    if (live->busy->len > 0)
        g_ptr_array_add(lines, g_strdup(""));
    for (guint i = 0; i < live->busy->len && i < MAX_RUNNING; i++) {
        const Busy *busy = live->busy->pdata[i];
        g_autofree char *clock = clock_text((now_us - busy->start_us) / 1000);
        g_autofree char *phase = lab_text_clean(busy->phase, -1, FALSE);
        g_autofree char *again = busy->attempt > 1 ? g_strdup_printf("  attempt %d", busy->attempt)
                                                   : g_strdup("");
        g_autofree char *text = g_strdup_printf("  %-9.9s %6s  %s  %s/%s #%d%s", phase, clock,
                                                busy->cell->kernel, busy->cell->recipe,
                                                busy->cell->variant, busy->cell->repetition, again);

        add_text(lines, text, columns, live->color ? "\x1b[36m" : "", live->color ? "\x1b[0m" : "");
    }
    if (live->busy->len > MAX_RUNNING)
        g_ptr_array_add(lines, g_strdup_printf("  … %u more", live->busy->len - MAX_RUNNING));
}

static void
draw_recent(const LabLive *live, GPtrArray *lines, int columns, int n)
{
    if (n > 0)
        g_ptr_array_add(lines, g_strdup(""));
    for (guint i = live->recent->len - (guint)n; i < live->recent->len; i++)
        add_text(lines, live->recent->pdata[i], columns,
                 !live->color                                     ? ""
                 : strstr(live->recent->pdata[i], "  UNEXPECTED") ? "\x1b[31m"
                                                                  : "\x1b[2m",
                 live->color ? "\x1b[0m" : "");
}

/* One write: the cursor goes up over the last picture, each line is replaced in place, so that
 * nothing flickers. */
static void
show(LabLive *live, const GPtrArray *lines)
{
    g_autoptr(GString) out = g_string_new("\x1b[?25l\r");

    if (live->drawn > 1)
        g_string_append_printf(out, "\x1b[%dA", live->drawn - 1);
    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(out, "%s%s\x1b[K", i > 0 ? "\n" : "", (char *)lines->pdata[i]);
    g_string_append(out, "\x1b[J");
    live->drawn = (int)lines->len;
    lab_fd_write_all(live->fd, out->str, out->len, NULL);
}

static void
draw(LabLive *live)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    int columns, rows, others, recent;

    terminal_size(live, &columns, &rows);
    columns--; /* the last place stays free: some terminals wrap there */
    others = 5 + (int)MIN(live->busy->len, MAX_RUNNING + 1) + (live->busy->len > 0);
    recent = CLAMP(rows - others - lab_grid_height(live->grid) - 2, 0, (int)live->recent->len);
    others += recent > 0 ? recent + 1 : 0;
    draw_head(live, lines, columns);
    lab_grid_draw(live->grid, lines, columns, MAX(rows - others - 1, 3), live->color, live->beat);
    draw_counts(live, lines, columns);
    draw_busy(live, lines, columns);
    draw_recent(live, lines, columns, recent);
    if ((int)lines->len > rows)
        g_ptr_array_set_size(lines, rows);
    show(live, lines);
}

static gboolean
on_beat(gpointer data)
{
    LabLive *live = data;

    live->beat++;
    draw(live);
    return G_SOURCE_CONTINUE;
}

/* Cells that earlier sessions have finished. */
static void
take_results(LabLive *live)
{
    for (guint i = 0; i < live->cells->len; i++) {
        g_autoptr(LabBrief) brief = lab_run_read_brief(live->run, live->cells->pdata[i]);

        if (brief->state != LAB_STATE_MISSING)
            lab_grid_set(live->grid, live->cells->pdata[i], LAB_SIGN_DONE, brief);
    }
}

LabLive *
lab_live_new(LabRun *run, int fd, int columns, int rows, gboolean color)
{
    LabLive *live = g_new0(LabLive, 1);

    live->run = run;
    live->cells = lab_run_cells(run, NULL);
    live->fd = fd;
    live->columns = columns;
    live->rows = rows;
    live->color = color;
    live->grid = lab_grid_new(live->cells);
    live->busy = g_ptr_array_new_with_free_func(busy_free);
    live->recent = g_ptr_array_new_with_free_func(g_free);
    live->start_us = g_get_monotonic_time();
    take_results(live);
    live->source = g_timeout_add(BEAT_MS, on_beat, live);
    return live;
}

/* The last picture stays; the cursor goes below it and is seen again. */
static void
leave(LabLive *live)
{
    if (live->drawn > 0)
        lab_fd_write_all(live->fd, "\n\x1b[?25h", 7, NULL);
    live->drawn = 0;
}

void
lab_live_free(LabLive *live)
{
    if (!live)
        return;
    g_clear_handle_id(&live->source, g_source_remove);
    leave(live);
    g_ptr_array_unref(live->busy);
    g_ptr_array_unref(live->recent);
    lab_grid_free(live->grid);
    g_free(live);
}

static Busy *
busy_of(LabLive *live, const LabRunCell *cell, guint *position)
{
    for (guint i = 0; i < live->busy->len; i++)
        if (((Busy *)live->busy->pdata[i])->cell == cell) {
            *position = i;
            return live->busy->pdata[i];
        }
    return NULL;
}

static void
begin_cell(LabLive *live, const LabRunEvent *event)
{
    Busy *busy = g_new0(Busy, 1);

    busy->cell = event->cell;
    busy->phase = g_strdup("start");
    busy->start_us = g_get_monotonic_time();
    busy->attempt = event->attempt;
    g_ptr_array_add(live->busy, busy);
    lab_grid_set(live->grid, event->cell, LAB_SIGN_RUNNING, NULL);
}

static void
end_cell(LabLive *live, const LabRunEvent *event, LabSignKind kind)
{
    guint position;

    if (busy_of(live, event->cell, &position))
        g_ptr_array_remove_index(live->busy, position);
    lab_grid_set(live->grid, event->cell, kind, event->brief);
    if (kind != LAB_SIGN_DONE)
        return;
    g_ptr_array_add(live->recent, lab_progress_line(event->cell, event->brief, FALSE));
    if (live->recent->len > MAX_RECENT)
        g_ptr_array_remove_index(live->recent, 0);
}

/* A line that stays above the picture. */
static void
print_above(LabLive *live, const char *text)
{
    g_autofree char *clean = lab_text_clean(text, -1, FALSE);
    g_autoptr(GString) out = g_string_new("\r");

    if (live->drawn > 1)
        g_string_append_printf(out, "\x1b[%dA", live->drawn - 1);
    g_string_append_printf(out, "\x1b[J%s\n", clean);
    live->drawn = 0;
    lab_fd_write_all(live->fd, out->str, out->len, NULL);
}

static void
warn_above(LabLive *live, const LabRunEvent *event)
{
    g_autofree char *text = event->cell
                                ? g_strdup_printf("warning: %s %s/%s #%d: %s", event->cell->kernel,
                                                  event->cell->recipe, event->cell->variant,
                                                  event->cell->repetition, event->text)
                                : g_strdup_printf("warning: %s", event->text);

    print_above(live, text);
}

void
lab_live_event(LabLive *live, const LabRunEvent *event)
{
    Busy *busy;
    g_autofree char *text = NULL;
    guint position;

    live->summary = *event->summary;
    live->left_ms = event->left_ms;
    live->left_at_us = g_get_monotonic_time();
    switch (event->kind) {
    case LAB_RUN_CELL_STARTED:
        begin_cell(live, event);
        break;
    case LAB_RUN_CELL_PHASE:
        busy = busy_of(live, event->cell, &position);
        if (busy) {
            g_free(busy->phase);
            busy->phase = g_strdup(event->phase);
        }
        return; /* the next beat shows it */
    case LAB_RUN_CELL_FINISHED:
        end_cell(live, event, LAB_SIGN_DONE);
        break;
    case LAB_RUN_CELL_AGAIN:
        end_cell(live, event, LAB_SIGN_AGAIN);
        break;
    case LAB_RUN_CELL_STOPPED:
        end_cell(live, event, LAB_SIGN_PENDING);
        break;
    case LAB_RUN_CELL_WARNING:
    case LAB_RUN_WARNING:
        warn_above(live, event);
        break;
    case LAB_RUN_STOPPING:
        live->stopping = TRUE;
        break;
    case LAB_RUN_ENDED:
        live->ended = TRUE;
        draw(live);
        leave(live);
        g_clear_handle_id(&live->source, g_source_remove);
        return;
    case LAB_RUN_CELL_SPARED:
        text = lab_progress_spared(&live->spared, event);
        if (text)
            print_above(live, text);
        break;
    case LAB_RUN_STARTED:
    case LAB_RUN_DUMP_REMOVED:
        break;
    }
    /* Thousands of short cells a second are not drawn one by one: the beat does that. */
    if (live->summary.cells < 1000 || event->kind == LAB_RUN_STARTED)
        draw(live);
}

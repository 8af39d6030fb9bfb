/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-grid.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-units.h"

struct LabProgress {
    gboolean json, quiet;
    gboolean wants_live, color;
    LabLive *live;
    const LabRunCell *spared; /* the last one; borrowed */
};

static gboolean
terminal_moves(void)
{
    const char *term = g_getenv("TERM");

    return isatty(STDERR_FILENO) && term && *term && !g_str_equal(term, "dumb");
}

LabProgress *
lab_progress_new(const LabCli *cli, gboolean json)
{
    LabProgress *progress = g_new0(LabProgress, 1);
    const char *no_color = g_getenv("NO_COLOR");

    progress->json = json;
    progress->quiet = cli->quiet;
    progress->wants_live = !json && !cli->quiet && terminal_moves();
    progress->color = isatty(STDERR_FILENO) && !lab_cli_flag(cli, "no-color") &&
                      !(no_color && *no_color);
    return progress;
}

void
lab_progress_free(LabProgress *progress)
{
    if (!progress)
        return;
    lab_live_free(progress->live);
    g_free(progress);
}

gboolean
lab_progress_is_live(const LabProgress *progress)
{
    return progress->wants_live && isatty(STDOUT_FILENO);
}

char *
lab_progress_line(const LabRunCell *cell, const LabBrief *brief, gboolean color)
{
    g_autofree char *duration = lab_duration_human(brief->duration_ms);
    const char *code = lab_grid_color(brief, color);
    const char *end = *code ? "\x1b[0m" : "";
    const char *text = brief->title ? brief->title : brief->why ? brief->why : "";
    gboolean says = brief->title || brief->state != LAB_STATE_RAN ||
                    brief->outcome != LAB_OUTCOME_PASS;
    g_autofree char *clean = lab_text_clean(says ? text : "", -1, FALSE);
    g_autofree char *kernel = lab_text_clean(cell->kernel, -1, FALSE);

    return g_strdup_printf("%s%-12s%s %s %s/%s #%d  %s%s%s%s%s", code, lab_brief_word(brief), end,
                           kernel, cell->recipe, cell->variant, cell->repetition, duration,
                           lab_brief_is_unexpected(brief) ? "  UNEXPECTED" : "", *clean ? "  " : "",
                           clean, brief->dump_method ? "  [vmcore]" : "");
}

char *
lab_progress_spared(const LabRunCell **spared, const LabRunEvent *event)
{
    const LabRunCell *cell = event->cell, *last = *spared;
    g_autofree char *text = NULL;

    *spared = cell;
    if (last && strcmp(last->kernel, cell->kernel) == 0 &&
        strcmp(last->recipe, cell->recipe) == 0 && strcmp(last->variant, cell->variant) == 0)
        return NULL;
    text = g_strdup_printf("spared: %s %s/%s from #%d on: %s", cell->kernel, cell->recipe,
                           cell->variant, cell->repetition, event->text ? event->text : "");
    return lab_text_clean(text, -1, FALSE);
}

static void
print_line(LabProgress *progress, const LabRunEvent *event)
{
    const LabSummary *summary = event->summary;
    g_autofree char *line = NULL;

    switch (event->kind) {
    case LAB_RUN_STARTED:
        fprintf(stderr, "run %s: %u cells, %u done, %d at once\n", lab_run_id(event->run),
                summary->cells, summary->done, event->jobs);
        break;
    case LAB_RUN_CELL_FINISHED:
        line = lab_progress_line(event->cell, event->brief, progress->color);
        fprintf(stderr, "[%u/%u] %s\n", summary->done, summary->cells, line);
        break;
    case LAB_RUN_CELL_AGAIN:
        line = lab_text_clean(event->text ? event->text : "", -1, FALSE);
        fprintf(stderr, "again: %s %s/%s #%d, attempt %d: %s\n", event->cell->kernel,
                event->cell->recipe, event->cell->variant, event->cell->repetition, event->attempt,
                line);
        break;
    case LAB_RUN_CELL_SPARED:
        line = lab_progress_spared(&progress->spared, event);
        if (line)
            fprintf(stderr, "%s\n", line);
        break;
    case LAB_RUN_STOPPING:
        fprintf(stderr, "stopping: waiting for the guests that run; once more ends them at once\n");
        break;
    case LAB_RUN_WARNING:
    case LAB_RUN_CELL_WARNING:
        if (event->cell)
            lab_warn("cell %s: %s", event->cell->id, event->text);
        else
            lab_warn("%s", event->text);
        break;
    default:
        break;
    }
}

void
lab_progress_event(const LabRunEvent *event, gpointer data)
{
    LabProgress *progress = data;

    if (progress->json) {
        g_autoptr(json_t) json = lab_run_event_to_json(event);
        g_autofree char *line = lab_json_line(json);

        puts(line);
        fflush(stdout);
        return;
    }
    if (progress->wants_live && event->kind == LAB_RUN_STARTED && !progress->live)
        progress->live = lab_live_new(event->run, STDERR_FILENO, 0, 0, progress->color);
    if (progress->live)
        lab_live_event(progress->live, event);
    else if (!progress->quiet || event->kind == LAB_RUN_WARNING)
        print_line(progress, event);
}

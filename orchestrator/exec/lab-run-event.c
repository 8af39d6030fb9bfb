/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-run-event.h"

#include "lab-json.h"

static const char *const names[] = {
    [LAB_RUN_STARTED] = "run-started",         [LAB_RUN_CELL_STARTED] = "cell-started",
    [LAB_RUN_CELL_PHASE] = "cell-phase",       [LAB_RUN_CELL_WARNING] = "cell-warning",
    [LAB_RUN_CELL_FINISHED] = "cell-finished", [LAB_RUN_CELL_AGAIN] = "cell-again",
    [LAB_RUN_CELL_STOPPED] = "cell-stopped",   [LAB_RUN_CELL_SPARED] = "cell-spared",
    [LAB_RUN_DUMP_REMOVED] = "dump-removed",   [LAB_RUN_WARNING] = "warning",
    [LAB_RUN_STOPPING] = "stopping",           [LAB_RUN_ENDED] = "run-ended",
};

static void
set_text(json_t *json, const char *key, const char *text)
{
    json_object_set_new(json, key, lab_json_text(text));
}

static void
set_cell(json_t *json, const LabRunEvent *event)
{
    const LabRunCell *cell = event->cell;

    set_text(json, "cell", cell->id);
    set_text(json, "kernel", cell->kernel);
    set_text(json, "recipe", cell->recipe);
    set_text(json, "variant", cell->variant);
    json_object_set_new(json, "repetition", json_integer(cell->repetition));
    json_object_set_new(json, "attempt", json_integer(event->attempt));
}

static void
set_brief(json_t *json, const LabBrief *brief)
{
    set_text(json, "state", lab_state_name(brief->state));
    set_text(json, "outcome", lab_outcome_name(brief->outcome));
    json_object_set_new(json, "expected",
                        brief->expected == LAB_EXPECTED_UNKNOWN ? json_null()
                                                                : json_boolean(brief->expected));
    json_object_set_new(json, "unexpected", json_boolean(lab_brief_is_unexpected(brief)));
    set_text(json, "title", brief->title);
    set_text(json, "why", brief->why);
    json_object_set_new(json, "duration_ms", json_integer(brief->duration_ms));
}

json_t *
lab_run_event_to_json(const LabRunEvent *event)
{
    json_t *json = json_object();

    set_text(json, "event", names[event->kind]);
    set_text(json, "run", lab_run_id(event->run));
    if (event->cell)
        set_cell(json, event);
    if (event->brief)
        set_brief(json, event->brief);
    if (event->phase) {
        set_text(json, "phase", event->phase);
        json_object_set_new(json, "t_ms", json_integer(event->t_ms));
    }
    if (event->text)
        set_text(json, "text", event->text);
    if (event->kind == LAB_RUN_DUMP_REMOVED)
        set_text(json, "kept", event->kept);
    if (event->kind == LAB_RUN_STARTED || event->kind == LAB_RUN_ENDED)
        set_text(json, "directory", lab_run_directory(event->run));
    if (event->kind == LAB_RUN_STARTED) {
        set_text(json, "title", lab_run_title(event->run));
        json_object_set_new(json, "jobs", json_integer(event->jobs));
    }
    if ((event->kind == LAB_RUN_STARTED || event->brief) && event->left_ms >= 0)
        json_object_set_new(json, "left_ms", json_integer(event->left_ms));
    if (event->kind == LAB_RUN_STARTED || event->kind == LAB_RUN_ENDED)
        json_object_set_new(json, "summary", lab_summary_to_json(event->summary));
    if (event->kind == LAB_RUN_ENDED) {
        set_text(json, "state",
                 event->summary->missing > 0 || !lab_summary_is_whole(event->summary) ? "stopped"
                                                                                      : "done");
        json_object_set_new(json, "exit_status",
                            json_integer(lab_summary_exit_code(event->summary)));
    }
    return json;
}

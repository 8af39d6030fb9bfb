/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells as the comparison sees them. */
#include "lab-analysis.h"

#include "lab-error.h"
#include "lab-json.h"

LabObservation *
lab_observation_new(const char *cell, const char *kernel, const char *release, const char *recipe,
                    const char *variant, gboolean baseline, int repetition)
{
    LabObservation *observation = g_new0(LabObservation, 1);

    observation->cell = g_strdup(cell);
    observation->kernel = g_strdup(kernel);
    observation->release = g_strdup(release ? release : kernel);
    observation->recipe = g_strdup(recipe);
    observation->variant = g_strdup(variant);
    observation->baseline = baseline;
    observation->repetition = repetition;
    observation->alternatives = g_new0(char *, 1);
    observation->time_to_crash_ms = -1;
    return observation;
}

void
lab_observation_free(LabObservation *observation)
{
    if (!observation)
        return;
    g_free(observation->cell);
    g_free(observation->kernel);
    g_free(observation->release);
    g_free(observation->recipe);
    g_free(observation->variant);
    g_free(observation->why);
    g_free(observation->title);
    g_free(observation->type);
    g_strfreev(observation->alternatives);
    g_free(observation->k0);
    g_free(observation->k1);
    lab_crash_trace_free(observation->trace);
    json_decref(observation->metrics);
    g_free(observation);
}

void
lab_observation_set_result(LabObservation *observation, const json_t *result)
{
    const json_t *crash = lab_json_member(result, "crash");
    const json_t *signature = lab_json_member(crash, "signature");
    json_t *metrics = lab_json_member(result, "metrics");

    if (!result)
        return;
    observation->state = lab_state_from_name(lab_json_string(result, "state"));
    if (observation->state == LAB_STATE_RAN)
        observation->outcome = lab_outcome_from_name(lab_json_string(result, "outcome"));
    observation->why = g_strdup(lab_json_string(result, "why"));
    observation->title = g_strdup(lab_json_string(crash, "title"));
    observation->type = g_strdup(lab_json_string(crash, "type"));
    g_strfreev(observation->alternatives);
    observation->alternatives = lab_json_to_strv(lab_json_member(crash, "alternatives"));
    observation->k0 = g_strdup(lab_json_string(signature, "k0"));
    observation->k1 = g_strdup(lab_json_string(signature, "k1"));
    observation->trace = lab_crash_trace_new_from_json(crash);
    observation->time_to_crash_ms = lab_json_int(result, "time_to_crash_ms", -1);
    /* A pass without it is worth nothing; a recipe without a condition has null here. */
    observation->reached = lab_json_bool(lab_json_member(result, "reached"), "held", TRUE);
    /* What a failed lab measured is no measurement. */
    if (observation->state != LAB_STATE_RAN)
        observation->time_to_crash_ms = -1;
    else if (json_is_object(metrics))
        observation->metrics = json_incref(metrics);
}

GPtrArray *
lab_analysis_read_run(LabRun *run, GError **error)
{
    const GPtrArray *cells = lab_run_cells(run, error);
    g_autoptr(GPtrArray) list = NULL;

    if (!cells)
        return NULL;
    list = g_ptr_array_new_with_free_func((GDestroyNotify)lab_observation_free);
    for (guint i = 0; i < cells->len; i++) {
        const LabRunCell *cell = cells->pdata[i];
        g_autoptr(LabCell) whole = lab_run_read_cell(run, cell, error);
        g_autoptr(json_t) result = NULL;
        LabObservation *observation;

        if (!whole)
            return NULL;
        observation = lab_observation_new(cell->id, cell->kernel, cell->release, cell->recipe,
                                          cell->variant, whole->baseline, cell->repetition);
        g_ptr_array_add(list, observation);
        /* An unreadable result is a missing one: the worker was lost. */
        result = lab_run_read_result(run, cell, NULL);
        lab_observation_set_result(observation, result);
    }
    return g_steal_pointer(&list);
}

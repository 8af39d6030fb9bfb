/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells as the comparison sees them. */
#include "lab-analysis.h"

#include <math.h>
#include <string.h>

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
    observation->exposed_ms = -1;
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
    g_free(observation->metrics);
    g_free(observation);
}

/* Finite numbers of 'object', with 'prefix' before their names. */
static void
add_metrics(GArray *metrics, const json_t *object, const char *prefix)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)object, name, value) {
        g_autofree char *whole = g_strconcat(prefix, name, NULL);
        LabMetric metric = {.value = json_number_value(value)};

        if (!json_is_number(value) || !isfinite(metric.value))
            continue;
        metric.name = g_intern_string(whole);
        g_array_append_val(metrics, metric);
    }
}

static void
set_metrics(LabObservation *observation, const json_t *result)
{
    GArray *metrics = g_array_new(FALSE, FALSE, sizeof(LabMetric));

    add_metrics(metrics, lab_json_member(result, "metrics"), "");
    observation->n_metrics = metrics->len;
    add_metrics(metrics, lab_json_member(result, "vmstat"), "vmstat.");
    observation->n_values = metrics->len;
    observation->metrics = (LabMetric *)(void *)g_array_free(metrics, FALSE);
}

/* How long the stressor ran; -1: not known. */
static gint64
exposed_ms(const json_t *result)
{
    json_t *phases = lab_json_member(result, "phases");
    json_t *phase;
    gsize i;

    json_array_foreach (phases, i, phase)
        if (g_strcmp0(lab_json_string(phase, "name"), "run") == 0)
            return lab_json_int(phase, "duration_ms", -1);
    return -1;
}

/* facts.suspect says why: a word, a list or an object; or just true. */
static gboolean
is_suspect(const json_t *result)
{
    const json_t *suspect = lab_json_member(lab_json_member(result, "facts"), "suspect");

    return json_is_true(suspect) || json_is_string(suspect) || json_array_size(suspect) > 0 ||
           json_object_size(suspect) > 0;
}

double
lab_observation_metric(const LabObservation *observation, const char *name)
{
    for (guint i = 0; i < observation->n_values; i++)
        if (strcmp(observation->metrics[i].name, name) == 0)
            return observation->metrics[i].value;
    return NAN;
}

void
lab_observation_set_result(LabObservation *observation, const json_t *result)
{
    const json_t *crash = lab_json_member(result, "crash");
    const json_t *signature = lab_json_member(crash, "signature");

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
    observation->suspect = is_suspect(result);
    /* What a failed lab measured is no measurement. */
    if (observation->state != LAB_STATE_RAN) {
        observation->time_to_crash_ms = -1;
        return;
    }
    observation->exposed_ms = exposed_ms(result);
    set_metrics(observation, result);
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

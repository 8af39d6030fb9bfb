/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells as the comparison sees them. */
#include "lab-analysis.h"

#include <math.h>
#include <string.h>

#include "lab-error.h"
#include "lab-journal.h"
#include "lab-json.h"

struct LabSharedTrace {
    LabCrashTrace *trace;
};

static void
shared_trace_clear(gpointer data)
{
    lab_crash_trace_free(((LabSharedTrace *)data)->trace);
}

static void
shared_trace_unref(gpointer data)
{
    g_rc_box_release_full(data, shared_trace_clear);
}

LabObservation *
lab_observation_new(const char *cell, const char *kernel, const char *release, const char *recipe,
                    const char *variant, gboolean baseline, int repetition)
{
    LabObservation *observation = g_new0(LabObservation, 1);

    observation->cell = g_strdup(cell);
    observation->kernel = g_intern_string(kernel);
    observation->release = g_intern_string(release ? release : kernel);
    observation->recipe = g_intern_string(recipe);
    observation->variant = g_intern_string(variant);
    observation->baseline = baseline;
    observation->repetition = repetition;
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
    g_free(observation->why);
    g_clear_pointer(&observation->shared, shared_trace_unref);
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

double
lab_observation_metric(const LabObservation *observation, const char *name)
{
    for (guint i = 0; i < observation->n_values; i++)
        if (strcmp(observation->metrics[i].name, name) == 0)
            return observation->metrics[i].value;
    return NAN;
}

/* Thousands of cells crash alike: 'seen' (crash -> LabSharedTrace) has what was made; or NULL. */
static void
set_crash(LabObservation *observation, json_t *crash, GHashTable *seen)
{
    LabSharedTrace *shared = seen && crash ? g_hash_table_lookup(seen, crash) : NULL;
    LabCrashTrace *trace;

    if (shared) {
        observation->shared = g_rc_box_acquire(shared);
    } else {
        trace = lab_crash_trace_new_from_json(crash);
        if (!trace)
            return;
        observation->shared = g_rc_box_new0(LabSharedTrace);
        observation->shared->trace = trace;
        if (seen)
            g_hash_table_insert(seen, json_incref(crash), g_rc_box_acquire(observation->shared));
    }
    observation->trace = observation->shared->trace;
    observation->title = observation->trace->title;
    observation->k0 = observation->trace->k0;
    observation->k1 = observation->trace->k1;
}

static void
set_result(LabObservation *observation, const json_t *result, GHashTable *seen)
{
    if (!result)
        return;
    observation->state = lab_state_from_name(lab_json_string(result, "state"));
    if (observation->state == LAB_STATE_RAN)
        observation->outcome = lab_outcome_from_name(lab_json_string(result, "outcome"));
    observation->why = g_strdup(lab_json_string(result, "why"));
    set_crash(observation, lab_json_member(result, "crash"), seen);
    observation->time_to_crash_ms = lab_json_int(result, "time_to_crash_ms", -1);
    /* A pass without it is worth nothing; a recipe without a condition has null here. */
    observation->reached = lab_json_bool(lab_json_member(result, "reached"), "held", TRUE);
    observation->suspect = json_is_object(lab_json_member(result, "suspect"));
    /* What a failed lab measured is no measurement. */
    if (observation->state != LAB_STATE_RAN) {
        observation->time_to_crash_ms = -1;
        return;
    }
    observation->exposed_ms = exposed_ms(result);
    set_metrics(observation, result);
}

void
lab_observation_set_result(LabObservation *observation, const json_t *result)
{
    set_result(observation, result, NULL);
}

typedef struct {
    GPtrArray *list, *briefs;
    GHashTable *seen;
    GHashTable *spared;
    gboolean adaptive;
} Reading;

static void
take_result(const LabRunCell *cell, const json_t *result, gpointer data)
{
    Reading *reading = data;
    LabObservation *observation;

    if (g_hash_table_contains(reading->spared, cell->id))
        return;
    observation = lab_observation_new(cell->id, cell->kernel, cell->release, cell->recipe,
                                      cell->variant, cell->baseline, cell->repetition);
    observation->adaptive = reading->adaptive;
    /* An unreadable result is a missing one: the worker was lost. */
    set_result(observation, result, reading->seen);
    g_ptr_array_add(reading->list, observation);
    if (reading->briefs)
        g_ptr_array_add(reading->briefs,
                        result ? lab_brief_new_from_result(result) : lab_brief_new());
}

GPtrArray *
lab_analysis_read_run(LabRun *run, GPtrArray *briefs, GError **error)
{
    g_autoptr(GPtrArray)
        list = g_ptr_array_new_with_free_func((GDestroyNotify)lab_observation_free);
    g_autoptr(GHashTable)
        seen = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)json_decref, shared_trace_unref);
    g_autoptr(GHashTable) spared = lab_journal_spared(run, error);
    Reading reading = {list, briefs, seen, spared, lab_run_is_adaptive(run)};

    return spared && lab_run_each_result(run, take_result, &reading, error) ? g_steal_pointer(&list)
                                                                            : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to the agent and waiting for what may come of them. */
#include "lab-life.h"

#include "lab-error.h"
#include "lab-json.h"

#define TICK_MS          1000
#define METRICS_EVERY_MS 5000
#define FLOOD_MS         5000

gboolean
lab_life_stopped(const LabLife *life)
{
    return life->panic_ms >= 0 || life->pvpanic_ms >= 0 || life->capture_started || life->reset ||
           life->shutdown || life->gone;
}

/* When silence becomes a hang, or G_MAXINT64 before the agent was there. */
static gint64
silent_at_ms(const LabLife *life)
{
    gint64 patience_ms = life->cell->deadlines.heartbeat_ms;

    if (life->hello_ms < 0)
        return G_MAXINT64;
    for (guint i = 0; life->cell->detectors && i < life->cell->detectors->len; i++) {
        const LabDetector *detector = g_ptr_array_index(life->cell->detectors, i);

        if (g_strcmp0(detector->kind, "no-heartbeat") == 0 && detector->after_ms > 0)
            patience_ms = (gint64)((double)detector->after_ms * life->time_factor);
    }
    return MAX(life->heartbeat_ms, life->console_ms) + patience_ms;
}

/* On a starved host silence means nothing: the guest gets the time until the deadline. */
static gboolean
silence_is_the_hosts(LabLife *life)
{
    LabHostSample now;
    g_autofree char *why = NULL;

    lab_host_sample(&now, lab_life_qemu_pid(life));
    if (!lab_host_starved(&life->heartbeat_sample, &now, &why))
        return FALSE;
    if (!life->told_starved)
        lab_life_warn(life, "no heartbeat, but %s: waiting on", why);
    life->told_starved = TRUE;
    return TRUE;
}

/* What has come in already is looked at before a deadline is held against anybody, unless a guest
 * never stops talking. */
static gboolean
is_past(const LabLife *life, gint64 now_ms, gint64 limit_ms)
{
    return now_ms >= limit_ms && (life->idle || now_ms >= limit_ms + FLOOD_MS);
}

LabWait
lab_life_wait(LabLife *life, gboolean (*done)(LabLife *life), gint64 deadline_ms, GError **error)
{
    life->idle = FALSE;
    for (;;) {
        gint64 now_ms = lab_guest_now_ms(life->guest);
        gint64 silent_ms = silent_at_ms(life);

        if (done && done(life))
            return LAB_WAIT_GOT;
        if (lab_life_stopped(life))
            return LAB_WAIT_STOPPED;
        if (is_past(life, now_ms, silent_ms) &&
            (is_past(life, now_ms, deadline_ms) || !silence_is_the_hosts(life)))
            return LAB_WAIT_SILENT;
        if (is_past(life, now_ms, deadline_ms))
            return LAB_WAIT_DEADLINE;
        if (life->run_ms >= 0 && !lab_life_poll_metrics(life, METRICS_EVERY_MS, error))
            return LAB_WAIT_ERROR;
        if (silent_ms <= now_ms)
            silent_ms = now_ms + (life->idle ? TICK_MS : 0);
        if (!lab_life_step(life, MAX(MIN(deadline_ms, silent_ms), now_ms), error))
            return LAB_WAIT_ERROR;
    }
}

gboolean
lab_life_drain(LabLife *life, gboolean (*done)(LabLife *life), gint64 deadline_ms, GError **error)
{
    while (!(done && done(life)) && !life->gone && lab_guest_now_ms(life->guest) < deadline_ms)
        if (!lab_life_step(life, deadline_ms, error))
            return FALSE;
    return TRUE;
}

int
lab_life_send(LabLife *life, json_t *request, const void *data, gsize length, GError **error)
{
    g_autoptr(json_t) message = request;
    int id = life->next_id++;

    json_object_set_new(message, "id", json_integer(id));
    if (length > 0)
        json_object_set_new(message, "bytes", json_integer((json_int_t)length));
    if (!lab_guest_agent_send(life->guest, message, data, length, error))
        return -1;
    g_hash_table_insert(life->answers, GINT_TO_POINTER(id), NULL);
    return id;
}

static gboolean
answered(LabLife *life)
{
    return g_hash_table_lookup(life->answers, GINT_TO_POINTER(life->awaited_id)) != NULL;
}

LabWait
lab_life_call(LabLife *life, json_t *request, const void *data, gsize length, gint64 deadline_ms,
              json_t **answer, GError **error)
{
    LabWait end;

    life->awaited_id = lab_life_send(life, request, data, length, error);
    if (life->awaited_id < 0)
        return LAB_WAIT_ERROR;
    end = lab_life_wait(life, answered, deadline_ms, error);
    if (end == LAB_WAIT_GOT) {
        json_decref(life->answer);
        life->answer =
            json_incref(g_hash_table_lookup(life->answers, GINT_TO_POINTER(life->awaited_id)));
        *answer = life->answer;
    }
    g_hash_table_remove(life->answers, GINT_TO_POINTER(life->awaited_id));
    return end;
}

gboolean
lab_life_poll_metrics(LabLife *life, gint64 every_ms, GError **error)
{
    gint64 now_ms = lab_guest_now_ms(life->guest);

    if (life->metrics_id >= 0 || now_ms - life->metrics_ms < every_ms)
        return TRUE;
    life->metrics_ms = now_ms;
    life->metrics_id = lab_life_send(life, json_pack("{s:s}", "verb", "metrics"), NULL, 0, error);
    return life->metrics_id >= 0;
}

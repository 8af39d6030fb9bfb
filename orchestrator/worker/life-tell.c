/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Phases and what the parent hears of them on its descriptor. */
#include "lab-life.h"

#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

static gint64
age_ms(const LabLife *life)
{
    return (g_get_monotonic_time() - life->started_us) / 1000;
}

/* A parent that went away is no reason to fail: it sends its own signal. */
static void
tell(LabLife *life, json_t *event)
{
    g_autofree char *line = NULL;
    g_autofree char *text = NULL;

    if (life->event_fd < 0)
        return;
    json_object_set_new(event, "cell", lab_json_text(life->cell->id));
    line = lab_json_line(event);
    text = g_strconcat(line, "\n", NULL);
    if (!lab_fd_write_all(life->event_fd, text, strlen(text), NULL))
        life->event_fd = -1;
}

void
lab_life_enter(LabLife *life, const char *phase)
{
    g_autoptr(json_t) event = NULL;
    gint64 now_ms = age_ms(life);

    if (g_strcmp0(phase, life->phase) == 0)
        return;
    if (life->phase)
        json_array_append_new(life->found->phases,
                              json_pack("{s:s,s:I,s:I}", "name", life->phase, "start_ms",
                                        (json_int_t)life->phase_start_ms, "duration_ms",
                                        (json_int_t)(now_ms - life->phase_start_ms)));
    g_free(life->phase);
    life->phase = g_strdup(phase);
    life->phase_start_ms = now_ms;
    event =
        json_pack("{s:s,s:s,s:I}", "event", "phase", "phase", phase, "t_ms", (json_int_t)now_ms);
    tell(life, event);
}

void
lab_life_warn(LabLife *life, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autoptr(json_t) event = json_object();
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    lab_warn("%s", text);
    json_object_set_new(event, "event", json_string("warning"));
    json_object_set_new(event, "text", lab_json_text(text));
    tell(life, event);
}

void
lab_life_tell_speed(LabLife *life)
{
    g_autoptr(json_t) event = json_pack("{s:s,s:f}", "event", "speed", "factor", life->time_factor);

    tell(life, event);
}

void
lab_life_tell_guest(LabLife *life)
{
    g_autoptr(json_t)
        event = json_pack("{s:s,s:i}", "event", "guest", "pid", lab_life_qemu_pid(life));

    if (lab_life_qemu_pid(life) > 0)
        tell(life, event);
}

void
lab_life_tell_result(LabLife *life, const json_t *result)
{
    g_autoptr(json_t) event = json_object();
    json_t *crash = lab_json_member(result, "crash");

    json_object_set_new(event, "event", json_string("result"));
    json_object_set(event, "state", lab_json_member(result, "state"));
    json_object_set(event, "outcome", lab_json_member(result, "outcome"));
    json_object_set_new(event, "title", lab_json_text(lab_json_string(crash, "title")));
    tell(life, event);
}

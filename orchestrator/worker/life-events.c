/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest does, taken in: the only place that changes what was seen. All of it is hostile.
 */
#include "lab-life.h"

#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define MAX_EVIDENCE_TEXT (4u << 20)
#define MAX_STRESSOR_LOG  (64u << 20)
#define MAX_STRESSOR_LINE 4096
#define MAX_MEMORY_POINTS 500

static gboolean
has(const char *text, gsize length, const char *needle)
{
    return memmem(text, length, needle, strlen(needle)) != NULL;
}

/* After the kernel's time stamp, if there is one. */
static gboolean
is_banner(const char *text, gsize length)
{
    static const char words[] = "Linux version ";
    const char *close = length > 0 && *text == '[' ? memchr(text, ']', MIN(length, 24)) : NULL;
    gsize skip = close ? (gsize)(close - text) + 1 : 0;

    if (skip < length && text[skip] == ' ')
        skip++;
    return length - skip > strlen(words) && memcmp(text + skip, words, strlen(words)) == 0;
}

/* A second banner is the capture kernel's: a reset would have ended the domain. */
static void
capture_line(LabLife *life, const char *text, gsize length)
{
    static const char *const memory_words[] = {"Out of memory", "invoked oom-killer",
                                               "System is deadlocked on memory",
                                               "Initramfs unpacking failed: write error"};

    for (gsize i = 0; i < G_N_ELEMENTS(memory_words); i++)
        if (has(text, length, memory_words[i]))
            life->capture_out_of_memory = TRUE;
    if (!life->capture_failure && has(text, length, "Kernel panic - not syncing"))
        life->capture_failure = lab_text_clean(text, (gssize)length, FALSE);
}

/* Lines that came after the lab itself asked for output (sysrq, NMI): evidence, but no report. */
static void
evidence_line(LabLife *life, const char *text, gsize length, gint64 time_ms)
{
    if (life->evidence_text->len < MAX_EVIDENCE_TEXT) {
        g_string_append_len(life->evidence_text, text, (gssize)length);
        g_string_append_c(life->evidence_text, '\n');
    }
    if (life->panic_ms < 0 && has(text, length, "Kernel panic - not syncing"))
        life->panic_ms = time_ms;
    if (has(text, length, "---[ end Kernel panic"))
        life->panic_ended = TRUE;
}

static void
match_patterns(LabLife *life, const char *text, gsize length)
{
    for (guint i = 0; !life->found->pattern_line && i < life->patterns->len; i++)
        if (g_regex_match_full(g_ptr_array_index(life->patterns, i), text, (gssize)length, 0, 0,
                               NULL, NULL))
            life->found->pattern_line = g_strndup(text, MIN(length, 512));
}

/* A module has no stdout: its metrics come through the kernel's log. */
static void
module_metric(LabLife *life, const char *text, gsize length)
{
    const char *metric = memmem(text, length, "@metric ", 8);

    if (metric)
        lab_findings_metric_line(life->found, metric, length - (gsize)(metric - text));
}

static void
feed_parser(LabLife *life, const char *text, gsize length, gint64 time_ms)
{
    lab_crash_parser_feed(life->parser, text, length);
    if (life->report_ms < 0 && lab_crash_parser_has_report(life->parser)) {
        life->report_ms = time_ms;
        lab_host_sample(&life->report_sample, lab_life_qemu_pid(life));
    }
    if (life->panic_ms < 0 && lab_crash_parser_has_panicked(life->parser))
        life->panic_ms = time_ms;
    life->panic_ended |= lab_crash_parser_panic_ended(life->parser);
}

void
lab_life_console_line(LabLife *life, const char *text, gsize length, gint64 time_ms)
{
    life->console_lines++;
    life->console_ms = time_ms;
    if (is_banner(text, length) && ++life->banners > 1 && life->capture_loaded)
        life->capture_started = TRUE;
    if (life->capture_started) {
        capture_line(life, text, length);
        return;
    }
    if (life->parser_closed) {
        evidence_line(life, text, length, time_ms);
        return;
    }
    feed_parser(life, text, length, time_ms);
    match_patterns(life, text, length);
    if (life->cell->stressor.kind == LAB_STRESSOR_MODULE && life->run_ms >= 0)
        module_metric(life, text, length);
}

static void
on_hello(LabLife *life, json_t *message, gint64 time_ms)
{
    json_t *facts = json_object();

    if (g_strcmp0(lab_json_string(message, "mode"), "capture") == 0) {
        life->capture_started = TRUE;
        json_decref(facts);
        return;
    }
    life->heartbeat_ms = time_ms;
    if (life->hello_ms < 0) {
        life->hello = json_incref(message);
        life->hello_ms = time_ms;
        life->found->boot_ms = time_ms;
        life->found->evidence.reached_agent = TRUE;
    }
    json_object_set_new(facts, "version", json_integer(lab_json_int(message, "version", 0)));
    json_object_set_new(facts, "agent", lab_json_text(lab_json_string(message, "agent")));
    json_object_set_new(facts, "release", lab_json_text(lab_json_string(message, "release")));
    json_object_set_new(facts, "boot_ms", json_integer(lab_json_int(message, "boot_ms", -1)));
    json_object_set_new(facts, "kexec_crash_size",
                        json_integer(lab_json_int(message, "kexec_crash_size", 0)));
    if (json_array_size(lab_json_member(message, "module_errors")) > 0)
        json_object_set(facts, "module_errors", lab_json_member(message, "module_errors"));
    json_object_set_new(life->found->facts, "agent", facts);
}

/* At most MAX_MEMORY_POINTS over the whole run: the step doubles when they are full. */
static void
add_memory_point(LabLife *life, gint64 time_ms, gint64 available_kb)
{
    json_t *memory = life->found->memory;
    gsize n = json_array_size(memory);

    if (available_kb < 0)
        return;
    if (n > 0 && time_ms - json_integer_value(json_array_get(json_array_get(memory, n - 1), 0)) <
                     life->memory_step_ms)
        return;
    if (n >= MAX_MEMORY_POINTS) {
        for (gsize i = 1; i < json_array_size(memory); i++)
            json_array_remove(memory, i);
        life->memory_step_ms = MAX(life->memory_step_ms * 2, 1000);
    }
    json_array_append_new(memory,
                          json_pack("[I,I]", (json_int_t)time_ms, (json_int_t)available_kb));
}

static void
on_heartbeat(LabLife *life, const json_t *message, gint64 time_ms)
{
    if (life->capture_started)
        return;
    life->heartbeat_ms = time_ms;
    lab_host_sample(&life->heartbeat_sample, lab_life_qemu_pid(life));
    add_memory_point(life, time_ms, lab_json_int(message, "mem_available_kb", -1));
}

/* Whole lines of stdout are looked at for metrics; an endless line is cut. */
static void
scan_metrics(LabLife *life, const char *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (bytes[i] != '\n') {
            if (life->stressor_line->len < MAX_STRESSOR_LINE)
                g_string_append_c(life->stressor_line, bytes[i]);
            continue;
        }
        lab_findings_metric_line(life->found, life->stressor_line->str, life->stressor_line->len);
        g_string_truncate(life->stressor_line, 0);
    }
}

static gboolean
on_output(LabLife *life, const json_t *message, GBytes *data, GError **error)
{
    gsize length = 0;
    const char *bytes = data ? g_bytes_get_data(data, &length) : NULL;
    gboolean is_stdout;
    gsize room;

    if (!bytes || life->stressor_id < 0 || lab_json_int(message, "id", -1) != life->stressor_id)
        return TRUE;
    is_stdout = g_strcmp0(lab_json_string(message, "stream"), "stdout") == 0;
    if (is_stdout)
        scan_metrics(life, bytes, length);
    if (life->output)
        life->output(life, !is_stdout, bytes, length);
    room = life->stressor_bytes < MAX_STRESSOR_LOG ? MAX_STRESSOR_LOG - life->stressor_bytes : 0;
    life->stressor_bytes += length;
    if (life->stressor_log < 0 || room == 0)
        return TRUE;
    if (lab_fd_write_all(life->stressor_log, bytes, MIN(room, length), error))
        return TRUE;
    g_prefix_error(error, "writing stressor.log: ");
    return FALSE;
}

static void
on_stressor_exit(LabLife *life, const json_t *message)
{
    if (life->stressor_id < 0 || lab_json_int(message, "id", -1) != life->stressor_id)
        return;
    life->found->exited = TRUE;
    life->found->exit_status = (int)lab_json_int(message, "status", -1);
    life->found->exit_signal = (int)lab_json_int(message, "signal", 0);
}

static void
on_answer(LabLife *life, json_t *message, gint64 id)
{
    json_t *vmstat;

    if (id <= 0 || id > G_MAXINT)
        return;
    if (id == life->metrics_id) {
        vmstat = lab_json_member(message, "vmstat");
        life->metrics_id = -1;
        g_hash_table_remove(life->answers, GINT_TO_POINTER((int)id));
        if (!json_is_object(vmstat))
            return;
        if (!life->vmstat_first) {
            life->vmstat_first = json_incref(vmstat);
        } else {
            json_decref(life->vmstat_last);
            life->vmstat_last = json_incref(vmstat);
        }
        return;
    }
    if (g_hash_table_contains(life->answers, GINT_TO_POINTER((int)id)))
        g_hash_table_insert(life->answers, GINT_TO_POINTER((int)id), json_incref(message));
}

gboolean
lab_life_agent_frame(LabLife *life, json_t *message, GBytes *data, gint64 time_ms, GError **error)
{
    const char *event = lab_json_string(message, "event");

    if (!event) {
        on_answer(life, message, lab_json_int(message, "id", -1));
        return TRUE;
    }
    if (strcmp(event, "hello") == 0)
        on_hello(life, message, time_ms);
    else if (strcmp(event, "heartbeat") == 0)
        on_heartbeat(life, message, time_ms);
    else if (strcmp(event, "output") == 0)
        return on_output(life, message, data, error);
    else if (strcmp(event, "exit") == 0)
        on_stressor_exit(life, message);
    return TRUE;
}

static void
on_dump_end(LabLife *life, const LabGuestEvent *event)
{
    life->dump_ended = TRUE;
    life->dump_bytes = (gint64)event->bytes;
    g_free(life->dump_error);
    life->dump_error = event->text ? lab_text_clean(event->text, -1, FALSE) : NULL;
    if (life->dump_error && strcasestr(life->dump_error, "out of memory"))
        life->capture_out_of_memory = TRUE;
}

static gboolean
take(LabLife *life, const LabGuestEvent *event, GError **error)
{
    switch (event->type) {
    case LAB_GUEST_EVENT_CONSOLE:
        lab_life_console_line(life, event->text, event->length, event->time_ms);
        break;
    case LAB_GUEST_EVENT_AGENT:
        return lab_life_agent_frame(life, event->message, event->data, event->time_ms, error);
    case LAB_GUEST_EVENT_AGENT_BAD:
        life->agent_bad = TRUE;
        lab_life_warn(life, "the agent's stream broke the protocol: %s", event->text);
        break;
    case LAB_GUEST_EVENT_DUMP_BEGIN:
        life->capture_started = life->dump_begun = TRUE;
        break;
    case LAB_GUEST_EVENT_DUMP_DATA:
        life->dump_bytes = (gint64)event->bytes;
        break;
    case LAB_GUEST_EVENT_DUMP_END:
        on_dump_end(life, event);
        break;
    case LAB_GUEST_EVENT_PVPANIC:
        life->pvpanic_ms = event->time_ms;
        break;
    case LAB_GUEST_EVENT_RESET:
        life->reset = TRUE;
        break;
    case LAB_GUEST_EVENT_SHUTDOWN:
        life->shutdown = TRUE;
        break;
    case LAB_GUEST_EVENT_GONE:
        life->gone = TRUE;
        g_free(life->gone_why);
        life->gone_why = lab_text_clean(event->text ? event->text : "", -1, FALSE);
        break;
    case LAB_GUEST_EVENT_CANCELLED:
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_CANCELLED, "stopped by a signal");
        return FALSE;
    case LAB_GUEST_EVENT_DEADLINE:
        break;
    }
    return TRUE;
}

gboolean
lab_life_step(LabLife *life, gint64 deadline_ms, GError **error)
{
    g_autoptr(LabGuestEvent) event = lab_guest_next(life->guest, deadline_ms, error);

    life->idle = event && event->type == LAB_GUEST_EVENT_DEADLINE;
    return event && take(life, event, error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scripted-guest.h"

#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-runtime.h"
#include "lab-template.h"

Script script;
Asked asked;

struct LabGuest {
    GQueue events; /* LabGuestEvent, by time */
    GString *console;
    char *directory;
    char *dump_path;
    gint64 now_ms;
    gint64 beat_ms; /* next heartbeat */
    gboolean is_template, is_clone;
};

struct LabTemplate {
    int references;
    json_t *json;
};

struct LabTemplateClaim {
    int taken;
};

static char saved_token[64]; /* as the agent in the template was given it */

/* Is this the step of the warm way that is to fail? */
static gboolean
warm_fails(const char *step)
{
    return g_strcmp0(script.warm_fails, step) == 0;
}

static gboolean
set_failure(GError **error)
{
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "scripted trouble: %s",
                script.warm_fails);
    return FALSE;
}

static int
by_time(gconstpointer a, gconstpointer b, gpointer data)
{
    gint64 difference = ((const LabGuestEvent *)a)->time_ms - ((const LabGuestEvent *)b)->time_ms;

    return difference < 0 ? -1 : difference > 0;
}

static LabGuestEvent *
at(LabGuest *guest, gint64 time_ms, LabGuestEventType type)
{
    LabGuestEvent *event = g_new0(LabGuestEvent, 1);

    event->type = type;
    event->time_ms = time_ms;
    g_queue_insert_sorted(&guest->events, event, by_time, NULL);
    return event;
}

static void
say(LabGuest *guest, gint64 from_ms, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    for (char **line = lines; *line; line++) {
        LabGuestEvent *event;

        if (!**line)
            continue;
        event = at(guest, from_ms++, LAB_GUEST_EVENT_CONSOLE);
        event->text = g_strdup(*line);
        event->length = strlen(*line);
    }
}

static void
agent(LabGuest *guest, gint64 time_ms, json_t *message, const char *data)
{
    LabGuestEvent *event = at(guest, time_ms, LAB_GUEST_EVENT_AGENT);

    event->message = message;
    event->data = data ? g_bytes_new(data, strlen(data)) : NULL;
}

static gboolean
agent_lives(const LabGuest *guest, gint64 time_ms)
{
    if (guest->is_clone && warm_fails("mute"))
        return FALSE;
    return script.boot_ms >= 0 && time_ms >= script.boot_ms &&
           (script.heartbeats_end_ms == 0 || time_ms < script.heartbeats_end_ms);
}

static void
start_stressor(LabGuest *guest, json_int_t id)
{
    gint64 now_ms = guest->now_ms;

    say(guest, now_ms + 10, script.run_console);
    if (script.output)
        agent(guest, now_ms + 5,
              json_pack("{s:s,s:I,s:s}", "event", "output", "id", id, "stream", "stdout"),
              script.output);
    if (script.exit_after_ms >= 0)
        agent(guest, now_ms + script.exit_after_ms,
              json_pack("{s:s,s:I,s:i,s:i}", "event", "exit", "id", id, "status",
                        script.exit_status, "signal", 0),
              NULL);
    if (script.pvpanic_after_ms > 0 && !script.nmi_console)
        at(guest, now_ms + script.pvpanic_after_ms, LAB_GUEST_EVENT_PVPANIC);
    if (script.dump_after_ms > 0) {
        at(guest, now_ms + script.dump_after_ms, LAB_GUEST_EVENT_DUMP_BEGIN);
        at(guest, now_ms + script.dump_after_ms + 1000, LAB_GUEST_EVENT_DUMP_END)->text =
            g_strdup(script.dump_error);
    }
}

LabGuest *
lab_guest_new_replay(const LabGuestConfig *config, const char *directory, GError **error)
{
    LabGuest *guest = g_new0(LabGuest, 1);

    asked.made++;
    g_queue_init(&guest->events);
    guest->console = g_string_new(NULL);
    guest->directory = g_strdup(config->cell_directory);
    return guest;
}

LabGuest *
lab_guest_new_libvirt(const LabGuestConfig *config, GError **error)
{
    return lab_guest_new_replay(config, NULL, error);
}

gboolean
lab_guest_start(LabGuest *guest, GError **error)
{
    if (guest->is_template && warm_fails("unable")) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "scripted trouble: unable (x-ignore-shared)");
        return FALSE;
    }
    if ((guest->is_template && warm_fails("boot")) || (guest->is_clone && warm_fails("restore")))
        return set_failure(error);
    asked.starts++;
    if (guest->is_clone && warm_fails("gone"))
        at(guest, 5, LAB_GUEST_EVENT_GONE)->text = g_strdup("Killed");
    if (guest->is_clone && warm_fails("cancelled"))
        at(guest, 0, LAB_GUEST_EVENT_CANCELLED);
    if (guest->is_clone) {
        guest->now_ms = script.boot_ms;
        guest->beat_ms = script.boot_ms + 1000;
        return TRUE;
    }
    say(guest, 10, script.boot_console);
    if (script.boot_ms >= 0) {
        agent(guest, script.boot_ms,
              json_pack("{s:s,s:i,s:s,s:s,s:I}", "event", "hello", "version", 1, "mode", "init",
                        "release", "6.1.0", "kexec_crash_size",
                        (json_int_t)script.kexec_crash_size),
              NULL);
        guest->beat_ms = script.boot_ms + 1000;
    }
    if (script.reset_ms)
        at(guest, script.reset_ms, LAB_GUEST_EVENT_RESET);
    if (script.shutdown_ms)
        at(guest, script.shutdown_ms, LAB_GUEST_EVENT_SHUTDOWN);
    if (script.gone_ms)
        at(guest, script.gone_ms, LAB_GUEST_EVENT_GONE)->text = g_strdup("Killed \x1b[31m");
    if (script.cancel_ms)
        at(guest, script.cancel_ms, LAB_GUEST_EVENT_CANCELLED);
    return TRUE;
}

static void
beat(LabGuest *guest, gint64 deadline_ms)
{
    while (guest->beat_ms > 0 && guest->beat_ms <= deadline_ms &&
           agent_lives(guest, guest->beat_ms)) {
        agent(guest, guest->beat_ms,
              json_pack("{s:s,s:i}", "event", "heartbeat", "mem_available_kb", 100000), NULL);
        guest->beat_ms += 1000;
    }
}

LabGuestEvent *
lab_guest_next(LabGuest *guest, gint64 deadline_ms, GError **error)
{
    LabGuestEvent *event;

    beat(guest, deadline_ms);
    event = g_queue_peek_head(&guest->events);
    if (!event || event->time_ms > deadline_ms) {
        guest->now_ms = MAX(guest->now_ms, deadline_ms);
        return at(guest, -1, LAB_GUEST_EVENT_DEADLINE), g_queue_pop_head(&guest->events);
    }
    g_queue_pop_head(&guest->events);
    guest->now_ms = MAX(guest->now_ms, event->time_ms);
    if (event->type == LAB_GUEST_EVENT_CONSOLE)
        g_string_append_printf(guest->console, "@+%" G_GINT64_FORMAT " %s\n", event->time_ms,
                               event->text);
    return event;
}

const char *
lab_guest_directory(const LabGuest *guest)
{
    return guest->directory;
}

gint64
lab_guest_now_ms(LabGuest *guest)
{
    return guest->now_ms;
}

void
lab_guest_cancel(LabGuest *guest)
{
    at(guest, 0, LAB_GUEST_EVENT_CANCELLED);
}

/* The agent's words to verbs of templates and clones, true or as the script has them. */
static json_t *
answer_to(const json_t *message, const char *verb, json_int_t id, gint64 now_ms)
{
    json_t *answer =
        json_pack("{s:I,s:b,s:{s:I}}", "id", id, "ok", 1, "vmstat", "pgfault", (json_int_t)now_ms);

    if (strcmp(verb, "environment") == 0) {
        asked.environments++;
        if (script.environment)
            json_object_set_new(answer, "environment", json_loads(script.environment, 0, NULL));
    }
    if (strcmp(verb, "set") == 0 && script.value)
        json_object_set_new(answer, "value", json_string(script.value));
    if (strcmp(verb, "template") == 0)
        g_strlcpy(saved_token, lab_json_string(message, "token"), sizeof saved_token);
    if (strcmp(verb, "template") != 0 && strcmp(verb, "clone") != 0)
        return answer;
    json_object_set_new(answer, "capture_loaded", json_boolean(FALSE));
    json_object_set_new(answer, "boot_id", json_string("5c2a"));
    if (strcmp(verb, "template") == 0)
        return answer;
    json_object_set_new(answer, "token",
                        json_string(warm_fails("token") ? "another one" : saved_token));
    json_object_set_new(answer, "n", json_integer(warm_fails("woken") ? 2 : 1));
    json_object_set_new(answer, "clock_errno", json_integer(0));
    json_object_set_new(answer, "entropy_errno", json_integer(0));
    return answer;
}

gboolean
lab_guest_agent_send(LabGuest *guest, const json_t *message, const void *data, gsize length,
                     GError **error)
{
    json_int_t id = lab_json_int(message, "id", -1);
    const char *verb = lab_json_string(message, "verb");
    gboolean fails = g_strcmp0(verb, script.fail_verb) == 0;

    if (strcmp(verb, "sysrq") == 0)
        asked.sysrqs++;
    if (!agent_lives(guest, guest->now_ms) || g_strcmp0(verb, script.mute_verb) == 0)
        return TRUE;
    if (fails)
        agent(guest, guest->now_ms + 1,
              json_pack("{s:I,s:b,s:i,s:s}", "id", id, "ok", 0, "errno", script.fail_errno, "error",
                        g_strerror(script.fail_errno)),
              NULL);
    else
        agent(guest, guest->now_ms + 1, answer_to(message, verb, id, guest->now_ms), NULL);
    if (strcmp(verb, "sysrq") == 0)
        say(guest, guest->now_ms + 1, script.sysrq_console);
    if (!fails && (strcmp(verb, "builtin") == 0 || strcmp(verb, "exec") == 0))
        start_stressor(guest, id);
    return TRUE;
}

gboolean
lab_guest_console_send(LabGuest *guest, const char *bytes, gsize length, GError **error)
{
    asked.console_bytes += (int)length;
    return TRUE;
}

gboolean
lab_guest_inject_nmi(LabGuest *guest, GError **error)
{
    asked.nmis++;
    say(guest, guest->now_ms + 10, script.nmi_console);
    if (script.pvpanic_after_ms > 0)
        at(guest, guest->now_ms + script.pvpanic_after_ms, LAB_GUEST_EVENT_PVPANIC);
    return TRUE;
}

char *
lab_guest_registers(LabGuest *guest, GError **error)
{
    asked.registers++;
    return g_strdup("CPU#0 RIP=ffffffff81000000\n");
}

gboolean
lab_guest_pause(LabGuest *guest, GError **error)
{
    return TRUE;
}

gboolean
lab_guest_dump(LabGuest *guest, const char *path, gint64 timeout_ms, const char **method,
               GError **error)
{
    asked.host_dumps++;
    if (script.host_dump_fails) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "no space left on device");
        return FALSE;
    }
    *method = "host-kdump-zlib";
    return lab_file_write(AT_FDCWD, path, "no real dump", -1, 0600, error);
}

const char *
lab_guest_dump_whole(LabGuest *guest)
{
    return script.host_dump_whole;
}

void
lab_guest_set_dump_path(LabGuest *guest, const char *path)
{
    g_free(guest->dump_path);
    guest->dump_path = g_strdup(path);
    /* What the capture kernel will have sent. */
    if (script.dump_after_ms > 0)
        g_assert_true(lab_file_write(AT_FDCWD, path, "KDUMP", -1, 0600, NULL));
}

gboolean
lab_guest_destroy(LabGuest *guest, GError **error)
{
    g_autofree char *path = g_build_filename(guest->directory, "console.log", NULL);

    asked.destroyed++;
    return lab_file_write(AT_FDCWD, path, guest->console->str, (gssize)guest->console->len, 0600,
                          error);
}

json_t *
lab_guest_facts(LabGuest *guest)
{
    return json_pack("{s:s}", "accelerator", "scripted");
}

void
lab_guest_event_free(LabGuestEvent *event)
{
    if (!event)
        return;
    g_free(event->text);
    json_decref(event->message);
    g_clear_pointer(&event->data, g_bytes_unref);
    g_free(event);
}

void
lab_guest_free(LabGuest *guest)
{
    if (!guest)
        return;
    asked.freed++;
    g_queue_clear_full(&guest->events, (GDestroyNotify)lab_guest_event_free);
    g_string_free(guest->console, TRUE);
    g_free(guest->directory);
    g_free(guest->dump_path);
    g_free(guest);
}

/* Scripted guests have no runtime directory. */
LabRuntime *
lab_runtime_new(const char *data, const char *name, GError **error)
{
    return NULL;
}

const char *
lab_runtime_path(const LabRuntime *runtime)
{
    return NULL;
}

void
lab_runtime_free(LabRuntime *runtime)
{
}

/* Templates, where the script has them: no files, one state. */
char *
lab_template_key(const LabGuestConfig *config, guint index, GError **error)
{
    if (script.has_templates && !warm_fails("key"))
        return g_strdup("feed");
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED, "a scripted guest boots");
    return NULL;
}

static LabTemplateClaim the_claim;

gboolean
lab_template_claim(const char *cache_directory, const char *key, gint64 wait_ms,
                   LabTemplate **template, LabTemplateClaim **claim, GError **error)
{
    if (warm_fails("claim"))
        return set_failure(error);
    if (!warm_fails("busy"))
        *claim = &the_claim;
    return TRUE;
}

LabTemplate *
lab_template_ref(LabTemplate *template)
{
    template->references++;
    return template;
}

void
lab_template_free(LabTemplate *template)
{
    if (!template || --template->references > 0)
        return;
    json_decref(template->json);
    g_free(template);
}

void
lab_template_claim_free(LabTemplateClaim *claim)
{
}

const json_t *
lab_template_json(const LabTemplate *template)
{
    return template->json;
}

const char *
lab_template_name(const LabTemplate *template)
{
    return "feed";
}

LabGuest *
lab_guest_new_template(const LabGuestConfig *config, guint index, LabTemplateClaim *claim,
                       GError **error)
{
    LabGuest *guest = lab_guest_new_replay(config, NULL, error);

    claim->taken++;
    asked.templates++;
    guest->is_template = TRUE;
    return guest;
}

LabTemplate *
lab_guest_save_template(LabGuest *guest, const json_t *state, GError **error)
{
    LabTemplate *template;

    if (warm_fails("save"))
        return set_failure(error), NULL;
    template = g_new0(LabTemplate, 1);
    template->references = 1;
    template->json = json_pack("{s:i,s:I,s:O}", "index", 0, "boot_ms", (json_int_t)script.boot_ms,
                               "state", state);
    return template;
}

/* Its boot's console, as the template left it. */
LabGuest *
lab_guest_new_clone(const LabGuestConfig *config, LabTemplate *template, GError **error)
{
    LabGuest *guest;

    asked.clones++;
    if (warm_fails("clone"))
        return set_failure(error), NULL;
    guest = lab_guest_new_replay(config, NULL, error);
    guest->is_clone = TRUE;
    if (!warm_fails("boot-log")) {
        g_autofree char *path = g_build_filename(guest->directory, "boot.log", NULL);

        g_assert_true(lab_file_write(AT_FDCWD, path, script.boot_console, -1, 0600, NULL));
    }
    return guest;
}

gboolean
lab_guest_prestart(LabGuest *clone, GError **error)
{
    return FALSE;
}

gboolean
lab_guest_set_cell(LabGuest *clone, const LabCell *cell, const char *directory, GError **error)
{
    return FALSE;
}

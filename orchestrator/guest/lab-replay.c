/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recorded guest. Time is virtual: it stands still but in lab_guest_next(), which jumps to the
 * next entry of the recording, or to the deadline, so that a run of minutes is played in
 * milliseconds.
 *
 * Requests are matched by verb and order, not by id or time: the first recorded request of the same
 * verb that is still free is taken for it, and the ids of its answer and of the events that carry
 * its id are rewritten. What the guest said to a request that has not been made yet waits for it.
 * A request that the recording does not have is answered with ENOSYS.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-guest-private.h"
#include "lab-json.h"
#include "lab-recording.h"

typedef struct {
    gint64 id; /* in the recording */
    char *verb;
    gboolean taken;
    gint64 new_id;
    GQueue waiting; /* LabRecordingEntry, borrowed: came before the request did */
} Request;

typedef struct {
    LabGuest base;
    char *directory;
    GPtrArray *entries;
    gsize at;
    gint64 now_ms;
    GPtrArray *requests;     /* in recorded order */
    GPtrArray *registers;    /* recorded texts, borrowed, in order */
    gsize registers_at;      /* the last one is given again and again */
    const char *host_method; /* of a recorded host-side dump, or NULL */
    gboolean ended;          /* a last event was given: the rest is silence */
} Replay;

static void
request_free(gpointer data)
{
    Request *request = data;

    g_queue_clear(&request->waiting);
    g_free(request->verb);
    g_free(request);
}

static gint64
replay_now_ms(LabGuest *base)
{
    return ((Replay *)base)->now_ms;
}

static const char *
static_method(const char *word)
{
    return g_strcmp0(word, "host-elf") == 0 ? "host-elf" : "host-kdump-zlib";
}

static gboolean
replay_start(LabGuest *base, GError **error)
{
    Replay *replay = (Replay *)base;

    for (gsize i = 0; i < replay->entries->len; i++) {
        const LabRecordingEntry *entry = replay->entries->pdata[i];

        if (entry->kind == LAB_RECORDING_REQUEST) {
            Request *request = g_new0(Request, 1);
            const char *verb = lab_json_string(entry->json, "verb");

            request->id = lab_json_int(entry->json, "id", -1);
            request->verb = g_strdup(verb ? verb : "");
            g_queue_init(&request->waiting);
            g_ptr_array_add(replay->requests, request);
        } else if (entry->kind == LAB_RECORDING_EVENT) {
            const char *word = lab_json_string(entry->json, "event");
            const char *text = lab_json_string(entry->json, "text");

            if (strcmp(word, "registers") == 0 && text)
                g_ptr_array_add(replay->registers, (char *)text);
            else if (strcmp(word, "host-dump") == 0)
                replay->host_method = static_method(text);
        }
    }
    return TRUE;
}

static Request *
find_request(Replay *replay, gint64 id)
{
    for (gsize i = 0; i < replay->requests->len; i++) {
        Request *request = replay->requests->pdata[i];

        if (request->id == id)
            return request;
    }
    return NULL;
}

static void
push_message(Replay *replay, const LabRecordingEntry *entry, const Request *request)
{
    LabGuestEvent *event = lab_guest_push(&replay->base, LAB_GUEST_EVENT_AGENT);
    gsize length = 0;
    const void *bytes = entry->data ? g_bytes_get_data(entry->data, &length) : NULL;

    event->message = json_deep_copy(entry->json);
    if (request)
        json_object_set_new(event->message, "id", json_integer(request->new_id));
    event->data = entry->data ? g_bytes_ref(entry->data) : NULL;
    lab_record_message(replay->base.record, event->time_ms, FALSE, event->message, bytes, length);
}

static void
play_message(Replay *replay, LabRecordingEntry *entry)
{
    json_t *id = lab_json_member(entry->json, "id");
    Request *request = json_is_integer(id) ? find_request(replay, json_integer_value(id)) : NULL;

    if (request && !request->taken)
        g_queue_push_tail(&request->waiting, entry);
    else
        push_message(replay, entry, request);
}

/* A file of the recording becomes the dump. NULL: it did; else why not. g_free. */
static char *
copy_dump(Replay *replay, const char *name, const char *to)
{
    LAB_AUTO_FD dir = lab_dir_open(AT_FDCWD, replay->directory, NULL);
    g_autoptr(GError) error = NULL;

    if (strchr(name, '/') || *name == '.')
        return g_strdup_printf("the recording's dump '%s' is no file of it", name);
    if (dir < 0 || !lab_file_exists(dir, name))
        return g_strdup_printf("the recording has no '%s'", name);
    return lab_file_copy(dir, name, AT_FDCWD, to, 0600, &error) ? NULL : g_strdup(error->message);
}

static void
play_event(Replay *replay, const LabRecordingEntry *entry)
{
    int type = lab_guest_event_from_word(lab_json_string(entry->json, "event"));
    const char *file = lab_json_string(entry->json, "file");
    g_autofree char *text = g_strdup(lab_json_string(entry->json, "text"));
    guint64 bytes = (guint64)MAX(lab_json_int(entry->json, "bytes", 0), 0);

    if (type < 0) /* "nmi", "registers", "host-dump": the lab's own doings */
        return;
    if (type == LAB_GUEST_EVENT_DUMP_END && !text)
        text = replay->base.dump_path
                   ? copy_dump(replay, file ? file : "vmcore", replay->base.dump_path)
                   : g_strdup("nobody wanted a dump");
    lab_guest_push_recorded(&replay->base, (LabGuestEventType)type, text, bytes);
    replay->ended = type == LAB_GUEST_EVENT_RESET || type == LAB_GUEST_EVENT_SHUTDOWN ||
                    type == LAB_GUEST_EVENT_GONE;
}

static gboolean
play(Replay *replay, LabRecordingEntry *entry, GError **error)
{
    switch (entry->kind) {
    case LAB_RECORDING_REQUEST:
        return TRUE; /* made already, or not this time */
    case LAB_RECORDING_MESSAGE:
        play_message(replay, entry);
        return TRUE;
    case LAB_RECORDING_LINE:
        if (!lab_console_feed(replay->base.console, entry->text, entry->length, replay->now_ms,
                              error))
            return FALSE;
        if (entry->length > 0 && entry->text[entry->length - 1] != '\n')
            lab_console_flush_line(replay->base.console, replay->now_ms);
        return TRUE;
    case LAB_RECORDING_EVENT:
        play_event(replay, entry);
        return TRUE;
    }
    return TRUE;
}

static LabGuestEvent *
replay_next(LabGuest *base, gint64 deadline_ms, GError **error)
{
    Replay *replay = (Replay *)base;
    LabGuestEvent *event;

    while (replay->at < replay->entries->len && !replay->ended) {
        LabRecordingEntry *entry = replay->entries->pdata[replay->at];

        if (entry->time_ms > deadline_ms)
            break;
        replay->at++;
        replay->now_ms = MAX(replay->now_ms, entry->time_ms);
        if (!play(replay, entry, error))
            return NULL;
        event = g_queue_pop_head(&base->events);
        if (event)
            return event;
    }
    replay->now_ms = MAX(replay->now_ms, deadline_ms);
    return lab_guest_event_new(LAB_GUEST_EVENT_DEADLINE, replay->now_ms);
}

static void
refuse_request(Replay *replay, gint64 id, const char *verb)
{
    LabGuestEvent *event = lab_guest_push(&replay->base, LAB_GUEST_EVENT_AGENT);
    g_autofree char *text = g_strdup_printf("the recording has no (more) '%s'", verb);

    event->message = json_object();
    json_object_set_new(event->message, "id", json_integer(id));
    json_object_set_new(event->message, "ok", json_false());
    json_object_set_new(event->message, "errno", json_integer(ENOSYS));
    json_object_set_new(event->message, "error", json_string(text));
}

static gboolean
replay_agent_send(LabGuest *base, const json_t *message, const void *data, gsize length,
                  GError **error)
{
    Replay *replay = (Replay *)base;
    const char *verb = lab_json_string(message, "verb");
    gint64 id = lab_json_int(message, "id", -1);

    for (gsize i = 0; i < replay->requests->len; i++) {
        Request *request = replay->requests->pdata[i];
        LabRecordingEntry *entry;

        if (request->taken || g_strcmp0(request->verb, verb) != 0)
            continue;
        request->taken = TRUE;
        request->new_id = id;
        while ((entry = g_queue_pop_head(&request->waiting)))
            push_message(replay, entry, request);
        return TRUE;
    }
    refuse_request(replay, id, verb ? verb : "");
    return TRUE;
}

static gboolean
replay_console_send(LabGuest *base, const char *bytes, gsize length, GError **error)
{
    return TRUE; /* what it brought about is in the recording */
}

static gboolean
replay_simple(LabGuest *base, GError **error)
{
    return TRUE;
}

static char *
replay_registers(LabGuest *base, GError **error)
{
    Replay *replay = (Replay *)base;
    gsize at = replay->registers_at;

    if (replay->registers->len == 0) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_UNSUPPORTED,
                    "the recording has no registers");
        return NULL;
    }
    if (at + 1 < replay->registers->len)
        replay->registers_at++;
    return g_strdup(replay->registers->pdata[at]);
}

static gboolean
replay_dump(LabGuest *base, const char *path, gint64 timeout_ms, const char **method,
            GError **error)
{
    Replay *replay = (Replay *)base;
    g_autofree char *why = copy_dump(replay, "vmcore", path);

    if (why) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND, "%s", why);
        return FALSE;
    }
    *method = replay->host_method ? replay->host_method : static_method(NULL);
    return TRUE;
}

static gboolean
replay_destroy(LabGuest *base, GError **error)
{
    LabGuestEvent *event;

    ((Replay *)base)->ended = TRUE;
    while ((event = g_queue_pop_head(&base->events)))
        lab_guest_event_free(event);
    return lab_console_finish(base->console, error);
}

static json_t *
replay_facts(LabGuest *base)
{
    json_t *facts = json_object();

    json_object_set_new(facts, "accelerator", json_string("replay"));
    json_object_set_new(facts, "replay", lab_json_text(((Replay *)base)->directory));
    json_object_set_new(facts, "cmdline", lab_json_text(base->cmdline));
    return facts;
}

static void
replay_free(LabGuest *base)
{
    Replay *replay = (Replay *)base;

    g_clear_pointer(&replay->requests, g_ptr_array_unref);
    g_clear_pointer(&replay->registers, g_ptr_array_unref);
    g_clear_pointer(&replay->entries, g_ptr_array_unref);
    g_free(replay->directory);
}

static const LabGuestOps replay_ops = {
    .start = replay_start,
    .next = replay_next,
    .now_ms = replay_now_ms,
    .agent_send = replay_agent_send,
    .console_send = replay_console_send,
    .inject_nmi = replay_simple,
    .registers = replay_registers,
    .pause = replay_simple,
    .dump = replay_dump,
    .destroy = replay_destroy,
    .facts = replay_facts,
    .free = replay_free,
};

LabGuest *
lab_guest_new_replay(const LabGuestConfig *config, const char *directory, GError **error)
{
    Replay *replay = g_new0(Replay, 1);

    replay->base.ops = &replay_ops;
    replay->base.cancel_fd = -1;
    replay->directory = g_strdup(directory);
    replay->requests = g_ptr_array_new_with_free_func(request_free);
    replay->registers = g_ptr_array_new();
    /* The recording first: it may be the cell's own directory, whose files are made anew. */
    replay->entries = lab_recording_load(directory, error);
    if (!replay->entries || !lab_guest_init(&replay->base, &replay_ops, config, error)) {
        lab_guest_free(&replay->base);
        return NULL;
    }
    return &replay->base;
}

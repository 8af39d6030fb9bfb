/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The three sockets of a guest: console, agent, dump. All that comes from them is hostile. */
#include "lab-machine.h"

#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define ACCEPT_MS      5000
#define DUMP_EVENT     (1u << 20) /* a DUMP_DATA event each so many bytes */
#define DUMP_SLACK     (64u << 20)
#define MAX_AGENT_DATA (1u << 20)

/* A guest writes its console byte by byte, and QEMU passes each on: without a pause a line costs a
 * hundred turns of the loop. */
#define TRICKLE_BYTES    512
#define TRICKLE_PAUSE_US 1000

static void
on_console(const void *bytes, gsize length, gpointer data)
{
    LabMachine *guest = data;
    g_autoptr(GError) error = NULL;

    /* A clone that waits for its cell has no console yet; it may end without ever getting one. */
    if (!guest->base.console)
        return;
    if (length > 0 && guest->base.tap)
        guest->base.tap(bytes, length, guest->base.tap_data);
    if (length == 0)
        lab_console_flush_line(guest->base.console, lab_guest_now_ms(&guest->base));
    else if (!lab_console_feed(guest->base.console, bytes, length, lab_guest_now_ms(&guest->base),
                               &error) &&
             !guest->console_trouble) {
        guest->console_trouble = TRUE;
        lab_warn("console.log is incomplete: %s", error->message);
    }
    if (length > 0 && length < TRICKLE_BYTES)
        g_usleep(TRICKLE_PAUSE_US);
}

static void
say_bad(LabMachine *guest, LabPort *port, gboolean *bad, const char *which, const GError *error)
{
    g_autofree char *text = g_strdup_printf("%s: %s", which, error->message);

    *bad = TRUE;
    lab_guest_push_recorded(&guest->base, LAB_GUEST_EVENT_AGENT_BAD, text, 0);
    lab_port_close(port);
}

static void
push_message(LabMachine *guest, LabAgentMessage *message)
{
    LabGuestEvent *event = lab_guest_push(&guest->base, LAB_GUEST_EVENT_AGENT);
    gsize length = 0;
    const void *bytes = message->data ? g_bytes_get_data(message->data, &length) : NULL;

    lab_record_message(guest->base.record, event->time_ms, FALSE, message->json, bytes, length);
    event->message = g_steal_pointer(&message->json);
    event->data = g_steal_pointer(&message->data);
}

static void
on_agent(const void *bytes, gsize length, gpointer data)
{
    LabMachine *guest = data;
    g_autoptr(GError) error = NULL;

    if (length == 0 || guest->agent_bad)
        return;
    lab_agent_decoder_feed(guest->agent_decoder, bytes, length);
    for (;;) {
        g_autoptr(LabAgentMessage) message = NULL;

        if (!lab_agent_decoder_next(guest->agent_decoder, &message, &error)) {
            say_bad(guest, guest->agent, &guest->agent_bad, "agent", error);
            return;
        }
        if (!message)
            return;
        if (message->json)
            push_message(guest, message);
    }
}

static void
end_dump(LabMachine *guest, const char *trouble)
{
    guint64 bytes = guest->incoming ? lab_dump_file_bytes(guest->incoming) : 0;

    guest->in_dump = FALSE;
    g_clear_pointer(&guest->incoming, lab_dump_file_free);
    lab_guest_push_recorded(&guest->base, LAB_GUEST_EVENT_DUMP_END, trouble, bytes);
}

static void
begin_dump(LabMachine *guest)
{
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&guest->incoming, lab_dump_file_free);
    g_clear_pointer(&guest->dump_trouble, g_free);
    guest->in_dump = TRUE;
    guest->dump_announced = 0;
    if (guest->base.dump_path)
        guest->incoming = lab_dump_file_new(
            guest->base.dump_path, guest->base.cell->guest.memory_bytes + DUMP_SLACK, &error);
    if (!guest->incoming)
        guest->dump_trouble = g_strdup(error ? error->message : "nobody wanted a dump");
    lab_guest_push_recorded(&guest->base, LAB_GUEST_EVENT_DUMP_BEGIN, NULL, 0);
}

static void
take_dump_bytes(LabMachine *guest, GBytes *data)
{
    g_autoptr(GError) error = NULL;
    gsize length;
    const void *bytes = g_bytes_get_data(data, &length);
    guint64 total;

    if (!guest->in_dump || guest->dump_trouble)
        return;
    if (!lab_dump_file_feed(guest->incoming, bytes, length, &error)) {
        guest->dump_trouble = g_strdup(error->message);
        return;
    }
    total = lab_dump_file_bytes(guest->incoming);
    if (total - guest->dump_announced >= DUMP_EVENT) {
        guest->dump_announced = total;
        lab_guest_push(&guest->base, LAB_GUEST_EVENT_DUMP_DATA)->bytes = total;
    }
}

/* The agent's last word on its dump; what it says has to meet what came. */
static void
finish_dump(LabMachine *guest, const json_t *message)
{
    gint64 announced = lab_json_int(message, "bytes", -1);
    gint64 status = lab_json_int(message, "status", -1);
    const char *reason = lab_json_string(message, "error");
    g_autofree char *trouble = g_strdup(guest->dump_trouble);
    g_autoptr(GError) error = NULL;

    if (!guest->in_dump)
        return;
    if (!trouble && (status != 0 || reason))
        trouble = g_strdup_printf("the agent's dump ended with status %" G_GINT64_FORMAT "%s%s",
                                  status, reason ? ": " : "", reason ? reason : "");
    if (!trouble && announced >= 0 && (guint64)announced != lab_dump_file_bytes(guest->incoming))
        trouble = g_strdup_printf("the agent sent %" G_GINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
                                  " arrived",
                                  announced, lab_dump_file_bytes(guest->incoming));
    if (!trouble && !lab_dump_file_commit(guest->incoming, &error))
        trouble = g_strdup(error->message);
    end_dump(guest, trouble);
}

static void
take_dump_message(LabMachine *guest, LabAgentMessage *message)
{
    const char *word = message->json ? lab_json_string(message->json, "event") : NULL;

    if (!message->json) {
        if (message->data)
            take_dump_bytes(guest, message->data);
    } else if (g_strcmp0(word, "dump-begin") == 0) {
        begin_dump(guest);
    } else if (g_strcmp0(word, "dump-end") == 0) {
        finish_dump(guest, message->json);
    } else {
        push_message(guest, message);
    }
}

static void
on_dump(const void *bytes, gsize length, gpointer data)
{
    LabMachine *guest = data;
    g_autoptr(GError) error = NULL;

    if (length == 0 || guest->dump_bad)
        return;
    lab_agent_decoder_feed(guest->dump_decoder, bytes, length);
    for (;;) {
        g_autoptr(LabAgentMessage) message = NULL;

        if (!lab_agent_decoder_next(guest->dump_decoder, &message, &error)) {
            if (guest->in_dump)
                end_dump(guest, error->message);
            say_bad(guest, guest->dump, &guest->dump_bad, "dump", error);
            return;
        }
        if (!message)
            return;
        take_dump_message(guest, message);
    }
}

static LabPort *
listen_at(LabMachine *guest, const char *name, LabPortBytes bytes, GError **error)
{
    g_autofree char *path = g_build_filename(guest->directory, name, NULL);

    return lab_port_new(path, guest->user.user ? guest->user.gid : (gid_t)-1, bytes, guest, error);
}

gboolean
lab_machine_listen(LabMachine *guest, GError **error)
{
    guest->agent_decoder = lab_agent_decoder_new();
    guest->dump_decoder = lab_agent_decoder_new();
    guest->console = listen_at(guest, "con", on_console, error);
    guest->agent = guest->console ? listen_at(guest, "agent", on_agent, error) : NULL;
    guest->dump = guest->agent ? listen_at(guest, "dump", on_dump, error) : NULL;
    return guest->dump != NULL;
}

gboolean
lab_machine_connect(LabMachine *guest, int ends[3], GError **error)
{
    ends[0] = ends[1] = ends[2] = -1;
    guest->agent_decoder = lab_agent_decoder_new();
    guest->dump_decoder = lab_agent_decoder_new();
    guest->console = lab_port_new_pair("the console", &ends[0], on_console, guest, error);
    if (guest->console)
        guest->agent = lab_port_new_pair("the agent's port", &ends[1], on_agent, guest, error);
    if (guest->agent)
        guest->dump = lab_port_new_pair("the dump's port", &ends[2], on_dump, guest, error);
    return guest->dump != NULL;
}

gboolean
lab_machine_accept(LabMachine *guest, GError **error)
{
    LabPort *const ports[] = {guest->console, guest->agent, guest->dump};
    pid_t first = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(ports); i++) {
        pid_t pid;

        if (!lab_port_accept(ports[i], ACCEPT_MS, &pid, error))
            return FALSE;
        if (i > 0 && pid != first) {
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                        "processes %d and %d both connected to one guest's sockets", (int)first,
                        (int)pid);
            return FALSE;
        }
        first = pid;
    }
    guest->qemu = lab_qemu_new(first, error);
    if (!guest->qemu)
        return FALSE;
    lab_qemu_status(first, &guest->uid, &guest->seccomp);
    return TRUE;
}

gboolean
lab_machine_agent_send(LabGuest *base, const json_t *message, const void *data, gsize length,
                       GError **error)
{
    LabMachine *guest = (LabMachine *)base;
    g_autoptr(GBytes) frames = lab_agent_encode(message, data, length, error);
    gsize size;
    const void *bytes;

    if (!frames)
        return FALSE;
    bytes = g_bytes_get_data(frames, &size);
    if (!guest->agent) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the guest is not running");
        return FALSE;
    }
    return lab_port_send(guest->agent, bytes, size, error);
}

gboolean
lab_machine_console_send(LabGuest *base, const char *bytes, gsize length, GError **error)
{
    LabMachine *guest = (LabMachine *)base;

    if (!guest->console) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the guest is not running");
        return FALSE;
    }
    return lab_port_send(guest->console, bytes, length, error);
}

void
lab_machine_drain(LabMachine *guest, const char *why)
{
    if (guest->console)
        lab_port_drain(guest->console);
    if (guest->agent)
        lab_port_drain(guest->agent);
    if (guest->dump)
        lab_port_drain(guest->dump);
    if (guest->base.console)
        lab_console_flush_line(guest->base.console, lab_guest_now_ms(&guest->base));
    if (guest->in_dump)
        end_dump(guest, why);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The turns of a running guest's loop, what its end was, and what both kinds know of it. */
#include "lab-machine.h"

#include <fcntl.h>
#include <string.h>

#include <glib-unix.h>

#include "lab-accel.h"
#include "lab-domain.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

/* How long the word for the end is waited for once QEMU has ended. */
#define END_GRACE_MS 300

void
lab_machine_init(LabMachine *guest, const LabMachineOps *how)
{
    guest->how = how;
    guest->uid = guest->seccomp = -1;
    guest->base.cancel_fd = -1;
}

void
lab_machine_note_shutdown(LabMachine *guest, const char *reason)
{
    if (reason && !guest->shutdown_reason)
        guest->shutdown_reason = g_strdup(reason);
}

void
lab_machine_note_panic(LabMachine *guest)
{
    lab_guest_push_recorded(&guest->base, LAB_GUEST_EVENT_PVPANIC, NULL, 0);
    guest->resume_wanted = TRUE;
}

gint64
lab_machine_now_ms(LabGuest *base)
{
    LabMachine *guest = (LabMachine *)base;

    return guest->started_us ? (g_get_monotonic_time() - guest->started_us) / 1000 : 0;
}

gboolean
lab_machine_choose_accelerator(LabMachine *guest, GError **error)
{
    const LabGuestConfig config = {
        .cell = guest->base.cell,
        .kernel = guest->base.kernel,
        .initramfs = guest->base.initramfs,
        .cmdline = guest->base.cmdline,
        .cell_directory = guest->base.cell_directory,
        .runtime_directory = guest->base.runtime_directory,
        .cache_directory = guest->base.cache_directory,
    };
    const char *accelerator = guest->base.cell->accelerator;

    if (!accelerator || strcmp(accelerator, "auto") == 0) {
        accelerator = lab_accel_probe(&config, error);
        if (!accelerator)
            return FALSE;
    }
    guest->kvm = strcmp(accelerator, "kvm") == 0;
    if (guest->kvm || strcmp(accelerator, "tcg") == 0)
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                "accelerator '%s' is unknown: 'auto', 'kvm' or 'tcg'", accelerator);
    return FALSE;
}

static void
report_end(LabMachine *guest)
{
    const char *reason = guest->shutdown_reason ? guest->shutdown_reason : "";
    g_autofree char *log = NULL;
    g_autofree char *end = NULL;
    g_autofree char *text = NULL;

    guest->end_reported = TRUE;
    if (strcmp(reason, "guest-reset") == 0 || strcmp(reason, "guest-shutdown") == 0) {
        gboolean reset = strcmp(reason, "guest-reset") == 0;

        lab_machine_drain(guest, reset ? "the guest reset in the middle of the dump"
                                       : "the guest powered off in the middle of the dump");
        lab_guest_push_recorded(&guest->base,
                                reset ? LAB_GUEST_EVENT_RESET : LAB_GUEST_EVENT_SHUTDOWN, NULL, 0);
        return;
    }
    lab_machine_drain(guest, "QEMU ended in the middle of the dump");
    log = lab_machine_log_tail(guest);
    end = guest->qemu ? lab_qemu_describe_end(guest->qemu) : g_strdup("QEMU ended");
    text =
        g_strdup_printf("%s%s%s%s\n%s", end, *reason ? " (" : "", reason, *reason ? ")" : "", log);
    lab_guest_push_recorded(&guest->base, LAB_GUEST_EVENT_GONE, text, 0);
}

/* pvpanic stops the guest between two lines of its last message (QEMU's `-action panic=pause`): the
 * rest, with "---[ end Kernel panic", is worth having. */
static void
resume(LabMachine *guest)
{
    guest->resume_wanted = FALSE;
    guest->how->resume(guest);
}

/* Looks at what the callbacks and the watching thread left. */
static void
look_after(LabMachine *guest)
{
    gboolean ended = guest->stopped || (guest->qemu && lab_qemu_has_ended(guest->qemu));
    gint64 now_us = g_get_monotonic_time();

    if (guest->resume_wanted)
        resume(guest);
    if (guest->end_reported)
        return;
    if (guest->shutdown_reason && g_str_has_prefix(guest->shutdown_reason, "guest-"))
        report_end(guest);
    else if (ended && guest->end_seen_us == 0)
        guest->end_seen_us = now_us;
    else if (guest->end_seen_us && now_us - guest->end_seen_us > END_GRACE_MS * 1000)
        report_end(guest);
}

static gboolean
on_timeout(gpointer data)
{
    gboolean *fired = data;

    *fired = TRUE;
    return G_SOURCE_REMOVE;
}

static gboolean
on_cancel(int fd, GIOCondition condition, gpointer data)
{
    return G_SOURCE_REMOVE; /* guest->cancelled says it; this only ends the wait */
}

static GSource *
attach(GSource *source, GSourceFunc function, gpointer data)
{
    g_source_set_callback(source, function, data, NULL);
    g_source_attach(source, NULL);
    return source;
}

/* One turn of the main loop, of at most 'wait_ms'. GLib ends a turn whenever a source with a
 * descriptor comes or goes, so the one that watches for cancelling stays. */
static void
turn(LabMachine *guest, gint64 wait_ms)
{
    gboolean fired = FALSE;
    GSource *timeout = attach(g_timeout_source_new((guint)MAX(wait_ms, 0)), on_timeout, &fired);

    if (!guest->cancel_source)
        guest->cancel_source = attach(g_unix_fd_source_new(guest->base.cancel_fd, G_IO_IN),
                                      (GSourceFunc)(void (*)(void))on_cancel, NULL);
    g_main_context_iteration(NULL, TRUE);
    g_source_destroy(timeout);
    g_source_unref(timeout);
}

LabGuestEvent *
lab_machine_next(LabGuest *base, gint64 deadline_ms, GError **error)
{
    LabMachine *guest = (LabMachine *)base;

    if (!guest->qemu || guest->base.destroyed) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the guest is not running");
        return NULL;
    }
    for (;;) {
        gint64 now_ms = lab_machine_now_ms(base);
        gint64 wait_ms = deadline_ms - now_ms;
        LabGuestEvent *event;

        look_after(guest);
        if (base->cancelled)
            return lab_guest_event_new(LAB_GUEST_EVENT_CANCELLED, now_ms);
        event = g_queue_pop_head(&base->events);
        if (event)
            return event;
        if (wait_ms <= 0)
            return lab_guest_event_new(LAB_GUEST_EVENT_DEADLINE, now_ms);
        if (guest->end_seen_us && !guest->end_reported)
            wait_ms = MIN(wait_ms, END_GRACE_MS / 4);
        turn(guest, MIN(wait_ms, 60000));
    }
}

gboolean
lab_machine_finish(LabMachine *guest, GError **error)
{
    LabGuestEvent *event;

    lab_machine_drain(guest, "the guest was ended in the middle of the dump");
    while ((event = g_queue_pop_head(&guest->base.events)))
        lab_guest_event_free(event);
    if (guest->name && guest->base.cell_directory)
        lab_machine_keep_log(guest);
    return !guest->base.console || lab_console_finish(guest->base.console, error);
}

json_t *
lab_machine_facts(LabMachine *guest)
{
    const LabCell *cell = guest->base.cell;
    json_t *facts = json_object();

    json_object_set_new(facts, "accelerator", json_string(guest->kvm ? "kvm" : "tcg"));
    json_object_set_new(facts, "cpu_model",
                        lab_json_text(lab_domain_cpu_model(&cell->guest, guest->kvm)));
    json_object_set_new(facts, "boot", lab_json_text(cell->boot));
    json_object_set_new(facts, "cmdline", lab_json_text(guest->base.cmdline));
    if (guest->qemu_version)
        json_object_set_new(facts, "qemu", json_string(guest->qemu_version));
    if (guest->qemu) {
        json_object_set_new(facts, "qemu_pid", json_integer(lab_qemu_pid(guest->qemu)));
        json_object_set_new(facts, "qemu_uid", json_integer(guest->uid));
        json_object_set_new(facts, "qemu_seccomp", json_boolean(guest->seccomp == 2));
    }
    return facts;
}

void
lab_machine_clear(LabMachine *guest)
{
    g_autoptr(GError) error = NULL;

    if (guest->cancel_source) {
        g_source_destroy(guest->cancel_source);
        g_source_unref(guest->cancel_source);
    }
    lab_port_free(guest->console);
    lab_port_free(guest->agent);
    lab_port_free(guest->dump);
    lab_agent_decoder_free(guest->agent_decoder);
    lab_agent_decoder_free(guest->dump_decoder);
    lab_dump_file_free(guest->incoming);
    lab_qemu_free(guest->qemu);
    if (guest->directory && !lab_path_remove(AT_FDCWD, guest->directory, &error))
        lab_warn("%s", error->message);
    lab_qemu_user_clear(&guest->user);
    g_free(guest->dump_trouble);
    g_free(guest->shutdown_reason);
    g_free(guest->qemu_version);
    g_free(guest->name);
    g_free(guest->directory);
    g_free(guest->log_path);
}

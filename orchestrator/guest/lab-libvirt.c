/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is a transient libvirt domain: its life and its events. */
#include "lab-libvirt.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "lab-accel.h"
#include "lab-connect.h"
#include "lab-domain.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

/* How long libvirt's word for the end is waited for once QEMU has ended. */
#define END_GRACE_MS 300
#define DESTROY_MS   10000
#define END_WAIT_MS  2000
#define KILL_WAIT_MS 500

static gint64
libvirt_now_ms(LabGuest *base)
{
    LabLibvirt *guest = (LabLibvirt *)base;

    return guest->started_us ? (g_get_monotonic_time() - guest->started_us) / 1000 : 0;
}

static gboolean
is_ours(LabLibvirt *guest, virDomainPtr domain)
{
    return g_strcmp0(virDomainGetName(domain), guest->name) == 0;
}

static int
on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
    LabLibvirt *guest = data;

    if (!is_ours(guest, domain) || guest->base.destroyed)
        return 0;
    if (event == VIR_DOMAIN_EVENT_CRASHED && detail == VIR_DOMAIN_EVENT_CRASHED_PANICKED) {
        lab_guest_push_recorded(&guest->base, LAB_GUEST_EVENT_PVPANIC, NULL, 0);
        guest->resume_wanted = TRUE;
    } else if (event == VIR_DOMAIN_EVENT_STOPPED) {
        guest->stopped = TRUE;
    }
    return 0;
}

/* QEMU's own SHUTDOWN event says why, which libvirt's does not (qapi/run-state.json,
 * ShutdownCause): "guest-reset", "guest-shutdown", "guest-panic", "host-signal", … */
static void
on_monitor(virConnectPtr connection, virDomainPtr domain, const char *event, long long seconds,
           unsigned int microseconds, const char *details, void *data)
{
    LabLibvirt *guest = data;
    g_autoptr(json_t) json = NULL;

    if (!is_ours(guest, domain) || guest->base.destroyed || !details)
        return;
    json = lab_json_parse(details, strlen(details), event, NULL);
    if (json && lab_json_string(json, "reason") && !guest->shutdown_reason)
        guest->shutdown_reason = g_strdup(lab_json_string(json, "reason"));
}

static void
register_events(LabLibvirt *guest)
{
    guest->lifecycle_id =
        virConnectDomainEventRegisterAny(guest->connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), guest, NULL);
    guest->monitor_id = virConnectDomainQemuMonitorEventRegister(
        guest->connection, NULL, "SHUTDOWN", on_monitor, guest, NULL, 0);
    if (guest->lifecycle_id < 0 || guest->monitor_id < 0)
        lab_warn("libvirt gives no events (%s): a reset of the guest will look like QEMU's end",
                 virGetLastErrorMessage());
}

/* XML and capabilities are the recipe's business, the rest the host's. */
static void
set_start_error(GError **error)
{
    int code = virGetLastErrorCode();
    gboolean config = code == VIR_ERR_CONFIG_UNSUPPORTED || code == VIR_ERR_XML_ERROR ||
                      code == VIR_ERR_XML_DETAIL || code == VIR_ERR_XML_INVALID_SCHEMA;

    if (config)
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "libvirt cannot make this guest: %s", virGetLastErrorMessage());
    else
        lab_connect_set_error(error, "starting the guest");
}

/* Domains of a daemon outlive us: lab_guest_clean() finds them here. */
static void
note_domain(LabLibvirt *guest)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    g_autofree char *path = NULL;
    g_autofree char *line = NULL;
    g_autoptr(GError) error = NULL;

    if (!guest->uri || virDomainGetUUIDString(guest->domain, uuid) < 0)
        return;
    path = g_build_filename(guest->base.runtime_directory, "domain", NULL);
    line = g_strdup_printf("%s\t%s\n", guest->uri, uuid);
    if (!lab_file_write(AT_FDCWD, path, line, -1, 0600, &error))
        lab_warn("%s", error->message);
}

static gboolean
choose_accelerator(LabLibvirt *guest, GError **error)
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

/* Connects, and makes the domain. */
static gboolean
create(LabLibvirt *guest, GError **error)
{
    g_autofree char *xml = NULL;

    guest->connection = lab_connect_open(guest->uri, guest->base.runtime_directory,
                                         guest->base.cache_directory, error);
    if (!guest->connection)
        return FALSE;
    xml = lab_libvirt_make_domain(guest, error);
    if (!xml || !lab_libvirt_listen(guest, error))
        return FALSE;
    register_events(guest);
    guest->started_us = g_get_monotonic_time();
    guest->domain = virDomainCreateXML(guest->connection, xml, VIR_DOMAIN_NONE);
    if (!guest->domain)
        set_start_error(error);
    return guest->domain != NULL;
}

/* QEMU's own word. virConnectGetVersion() would first ask every emulator of the host what it can.
 */
static void
ask_version(LabLibvirt *guest)
{
    char *answer = NULL;
    g_autoptr(json_t) json = NULL;
    json_t *numbers;

    if (virDomainQemuMonitorCommand(guest->domain, "{\"execute\":\"query-version\"}", &answer, 0) <
        0)
        return;
    json = lab_json_parse(answer, strlen(answer), "QEMU", NULL);
    free(answer);
    numbers = lab_json_member(lab_json_member(json, "return"), "qemu");
    if (numbers)
        guest->qemu_version = g_strdup_printf("%d.%d.%d", (int)lab_json_int(numbers, "major", 0),
                                              (int)lab_json_int(numbers, "minor", 0),
                                              (int)lab_json_int(numbers, "micro", 0));
}

static gboolean
libvirt_start(LabGuest *base, GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;

    if (!lab_qemu_prepare(error) || !choose_accelerator(guest, error) ||
        !lab_libvirt_make_directory(guest, error) || !create(guest, error))
        return FALSE;
    note_domain(guest);
    if (!lab_libvirt_accept(guest, error))
        return FALSE;
    ask_version(guest);
    return TRUE;
}

/* pvpanic stops the guest between two lines of its last message (QEMU's `-action panic=pause`): the
 * rest, with "---[ end Kernel panic", is worth having. */
static void
resume(LabLibvirt *guest)
{
    guest->resume_wanted = FALSE;
    if (virDomainResume(guest->domain) < 0)
        lab_debug("resuming after the panic event: %s", virGetLastErrorMessage());
}

static void
report_end(LabLibvirt *guest)
{
    const char *reason = guest->shutdown_reason ? guest->shutdown_reason : "";
    g_autofree char *log = NULL;
    g_autofree char *end = NULL;
    g_autofree char *text = NULL;

    guest->end_reported = TRUE;
    if (strcmp(reason, "guest-reset") == 0 || strcmp(reason, "guest-shutdown") == 0) {
        gboolean reset = strcmp(reason, "guest-reset") == 0;

        lab_libvirt_drain(guest, reset ? "the guest reset in the middle of the dump"
                                       : "the guest powered off in the middle of the dump");
        lab_guest_push_recorded(&guest->base,
                                reset ? LAB_GUEST_EVENT_RESET : LAB_GUEST_EVENT_SHUTDOWN, NULL, 0);
        return;
    }
    lab_libvirt_drain(guest, "QEMU ended in the middle of the dump");
    log = lab_libvirt_log_tail(guest);
    end = guest->qemu ? lab_qemu_describe_end(guest->qemu) : g_strdup("QEMU ended");
    text =
        g_strdup_printf("%s%s%s%s\n%s", end, *reason ? " (" : "", reason, *reason ? ")" : "", log);
    lab_guest_push_recorded(&guest->base, LAB_GUEST_EVENT_GONE, text, 0);
}

/* Looks at what the callbacks and the watching thread left. */
static void
look_after(LabLibvirt *guest)
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
turn(LabLibvirt *guest, gint64 wait_ms)
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

static LabGuestEvent *
libvirt_next(LabGuest *base, gint64 deadline_ms, GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;

    if (!guest->domain || guest->base.destroyed) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the guest is not running");
        return NULL;
    }
    for (;;) {
        gint64 now_ms = libvirt_now_ms(base);
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

/* Tells libvirt only after QEMU was killed: its own way asks QEMU politely first. */
static gboolean
end_domain(LabLibvirt *guest, GError **error)
{
    gboolean ok = TRUE;

    if (guest->qemu) {
        lab_qemu_kill(guest->qemu);
        lab_qemu_wait(guest->qemu, KILL_WAIT_MS); /* libvirt would look every 200 ms */
    }
    if (guest->domain && virDomainDestroyFlags(guest->domain, VIR_DOMAIN_DESTROY_DEFAULT) < 0 &&
        virGetLastErrorCode() != VIR_ERR_NO_DOMAIN &&
        virGetLastErrorCode() != VIR_ERR_OPERATION_INVALID)
        ok = lab_connect_set_error(error, "destroying the guest");
    if (guest->qemu && !lab_qemu_wait(guest->qemu, END_WAIT_MS)) {
        lab_qemu_kill(guest->qemu);
        if (!lab_qemu_wait(guest->qemu, DESTROY_MS)) {
            g_clear_error(error);
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                        "QEMU (process %d) does not die: it waits in the host's kernel",
                        (int)lab_qemu_pid(guest->qemu));
            return FALSE;
        }
    }
    return ok;
}

static gboolean
libvirt_destroy(LabGuest *base, GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;
    gboolean ok = end_domain(guest, error);
    LabGuestEvent *event;

    lab_libvirt_drain(guest, "the guest was ended in the middle of the dump");
    while ((event = g_queue_pop_head(&base->events)))
        lab_guest_event_free(event);
    if (!lab_console_finish(base->console, ok ? error : NULL))
        ok = FALSE;
    if (guest->name)
        lab_libvirt_keep_log(guest);
    return ok;
}

static json_t *
libvirt_facts(LabGuest *base)
{
    LabLibvirt *guest = (LabLibvirt *)base;
    unsigned long version = 0;
    json_t *facts = json_object();

    json_object_set_new(facts, "accelerator", json_string(guest->kvm ? "kvm" : "tcg"));
    json_object_set_new(facts, "uri", json_string(guest->uri ? guest->uri : "qemu:///embed"));
    json_object_set_new(facts, "cpu_model",
                        lab_json_text(lab_domain_cpu_model(&base->cell->guest, guest->kvm)));
    json_object_set_new(facts, "boot", lab_json_text(base->cell->boot));
    json_object_set_new(facts, "cmdline", lab_json_text(base->cmdline));
    if (guest->qemu_version)
        json_object_set_new(facts, "qemu", json_string(guest->qemu_version));
    if (guest->connection && virConnectGetLibVersion(guest->connection, &version) == 0) {
        g_autofree char *text = g_strdup_printf("%lu.%lu.%lu", version / 1000000,
                                                version / 1000 % 1000, version % 1000);

        json_object_set_new(facts, "libvirt", json_string(text));
    }
    if (guest->qemu) {
        json_object_set_new(facts, "qemu_pid", json_integer(lab_qemu_pid(guest->qemu)));
        json_object_set_new(facts, "qemu_uid", json_integer(guest->uid));
        json_object_set_new(facts, "qemu_seccomp", json_boolean(guest->seccomp == 2));
    }
    return facts;
}

static void
libvirt_free(LabGuest *base)
{
    LabLibvirt *guest = (LabLibvirt *)base;
    g_autoptr(GError) error = NULL;

    if (guest->connection && guest->lifecycle_id >= 0)
        virConnectDomainEventDeregisterAny(guest->connection, guest->lifecycle_id);
    if (guest->connection && guest->monitor_id >= 0)
        virConnectDomainQemuMonitorEventDeregister(guest->connection, guest->monitor_id);
    if (guest->cancel_source) {
        g_source_destroy(guest->cancel_source);
        g_source_unref(guest->cancel_source);
    }
    if (guest->domain)
        virDomainFree(guest->domain);
    if (guest->connection)
        virConnectClose(guest->connection);
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
    g_free(guest->uri);
    g_free(guest->name);
    g_free(guest->directory);
    g_free(guest->log_path);
}

static const LabGuestOps libvirt_ops = {
    .start = libvirt_start,
    .next = libvirt_next,
    .now_ms = libvirt_now_ms,
    .agent_send = lab_libvirt_agent_send,
    .console_send = lab_libvirt_console_send,
    .inject_nmi = lab_libvirt_inject_nmi,
    .registers = lab_libvirt_registers,
    .pause = lab_libvirt_pause,
    .dump = lab_libvirt_dump,
    .destroy = libvirt_destroy,
    .facts = libvirt_facts,
    .free = libvirt_free,
};

LabGuest *
lab_guest_new_libvirt(const LabGuestConfig *config, GError **error)
{
    LabLibvirt *guest = g_new0(LabLibvirt, 1);

    guest->lifecycle_id = guest->monitor_id = -1;
    guest->uid = guest->seccomp = -1;
    guest->base.ops = &libvirt_ops;
    guest->base.cancel_fd = -1;
    guest->uri = g_strdup(config->cell->connect_uri);
    if (!lab_guest_init(&guest->base, &libvirt_ops, config, error) ||
        !lab_qemu_user_find(&guest->user, error)) {
        lab_guest_free(&guest->base);
        return NULL;
    }
    return &guest->base;
}

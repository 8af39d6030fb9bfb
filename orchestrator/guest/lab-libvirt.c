/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is a transient libvirt domain: its life and its events. */
#include "lab-libvirt.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "lab-connect.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define DESTROY_MS   10000
#define END_WAIT_MS  2000
#define KILL_WAIT_MS 500

static gboolean
is_ours(LabLibvirt *guest, virDomainPtr domain)
{
    return g_strcmp0(virDomainGetName(domain), guest->machine.name) == 0;
}

static int
on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
    LabLibvirt *guest = data;

    if (!is_ours(guest, domain) || guest->machine.base.destroyed)
        return 0;
    if (event == VIR_DOMAIN_EVENT_CRASHED && detail == VIR_DOMAIN_EVENT_CRASHED_PANICKED) {
        lab_machine_note_panic(&guest->machine);
    } else if (event == VIR_DOMAIN_EVENT_STOPPED) {
        guest->machine.stopped = TRUE;
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

    if (!is_ours(guest, domain) || guest->machine.base.destroyed || !details)
        return;
    json = lab_json_parse(details, strlen(details), event, NULL);
    lab_machine_note_shutdown(&guest->machine, json ? lab_json_string(json, "reason") : NULL);
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
    path = g_build_filename(guest->machine.base.runtime_directory, "domain", NULL);
    line = g_strdup_printf("%s\t%s\n", guest->uri, uuid);
    if (!lab_file_write(AT_FDCWD, path, line, -1, 0600, &error))
        lab_warn("%s", error->message);
}

/* Connects, and makes the domain. */
static gboolean
create(LabLibvirt *guest, GError **error)
{
    g_autofree char *xml = NULL;

    guest->connection = lab_connect_open(guest->uri, guest->machine.base.runtime_directory,
                                         guest->machine.base.cache_directory, error);
    if (!guest->connection)
        return FALSE;
    xml = lab_machine_make_domain(&guest->machine, error);
    if (!xml || !lab_machine_listen(&guest->machine, error))
        return FALSE;
    register_events(guest);
    guest->machine.started_us = g_get_monotonic_time();
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
        guest->machine.qemu_version = g_strdup_printf(
            "%d.%d.%d", (int)lab_json_int(numbers, "major", 0),
            (int)lab_json_int(numbers, "minor", 0), (int)lab_json_int(numbers, "micro", 0));
}

static gboolean
libvirt_start(LabGuest *base, GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;

    if (!lab_qemu_prepare(error) || !lab_machine_choose_accelerator(&guest->machine, error) ||
        !lab_machine_make_directory(&guest->machine, error) || !create(guest, error))
        return FALSE;
    note_domain(guest);
    if (!lab_machine_accept(&guest->machine, error))
        return FALSE;
    ask_version(guest);
    return TRUE;
}

static void
libvirt_resume(LabMachine *machine)
{
    LabLibvirt *guest = (LabLibvirt *)machine;

    if (virDomainResume(guest->domain) < 0)
        lab_debug("resuming after the panic event: %s", virGetLastErrorMessage());
}

/* Where the drivers put QEMU's log: virQEMUDriverConfigNew() of libvirt's src/qemu/qemu_conf.c. */
static char *
libvirt_find_log(LabMachine *machine)
{
    LabLibvirt *guest = (LabLibvirt *)machine;
    g_autofree char *file = g_strconcat(machine->name, ".log", NULL);
    g_auto(GStrv) candidates = g_new0(char *, 4);

    candidates[0] = g_build_filename(machine->base.runtime_directory, "root/log/qemu", file, NULL);
    candidates[1] = g_build_filename(g_get_user_cache_dir(), "libvirt/qemu/log", file, NULL);
    candidates[2] = g_build_filename("/var/log/libvirt/qemu", file, NULL);
    for (gsize i = guest->uri ? 1 : 0; candidates[i]; i++)
        if (access(candidates[i], R_OK) == 0)
            return g_strdup(candidates[i]);
    return NULL;
}

/* Tells libvirt only after QEMU was killed: its own way asks QEMU politely first. */
static gboolean
end_domain(LabLibvirt *guest, GError **error)
{
    gboolean ok = TRUE;

    if (guest->machine.qemu) {
        lab_qemu_kill(guest->machine.qemu);
        lab_qemu_wait(guest->machine.qemu, KILL_WAIT_MS); /* libvirt would look every 200 ms */
    }
    if (guest->domain && virDomainDestroyFlags(guest->domain, VIR_DOMAIN_DESTROY_DEFAULT) < 0 &&
        virGetLastErrorCode() != VIR_ERR_NO_DOMAIN &&
        virGetLastErrorCode() != VIR_ERR_OPERATION_INVALID)
        ok = lab_connect_set_error(error, "destroying the guest");
    if (guest->machine.qemu && !lab_qemu_wait(guest->machine.qemu, END_WAIT_MS)) {
        lab_qemu_kill(guest->machine.qemu);
        if (!lab_qemu_wait(guest->machine.qemu, DESTROY_MS)) {
            g_clear_error(error);
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                        "QEMU (process %d) does not die: it waits in the host's kernel",
                        (int)lab_qemu_pid(guest->machine.qemu));
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

    return lab_machine_finish(&guest->machine, ok ? error : NULL) && ok;
}

static json_t *
libvirt_facts(LabGuest *base)
{
    LabLibvirt *guest = (LabLibvirt *)base;
    json_t *facts = lab_machine_facts(&guest->machine);
    unsigned long version = 0;

    json_object_set_new(facts, "uri", json_string(guest->uri ? guest->uri : "qemu:///embed"));
    if (guest->connection && virConnectGetLibVersion(guest->connection, &version) == 0) {
        g_autofree char *text = g_strdup_printf("%lu.%lu.%lu", version / 1000000,
                                                version / 1000 % 1000, version % 1000);

        json_object_set_new(facts, "libvirt", json_string(text));
    }
    return facts;
}

static void
libvirt_free(LabGuest *base)
{
    LabLibvirt *guest = (LabLibvirt *)base;

    if (guest->connection && guest->lifecycle_id >= 0)
        virConnectDomainEventDeregisterAny(guest->connection, guest->lifecycle_id);
    if (guest->connection && guest->monitor_id >= 0)
        virConnectDomainQemuMonitorEventDeregister(guest->connection, guest->monitor_id);
    if (guest->domain)
        virDomainFree(guest->domain);
    if (guest->connection)
        virConnectClose(guest->connection);
    lab_machine_clear(&guest->machine);
    g_free(guest->uri);
}

static const LabGuestOps libvirt_ops = {
    .start = libvirt_start,
    .next = lab_machine_next,
    .now_ms = lab_machine_now_ms,
    .agent_send = lab_machine_agent_send,
    .console_send = lab_machine_console_send,
    .inject_nmi = lab_libvirt_inject_nmi,
    .registers = lab_libvirt_registers,
    .pause = lab_libvirt_pause,
    .dump = lab_machine_dump,
    .destroy = libvirt_destroy,
    .facts = libvirt_facts,
    .free = libvirt_free,
};

static const LabMachineOps libvirt_how = {
    .resume = libvirt_resume,
    .write_core = lab_libvirt_write_core,
    .find_log = libvirt_find_log,
};

LabGuest *
lab_guest_new_libvirt(const LabGuestConfig *config, GError **error)
{
    LabLibvirt *guest = g_new0(LabLibvirt, 1);

    guest->lifecycle_id = guest->monitor_id = -1;
    lab_machine_init(&guest->machine, &libvirt_how);
    guest->machine.base.ops = &libvirt_ops;
    guest->uri = g_strdup(config->cell->connect_uri);
    guest->machine.foreign_user = guest->uri != NULL;
    if (!lab_guest_init(&guest->machine.base, &libvirt_ops, config, error) ||
        !lab_qemu_user_find(&guest->machine.user, error)) {
        lab_guest_free(&guest->machine.base);
        return NULL;
    }
    return &guest->machine.base;
}

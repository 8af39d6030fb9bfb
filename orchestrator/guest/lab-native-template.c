/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that becomes a template: booted with its RAM in files, stopped, saved. */
#include "lab-native.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "lab-connect.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-native-head.h"
#include "lab-template-private.h"

#define START_MS 15000
#define SAVE_MS  30000

/* libvirt's own command line for the same domain: one description, two ways to start it. */
static gboolean
make_command(LabNative *guest, GError **error)
{
    const LabGuest *base = &guest->machine.base;
    g_autofree char *xml = lab_machine_make_domain(&guest->machine, error);
    virConnectPtr connection;
    char *native;

    connection = xml ? lab_connect_open(NULL, base->runtime_directory, base->cache_directory, error)
                     : NULL;
    if (!connection)
        return FALSE;
    native = virConnectDomainXMLToNative(connection, "qemu-argv", xml, 0);
    if (native)
        guest->command = lab_native_argv_parse(native, guest->machine.directory, error);
    else
        lab_connect_set_error(error, "asking libvirt for the guest's command line");
    free(native);
    virConnectClose(connection);
    return guest->command != NULL;
}

/* QEMU's user owns them: a QEMU before 8.2 opens even the file of a private mapping for writing. */
static gboolean
make_ram(LabNative *guest, int *fds, GError **error)
{
    const json_t *size;
    gsize i;

    json_array_foreach (lab_json_member(guest->command, "ram"), i, size) {
        g_autofree char *name = g_strdup_printf("ram%zu", i);

        fds[i] = openat(guest->claim->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fds[i] < 0 || ftruncate(fds[i], (off_t)json_integer_value(size)) < 0 ||
            (guest->machine.user.user &&
             fchown(fds[i], guest->machine.user.uid, guest->machine.user.gid) < 0))
            return lab_error_set_errno(error, errno, "making the guest's memory file");
    }
    return TRUE;
}

/* Where QEMU may read the originals there were no copies of them. */
static gboolean
link_boot_file(LabNative *guest, const char *path, const char *name, GError **error)
{
    g_autofree char *link = g_build_filename(guest->machine.directory, name, NULL);
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);

    if (symlink(absolute, link) < 0 && errno != EEXIST)
        return lab_error_set_errno(error, errno, "linking '%s'", link);
    return TRUE;
}

/* What clones are shown for a kernel and an initramfs (see lab-native-head.h). */
static gboolean
keep_heads(LabNative *guest, GError **error)
{
    g_autoptr(GBytes) head = lab_native_head(guest->machine.base.kernel, error);

    return head &&
           lab_file_write(guest->claim->fd, "kernel", g_bytes_get_data(head, NULL),
                          (gssize)g_bytes_get_size(head), 0600, error) &&
           lab_file_write(guest->claim->fd, "initramfs", "no initramfs\n", -1, 0600, error);
}

static gboolean
has_capability(const json_t *capabilities, const char *name)
{
    const json_t *one;
    gsize i;

    json_array_foreach (capabilities, i, one)
        if (g_strcmp0(lab_json_string(one, "capability"), name) == 0)
            return TRUE;
    return FALSE;
}

/* What cannot be saved is better not booted. */
static gboolean
ask_monitor(LabNative *guest, GError **error)
{
    g_autoptr(json_t)
        version = lab_qmp_call(guest->qmp, "query-version", NULL, -1, START_MS, error);
    g_autoptr(json_t) able =
        version ? lab_qmp_call(guest->qmp, "query-migrate-capabilities", NULL, -1, START_MS, error)
                : NULL;
    const json_t *numbers = lab_json_member(version, "qemu");

    if (!able)
        return FALSE;
    guest->machine.qemu_version = g_strdup_printf(
        "%d.%d.%d", (int)lab_json_int(numbers, "major", 0), (int)lab_json_int(numbers, "minor", 0),
        (int)lab_json_int(numbers, "micro", 0));
    if (has_capability(able, "x-ignore-shared"))
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                "QEMU %s cannot leave the memory out of a saved guest (x-ignore-shared)",
                guest->machine.qemu_version);
    return FALSE;
}

static gboolean
start_booting(LabNative *guest, GError **error)
{
    LabMachine *machine = &guest->machine;
    int ram[LAB_NATIVE_MAX_RAM];
    gboolean ok;

    memset(ram, -1, sizeof ram);
    if (!lab_qemu_prepare(error) || !lab_machine_choose_accelerator(machine, error) ||
        !lab_machine_make_directory(machine, error) || !make_command(guest, error) ||
        !link_boot_file(guest, machine->base.kernel, "kernel", error) ||
        !link_boot_file(guest, machine->base.initramfs, "initramfs", error) ||
        !keep_heads(guest, error))
        return FALSE;
    machine->started_us = g_get_monotonic_time();
    ok = make_ram(guest, ram, error) && lab_native_launch(guest, ram, -1, FALSE, error);
    for (gsize i = 0; i < G_N_ELEMENTS(ram); i++)
        lab_fd_close(&ram[i]);
    if (!ok || !ask_monitor(guest, error))
        return FALSE;
    lab_qemu_status(lab_qemu_pid(machine->qemu), &machine->uid, &machine->seccomp);
    return TRUE;
}

/* An answer for good is kept, so that the next cell does not boot for nothing. */
static void
remember_refusal(LabNative *guest, const GError *failure)
{
    if (guest->claim && g_error_matches(failure, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED))
        lab_template_refuse(guest->claim, failure->message);
}

static gboolean
template_start(LabGuest *base, GError **error)
{
    LabNative *guest = (LabNative *)base;
    g_autoptr(GError) failure = NULL;

    if (start_booting(guest, &failure))
        return TRUE;
    remember_refusal(guest, failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static json_t *
template_facts(LabGuest *base)
{
    return lab_machine_facts(&((LabNative *)base)->machine);
}

static void
template_free(LabGuest *base)
{
    LabNative *guest = (LabNative *)base;

    lab_native_clear(guest);
    json_decref(guest->inputs);
    lab_template_claim_free(guest->claim);
}

LabGuest *
lab_guest_new_template(const LabGuestConfig *config, guint index, LabTemplateClaim *given,
                       GError **error)
{
    static LabGuestOps ops;
    g_autoptr(LabTemplateClaim) claim = given;
    g_autoptr(json_t) inputs = lab_template_inputs(config, index, error);
    LabNative *guest;

    if (!inputs)
        return NULL;
    ops = lab_native_ops;
    ops.start = template_start;
    ops.facts = template_facts;
    ops.free = template_free;
    guest = lab_native_new(config, &ops, claim->part, error);
    if (!guest)
        return NULL;
    guest->claim = g_steal_pointer(&claim);
    guest->inputs = g_steal_pointer(&inputs);
    return &guest->machine.base;
}

/* Clones get new disks: they may only be as empty as those. */
static gboolean
disks_are_empty(LabNative *guest, GError **error)
{
    LAB_AUTO_FD directory = lab_dir_open(AT_FDCWD, guest->machine.directory, error);
    struct stat st;

    if (directory < 0)
        return FALSE;
    for (int i = 0; i <= 26; i++) {
        g_autofree char *name = i < 26 ? g_strdup_printf("disk%d", i) : g_strdup("scsi");

        if (fstatat(directory, name, &st, 0) < 0 || st.st_blocks == 0)
            continue;
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "the guest wrote to its disk while it booted, and clones get empty ones");
        return FALSE;
    }
    return TRUE;
}

static json_t *
capabilities(void)
{
    return json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
                     "x-ignore-shared", "state", 1, "capability", "events", "state", 1);
}

static gboolean
call(LabNative *guest, const char *command, json_t *arguments, int fd, GError **error)
{
    g_autoptr(json_t) answer = lab_qmp_call(guest->qmp, command, arguments, fd, SAVE_MS, error);

    return answer != NULL;
}

/* Why QEMU gave up. g_free. */
static char *
migration_trouble(LabNative *guest)
{
    g_autoptr(json_t) answer = lab_qmp_call(guest->qmp, "query-migrate", NULL, -1, SAVE_MS, NULL);
    const char *text = lab_json_string(answer, "error-desc");

    return lab_text_clean(text ? text : "it gave no reason", -1, FALSE);
}

/* QEMU's refusal of `migrate` names a device that cannot be saved. */
static gboolean
ask_to_migrate(LabNative *guest, GError **error)
{
    g_autoptr(GError) refusal = NULL;

    if (call(guest, "migrate", json_pack("{s:s}", "uri", "fd:state"), -1, &refusal))
        return TRUE;
    if (g_error_matches(refusal, LAB_INFRA_ERROR, LAB_ERROR_UNSUPPORTED))
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "this guest cannot be saved: %s", refusal->message);
    else
        g_propagate_error(error, g_steal_pointer(&refusal));
    return FALSE;
}

static gboolean
save_devices(LabNative *guest, GError **error)
{
    LAB_AUTO_FD fd = openat(guest->claim->fd, "state", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    g_autofree char *why = NULL;

    if (fd < 0)
        return lab_error_set_errno(error, errno, "creating the template's 'state'");
    if (!call(guest, "stop", NULL, -1, error) || !disks_are_empty(guest, error) ||
        !call(guest, "migrate-set-capabilities", capabilities(), -1, error) ||
        !call(guest, "getfd", json_pack("{s:s}", "fdname", "state"), fd, error) ||
        !ask_to_migrate(guest, error) ||
        !lab_qmp_wait(guest->qmp, &guest->migrated, "saving the guest", SAVE_MS, error))
        return FALSE;
    if (!guest->migration_failed)
        return TRUE;
    why = migration_trouble(guest);
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "saving the guest: QEMU says: %s", why);
    return FALSE;
}

static gboolean
seal_all(LabNative *guest, json_t *files, GError **error)
{
    gsize nodes = json_array_size(lab_json_member(guest->command, "ram"));

    for (gsize i = 0; i <= nodes; i++) {
        g_autofree char *name = i < nodes ? g_strdup_printf("ram%zu", i) : g_strdup("state");
        json_t *seal = lab_template_seal(guest->claim->fd, name, error);

        if (!seal)
            return FALSE;
        json_array_append_new(files, seal);
    }
    return TRUE;
}

static json_t *
describe(LabNative *guest, const json_t *state, json_t *files)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *made = g_date_time_format_iso8601(now);
    json_t *json = json_pack(
        "{s:i, s:s, s:O, s:O, s:O, s:s, s:I, s:s, s:O}", "schema_version", LAB_TEMPLATE_SCHEMA,
        "key", guest->claim->key, "index", lab_json_member(guest->inputs, "index"), "inputs",
        guest->inputs, "command", guest->command, "made", made, "boot_ms",
        (json_int_t)guest->boot_ms, "qemu", guest->machine.qemu_version, "files", files);

    json_object_set(json, "state", (json_t *)state);
    return json;
}

static LabTemplate *
save(LabNative *guest, const json_t *state, GError **error)
{
    g_autoptr(json_t) files = json_array();
    g_autoptr(json_t) json = NULL;

    guest->boot_ms = lab_guest_now_ms(&guest->machine.base);
    /* Ended before its memory is looked at: nobody writes to that any more. */
    if (!save_devices(guest, error) || !lab_guest_destroy(&guest->machine.base, error) ||
        !seal_all(guest, files, error))
        return NULL;
    json = describe(guest, state, files);
    return lab_template_publish(g_steal_pointer(&guest->claim), json, error);
}

LabTemplate *
lab_guest_save_template(LabGuest *base, const json_t *state, GError **error)
{
    LabNative *guest = (LabNative *)base;
    g_autoptr(GError) failure = NULL;
    LabTemplate *template = save(guest, state, &failure);

    if (!template) {
        remember_refusal(guest, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
    }
    return template;
}

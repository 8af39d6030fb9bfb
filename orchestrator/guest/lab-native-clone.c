/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is a copy of a template: its memory shared until it writes to it. */
#include "lab-native.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-environment.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-template-private.h"

#define RESTORE_MS   30000
#define END_MS       500
#define MAX_STAND_IN (1u << 20)

/* Opened anew for each clone: the position in 'state' is its own. QEMU opens the memory again by
 * way of /proc/self/fd. */
static int
open_part(LabNative *guest, const char *name, GError **error)
{
    int fd = openat(guest->template->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        lab_error_set_errno(error, errno, "opening the template's '%s'", name);
    return fd;
}

static gboolean
open_ram(LabNative *guest, int *ram, GError **error)
{
    gsize nodes = json_array_size(lab_json_member(guest->command, "ram"));

    for (gsize i = 0; i < nodes && i < LAB_NATIVE_MAX_RAM; i++) {
        g_autofree char *name = g_strdup_printf("ram%zu", i);

        ram[i] = open_part(guest, name, error);
        if (ram[i] < 0)
            return FALSE;
    }
    return TRUE;
}

/* A clone has booted already: instead of a kernel and an initramfs it has their stand-ins
 * (lab-native-head.h). */
static gboolean
make_files(LabNative *guest, GError **error)
{
    LabMachine *machine = &guest->machine;
    g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *scsi_disk = NULL;
    static const char *const names[] = {"kernel", "initramfs"};

    if (!lab_machine_make_directory(machine, error) ||
        !lab_machine_make_disks(machine, disks, &scsi_disk, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(machine->directory, names[i], NULL);
        gsize length = 0;
        g_autofree char *bytes =
            lab_file_read(guest->template->fd, names[i], MAX_STAND_IN, &length, error);
        LAB_AUTO_FD fd =
            bytes ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;

        if (!bytes)
            return FALSE;
        if (fd < 0)
            return lab_error_set_errno(error, errno, "creating '%s'", path);
        if (!lab_fd_write_all(fd, bytes, length, error) ||
            !lab_machine_share(machine, fd, 0640, path, error))
            return FALSE;
    }
    return TRUE;
}

/* Sent in one go; QEMU takes them one after the other, and on_event() hears of the end. */
static gboolean
ask_to_restore(LabNative *guest, GError **error)
{
    g_autofree char *uri = g_strdup_printf("fd:%d", LAB_NATIVE_FD_STATE);

    return lab_qmp_post(guest->qmp, "migrate-set-capabilities",
                        json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
                                  "x-ignore-shared", "state", 1, "capability", "events", "state",
                                  1),
                        error) &&
           lab_qmp_post(guest->qmp, "migrate-incoming", json_pack("{s:s}", "uri", uri), error);
}

gboolean
lab_guest_prestart(LabGuest *base, GError **error)
{
    LabNative *guest = (LabNative *)base;
    int ram[LAB_NATIVE_MAX_RAM];
    LAB_AUTO_FD state = -1;
    gboolean ok;

    if (guest->prestarted)
        return TRUE;
    guest->prestarted = base->started = TRUE;
    memset(ram, -1, sizeof ram);
    if (!lab_qemu_prepare(error) || !make_files(guest, error))
        return FALSE;
    state = open_part(guest, "state", error);
    ok = state >= 0 && open_ram(guest, ram, error) &&
         lab_native_launch(guest, ram, state, TRUE, error);
    for (gsize i = 0; i < G_N_ELEMENTS(ram); i++)
        lab_fd_close(&ram[i]);
    return ok && ask_to_restore(guest, error);
}

gboolean
lab_guest_set_cell(LabGuest *base, const LabCell *cell, const char *directory, GError **error)
{
    base->cell = cell;
    return lab_guest_open(base, directory, error);
}

/* A file of the template's becomes one of the cell's: the same, where that can be. */
static gboolean
share_file(LabNative *guest, const char *name, const char *as, GError **error)
{
    g_autofree char *to = g_build_filename(guest->machine.base.cell_directory, as, NULL);
    int from = guest->template->fd;

    (void)unlink(to);
    return linkat(from, name, AT_FDCWD, to, 0) == 0 ||
           lab_file_copy(from, name, AT_FDCWD, to, 0600, error);
}

/* The boot's console beside the clone's own: together they are the whole evidence. */
static gboolean
tell_origin(LabNative *guest, GError **error)
{
    LabGuest *base = &guest->machine.base;
    const LabTemplate *template = guest->template;
    g_autofree char *note =
        g_strdup_printf("a clone of template %s, index %d: its boot is in boot.log", template->key,
                        (int)lab_json_int(template->json, "index", 0));

    if (!share_file(guest, "console.log", "boot.log", error) ||
        (lab_file_exists(template->fd, LAB_ENVIRONMENT_FILE) &&
         !share_file(guest, LAB_ENVIRONMENT_FILE, LAB_ENVIRONMENT_FILE, error)))
        return FALSE;
    return lab_console_note(base->console, note, error);
}

static gboolean
run(LabNative *guest, GError **error)
{
    g_autoptr(json_t) answer = NULL;

    guest->machine.started_us = g_get_monotonic_time();
    answer = lab_qmp_call(guest->qmp, "cont", NULL, -1, RESTORE_MS, error);
    return answer != NULL;
}

/* How QEMU ended and what it said, where it did. */
static gboolean
with_end(LabNative *guest, gboolean ok, GError **error)
{
    LabMachine *machine = &guest->machine;

    if (ok)
        return TRUE;
    if (machine->qemu && lab_qemu_wait(machine->qemu, END_MS) && error && *error) {
        g_autofree char *end = lab_qemu_describe_end(machine->qemu);
        g_autofree char *log = lab_machine_log_tail(machine);
        const char *last = strrchr(log, '\n');

        g_prefix_error(error, "%s (its last line: %.200s): ", end, last ? last + 1 : log);
    }
    g_prefix_error(error, "restoring a clone of template %s: ", guest->template->key);
    return FALSE;
}

static gboolean
clone_start(LabGuest *base, GError **error)
{
    LabNative *guest = (LabNative *)base;

    if (!base->cell_directory) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the clone has no cell yet");
        return FALSE;
    }
    if (!with_end(guest,
                  lab_guest_prestart(base, error) &&
                      lab_qmp_wait(guest->qmp, &guest->migrated, "restoring", RESTORE_MS, error),
                  error))
        return FALSE;
    if (guest->migration_failed) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "QEMU could not load the state");
        return with_end(guest, FALSE, error);
    }
    lab_qemu_status(lab_qemu_pid(guest->machine.qemu), &guest->machine.uid,
                    &guest->machine.seccomp);
    return tell_origin(guest, error) && with_end(guest, run(guest, error), error);
}

static json_t *
clone_facts(LabGuest *base)
{
    LabNative *guest = (LabNative *)base;
    json_t *facts = lab_machine_facts(&guest->machine);

    json_object_set_new(facts, "warm", json_true());
    json_object_set_new(facts, "template", json_string(guest->template->key));
    json_object_set(facts, "template_index", lab_json_member(guest->template->json, "index"));
    return facts;
}

static void
clone_free(LabGuest *base)
{
    LabNative *guest = (LabNative *)base;

    lab_native_clear(guest);
    lab_template_free(guest->template);
}

LabGuest *
lab_guest_new_clone(const LabGuestConfig *config, LabTemplate *template, GError **error)
{
    static LabGuestOps ops;
    LabNative *guest;

    ops = lab_native_ops;
    ops.start = clone_start;
    ops.facts = clone_facts;
    ops.free = clone_free;
    guest = lab_native_new(config, &ops, config->cell_directory, error);
    if (!guest)
        return NULL;
    guest->template = lab_template_ref(template);
    guest->command = json_incref(lab_json_member(template->json, "command"));
    guest->machine.qemu_version = g_strdup(lab_json_string(template->json, "qemu"));
    guest->machine.kvm =
        g_strcmp0(lab_json_string(lab_json_member(template->json, "inputs"), "accelerator"),
                  "kvm") == 0;
    return &guest->machine.base;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What templates on their way and clones have in common: QEMU's start, its monitor, its end. */
#include "lab-native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define ANSWER_MS 10000
#define END_MS    10000

static void
on_event(const char *name, const json_t *data, gpointer user_data)
{
    LabNative *guest = user_data;
    const char *status;

    if (!name || guest->machine.base.destroyed)
        return; /* QEMU's end is seen by who watches its process */
    if (strcmp(name, "SHUTDOWN") == 0) {
        lab_machine_note_shutdown(&guest->machine, lab_json_string(data, "reason"));
    } else if (strcmp(name, "GUEST_PANICKED") == 0) {
        lab_machine_note_panic(&guest->machine);
    } else if (strcmp(name, "MIGRATION") == 0) {
        status = lab_json_string(data, "status");
        guest->migration_failed = g_strcmp0(status, "failed") == 0;
        guest->migrated = guest->migration_failed || g_strcmp0(status, "completed") == 0;
    }
}

static void
native_resume(LabMachine *machine)
{
    LabNative *guest = (LabNative *)machine;
    g_autoptr(GError) error = NULL;

    if (!lab_qmp_post(guest->qmp, "cont", NULL, &error))
        lab_debug("resuming after the panic event: %s", error->message);
}

static gboolean
write_core(LabNative *guest, int fd, LabCore format, gint64 timeout_ms, GError **error)
{
    g_autoptr(json_t) named = NULL;
    g_autoptr(json_t) done = NULL;

    named = lab_qmp_call(guest->qmp, "getfd", json_pack("{s:s}", "fdname", "core"), fd, ANSWER_MS,
                         error);
    if (!named)
        return FALSE;
    done = lab_qmp_call(guest->qmp, "dump-guest-memory",
                        json_pack("{s:b, s:s, s:s}", "paging", 0, "protocol", "fd:core", "format",
                                  format == LAB_CORE_ELF ? "elf" : "kdump-zlib"),
                        -1, timeout_ms, error);
    return done != NULL;
}

static gboolean
native_write_core(LabMachine *machine, const char *path, LabCore format, gint64 deadline_us,
                  GError **error)
{
    LabNative *guest = (LabNative *)machine;
    gint64 left_ms = MAX((deadline_us - g_get_monotonic_time()) / 1000, 1);
    LAB_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    g_autoptr(GError) failure = NULL;

    if (fd < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", path);
    if (write_core(guest, fd, format, left_ms, &failure))
        return TRUE;
    if (g_error_matches(failure, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT)) {
        /* QEMU cannot be asked to stop it. */
        lab_qemu_kill(machine->qemu);
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                    "the dump was not ready at its deadline, and QEMU was ended");
    } else {
        g_propagate_prefixed_error(error, g_steal_pointer(&failure), "dumping the guest: ");
    }
    return FALSE;
}

static char *
native_find_log(LabMachine *machine)
{
    g_autofree char *path = g_build_filename(machine->directory, "qemu.log", NULL);

    return access(path, R_OK) == 0 ? g_steal_pointer(&path) : NULL;
}

static const LabMachineOps native_how = {
    .resume = native_resume,
    .write_core = native_write_core,
    .find_log = native_find_log,
};

LabNative *
lab_native_new(const LabGuestConfig *given, const LabGuestOps *ops, const char *directory,
               GError **error)
{
    LabGuestConfig config = *given;
    LabNative *guest = g_new0(LabNative, 1);

    config.cell_directory = directory;
    lab_machine_init(&guest->machine, &native_how);
    guest->machine.base.ops = ops;
    if (!lab_guest_init(&guest->machine.base, ops, &config, error) ||
        !lab_qemu_user_find(&guest->machine.user, error)) {
        lab_guest_free(&guest->machine.base);
        return NULL;
    }
    return guest;
}

/* QEMU's stdout and stderr, and before them how it was called. */
static int
open_log(LabNative *guest, char **argv, GError **error)
{
    g_autofree char *path = g_build_filename(guest->machine.directory, "qemu.log", NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    LAB_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0) {
        lab_error_set_errno(error, errno, "creating '%s'", path);
        return -1;
    }
    for (char **word = argv; *word; word++) {
        g_autofree char *quoted = g_shell_quote(*word);

        g_string_append_printf(text, "%s%s", word == argv ? "" : " ", quoted);
    }
    g_string_append_c(text, '\n');
    return lab_fd_write_all(fd, text->str, text->len, error) ? g_steal_fd(&fd) : -1;
}

static gboolean
start_process(LabNative *guest, char **argv, const int *fds, int fd_count, GError **error)
{
    LabMachine *machine = &guest->machine;
    LAB_AUTO_FD log = open_log(guest, argv, error);
    pid_t pid;

    if (log < 0)
        return FALSE;
    pid = lab_native_spawn(argv, &machine->user, machine->kvm, fds, fd_count, log, error);
    machine->qemu = pid < 0 ? NULL : lab_qemu_new(pid, error);
    return machine->qemu != NULL;
}

gboolean
lab_native_launch(LabNative *guest, const int *ram, int state, gboolean clone, GError **error)
{
    gsize nodes = json_array_size(lab_json_member(guest->command, "ram"));
    g_auto(GStrv) argv = lab_native_argv_make(guest->command, guest->machine.directory, clone);
    int fds[LAB_NATIVE_FD_RAM + LAB_NATIVE_MAX_RAM - 3];
    int monitor[2] = {-1, -1};
    gboolean ok;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor) < 0)
        return lab_error_set_errno(error, errno, "making QEMU's monitor");
    guest->qmp = lab_qmp_new(monitor[0], on_event, guest);
    ok = lab_machine_connect(&guest->machine, fds, error);
    fds[LAB_NATIVE_FD_MONITOR - 3] = monitor[1];
    fds[LAB_NATIVE_FD_STATE - 3] = state;
    memcpy(fds + LAB_NATIVE_FD_RAM - 3, ram, nodes * sizeof *ram);
    ok = ok && start_process(guest, argv, fds, LAB_NATIVE_FD_RAM - 3 + (int)nodes, error);
    for (int i = 0; i <= LAB_NATIVE_FD_MONITOR - 3; i++)
        lab_fd_close(&fds[i]);
    return ok;
}

static gboolean
need_monitor(LabNative *guest, GError **error)
{
    if (guest->qmp && guest->machine.qemu && !guest->machine.base.destroyed)
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the guest is not running");
    return FALSE;
}

static gboolean
call(LabGuest *base, const char *command, GError **error)
{
    LabNative *guest = (LabNative *)base;
    g_autoptr(json_t) answer = NULL;

    if (!need_monitor(guest, error))
        return FALSE;
    answer = lab_qmp_call(guest->qmp, command, NULL, -1, ANSWER_MS, error);
    return answer != NULL;
}

static gboolean
native_inject_nmi(LabGuest *base, GError **error)
{
    return call(base, "inject-nmi", error);
}

static gboolean
native_pause(LabGuest *base, GError **error)
{
    ((LabNative *)base)->machine.resume_wanted = FALSE;
    return call(base, "stop", error);
}

static char *
native_registers(LabGuest *base, GError **error)
{
    LabNative *guest = (LabNative *)base;
    g_autoptr(json_t) answer = NULL;
    g_auto(GStrv) lines = NULL;
    g_autofree char *joined = NULL;

    if (!need_monitor(guest, error))
        return NULL;
    answer = lab_qmp_call(guest->qmp, "human-monitor-command",
                          json_pack("{s:s}", "command-line", "info registers -a"), -1, ANSWER_MS,
                          error);
    if (!answer)
        return NULL;
    lines = g_strsplit(json_is_string(answer) ? json_string_value(answer) : "", "\r", -1);
    joined = g_strjoinv("", lines);
    return lab_text_clean(joined, -1, TRUE);
}

static gboolean
native_destroy(LabGuest *base, GError **error)
{
    LabNative *guest = (LabNative *)base;
    gboolean ok = TRUE;

    if (guest->machine.qemu) {
        lab_qemu_kill(guest->machine.qemu);
        if (!lab_qemu_wait(guest->machine.qemu, END_MS)) {
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                        "QEMU (process %d) does not die: it waits in the host's kernel",
                        (int)lab_qemu_pid(guest->machine.qemu));
            ok = FALSE;
        }
    }
    return lab_machine_finish(&guest->machine, ok ? error : NULL) && ok;
}

void
lab_native_clear(LabNative *guest)
{
    lab_qmp_free(guest->qmp);
    json_decref(guest->command);
    lab_machine_clear(&guest->machine);
}

const LabGuestOps lab_native_ops = {
    .next = lab_machine_next,
    .now_ms = lab_machine_now_ms,
    .agent_send = lab_machine_agent_send,
    .console_send = lab_machine_console_send,
    .inject_nmi = native_inject_nmi,
    .registers = native_registers,
    .pause = native_pause,
    .dump = lab_machine_dump,
    .destroy = native_destroy,
};

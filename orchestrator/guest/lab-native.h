/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest whose QEMU we start ourselves, without libvirt: shared by the files lab-native*.c and
 * lab-template*.c alone. */
#pragma once

#include "lab-machine.h"
#include "lab-native-argv.h"
#include "lab-qmp.h"
#include "lab-template.h"

typedef struct {
    LabMachine machine;
    LabTemplateClaim *claim; /* of one that becomes a template; or NULL */
    LabTemplate *template;   /* of a clone; or NULL */
    json_t *inputs;          /* of its key */
    json_t *command;         /* lab_native_argv_parse()'s form */
    LabQmp *qmp;
    gboolean prestarted;
    gboolean migrated;         /* QMP's word: the device state is out, or in */
    gboolean migration_failed; /* or it will never be */
    gint64 boot_ms;            /* of a template */
} LabNative;

/* lab-native.c */
/* Allocates and initialises. 'config' is lent; its cell directory is 'directory' (or NULL). Frees
 * 'guest' itself on failure. */
LabNative *lab_native_new(const LabGuestConfig *config, const LabGuestOps *ops,
                          const char *directory, GError **error);
/* Starts QEMU with 'ram' (as many as the command has) and 'state' (or -1), connects all. */
gboolean
lab_native_launch(LabNative *guest, const int *ram, int state, gboolean clone, GError **error);
/* The operations that need no more than the monitor; 'start', 'free' and 'facts' are left out. */
extern const LabGuestOps lab_native_ops;
void lab_native_clear(LabNative *guest);

/* lab-native-spawn.c */
/* Starts argv as 'user', with fds[0] as its descriptor 3 and so on (-1: /dev/null). -1 on error.
 * What goes wrong later in the child ends it, with a line in the log. */
pid_t lab_native_spawn(char **argv, const LabQemuUser *user, gboolean kvm, const int *fds,
                       int fd_count, int log_fd, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory that a worker process runs its guest from: sockets, libvirt's files, copies of the
 * boot files, disks. It is short-lived, so it does not lie under the data directory, and its path
 * is short, since a socket's path has at most 107 bytes:
 *
 *   $KREGLAB_RUNTIME or /tmp/kreglab-UID / HASH of the data directory / PID-NAME (6 letters) /
 *     lock      flock(2) held by the owner: who can take it has found rubbish
 *     domain    a line "URI<TAB>UUID" for each domain outside an embedded root
 *     root/     libvirt's embedded root
 *     gN/       files of the Nth guest of this process
 */
#pragma once

#include <glib.h>

typedef struct LabRuntime LabRuntime;

/* 'data': the data directory; 'name': the cell's id. */
LabRuntime *lab_runtime_new(const char *data, const char *name, GError **error);
const char *lab_runtime_path(const LabRuntime *runtime);
void lab_runtime_free(LabRuntime *runtime); /* removes the directory */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabRuntime, lab_runtime_free)

/* The directory above those of the workers of 'data'. g_free. */
char *lab_runtime_root(const char *data);

typedef struct {
    int directories; /* left behind by workers that are dead; removed */
    int guests;      /* of them, QEMU processes and domains that were ended */
    int alive;       /* directories of workers at work; left alone */
} LabCleaned;

/* Ends the guests that dead workers of this data directory left, and removes their directories.
 * With 'dry_run' only counts. What cannot be removed is warned of, and FALSE at the end. */
gboolean lab_guest_clean(const char *data, gboolean dry_run, LabCleaned *cleaned, GError **error);

/* Who QEMU runs as. Root gives it to an unprivileged user ($KREGLAB_QEMU_USER, else the first there
 * is of libvirt-qemu, qemu, nobody); anybody else keeps it. LAB_CONFIG_ERROR when there is none. */
typedef struct {
    char *user, *group; /* names, or NULL when QEMU runs as we do */
    unsigned int uid, gid;
} LabQemuUser;
gboolean lab_qemu_user_find(LabQemuUser *user, GError **error);
void lab_qemu_user_clear(LabQemuUser *user);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabQemuUser, lab_qemu_user_clear)

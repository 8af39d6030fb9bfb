/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's process, known by its pid: seen ending, reaped, killed, and not outliving us. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Which QEMU this host has: "PATH SIZE MTIME", for keys of what depends on it. g_free. */
char *lab_qemu_binary(void);

typedef struct LabQemu LabQemu;

/* Makes this process the reaper of orphans below it (libvirt's drivers ask QEMU for its
 * capabilities in daemons of their own, and wait 40 s for each that stays a zombie), and starts the
 * guard: a child that kills every QEMU it was told of when this process ends in whatever way. Call
 * before the first QEMU starts; later calls do nothing. */
gboolean lab_qemu_prepare(GError **error);

/* Watches (and, where it became our child, reaps) the process. libvirt's virDomainDestroy() waits
 * for the pid to vanish, so reaping is a thread's. When it has ended the default main context is
 * woken up. */
LabQemu *lab_qemu_new(pid_t pid, GError **error);
void lab_qemu_free(LabQemu *qemu);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabQemu, lab_qemu_free)

pid_t lab_qemu_pid(const LabQemu *qemu);
gboolean lab_qemu_has_ended(const LabQemu *qemu);
/* "QEMU was killed by signal 9", "QEMU ended with status 1"; g_free. */
char *lab_qemu_describe_end(const LabQemu *qemu);
/* SIGKILL, if it still is there. */
void lab_qemu_kill(LabQemu *qemu);
/* Waits until it has ended; FALSE when it has not in time. */
gboolean lab_qemu_wait(LabQemu *qemu, gint64 timeout_ms);

/* The effective uid and the "Seccomp:" mode (2: filtered) of a process; -1 where unknown. */
void lab_qemu_status(pid_t pid, int *uid, int *seccomp);

/* SIGKILL for every QEMU whose command line has 'text' (a path of ours). How many. */
int lab_qemu_kill_matching(const char *text, gboolean dry_run);

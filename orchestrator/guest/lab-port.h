/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UNIX socket that QEMU connects to: we listen before it starts, so that nothing is lost. One
 * connection is taken (or made at once: a pair, for a QEMU that is our own child); reading and
 * writing go through the default main context.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct LabPort LabPort;

/* 'length' 0: the other end closed; nothing comes after it. */
typedef void (*LabPortBytes)(const void *bytes, gsize length, void *user_data);

/* 'group' (or -1) may connect, besides us. */
LabPort *
lab_port_new(const char *path, gid_t group, LabPortBytes bytes, void *user_data, GError **error);
/* The same with a connected pair of sockets: *other is for the child that gets it; the caller
 * closes it. 'name' is for messages. */
LabPort *lab_port_new_pair(const char *name, int *other, LabPortBytes bytes, void *user_data,
                           GError **error);
void lab_port_free(LabPort *port); /* removes the socket, too */

/* Takes the connection that QEMU has made, or makes within the time; *pid is its end's process. */
gboolean lab_port_accept(LabPort *port, gint64 timeout_ms, pid_t *pid, GError **error);

/* Queues bytes; at most 64 MiB wait. LAB_INFRA_ERROR when the other end is gone. */
gboolean lab_port_send(LabPort *port, const void *bytes, gsize length, GError **error);

/* Reads what is there without waiting, for the last words of a process that has ended. */
void lab_port_drain(LabPort *port);

void lab_port_close(LabPort *port); /* no bytes after it */

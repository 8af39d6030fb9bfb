/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's monitor, over a socket that QEMU has the other end of: JSON lines (docs/interop/qmp-spec
 * of QEMU). A guest that took QEMU over may say anything here: sizes and depths are bounded. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct LabQmp LabQmp;

/* An event, or NULL: the other end is gone. Called from the default main context, or from within
 * lab_qmp_call() and lab_qmp_wait(). */
typedef void (*LabQmpEvent)(const char *name, const json_t *data, gpointer user_data);

/* Owns 'fd', reads it through the default main context; asks for command mode. */
LabQmp *lab_qmp_new(int fd, LabQmpEvent event, gpointer user_data);
void lab_qmp_free(LabQmp *qmp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabQmp, lab_qmp_free)

/* Sends a command and does not wait; the first refused one makes lab_qmp_failed() say why. Takes
 * 'arguments' (or NULL). FALSE: the monitor is gone. */
gboolean lab_qmp_post(LabQmp *qmp, const char *command, json_t *arguments, GError **error);

/* Sends a command, with the descriptor 'fd' (or -1: none) beside it, and waits for the answer: its
 * "return", a new reference. Takes 'arguments'. QEMU's refusal is LAB_INFRA_ERROR/UNSUPPORTED with
 * its words; no answer in time LAB_INFRA_ERROR/TIMEOUT. */
json_t *lab_qmp_call(LabQmp *qmp, const char *command, json_t *arguments, int fd, gint64 timeout_ms,
                     GError **error);

/* Reads until *done is set (by the event callback), a posted command is refused, or time is up. */
gboolean lab_qmp_wait(LabQmp *qmp, const gboolean *done, const char *what, gint64 timeout_ms,
                      GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection to libvirt: one a process, embedded by default. */
#pragma once

#include <glib.h>
#include <libvirt/libvirt.h>

/* Opens the connection 'uri' (NULL: libvirt's driver inside this process, rooted in
 * runtime_directory/root, its capability cache shared through cache_directory). Registers GLib's
 * event loop with libvirt the first time. A process has one embedded root: later calls give the
 * same connection, which stays open until the process ends. The caller has a reference of its own:
 * virConnectClose(). */
virConnectPtr lab_connect_open(const char *uri, const char *runtime_directory,
                               const char *cache_directory, GError **error);

/* Sets LAB_INFRA_ERROR from libvirt's last error: "FORMAT…: message". Always FALSE. */
gboolean lab_connect_set_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

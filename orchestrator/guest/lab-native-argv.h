/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's command line for a guest that we start ourselves. Text in, text out. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Where QEMU finds what it inherits. */
enum {
    LAB_NATIVE_FD_CONSOLE = 3,
    LAB_NATIVE_FD_AGENT,
    LAB_NATIVE_FD_DUMP,
    LAB_NATIVE_FD_MONITOR,
    LAB_NATIVE_FD_STATE, /* of clones alone */
    LAB_NATIVE_FD_RAM,   /* the first node's */
};

#define LAB_NATIVE_MAX_RAM 64

/* The form that templates keep: {"argv": [...], "ram": [bytes of each node]}. 'native' is what
 * libvirt's virConnectDomainXMLToNative() gave ("qemu-argv") for lab_domain_xml() of a guest whose
 * files lie in 'directory', which becomes "{dir}". Sockets become inherited ones, memory becomes
 * files, libvirt's own things go. LAB_CONFIG_ERROR/UNSUPPORTED for a line that has not what is
 * needed. */
json_t *lab_native_argv_parse(const char *native, const char *directory, GError **error);

/* The argv to run. 'directory' is also the guest's name, so that its QEMU can be found by it. The
 * RAM files belong to it alone, and get all that the guest writes; or, for a 'clone', nothing.
 * g_strfreev. */
char **lab_native_argv_make(const json_t *command, const char *directory, gboolean clone);

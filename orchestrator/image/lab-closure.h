/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of the host with the libraries they need, as files of a guest. Only for programs that
 * the host trusts: their own dynamic loader is asked (ld.so --list, which runs nothing of the
 * program). */
#pragma once

#include <glib.h>

typedef struct {
    char *path;   /* in the guest: /usr/bin/NAME, /usr/lib/…/libx.so.1 */
    char *source; /* on the host */
} LabClosureFile;

/* The program 'tool': a path, or a name that is looked for in PATH and the system's directories.
 * LAB_CONFIG_ERROR/NOT_FOUND that names the package. g_free. */
char *lab_closure_find(const char *tool, GError **error);

/* The program at 'source' and all it needs; just itself for a static program or a script. GPtrArray
 * of LabClosureFile, the program first. */
GPtrArray *lab_closure_read(const char *source, GError **error);

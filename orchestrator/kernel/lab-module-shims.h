/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What old kernels' build systems need to work with a new compiler. HACKING.md lists all of it. */
#pragma once

#include <glib.h>

/* Arguments for make, NULL-terminated; g_strfreev. Headers
 * that the kernel's lack are made below 'work'. 'headers' is the build directory, 'compiler' the
 * one that is called, 'other' says that the headers were made for another one. */
char **lab_module_shims(const char *release, const char *headers, const char *work,
                        const char *compiler, gboolean other, GError **error);

/* The same for a build in a root of the kernel's own suite, which needs no shims: that the module
 * does not name 'work'. 'compiler': its name there ("gcc-14"); NULL: not known. */
char **lab_module_root_flags(const char *work, const char *compiler);

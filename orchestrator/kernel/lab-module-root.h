/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private roots: the build tools of another Debian suite, for kernels whose headers bring programs
 * that need a newer C library than this machine's, or that only their own compiler will do for.
 * CACHE/roots/SUITE-COMPILER is made once by mmdebstrap, and builds run in it by chroot in a mount
 * namespace of their own. Nothing of it can change the machine's own files.
 */
#pragma once

#include <glib.h>

#include "lab-kernel.h"
#include "lab-proc.h"

/* The suite whose tools the kernel was built with, by its source (debian:SUITE/…) or its version
 * ("+deb13"); NULL: it is no kernel of Debian's. Static. */
const char *lab_module_root_suite(const LabKernel *kernel);

/* The root with 'compiler' ("gcc-14", or NULL: the suite's own), made unless it is there (a minute
 * or two, and 300 MB). g_free. NULL: *why (g_free) says why it cannot be had; that is no error. */
char *lab_module_root_find(const char *suite, const char *compiler, const char *cache, char **why);

/* Runs argv in the root, where 'headers' and 'work' (absolute) are seen under their own paths,
 * 'headers' read-only. */
gboolean lab_module_root_run(const char *root, const char *headers, const char *work,
                             const char *const *argv, const LabProcOptions *options,
                             LabProcResult *result, GError **error);

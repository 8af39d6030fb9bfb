/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sources of a module: their digest, and a copy to build in. */
#pragma once

#include <glib.h>

/* Paths (relative, sorted) of the files below 'source_dir' that a build reads: all regular ones but
 * hidden ones and build results. NULL on error; strings owned by the array. */
GPtrArray *lab_module_source_list(const char *source_dir, GError **error);

/* Feeds paths and contents to 'sum'. */
gboolean lab_module_source_digest(const char *source_dir, const GPtrArray *files, GChecksum *sum,
                                  GError **error);

/* Copies them below the directory 'to'; writes a Kbuild that makes each top-level .c file a module
 * when there is neither Kbuild nor Makefile. */
gboolean lab_module_source_copy(const char *source_dir, const GPtrArray *files, const char *to,
                                GError **error);

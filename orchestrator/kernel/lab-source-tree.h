/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory with a kernel's source: its digest, and copies of it or of a part. What git, editors
 * and builds leave there (.git, *.o, *.ko, .*.cmd, …) does not count. */
#pragma once

#include <glib.h>

/* SHA-256 over the names, kinds and bytes of all files; free with g_free. */
char *lab_source_tree_digest(const char *directory, GError **error);

/* Copies it into the directory 'to_fd'. Not durable: it is for a build's own directory. */
gboolean lab_source_tree_copy(const char *directory, int to_fd, GError **error);

/* Copies of a *built* tree what modules need to be built against it (Makefiles, headers, scripts
 * with their programs, objtool, .config, Module.symvers) into 'to_fd'. */
gboolean lab_source_tree_copy_headers(const char *directory, int to_fd, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pages makedumpfile may leave out of a dump. */
#pragma once

#include <glib.h>

/* All that it can leave out: zero, cache, private cache, user and free pages. */
#define LAB_DUMP_LEVEL 31

/*
 * The dump level (makedumpfile's -d) for a kernel of 'release' and the version that `makedumpfile
 * -v` names in 'version_text'; NULL, or a text without a version, counts as an old one.
 *
 * Since commit 46df8e73a4a3 ("mm: free up PG_slab") (in v6.10) a slab page has no flag of its own,
 * and makedumpfile before 1.7.6 takes some of them for user pages: task structures are missing
 * then. User pages stay in the dump of such a pair.
 */
guint lab_dump_level_of(const char *release, const char *version_text);

/* The same for this host's makedumpfile, which is asked once. */
guint lab_dump_level(const char *release);

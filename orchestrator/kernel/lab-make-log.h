/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What make and the compilers said. */
#pragma once

#include <glib.h>

/* The line of a build's output that says most: the first error of compiler or modpost, else what a
 * tool lacks, else make's own. 'work' (the build's directory) is cut out of it. Free with g_free.
 */
char *lab_make_first_error(const char *log, const char *work);

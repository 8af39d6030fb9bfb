/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control paragraphs of Debian packages and indexes (deb822(5)). */
#pragma once

#include <glib.h>

/* The value of 'field' in the first paragraph of 'text', continuation lines joined by newlines;
 * NULL when absent or 'text' is NULL. Field names compare without case. Free with g_free. */
char *lab_deb_field(const char *text, const char *field);

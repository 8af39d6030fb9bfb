/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kernel's taint says (Documentation/admin-guide/tainted-kernels.rst). */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Of the letters as an oops prints them ("G        W  OE  "); other characters are passed over. */
guint64 lab_taint_from_letters(const char *letters, gsize length);
/* {"mask":N,"letters":"WO","meanings":["the kernel warned before",…]}. Bits of newer kernels are
 * "?" and their number. New reference. */
json_t *lab_taint_to_json(guint64 mask);

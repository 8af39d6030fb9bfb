/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a test makes, held against files under tests/golden. With LAB_TEST_REGENERATE=1 the files
 * are written first. */
#pragma once

#include <glib.h>

/* Asserts that the file 'name' of tests/golden/FOLDER holds 'text'. */
void golden_check(const char *folder, const char *name, const char *text);

/* For each X.log of tests/golden/FOLDER: X.json has to be what 'make' makes of it (g_free). Returns
 * how many there are. */
guint golden_check_logs(const char *folder, char *(*make)(const char *text, gsize length));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker's verbs that put a kernel into the store (intake, kernel-build), with their progress
 * shown on stderr. */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "lab-paths.h"

/* Runs the worker's 'verb' on 'request' (borrowed; see HACKING.md) and shows its progress unless
 * 'quiet'. The worker prints what went wrong itself. Returns its exit status, and the id of the
 * kernel in *id (NULL when there is none; free with g_free); -1 and error when it could not be run.
 */
int lab_intake_call(const LabPaths *paths, const char *verb, const json_t *request, gboolean quiet,
                    char **id, GError **error);

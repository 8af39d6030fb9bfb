/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the worker's verbs share: a JSON request in, JSON lines out on fd 3. */
#pragma once

#include <jansson.h>

#include "lab-json.h"

/* Reads the request from the file named by argv[1], or stdin when there is none (or "-"). At most
 * 1 MiB; it has to be an object. Owned by the caller. */
json_t *lab_verb_read_request(int argc, char **argv, GError **error);

/* Writes one line to fd 3 and frees 'event'. Nobody listening (a worker run by hand) is fine. */
void lab_verb_send(json_t *event);

/* Sends "progress"; a progress callback of the kernel room ('data' is not used). */
void lab_verb_on_progress(const char *text, guint64 done, guint64 total, gpointer data);

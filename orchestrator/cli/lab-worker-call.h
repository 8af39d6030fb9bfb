/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short calls of kreglab-worker: its last event, and what it said. */
#pragma once

#include "lab-cli.h"

/* Runs `kreglab-worker ARGS…` with this command line's directories, and waits. Returns the last
 * JSON object that it wrote to descriptor 3 (owned by the caller). NULL: it could not be run,
 * failed (the error has its last message), or wrote none. */
json_t *
lab_worker_call(const LabPaths *paths, const char *const *args, gint64 timeout_ms, GError **error);

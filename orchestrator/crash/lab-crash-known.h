/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shipped table of functions, made by tests/tools/crash-known. Not for other rooms. */
#pragma once

#include <glib.h>

typedef struct {
    const char *function;
    guint16 count; /* crashes that it occurs in, at least 2: what occurs in one is as rare as what
                    * occurs in none */
} LabCrashKnownFunction;

extern const LabCrashKnownFunction lab_crash_known_functions[]; /* sorted by strcmp */
extern const gsize lab_crash_n_known_functions;
extern const guint lab_crash_known_crashes;

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a result says, in short: enough for lists, exit codes and the index. */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "lab-outcome.h"

typedef enum { LAB_EXPECTED_UNKNOWN = -1, LAB_EXPECTED_NO = 0, LAB_EXPECTED_YES = 1 } LabExpected;

typedef struct {
    LabState state;
    LabOutcome outcome;
    gboolean survived;
    LabExpected expected;
    char *title;       /* of the crash, as read from the guest (not cleaned); or NULL */
    char *why;         /* one sentence; or NULL */
    char *k0;          /* the crash's first signature, or NULL */
    char *dump_method; /* or NULL: no dump */
    char *template;    /* key of the booted guest that it ran from a clone of; or NULL */
    char *suspect;     /* why the host's load may have made it so; or NULL: it did not */
    gint64 duration_ms, boot_ms;
    gint64 time_to_crash_ms; /* -1: none */
} LabBrief;

LabBrief *lab_brief_new(void); /* state missing */
LabBrief *lab_brief_new_from_result(const json_t *result);
void lab_brief_free(LabBrief *brief);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabBrief, lab_brief_free)

/* Whether the exit status has to say so: the result's "expected" is false, or nobody said what to
 * expect and the outcome is not pass. Skipped, infra and missing cells are never unexpected. */
gboolean lab_brief_is_unexpected(const LabBrief *brief);

/* "crash", "pass", "infra", "skipped", "missing"…: the outcome, or the state without one. Static.
 */
const char *lab_brief_word(const LabBrief *brief);

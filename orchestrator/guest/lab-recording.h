/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recorded guest, read back: DIR/console.log (needed; "@+MS " marks), agent.jsonl and
 * events.jsonl (either may be absent) as one list in the order of time. The forms are
 * lab-record.h's; events.jsonl may name a "file" of DIR for a dump ("vmcore" otherwise).
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef enum {
    LAB_RECORDING_REQUEST, /* to the guest */
    LAB_RECORDING_MESSAGE, /* from it */
    LAB_RECORDING_LINE,
    LAB_RECORDING_EVENT,
} LabRecordingKind;

typedef struct {
    LabRecordingKind kind;
    gint64 time_ms;
    gsize order; /* among entries of one time */
    char *text;  /* LINE: its bytes with their end */
    gsize length;
    json_t *json; /* the message, or the event's line */
    GBytes *data; /* the message's bytes, or NULL */
} LabRecordingEntry;

/* GPtrArray of LabRecordingEntry. LAB_CONFIG_ERROR/NOT_FOUND when DIR has no console.log,
 * LAB_DATA_ERROR "FILE:LINE: …" for a line that cannot be read. */
GPtrArray *lab_recording_load(const char *directory, GError **error);

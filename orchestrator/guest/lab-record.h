/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The recording half of replay: agent.jsonl and events.jsonl in the cell directory, one JSON object
 * a line. Together with console.log (which carries time marks) they are what lab_guest_new_replay()
 * plays. Written always, synced never: a recording is a convenience, evidence is not kept in it.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct LabRecord LabRecord;

LabRecord *lab_record_new(const char *directory, GError **error);
void lab_record_free(LabRecord *record);

/* {"t_ms":N,"dir":"to-guest|from-guest","message":{…},"data_b64":…}. 'data' may be NULL. A file
 * over 64 MiB gets no more lines but one that says so. */
void lab_record_message(LabRecord *record, gint64 time_ms, gboolean to_guest, const json_t *message,
                        const void *data, gsize length);

/* {"t_ms":N,"event":WORD,"text":…,"bytes":N}. 'text' may be NULL. */
void lab_record_event(LabRecord *record, gint64 time_ms, const char *word, const char *text,
                      guint64 bytes);

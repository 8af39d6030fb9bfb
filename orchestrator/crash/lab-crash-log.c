/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was read from a whole log, and its JSON form. */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

void
lab_crash_log_free(LabCrashLog *log)
{
    if (!log)
        return;
    g_ptr_array_unref(log->reports);
    g_free(log->release);
    g_free(log->k0);
    g_free(log->k1);
    g_free(log->k2);
    g_free(log);
}

LabCrashLog *
lab_crash_log_parse(const char *text, gsize length)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();

    lab_crash_parser_feed_text(parser, text, length);
    return lab_crash_parser_finish(parser);
}

json_t *
lab_crash_frames_to_json(const GPtrArray *frames)
{
    json_t *array = json_array();

    for (guint i = 0; i < frames->len; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        json_t *one = json_pack("{s:o, s:o, s:b, s:o}", "function", lab_json_text(frame->function),
                                "module", lab_json_text(frame->module), "reliable", frame->reliable,
                                "stack", lab_json_text(frame->stack));

        if (frame->source)
            json_object_set_new(one, "source", lab_json_text(frame->source));
        json_array_append_new(array, one);
    }
    return array;
}

const char *
lab_crash_log_confidence(const LabCrashLog *log)
{
    const LabCrashReport *cause = log->cause;

    if (!cause)
        return "none";
    if (cause->guessed)
        return "guessed";
    return cause->corrupted || cause->interleaved ? "low" : "high";
}

json_t *
lab_crash_report_to_json(const LabCrashReport *report)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:I, s:b, s:b, s:b, s:b, s:b, s:b, s:O}", "title",
        lab_json_text(report->title), "type", lab_json_text(report->type), "alternatives",
        lab_json_from_strv((const char *const *)report->alternatives), "frames",
        lab_crash_frames_to_json(report->frames), "line_first", (json_int_t)report->line_first,
        "line_last", (json_int_t)report->line_last, "corrupted", report->corrupted, "interleaved",
        report->interleaved, "truncated", report->truncated, "guessed", report->guessed, "panicked",
        report->panicked, "harmless", report->harmless, "attributes", report->attributes);
}

json_t *
lab_crash_log_to_json(const LabCrashLog *log)
{
    const char *place = "before";
    json_t *crash;
    json_t *reports;

    if (!log->cause)
        return json_null();
    crash = lab_crash_report_to_json(log->cause);
    json_object_set_new(crash, "confidence", json_string(lab_crash_log_confidence(log)));
    json_object_set_new(crash, "release", lab_json_text(log->release));
    json_object_set_new(crash, "signature",
                        json_pack("{s:s, s:s, s:s}", "k0", log->k0, "k1", log->k1, "k2", log->k2));
    reports = json_array();
    for (guint i = 0; i < log->reports->len; i++) {
        const LabCrashReport *report = log->reports->pdata[i];

        json_array_append_new(
            reports, json_pack("{s:o, s:o, s:I, s:b, s:s}", "title", lab_json_text(report->title),
                               "type", lab_json_text(report->type), "line_first",
                               (json_int_t)report->line_first, "harmless", report->harmless,
                               "place", report == log->cause ? "cause" : place));
        if (report == log->cause)
            place = "after";
    }
    json_object_set_new(crash, "reports", reports);
    return crash;
}

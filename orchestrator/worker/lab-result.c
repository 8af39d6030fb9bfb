/* SPDX-License-Identifier: GPL-2.0-or-later */
/* result.json, as HACKING.md describes it. */
#include <string.h>

#include "lab-findings.h"
#include "lab-json.h"

static json_t *
maybe_int(gint64 value)
{
    return value < 0 ? json_null() : json_integer(value);
}

/* Null where the recipe states nothing for this kernel and variant. */
static json_t *
expected(const LabFindings *found, const LabFacts *facts)
{
    const LabCell *cell = found->cell;
    const char *outcome = lab_outcome_name(facts->outcome);
    const LabCrashReport *cause = found->log ? found->log->cause : NULL;

    if (facts->state != LAB_STATE_RAN || !cell->expect || cell->expect->len == 0)
        return json_null();
    for (guint i = 0; i < cell->expect->len; i++) {
        const LabExpect *expect = g_ptr_array_index(cell->expect, i);
        const char *title = cause && cause->title ? cause->title : "";

        if (expect->outcome && g_strcmp0(expect->outcome, outcome) != 0)
            continue;
        if (expect->title && !g_pattern_match_simple(expect->title, title))
            continue;
        return json_true();
    }
    return json_false();
}

static json_t *
dump_json(const LabDumpFindings *dump)
{
    json_t *check = json_object();
    json_t *json = json_object();

    json_object_set_new(json, "method", lab_json_text(dump->method));
    json_object_set_new(json, "path", lab_json_text(dump->kept ? "vmcore" : NULL));
    json_object_set_new(json, "size_bytes", json_integer(dump->size_bytes));
    json_object_set_new(json, "duration_ms", json_integer(dump->duration_ms));
    json_object_set_new(json, "why_not", lab_json_text(dump->why_not));
    json_object_set_new(json, "detail", lab_json_text(dump->detail));
    json_object_set_new(json, "capture_kernel_state", json_boolean(dump->capture_kernel_state));
    json_object_set_new(check, "makedumpfile", lab_json_text(dump->makedumpfile));
    json_object_set_new(check, "dmesg_bytes", json_integer(dump->dmesg_bytes));
    json_object_set_new(check, "crash", lab_json_text(dump->crash));
    json_object_set_new(check, "crash_version", lab_json_text(dump->crash_version));
    json_object_set_new(json, "check", check);
    return json;
}

/* Console and vmcore may differ: the console loses lines, the ring its oldest ones. */
static json_t *
other_json(const LabFindings *found)
{
    const LabCrashLog *other = found->other_log;
    const LabCrashReport *cause = other ? other->cause : NULL;

    if (!other)
        return json_null();
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:i}", "source",
                     strcmp(found->log_source, "console") == 0 ? "vmcore" : "console", "title",
                     lab_json_text(cause ? cause->title : NULL), "type",
                     lab_json_text(cause ? cause->type : NULL), "k0", lab_json_text(other->k0),
                     "k1", lab_json_text(other->k1), "k2", lab_json_text(other->k2), "reports",
                     (int)other->reports->len);
}

static json_t *
crash_json(const LabFindings *found)
{
    json_t *crash = found->log ? lab_crash_log_to_json(found->log) : json_null();

    if (!json_is_object(crash))
        return crash;
    json_object_set_new(crash, "source", json_string(found->log_source));
    json_object_set_new(crash, "other", other_json(found));
    return crash;
}

static json_t *
reached_json(const LabFindings *found)
{
    const LabReached *reached = &found->cell->reached;
    json_t *value, *json;

    if (!reached->metric)
        return json_null();
    value = json_object_get(found->metrics, reached->metric);
    json = json_object();
    json_object_set_new(json, "metric", lab_json_text(reached->metric));
    json_object_set_new(json, "min", json_real(reached->min));
    json_object_set_new(json, "value", value ? json_incref(value) : json_null());
    json_object_set_new(json, "held", json_boolean(found->evidence.reached));
    return json;
}

static void
add_identity(json_t *json, const LabCell *cell)
{
    json_object_set_new(json, "schema_version", json_integer(LAB_RESULT_SCHEMA));
    json_object_set_new(json, "id", lab_json_text(cell->id));
    json_object_set_new(json, "run", lab_json_text(cell->run));
    json_object_set_new(json, "kernel", lab_json_text(cell->kernel_id));
    json_object_set_new(json, "release", lab_json_text(cell->kernel_release));
    json_object_set_new(json, "recipe", lab_json_text(cell->recipe));
    json_object_set_new(json, "variant", lab_json_text(cell->variant));
    json_object_set_new(json, "repetition", json_integer(cell->repetition));
}

json_t *
lab_findings_to_result(const LabFindings *found)
{
    LabFacts facts = lab_facts_from_evidence(&found->evidence);
    g_autofree char *why = lab_findings_why(found, &facts);
    json_t *json = json_object();

    add_identity(json, found->cell);
    json_object_set_new(json, "state", lab_json_text(lab_state_name(facts.state)));
    json_object_set_new(json, "outcome", lab_json_text(lab_outcome_name(facts.outcome)));
    json_object_set_new(json, "why", lab_json_text(why));
    json_object_set_new(json, "survived", json_boolean(facts.survived));
    json_object_set_new(json, "expected", expected(found, &facts));
    json_object_set_new(json, "suspect", lab_findings_suspect(found, &facts));
    json_object_set_new(json, "crash", crash_json(found));
    json_object_set_new(json, "dump", dump_json(&found->dump));
    json_object_set(json, "phases", found->phases);
    json_object_set_new(json, "started", lab_json_text(found->started));
    json_object_set_new(json, "duration_ms", json_integer(found->duration_ms));
    json_object_set_new(json, "boot_ms", maybe_int(found->boot_ms));
    json_object_set_new(json, "time_to_crash_ms", maybe_int(found->time_to_crash_ms));
    json_object_set(json, "metrics", found->metrics);
    json_object_set_new(json, "reached", reached_json(found));
    json_object_set(json, "memory", found->memory);
    json_object_set(json, "vmstat", found->vmstat);
    json_object_set(json, "setup", found->setup);
    json_object_set_new(json, "environment",
                        found->environment ? json_incref(found->environment) : json_null());
    json_object_set(json, "facts", found->facts);
    return json;
}

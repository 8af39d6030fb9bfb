/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Could the host's load have made this outcome? The rule is in HACKING.md. */
#include <string.h>

#include "lab-findings.h"
#include "lab-json.h"

/* Names of metrics end in their unit. */
static gboolean
is_time(const char *metric)
{
    static const char *const suffixes[] = {"_ns", "_us", "_ms", "_s", "_per_s", NULL};

    for (int i = 0; metric && suffixes[i]; i++)
        if (g_str_has_suffix(metric, suffixes[i]))
            return TRUE;
    return FALSE;
}

static gboolean
outcome_depends_on_time(const LabFindings *found, const LabFacts *facts)
{
    const LabEvidence *e = &found->evidence;

    switch (facts->outcome) {
    case LAB_OUTCOME_HANG:
    case LAB_OUTCOME_TIMEOUT:
    case LAB_OUTCOME_LOST:
    case LAB_OUTCOME_INCONCLUSIVE:
        return TRUE;
    case LAB_OUTCOME_BOOT_FAILURE:
        return e->fragile || !(e->kernel_stopped || e->report);
    case LAB_OUTCOME_CRASH:
        return e->fragile;
    case LAB_OUTCOME_FAIL:
        return is_time(lab_findings_failed_metric(found));
    case LAB_OUTCOME_PASS:
    case LAB_OUTCOME_NONE:
        break;
    }
    return FALSE;
}

json_t *
lab_findings_pressure(const LabFindings *found)
{
    const LabPressure *p = &found->pressure;

    if (!p->why)
        return json_null();
    return json_pack("{s:o, s:I, s:I, s:I, s:i, s:i, s:i, s:i}", "why", lab_json_text(p->why),
                     "window_ms", (json_int_t)p->window_ms, "guest_ran_ms", (json_int_t)p->ran_ms,
                     "guest_waited_ms", (json_int_t)p->waited_ms, "steal_pct", p->steal_pct,
                     "cpu_pct", p->cpu_pct, "memory_pct", p->memory_pct, "io_pct", p->io_pct);
}

json_t *
lab_findings_suspect(const LabFindings *found, const LabFacts *facts)
{
    if (facts->state != LAB_STATE_RAN || !outcome_depends_on_time(found, facts))
        return json_null();
    return lab_findings_pressure(found);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-brief.h"

#include "lab-json.h"

LabBrief *
lab_brief_new(void)
{
    LabBrief *brief = g_new0(LabBrief, 1);

    brief->state = LAB_STATE_MISSING;
    brief->expected = LAB_EXPECTED_UNKNOWN;
    brief->time_to_crash_ms = -1;
    return brief;
}

LabBrief *
lab_brief_new_from_result(const json_t *result)
{
    LabBrief *brief = lab_brief_new();
    const json_t *crash = lab_json_member(result, "crash");
    const json_t *expected = lab_json_member(result, "expected");

    brief->state = lab_state_from_name(lab_json_string(result, "state"));
    brief->outcome = lab_outcome_from_name(lab_json_string(result, "outcome"));
    brief->survived = lab_json_bool(result, "survived", FALSE);
    if (json_is_boolean(expected))
        brief->expected = json_is_true(expected) ? LAB_EXPECTED_YES : LAB_EXPECTED_NO;
    brief->title = g_strdup(lab_json_string(crash, "title"));
    brief->why = g_strdup(lab_json_string(result, "why"));
    brief->k0 = g_strdup(lab_json_string(lab_json_member(crash, "signature"), "k0"));
    brief->dump_method = g_strdup(lab_json_string(lab_json_member(result, "dump"), "method"));
    brief->template = g_strdup(lab_json_string(lab_json_member(result, "facts"), "template"));
    brief->suspect = g_strdup(lab_json_string(lab_json_member(result, "suspect"), "why"));
    brief->duration_ms = lab_json_int(result, "duration_ms", 0);
    brief->boot_ms = lab_json_int(result, "boot_ms", 0);
    brief->time_to_crash_ms = lab_json_int(result, "time_to_crash_ms", -1);
    return brief;
}

void
lab_brief_free(LabBrief *brief)
{
    if (!brief)
        return;
    g_free(brief->title);
    g_free(brief->why);
    g_free(brief->k0);
    g_free(brief->dump_method);
    g_free(brief->template);
    g_free(brief->suspect);
    g_free(brief);
}

gboolean
lab_brief_is_unexpected(const LabBrief *brief)
{
    if (brief->state != LAB_STATE_RAN)
        return FALSE;
    if (brief->expected == LAB_EXPECTED_UNKNOWN)
        return brief->outcome != LAB_OUTCOME_PASS;
    return brief->expected == LAB_EXPECTED_NO;
}

const char *
lab_brief_word(const LabBrief *brief)
{
    const char *outcome = brief->state == LAB_STATE_RAN ? lab_outcome_name(brief->outcome) : NULL;

    return outcome ? outcome : lab_state_name(brief->state);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-mark.h"

#include "lab-brief.h"
#include "lab-json.h"

static gboolean
matches_title(const char *glob, const json_t *crash)
{
    const char *title = lab_json_string(crash, "title");
    const json_t *other;
    size_t i;

    if (title && g_pattern_match_simple(glob, title))
        return TRUE;
    json_array_foreach (lab_json_member(crash, "alternatives"), i, other)
        if (json_is_string(other) && g_pattern_match_simple(glob, json_string_value(other)))
            return TRUE;
    return FALSE;
}

static gboolean
matches_signature(const char *signature, const json_t *crash)
{
    static const char *const keys[] = {"k0", "k1", "k2"};

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *own = lab_json_string(lab_json_member(crash, "signature"), keys[i]);

        if (own && g_str_has_prefix(own, signature))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_marked(const LabMark *mark, const json_t *result, LabOutcome outcome)
{
    const json_t *crash = lab_json_member(result, "crash");

    if (mark->outcome && outcome != lab_outcome_from_name(mark->outcome))
        return FALSE;
    if (mark->title && !matches_title(mark->title, crash))
        return FALSE;
    return !mark->signature || matches_signature(mark->signature, crash);
}

LabSign
lab_mark_judge(const LabMark *mark, const json_t *result)
{
    g_autoptr(LabBrief) brief = result ? lab_brief_new_from_result(result) : lab_brief_new();

    if (brief->state == LAB_STATE_SKIPPED)
        return LAB_SIGN_UNABLE;
    if (brief->state != LAB_STATE_RAN || brief->outcome == LAB_OUTCOME_NONE ||
        brief->outcome == LAB_OUTCOME_INCONCLUSIVE)
        return LAB_SIGN_NOTHING;
    if (brief->outcome == LAB_OUTCOME_PASS)
        return LAB_SIGN_NOT_SHOWN;
    if (brief->outcome == LAB_OUTCOME_BOOT_FAILURE && g_strcmp0(mark->outcome, "boot-failure") != 0)
        return LAB_SIGN_UNABLE;
    return is_marked(mark, result, brief->outcome) ? LAB_SIGN_SHOWN : LAB_SIGN_OTHER;
}

char *
lab_mark_describe(const json_t *result)
{
    g_autoptr(LabBrief) brief = result ? lab_brief_new_from_result(result) : lab_brief_new();
    const char *text = brief->title                         ? brief->title
                       : brief->outcome != LAB_OUTCOME_PASS ? brief->why
                                                            : NULL;

    return text ? g_strdup_printf("%s: %s", lab_brief_word(brief), text)
                : g_strdup(lab_brief_word(brief));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-summary.h"

#include "lab-error.h"

void
lab_summary_add(LabSummary *summary, const LabBrief *brief)
{
    summary->done++;
    switch (brief->state) {
    case LAB_STATE_RAN:
        summary->outcomes[brief->outcome]++;
        break;
    case LAB_STATE_INFRA:
        summary->infra++;
        break;
    case LAB_STATE_SKIPPED:
        summary->skipped++;
        break;
    case LAB_STATE_MISSING:
        summary->missing++;
        break;
    }
    summary->unexpected += lab_brief_is_unexpected(brief);
    summary->suspect += brief->state == LAB_STATE_RAN && brief->suspect;
}

gboolean
lab_summary_is_whole(const LabSummary *summary)
{
    return summary->done + summary->spared >= summary->cells;
}

int
lab_summary_exit_code(const LabSummary *summary)
{
    if (summary->unexpected > 0)
        return LAB_EXIT_UNEXPECTED;
    if (summary->infra > 0 || summary->missing > 0 || !lab_summary_is_whole(summary))
        return LAB_EXIT_INFRA;
    return LAB_EXIT_OK;
}

static void
append_count(GString *text, guint n, const char *word)
{
    if (n > 0)
        g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", n, word);
}

char *
lab_summary_text(const LabSummary *summary)
{
    g_autoptr(GString) counts = g_string_new(NULL);
    GString *text = g_string_new(NULL);

    for (int i = 0; i <= LAB_OUTCOME_INCONCLUSIVE; i++)
        append_count(counts, summary->outcomes[i],
                     lab_outcome_name(i) ? lab_outcome_name(i) : "without outcome");
    append_count(counts, summary->skipped, "skipped");
    append_count(counts, summary->infra, "infra");
    append_count(counts, summary->missing, "missing");
    append_count(counts, summary->spared, "spared");
    append_count(counts, summary->cells - summary->done - summary->spared, "not run");
    g_string_printf(text, "%u of %u cells done", summary->done, summary->cells);
    if (counts->len > 0)
        g_string_append_printf(text, ": %s", counts->str);
    g_string_append_printf(text, "; %u unexpected", summary->unexpected);
    if (summary->again > 0)
        g_string_append_printf(text, "; %u %s made again for the lab's reasons", summary->again,
                               summary->again == 1 ? "attempt was" : "attempts were");
    if (summary->suspect_again > 0)
        g_string_append_printf(text, "; %u made again under pressure of the host",
                               summary->suspect_again);
    if (summary->suspect > 0)
        g_string_append_printf(text, "; %u suspect", summary->suspect);
    return g_string_free(text, FALSE);
}

json_t *
lab_summary_to_json(const LabSummary *summary)
{
    json_t *outcomes = json_object();

    for (int i = 0; i <= LAB_OUTCOME_INCONCLUSIVE; i++)
        if (summary->outcomes[i] > 0 && lab_outcome_name(i))
            json_object_set_new(outcomes, lab_outcome_name(i), json_integer(summary->outcomes[i]));
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "cells",
                     (int)summary->cells, "done", (int)summary->done, "running",
                     (int)summary->running, "again", (int)summary->again, "unexpected",
                     (int)summary->unexpected, "infra", (int)summary->infra, "skipped",
                     (int)summary->skipped, "missing", (int)summary->missing, "suspect",
                     (int)summary->suspect, "suspect_again", (int)summary->suspect_again, "spared",
                     (int)summary->spared, "outcomes", outcomes);
}

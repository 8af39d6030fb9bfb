/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-report-cases.h"

#include <string.h>

#include "lab-log.h"

LabCase
lab_report_case(const LabReportCell *cell)
{
    const LabBrief *brief = cell->brief;

    if (brief->state == LAB_STATE_SKIPPED)
        return LAB_CASE_SKIP;
    if (brief->state != LAB_STATE_RAN)
        return LAB_CASE_ERROR;
    if (lab_brief_is_unexpected(brief))
        return brief->outcome == LAB_OUTCOME_INCONCLUSIVE ? LAB_CASE_UNKNOWN : LAB_CASE_FAIL;
    if (brief->outcome == LAB_OUTCOME_INCONCLUSIVE)
        return LAB_CASE_UNKNOWN;
    return brief->outcome == LAB_OUTCOME_PASS ? LAB_CASE_PASS : LAB_CASE_EXPECTED;
}

GPtrArray *
lab_report_case_names(const LabReport *report)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < report->cells->len; i++) {
        const LabRunCell *cell = ((const LabReportCell *)report->cells->pdata[i])->cell;
        char *name = g_strdup_printf("%s/%s run %d", cell->recipe, cell->variant, cell->repetition);

        if (!g_hash_table_add(taken, g_strdup_printf("%s\n%s", cell->kernel, name))) {
            char *longer = g_strdup_printf("%s (%s)", name, cell->id);

            g_free(name);
            name = longer;
        }
        g_ptr_array_add(names, name);
    }
    return names;
}

char *
lab_report_case_text(const LabReportCell *cell)
{
    const LabBrief *brief = cell->brief;
    const char *word = lab_report_word(cell);
    g_autofree char *text = NULL;

    if (brief->title)
        text = g_strdup_printf("%s: %s%s", word, brief->title,
                               brief->survived ? " (the kernel went on)" : "");
    else if (brief->why)
        text = g_strdup_printf("%s: %s", word, brief->why);
    else if (brief->state == LAB_STATE_MISSING)
        text = g_strdup("missing: not run, or its worker was lost");
    return lab_text_clean(text ? text : word, -1, FALSE);
}

GArray *
lab_report_cells_of(const LabReport *report, const char *kernel)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = 0; i < report->cells->len; i++)
        if (strcmp(((const LabReportCell *)report->cells->pdata[i])->cell->kernel, kernel) == 0)
            g_array_append_val(found, i);
    return found;
}

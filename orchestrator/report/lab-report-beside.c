/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which comparisons reports tell what changed beside the outcome of (analysis/lab-beside.h). */
#include <string.h>

#include "lab-beside.h"
#include "lab-json.h"
#include "lab-report.h"

static gboolean
is_telling(const LabComparison *one)
{
    return lab_comparison_differs(one) &&
           (one->settled || one->leaning != LAB_VERDICT_INCONCLUSIVE);
}

static void
unref_json(gpointer json)
{
    if (json)
        json_decref(json);
}

static gboolean
has_run(const LabGroup *group)
{
    return group->total > group->infra + group->skipped + group->missing;
}

/* The comparisons that are told of, without a value yet. */
GHashTable *
lab_report_choose_beside(const LabReport *report)
{
    GHashTable *chosen = g_hash_table_new_full(NULL, NULL, NULL, unref_json);
    const GPtrArray *all = report->analysis->comparisons;

    for (int differs = 1; differs >= 0; differs--)
        for (guint i = 0; i < all->len; i++) {
            const LabComparison *one = all->pdata[i];

            if (g_hash_table_size(chosen) < LAB_REPORT_BESIDE_MAX &&
                one->verdict != LAB_VERDICT_SAME_PASS && has_run(one->baseline) &&
                has_run(one->candidate) && is_telling(one) == differs)
                g_hash_table_insert(chosen, (gpointer)one, NULL);
        }
    return chosen;
}

json_t *
lab_report_beside(const LabReport *report, const LabComparison *comparison)
{
    json_t *json = g_hash_table_lookup(report->beside, comparison);

    if (!json && g_hash_table_contains(report->beside, comparison)) {
        g_autoptr(json_t) raw = lab_beside(report->run, report->run, comparison);

        json = lab_report_clean(raw);
        g_hash_table_insert(report->beside, (gpointer)comparison, json);
    }
    return json;
}

json_t *
lab_report_comparisons_to_json(const LabReport *report)
{
    json_t *array = lab_analysis_to_json(report->analysis);

    for (guint i = 0; i < report->analysis->comparisons->len; i++) {
        json_t *beside = lab_report_beside(report, report->analysis->comparisons->pdata[i]);

        if (beside)
            json_object_set(json_array_get(array, i), "beside", beside);
    }
    return array;
}

GPtrArray *
lab_report_beside_lines(const LabReport *report, const LabComparison *comparison, gboolean briefly)
{
    return lab_report_beside_to_lines(lab_report_beside(report, comparison), briefly);
}

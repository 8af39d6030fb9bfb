/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which groups are set against each other. */
#include "lab-analysis-private.h"

#include <string.h>

#include "lab-error.h"
#include "lab-json.h"

static void
comparison_free(LabComparison *comparison)
{
    g_free(comparison->why);
    g_free(comparison->sentence);
    lab_crash_match_free(comparison->match);
    g_free(comparison);
}

void
lab_analysis_free(LabAnalysis *analysis)
{
    if (!analysis)
        return;
    g_ptr_array_unref(analysis->comparisons);
    g_ptr_array_unref(analysis->groups);
    g_ptr_array_unref(analysis->observations);
    g_free(analysis->baseline_kernel);
    g_free(analysis);
}

static LabAnalysis *
analysis_new(GPtrArray *observations)
{
    LabAnalysis *analysis = g_new0(LabAnalysis, 1);

    analysis->observations = observations;
    analysis->groups = g_ptr_array_new_with_free_func((GDestroyNotify)lab_group_free);
    analysis->comparisons = g_ptr_array_new_with_free_func((GDestroyNotify)comparison_free);
    return analysis;
}

/* Groups of 'observations', appended to 'groups' in running order. */
static void
make_groups(const GPtrArray *observations, GPtrArray *groups)
{
    g_autoptr(GHashTable) by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint first = groups->len;

    for (guint i = 0; i < observations->len; i++) {
        LabObservation *one = observations->pdata[i];
        char *name = g_strjoin("\n", one->kernel, one->recipe, one->variant, NULL);
        LabGroup *group = g_hash_table_lookup(by_name, name);

        if (!group) {
            group = lab_group_new(one);
            g_ptr_array_add(groups, group);
            g_hash_table_insert(by_name, g_strdup(name), group);
        }
        g_ptr_array_add(group->observations, one);
        g_free(name);
    }
    for (guint i = first; i < groups->len; i++)
        lab_group_settle(groups->pdata[i]);
}

static void
compare(LabAnalysis *analysis, LabComparisonKind kind, const LabGroup *baseline,
        const LabGroup *candidate)
{
    LabComparison *comparison = g_new0(LabComparison, 1);

    comparison->kind = kind;
    comparison->baseline = baseline;
    comparison->candidate = candidate;
    comparison->verdict = lab_verdict_of(baseline, candidate, &comparison->why, &comparison->match);
    comparison->sentence = lab_comparison_sentence(comparison);
    g_ptr_array_add(analysis->comparisons, comparison);
}

/* The baseline of a group's recipe on its kernel; the first variant where none is marked. */
static const LabGroup *
baseline_variant(const LabAnalysis *analysis, const LabGroup *group)
{
    const LabGroup *first = NULL;

    for (guint i = 0; i < analysis->groups->len; i++) {
        const LabGroup *other = analysis->groups->pdata[i];

        if (strcmp(other->kernel, group->kernel) != 0 || strcmp(other->recipe, group->recipe) != 0)
            continue;
        if (other->baseline)
            return other;
        if (!first)
            first = other;
    }
    return first;
}

static const LabGroup *
baseline_kernel(const LabAnalysis *analysis, const LabGroup *group)
{
    for (guint i = 0; i < analysis->groups->len; i++) {
        const LabGroup *other = analysis->groups->pdata[i];

        if (strcmp(other->kernel, analysis->baseline_kernel) == 0 &&
            strcmp(other->recipe, group->recipe) == 0 &&
            strcmp(other->variant, group->variant) == 0)
            return other;
    }
    return NULL;
}

static void
compare_variants(LabAnalysis *analysis)
{
    for (guint i = 0; i < analysis->groups->len; i++) {
        const LabGroup *group = analysis->groups->pdata[i];
        const LabGroup *baseline = baseline_variant(analysis, group);

        if (baseline != group)
            compare(analysis, LAB_COMPARE_VARIANTS, baseline, group);
    }
}

static void
compare_kernels(LabAnalysis *analysis)
{
    for (guint i = 0; i < analysis->groups->len; i++) {
        const LabGroup *group = analysis->groups->pdata[i];
        const LabGroup *baseline = baseline_kernel(analysis, group);

        if (baseline && baseline != group)
            compare(analysis, LAB_COMPARE_KERNELS, baseline, group);
    }
}

/* What asks for a look first. */
static int
weight(const LabComparison *comparison)
{
    switch (comparison->verdict) {
    case LAB_VERDICT_REGRESSED:
        return 0;
    case LAB_VERDICT_FIXED:
        return 1;
    case LAB_VERDICT_STILL_DIFFERENT_CRASH:
        return 2;
    case LAB_VERDICT_STILL_FAILS:
        return 3;
    case LAB_VERDICT_INCONCLUSIVE:
        return 4;
    case LAB_VERDICT_NOT_COMPARABLE:
        return 5;
    case LAB_VERDICT_STILL_SAME_CRASH:
        return 6;
    case LAB_VERDICT_SAME_PASS:
        break;
    }
    return 7;
}

/* By kind, then by weight; g_ptr_array_sort keeps the running order of equals. */
static int
compare_weights(gconstpointer a, gconstpointer b)
{
    const LabComparison *left = *(const LabComparison *const *)a;
    const LabComparison *right = *(const LabComparison *const *)b;

    if (left->kind != right->kind)
        return (int)left->kind - (int)right->kind;
    return weight(left) - weight(right);
}

/* The kernel that 'name' (id or release) means; an error that lists what there is. */
static char *
find_kernel(const GPtrArray *observations, const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);

    for (guint i = 0; i < observations->len; i++) {
        const LabObservation *one = observations->pdata[i];

        if (!name || strcmp(one->kernel, name) == 0 || strcmp(one->release, name) == 0)
            return g_strdup(one->kernel);
        if (!strstr(known->str, one->kernel))
            g_string_append_printf(known, "%s%s", known->len ? ", " : "", one->kernel);
    }
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                "no cell of this run has the kernel '%s'; there are: %s", name ? name : "",
                known->str);
    return NULL;
}

LabAnalysis *
lab_analysis_new(GPtrArray *observations, const char *kernel, GError **error)
{
    g_autoptr(LabAnalysis) analysis = analysis_new(observations);

    if (kernel || observations->len) {
        analysis->baseline_kernel = find_kernel(observations, kernel, error);
        if (!analysis->baseline_kernel)
            return NULL;
    }
    make_groups(observations, analysis->groups);
    compare_variants(analysis);
    compare_kernels(analysis);
    g_ptr_array_sort(analysis->comparisons, compare_weights);
    return g_steal_pointer(&analysis);
}

LabAnalysis *
lab_analysis_new_runs(GPtrArray *baseline, GPtrArray *candidate)
{
    LabAnalysis *analysis = analysis_new(baseline);
    guint n_baseline;

    make_groups(baseline, analysis->groups);
    n_baseline = analysis->groups->len;
    make_groups(candidate, analysis->groups);
    for (guint i = n_baseline; i < analysis->groups->len; i++) {
        const LabGroup *group = analysis->groups->pdata[i];

        for (guint j = 0; j < n_baseline; j++) {
            const LabGroup *other = analysis->groups->pdata[j];

            if (strcmp(group->kernel, other->kernel) == 0 &&
                strcmp(group->recipe, other->recipe) == 0 &&
                strcmp(group->variant, other->variant) == 0)
                compare(analysis, LAB_COMPARE_RUNS, other, group);
        }
    }
    g_ptr_array_extend_and_steal(analysis->observations, candidate);
    g_ptr_array_sort(analysis->comparisons, compare_weights);
    return analysis;
}

gboolean
lab_analysis_has_regression(const LabAnalysis *analysis)
{
    for (guint i = 0; i < analysis->comparisons->len; i++)
        if (((LabComparison *)analysis->comparisons->pdata[i])->verdict == LAB_VERDICT_REGRESSED)
            return TRUE;
    return FALSE;
}

static json_t *
group_to_json(const LabGroup *group)
{
    const LabObservation *typical = group->typical;
    gboolean crash = typical && typical->outcome == LAB_OUTCOME_CRASH;
    const char *outcome = lab_outcome_name(lab_group_outcome_value(group));

    return json_pack(
        "{s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:O, s:o}", "kernel",
        lab_json_text(group->kernel), "variant", lab_json_text(group->variant), "cells",
        (int)group->total, "usable", (int)group->usable, "bad", (int)group->bad, "not_reached",
        (int)group->not_reached, "infra", (int)group->infra, "skipped", (int)group->skipped,
        "missing", (int)group->missing, "outcome", lab_json_text(outcome), "title",
        lab_json_text(crash ? typical->title : NULL), "k0",
        lab_json_text(crash ? typical->k0 : NULL), "metrics", group->metrics, "time_to_crash_ms",
        group->time_to_crash_ms < 0 ? json_null() : json_integer(group->time_to_crash_ms));
}

static json_t *
match_to_json(const LabCrashMatch *match)
{
    if (!match)
        return json_null();
    return json_pack("{s:s, s:f, s:o}", "verdict", lab_crash_verdict_name(match->verdict), "score",
                     match->score, "why", lab_json_text(match->why));
}

json_t *
lab_analysis_to_json(const LabAnalysis *analysis)
{
    static const char *const kinds[] = {"variants", "kernels", "runs"};
    json_t *array = json_array();

    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];
        gboolean kernels = one->kind == LAB_COMPARE_KERNELS;
        gboolean variants = one->kind == LAB_COMPARE_VARIANTS;

        json_array_append_new(
            array, json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "kind",
                             kinds[one->kind], "recipe", lab_json_text(one->candidate->recipe),
                             "kernel", lab_json_text(kernels ? NULL : one->candidate->kernel),
                             "variant", lab_json_text(variants ? NULL : one->candidate->variant),
                             "verdict", lab_verdict_name(one->verdict), "why",
                             lab_json_text(one->why), "sentence", lab_json_text(one->sentence),
                             "baseline", group_to_json(one->baseline), "candidate",
                             group_to_json(one->candidate), "crash", match_to_json(one->match)));
    }
    return array;
}

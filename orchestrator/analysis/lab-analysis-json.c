/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparisons for programs: reports/schema/compare.schema.json. */
#include <math.h>

#include "lab-analysis.h"
#include "lab-json.h"

static json_t *
number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
times_to_json(const LabGroup *group)
{
    guint crashed = 0;

    if (!group->times)
        return json_null();
    for (guint i = 0; i < group->times->len; i++)
        crashed += g_array_index(group->times, LabTime, i).crashed != FALSE;
    return json_pack("{s:i, s:i}", "crashed", (int)crashed, "censored",
                     (int)(group->times->len - crashed));
}

static json_t *
group_to_json(const LabGroup *group)
{
    const LabObservation *typical = group->typical;
    gboolean crash = typical && typical->outcome == LAB_OUTCOME_CRASH;
    const char *outcome = lab_outcome_name(lab_group_outcome_value(group));
    json_t *json = json_pack(
        "{s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o}", "kernel",
        lab_json_text(group->kernel), "variant", lab_json_text(group->variant), "cells",
        (int)group->total, "usable", (int)group->usable, "bad", (int)group->bad, "crashes",
        (int)group->crashes, "not_reached", (int)group->not_reached, "suspect", (int)group->suspect,
        "infra", (int)group->infra, "skipped", (int)group->skipped, "missing", (int)group->missing,
        "outcome", lab_json_text(outcome), "title", lab_json_text(crash ? typical->title : NULL),
        "k0", lab_json_text(crash ? typical->k0 : NULL));

    json_object_set_new(json, "share",
                        json_pack("{s:o, s:o, s:o}", "low", number(group->share.low), "high",
                                  number(group->share.high), "bound", number(group->bound)));
    json_object_set_new(json, "times", times_to_json(group));
    json_object_set(json, "metrics", group->metrics);
    json_object_set_new(json, "time_to_crash_ms",
                        group->time_to_crash_ms < 0 ? json_null()
                                                    : json_integer(group->time_to_crash_ms));
    return json;
}

static json_t *
match_to_json(const LabCrashMatch *match)
{
    if (!match)
        return json_null();
    return json_pack("{s:s, s:f, s:o}", "verdict", lab_crash_verdict_name(match->verdict), "score",
                     match->score, "why", lab_json_text(match->why));
}

static json_t *
new_crash_to_json(const LabNewCrash *crashes)
{
    json_t *titles;
    json_t *runs;

    if (!crashes->titles || !crashes->new_runs)
        return json_null();
    titles = json_array();
    runs = json_array();
    for (guint i = 0; i < crashes->titles->len; i++) {
        const LabNewTitle *one = &g_array_index(crashes->titles, LabNewTitle, i);

        json_array_append_new(titles, lab_json_text(one->title));
        json_array_append_new(runs, json_integer(one->runs));
    }
    return json_pack("{s:o, s:o, s:i, s:i, s:i, s:o, s:o}", "titles", titles, "title_runs", runs,
                     "runs", (int)crashes->new_runs, "old_runs", (int)crashes->old_runs,
                     "open_runs", (int)crashes->open_runs, "p", number(crashes->p), "q",
                     number(crashes->q));
}

/* Of runs that ended when their results sufficed. */
static json_t *
turns_to_json(const LabComparison *one)
{
    json_t *json = json_pack("{s:n, s:n, s:{s:i, s:o}, s:n}", "fisher_exact", "log_rank", "pairs",
                             "n", (int)one->pairs.pairs, "p", number(one->p_counts), "sooner");

    if (!isnan(one->p_times))
        json_object_set_new(json, "sooner",
                            json_pack("{s:i, s:i, s:o}", "baseline", (int)one->sooner.a,
                                      "candidate", (int)one->sooner.b, "p", number(one->p_times)));
    return json;
}

static json_t *
tests_to_json(const LabComparison *one)
{
    const LabLogRank *log_rank = &one->log_rank;
    json_t *json;

    if (one->adaptive)
        return turns_to_json(one);
    json = json_object();
    json_object_set_new(
        json, "fisher_exact",
        isnan(one->fisher.two_sided)
            ? json_null()
            : json_pack("{s:o, s:o, s:o}", "two_sided", number(one->fisher.two_sided), "less",
                        number(one->fisher.less), "greater", number(one->fisher.greater)));
    json_object_set_new(json, "log_rank",
                        isnan(log_rank->p)
                            ? json_null()
                            : json_pack("{s:o, s:o, s:b}", "p", number(log_rank->p), "chi_square",
                                        number(log_rank->chi_square), "exact", log_rank->exact));
    return json;
}

static json_t *
metrics_to_json(const GPtrArray *tests, gboolean adaptive)
{
    json_t *array = json_array();

    for (guint i = 0; i < tests->len; i++) {
        const LabMetricTest *one = tests->pdata[i];

        json_array_append_new(
            array,
            json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:b}", "name",
                      one->candidate->name, "test", adaptive ? "pairs" : "rank-sum", "baseline_n",
                      (int)one->baseline->values->len, "candidate_n",
                      (int)one->candidate->values->len, "p", number(one->p), "q", number(one->q),
                      "u", number(one->test.u), "cliffs_delta", number(one->test.delta), "shift",
                      number(one->test.shift), "exact", adaptive || one->test.exact));
    }
    return array;
}

static json_t *
comparison_to_json(const LabComparison *one)
{
    static const char *const kinds[] = {"variants", "kernels", "runs"};
    gboolean kernels = one->kind == LAB_COMPARE_KERNELS;
    gboolean variants = one->kind == LAB_COMPARE_VARIANTS;
    const char *leaning = one->leaning == LAB_VERDICT_INCONCLUSIVE ? NULL
                                                                   : lab_verdict_name(one->leaning);
    json_t *json = json_pack(
        "{s:s, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:b, s:o, s:o}", "kind", kinds[one->kind],
        "recipe", lab_json_text(one->candidate->recipe), "kernel",
        lab_json_text(kernels ? NULL : one->candidate->kernel), "variant",
        lab_json_text(variants ? NULL : one->candidate->variant), "verdict",
        lab_verdict_name(one->verdict), "settled", one->settled, "leaning", lab_json_text(leaning),
        "more_runs", one->more_runs ? json_integer(one->more_runs) : json_null(), "worse",
        one->worse, "why", lab_json_text(one->why), "sentence", lab_json_text(one->sentence));

    json_object_set_new(json, "p", number(one->p));
    json_object_set_new(json, "q", number(one->q));
    json_object_set_new(json, "tests", tests_to_json(one));
    json_object_set_new(json, "metrics", metrics_to_json(one->metrics, one->adaptive));
    json_object_set_new(json, "crash", match_to_json(one->match));
    json_object_set_new(json, "new_crash", new_crash_to_json(&one->crashes));
    json_object_set_new(json, "baseline", group_to_json(one->baseline));
    json_object_set_new(json, "candidate", group_to_json(one->candidate));
    return json;
}

json_t *
lab_analysis_to_json(const LabAnalysis *analysis)
{
    json_t *array = json_array();

    for (guint i = 0; i < analysis->comparisons->len; i++)
        json_array_append_new(array, comparison_to_json(analysis->comparisons->pdata[i]));
    return array;
}

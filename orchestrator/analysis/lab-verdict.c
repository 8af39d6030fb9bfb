/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule that turns two groups into a verdict, and its words. */
#include "lab-analysis-private.h"

#include <math.h>
#include <string.h>

#include "lab-config.h"
#include "lab-json.h"
#include "lab-log.h"

const char *
lab_verdict_name(LabVerdict verdict)
{
    static const char *const names[] = {
        "same-pass",   "fixed",          "regressed",   "still-same-crash", "still-different-crash",
        "still-fails", "not-comparable", "inconclusive"};

    g_return_val_if_fail(verdict < G_N_ELEMENTS(names), NULL);
    return names[verdict];
}

/* Why a side says nothing. g_free. */
static char *
silence(const LabGroup *group, const char *side)
{
    const LabObservation *first = group->total ? group->observations->pdata[0] : NULL;
    const char *why = first && first->why ? first->why : NULL;

    if (!first)
        return g_strdup_printf("the %s has no such cell", side);
    if (group->skipped)
        return g_strdup_printf("the %s was skipped%s%s", side, why ? ": " : "", why ? why : "");
    if (group->infra)
        return g_strdup_printf("the lab failed on the %s%s%s", side, why ? ": " : "",
                               why ? why : "");
    return g_strdup_printf("the %s has no result yet", side);
}

double
lab_analysis_threshold(void)
{
    static gsize once = 0;
    static double threshold = LAB_CRASH_THRESHOLD;

    if (g_once_init_enter(&once)) {
        g_autoptr(GError) error = NULL;
        LabConfig config;

        if (lab_config_load(&config, &error))
            threshold = config.similarity_threshold;
        else
            lab_warn("%s", error->message);
        g_once_init_leave(&once, 1);
    }
    return threshold;
}

/* The traces of a group's crashes, borrowed. */
static GPtrArray *
crash_traces(const LabGroup *group)
{
    GPtrArray *traces = g_ptr_array_new();

    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];

        if (one->state == LAB_STATE_RAN && one->outcome == LAB_OUTCOME_CRASH && one->trace)
            g_ptr_array_add(traces, one->trace);
    }
    return traces;
}

static LabVerdict
compare_crashes(const LabGroup *baseline, const LabGroup *candidate, char **why,
                LabCrashMatch **match)
{
    g_autoptr(GPtrArray) a = crash_traces(baseline);
    g_autoptr(GPtrArray) b = crash_traces(candidate);

    *match = lab_crash_match_new_named(a, "the baseline", b, "the candidate",
                                       lab_analysis_threshold(), NULL);
    *why = g_strdup_printf("both crash; %s", (*match)->why);
    if ((*match)->verdict == LAB_CRASH_SAME)
        return LAB_VERDICT_STILL_SAME_CRASH;
    if ((*match)->verdict == LAB_CRASH_DIFFERENT)
        return LAB_VERDICT_STILL_DIFFERENT_CRASH;
    return LAB_VERDICT_INCONCLUSIVE;
}

static LabVerdict
both_bad(const LabGroup *baseline, const LabGroup *candidate, char **why, LabCrashMatch **match)
{
    const char *a = lab_outcome_name(baseline->typical->outcome);
    const char *b = lab_outcome_name(candidate->typical->outcome);

    if (baseline->crashes && candidate->crashes)
        return compare_crashes(baseline, candidate, why, match);
    if (strcmp(a, b) == 0)
        *why = g_strdup_printf("both end in %s", a);
    else
        *why = g_strdup_printf("%s became %s", a, b);
    return LAB_VERDICT_STILL_FAILS;
}

LabVerdict
lab_verdict_of(const LabGroup *baseline, const LabGroup *candidate, char **why,
               LabCrashMatch **match)
{
    const LabGroup *groups[] = {baseline, candidate};
    static const char *const sides[] = {"baseline", "candidate"};

    *match = NULL;
    for (gsize i = 0; i < 2; i++) {
        const LabGroup *group = groups[i];

        if (group->usable + group->not_reached == 0) {
            *why = silence(group, sides[i]);
            return LAB_VERDICT_NOT_COMPARABLE;
        }
    }
    for (gsize i = 0; i < 2; i++) {
        const LabGroup *group = groups[i];

        /* What was not provoked was not fixed. */
        if (group->usable == 0 || (!group->bad && group->not_reached >= group->usable)) {
            *why = g_strdup_printf("%u of %u runs of the %s did not reach what the recipe provokes",
                                   group->not_reached, group->total, sides[i]);
            return LAB_VERDICT_INCONCLUSIVE;
        }
    }
    if (baseline->bad && candidate->bad)
        return both_bad(baseline, candidate, why, match);
    *why = g_strdup_printf("baseline bad in %u of %u runs, candidate in %u of %u", baseline->bad,
                           baseline->usable, candidate->bad, candidate->usable);
    if (!baseline->bad && !candidate->bad)
        return LAB_VERDICT_SAME_PASS;
    if (!baseline->bad)
        return LAB_VERDICT_REGRESSED;
    return baseline->bad == baseline->usable ? LAB_VERDICT_FIXED : LAB_VERDICT_INCONCLUSIVE;
}

/* --- words --- */

/* "stall_ms 31 204 → 14", for each metric that both sides have. */
static void
append_metrics(GString *text, const LabComparison *comparison)
{
    const char *name;
    json_t *value;

    json_object_foreach (comparison->candidate->metrics, name, value) {
        double before = lab_group_metric(comparison->baseline, name);
        g_autofree char *from = NULL;
        g_autofree char *to = NULL;

        if (isnan(before) || !g_str_has_suffix(name, "_ms"))
            continue;
        from = lab_number_text(before);
        to = lab_number_text(json_number_value(value));
        g_string_append_printf(text, "; %s %s → %s", name, from, to);
    }
}

/* "INFO: task hung in f (3 of 3)", "pass (3 of 3)". */
static void
append_side(GString *text, const LabGroup *group)
{
    const char *title =
        group->bad && group->typical->outcome == LAB_OUTCOME_CRASH ? group->typical->title : NULL;

    if (title) {
        g_string_append_printf(text, "%s (%u of %u)", title, group->bad, group->usable);
    } else {
        LabOutcome outcome = lab_group_outcome_value(group);

        g_string_append_printf(text, "%s (%u of %u)", lab_outcome_name(outcome),
                               outcome == LAB_OUTCOME_PASS ? group->usable : group->bad,
                               group->usable);
    }
}

static const char *
verb_of(LabVerdict verdict)
{
    switch (verdict) {
    case LAB_VERDICT_SAME_PASS:
        return "passes as";
    case LAB_VERDICT_FIXED:
        return "fixes";
    case LAB_VERDICT_REGRESSED:
        return "regresses from";
    case LAB_VERDICT_STILL_SAME_CRASH:
        return "crashes the same way as";
    case LAB_VERDICT_STILL_DIFFERENT_CRASH:
        return "crashes in another way than";
    case LAB_VERDICT_STILL_FAILS:
        return "still fails as";
    case LAB_VERDICT_NOT_COMPARABLE:
        return "cannot be compared with";
    case LAB_VERDICT_INCONCLUSIVE:
        break;
    }
    return "says nothing certain against";
}

char *
lab_comparison_sentence(const LabComparison *comparison)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;
    const char *verb = verb_of(comparison->verdict);
    GString *text = g_string_new(NULL);

    if (comparison->kind == LAB_COMPARE_VARIANTS)
        g_string_printf(text, "%s on %s: variant %s %s %s", b->recipe, b->release, b->variant, verb,
                        a->variant);
    else if (comparison->kind == LAB_COMPARE_KERNELS)
        g_string_printf(text, "%s/%s: kernel %s %s %s", b->recipe, b->variant, b->release, verb,
                        a->release);
    else
        g_string_printf(text, "%s/%s on %s: the second run %s the first", b->recipe, b->variant,
                        b->release, verb);
    g_string_append(text, ": ");
    if (comparison->verdict == LAB_VERDICT_NOT_COMPARABLE ||
        comparison->verdict == LAB_VERDICT_INCONCLUSIVE) {
        g_string_append(text, comparison->why);
    } else {
        append_side(text, a);
        g_string_append(text, " → ");
        append_side(text, b);
        if (comparison->match && comparison->match->verdict != LAB_CRASH_SAME)
            g_string_append_printf(text, "; %s", comparison->match->why);
    }
    append_metrics(text, comparison);
    return g_string_free(text, FALSE);
}

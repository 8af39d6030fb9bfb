/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verdict says, and how sure it is, in words that need no statistics. */
#include <math.h>
#include <string.h>

#include "lab-analysis-private.h"
#include "lab-json.h"
#include "lab-units.h"

/* "crash" where all bad runs of both sides crashed, else "fail". */
static const char *
bad_word(const LabComparison *one)
{
    const LabGroup *a = one->baseline;
    const LabGroup *b = one->candidate;

    return a->bad + b->bad && a->bad == a->crashes && b->bad == b->crashes ? "crash" : "fail";
}

/* Why a side says nothing. g_free. */
static char *
silence(const LabGroup *group, const char *side)
{
    const char *why = NULL;

    for (guint i = 0; i < group->observations->len && !why; i++)
        why = ((LabObservation *)group->observations->pdata[i])->why;
    if (!group->total)
        return g_strdup_printf("the %s has no such cell", side);
    if (group->not_reached + group->suspect)
        return group->suspect > group->not_reached
                   ? g_strdup_printf(
                         "%u of %u runs of the %s are suspect: they may tell of the lab "
                         "and not of the kernel",
                         group->suspect, group->total, side)
                   : g_strdup_printf(
                         "%u of %u runs of the %s did not reach what the recipe provokes",
                         group->not_reached, group->total, side);
    if (group->skipped == group->total)
        return g_strdup_printf("the %s was skipped%s%s", side, why ? ": " : "", why ? why : "");
    if (group->infra)
        return g_strdup_printf("the lab failed on the %s%s%s", side, why ? ": " : "",
                               why ? why : "");
    return g_strdup_printf("the %s has no result yet", side);
}

/* 0.1 -> "1 in 10". g_free. */
static char *
chance_text(double p)
{
    return p > 0.4 ? g_strdup("as likely as not") : g_strdup_printf("1 in %.0f", floor(1 / p));
}

/* "0 of 59 runs: with 95 % confidence under 5 % of runs crash; the baseline crashed in 38 of 40" */
static void
append_counts(GString *text, const LabComparison *one, double confidence)
{
    const LabGroup *a = one->baseline;
    const LabGroup *b = one->candidate;
    const char *word = bad_word(one);

    if (b->bad == 0) {
        g_autofree char *bound = lab_bound_text(b->bound);

        g_string_append_printf(text, "0 of %u runs: with %g %% confidence under %s of runs %s",
                               b->usable, confidence * 100, bound, word);
    } else {
        g_autofree char *low = lab_share_text(b->share.low);
        g_autofree char *high = lab_share_text(b->share.high);

        g_string_append_printf(text, "%u of %u runs: with %g %% confidence %s to %s of runs %s",
                               b->bad, b->usable, confidence * 100, low, high, word);
    }
    g_string_append_printf(text, "; the baseline %sed in %u of %u", word, a->bad, a->usable);
}

/* "could be chance (1 in 10); 1 more run of each that goes the same way would settle it" */
static void
append_doubt(GString *text, const LabComparison *one)
{
    double p = one->q > one->p ? one->q : one->p;
    g_autofree char *chance = chance_text(p);

    g_string_append_printf(text, ": that could be chance (%s)", chance);
    if (one->q > one->p)
        g_string_append(text, ", with so many comparisons");
    if (one->more_runs)
        g_string_append_printf(text,
                               "; %s%u more run%s of each that go%s the same way would "
                               "settle it",
                               one->more_runs > 10 ? "about " : "", one->more_runs,
                               one->more_runs == 1 ? "" : "s", one->more_runs == 1 ? "es" : "");
}

static void
append_lean(GString *text, const LabComparison *one)
{
    const LabGroup *a = one->baseline;
    const LabGroup *b = one->candidate;

    g_string_append_printf(text, "%u of %u runs %s, and %u of %u of the baseline", b->bad,
                           b->usable, bad_word(one), a->bad, a->usable);
    append_doubt(text, one);
}

/* So many are named. */
#define NEW_TITLES_MAX 4u

char *
lab_new_crash_text(const LabNewCrash *crashes)
{
    guint n = crashes->titles && crashes->new_runs ? crashes->titles->len : 0;
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < MIN(n, NEW_TITLES_MAX); i++) {
        const LabNewTitle *one = &g_array_index(crashes->titles, LabNewTitle, i);

        g_string_append_printf(text, "%s'%s' in %u%s", i ? ", " : "", one->title, one->runs,
                               i                ? ""
                               : one->runs == 1 ? " run"
                                                : " runs");
    }
    if (n > NEW_TITLES_MAX)
        g_string_append_printf(text, ", and %u more", n - NEW_TITLES_MAX);
    return g_string_free(text, FALSE);
}

static void
append_new_crash(GString *text, const LabComparison *one)
{
    const LabNewCrash *crashes = &one->crashes;

    gboolean several = crashes->titles->len > 1;

    g_string_append_printf(text,
                           "the old crash comes in %u of %u runs, %s new one%s in %u; the baseline "
                           "shows none such in %u runs",
                           crashes->old_runs, one->candidate->usable, several ? "the" : "a",
                           several ? "s" : "", crashes->new_runs, one->baseline->usable);
    if (!one->settled) {
        g_autofree char *chance =
            chance_text(isnan(crashes->q) ? crashes->p : MAX(crashes->p, crashes->q));

        g_string_append_printf(text, ": that could be chance (%s)", chance);
    }
}

/* Why fewer runs count than there are. */
static void
append_unfinished(GString *text, const LabComparison *one)
{
    if (!one->unfinished)
        return;
    if (one->pairs.pairs > 0)
        g_string_append_printf(text, "; unfinished: of each only the first %u count as evidence",
                               one->pairs.pairs);
    else
        g_string_append(text, "; unfinished: no pair of runs counts as evidence yet");
    g_string_append(text, ", as what crashes ends sooner than what is still missing");
}

/* Both crash as often; one takes longer. */
static void
append_times(GString *text, const LabComparison *one)
{
    gboolean by_time = one->p_times < one->p_counts;
    g_autofree char *a = lab_duration_human(one->baseline->time_to_crash_ms);
    g_autofree char *b = lab_duration_human(one->candidate->time_to_crash_ms);

    if (by_time && one->baseline->time_to_crash_ms >= 0 && one->candidate->time_to_crash_ms >= 0)
        g_string_append_printf(text, "; crashes come %s: after %s, the baseline's after %s",
                               one->worse ? "sooner" : "later", b, a);
}

static void
append_both_bad(GString *text, const LabComparison *one)
{
    const char *a = lab_outcome_name(one->baseline->typical->outcome);
    const char *b = lab_outcome_name(one->candidate->typical->outcome);

    if (one->match)
        g_string_append_printf(text, "both crash; %s", one->match->why);
    else if (strcmp(a, b) == 0)
        g_string_append_printf(text, "both end in %s", a);
    else
        g_string_append_printf(text, "%s became %s", a, b);
}

char *
lab_comparison_why(const LabComparison *one, double confidence)
{
    const LabGroup *a = one->baseline;
    const LabGroup *b = one->candidate;
    GString *text = g_string_new(NULL);

    switch (one->verdict) {
    case LAB_VERDICT_SAME_PASS:
    case LAB_VERDICT_FIXED:
    case LAB_VERDICT_REGRESSED:
        append_counts(text, one, confidence);
        append_unfinished(text, one);
        break;
    case LAB_VERDICT_RATE_CHANGED:
        append_counts(text, one, confidence);
        append_times(text, one);
        append_unfinished(text, one);
        break;
    case LAB_VERDICT_NEW_CRASH:
        append_new_crash(text, one);
        append_unfinished(text, one);
        break;
    case LAB_VERDICT_STILL_SAME_CRASH:
    case LAB_VERDICT_STILL_DIFFERENT_CRASH:
    case LAB_VERDICT_STILL_FAILS:
        append_both_bad(text, one);
        break;
    case LAB_VERDICT_NOT_COMPARABLE: {
        gboolean of_a = a->total == a->skipped;
        g_autofree char *silent = silence(of_a ? a : b, of_a ? "baseline" : "candidate");

        g_string_append(text, silent);
        break;
    }
    case LAB_VERDICT_INCONCLUSIVE:
        if (one->leaning != LAB_VERDICT_INCONCLUSIVE) {
            append_lean(text, one);
            append_unfinished(text, one);
        } else if (a->bad && b->bad) {
            append_both_bad(text, one);
        } else {
            gboolean of_a = a->usable == 0 || (!a->bad && a->not_reached + a->suspect >= a->usable);
            g_autofree char *silent = silence(of_a ? a : b, of_a ? "baseline" : "candidate");

            g_string_append(text, silent);
        }
        break;
    }
    return g_string_free(text, FALSE);
}

/* "stall_ms 31 204 → 14", for each metric in milliseconds that both sides have. */
static void
append_metrics(GString *text, const LabComparison *comparison)
{
    for (guint i = 0; i < comparison->metrics->len; i++) {
        const LabMetricTest *one = comparison->metrics->pdata[i];
        const char *name = one->candidate->name;
        g_autofree char *from = NULL;
        g_autofree char *to = NULL;

        if (one->candidate->vmstat || !g_str_has_suffix(name, "_ms"))
            continue;
        from = lab_number_text(lab_group_metric(comparison->baseline, name));
        to = lab_number_text(lab_group_metric(comparison->candidate, name));
        g_string_append_printf(text, "; %s %s → %s", name, from, to);
    }
}

/* Of a candidate with new crashes beside the old one: "the old crash (12 of 20), and new: 'BUG: x'
 * in 8 runs". */
static void
append_old_and_new(GString *text, const LabComparison *one)
{
    g_autofree char *titles = lab_new_crash_text(&one->crashes);

    g_string_append_printf(text, "the old crash (%u of %u), and new: %s", one->crashes.old_runs,
                           one->candidate->usable, titles);
}

/* "INFO: task hung in f (3 of 3)", "pass (3 of 3)". */
static void
append_side(GString *text, const LabGroup *group)
{
    const char *title =
        group->bad && group->typical->outcome == LAB_OUTCOME_CRASH ? group->typical->title : NULL;
    LabOutcome outcome = lab_group_outcome_value(group);

    g_string_append_printf(text, "%s (%u of %u)", title ? title : lab_outcome_name(outcome),
                           outcome == LAB_OUTCOME_PASS ? group->usable : group->bad, group->usable);
}

static const char *
verb_of(const LabComparison *one)
{
    switch (one->verdict) {
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
    case LAB_VERDICT_NEW_CRASH:
        return "shows a new crash beside that of";
    case LAB_VERDICT_RATE_CHANGED:
        return one->worse ? "is bad more often or sooner than" : "is bad less often or later than";
    case LAB_VERDICT_STILL_FAILS:
        return "still fails as";
    case LAB_VERDICT_NOT_COMPARABLE:
        return "cannot be compared with";
    case LAB_VERDICT_INCONCLUSIVE:
        break;
    }
    return one->leaning == LAB_VERDICT_FIXED       ? "may fix"
           : one->leaning == LAB_VERDICT_REGRESSED ? "may regress from"
                                                   : "says nothing certain against";
}

/* "recipe on RELEASE: variant new fixes old" */
static GString *
head(const LabComparison *comparison)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;
    const char *verb = verb_of(comparison);
    GString *text = g_string_new(NULL);

    if (comparison->kind == LAB_COMPARE_VARIANTS)
        g_string_printf(text, "%s on %s: variant %s %s %s", b->recipe, b->release, b->variant, verb,
                        a->variant);
    else if (comparison->kind == LAB_COMPARE_KERNELS)
        g_string_printf(text, "%s/%s: kernel %s %s %s", b->recipe, b->variant, b->release, verb,
                        a->release);
    else if (strcmp(a->kernel, b->kernel) != 0)
        g_string_printf(text, "%s/%s: %s of the second run %s %s of the first", b->recipe,
                        b->variant, b->release, verb, a->release);
    else
        g_string_printf(text, "%s/%s on %s: the second run %s the first", b->recipe, b->variant,
                        b->release, verb);
    return text;
}

char *
lab_comparison_sentence(const LabComparison *comparison)
{
    GString *text = head(comparison);
    gboolean silent = comparison->baseline->usable == 0 || comparison->candidate->usable == 0;

    if (silent) {
        g_string_append_printf(text, ": %s", comparison->why);
        return g_string_free(text, FALSE);
    }
    g_string_append(text, ": ");
    append_side(text, comparison->baseline);
    g_string_append(text, " → ");
    if (comparison->verdict == LAB_VERDICT_NEW_CRASH)
        append_old_and_new(text, comparison);
    else
        append_side(text, comparison->candidate);
    append_metrics(text, comparison);
    return g_string_free(text, FALSE);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule that turns two groups and their tests into a verdict. */
#include <math.h>

#include "lab-analysis-private.h"

/* Nobody makes more runs than that to settle one comparison. */
#define MORE_RUNS_MAX 10000

const char *
lab_verdict_name(LabVerdict verdict)
{
    static const char *const names[] = {
        "same-pass", "fixed",        "regressed",   "still-same-crash", "still-different-crash",
        "new-crash", "rate-changed", "still-fails", "not-comparable",   "inconclusive"};

    g_return_val_if_fail(verdict < G_N_ELEMENTS(names), NULL);
    return names[verdict];
}

/* No cell, or the kernel lacks what the recipe needs. */
static gboolean
is_unable(const LabGroup *group)
{
    return group->total == group->skipped;
}

/* What was not provoked was not fixed, and what may be the lab's doing is no outcome. */
static gboolean
says_nothing(const LabGroup *group)
{
    return group->usable == 0 ||
           (!group->bad && group->not_reached + group->suspect >= group->usable);
}

static gboolean
both_end_alike(const LabComparison *comparison)
{
    return comparison->baseline->typical->outcome == comparison->candidate->typical->outcome;
}

/* Of two sides that are bad in the same way. */
static gboolean
candidate_is_worse(const LabComparison *comparison)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;

    if (comparison->p_counts <= comparison->p_times || isnan(comparison->p_times))
        return comparison->adaptive ? comparison->pairs.b_bad > comparison->pairs.a_bad
                                    : (guint64)b->bad * a->usable > (guint64)a->bad * b->usable;
    if (comparison->adaptive)
        return comparison->sooner.b > comparison->sooner.a;
    return a->bad < comparison->log_rank.expected_a;
}

static LabVerdict
judge_crashes(LabComparison *comparison, gboolean changed, double alpha)
{
    const LabNewCrash *crashes = &comparison->crashes;

    if (crashes->new_runs) {
        comparison->settled = crashes->q <= alpha;
        comparison->worse = crashes->old_runs && comparison->settled;
        return crashes->old_runs ? LAB_VERDICT_NEW_CRASH : LAB_VERDICT_STILL_DIFFERENT_CRASH;
    }
    if (!crashes->old_runs)
        return LAB_VERDICT_INCONCLUSIVE;
    comparison->settled = TRUE;
    comparison->worse = changed && candidate_is_worse(comparison);
    return changed ? LAB_VERDICT_RATE_CHANGED : LAB_VERDICT_STILL_SAME_CRASH;
}

static LabVerdict
judge_both_bad(LabComparison *comparison, gboolean changed, double alpha)
{
    if (comparison->match)
        return judge_crashes(comparison, changed, alpha);
    comparison->settled = TRUE;
    if (!changed || !both_end_alike(comparison))
        return LAB_VERDICT_STILL_FAILS;
    comparison->worse = candidate_is_worse(comparison);
    return LAB_VERDICT_RATE_CHANGED;
}

/* The mean of a share's posterior, after Jeffreys' prior. */
static double
likely_share(const LabGroup *group)
{
    return (group->bad + 0.5) / (group->usable + 1);
}

/* How many more runs of each side would give p <= alpha if they went on like this; 0: nobody can
 * tell. */
static guint
more_runs(const LabComparison *comparison, double alpha)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;
    const LabSequentialRule rule = {.alpha = alpha};
    double pairs;
    guint more;

    if (!comparison->adaptive) {
        more = lab_fisher_more_runs(a->bad, a->usable, b->bad, b->usable, alpha, MORE_RUNS_MAX);
        return more == G_MAXUINT ? 0 : more;
    }
    pairs = ceil(lab_sequential_pairs_to_differ(&comparison->pairs, &rule, likely_share(a),
                                                likely_share(b)));
    return pairs <= MORE_RUNS_MAX ? (guint)pairs : 0;
}

static LabVerdict
judge_one_bad(LabComparison *comparison, gboolean changed, double alpha)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;
    /* Among many comparisons p has to be smaller than alpha. */
    double needed = comparison->q > 0 ? alpha * comparison->p / comparison->q : alpha;

    comparison->leaning = a->bad ? LAB_VERDICT_FIXED : LAB_VERDICT_REGRESSED;
    comparison->settled = changed;
    comparison->worse = changed && b->bad;
    if (changed)
        return comparison->leaning;
    comparison->more_runs = more_runs(comparison, needed);
    return LAB_VERDICT_INCONCLUSIVE;
}

/* Two sides that pass: would a change in all further runs have shown after 'more' of each? */
static gboolean
would_show(const LabComparison *comparison, guint more, double alpha)
{
    guint a = comparison->baseline->usable + more, b = comparison->candidate->usable + more;

    return comparison->adaptive
               ? lab_comparison_all_bad_would_show(comparison->pairs.pairs + more, alpha)
               : lab_fisher_exact(0, a, b, b).two_sided <= alpha;
}

static LabVerdict
judge_passing(LabComparison *comparison, double alpha)
{
    comparison->settled = would_show(comparison, 0, alpha);
    while (!would_show(comparison, comparison->more_runs, alpha))
        comparison->more_runs++;
    return LAB_VERDICT_SAME_PASS;
}

static LabVerdict
judge(LabComparison *comparison, double alpha)
{
    const LabGroup *a = comparison->baseline;
    const LabGroup *b = comparison->candidate;
    gboolean changed = comparison->q <= alpha;

    if (is_unable(a) || is_unable(b))
        return LAB_VERDICT_NOT_COMPARABLE;
    if (says_nothing(a) || says_nothing(b))
        return LAB_VERDICT_INCONCLUSIVE;
    if (a->bad && b->bad)
        return judge_both_bad(comparison, changed, alpha);
    if (a->bad || b->bad)
        return judge_one_bad(comparison, changed, alpha);
    return judge_passing(comparison, alpha);
}

void
lab_comparison_judge(LabComparison *comparison, double confidence)
{
    comparison->leaning = LAB_VERDICT_INCONCLUSIVE;
    comparison->verdict = judge(comparison, 1 - confidence);
    if (comparison->verdict != LAB_VERDICT_INCONCLUSIVE)
        comparison->leaning = LAB_VERDICT_INCONCLUSIVE;
    comparison->why = lab_comparison_why(comparison, confidence);
    comparison->sentence = lab_comparison_sentence(comparison);
}

gboolean
lab_comparison_differs(const LabComparison *comparison)
{
    return comparison->verdict != LAB_VERDICT_SAME_PASS &&
           comparison->verdict != LAB_VERDICT_STILL_SAME_CRASH;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the crashes of two groups are the same ones, new ones, or both. */
#include "lab-analysis-private.h"

#include <math.h>
#include <string.h>

#include "lab-config.h"
#include "lab-log.h"

/* Crashes of one K0; three traces of it tell as much as a thousand. */
#define TRACES_MAX LAB_CRASH_HANG_TRACES
/* Of a side: what is rarer than the commonest ones is left out of the alignments. */
#define KINDS_MAX 32u

typedef struct {
    const char *k0; /* or the title, without one; borrowed */
    const char *title;
    guint runs;
    guint first, rank; /* the usable run that showed it first, from 0; how many were seen by then */
    gboolean is_new;
    GPtrArray *traces; /* borrowed LabCrashTrace */
} Kind;

static void
kind_free(Kind *kind)
{
    g_ptr_array_unref(kind->traces);
    g_free(kind);
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

static int
commonest_first(gconstpointer a, gconstpointer b)
{
    const Kind *left = *(const Kind *const *)a;
    const Kind *right = *(const Kind *const *)b;

    return left->runs > right->runs ? -1 : left->runs < right->runs;
}

const char *
lab_observation_kind(const LabObservation *one)
{
    if (one->state != LAB_STATE_RAN || one->suspect || one->outcome != LAB_OUTCOME_CRASH ||
        !one->trace)
        return NULL;
    return one->k0 ? one->k0 : one->title;
}

/* The crashes of a group by K0, the commonest first. */
static GPtrArray *
kinds_of(const LabGroup *group)
{
    GPtrArray *kinds = g_ptr_array_new_with_free_func((GDestroyNotify)kind_free);
    g_autoptr(GHashTable) by_k0 = g_hash_table_new(g_str_hash, g_str_equal);
    guint usable = 0;

    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];
        const char *k0 = lab_observation_kind(one);
        Kind *kind;

        usable += lab_observation_is_usable(one) ? 1 : 0;
        if (!k0)
            continue;
        kind = g_hash_table_lookup(by_k0, k0);
        if (!kind) {
            kind = g_new0(Kind, 1);
            kind->k0 = k0;
            kind->title = one->title ? one->title : k0;
            kind->first = usable - 1;
            kind->rank = kinds->len + 1;
            kind->traces = g_ptr_array_new();
            g_hash_table_insert(by_k0, (char *)k0, kind);
            g_ptr_array_add(kinds, kind);
        }
        kind->runs++;
        if (kind->traces->len < TRACES_MAX)
            g_ptr_array_add(kind->traces, one->trace);
    }
    g_ptr_array_sort(kinds, commonest_first);
    return kinds;
}

static GPtrArray *
all_traces(const GPtrArray *kinds)
{
    GPtrArray *traces = g_ptr_array_new();

    for (guint i = 0; i < MIN(kinds->len, KINDS_MAX); i++)
        g_ptr_array_extend(traces, ((Kind *)kinds->pdata[i])->traces, NULL, NULL);
    return traces;
}

/* SAME, DIFFERENT, or INCONCLUSIVE: whether the baseline shows this crash. */
static LabCrashVerdict
find_kind(const Kind *kind, const GPtrArray *baseline_kinds, const GPtrArray *baseline_traces)
{
    g_autoptr(LabCrashMatch) match = NULL;
    g_autofree char *meet = NULL;

    for (guint i = 0; i < baseline_kinds->len; i++)
        if (strcmp(((Kind *)baseline_kinds->pdata[i])->k0, kind->k0) == 0)
            return LAB_CRASH_SAME;
    match = lab_crash_match_new(baseline_traces, kind->traces, lab_analysis_threshold(), NULL);
    if (match->verdict != LAB_CRASH_SIMILAR)
        return match->verdict;
    /* One of the baseline's crashes has a name in common with it; others need not. */
    meet = lab_crash_names_meet(match->a, match->b);
    return meet ? LAB_CRASH_SAME : LAB_CRASH_INCONCLUSIVE;
}

static int
most_runs_first(gconstpointer a, gconstpointer b)
{
    const LabNewTitle *left = a;
    const LabNewTitle *right = b;

    return left->runs != right->runs ? (left->runs < right->runs) - (left->runs > right->runs)
                                     : strcmp(left->title, right->title);
}

/* Crashes of several K0 may have one title. */
static void
take_new(LabNewCrash *crashes, Kind *kind)
{
    LabNewTitle title = {kind->title, kind->runs};

    kind->is_new = TRUE;
    for (guint i = 0; i < crashes->titles->len; i++) {
        LabNewTitle *known = &g_array_index(crashes->titles, LabNewTitle, i);

        if (strcmp(known->title, title.title) == 0) {
            known->runs += title.runs;
            return;
        }
    }
    g_array_append_val(crashes->titles, title);
}

/* What single kinds did not tell, both sets may: hangs are caught in a new place each time. */
static void
resolve_open(LabNewCrash *crashes, const GPtrArray *kinds, LabCrashVerdict verdict)
{
    if (crashes->old_runs || crashes->new_runs)
        return;
    if (verdict == LAB_CRASH_SAME) {
        crashes->old_runs = crashes->open_runs;
        crashes->open_runs = 0;
    } else if (verdict == LAB_CRASH_DIFFERENT) {
        crashes->new_runs = crashes->open_runs;
        crashes->open_runs = 0;
        for (guint i = 0; i < kinds->len; i++)
            take_new(crashes, kinds->pdata[i]);
    }
}

/* Each crash is tested from the run on that follows the one which showed it first, as it is not
 * named before. How many will turn up nobody knows: the j-th gets 1/(j (j + 1)) of the errors,
 * which all together are no more than 1. */
static double
new_p_in_turn(const LabComparison *comparison, const GPtrArray *kinds)
{
    double least = 1;

    for (guint i = 0; i < MIN(kinds->len, KINDS_MAX); i++) {
        const Kind *kind = kinds->pdata[i];
        double p = kind->is_new ? lab_comparison_new_p(comparison->candidate,
                                                       comparison->baseline->turns_usable,
                                                       kind->first, kind->k0)
                                : 1;

        least = MIN(least, p * kind->rank * (kind->rank + 1.0));
    }
    return least;
}

void
lab_comparison_match_crashes(LabComparison *comparison)
{
    LabNewCrash *crashes = &comparison->crashes;
    g_autoptr(GPtrArray) kinds_a = kinds_of(comparison->baseline);
    g_autoptr(GPtrArray) kinds_b = kinds_of(comparison->candidate);
    g_autoptr(GPtrArray) a = all_traces(kinds_a);
    g_autoptr(GPtrArray) b = all_traces(kinds_b);

    crashes->titles = g_array_new(FALSE, FALSE, sizeof(LabNewTitle));
    comparison->match = lab_crash_match_new_named(a, "the baseline", b, "the candidate",
                                                  lab_analysis_threshold(), NULL);
    for (guint i = 0; i < kinds_b->len; i++) {
        Kind *kind = kinds_b->pdata[i];
        LabCrashVerdict verdict = i < KINDS_MAX ? find_kind(kind, kinds_a, a)
                                                : LAB_CRASH_INCONCLUSIVE;

        crashes->old_runs += verdict == LAB_CRASH_SAME ? kind->runs : 0;
        crashes->new_runs += verdict == LAB_CRASH_DIFFERENT ? kind->runs : 0;
        if (verdict == LAB_CRASH_DIFFERENT)
            take_new(crashes, kind);
        else if (verdict != LAB_CRASH_SAME)
            crashes->open_runs += kind->runs;
    }
    resolve_open(crashes, kinds_b, comparison->match->verdict);
    g_array_sort(crashes->titles, most_runs_first);
    if (crashes->new_runs)
        crashes->p = comparison->adaptive
                         ? new_p_in_turn(comparison, kinds_b)
                         : lab_fisher_exact(0, comparison->baseline->usable, crashes->new_runs,
                                            comparison->candidate->usable)
                               .two_sided;
}

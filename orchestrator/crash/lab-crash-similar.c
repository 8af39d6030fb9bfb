/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict on two crashes, and its words. */
#include "lab-crash-similar.h"

#include <string.h>

/* Traces of one side that are looked at: a thousand runs of one cell tell no more than these. */
#define TRACES_MAX 32

const char *
lab_crash_verdict_name(LabCrashVerdict verdict)
{
    static const char *const names[] = {"same", "similar", "different", "inconclusive"};

    g_return_val_if_fail(verdict < G_N_ELEMENTS(names), NULL);
    return names[verdict];
}

void
lab_crash_match_free(LabCrashMatch *match)
{
    if (!match)
        return;
    g_free(match->why);
    g_free(match);
}

/* A signature of a class alone says nothing of where. */
static gboolean
names_a_place(const LabCrashTrace *trace)
{
    return trace->function || trace->stack->len > 0;
}

/* The name that both have, title or alternative; borrowed from 'a'. */
static const char *
common_name(const LabCrashTrace *a, const LabCrashTrace *b)
{
    const char *const *others = (const char *const *)b->alternatives;

    if (strcmp(a->title, b->title) == 0 || g_strv_contains(others, a->title))
        return a->title;
    for (char **name = a->alternatives; *name; name++)
        if (strcmp(*name, b->title) == 0 || g_strv_contains(others, *name))
            return *name;
    return NULL;
}

char *
lab_crash_names_meet(const LabCrashTrace *a, const LabCrashTrace *b)
{
    const char *name = common_name(a, b);

    if (!names_a_place(a) || !names_a_place(b))
        return NULL;
    if (a->k1 && g_strcmp0(a->k1, b->k1) == 0)
        return g_strdup_printf("same place and same callers (signature K1): '%s'",
                               name ? name : a->title);
    if (a->k0 && g_strcmp0(a->k0, b->k0) == 0)
        return g_strdup_printf("same place (signature K0): '%s'", name ? name : a->title);
    if (!name)
        return NULL;
    if (strcmp(a->title, b->title) == 0)
        return g_strdup_printf("same title: '%s'", name);
    return g_strdup_printf("same alternative title: '%s' names both", name);
}

/* "stall" of "stall in f"; the length, 0 without " in ". */
static gsize
word_of(const char *name)
{
    const char *in = strstr(name, " in ");

    return in ? (gsize)(in - name) : 0;
}

gboolean
lab_crash_class_meets(const LabCrashTrace *a, const LabCrashTrace *b)
{
    if (strcmp(a->type, b->type) == 0)
        return TRUE;
    if (!lab_crash_trace_is_hang(a) || !lab_crash_trace_is_hang(b))
        return FALSE;
    for (char **one = a->alternatives; *one; one++)
        for (char **other = b->alternatives; *other; other++)
            if (word_of(*one) > 0 && word_of(*one) == word_of(*other) &&
                strncmp(*one, *other, word_of(*one)) == 0)
                return TRUE;
    return FALSE;
}

/* --- two sides --- */

typedef struct {
    const char *name;  /* "A" */
    GPtrArray *traces; /* borrowed, those that can be trusted */
    guint corrupted;
    guint meeting; /* whose names meet one of the other side */
    double best;   /* mean of each trace's best score */
} Side;

static void
side_set(Side *side, const char *name, const GPtrArray *all)
{
    *side = (Side){.name = name, .traces = g_ptr_array_new()};
    for (guint i = 0; i < all->len; i++) {
        LabCrashTrace *trace = all->pdata[i];

        if (trace && trace->corrupted)
            side->corrupted++;
        else if (trace && side->traces->len < TRACES_MAX)
            g_ptr_array_add(side->traces, trace);
    }
}

/* How close two traces are: names before scores. */
typedef struct {
    gboolean names, k1;
    double score;
} Closeness;

static gboolean
is_closer(const Closeness *one, const Closeness *than)
{
    if (one->k1 != than->k1)
        return one->k1;
    if (one->names != than->names)
        return one->names;
    return one->score > than->score;
}

static Closeness
closeness(const LabCrashTrace *a, const LabCrashTrace *b, const LabCrashKnown *known)
{
    g_autofree char *meet = lab_crash_names_meet(a, b);

    return (Closeness){.names = meet != NULL,
                       .k1 = meet && a->k1 && g_strcmp0(a->k1, b->k1) == 0,
                       .score = lab_crash_score(a, b, known, NULL)};
}

/* For each trace, the index of the first that is the very same: cells that crash alike share one.
 */
static guint *
first_of_each(const GPtrArray *traces)
{
    guint *firsts = g_new(guint, traces->len);

    for (guint i = 0; i < traces->len; i++)
        for (firsts[i] = 0; traces->pdata[firsts[i]] != traces->pdata[i];)
            firsts[i]++;
    return firsts;
}

/* Compares all pairs; sets the match's pair to the closest, *best to how close it is. */
static void
compare_sides(LabCrashMatch *match, Side *a, Side *b, const LabCrashKnown *known, Closeness *best)
{
    g_autofree double *of_b = g_new0(double, b->traces->len);
    g_autofree gboolean *meets_b = g_new0(gboolean, b->traces->len);
    g_autofree guint *firsts_a = first_of_each(a->traces);
    g_autofree guint *firsts_b = first_of_each(b->traces);
    g_autofree Closeness *pairs = g_new(Closeness, (gsize)a->traces->len * b->traces->len);

    *best = (Closeness){.score = -1};
    for (guint i = 0; i < a->traces->len; i++) {
        double of_a = 0;
        gboolean meets = FALSE;

        for (guint j = 0; j < b->traces->len; j++) {
            Closeness one = firsts_a[i] == i && firsts_b[j] == j
                                ? closeness(a->traces->pdata[i], b->traces->pdata[j], known)
                                : pairs[(gsize)firsts_a[i] * b->traces->len + firsts_b[j]];

            pairs[(gsize)i * b->traces->len + j] = one;
            of_a = MAX(of_a, one.score);
            of_b[j] = MAX(of_b[j], one.score);
            meets |= one.names;
            meets_b[j] |= one.names;
            if (!is_closer(&one, best))
                continue;
            *best = one;
            match->a = a->traces->pdata[i];
            match->b = b->traces->pdata[j];
        }
        a->best += of_a / a->traces->len;
        a->meeting += meets;
    }
    for (guint j = 0; j < b->traces->len; j++) {
        b->best += of_b[j] / b->traces->len;
        b->meeting += meets_b[j];
    }
    match->score = best->score;
}

/* A side has nothing that could be compared. */
static gboolean
is_silent(const GPtrArray *all, const Side *side, char **why, const LabCrashTrace **shown)
{
    if (side->traces->len)
        return FALSE;
    *why = side->corrupted
               ? g_strdup_printf("the report of %s is damaged: its frames cannot be trusted",
                                 side->name)
               : g_strdup_printf("%s shows no crash", side->name);
    for (guint i = 0; i < all->len; i++)
        if (all->pdata[i] && !*shown)
            *shown = all->pdata[i];
    return TRUE;
}

/* " (2 of 3 traces of A, 1 of 3 of B)", or "" for single ones. g_free. */
static char *
counts(const Side *a, const Side *b)
{
    if (a->traces->len == 1 && b->traces->len == 1)
        return g_strdup("");
    return g_strdup_printf(" (seen in %u of %u traces of %s and %u of %u of %s)", a->meeting,
                           a->traces->len, a->name, b->meeting, b->traces->len, b->name);
}

/* At least half of either side's traces have a partner. */
static gboolean
most_meet(const Side *a, const Side *b)
{
    return 2 * a->meeting >= a->traces->len || 2 * b->meeting >= b->traces->len;
}

static void
judge_score(LabCrashMatch *match, double score, double threshold)
{
    gboolean similar = score >= threshold;

    match->verdict = similar ? LAB_CRASH_SIMILAR : LAB_CRASH_DIFFERENT;
    match->why = g_strdup_printf("one class (%s), no name in common, and the stacks score %.2f: %s "
                                 "the threshold of %.2f",
                                 match->a->type, score, similar ? "not under" : "under", threshold);
}

/* Few traces of a hang: each CPU or task was caught somewhere else. */
static void
judge_hang(LabCrashMatch *match, const Side *a, const Side *b, const Closeness *best,
           double threshold)
{
    guint seen = MIN(a->traces->len, b->traces->len);
    g_autofree char *meet = lab_crash_names_meet(match->a, match->b);
    g_autofree char *tail = counts(a, b);

    if (best->k1 || (seen >= LAB_CRASH_HANG_TRACES && meet && most_meet(a, b))) {
        match->verdict = LAB_CRASH_SAME;
        match->why = g_strdup_printf("%s%s", meet, tail);
    } else if (seen >= LAB_CRASH_HANG_TRACES) {
        judge_score(match, (a->best + b->best) / 2, threshold);
    } else {
        match->why = g_strdup_printf("a hang seen %u and %u times, at other places or with other "
                                     "callers (signature K1)%s%s; "
                                     "fewer than %u traces of each do not tell hangs apart",
                                     a->traces->len, b->traces->len, meet ? ", though of the " : "",
                                     meet ? meet : "", LAB_CRASH_HANG_TRACES);
    }
}

/* g_free. */
static char *
without_frames(const LabCrashMatch *match, const Side *a, const Side *b)
{
    const char *who = match->a->stack->len ? b->name : match->b->stack->len ? a->name : NULL;

    return g_strdup_printf("%s %s no frames to compare%s", who ? who : "both", who ? "has" : "have",
                           common_name(match->a, match->b)
                               ? ", and a title without a function names a class and no bug"
                               : "");
}

static void
judge(LabCrashMatch *match, const Side *a, const Side *b, const Closeness *best, double threshold)
{
    g_autofree char *meet = lab_crash_names_meet(match->a, match->b);
    g_autofree char *tail = counts(a, b);

    if (meet && most_meet(a, b)) {
        match->verdict = LAB_CRASH_SAME;
        match->why = g_strdup_printf("%s%s", meet, tail);
    } else if (meet) {
        match->verdict = LAB_CRASH_SIMILAR;
        match->why = g_strdup_printf("some of each are one crash: %s%s", meet, tail);
    } else if (match->a->stack->len == 0 || match->b->stack->len == 0) {
        match->why = without_frames(match, a, b);
    } else {
        judge_score(match, best->score, threshold);
    }
}

LabCrashMatch *
lab_crash_match_new_named(const GPtrArray *all_a, const char *name_a, const GPtrArray *all_b,
                          const char *name_b, double threshold, const LabCrashKnown *known)
{
    LabCrashMatch *match = g_new0(LabCrashMatch, 1);
    Closeness best;
    Side a, b;
    gboolean hang_a, hang_b;

    match->verdict = LAB_CRASH_INCONCLUSIVE;
    side_set(&a, name_a, all_a);
    side_set(&b, name_b, all_b);
    if (!is_silent(all_a, &a, &match->why, &match->a) &&
        !is_silent(all_b, &b, &match->why, &match->b)) {
        compare_sides(match, &a, &b, known, &best);
        hang_a = lab_crash_trace_is_hang(match->a);
        hang_b = lab_crash_trace_is_hang(match->b);
        if (!best.names && !lab_crash_class_meets(match->a, match->b)) {
            match->verdict = LAB_CRASH_DIFFERENT;
            match->why =
                g_strdup_printf("the classes differ (%s and %s) and no name is in common; the "
                                "stacks score %.2f",
                                match->a->type, match->b->type, best.score);
        } else if (hang_a && hang_b) {
            judge_hang(match, &a, &b, &best, threshold);
        } else {
            judge(match, &a, &b, &best, threshold);
        }
    }
    g_ptr_array_unref(a.traces);
    g_ptr_array_unref(b.traces);
    return match;
}

LabCrashMatch *
lab_crash_match_new(const GPtrArray *a, const GPtrArray *b, double threshold,
                    const LabCrashKnown *known)
{
    return lab_crash_match_new_named(a, "A", b, "B", threshold, known);
}

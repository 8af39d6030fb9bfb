/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between variants of a recipe and between kernels. The rule is plain: k bad of n
 * runs on one side against k of n on the other, not yet statistical.
 */
#pragma once

#include <jansson.h>

#include "lab-crash-similar.h"
#include "lab-run.h"

/* Said with every comparison. */
#define LAB_ANALYSIS_RULE "k of n runs, not yet statistical"

typedef enum {
    LAB_VERDICT_SAME_PASS,             /* no bad run on either side */
    LAB_VERDICT_FIXED,                 /* all runs of the baseline bad, none of the candidate */
    LAB_VERDICT_REGRESSED,             /* no run of the baseline bad, some of the candidate */
    LAB_VERDICT_STILL_SAME_CRASH,      /* both crash, with one signature */
    LAB_VERDICT_STILL_DIFFERENT_CRASH, /* both crash, with different ones */
    LAB_VERDICT_STILL_FAILS,           /* both bad, without a crash report to compare */
    LAB_VERDICT_NOT_COMPARABLE,        /* a side has no run that says anything */
    LAB_VERDICT_INCONCLUSIVE,          /* not reached, or seen in some runs of the baseline only */
} LabVerdict;

/* "fixed", "still-same-crash"…; static. */
const char *lab_verdict_name(LabVerdict verdict);

/* One cell as the comparison sees it. */
typedef struct {
    char *cell; /* id */
    char *kernel;
    char *release;
    char *recipe;
    char *variant;
    gboolean baseline; /* the variant is its recipe's baseline */
    int repetition;
    LabState state;
    LabOutcome outcome;
    gboolean reached; /* FALSE: the recipe's reached condition did not hold */
    char *why;        /* of skipped and infra; or NULL */
    char *title, *type;
    char **alternatives; /* never NULL */
    char *k0, *k1;
    LabCrashTrace *trace;    /* of the crash; NULL: none */
    gint64 time_to_crash_ms; /* -1: none */
    json_t *metrics;         /* object, or NULL */
} LabObservation;

LabObservation *
lab_observation_new(const char *cell, const char *kernel, const char *release, const char *recipe,
                    const char *variant, gboolean baseline, int repetition);
void lab_observation_free(LabObservation *observation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabObservation, lab_observation_free)
/* Takes what result.json says; NULL: missing. Foreign or damaged members count as absent. */
void lab_observation_set_result(LabObservation *observation, const json_t *result);

/* All cells of one kernel, recipe and variant. */
typedef struct {
    char *kernel, *release, *recipe, *variant;
    gboolean baseline;
    GPtrArray *observations; /* borrowed LabObservation */
    guint total;
    guint usable;      /* ran, reached, and conclusive */
    guint bad;         /* of those: crash, fail, hang, timeout, lost, boot-failure */
    guint crashes;     /* of those */
    guint not_reached; /* ran, said nothing */
    guint infra, skipped, missing;
    const LabObservation *typical; /* the crash seen most often, else the first bad, else the first
                                    * that ran; NULL: none ran */
    json_t *metrics;               /* name -> median over the runs that have it */
    gint64 time_to_crash_ms;       /* median; -1: none */
} LabGroup;

typedef enum {
    LAB_COMPARE_VARIANTS, /* one kernel, one recipe, two variants */
    LAB_COMPARE_KERNELS,  /* one recipe and variant, two kernels */
    LAB_COMPARE_RUNS,     /* one kernel, recipe and variant in two runs */
} LabComparisonKind;

typedef struct {
    LabComparisonKind kind;
    const LabGroup *baseline;
    const LabGroup *candidate;
    LabVerdict verdict;
    char *why;            /* one sentence with the counts */
    LabCrashMatch *match; /* of the crashes of both; NULL: not both crash */
    char *sentence; /* "on 6.1.0 default-cap fixes cap-lifted: …", metrics beside the outcomes */
} LabComparison;

typedef struct {
    GPtrArray *observations; /* LabObservation, in running order */
    GPtrArray *groups;       /* LabGroup, in running order */
    GPtrArray *comparisons;  /* LabComparison; variants first, then kernels */
    char *baseline_kernel;   /* id; or NULL without kernels to compare */
} LabAnalysis;

void lab_analysis_free(LabAnalysis *analysis);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabAnalysis, lab_analysis_free)

/* Compares within 'observations' (LabObservation; taken). 'baseline_kernel': id or release; NULL:
 * the first in running order. LAB_CONFIG_ERROR/NOT_FOUND when no cell has it. */
LabAnalysis *lab_analysis_new(GPtrArray *observations, const char *baseline_kernel, GError **error);

/* Compares two lists group by group (both taken); what only one has is not-comparable. */
LabAnalysis *lab_analysis_new_runs(GPtrArray *baseline, GPtrArray *candidate);

/* Reads the observations of a run. GPtrArray of LabObservation, owned by the caller. */
GPtrArray *lab_analysis_read_run(LabRun *run, GError **error);

/* TRUE when a comparison says regressed: the exit status of `compare`. */
gboolean lab_analysis_has_regression(const LabAnalysis *analysis);

/* [{"kind","recipe","kernel","variant","baseline":{…},"candidate":{…},"verdict","why","sentence",
 *   "crash":{"verdict","score","why"}|null}] */
json_t *lab_analysis_to_json(const LabAnalysis *analysis);

/* The score from which crashes are similar: the user's configuration, read once. */
double lab_analysis_threshold(void);

/* The median of a metric, NAN when no run has it. */
double lab_group_metric(const LabGroup *group, const char *name);
/* "crash 2 of 3", "pass 3 of 3", "skipped"; g_free. */
char *lab_group_outcome(const LabGroup *group);
/* The outcome that stands for the group; NONE when nothing usable ran. */
LabOutcome lab_group_outcome_value(const LabGroup *group);
/* 31234.5 -> "31 235", 0.042 -> "0.042": digits that a person wants; g_free. */
char *lab_number_text(double value);

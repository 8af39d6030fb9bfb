/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between variants of a recipe, between kernels and between runs, and how surely. Runs
 * are few: a difference counts as one when Fisher's exact test says so (lab-statistics.h),
 * corrected for the number of comparisons (Benjamini and Hochberg); else it is inconclusive, with
 * the verdict that it leans to and the number of runs that would settle it.
 */
#pragma once

#include <jansson.h>

#include "lab-crash-similar.h"
#include "lab-run.h"
#include "lab-sequential.h"
#include "lab-statistics.h"

/* Of verdicts, where nobody says another: at most 5 % of them are false alarms. */
#define LAB_ANALYSIS_CONFIDENCE 0.95

typedef enum {
    LAB_VERDICT_SAME_PASS,        /* no bad run on either side */
    LAB_VERDICT_FIXED,            /* the baseline's runs were bad, none of the candidate's is */
    LAB_VERDICT_REGRESSED,        /* no run of the baseline was bad, the candidate's are */
    LAB_VERDICT_STILL_SAME_CRASH, /* both crash in the same way, about as often */
    LAB_VERDICT_STILL_DIFFERENT_CRASH, /* both crash, in different ways */
    LAB_VERDICT_NEW_CRASH,             /* the candidate shows another crash beside the old one */
    LAB_VERDICT_RATE_CHANGED,          /* bad in the same way, but more or less often, or sooner */
    LAB_VERDICT_STILL_FAILS,           /* both bad, without a crash report to compare */
    LAB_VERDICT_NOT_COMPARABLE,        /* a side was skipped, or has no such cell */
    LAB_VERDICT_INCONCLUSIVE, /* too few runs, not reached, the lab's failures, suspect runs */
} LabVerdict;

/* "fixed", "still-same-crash"…; static. */
const char *lab_verdict_name(LabVerdict verdict);

/* A number that was measured. */
typedef struct {
    const char *name; /* interned */
    double value;     /* finite */
} LabMetric;

typedef struct LabSharedTrace LabSharedTrace;

/* One cell as the comparison sees it. */
typedef struct {
    char *cell;                                      /* id */
    const char *kernel, *release, *recipe, *variant; /* interned */
    gboolean baseline;                               /* the variant is its recipe's baseline */
    int repetition;
    gboolean adaptive; /* of a run that ended when its results sufficed */
    LabState state;
    LabOutcome outcome;
    gboolean reached;            /* FALSE: the recipe's reached condition did not hold */
    gboolean suspect;            /* what it says may be the lab's doing: it counts for nothing */
    char *why;                   /* of skipped and infra; or NULL */
    LabSharedTrace *shared;      /* owns the trace, with other observations of the same crash */
    LabCrashTrace *trace;        /* of the crash; NULL: none */
    const char *title, *k0, *k1; /* the trace's; or NULL */
    gint64 time_to_crash_ms;     /* -1: none */
    gint64 exposed_ms;           /* how long the stressor ran; -1: not known */
    LabMetric *metrics;          /* those of the recipe, then those of vmstat ("vmstat.pgfault") */
    guint n_metrics;             /* of the recipe */
    guint n_values;              /* of both */
} LabObservation;

LabObservation *
lab_observation_new(const char *cell, const char *kernel, const char *release, const char *recipe,
                    const char *variant, gboolean baseline, int repetition);
void lab_observation_free(LabObservation *observation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabObservation, lab_observation_free)
/* Takes what result.json says; NULL: missing. Foreign or damaged members count as absent. */
void lab_observation_set_result(LabObservation *observation, const json_t *result);

/* All values of one metric in a group. */
typedef struct {
    const char *name; /* interned */
    gboolean vmstat;
    GArray *values; /* double */
} LabColumn;

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
    guint suspect;     /* ran, not to be trusted */
    guint infra, skipped, missing;
    gboolean adaptive;   /* the runs ended when their results sufficed */
    gboolean unfinished; /* some ran, others are missing */
    guint turns;         /* observations before the first missing one: what crashes ends sooner, so
                          * those behind it that did end look worse than all will */
    guint turns_usable, turns_bad; /* of those; the tests of unfinished groups and, as the times,
                                    * the share and the bound, see no others */
    LabInterval share; /* of bad runs: the two-sided interval at the analysis' confidence */
    double bound;      /* what that share stays under with this confidence, one-sided */
    GArray *times; /* LabTime, milliseconds, one a usable run in turn; NULL: some are not known */
    GPtrArray *columns;            /* LabColumn, what was measured, in order of first occurrence */
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

/* A crash that the baseline does not show. */
typedef struct {
    const char *title; /* borrowed */
    guint runs;
} LabNewTitle;

/* Whether crashes of the candidate are those of the baseline. */
typedef struct {
    guint old_runs, new_runs, open_runs; /* open: could not be told */
    GArray *titles; /* LabNewTitle, of new ones, each title once, the commonest first */
    double p, q; /* Fisher's exact test of how often new ones are seen; NAN: none are. Of adaptive
                  * runs: the test in turn of the one that is surest, corrected for its rank */
} LabNewCrash;

/* One metric of both sides. */
typedef struct {
    const LabColumn *baseline, *candidate;
    LabRankSum test;
    double p; /* the test's; of adaptive runs that of pairs in turn: which side's is larger */
    double q; /* over all metrics of the analysis */
} LabMetricTest;

typedef struct {
    LabComparisonKind kind;
    const LabGroup *baseline;
    const LabGroup *candidate;
    LabVerdict verdict;
    gboolean settled;   /* the runs are enough for it; of a passing pair: a change in all runs would
                         * have shown */
    LabVerdict leaning; /* of an inconclusive one: what it would be if more runs went the same way;
                         * INCONCLUSIVE: nothing */
    guint more_runs; /* of each side that would settle it (the leaning, or that both pass); 0: none,
                        or nobody can tell */
    gboolean worse;  /* regressed, more often bad, or a new crash; settled */
    gboolean unfinished; /* a side is */
    gboolean adaptive;   /* a side's runs ended when their results sufficed, or are unfinished:
                          * 'pairs' and 'sooner' are the tests, and fisher and log_rank would be
                          * none */
    LabFisher fisher;    /* of bad runs */
    LabLogRank log_rank; /* of times to crash; p is NAN: not tested */
    LabSequential pairs; /* of bad runs, in turn */
    LabSigns sooner;     /* pairs of runs of which one side's crashed sooner */
    double p_counts;     /* of the test of bad runs */
    double p_times;      /* of the test of times; NAN: not tested */
    double p;     /* of both: that of bad runs, and where both sides are bad and times are known,
                   * twice the smaller one (Bonferroni) */
    double least; /* the smallest p that so many bad runs could have: over 1 - confidence the
                   * comparison is not counted among the tests */
    double q;     /* corrected for the number of comparisons; NAN: not tested */
    LabNewCrash crashes;  /* where both sides crash */
    GPtrArray *metrics;   /* LabMetricTest, of metrics that both sides have */
    char *why;            /* how sure that is, in plain words: one sentence with the counts */
    LabCrashMatch *match; /* of the crashes of both; NULL: not both crash */
    char *sentence; /* "on 6.1.0 default-cap fixes cap-lifted: …", metrics beside the outcomes */
} LabComparison;

typedef struct {
    GPtrArray *observations; /* LabObservation, in running order */
    GPtrArray *groups;       /* LabGroup, in running order */
    GPtrArray *comparisons;  /* LabComparison; variants first, then kernels */
    char *baseline_kernel;   /* id; or NULL without kernels to compare */
    double confidence;
    guint n_tests; /* comparisons that could have become significant: the corrected family */
} LabAnalysis;

void lab_analysis_free(LabAnalysis *analysis);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabAnalysis, lab_analysis_free)

/* Compares within 'observations' (LabObservation; taken). 'baseline_kernel': id or release; NULL:
 * the first in running order. LAB_CONFIG_ERROR/NOT_FOUND when no cell has it. */
LabAnalysis *lab_analysis_new(GPtrArray *observations, const char *baseline_kernel,
                              double confidence, GError **error);

/* Compares two lists group by group (both taken); what only one has is not-comparable. Where each
 * has one kernel only, kernels need not be the same. */
LabAnalysis *lab_analysis_new_runs(GPtrArray *baseline, GPtrArray *candidate, double confidence);

/* Reads the observations of a run. GPtrArray of LabObservation, owned by the caller. A LabBrief of
 * each is appended to 'briefs' (that owns them), which may be NULL. In running order; cells that an
 * adaptive run spared are left out. */
GPtrArray *lab_analysis_read_run(LabRun *run, GPtrArray *briefs, GError **error);

/* FALSE where both sides pass, or crash alike. */
gboolean lab_comparison_differs(const LabComparison *comparison);

/* TRUE when a comparison is settled for the worse: the exit status of `compare`. */
gboolean lab_analysis_has_regression(const LabAnalysis *analysis);

/* "95", "99.9 %", "0.95" -> 0.95; *confidence stays as it is for NULL. LAB_CONFIG_ERROR: not
 * between 50 % and 99.9999 %. */
gboolean lab_confidence_parse(const char *text, double *confidence, GError **error);

/* How verdicts come about, in a sentence for the foot of a report; g_free. */
char *lab_analysis_rule(const LabAnalysis *analysis);

/* reports/schema/compare.schema.json, "comparisons". */
json_t *lab_analysis_to_json(const LabAnalysis *analysis);

/* The score from which crashes are similar: the user's configuration, read once. */
double lab_analysis_threshold(void);

/* "'BUG: x' in 8 runs, 'WARNING in y' in 2, and 3 more", of a comparison with new crashes; "" of
 * another. g_free. */
char *lab_new_crash_text(const LabNewCrash *crashes);
/* The median of a metric, NAN when no run has it. */
double lab_group_metric(const LabGroup *group, const char *name);
/* A metric of one cell, NAN when it has none such. */
double lab_observation_metric(const LabObservation *observation, const char *name);
/* "crash 2 of 3", "pass 3 of 3", "skipped"; g_free. */
char *lab_group_outcome(const LabGroup *group);
/* The outcome that stands for the group; NONE when nothing usable ran. */
LabOutcome lab_group_outcome_value(const LabGroup *group);
/* 31234.5 -> "31 235", 0.042 -> "0.042": digits that a person wants; g_free. */
char *lab_number_text(double value);
/* A share: 0.0495 -> "5 %"; g_free. */
char *lab_share_text(double share);
/* What a share is under, rounded up so that it is true: 0.4507 -> "46 %"; g_free. */
char *lab_bound_text(double share);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Are two crashes one bug? The score compares two stacks (weights after FaST, "Fast and Accurate
 * Similarity of Traces", MSR 2022); the verdict goes by signatures first and by the score only
 * within one class. It always says why.
 */
#pragma once

#include "lab-crash.h"

/* Frames of one stack that take part: the weight of a deeper one is below 1/1024. */
#define LAB_CRASH_STACK_MAX 1024
/* The score from which two stacks of one class are similar: similarity.threshold. Measured on a
 * public corpus, see HACKING.md. */
#define LAB_CRASH_THRESHOLD 0.57
/* A hang is a set: fewer traces than this do not tell two hangs apart. */
#define LAB_CRASH_HANG_TRACES 3u

/* --- how common a function is in crashes --- */

typedef struct LabCrashKnown LabCrashKnown;

/* With the shipped table (lab-crash-known-table.c). Never NULL. */
LabCrashKnown *lab_crash_known_new(void);
void lab_crash_known_free(LabCrashKnown *known);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCrashKnown, lab_crash_known_free)

/* --- one crash, as it is compared --- */

typedef struct {
    char *title, *type;
    char **alternatives; /* never NULL */
    char *function;      /* that is blamed; or NULL */
    char *k0, *k1, *k2;  /* may be NULL in one that was read from JSON */
    gboolean corrupted;
    GPtrArray *stack; /* LabCrashFrame from the blamed one on, reliable ones only; the blamed one
                       * stands first even where only the header names it */
} LabCrashTrace;

/* The cause of a log; NULL when it shows no crash. */
LabCrashTrace *lab_crash_trace_new_from_log(const LabCrashLog *log);
/* The "crash" member of a result.json, of any age; NULL when it is none. Foreign or damaged members
 * count as absent. */
LabCrashTrace *lab_crash_trace_new_from_json(const json_t *crash);
void lab_crash_trace_free(LabCrashTrace *trace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCrashTrace, lab_crash_trace_free)

/* A soft or hard lockup, a stall or a hung task. */
gboolean lab_crash_trace_is_hang(const LabCrashTrace *trace);

/* Counts one more known crash (of the lab's own runs, say). */
void lab_crash_known_add(LabCrashKnown *known, const LabCrashTrace *trace);
/* The share of known crashes that 'function' occurs in, 0..1. 'known' may be NULL: the shipped
 * table. */
double lab_crash_known_share(const LabCrashKnown *known, const char *function);
/* The number of known crashes. */
guint lab_crash_known_total(const LabCrashKnown *known);

/* --- the score --- */

/* Which frames stand beside each other; -1: none. Both set: they match. */
typedef struct {
    gint a, b;
} LabCrashPair;

/* 0 (nothing in common) .. 1 (equal), 0 when a stack is empty; symmetric; at most
 * LAB_CRASH_STACK_MAX squared steps. 'pairs' may be NULL; else it is set to LabCrashPair from top
 * to bottom (g_array_unref). 'known' may be NULL. */
double lab_crash_score(const LabCrashTrace *a, const LabCrashTrace *b, const LabCrashKnown *known,
                       GArray **pairs);
/* The weight of the frame at 'depth' (from 0). */
double lab_crash_weight(const LabCrashKnown *known, const char *function, guint depth);

/* --- the verdict --- */

typedef enum {
    LAB_CRASH_SAME,
    LAB_CRASH_SIMILAR,
    LAB_CRASH_DIFFERENT,
    LAB_CRASH_INCONCLUSIVE,
} LabCrashVerdict;

typedef struct {
    LabCrashVerdict verdict;
    double score;           /* of the pair that is shown */
    char *why;              /* one sentence */
    const LabCrashTrace *a; /* the pair that tells most, borrowed; NULL: that side has no crash */
    const LabCrashTrace *b;
} LabCrashMatch;

/* "same", "similar", "different", "inconclusive"; static. */
const char *lab_crash_verdict_name(LabCrashVerdict verdict);

/* Compares what was seen on two sides: LabCrashTrace, one a run. Traces must outlive the match.
 * 'known' may be NULL. */
LabCrashMatch *lab_crash_match_new(const GPtrArray *a, const GPtrArray *b, double threshold,
                                   const LabCrashKnown *known);
/* The same with other words for A and B in the reason. */
LabCrashMatch *
lab_crash_match_new_named(const GPtrArray *a, const char *name_a, const GPtrArray *b,
                          const char *name_b, double threshold, const LabCrashKnown *known);
void lab_crash_match_free(LabCrashMatch *match);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCrashMatch, lab_crash_match_free)

/* What two traces have in common by name, in words ("same place (signature K0): …"), or NULL.
 * g_free. */
char *lab_crash_names_meet(const LabCrashTrace *a, const LabCrashTrace *b);
/* One class: the type, or, of hangs, the word of an alternative ("stall"). */
gboolean lab_crash_class_meets(const LabCrashTrace *a, const LabCrashTrace *b);

/* --- groups --- */

typedef struct {
    GArray *members;   /* guint, indices of the traces given, ascending */
    GPtrArray *whys;   /* char *: one sentence for each way in which two of them were joined */
    const char *title; /* the most frequent one; borrowed */
} LabCrashGroup;

/* Groups of one bug each, the largest first. NULL and corrupted traces are in none. Alignments are
 * made only of stacks of one class that share the frames that weigh most. GPtrArray of
 * LabCrashGroup. */
GPtrArray *lab_crash_cluster(const GPtrArray *traces, double threshold, const LabCrashKnown *known);

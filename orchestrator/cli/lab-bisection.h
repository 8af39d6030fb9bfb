/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bisection as it is kept: DATA/bisects/ID/bisect.json says what is searched, in which row of
 * kernels, and by which runs (each an ordinary run directory, where the evidence is). Written
 * atomically before and after each step, so that a kill -9 at any moment loses nothing.
 */
#pragma once

#include "lab-bisect.h"
#include "lab-cli.h"
#include "lab-mark.h"
#include "lab-run.h"
#include "lab-trial.h"

#define LAB_BISECTION_SCHEMA 1

typedef struct {
    char *release;
    char *kernel;  /* id in the store; NULL: not fetched yet */
    char *source;  /* debian:SUITE/PACKAGE; NULL: it was in the store */
    char *dropped; /* why it cannot be tested; NULL: it can */
    /* Counted from the runs, not stored: */
    guint other, nothing;   /* runs that failed otherwise; that said nothing */
    guint nothing_in_a_row; /* of both, since the last that said something */
    gboolean lab_failed;    /* the last of those was the lab's fault */
    char *words;            /* the last result in words, or NULL */
} LabBisectionKernel;

typedef struct {
    char *run;  /* id */
    int kernel; /* position in the row */
} LabBisectionStep;

typedef struct {
    char *id; /* as of a run */
    char *created;
    char *state;        /* "searching", or how it ended: "found", "first-has-it", "never-seen",
                           "out-of-kernels", "budget" */
    GPtrArray *kernels; /* LabBisectionKernel, from the good end to the bad one */
    GPtrArray *steps;   /* LabBisectionStep */
    char *matrix;       /* lab_trial_to_yaml */
    char *recipe;
    char *recipe_directory;
    char *recipe_digest;
    char *variant;
    LabMark mark;
    double rate;       /* 0: unknown */
    double false_rate; /* of runs of good kernels that seem bad */
    double confidence;
    int repeat;       /* runs a step */
    gint64 budget_ms; /* 0: none */
    gint64 spent_ms;
    /* Not stored: */
    LabBisect *search;
    int fd, lock_fd;
} LabBisection;

LabBisection *lab_bisection_new(void);
void lab_bisection_free(LabBisection *bisection); /* gives the lock back */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabBisection, lab_bisection_free)

/* Adds a kernel at the end of the row; the strings are copied. */
void lab_bisection_add_kernel(LabBisection *bisection, const char *release, const char *kernel,
                              const char *source);

/* Makes its directory, takes its lock and writes bisect.json. */
gboolean lab_bisection_create(LabBisection *bisection, const char *data, GError **error);
/* By id, unique prefix or "latest", locked. LAB_CONFIG_ERROR/NOT_FOUND when there is none such,
 * LAB_CONFIG_ERROR/EXISTS when another process goes on with it. */
LabBisection *lab_bisection_open(const char *data, const char *name, GError **error);
gboolean lab_bisection_save(const LabBisection *bisection, GError **error);

/* Begins the search (once the row is known); runs are told to it by the next function. */
void lab_bisection_begin(LabBisection *bisection);
/* Counts the results of a step's run. Kernels of which three runs in a row said nothing, or one
 * that it cannot be tested, are dropped. */
gboolean lab_bisection_take_run(LabBisection *bisection, const LabBisectionStep *step, LabRun *run,
                                GError **error);
void lab_bisection_add_step(LabBisection *bisection, const char *run, int kernel);
void lab_bisection_drop_step(LabBisection *bisection, guint step); /* by its place */
void lab_bisection_drop(LabBisection *bisection, guint kernel, const char *why);

/* The row of kernels from 'good' to 'bad' (ids, releases, unique prefixes), in version order: of
 * the store, or of the lists --kernels. lab-bisection-row.c. */
gboolean lab_bisection_make_row(LabBisection *bisection, const LabCli *cli, const char *good,
                                const char *bad, GError **error);

/* The state of the search: for people on stdout, or as an object of --json (new reference).
 * 'changes' (lab_kernel_changes; borrowed) may be NULL, then 'no_changes' says why.
 * lab-bisection-print.c. */
void
lab_bisection_print(const LabBisection *bisection, const json_t *changes, const char *no_changes);
json_t *lab_bisection_to_json(const LabBisection *bisection, json_t *changes);
/* "6.1.0-48 … 6.1.0-52: 45 %": the most probable pair in one line. g_free. */
char *lab_bisection_best_text(const LabBisection *bisection);
/* Runs that said something, and all. */
guint lab_bisection_runs(const LabBisection *bisection, guint *all);

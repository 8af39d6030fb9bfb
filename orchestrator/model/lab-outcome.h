/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three separate facts of a cell: state, outcome, crash. Regressed, fixed and flaky are
 * derived by analysis/, never stored.
 */
#pragma once

#include <glib.h>

typedef enum {
    LAB_STATE_MISSING, /* no result.json: not run yet, or the worker was lost */
    LAB_STATE_RAN,
    LAB_STATE_INFRA,
    LAB_STATE_SKIPPED,
} LabState;

typedef enum {
    LAB_OUTCOME_NONE, /* state is not RAN */
    LAB_OUTCOME_PASS,
    LAB_OUTCOME_FAIL,
    LAB_OUTCOME_CRASH,
    LAB_OUTCOME_HANG,
    LAB_OUTCOME_TIMEOUT,
    LAB_OUTCOME_BOOT_FAILURE,
    LAB_OUTCOME_LOST,
    LAB_OUTCOME_INCONCLUSIVE,
} LabOutcome;

/* "ran", "boot-failure"…; static. From an unknown word: MISSING and NONE. */
const char *lab_state_name(LabState state);
const char *lab_outcome_name(LabOutcome outcome); /* NULL for NONE */
LabState lab_state_from_name(const char *name);
LabOutcome lab_outcome_from_name(const char *name);

/* What was seen, as the worker collected it. */
typedef struct {
    gboolean lab_failed;    /* QEMU, worker, host, disk, daemon at fault */
    gboolean host_pressure; /* the host was not healthy while it mattered */
    gboolean lacks_need;    /* kernel lacks what the recipe needs, or module does not build */
    gboolean reached_agent; /* the agent said hello */
    gboolean report;        /* a crash report was read from the console or the vmcore */
    gboolean fragile;       /* that report proves nothing on a starved host: a watchdog's, or a
                               breakpoint that the kernel met while it patched its own code */
    gboolean
        kernel_stopped;  /* panic (also by *_panic sysctls, or an NMI injected after a report) */
    gboolean guest_gone; /* reset, triple fault, power off that nobody asked for; QEMU alive */
    gboolean stressor_done;
    gboolean stressor_failed; /* exit status or metric limit says no */
    gboolean reached;         /* the recipe's reached condition held (TRUE where it has none) */
    gboolean deadline_passed; /* the run's deadline passed */
    gboolean heartbeat_lost;  /* no heartbeat, console silent, on a healthy host */
} LabEvidence;

typedef struct {
    LabState state;
    LabOutcome outcome;
    gboolean survived; /* crash whose kernel went on */
} LabFacts;

/* The truth table: one function, one row a test. What proves nothing is the lab's own fault:
 * LAB_STATE_INFRA. */
LabFacts lab_facts_from_evidence(const LabEvidence *evidence);

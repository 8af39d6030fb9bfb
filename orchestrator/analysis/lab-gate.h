/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May a kernel be rolled out? A run's comparisons and what its recipes expect, held against a
 * policy. A go needs evidence for each cell; what is missing is a hole, and a hole is no go.
 */
#pragma once

#include "lab-analysis.h"
#include "lab-policy.h"

typedef enum {
    LAB_GATE_GO,
    LAB_GATE_NOT_ENOUGH, /* nothing against it, but too little for it */
    LAB_GATE_NO_GO,
} LabGateVerdict;

const char *lab_gate_name(LabGateVerdict verdict); /* "go", "not-enough-evidence", "no-go" */

/* What is said of one recipe and variant on one kernel, or of the policy itself. */
typedef struct {
    LabGateVerdict verdict;
    gboolean hole;                   /* no usable run where there should be some */
    gboolean waived;                 /* its crashes are waived */
    char *kernel, *recipe, *variant; /* NULL: of no cell */
    char *why;                       /* one sentence */
    const LabComparison *comparison; /* with the baseline; or NULL */
    const LabWaiver *waiver;         /* that counted, or that expired; or NULL */
} LabGateFinding;

typedef struct {
    LabGateVerdict verdict;
    GPtrArray *findings; /* LabGateFinding: what is against it first */
    GPtrArray *holes;    /* char *: cells without a usable run, of judged kernels */
    GPtrArray *unused;   /* LabWaiver, borrowed: waivers that nothing needed */
    LabAnalysis *analysis;
    GPtrArray *kernels; /* char *: judged, ids */
} LabGate;

/* Judges a run. 'today': YYYY-MM-DD, what waivers' last days are held against. Borrows 'policy' for
 * the gate's life. */
LabGate *lab_gate_new(LabRun *run, const LabPolicy *policy, const char *today, GError **error);
void lab_gate_free(LabGate *gate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabGate, lab_gate_free)

/* reports/schema/gate.schema.json. New reference. */
json_t *lab_gate_to_json(const LabGate *gate);

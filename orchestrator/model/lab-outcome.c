/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-outcome.h"

#include <string.h>

static const char *const state_names[] = {
    [LAB_STATE_MISSING] = "missing",
    [LAB_STATE_RAN] = "ran",
    [LAB_STATE_INFRA] = "infra",
    [LAB_STATE_SKIPPED] = "skipped",
};

static const char *const outcome_names[] = {
    [LAB_OUTCOME_NONE] = NULL,
    [LAB_OUTCOME_PASS] = "pass",
    [LAB_OUTCOME_FAIL] = "fail",
    [LAB_OUTCOME_CRASH] = "crash",
    [LAB_OUTCOME_HANG] = "hang",
    [LAB_OUTCOME_TIMEOUT] = "timeout",
    [LAB_OUTCOME_BOOT_FAILURE] = "boot-failure",
    [LAB_OUTCOME_LOST] = "lost",
    [LAB_OUTCOME_INCONCLUSIVE] = "inconclusive",
};

const char *
lab_state_name(LabState state)
{
    return (gsize)state < G_N_ELEMENTS(state_names) ? state_names[state] : state_names[0];
}

const char *
lab_outcome_name(LabOutcome outcome)
{
    return (gsize)outcome < G_N_ELEMENTS(outcome_names) ? outcome_names[outcome] : NULL;
}

LabState
lab_state_from_name(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(state_names); i++)
        if (g_strcmp0(name, state_names[i]) == 0)
            return (LabState)i;
    return LAB_STATE_MISSING;
}

LabOutcome
lab_outcome_from_name(const char *name)
{
    for (gsize i = 0; name && i < G_N_ELEMENTS(outcome_names); i++)
        if (g_strcmp0(name, outcome_names[i]) == 0)
            return (LabOutcome)i;
    return LAB_OUTCOME_NONE;
}

static LabFacts
ran(LabOutcome outcome)
{
    return (LabFacts){LAB_STATE_RAN, outcome, FALSE};
}

static const LabFacts infra = {LAB_STATE_INFRA, LAB_OUTCOME_NONE, FALSE};

/* The kernel never came as far as the agent. It failed when it stopped by itself (panic, reset,
 * power off, silence after having spoken) or reported; a kernel that merely took too long did not.
 * What a starved host can do to a kernel, it did.
 */
static LabFacts
boot_facts(const LabEvidence *e)
{
    if (e->fragile && e->host_pressure)
        return infra;
    if (e->kernel_stopped || e->guest_gone)
        return ran(LAB_OUTCOME_BOOT_FAILURE);
    if ((e->report || e->heartbeat_lost) && !e->host_pressure)
        return ran(LAB_OUTCOME_BOOT_FAILURE);
    return infra;
}

/* A report is a crash; it survived when the kernel then went on. A fragile report on a host that
 * starved the guest is the host's doing. */
static LabFacts
report_facts(const LabEvidence *e)
{
    LabFacts facts = ran(LAB_OUTCOME_CRASH);

    if (e->fragile && e->host_pressure)
        return infra;
    facts.survived = !e->kernel_stopped && !e->guest_gone && !e->heartbeat_lost;
    return facts;
}

LabFacts
lab_facts_from_evidence(const LabEvidence *e)
{
    if (e->lab_failed)
        return infra;
    if (e->lacks_need)
        return (LabFacts){LAB_STATE_SKIPPED, LAB_OUTCOME_NONE, FALSE};
    if (!e->reached_agent)
        return boot_facts(e);
    if (e->report || e->kernel_stopped)
        return report_facts(e);
    if (e->guest_gone)
        return ran(LAB_OUTCOME_LOST);
    if (e->heartbeat_lost)
        return e->host_pressure ? infra : ran(LAB_OUTCOME_HANG);
    if (e->stressor_failed)
        return e->host_pressure ? infra : ran(LAB_OUTCOME_FAIL);
    if (e->stressor_done)
        return ran(e->reached ? LAB_OUTCOME_PASS : LAB_OUTCOME_INCONCLUSIVE);
    if (e->deadline_passed)
        return e->host_pressure ? infra : ran(LAB_OUTCOME_TIMEOUT);
    return infra;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The truth table of cells, a test for each row. */
#include "lab-outcome.h"

typedef struct {
    const char *name;
    LabEvidence evidence;
    LabState state;
    LabOutcome outcome;
    gboolean survived;
} Row;

#define RAN(...)             .evidence = {.reached_agent = TRUE, .reached = TRUE, __VA_ARGS__}
#define BOOT(...)            .evidence = {.reached = TRUE, __VA_ARGS__}
#define IS(state_, outcome_) .state = LAB_STATE_##state_, .outcome = LAB_OUTCOME_##outcome_

static const Row rows[] = {
    {"pass", RAN(.stressor_done = TRUE), IS(RAN, PASS)},
    {"pass-on-loaded-host", RAN(.stressor_done = TRUE, .host_pressure = TRUE), IS(RAN, PASS)},
    {"fail", RAN(.stressor_done = TRUE, .stressor_failed = TRUE), IS(RAN, FAIL)},
    {"fail-before-the-end", RAN(.deadline_passed = TRUE, .stressor_failed = TRUE), IS(RAN, FAIL)},
    {"fail-on-starved-host",
     RAN(.stressor_done = TRUE, .stressor_failed = TRUE, .host_pressure = TRUE), IS(INFRA, NONE)},
    {"panic", RAN(.report = TRUE, .kernel_stopped = TRUE), IS(RAN, CRASH)},
    {"panic-event-alone", RAN(.kernel_stopped = TRUE), IS(RAN, CRASH)},
    {"panic-on-loaded-host", RAN(.report = TRUE, .kernel_stopped = TRUE, .host_pressure = TRUE),
     IS(RAN, CRASH)},
    {"panic-after-the-stressor", RAN(.report = TRUE, .kernel_stopped = TRUE, .stressor_done = TRUE),
     IS(RAN, CRASH)},
    {"watchdog-panic", RAN(.report = TRUE, .fragile = TRUE, .kernel_stopped = TRUE),
     IS(RAN, CRASH)},
    {"watchdog-on-starved-host",
     RAN(.report = TRUE, .fragile = TRUE, .kernel_stopped = TRUE, .host_pressure = TRUE),
     IS(INFRA, NONE)},
    {"nmi-after-reported-lockup",
     RAN(.report = TRUE, .fragile = TRUE, .heartbeat_lost = TRUE, .kernel_stopped = TRUE),
     IS(RAN, CRASH)},
    {"survived", RAN(.report = TRUE, .stressor_done = TRUE), IS(RAN, CRASH), .survived = TRUE},
    {"survived-past-deadline", RAN(.report = TRUE, .deadline_passed = TRUE), IS(RAN, CRASH),
     .survived = TRUE},
    {"report-then-reset", RAN(.report = TRUE, .guest_gone = TRUE), IS(RAN, CRASH)},
    {"report-then-silence", RAN(.report = TRUE, .heartbeat_lost = TRUE), IS(RAN, CRASH)},
    {"hang", RAN(.heartbeat_lost = TRUE), IS(RAN, HANG)},
    {"hang-on-starved-host", RAN(.heartbeat_lost = TRUE, .host_pressure = TRUE), IS(INFRA, NONE)},
    {"timeout", RAN(.deadline_passed = TRUE), IS(RAN, TIMEOUT)},
    {"timeout-on-starved-host", RAN(.deadline_passed = TRUE, .host_pressure = TRUE),
     IS(INFRA, NONE)},
    {"boot-panic", BOOT(.report = TRUE, .kernel_stopped = TRUE), IS(RAN, BOOT_FAILURE)},
    {"boot-reset", BOOT(.guest_gone = TRUE), IS(RAN, BOOT_FAILURE)},
    {"boot-report", BOOT(.report = TRUE, .deadline_passed = TRUE), IS(RAN, BOOT_FAILURE)},
    {"boot-silence", BOOT(.heartbeat_lost = TRUE, .deadline_passed = TRUE), IS(RAN, BOOT_FAILURE)},
    {"boot-silence-on-starved-host",
     BOOT(.heartbeat_lost = TRUE, .deadline_passed = TRUE, .host_pressure = TRUE), IS(INFRA, NONE)},
    {"boot-int3", BOOT(.report = TRUE, .fragile = TRUE, .kernel_stopped = TRUE),
     IS(RAN, BOOT_FAILURE)},
    {"boot-int3-on-starved-host",
     BOOT(.report = TRUE, .fragile = TRUE, .kernel_stopped = TRUE, .host_pressure = TRUE),
     IS(INFRA, NONE)},
    {"boot-panic-on-starved-host",
     BOOT(.report = TRUE, .kernel_stopped = TRUE, .host_pressure = TRUE), IS(RAN, BOOT_FAILURE)},
    {"boot-too-slow", BOOT(.deadline_passed = TRUE), IS(INFRA, NONE)},
    {"lost", RAN(.guest_gone = TRUE), IS(RAN, LOST)},
    {"lab-failed", RAN(.lab_failed = TRUE, .report = TRUE), IS(INFRA, NONE)},
    {"lacks-need", BOOT(.lacks_need = TRUE), IS(SKIPPED, NONE)},
    {"inconclusive", .evidence = {.reached_agent = TRUE, .stressor_done = TRUE},
     IS(RAN, INCONCLUSIVE)},
    {"nothing-seen", .evidence = {.reached_agent = TRUE, .reached = TRUE}, IS(INFRA, NONE)},
};

static void
test_row(gconstpointer data)
{
    const Row *row = data;
    LabFacts facts = lab_facts_from_evidence(&row->evidence);

    g_assert_cmpstr(lab_state_name(facts.state), ==, lab_state_name(row->state));
    g_assert_cmpstr(lab_outcome_name(facts.outcome), ==, lab_outcome_name(row->outcome));
    g_assert_cmpint(facts.survived, ==, row->survived);
}

static void
test_names(void)
{
    for (LabState s = LAB_STATE_MISSING; s <= LAB_STATE_SKIPPED; s++)
        g_assert_cmpint(lab_state_from_name(lab_state_name(s)), ==, s);
    for (LabOutcome o = LAB_OUTCOME_PASS; o <= LAB_OUTCOME_INCONCLUSIVE; o++)
        g_assert_cmpint(lab_outcome_from_name(lab_outcome_name(o)), ==, o);
    g_assert_null(lab_outcome_name(LAB_OUTCOME_NONE));
    g_assert_cmpint(lab_state_from_name("no such state"), ==, LAB_STATE_MISSING);
    g_assert_cmpint(lab_state_from_name(NULL), ==, LAB_STATE_MISSING);
    g_assert_cmpint(lab_outcome_from_name("no such outcome"), ==, LAB_OUTCOME_NONE);
    g_assert_cmpint(lab_outcome_from_name(NULL), ==, LAB_OUTCOME_NONE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outcome/names", test_names);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/outcome/%s", rows[i].name);

        g_test_add_data_func(path, &rows[i], test_row);
    }
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adaptive runs through to their verdicts: what is claimed when a budget ends anywhere, and whether
 * rare new crashes are found. */
#include <string.h>

#include "lab-allocation.h"
#include "lab-analysis.h"
#include "lab-json.h"

#define GROUPS 6
#define JOBS   3

static const LabAdaptive settings = {
    .min = 3, .max = 40, .confidence = 0.95, .power = 0.9, .effect = 0.2};

/* Of the runs of a group so many show the old crash, and so many a new one; the rest pass. */
typedef struct {
    double known, fresh;
} Shares;

static const char *const results[] = {
    "{'state':'ran','outcome':'pass'}",
    "{'state':'ran','outcome':'crash','crash':{'type':'hung-task','title':'INFO: task hung in f',"
    "'alternatives':[],'signature':{'k0':'v1:1111111111111111'}}}",
    "{'state':'ran','outcome':'crash','crash':{'type':'gpf','title':'general protection fault in "
    "g','alternatives':[],'signature':{'k0':'v1:2222222222222222'}}}"};
static const char *const crashes[] = {NULL, "v1:1111111111111111", "v1:2222222222222222"};

typedef struct {
    LabAllocationStep step;
    guint result; /* index of 'results' */
    double end;
} Running;

typedef struct {
    GArray *running;            /* Running */
    guint8 results[GROUPS][64]; /* by repetition: 1 + index, 0: it did not run */
    guint runs;
} Lab;

static LabAllocation *
make(void)
{
    LabAllocation *allocation = lab_allocation_new(&settings);

    for (guint i = 0; i < GROUPS; i++)
        lab_allocation_add(allocation, settings.max);
    for (guint i = 1; i < GROUPS; i++)
        lab_allocation_compare(allocation, 0, i, FALSE);
    return allocation;
}

static void
start(Lab *lab, const LabAllocationStep *step, const Shares *shares, double now, GRand *dice)
{
    double toss = g_rand_double(dice);
    const Shares *of = &shares[step->group];
    Running one = {*step, toss < of->known ? 1 : toss < of->known + of->fresh ? 2 : 0, now};

    /* What crashes ends sooner. */
    one.end += one.result ? 1 : 3;
    g_array_append_val(lab->running, one);
    lab->runs++;
}

/* Time goes on until the next one of those that run ends. */
static double
end_next(Lab *lab, LabAllocation *allocation, gboolean titles)
{
    guint next = 0;
    Running one;

    for (guint i = 1; i < lab->running->len; i++)
        if (g_array_index(lab->running, Running, i).end <
            g_array_index(lab->running, Running, next).end)
            next = i;
    one = g_array_index(lab->running, Running, next);
    g_array_remove_index(lab->running, next);
    lab->results[one.step.group][one.step.repetition] = (guint8)(1 + one.result);
    lab_allocation_tell(allocation, one.step.group, one.step.repetition,
                        one.result ? LAB_TOLD_BAD : LAB_TOLD_GOOD,
                        titles ? crashes[one.result] : NULL);
    return one.end;
}

/* Three at once until nothing is started any more: the budget has ended, or all is settled. */
static Lab
play(const Shares *shares, double budget, gboolean titles, GRand *dice)
{
    g_autoptr(LabAllocation) allocation = make();
    Lab lab = {.running = g_array_new(FALSE, FALSE, sizeof(Running))};
    LabAllocationStep step;
    double now = 0;

    for (;;) {
        lab_allocation_set_left(allocation, (budget - now) * JOBS);
        while (now < budget && lab.running->len < JOBS && lab_allocation_next(allocation, &step)) {
            lab_allocation_take(allocation, &step);
            if (!step.spare)
                start(&lab, &step, shares, now, dice);
        }
        if (lab.running->len == 0)
            break;
        now = end_next(&lab, allocation, titles);
    }
    g_array_unref(lab.running);
    return lab;
}

static LabAnalysis *
analyse(const Lab *lab)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)lab_observation_free);

    for (guint i = 0; i < GROUPS; i++)
        for (int k = 1; k <= settings.max; k++) {
            g_autofree char *kernel = g_strdup_printf("6.1.0-%u", i);
            g_autofree char *text = NULL;
            g_autoptr(json_t) json = NULL;
            LabObservation *one;

            if (lab->results[i][k] == 0)
                continue;
            text = g_strdelimit(g_strdup(results[lab->results[i][k] - 1]), "'", '"');
            json = lab_json_parse(text, strlen(text), "test", NULL);
            one = lab_observation_new("c", kernel, kernel, "recipe", "stock", TRUE, k);
            one->adaptive = TRUE;
            lab_observation_set_result(one, json);
            g_ptr_array_add(list, one);
        }
    return lab_analysis_new(list, "6.1.0-0", settings.confidence, NULL);
}

static guint
group_of(const LabComparison *comparison)
{
    return (guint)g_ascii_strtoull(comparison->candidate->kernel + strlen("6.1.0-"), NULL, 10);
}

/* TRUE when it claims what is not so of the true shares: a change, its direction, a new crash. */
static gboolean
is_false(const LabComparison *one, const Shares *shares)
{
    const Shares *a = &shares[0], *b = &shares[group_of(one)];
    double more = b->known + b->fresh - a->known - a->fresh;

    switch (one->verdict) {
    case LAB_VERDICT_REGRESSED:
        return more <= 0;
    case LAB_VERDICT_FIXED:
        return more >= 0;
    case LAB_VERDICT_RATE_CHANGED:
        return one->worse ? more <= 0 : more >= 0;
    case LAB_VERDICT_NEW_CRASH:
    case LAB_VERDICT_STILL_DIFFERENT_CRASH:
        return one->settled && b->fresh <= a->fresh;
    default:
        return FALSE;
    }
}

/* Wherever the budget ends, with results that come out of turn: at most alpha of the matrices claim
 * anything that is not so. */
static void
test_budget_anywhere(void)
{
    static const Shares matrices[][GROUPS] = {
        {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
        {{0.3, 0}, {0.3, 0}, {0.3, 0}, {0.3, 0}, {0.3, 0}, {0.3, 0}},
        {{0.9, 0}, {0.9, 0}, {0.9, 0}, {0.9, 0}, {0.9, 0}, {0.9, 0}},
        {{0.4, 0.4}, {0.4, 0.4}, {0.4, 0.4}, {0.4, 0.4}, {0.4, 0.4}, {0.4, 0.4}},
        {{0.95, 0.05}, {0.95, 0.05}, {0.95, 0.05}, {0.95, 0.05}, {0.95, 0.05}, {0.95, 0.05}},
        {{0.5, 0}, {0.6, 0}, {0.4, 0}, {0.5, 0.1}, {0, 0}, {1, 0}}};
    g_autoptr(GRand) dice = g_rand_new_with_seed(31);

    for (guint i = 0; i < G_N_ELEMENTS(matrices); i++) {
        guint wrong = 0, claims = 0;

        for (guint m = 0; m < 200; m++) {
            Lab lab = play(matrices[i], g_rand_double_range(dice, 5, 80), TRUE, dice);
            g_autoptr(LabAnalysis) analysis = analyse(&lab);
            gboolean any = FALSE;

            for (guint k = 0; k < analysis->comparisons->len; k++) {
                const LabComparison *one = analysis->comparisons->pdata[k];

                any = any || is_false(one, matrices[i]);
                claims += one->settled && one->verdict != LAB_VERDICT_SAME_PASS &&
                          one->verdict != LAB_VERDICT_STILL_SAME_CRASH;
                /* What needs a test has passed it. */
                g_assert_true(one->q <= 0.05 || (one->verdict != LAB_VERDICT_REGRESSED &&
                                                 one->verdict != LAB_VERDICT_FIXED &&
                                                 one->verdict != LAB_VERDICT_RATE_CHANGED));
            }
            wrong += any ? 1 : 0;
        }
        g_test_message("matrix %u: %u of 200 claim what is not so, %u claims", i, wrong, claims);
        g_assert_cmpuint(wrong, <=, 10);
    }
}

/* How many of 'matrices' settle that group 2 has a new crash. */
static guint
find_new(const Shares *shares, double budget, gboolean titles, guint matrices, guint *runs)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(77);
    guint found = 0;

    for (guint m = 0; m < matrices; m++) {
        Lab lab = play(shares, budget, titles, dice);
        g_autoptr(LabAnalysis) analysis = analyse(&lab);

        *runs += lab.runs;
        for (guint k = 0; k < analysis->comparisons->len; k++) {
            const LabComparison *one = analysis->comparisons->pdata[k];

            if (group_of(one) == 2)
                found += one->verdict == LAB_VERDICT_NEW_CRASH && one->settled;
        }
    }
    return found;
}

/* Kernels that crash always; one of them has a new crash in some of its runs. */
static void
test_new_crash(void)
{
    static const double shares[] = {0.1, 0.3, 0.4, 0.5};
    static const double budgets[] = {30, 1000};
    guint before = 0, after = 0;

    for (guint i = 0; i < G_N_ELEMENTS(shares) * G_N_ELEMENTS(budgets); i++) {
        double share = shares[i / 2], budget = budgets[i % 2];
        const Shares matrix[GROUPS] = {{1, 0}, {1, 0}, {1 - share, share}, {1, 0}, {1, 0}, {1, 0}};
        guint runs_without = 0, runs_with = 0;
        guint without = find_new(matrix, budget, FALSE, 50, &runs_without);
        guint with = find_new(matrix, budget, TRUE, 50, &runs_with);

        g_test_message("new crash in %.0f %% of runs, budget %.0f: settled in %u of 50 (%u runs "
                       "each), without titles in %u (%u runs)",
                       100 * share, budget, with, runs_with / 50, without, runs_without / 50);
        /* It costs little where it brings nothing. */
        g_assert_cmpuint(runs_with, <, runs_without * 5 / 4);
        before += without, after += with;
        if (share > 0.45)
            g_assert_cmpuint(with, >, without + 10);
    }
    g_assert_cmpuint(after, >, 2 * before);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/adaptive/budget-anywhere", test_budget_anywhere);
    g_test_add_func("/adaptive/new-crash", test_new_crash);
    return g_test_run();
}

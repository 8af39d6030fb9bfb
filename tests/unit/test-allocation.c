/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which run is next in an adaptive run: what it prefers, that errors are held all the same, and
 * what it settles that an even spread over all open comparisons does not. */
#include <math.h>
#include <time.h>

#include "lab-allocation.h"

static const LabAdaptive settings = {
    .min = 3, .max = 24, .confidence = 0.95, .power = 0.9, .effect = 0.2};

/* One recipe: group 0 is the first kernel's, each other one is compared with it. */
typedef struct {
    guint n;             /* groups */
    const double *share; /* of bad runs */
    const double *cost;  /* of a run; NULL: 1 */
} Truth;

typedef struct {
    guint differ; /* comparisons called different that are */
    guint wrong;  /* called different the wrong way, or without being so */
    guint worse;  /* of those, called worse */
    guint settled, runs;
} Count;

typedef gboolean (*NextFunc)(LabAllocation *allocation, const Truth *truth, const guint *started,
                             LabAllocationStep *step);

static LabAllocation *
make(const LabAdaptive *adaptive, const Truth *truth)
{
    LabAllocation *allocation = lab_allocation_new(adaptive);

    for (guint i = 0; i < truth->n; i++)
        lab_allocation_add(allocation, adaptive->max);
    for (guint i = 1; i < truth->n; i++)
        lab_allocation_compare(allocation, 0, i, FALSE);
    for (guint i = 0; truth->cost && i < truth->n; i++)
        lab_allocation_set_cost(allocation, i, truth->cost[i]);
    return allocation;
}

static gboolean
next_best(LabAllocation *allocation, const Truth *truth, const guint *started,
          LabAllocationStep *step)
{
    return lab_allocation_next(allocation, step);
}

/* The spread that is compared with: of the groups with an open comparison the one that has had the
 * fewest runs. */
static gboolean
next_even(LabAllocation *allocation, const Truth *truth, const guint *started,
          LabAllocationStep *step)
{
    g_autofree gboolean *open = g_new0(gboolean, truth->n);
    guint least = G_MAXUINT;

    for (guint i = 0; i < lab_allocation_n_comparisons(allocation); i++) {
        const LabAllocationComparison *one = lab_allocation_comparison(allocation, i);

        if (one->state == LAB_ALLOCATION_OPEN)
            open[one->baseline] = open[one->candidate] = TRUE;
    }
    for (guint i = 0; i < truth->n; i++) {
        if (!open[i] || started[i] >= least || started[i] >= (guint)settings.max)
            continue;
        least = started[i];
        *step = (LabAllocationStep){i, (int)least + 1, FALSE};
    }
    return least < G_MAXUINT;
}

static void
count_states(Count *count, const LabAllocation *allocation, const Truth *truth)
{
    for (guint i = 0; i < lab_allocation_n_comparisons(allocation); i++) {
        const LabAllocationComparison *one = lab_allocation_comparison(allocation, i);
        double by = truth->share[one->candidate] - truth->share[one->baseline];
        double seen = (double)one->test.b_bad - one->test.a_bad;

        count->settled += one->state == LAB_ALLOCATION_DIFFER || one->state == LAB_ALLOCATION_ALIKE;
        if (one->state != LAB_ALLOCATION_DIFFER)
            continue;
        count->differ += by * seen > 0;
        count->wrong += by * seen <= 0;
        count->worse += by <= 0 && seen > 0;
    }
}

/* One run after the other until 'budget' is spent. */
static Count
play(const Truth *truth, double budget, NextFunc next, GRand *dice)
{
    g_autoptr(LabAllocation) allocation = make(&settings, truth);
    g_autofree guint *started = g_new0(guint, truth->n);
    LabAllocationStep step;
    Count count = {0};

    while (next(allocation, truth, started, &step)) {
        double cost = truth->cost ? truth->cost[step.group] : 1;

        lab_allocation_take(allocation, &step);
        if (step.spare)
            continue;
        budget -= cost;
        if (budget < 0)
            break;
        lab_allocation_set_left(allocation, budget);
        started[step.group]++;
        count.runs++;
        lab_allocation_tell(
            allocation, step.group, step.repetition,
            g_rand_double(dice) < truth->share[step.group] ? LAB_TOLD_BAD : LAB_TOLD_GOOD, NULL);
    }
    count_states(&count, allocation, truth);
    return count;
}

static Count
play_many(const Truth *truth, double budget, NextFunc next, guint matrices, guint32 seed,
          guint *worse)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(seed);
    Count sum = {0};

    for (guint i = 0; i < matrices; i++) {
        Count one = play(truth, budget, next, dice);

        sum.differ += one.differ, sum.wrong += one.wrong, sum.worse += one.worse;
        sum.settled += one.settled, sum.runs += one.runs;
        *worse += one.worse > 0;
    }
    return sum;
}

/* Of 10 000 matrices without any candidate that is worse, at most alpha have one that is called
 * so, however the runs were chosen and wherever the budget ended. */
static void
test_false_regressed(void)
{
    static const double shares[][6] = {{0, 0, 0, 0, 0, 0},
                                       {0.1, 0.1, 0.1, 0.1, 0.1, 0.1},
                                       {0.4, 0.4, 0.4, 0.4, 0.4, 0.4},
                                       {0.9, 0.9, 0.9, 0, 0.9, 0.3}};
    static const double budgets[] = {45, 75};
    guint worse = 0, matrices = 0;

    for (guint i = 0; i < 8; i++) {
        const Truth truth = {6, shares[i / 2], NULL};
        Count sum = play_many(&truth, budgets[i % 2], next_best, 1250, 40 + i, &worse);

        matrices += 1250;
        g_test_message("share %.1f, budget %g: %u of %u comparisons called worse, %.0f %% settled",
                       truth.share[0], budgets[i % 2], sum.worse, 1250u * 5,
                       100.0 * sum.settled / (1250 * 5));
    }
    g_test_message("%u of %u matrices have a comparison called worse that is not", worse, matrices);
    g_assert_cmpuint(matrices, ==, 10000);
    g_assert_cmpuint(worse, <=, (guint)(matrices * (1 - settings.confidence)));
}

/* At an equal budget more of the true differences are settled than by the even spread. */
static void
test_settles_more(void)
{
    static const double costs[] = {1, 1, 4, 1, 1, 4, 1, 1, 4, 1, 1, 1};
    /* Plain differences and less plain ones among as many that are none. */
    static const double shares[][12] = {{0, 0, 0.3, 0, 0.5, 0, 0, 0.95, 0, 0.7, 0, 0.4},
                                        {0.9, 0.9, 0.5, 0.9, 0.9, 0.1, 0.9, 0.9, 0.3, 0.9, 0.9, 0},
                                        {0.1, 0.1, 0.5, 0.1, 0.8, 0.1, 0.2, 0.1, 0.1, 0.6, 0.1, 1}};
    static const double budgets[] = {70, 130};
    guint unused = 0;

    for (guint i = 0; i < 12; i++) {
        gboolean same = i / 2 % 2 == 0;
        const Truth truth = {12, shares[i / 4], same ? NULL : costs};
        double budget = budgets[i % 2] * (same ? 1 : 1.75);
        Count best = play_many(&truth, budget, next_best, 80, 300 + i, &unused);
        Count even = play_many(&truth, budget, next_even, 80, 300 + i, &unused);

        g_test_message("matrix %u, %s costs, budget %.0f: %.2f true differences settled, by the "
                       "even spread %.2f; of all comparisons %.2f and %.2f",
                       i / 4, same ? "equal" : "various", budget, best.differ / 80.0,
                       even.differ / 80.0, best.settled / 80.0, even.settled / 80.0);
        g_assert_cmpuint(best.differ, >, even.differ);
        g_assert_cmpuint(best.settled, >=, even.settled);
    }
}

/* What is told and what comes, over many matrices: before any run, after three and after eight of
 * each group. */
typedef struct {
    double told[3], came[3];
} Expected;

static void
play_expected(const Truth *truth, Expected *sum, GRand *dice)
{
    g_autoptr(LabAllocation) allocation = make(&settings, truth);
    const guint marks[] = {0, 3 * truth->n, 8 * truth->n};
    guint begun = 0;
    double told[3] = {0}, runs, cost;
    LabAllocationStep step;

    while (lab_allocation_next(allocation, &step)) {
        cost = lab_allocation_expected(allocation, &runs);
        g_assert_cmpfloat_with_epsilon(cost, runs, 1e-9);
        for (guint i = 0; i < 3; i++)
            told[i] = begun == marks[i] ? runs : told[i];
        lab_allocation_take(allocation, &step);
        if (step.spare)
            continue;
        begun++;
        lab_allocation_tell(
            allocation, step.group, step.repetition,
            g_rand_double(dice) < truth->share[step.group] ? LAB_TOLD_BAD : LAB_TOLD_GOOD, NULL);
    }
    for (guint i = 0; i < 3; i++) {
        sum->told[i] += told[i];
        sum->came[i] += begun - MIN(marks[i], begun);
    }
    g_assert_cmpfloat(lab_allocation_expected(allocation, &runs), <=, 0);
    g_assert_cmpfloat(runs, <=, 0);
}

/* How many more runs are told about right, and far from the most there may be. */
static void
test_expected(void)
{
    static const double shares[][6] = {{0, 0, 0, 0, 0, 0},
                                       {0, 0, 0.95, 0, 1, 0},
                                       {1, 1, 1, 0, 1, 1},
                                       {0.9, 0.9, 0.9, 0, 0.9, 0.3},
                                       {0, 0, 0.3, 0, 0.5, 0}};
    g_autoptr(GRand) dice = g_rand_new_with_seed(21);
    Expected all = {0};

    for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
        const Truth truth = {6, shares[i], NULL};
        Expected sum = {0};

        for (guint m = 0; m < 200; m++)
            play_expected(&truth, &sum, dice);
        g_test_message("matrix %u of at most 144 runs: %.0f are told and %.0f come; after 18 %.0f "
                       "and %.0f; after 48 %.0f and %.0f",
                       i, sum.told[0] / 200, sum.came[0] / 200, sum.told[1] / 200,
                       sum.came[1] / 200, sum.told[2] / 200, sum.came[2] / 200);
        for (guint k = 0; k < 3; k++) {
            g_assert_cmpfloat(sum.told[k], >, 0.5 * sum.came[k] - 200 * 6);
            g_assert_cmpfloat(sum.told[k], <, 2 * sum.came[k] + 200 * 6);
            all.told[k] += sum.told[k], all.came[k] += sum.came[k];
        }
    }
    for (guint k = 0; k < 3; k++) {
        g_test_message("over all: %.2f of what comes is told", all.told[k] / all.came[k]);
        g_assert_cmpfloat(all.told[k], >, 0.7 * all.came[k]);
        g_assert_cmpfloat(all.told[k], <, 1.4 * all.came[k]);
    }
}

static void
run_one(LabAllocation *allocation, guint group, LabTold told, int *repetition)
{
    LabAllocationStep step = {group, ++*repetition, FALSE};

    lab_allocation_take(allocation, &step);
    lab_allocation_tell(allocation, group, step.repetition, told, NULL);
}

/* The first ones of all groups go in the plan's order, whatever they say. */
static void
test_first(void)
{
    const Truth truth = {4, NULL, NULL};
    g_autoptr(LabAllocation) allocation = make(&settings, &truth);
    LabAllocationStep step;

    for (guint i = 0; i < 12; i++) {
        g_assert_true(lab_allocation_next(allocation, &step));
        g_assert_cmpuint(step.group, ==, i % 4);
        g_assert_cmpint(step.repetition, ==, 1 + (int)i / 4);
        lab_allocation_take(allocation, &step);
        lab_allocation_tell(allocation, step.group, step.repetition,
                            step.group == 2 ? LAB_TOLD_BAD : LAB_TOLD_GOOD, NULL);
    }
    g_assert_true(lab_allocation_next(allocation, &step));
    /* The plain difference, to begin with the side that all comparisons need. */
    g_assert_cmpuint(step.group, ==, 0);
    lab_allocation_take(allocation, &step);
    g_assert_true(lab_allocation_next(allocation, &step));
    g_assert_cmpuint(step.group, ==, 2);
}

/* Four pairs of groups, each compared by itself: plainly different; different as plainly, but
 * dear; likely different; as good as never to be settled, in spite of its weight. */
static LabAllocation *
make_four(void)
{
    static const char *const bad[] = {"0000", "1111", "0000", "1111",
                                      "0000", "0111", "0101", "1101"};
    LabAllocation *allocation = lab_allocation_new(&settings);

    for (guint i = 0; i < 8; i++)
        lab_allocation_add(allocation, i < 6 ? settings.max : 7);
    for (guint i = 0; i < 8; i += 2)
        lab_allocation_compare(allocation, i, i + 1, i == 6);
    lab_allocation_set_cost(allocation, 2, 10);
    lab_allocation_set_cost(allocation, 3, 10);
    for (guint i = 0; i < 8; i++)
        for (int repetition = 0; repetition < 4;)
            run_one(allocation, i, bad[i][repetition] == '1' ? LAB_TOLD_BAD : LAB_TOLD_GOOD,
                    &repetition);
    return allocation;
}

static void
test_order(void)
{
    g_autoptr(LabAllocation) allocation = make_four();
    GString *order = g_string_new(NULL);
    guint started[8] = {0};
    LabAllocationStep step;

    while (lab_allocation_next(allocation, &step)) {
        lab_allocation_take(allocation, &step);
        if (step.spare)
            continue;
        if (started[step.group]++ == 0 && step.group % 2 == 0)
            g_string_append_c(order, (char)('a' + step.group / 2));
        /* Both sides of a comparison stay in step. */
        g_assert_cmpint(ABS((int)started[step.group] - (int)started[step.group ^ 1]), <=, 1);
        lab_allocation_tell(allocation, step.group, step.repetition,
                            step.group < 6 && step.group % 2 ? LAB_TOLD_BAD : LAB_TOLD_GOOD, NULL);
    }
    g_assert_cmpstr(order->str, ==, "acbd");
    g_assert_cmpint(lab_allocation_comparison(allocation, 0)->state, ==, LAB_ALLOCATION_DIFFER);
    g_assert_cmpint(lab_allocation_comparison(allocation, 3)->state, ==, LAB_ALLOCATION_EXHAUSTED);
    g_string_free(order, TRUE);
}

/* No more is started than would settle it, if it is as it looks; then results are waited for. */
static void
test_waits(void)
{
    const Truth truth = {2, NULL, NULL};
    g_autoptr(LabAllocation) allocation = make(&settings, &truth);
    LabAllocationStep step, again;
    int started[2] = {0};
    guint flying = 0;

    for (guint i = 0; i < 6; i++)
        run_one(allocation, i % 2, i % 2 ? LAB_TOLD_BAD : LAB_TOLD_GOOD, &started[i % 2]);
    while (lab_allocation_next(allocation, &step)) {
        g_assert_false(step.spare);
        g_assert_true(lab_allocation_next(allocation, &again));
        g_assert_cmpint(again.group, ==, step.group);
        lab_allocation_take(allocation, &step);
        flying++;
    }
    g_test_message("%u runs were started at once", flying);
    g_assert_cmpuint(flying, >=, 4);
    g_assert_cmpuint(flying, <, 20);
    /* What runs ends out of turn: the later one counts once the earlier one is there. */
    lab_allocation_tell(allocation, 1, 5, LAB_TOLD_BAD, NULL);
    lab_allocation_tell(allocation, 0, 4, LAB_TOLD_GOOD, NULL);
    g_assert_cmpuint(lab_allocation_comparison(allocation, 0)->test.pairs, ==, 3);
    lab_allocation_tell(allocation, 1, 4, LAB_TOLD_NOTHING, NULL);
    g_assert_cmpuint(lab_allocation_comparison(allocation, 0)->test.pairs, ==, 4);
}

/* What cannot run holds up nobody; what an earlier session left out is run first. */
static void
test_unable_and_resumed(void)
{
    const Truth truth = {3, NULL, NULL};
    g_autoptr(LabAllocation) allocation = make(&settings, &truth);
    LabAllocationStep step;
    int started[3] = {0};
    guint spared = 0;

    for (guint i = 0; i < 12; i++)
        if (i != 9) /* group 0, the fourth one */
            run_one(allocation, i % 3, i % 3 == 2 ? LAB_TOLD_UNABLE : LAB_TOLD_GOOD,
                    &started[i % 3]);
    g_assert_cmpint(lab_allocation_comparison(allocation, 1)->state, ==, LAB_ALLOCATION_UNABLE);
    lab_allocation_tell(allocation, 0, 6, LAB_TOLD_GOOD, NULL);
    while (lab_allocation_next(allocation, &step) && step.spare) {
        g_assert_cmpuint(step.group, ==, 2);
        lab_allocation_take(allocation, &step);
        spared++;
    }
    g_assert_cmpuint(spared, ==, (guint)settings.max - 4);
    g_assert_cmpuint(step.group, ==, 0);
    g_assert_cmpint(step.repetition, ==, 4);
    lab_allocation_take(allocation, &step);
    g_assert_true(lab_allocation_next(allocation, &step));
    g_assert_cmpuint(step.group, ==, 0);
    g_assert_cmpint(step.repetition, ==, 5);
    /* At the end of the budget all that waits is spared. */
    lab_allocation_end(allocation);
    while (lab_allocation_next(allocation, &step)) {
        g_assert_true(step.spare);
        lab_allocation_take(allocation, &step);
        spared++;
    }
    g_assert_cmpuint(spared, ==, 3 * (guint)settings.max - 11 - 2);
}

/* 100 000 cells: 2500 kernels against the first, and 50 kernels with 50 recipes. */
static void
test_large(void)
{
    for (guint star = 0; star < 2; star++) {
        g_autoptr(GRand) dice = g_rand_new_with_seed(5 + star);
        g_autoptr(LabAllocation) allocation = lab_allocation_new(&settings);
        clock_t begun = clock(); /* not the time that a busy machine takes */
        LabAllocationStep step;
        guint runs = 0, spared = 0;

        for (guint i = 0; i < 2500; i++)
            lab_allocation_add(allocation, 40);
        for (guint i = 1; i < 2500; i++)
            if (star || i % 50 > 0)
                lab_allocation_compare(allocation, star ? 0 : i - i % 50, i, FALSE);
        while (lab_allocation_next(allocation, &step)) {
            lab_allocation_take(allocation, &step);
            runs += !step.spare;
            spared += step.spare ? 1 : 0;
            if (!step.spare)
                lab_allocation_tell(allocation, step.group, step.repetition,
                                    g_rand_double(dice) < (step.group % 7 ? 0.02 : 0.6)
                                        ? LAB_TOLD_BAD
                                        : LAB_TOLD_GOOD,
                                    NULL);
        }
        g_test_message("%u runs, %u spared, in %.1f s", runs, spared,
                       (double)(clock() - begun) / CLOCKS_PER_SEC);
        g_assert_cmpuint(runs + spared, ==, 100000);
        g_assert_cmpint((clock() - begun) / CLOCKS_PER_SEC, <, 30);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/allocation/first", test_first);
    g_test_add_func("/allocation/order", test_order);
    g_test_add_func("/allocation/waits", test_waits);
    g_test_add_func("/allocation/unable-and-resumed", test_unable_and_resumed);
    g_test_add_func("/allocation/false-regressed", test_false_regressed);
    g_test_add_func("/allocation/settles-more", test_settles_more);
    g_test_add_func("/allocation/expected", test_expected);
    g_test_add_func("/allocation/large", test_large);
    return g_test_run();
}

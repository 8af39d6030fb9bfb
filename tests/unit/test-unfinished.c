/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is claimed of a run that was killed: a crash takes a tenth of the time of a pass, so that at
 * any moment those that ended look worse than all will. */
#include <string.h>

#include "lab-allocation.h"
#include "lab-analysis.h"
#include "lab-json.h"

#define KERNELS  2
#define REPEAT   40
#define JOBS     32
#define MATRICES 400
#define CRASH_S  1.0
#define PASS_S   10.0

static const LabAdaptive settings = {
    .min = 3, .max = REPEAT, .confidence = 0.95, .power = 0.9, .effect = 0.2};

typedef enum { MISSING, PASSED, CRASHED } End;

typedef struct {
    guint kernel;
    int repetition;
    End end;
    double at;
} Running;

typedef struct {
    LabAllocation *allocation; /* NULL: all repetitions, kernel by kernel */
    guint begun;
    Running running[JOBS];
    guint n_running;
    End ends[KERNELS][REPEAT + 1];
} Lab;

static gboolean
take_next(Lab *lab, Running *next)
{
    LabAllocationStep step;

    if (!lab->allocation) {
        next->kernel = lab->begun / REPEAT;
        next->repetition = (int)(lab->begun % REPEAT) + 1;
        return lab->begun++ < KERNELS * REPEAT;
    }
    while (lab_allocation_next(lab->allocation, &step)) {
        lab_allocation_take(lab->allocation, &step);
        next->kernel = step.group;
        next->repetition = step.repetition;
        if (!step.spare)
            return TRUE;
    }
    return FALSE;
}

static guint
first_to_end(const Lab *lab)
{
    guint first = 0;

    for (guint i = 1; i < lab->n_running; i++)
        if (lab->running[i].at < lab->running[first].at)
            first = i;
    return first;
}

/* Until it is killed: what runs then has no result. */
static void
play(Lab *lab, guint jobs, double share, double killed_at, GRand *dice)
{
    double now = 0;

    for (;;) {
        Running *one = &lab->running[lab->n_running];

        while (lab->n_running < jobs && take_next(lab, one)) {
            one->end = g_rand_double(dice) < share ? CRASHED : PASSED;
            one->at = now + (one->end == CRASHED ? CRASH_S : PASS_S) *
                                g_rand_double_range(dice, 0.9, 1.1);
            one = &lab->running[++lab->n_running];
        }
        one = &lab->running[first_to_end(lab)];
        if (lab->n_running == 0 || one->at > killed_at)
            return;
        now = one->at;
        lab->ends[one->kernel][one->repetition] = one->end;
        if (lab->allocation)
            lab_allocation_tell(lab->allocation, one->kernel, one->repetition,
                                one->end == CRASHED ? LAB_TOLD_BAD : LAB_TOLD_GOOD, NULL);
        *one = lab->running[--lab->n_running];
    }
}

static LabAnalysis *
analyse(const Lab *lab)
{
    static const char pass[] = "{\"state\":\"ran\",\"outcome\":\"pass\"}";
    static const char crash[] =
        "{\"state\":\"ran\",\"outcome\":\"crash\",\"crash\":{\"type\":\"gpf\",\"title\":"
        "\"general protection fault in f\",\"signature\":{\"k0\":\"v1:1111111111111111\"}}}";
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)lab_observation_free);

    for (guint i = 0; i < KERNELS; i++)
        for (int k = 1; k <= REPEAT; k++) {
            const char *text = lab->ends[i][k] == CRASHED ? crash : pass;
            const char *kernel = i == 0 ? "6.1.0-1" : "6.1.0-2";
            LabObservation *one =
                lab_observation_new("c", kernel, kernel, "recipe", "stock", TRUE, k);
            g_autoptr(json_t) json = NULL;

            one->adaptive = lab->allocation != NULL;
            if (lab->ends[i][k] != MISSING) {
                json = lab_json_parse(text, strlen(text), "test", NULL);
                lab_observation_set_result(one, json);
            }
            g_ptr_array_add(list, one);
        }
    return lab_analysis_new(list, "6.1.0-1", settings.confidence, NULL);
}

/* How many of the matrices, whose two kernels are alike, claim a difference. */
static guint
count_wrong(gboolean adaptive, guint jobs, double share, GRand *dice)
{
    double longest = (KERNELS * REPEAT / jobs + 1) * PASS_S;
    guint wrong = 0;

    for (guint i = 0; i < MATRICES; i++) {
        g_autoptr(LabAllocation) allocation = adaptive ? lab_allocation_new(&settings) : NULL;
        g_autoptr(LabAnalysis) analysis = NULL;
        g_autofree Lab *lab = g_new0(Lab, 1);
        const LabComparison *one;

        lab->allocation = allocation;
        for (guint k = 0; adaptive && k < KERNELS; k++)
            lab_allocation_add(allocation, REPEAT);
        if (adaptive)
            lab_allocation_compare(allocation, 0, 1, FALSE);
        play(lab, jobs, share, g_rand_double_range(dice, CRASH_S, longest), dice);
        analysis = analyse(lab);
        g_assert_cmpuint(analysis->comparisons->len, ==, 1);
        one = analysis->comparisons->pdata[0];
        wrong += one->verdict == LAB_VERDICT_REGRESSED || one->verdict == LAB_VERDICT_FIXED ||
                 one->verdict == LAB_VERDICT_RATE_CHANGED;
    }
    return wrong;
}

static void
test_killed(gconstpointer adaptive)
{
    static const guint jobs[] = {2, 8, JOBS};
    static const double shares[] = {0.05, 0.1, 0.3, 0.6};
    g_autoptr(GRand) dice = g_rand_new_with_seed(19);

    for (guint i = 0; i < G_N_ELEMENTS(jobs); i++)
        for (guint k = 0; k < G_N_ELEMENTS(shares); k++) {
            guint wrong = count_wrong(adaptive != NULL, jobs[i], shares[k], dice);

            g_test_message("%u jobs, %.0f %% of runs crash: %u of %d claim a difference", jobs[i],
                           100 * shares[k], wrong, MATRICES);
            g_assert_cmpuint(wrong, <=, MATRICES / 20);
        }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/unfinished/fixed", NULL, test_killed);
    g_test_add_data_func("/unfinished/adaptive", &settings, test_killed);
    return g_test_run();
}

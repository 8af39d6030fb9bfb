/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include "lab-analysis.h"
#include "lab-json.h"

static GPtrArray *
list_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)lab_observation_free);
}

/* One cell with its result as JSON text with single quotes; NULL: missing. */
static void
add(GPtrArray *list, const char *kernel, const char *variant, gboolean baseline, const char *result)
{
    LabObservation *one =
        lab_observation_new("c", kernel, kernel, "recipe", variant, baseline, (int)list->len + 1);

    if (result) {
        g_autofree char *text = g_strdelimit(g_strdup(result), "'", '"');
        g_autoptr(json_t) json = lab_json_parse(text, strlen(text), "test", NULL);

        g_assert_nonnull(json);
        lab_observation_set_result(one, json);
    }
    g_ptr_array_add(list, one);
}

#define PASS \
    "{'state':'ran','outcome':'pass','crash':null,'metrics':{'stall_ms':12},'reached':null}"
#define CRASH(type, title, k0)                                                               \
    "{'state':'ran','outcome':'crash','time_to_crash_ms':4000,'metrics':{'stall_ms':31000}," \
    "'crash':{'type':'" type "','title':'" title "','alternatives':['hang in f'],"           \
    "'signature':{'k0':'" k0 "','k1':'v1:0','k2':'v1:0'}}}"
#define HUNG        CRASH("hung-task", "INFO: task hung in f", "v1:1111111111111111")
#define FAIL        "{'state':'ran','outcome':'fail','metrics':{}}"
#define TIMEOUT     "{'state':'ran','outcome':'timeout'}"
#define INFRA       "{'state':'infra','outcome':null,'why':'disk full'}"
#define SKIPPED     "{'state':'skipped','outcome':null,'why':'lacks CONFIG_KSM=y'}"
#define NOT_REACHED "{'state':'ran','outcome':'inconclusive','reached':{'held':false}}"
#define LYING_PASS  "{'state':'ran','outcome':'pass','reached':{'metric':'m','min':1,'held':false}}"
#define BOOT        "{'state':'ran','outcome':'boot-failure'}"
#define OTHER                                                                                      \
    "{'state':'ran','outcome':'crash','crash':{'type':'gpf','title':'general protection fault in " \
    "g','alternatives':[],'signature':{'k0':'v1:2222222222222222'}}}"
#define HUNG_ELSEWHERE                                                                          \
    "{'state':'ran','outcome':'crash','crash':{'type':'hung-task','title':'INFO: task hung in " \
    "g','alternatives':['hang in g'],'signature':{'k0':'v1:3333333333333333'}}}"
#define SAME_BUG_OTHER_CLASS                                                                       \
    "{'state':'ran','outcome':'crash','crash':{'type':'x','title':'X in f','alternatives':['hang " \
    "in f'],'signature':{'k0':'v1:4444444444444444'}}}"

typedef struct {
    const char *baseline[4];
    const char *candidate[4];
    LabVerdict verdict;
    const char *why; /* a part of the reason, or NULL */
} Row;

static const Row rows[] = {
    {{PASS}, {PASS}, LAB_VERDICT_SAME_PASS, "0 of 1"},
    {{HUNG}, {PASS}, LAB_VERDICT_FIXED, "1 of 1"},
    {{HUNG, HUNG, HUNG}, {PASS, PASS, PASS}, LAB_VERDICT_FIXED, "3 of 3"},
    {{FAIL}, {PASS}, LAB_VERDICT_FIXED, NULL},
    {{PASS}, {HUNG}, LAB_VERDICT_REGRESSED, NULL},
    {{PASS, PASS}, {PASS, OTHER}, LAB_VERDICT_REGRESSED, "1 of 2"},
    {{PASS}, {BOOT}, LAB_VERDICT_REGRESSED, NULL},
    {{HUNG}, {HUNG}, LAB_VERDICT_STILL_SAME_CRASH, "K1 meets"},
    {{HUNG}, {SAME_BUG_OTHER_CLASS}, LAB_VERDICT_STILL_SAME_CRASH, "an alternative meets"},
    {{HUNG}, {OTHER}, LAB_VERDICT_STILL_DIFFERENT_CRASH, "classes differ"},
    /* the crash that was seen most often stands for its side */
    {{HUNG, OTHER, OTHER}, {OTHER}, LAB_VERDICT_STILL_SAME_CRASH, NULL},
    {{FAIL}, {FAIL}, LAB_VERDICT_STILL_FAILS, "both end in fail"},
    {{TIMEOUT}, {FAIL}, LAB_VERDICT_STILL_FAILS, "timeout became fail"},
    /* one trace does not tell hangs apart; three do */
    {{HUNG}, {HUNG_ELSEWHERE}, LAB_VERDICT_INCONCLUSIVE, "fewer than 3"},
    {{HUNG, HUNG, HUNG},
     {HUNG_ELSEWHERE, HUNG_ELSEWHERE, HUNG_ELSEWHERE},
     LAB_VERDICT_STILL_DIFFERENT_CRASH,
     NULL},
    /* what was not provoked was not fixed */
    {{HUNG}, {NOT_REACHED}, LAB_VERDICT_INCONCLUSIVE, "candidate did not reach"},
    {{HUNG}, {LYING_PASS}, LAB_VERDICT_INCONCLUSIVE, "candidate did not reach"},
    {{HUNG}, {PASS, NOT_REACHED}, LAB_VERDICT_INCONCLUSIVE, "1 of 2"},
    {{NOT_REACHED}, {PASS}, LAB_VERDICT_INCONCLUSIVE, "baseline did not reach"},
    /* a baseline that fails now and then proves nothing */
    {{HUNG, PASS}, {PASS, PASS}, LAB_VERDICT_INCONCLUSIVE, "1 of 2"},
    /* infra and skipped never become a verdict */
    {{HUNG}, {INFRA}, LAB_VERDICT_NOT_COMPARABLE, "disk full"},
    {{HUNG}, {SKIPPED}, LAB_VERDICT_NOT_COMPARABLE, "lacks CONFIG_KSM=y"},
    {{SKIPPED}, {PASS}, LAB_VERDICT_NOT_COMPARABLE, "baseline was skipped"},
    {{HUNG}, {NULL}, LAB_VERDICT_NOT_COMPARABLE, "no result yet"},
    {{NOT_REACHED}, {NULL}, LAB_VERDICT_NOT_COMPARABLE, "no result yet"},
    {{HUNG, INFRA}, {INFRA, PASS}, LAB_VERDICT_FIXED, "1 of 1"},
    {{PASS}, {"{'state':'infra','outcome':'crash'}"}, LAB_VERDICT_NOT_COMPARABLE, NULL},
    {{PASS}, {"{'state':'nonsense'}"}, LAB_VERDICT_NOT_COMPARABLE, NULL},
    {{PASS}, {"[1,2]"}, LAB_VERDICT_NOT_COMPARABLE, NULL},
};

static guint
count_of(const char *const *results)
{
    guint n = 1;

    while (n < 4 && results[n])
        n++;
    return n;
}

static void
test_verdicts(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        GPtrArray *list = list_new();
        g_autoptr(LabAnalysis) analysis = NULL;
        const LabComparison *one;

        for (guint j = 0; j < count_of(rows[i].baseline); j++)
            add(list, "6.1", "old", TRUE, rows[i].baseline[j]);
        for (guint j = 0; j < count_of(rows[i].candidate); j++)
            add(list, "6.1", "new", FALSE, rows[i].candidate[j]);
        analysis = lab_analysis_new(list, NULL, NULL);
        g_assert_cmpuint(analysis->comparisons->len, ==, 1);
        one = analysis->comparisons->pdata[0];
        g_test_message("row %u: %s: %s", (guint)i, lab_verdict_name(one->verdict), one->why);
        g_assert_cmpstr(lab_verdict_name(one->verdict), ==, lab_verdict_name(rows[i].verdict));
        if (rows[i].why)
            g_assert_nonnull(strstr(one->why, rows[i].why));
        g_assert_cmpint(lab_analysis_has_regression(analysis), ==,
                        rows[i].verdict == LAB_VERDICT_REGRESSED);
    }
}

/* The baseline is the marked variant, wherever it stands; "A fixes B" is said of the other. */
static void
test_baseline_variant(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    const LabComparison *one;

    add(list, "6.1", "new", FALSE, PASS);
    add(list, "6.1", "old", TRUE, HUNG);
    analysis = lab_analysis_new(list, NULL, NULL);
    one = analysis->comparisons->pdata[0];
    g_assert_cmpint(one->verdict, ==, LAB_VERDICT_FIXED);
    g_assert_cmpstr(one->sentence, ==,
                    "recipe on 6.1: variant new fixes old: INFO: task hung in f (1 of 1) → pass "
                    "(1 of 1); stall_ms 31\xe2\x80\xaf"
                    "000 → 12");
}

static void
test_kernels(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    g_autoptr(GError) error = NULL;
    const LabComparison *one;

    add(list, "5.10", "v", TRUE, PASS);
    add(list, "6.1", "v", TRUE, HUNG);
    add(list, "6.12", "v", TRUE, PASS);
    analysis = lab_analysis_new(list, NULL, NULL);
    g_assert_cmpstr(analysis->baseline_kernel, ==, "5.10");
    g_assert_cmpuint(analysis->comparisons->len, ==, 2);
    one = analysis->comparisons->pdata[0]; /* what asks for a look comes first */
    g_assert_cmpint(one->kind, ==, LAB_COMPARE_KERNELS);
    g_assert_cmpint(one->verdict, ==, LAB_VERDICT_REGRESSED);
    g_assert_cmpstr(one->candidate->kernel, ==, "6.1");

    list = list_new();
    add(list, "5.10", "v", TRUE, PASS);
    add(list, "6.1", "v", TRUE, HUNG);
    g_clear_pointer(&analysis, lab_analysis_free);
    analysis = lab_analysis_new(list, "6.1", NULL);
    one = analysis->comparisons->pdata[0];
    g_assert_cmpint(one->verdict, ==, LAB_VERDICT_FIXED);
    g_assert_cmpstr(one->candidate->kernel, ==, "5.10");

    list = list_new();
    add(list, "5.10", "v", TRUE, PASS);
    g_assert_null(lab_analysis_new(list, "9.9", &error));
    g_assert_nonnull(strstr(error->message, "there are: 5.10"));
}

static void
test_runs(void)
{
    GPtrArray *first = list_new();
    GPtrArray *second = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    g_autoptr(json_t) json = NULL;

    add(first, "6.1", "v", TRUE, HUNG);
    add(first, "6.1", "only-here", FALSE, HUNG);
    add(second, "6.1", "v", TRUE, PASS);
    analysis = lab_analysis_new_runs(first, second);
    g_assert_cmpuint(analysis->comparisons->len, ==, 1);
    json = lab_analysis_to_json(analysis);
    g_assert_cmpstr(lab_json_string(json_array_get(json, 0), "kind"), ==, "runs");
    g_assert_cmpstr(lab_json_string(json_array_get(json, 0), "verdict"), ==, "fixed");
}

static void
test_medians(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    const LabGroup *group;

    add(list, "6.1", "v", TRUE, "{'state':'ran','outcome':'pass','metrics':{'stall_ms':30,'n':1}}");
    add(list, "6.1", "v", TRUE, "{'state':'ran','outcome':'pass','metrics':{'stall_ms':10}}");
    add(list, "6.1", "v", TRUE, "{'state':'ran','outcome':'pass','metrics':{'stall_ms':'x'}}");
    add(list, "6.1", "v", TRUE, "{'state':'ran','outcome':'pass','metrics':{'stall_ms':20}}");
    add(list, "6.1", "v", TRUE, "{'state':'ran','outcome':'pass','metrics':{'stall_ms':1000}}");
    analysis = lab_analysis_new(list, NULL, NULL);
    group = analysis->groups->pdata[0];
    g_assert_cmpfloat_with_epsilon(lab_group_metric(group, "stall_ms"), 25, 1e-9);
    g_assert_cmpfloat_with_epsilon(lab_group_metric(group, "n"), 1, 1e-9);
    g_assert_true(isnan(lab_group_metric(group, "none")));
    g_assert_cmpint(group->time_to_crash_ms, ==, -1);
}

static void
test_numbers(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {0.042, "0.042"},
        {9.25, "9.25"},
        {-5, "-5"},
        {31204.4, "31\xe2\x80\xaf"
                  "204"},
        {NAN, "–"},
        {999, "999"},
        {1234567, "1\xe2\x80\xaf"
                  "234\xe2\x80\xaf"
                  "567"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = lab_number_text(cases[i].value);

        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void
test_empty(void)
{
    g_autoptr(LabAnalysis) analysis = lab_analysis_new(list_new(), NULL, NULL);

    g_assert_nonnull(analysis);
    g_assert_cmpuint(analysis->comparisons->len, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/analysis/verdicts", test_verdicts);
    g_test_add_func("/analysis/baseline-variant", test_baseline_variant);
    g_test_add_func("/analysis/kernels", test_kernels);
    g_test_add_func("/analysis/runs", test_runs);
    g_test_add_func("/analysis/medians", test_medians);
    g_test_add_func("/analysis/numbers", test_numbers);
    g_test_add_func("/analysis/empty", test_empty);
    return g_test_run();
}

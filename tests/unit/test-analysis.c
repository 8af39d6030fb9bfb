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

#define SUSPECT_PASS \
    "{'state':'ran','outcome':'pass','suspect':{'why':'the host was short of memory'}}"
#define SUSPECT_CRASH                                                           \
    "{'state':'ran','outcome':'crash','suspect':{'why':'the host was short of " \
    "memory'},'crash':{'type':"                                                 \
    "'gpf','title':'general protection fault in g','signature':{'k0':'v1:2222222222222222'}}}"

static const struct {
    char letter;
    const char *result;
} cells[] = {
    {'P', PASS},
    {'H', HUNG},
    {'O', OTHER},
    {'E', HUNG_ELSEWHERE},
    {'S', SAME_BUG_OTHER_CLASS},
    {'F', FAIL},
    {'T', TIMEOUT},
    {'I', INFRA},
    {'K', SKIPPED},
    {'N', NOT_REACHED},
    {'L', LYING_PASS},
    {'B', BOOT},
    {'U', SUSPECT_PASS},
    {'V', SUSPECT_CRASH},
    {'-', NULL},
    {'i', "{'state':'infra','outcome':'crash'}"},
    {'x', "{'state':'nonsense'}"},
    {'y', "[1,2]"},
};

static void
add_cells(GPtrArray *list, const char *kernel, const char *variant, gboolean baseline,
          const char *letters)
{
    for (; *letters; letters++)
        for (gsize i = 0; i < G_N_ELEMENTS(cells); i++)
            if (cells[i].letter == *letters)
                add(list, kernel, variant, baseline, cells[i].result);
}

typedef struct {
    const char *baseline, *candidate; /* a letter a run */
    LabVerdict verdict;
    const char *why;    /* a part of the reason, or NULL */
    LabVerdict leaning; /* 0, as of a pair that passes: none */
    guint more_runs;
} Row;

static const Row rows[] = {
    {"P", "P", LAB_VERDICT_SAME_PASS, "0 of 1 runs: with 95 % confidence under 95 % of runs fail",
     .more_runs = 3},
    {"PPPP", "PPPP", LAB_VERDICT_SAME_PASS, "0 of 4 runs"},
    /* four of four against none of four is the least that is no chance at 95 % */
    {"HHHH", "PPPP", LAB_VERDICT_FIXED,
     "0 of 4 runs: with 95 % confidence under 53 % of runs crash; the baseline crashed in 4 of 4"},
    {"FFFF", "PPPP", LAB_VERDICT_FIXED, NULL},
    {"PPPP", "HHHH", LAB_VERDICT_REGRESSED,
     "4 of 4 runs: with 95 % confidence 40 % to 100 % of runs crash; the baseline crashed in 0"},
    {"PPPP", "BBBB", LAB_VERDICT_REGRESSED, NULL},
    {"PPPPPPPPPPPP", "PPPPPPOOOOOO", LAB_VERDICT_REGRESSED, "6 of 12"},
    /* what crashes ends sooner: of unfinished ones those before the first missing one count */
    {"PPPPPPPPPPPP", "HHHHHHHH----", LAB_VERDICT_REGRESSED,
     "; unfinished: of each only the first 8 count as evidence"},
    {"PPPPPPPPPPPP", "-HHHH-HHHHHH", LAB_VERDICT_INCONCLUSIVE,
     "; unfinished: no pair of runs counts as evidence yet", LAB_VERDICT_REGRESSED, 4},
    {"PPPPPPPPPPPP", "PPHHHH-HHHHH", LAB_VERDICT_INCONCLUSIVE, "only the first 6 count",
     LAB_VERDICT_REGRESSED, 1},
    /* fewer prove nothing, and say what is lacking */
    {"H", "P", LAB_VERDICT_INCONCLUSIVE, "3 more runs of each", LAB_VERDICT_FIXED, 3},
    {"HHH", "PPP", LAB_VERDICT_INCONCLUSIVE,
     "0 of 3 runs crash, and 3 of 3 of the baseline: that could be chance (1 in 10); 1 more run of "
     "each that goes the same way would settle it",
     LAB_VERDICT_FIXED, 1},
    {"P", "H", LAB_VERDICT_INCONCLUSIVE, NULL, LAB_VERDICT_REGRESSED, 3},
    {"PP", "PO", LAB_VERDICT_INCONCLUSIVE, "1 of 2", LAB_VERDICT_REGRESSED, 7},
    {"HPPP", "PPPP", LAB_VERDICT_INCONCLUSIVE, "could be chance", LAB_VERDICT_FIXED, 14},
    /* both crash */
    {"H", "H", LAB_VERDICT_STILL_SAME_CRASH, "same place and same callers"},
    {"H", "S", LAB_VERDICT_STILL_SAME_CRASH, "same alternative title"},
    {"H", "O", LAB_VERDICT_STILL_DIFFERENT_CRASH, "classes differ"},
    {"HOO", "O", LAB_VERDICT_STILL_SAME_CRASH, NULL},
    {"OOOO", "OOHO", LAB_VERDICT_NEW_CRASH,
     "comes in 3 of 4 runs, a new one in 1; the baseline shows none such in 4 runs"},
    {"OOOOOOOO", "OHHHHHHO", LAB_VERDICT_NEW_CRASH, "none such in 8 runs"},
    {"HHHHHHHHHHHH", "HPPPPPPPPPPP", LAB_VERDICT_RATE_CHANGED, "1 of 12"},
    {"HPPPPPPPPPPP", "HHHHHHHHHHHH", LAB_VERDICT_RATE_CHANGED, "the baseline crashed in 1 of 12"},
    {"FPPPPPPPPPPP", "FFFFFFFFFFFF", LAB_VERDICT_RATE_CHANGED, "the baseline failed in 1 of 12"},
    {"HHHP", "HPPP", LAB_VERDICT_STILL_SAME_CRASH, NULL},
    {"F", "F", LAB_VERDICT_STILL_FAILS, "both end in fail"},
    {"T", "F", LAB_VERDICT_STILL_FAILS, "timeout became fail"},
    /* one trace does not tell hangs apart; three do */
    {"H", "E", LAB_VERDICT_INCONCLUSIVE, "fewer than 3"},
    {"HHH", "EEE", LAB_VERDICT_STILL_DIFFERENT_CRASH, NULL},
    /* what was not provoked was not fixed */
    {"HHHH", "NNNN", LAB_VERDICT_INCONCLUSIVE, "candidate did not reach"},
    {"HHHH", "LLLL", LAB_VERDICT_INCONCLUSIVE, "candidate did not reach"},
    {"HHHH", "PN", LAB_VERDICT_INCONCLUSIVE, "1 of 2"},
    {"N", "P", LAB_VERDICT_INCONCLUSIVE, "baseline did not reach"},
    {"N", "-", LAB_VERDICT_INCONCLUSIVE, "did not reach"},
    /* suspect runs count for nothing, whatever they say */
    {"HHHH", "UUUU", LAB_VERDICT_INCONCLUSIVE, "4 of 4 runs of the candidate are suspect"},
    {"PPPP", "VVVV", LAB_VERDICT_INCONCLUSIVE, "suspect"},
    {"PPPPP", "PPPPV", LAB_VERDICT_SAME_PASS, "0 of 4"},
    /* the lab's failures never become a verdict; what cannot run is not comparable */
    {"H", "I", LAB_VERDICT_INCONCLUSIVE, "the lab failed on the candidate: disk full"},
    {"H", "-", LAB_VERDICT_INCONCLUSIVE, "no result yet"},
    {"P", "i", LAB_VERDICT_INCONCLUSIVE, NULL},
    {"P", "x", LAB_VERDICT_INCONCLUSIVE, NULL},
    {"P", "y", LAB_VERDICT_INCONCLUSIVE, NULL},
    {"HHHHI", "IPPPP", LAB_VERDICT_FIXED, "4 of 4"},
    {"H", "K", LAB_VERDICT_NOT_COMPARABLE, "lacks CONFIG_KSM=y"},
    {"K", "P", LAB_VERDICT_NOT_COMPARABLE, "baseline was skipped"},
};

static void
test_verdicts(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        GPtrArray *list = list_new();
        g_autoptr(LabAnalysis) analysis = NULL;
        const LabComparison *one;
        LabVerdict leaning = rows[i].leaning ? rows[i].leaning : LAB_VERDICT_INCONCLUSIVE;

        add_cells(list, "6.1", "old", TRUE, rows[i].baseline);
        add_cells(list, "6.1", "new", FALSE, rows[i].candidate);
        analysis = lab_analysis_new(list, NULL, 0.95, NULL);
        g_assert_cmpuint(analysis->comparisons->len, ==, 1);
        one = analysis->comparisons->pdata[0];
        g_test_message("row %u: %s: %s", (guint)i, lab_verdict_name(one->verdict), one->why);
        g_assert_cmpstr(lab_verdict_name(one->verdict), ==, lab_verdict_name(rows[i].verdict));
        if (rows[i].why)
            g_assert_nonnull(strstr(one->why, rows[i].why));
        g_assert_cmpstr(lab_verdict_name(one->leaning), ==, lab_verdict_name(leaning));
        g_assert_cmpuint(one->more_runs, ==, rows[i].more_runs);
        if (rows[i].verdict == LAB_VERDICT_REGRESSED)
            g_assert_true(lab_analysis_has_regression(analysis));
        if (rows[i].verdict == LAB_VERDICT_FIXED || rows[i].verdict == LAB_VERDICT_INCONCLUSIVE)
            g_assert_false(lab_analysis_has_regression(analysis));
    }
}

static const LabComparison *
only(const LabAnalysis *analysis)
{
    g_assert_cmpuint(analysis->comparisons->len, ==, 1);
    return analysis->comparisons->pdata[0];
}

/* A crash that nothing but its own title and K0 tell of. */
static void
add_titled(GPtrArray *list, gboolean baseline, const char *name, guint k0, guint runs)
{
    for (guint i = 0; i < runs; i++) {
        g_autofree char *result = g_strdup_printf(
            "{'state':'ran','outcome':'crash','crash':{'type':'%s','title':'%s in f','alternatives'"
            ":[],'signature':{'k0':'v1:%016x'}}}",
            name, name, k0);

        add(list, "6.1", baseline ? "old" : "new", baseline, result);
    }
}

/* Every title that is new is told, with its runs, the commonest first; one of two K0 is one. */
static void
test_new_crashes(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    g_autoptr(json_t) json = NULL;
    g_autofree char *said = NULL;
    g_autofree char *packed = NULL;
    g_autofree char *none = NULL;
    const LabComparison *one;

    add_titled(list, TRUE, "old", 1, 30);
    add_titled(list, FALSE, "old", 1, 9);
    add_titled(list, FALSE, "a", 2, 1);
    add_titled(list, FALSE, "b", 3, 4);
    add_titled(list, FALSE, "c", 4, 5);
    add_titled(list, FALSE, "b", 5, 4);
    add_titled(list, FALSE, "d", 6, 3);
    add_titled(list, FALSE, "e", 7, 2);
    add_titled(list, FALSE, "f", 8, 2);
    analysis = lab_analysis_new(list, NULL, 0.95, NULL);
    one = only(analysis);
    g_assert_cmpint(one->verdict, ==, LAB_VERDICT_NEW_CRASH);
    g_assert_cmpuint(one->crashes.new_runs, ==, 21);
    said = lab_new_crash_text(&one->crashes);
    g_assert_cmpstr(said, ==,
                    "'b in f' in 8 runs, 'c in f' in 5, 'd in f' in 3, 'e in f' in 2, and 2 more");
    g_assert_true(g_str_has_suffix(one->sentence, said));
    g_assert_nonnull(
        strstr(one->sentence, ": old in f (30 of 30) → the old crash (9 of 30), and "));
    json = lab_analysis_to_json(analysis);
    packed = json_dumps(lab_json_member(json_array_get(json, 0), "new_crash"),
                        JSON_COMPACT | JSON_PRESERVE_ORDER);
    g_assert_true(g_str_has_prefix(
        packed, "{\"titles\":[\"b in f\",\"c in f\",\"d in f\",\"e in f\",\"f in f\",\"a in f\"],"
                "\"title_runs\":[8,5,3,2,2,1],\"runs\":21,\"old_runs\":9,"));
    none = lab_new_crash_text(&(LabNewCrash){.new_runs = 0});
    g_assert_cmpstr(none, ==, "");
}

static LabAnalysis *
analyse(const char *baseline, const char *candidate, double confidence)
{
    GPtrArray *list = list_new();

    add_cells(list, "6.1", "old", TRUE, baseline);
    add_cells(list, "6.1", "new", FALSE, candidate);
    return lab_analysis_new(list, NULL, confidence, NULL);
}

/* What is surer needs more runs; what is worse ends `compare` with 1. */
static void
test_confidence(void)
{
    g_autoptr(LabAnalysis) sure = analyse("HHHH", "PPPP", 0.99);
    g_autoptr(LabAnalysis) hardly = analyse("HHH", "PPP", 0.9);
    g_autoptr(LabAnalysis) worse = analyse("HPPPPPPPPPPP", "HHHHHHHHHHHH", 0.95);
    g_autoptr(LabAnalysis) better = analyse("HHHHHHHHHHHH", "HPPPPPPPPPPP", 0.95);
    g_autoptr(LabAnalysis) chance = analyse("OOOO", "OOHO", 0.95);
    g_autoptr(LabAnalysis) new_one = analyse("OOOOOOOO", "OHHHHHHO", 0.95);
    g_autoptr(LabAnalysis) pass = analyse("P", "P", 0.95);
    g_autoptr(LabAnalysis) enough = analyse("PPPP", "PPPP", 0.95);
    g_autoptr(GError) error = NULL;
    double confidence = 0.95;

    g_assert_cmpint(only(sure)->verdict, ==, LAB_VERDICT_INCONCLUSIVE);
    g_assert_cmpuint(only(sure)->more_runs, ==, 1);
    g_assert_cmpint(only(hardly)->verdict, ==, LAB_VERDICT_FIXED);
    g_assert_true(lab_analysis_has_regression(worse));
    g_assert_false(lab_analysis_has_regression(better));
    g_assert_false(only(chance)->settled);
    g_assert_false(lab_analysis_has_regression(chance));
    g_assert_true(only(new_one)->settled);
    g_assert_true(lab_analysis_has_regression(new_one));
    g_assert_false(only(pass)->settled);
    g_assert_true(only(enough)->settled);
    g_assert_true(lab_confidence_parse("99.5 %", &confidence, NULL));
    g_assert_cmpfloat_with_epsilon(confidence, 0.995, 1e-12);
    g_assert_true(lab_confidence_parse("0.9", &confidence, NULL));
    g_assert_cmpfloat_with_epsilon(confidence, 0.9, 1e-12);
    g_assert_false(lab_confidence_parse("100", &confidence, &error));
    g_clear_error(&error);
    g_assert_false(lab_confidence_parse("sure", &confidence, &error));
    g_clear_error(&error);
    g_assert_false(lab_confidence_parse("nan", &confidence, &error));
}

/* Crashes that come ten times later are another rate, though all runs crash. */
static void
test_times(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;

    for (int i = 0; i < 16; i++) {
        g_autofree char *result = g_strdup_printf(
            "{'state':'ran','outcome':'crash','time_to_crash_ms':%d,'crash':{'type':'gpf','title':"
            "'gpf in g','alternatives':[],'signature':{'k0':'v1:2222222222222222'}}}",
            (i < 8 ? 4000 : 40000) + 100 * i);

        add(list, "6.1", i < 8 ? "old" : "new", i < 8, result);
    }
    analysis = lab_analysis_new(list, NULL, 0.95, NULL);
    g_assert_cmpint(only(analysis)->verdict, ==, LAB_VERDICT_RATE_CHANGED);
    g_assert_nonnull(strstr(only(analysis)->why, "crashes come later"));
    g_assert_false(lab_analysis_has_regression(analysis));
    g_assert_cmpfloat(only(analysis)->log_rank.p, <, 0.001);
}

static void
test_metrics(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    const LabMetricTest *stall;

    for (int i = 0; i < 16; i++) {
        g_autofree char *result =
            g_strdup_printf("{'state':'ran','outcome':'pass','metrics':{'stall_ms':%d,'text':'x'},"
                            "'vmstat':{'pgfault':5}}",
                            i < 8 ? 1000 + i : 10 + i);

        add(list, "6.1", i < 8 ? "old" : "new", i < 8, result);
    }
    analysis = lab_analysis_new(list, NULL, 0.95, NULL);
    g_assert_cmpuint(only(analysis)->metrics->len, ==, 2);
    stall = only(analysis)->metrics->pdata[0];
    g_assert_cmpstr(stall->candidate->name, ==, "stall_ms");
    g_assert_cmpfloat_with_epsilon(stall->test.delta, -1, 1e-9);
    g_assert_cmpfloat_with_epsilon(stall->test.shift, -982, 1e-9);
    g_assert_cmpfloat_with_epsilon(stall->test.p, 2.0 / 12870, 1e-9);
    g_assert_cmpfloat_with_epsilon(stall->q, 4.0 / 12870, 1e-9);
    stall = only(analysis)->metrics->pdata[1];
    g_assert_cmpstr(stall->candidate->name, ==, "vmstat.pgfault");
    g_assert_cmpfloat_with_epsilon(stall->q, 1, 1e-9);
}

static LabAnalysis *
as_adaptive(GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        ((LabObservation *)list->pdata[i])->adaptive = TRUE;
    return lab_analysis_new(list, NULL, 0.95, NULL);
}

static LabAnalysis *
analyse_adaptive(const char *baseline, const char *candidate)
{
    GPtrArray *list = list_new();

    add_cells(list, "6.1", "old", TRUE, baseline);
    add_cells(list, "6.1", "new", FALSE, candidate);
    return as_adaptive(list);
}

/* Where results decided how many runs there are, what a sample of a fixed size would show is not
 * enough, and more of it is. */
static void
test_adaptive(void)
{
    g_autoptr(LabAnalysis) few = analyse_adaptive("OOOOOOOO", "OHHHHHHO");
    g_autoptr(LabAnalysis) many = analyse_adaptive("OOOOOOOOOOOOOOOO", "OHHHHHHOHHHHHOHH");
    /* The pairs after the first sight of it count: none before, and none without a partner. */
    g_autoptr(LabAnalysis) late = analyse_adaptive("OOOOOOOO", "OOOOOOOOHHHHHHHH");
    g_autoptr(LabAnalysis) three = analyse_adaptive("HHH", "PPP");
    g_autoptr(LabAnalysis) four = analyse_adaptive("HHHH", "PPPP");
    g_autoptr(LabAnalysis) weak = analyse_adaptive("HPPPP", "PPPPP");
    g_autoptr(LabAnalysis) pass = analyse_adaptive("PPP", "PPP");
    g_autoptr(LabAnalysis) enough = analyse_adaptive("PPPP", "PPPP");
    g_autofree char *rule = lab_analysis_rule(few);

    g_assert_cmpint(only(few)->verdict, ==, LAB_VERDICT_NEW_CRASH);
    g_assert_false(only(few)->settled);
    g_assert_true(only(many)->settled);
    g_assert_true(lab_analysis_has_regression(many));
    g_assert_false(only(late)->settled);
    g_assert_cmpfloat_with_epsilon(only(late)->crashes.p, 1, 1e-9);
    g_assert_cmpint(only(three)->verdict, ==, LAB_VERDICT_INCONCLUSIVE);
    /* If 7 of 8 go on like this; four pairs may do, as below. */
    g_assert_cmpuint(only(three)->more_runs, ==, 2);
    g_assert_cmpint(only(four)->verdict, ==, LAB_VERDICT_FIXED);
    /* The exact bound is 53 %, but not if one stops when one likes. */
    g_assert_cmpfloat_with_epsilon(only(four)->candidate->bound, 0.6581, 0.0001);
    /* Fisher's test would want fewer, and would not hold. */
    g_assert_cmpuint(only(weak)->more_runs, >, lab_fisher_more_runs(1, 5, 0, 5, 0.05, 10000));
    g_test_message("one of five: about %u more", only(weak)->more_runs);
    g_assert_false(only(pass)->settled);
    g_assert_true(only(enough)->settled);
    g_assert_nonnull(strstr(rule, "sequential tests"));
}

/* Times and metrics are compared in pairs, by the order of the runs. */
static void
test_adaptive_pairs(void)
{
    for (guint n = 6; n <= 8; n += 2) {
        GPtrArray *list = list_new();
        g_autoptr(LabAnalysis) analysis = NULL;
        const LabComparison *one;

        for (guint i = 0; i < 2 * n; i++) {
            g_autofree char *result = g_strdup_printf(
                "{'state':'ran','outcome':'crash','time_to_crash_ms':%u,'metrics':{'stall_ms':%u},"
                "'crash':{'type':'gpf','title':'gpf in g','alternatives':[],'signature':{'k0':'v1:"
                "2222222222222222'}}}",
                (i < n ? 40000 : 4000) + 100 * i, i % 3 * 100 + (i < n ? 1 : 2));

            add(list, "6.1", i < n ? "old" : "new", i < n, result);
        }
        analysis = as_adaptive(list);
        one = only(analysis);
        g_assert_true(isnan(one->log_rank.p));
        g_assert_cmpuint(one->sooner.b, ==, n);
        /* 2^n over the binomial coefficient of 2n and n. */
        g_assert_cmpfloat_with_epsilon(one->p_times, n == 6 ? 64.0 / 924 : 256.0 / 12870, 1e-9);
        g_assert_cmpint(one->verdict, ==,
                        n == 6 ? LAB_VERDICT_STILL_SAME_CRASH : LAB_VERDICT_RATE_CHANGED);
        g_assert_cmpint(lab_analysis_has_regression(analysis), ==, n == 8);
        /* With 6 runs a side i % 3 goes on where it was: each pair says that b's is larger. */
        if (n == 6)
            g_assert_cmpfloat_with_epsilon(((LabMetricTest *)one->metrics->pdata[0])->p, 64.0 / 924,
                                           1e-9);
    }
}

/* One difference that alone would do is chance among twenty comparisons. */
static void
test_correction(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    const LabComparison *first;

    for (int i = 0; i < 20; i++) {
        g_autofree char *kernel = g_strdup_printf("6.%d", i);

        add_cells(list, kernel, "old", TRUE, i ? "PPPOPPPPPPPPO" : "HHHHHHPPPPPPP");
        add_cells(list, kernel, "new", FALSE, i ? "PPPPPPPPPOPPO" : "PPPPPPPPPPPPP");
    }
    analysis = lab_analysis_new(list, NULL, 0.95, NULL);
    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];

        if (one->leaning != LAB_VERDICT_FIXED || one->kind != LAB_COMPARE_VARIANTS)
            continue;
        g_assert_cmpfloat(one->p, <, 0.05);
        g_assert_cmpfloat(one->q, >, 0.05);
        g_assert_nonnull(strstr(one->why, "with so many comparisons"));
    }
    first = analysis->comparisons->pdata[0];
    g_assert_cmpstr(lab_verdict_name(first->verdict), !=, "fixed");
}

/* --- a simulation: nothing changed, and how often something is said to have --- */

#define MATRICES 1000

/* A matrix of ten recipes that crash at rates of 0 to 90 % on both kernels alike. */
static LabAnalysis *
toss_matrix(GRand *dice, gboolean changed)
{
    GPtrArray *list = list_new();

    for (int recipe = 0; recipe < 10; recipe++) {
        g_autofree char *variant = g_strdup_printf("v%d", recipe);
        int n = g_rand_int_range(dice, 3, 15);

        for (int i = 0; i < 2 * n; i++) {
            double rate = changed && i >= n ? 1 : recipe / 10.0;
            LabObservation *one = lab_observation_new("c", i < n ? "old" : "new", NULL, "recipe",
                                                      variant, FALSE, i + 1);

            one->state = LAB_STATE_RAN;
            one->reached = TRUE;
            one->outcome = g_rand_double(dice) < rate ? LAB_OUTCOME_FAIL : LAB_OUTCOME_PASS;
            g_ptr_array_add(list, one);
        }
    }
    return lab_analysis_new(list, "old", 0.95, NULL);
}

static void
test_simulation(void)
{
    g_autoptr(GRand) dice = g_rand_new_with_seed(20261122);
    guint regressed = 0, worse = 0, tests = 0, found = 0;

    for (guint i = 0; i < MATRICES; i++) {
        g_autoptr(LabAnalysis) analysis = toss_matrix(dice, FALSE);
        gboolean claimed = FALSE, any = FALSE;

        for (guint j = 0; j < analysis->comparisons->len; j++) {
            const LabComparison *one = analysis->comparisons->pdata[j];

            if (one->kind != LAB_COMPARE_KERNELS) /* variants differ indeed */
                continue;
            claimed |= one->verdict == LAB_VERDICT_REGRESSED;
            any |= one->worse;
        }
        regressed += claimed;
        worse += any;
        tests += analysis->n_tests;
    }
    for (guint i = 0; i < 100; i++) {
        g_autoptr(LabAnalysis) analysis = toss_matrix(dice, TRUE);

        for (guint j = 0; j < analysis->comparisons->len; j++) {
            const LabComparison *one = analysis->comparisons->pdata[j];

            if (one->kind == LAB_COMPARE_KERNELS && one->worse) {
                found++;
                break;
            }
        }
    }
    g_test_message("of %d matrices %u with a false 'regressed', %u with anything worse; %u tests; "
                   "%u of 100 real ones found",
                   MATRICES, regressed, worse, tests, found);
    g_assert_cmpuint(tests, >, MATRICES);
    g_assert_cmpuint(regressed, <=, MATRICES / 20);
    g_assert_cmpuint(worse, <=, MATRICES / 20);
    g_assert_cmpuint(found, >=, 95);
}

/* The baseline is the marked variant, wherever it stands; "A fixes B" is said of the other. */
static void
test_baseline_variant(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    const LabComparison *one;

    add_cells(list, "6.1", "new", FALSE, "PPPP");
    add_cells(list, "6.1", "old", TRUE, "HHHH");
    analysis = lab_analysis_new(list, NULL, 0.95, NULL);
    one = only(analysis);
    g_assert_cmpint(one->verdict, ==, LAB_VERDICT_FIXED);
    g_assert_cmpstr(one->sentence, ==,
                    "recipe on 6.1: variant new fixes old: INFO: task hung in f (4 of 4) → pass "
                    "(4 of 4); stall_ms 31\xe2\x80\xaf"
                    "000 → 12");
}

static void
test_kernels(void)
{
    GPtrArray *list = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    g_autoptr(GError) error = NULL;
    const LabComparison *one;

    add_cells(list, "5.10", "v", TRUE, "PPPPP");
    add_cells(list, "6.1", "v", TRUE, "HHHHH");
    add_cells(list, "6.12", "v", TRUE, "PPPPP");
    analysis = lab_analysis_new(list, NULL, 0.95, NULL);
    g_assert_cmpstr(analysis->baseline_kernel, ==, "5.10");
    g_assert_cmpuint(analysis->comparisons->len, ==, 2);
    one = analysis->comparisons->pdata[0]; /* what asks for a look comes first */
    g_assert_cmpint(one->kind, ==, LAB_COMPARE_KERNELS);
    g_assert_cmpint(one->verdict, ==, LAB_VERDICT_REGRESSED);
    g_assert_cmpstr(one->candidate->kernel, ==, "6.1");

    list = list_new();
    add_cells(list, "5.10", "v", TRUE, "PPPPP");
    add_cells(list, "6.1", "v", TRUE, "HHHHH");
    g_clear_pointer(&analysis, lab_analysis_free);
    analysis = lab_analysis_new(list, "6.1", 0.95, NULL);
    g_assert_cmpint(only(analysis)->verdict, ==, LAB_VERDICT_FIXED);
    g_assert_cmpstr(only(analysis)->candidate->kernel, ==, "5.10");

    list = list_new();
    add(list, "5.10", "v", TRUE, PASS);
    g_assert_null(lab_analysis_new(list, "9.9", 0.95, &error));
    g_assert_nonnull(strstr(error->message, "there are: 5.10"));
}

static void
test_runs(void)
{
    GPtrArray *first = list_new();
    GPtrArray *second = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;
    g_autoptr(json_t) json = NULL;

    add_cells(first, "6.1", "v", TRUE, "HHHH");
    add(first, "6.1", "only-here", FALSE, HUNG);
    add(first, "6.2", "v", TRUE, HUNG);
    add_cells(second, "6.1", "v", TRUE, "PPPP");
    add(second, "6.1", "only-there", FALSE, PASS);
    analysis = lab_analysis_new_runs(first, second, 0.95);
    json = lab_analysis_to_json(analysis);
    g_assert_cmpuint(json_array_size(json), ==, 4);
    g_assert_cmpstr(lab_json_string(json_array_get(json, 0), "kind"), ==, "runs");
    g_assert_cmpstr(lab_json_string(json_array_get(json, 0), "verdict"), ==, "fixed");
    for (guint i = 1; i < 4; i++) {
        g_assert_cmpstr(lab_json_string(json_array_get(json, i), "verdict"), ==, "not-comparable");
        g_assert_nonnull(strstr(lab_json_string(json_array_get(json, i), "why"), "no such cell"));
    }
}

/* Two runs of one kernel each compare these. */
static void
test_runs_of_two_kernels(void)
{
    GPtrArray *first = list_new();
    GPtrArray *second = list_new();
    g_autoptr(LabAnalysis) analysis = NULL;

    add_cells(first, "6.1", "v", TRUE, "PPPP");
    add_cells(second, "6.2", "v", TRUE, "HHHH");
    analysis = lab_analysis_new_runs(first, second, 0.95);
    g_assert_cmpint(only(analysis)->verdict, ==, LAB_VERDICT_REGRESSED);
    g_assert_nonnull(strstr(only(analysis)->sentence, "6.2 of the second run regresses from 6.1"));
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
    analysis = lab_analysis_new(list, NULL, 0.95, NULL);
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
    g_autoptr(LabAnalysis) analysis = lab_analysis_new(list_new(), NULL, 0.95, NULL);

    g_assert_nonnull(analysis);
    g_assert_cmpuint(analysis->comparisons->len, ==, 0);
}

/* "under 45 %" of a share that may be 45.07 % would be wrong. */
static void
test_bounds(void)
{
    static const struct {
        double share;
        const char *text, *under;
    } bounds[] = {
        {0.4507, "45 %", "46 %"},
        {0.46, "46 %", "46 %"},
        {0.05, "5 %", "5 %"},
        {0.0495, "5 %", "5 %"},
        {0.00741, "0.74 %", "0.75 %"},
        {0.0074, "0.74 %", "0.74 %"},
        {0.99951, "99.95 %", "99.96 %"},
        {0, "0 %", "0 %"},
        {0.0000299, "0.003 %", "0.003 %"},
        {1, "100 %", "100 %"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(bounds); i++) {
        g_autofree char *text = lab_share_text(bounds[i].share);
        g_autofree char *under = lab_bound_text(bounds[i].share);

        g_assert_cmpstr(text, ==, bounds[i].text);
        g_assert_cmpstr(under, ==, bounds[i].under);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/analysis/bounds", test_bounds);
    g_test_add_func("/analysis/verdicts", test_verdicts);
    g_test_add_func("/analysis/new-crashes", test_new_crashes);
    g_test_add_func("/analysis/baseline-variant", test_baseline_variant);
    g_test_add_func("/analysis/kernels", test_kernels);
    g_test_add_func("/analysis/runs", test_runs);
    g_test_add_func("/analysis/runs-of-two-kernels", test_runs_of_two_kernels);
    g_test_add_func("/analysis/confidence", test_confidence);
    g_test_add_func("/analysis/times", test_times);
    g_test_add_func("/analysis/metrics", test_metrics);
    g_test_add_func("/analysis/adaptive", test_adaptive);
    g_test_add_func("/analysis/adaptive-pairs", test_adaptive_pairs);
    g_test_add_func("/analysis/correction", test_correction);
    g_test_add_func("/analysis/simulation", test_simulation);
    g_test_add_func("/analysis/medians", test_medians);
    g_test_add_func("/analysis/numbers", test_numbers);
    g_test_add_func("/analysis/empty", test_empty);
    return g_test_run();
}

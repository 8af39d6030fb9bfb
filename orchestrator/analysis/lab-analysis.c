/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which groups are set against each other. */
#include "lab-analysis-private.h"

#include <math.h>
#include <string.h>

#include "lab-error.h"

void
lab_analysis_free(LabAnalysis *analysis)
{
    if (!analysis)
        return;
    g_ptr_array_unref(analysis->comparisons);
    g_ptr_array_unref(analysis->groups);
    g_ptr_array_unref(analysis->observations);
    g_free(analysis->baseline_kernel);
    g_free(analysis);
}

static LabAnalysis *
analysis_new(GPtrArray *observations, double confidence)
{
    LabAnalysis *analysis = g_new0(LabAnalysis, 1);

    analysis->observations = observations;
    analysis->groups = g_ptr_array_new_with_free_func((GDestroyNotify)lab_group_free);
    analysis->comparisons = g_ptr_array_new_with_free_func((GDestroyNotify)lab_comparison_free);
    analysis->confidence = confidence;
    return analysis;
}

/* What groups are looked up by; "" stands for any. g_free. */
static char *
key_of(const char *kernel, const char *recipe, const char *variant)
{
    return g_strjoin("\n", kernel, recipe, variant, NULL);
}

static GHashTable *
table_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static LabGroup *
find(GHashTable *table, const char *kernel, const char *recipe, const char *variant)
{
    g_autofree char *key = key_of(kernel, recipe, variant);

    return g_hash_table_lookup(table, key);
}

/* Groups of 'observations', appended to the analysis' in running order. Returned by name. */
static GHashTable *
make_groups(LabAnalysis *analysis, const GPtrArray *observations)
{
    g_autoptr(GHashTable) by_name = table_new();
    guint first = analysis->groups->len;

    for (guint i = 0; i < observations->len; i++) {
        LabObservation *one = observations->pdata[i];
        LabGroup *group = find(by_name, one->kernel, one->recipe, one->variant);

        if (!group) {
            group = lab_group_new(one);
            g_ptr_array_add(analysis->groups, group);
            g_hash_table_insert(by_name, key_of(one->kernel, one->recipe, one->variant), group);
        }
        g_ptr_array_add(group->observations, one);
    }
    for (guint i = first; i < analysis->groups->len; i++)
        lab_group_settle(analysis->groups->pdata[i], analysis->confidence);
    return g_steal_pointer(&by_name);
}

static void
compare(LabAnalysis *analysis, LabComparisonKind kind, const LabGroup *baseline,
        const LabGroup *candidate)
{
    LabComparison *comparison = g_new0(LabComparison, 1);

    comparison->kind = kind;
    comparison->baseline = baseline;
    comparison->candidate = candidate;
    lab_comparison_test(comparison);
    g_ptr_array_add(analysis->comparisons, comparison);
}

/* Each group against the baseline of its recipe on its kernel: the marked variant, or the first. */
static void
compare_variants(LabAnalysis *analysis)
{
    g_autoptr(GHashTable) baselines = table_new();

    for (guint i = 0; i < analysis->groups->len; i++) {
        LabGroup *group = analysis->groups->pdata[i];
        const LabGroup *known = find(baselines, group->kernel, group->recipe, "");

        if (!known || (group->baseline && !known->baseline))
            g_hash_table_insert(baselines, key_of(group->kernel, group->recipe, ""), group);
    }
    for (guint i = 0; i < analysis->groups->len; i++) {
        const LabGroup *group = analysis->groups->pdata[i];
        const LabGroup *baseline = find(baselines, group->kernel, group->recipe, "");

        if (baseline != group)
            compare(analysis, LAB_COMPARE_VARIANTS, baseline, group);
    }
}

static void
compare_kernels(LabAnalysis *analysis, GHashTable *by_name)
{
    for (guint i = 0; i < analysis->groups->len; i++) {
        const LabGroup *group = analysis->groups->pdata[i];
        const LabGroup *baseline =
            find(by_name, analysis->baseline_kernel, group->recipe, group->variant);

        if (baseline && baseline != group)
            compare(analysis, LAB_COMPARE_KERNELS, baseline, group);
    }
}

/* Appends p to 'list' when a test with so many bad runs can be significant at all. */
static void
add_test(GArray *list, double p, double least, double alpha)
{
    double none = NAN;

    g_array_append_val(list, *(least <= alpha ? &p : &none));
}

static GArray *
q_values(const GArray *p)
{
    GArray *q = g_array_sized_new(FALSE, FALSE, sizeof(double), p->len);

    g_array_set_size(q, p->len);
    lab_benjamini_hochberg((const double *)(void *)p->data, (double *)(void *)q->data, p->len);
    return q;
}

/* One family: what the verdicts claim of bad runs, and of new crashes. */
static void
correct_verdicts(LabAnalysis *analysis)
{
    g_autoptr(GArray) p = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) q = NULL;
    double alpha = 1 - analysis->confidence;

    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];
        double least = one->adaptive
                           ? 0
                           : lab_fisher_least(one->crashes.new_runs, one->baseline->usable,
                                              one->candidate->usable);

        add_test(p, one->p, one->least, alpha);
        add_test(p, one->crashes.p, least, alpha);
    }
    q = q_values(p);
    for (guint i = 0; i < analysis->comparisons->len; i++) {
        LabComparison *one = analysis->comparisons->pdata[i];

        one->q = g_array_index(q, double, 2 * i);
        one->crashes.q = g_array_index(q, double, 2 * i + 1);
        analysis->n_tests += !isnan(one->q) + !isnan(one->crashes.q);
    }
}

/* Another: the metrics. */
static void
correct_metrics(LabAnalysis *analysis)
{
    g_autoptr(GArray) p = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) q = NULL;
    guint n = 0;

    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];

        for (guint j = 0; j < one->metrics->len; j++)
            g_array_append_val(p, ((LabMetricTest *)one->metrics->pdata[j])->p);
    }
    q = q_values(p);
    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];

        for (guint j = 0; j < one->metrics->len; j++)
            ((LabMetricTest *)one->metrics->pdata[j])->q = g_array_index(q, double, n++);
    }
}

/* What asks for a look first. */
static int
weight(const LabComparison *comparison)
{
    switch (comparison->verdict) {
    case LAB_VERDICT_REGRESSED:
        return 0;
    case LAB_VERDICT_NEW_CRASH:
        return 1;
    case LAB_VERDICT_RATE_CHANGED:
        return 2;
    case LAB_VERDICT_FIXED:
        return 3;
    case LAB_VERDICT_STILL_DIFFERENT_CRASH:
        return 4;
    case LAB_VERDICT_STILL_FAILS:
        return 5;
    case LAB_VERDICT_INCONCLUSIVE:
        return comparison->leaning == LAB_VERDICT_REGRESSED ? 6 : 7;
    case LAB_VERDICT_NOT_COMPARABLE:
        return 8;
    case LAB_VERDICT_STILL_SAME_CRASH:
        return 9;
    case LAB_VERDICT_SAME_PASS:
        break;
    }
    return 10;
}

/* By kind, then by weight; g_ptr_array_sort keeps the running order of equals. */
static int
compare_weights(gconstpointer a, gconstpointer b)
{
    const LabComparison *left = *(const LabComparison *const *)a;
    const LabComparison *right = *(const LabComparison *const *)b;

    if (left->kind != right->kind)
        return (int)left->kind - (int)right->kind;
    return weight(left) - weight(right);
}

static void
judge(LabAnalysis *analysis)
{
    correct_verdicts(analysis);
    correct_metrics(analysis);
    for (guint i = 0; i < analysis->comparisons->len; i++)
        lab_comparison_judge(analysis->comparisons->pdata[i], analysis->confidence);
    g_ptr_array_sort(analysis->comparisons, compare_weights);
}

static gboolean
is_like(const char *id, const char *name)
{
    return strpbrk(name, "*?") ? g_pattern_match_simple(name, id) : g_str_has_prefix(id, name);
}

/* The kernel that 'name' means: an id or a release, else the only one that starts so or that a glob
 * matches. NULL: the first. An error lists what there is. g_free. */
static char *
find_kernel(const GPtrArray *observations, const char *name, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    g_autofree char *list = NULL;
    const char *found = NULL;
    guint n = 0;

    for (guint i = 0; i < observations->len; i++) {
        const LabObservation *one = observations->pdata[i];

        if (!name || strcmp(one->kernel, name) == 0 || strcmp(one->release, name) == 0)
            return g_strdup(one->kernel);
        if (g_ptr_array_find_with_equal_func(known, one->kernel, g_str_equal, NULL))
            continue;
        g_ptr_array_add(known, (gpointer)one->kernel);
        if (is_like(one->kernel, name) || is_like(one->release, name)) {
            found = one->kernel;
            n++;
        }
    }
    if (n == 1)
        return g_strdup(found);
    g_ptr_array_add(known, NULL);
    list = g_strjoinv(", ", (char **)known->pdata);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                n ? "'%s' may mean several kernels of this run; there are: %s"
                  : "no cell of this run has the kernel '%s'; there are: %s",
                name ? name : "", list);
    return NULL;
}

LabAnalysis *
lab_analysis_new(GPtrArray *observations, const char *kernel, double confidence, GError **error)
{
    g_autoptr(LabAnalysis) analysis = analysis_new(observations, confidence);
    g_autoptr(GHashTable) by_name = NULL;

    if (kernel || observations->len) {
        analysis->baseline_kernel = find_kernel(observations, kernel, error);
        if (!analysis->baseline_kernel)
            return NULL;
    }
    by_name = make_groups(analysis, observations);
    compare_variants(analysis);
    compare_kernels(analysis, by_name);
    judge(analysis);
    return g_steal_pointer(&analysis);
}

/* The kernel that all of them have; NULL: several, or no observations. */
static const char *
only_kernel(const GPtrArray *observations)
{
    const char *kernel = NULL;

    for (guint i = 0; i < observations->len; i++) {
        const LabObservation *one = observations->pdata[i];

        if (kernel && strcmp(kernel, one->kernel) != 0)
            return NULL;
        kernel = one->kernel;
    }
    return kernel;
}

/* A group that stands for cells which the other run has and this one has not. */
static const LabGroup *
add_empty(LabAnalysis *analysis, const LabGroup *like)
{
    LabGroup *group = lab_group_new_empty(like);

    lab_group_settle(group, analysis->confidence);
    g_ptr_array_add(analysis->groups, group);
    return group;
}

LabAnalysis *
lab_analysis_new_runs(GPtrArray *baseline, GPtrArray *candidate, double confidence)
{
    LabAnalysis *analysis = analysis_new(baseline, confidence);
    const char *kernel_a = only_kernel(baseline);
    const char *kernel_b = only_kernel(candidate);
    gboolean any_kernel = kernel_a && kernel_b;
    g_autoptr(GHashTable) of_a = make_groups(analysis, baseline);
    guint n_a = analysis->groups->len;
    g_autoptr(GHashTable) of_b = make_groups(analysis, candidate);
    guint n_both = analysis->groups->len;

    for (guint i = n_a; i < n_both; i++) {
        const LabGroup *b = analysis->groups->pdata[i];
        const LabGroup *a = find(of_a, any_kernel ? kernel_a : b->kernel, b->recipe, b->variant);

        compare(analysis, LAB_COMPARE_RUNS, a ? a : add_empty(analysis, b), b);
    }
    for (guint i = 0; i < n_a; i++) {
        const LabGroup *a = analysis->groups->pdata[i];

        if (!find(of_b, any_kernel ? kernel_b : a->kernel, a->recipe, a->variant))
            compare(analysis, LAB_COMPARE_RUNS, a, add_empty(analysis, a));
    }
    g_ptr_array_extend_and_steal(analysis->observations, candidate);
    judge(analysis);
    return analysis;
}

gboolean
lab_analysis_has_regression(const LabAnalysis *analysis)
{
    for (guint i = 0; i < analysis->comparisons->len; i++)
        if (((LabComparison *)analysis->comparisons->pdata[i])->worse)
            return TRUE;
    return FALSE;
}

gboolean
lab_confidence_parse(const char *text, double *confidence, GError **error)
{
    char *end;
    double value;

    if (!text)
        return TRUE;
    value = g_ascii_strtod(text, &end);
    value = value >= 1 ? value / 100 : value;
    while (*end == ' ')
        end++;
    if (*end == '%')
        end++;
    if (end == text || *end || !(value >= 0.5 && value <= 0.999999)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_USAGE,
                    "confidence '%s': give per cent between 50 and 99.9999", text);
        return FALSE;
    }
    *confidence = value;
    return TRUE;
}

static const char *
tests_of(gboolean adaptive, gboolean unfinished)
{
    if (adaptive)
        return "sequential tests of runs in pairs (which side is bad, shows a new crash, crashes "
               "sooner), as results decided how many runs there are";
    if (unfinished)
        return "Fisher's exact test of bad runs, log-rank test of times to crash; where "
               "repetitions are missing, sequential tests of the runs before the first of those, "
               "in pairs";
    return "Fisher's exact test of bad runs, log-rank test of times to crash";
}

char *
lab_analysis_rule(const LabAnalysis *analysis)
{
    gboolean adaptive = FALSE, unfinished = FALSE;
    g_autofree char *corrected =
        analysis->n_tests > 1 ? g_strdup_printf(", corrected for %u comparisons", analysis->n_tests)
                              : g_strdup("");

    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];

        adaptive = adaptive || one->baseline->adaptive || one->candidate->adaptive;
        unfinished = unfinished || one->unfinished;
    }
    return g_strdup_printf(
        "a difference counts where chance alone would show one in at most %g %% of cases (%g %% "
        "confidence; %s%s)",
        (1 - analysis->confidence) * 100, analysis->confidence * 100,
        tests_of(adaptive, unfinished), corrected);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "lab-analysis.h"
#include "lab-beside.h"
#include "lab-cli-run.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-report.h"

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {"baseline", 'b', LAB_OPTION_STRING, "KERNEL",
     "with one run: compare kernels against this one (default: the run's first, by release)",
     .hint = LAB_HINT_KERNEL},
    {"confidence", 'c', LAB_OPTION_STRING, "PERCENT", "how sure a verdict has to be (default: 95)"},
    {"beside", 0, LAB_OPTION_FLAG, NULL,
     "show what changed beside the outcome: configuration, command line, warnings, changelog"},
    {NULL},
};

/* runs[1] stays NULL with one run. */
static LabAnalysis *
analyse(const LabCli *cli, LabRun *runs[2], GError **error)
{
    double confidence = LAB_ANALYSIS_CONFIDENCE;
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) second = NULL;

    if (!lab_confidence_parse(lab_cli_string(cli, "confidence"), &confidence, error))
        return NULL;
    if (cli->n_args == 2 && lab_cli_given(cli, "baseline")) {
        lab_cli_usage(error, "--baseline is for kernels within one run; with two runs the first "
                             "is the baseline");
        return NULL;
    }
    runs[0] = lab_cli_open_run(cli, NULL, error);
    first = runs[0] ? lab_analysis_read_run(runs[0], NULL, error) : NULL;
    if (!first)
        return NULL;
    if (cli->n_args < 2)
        return lab_analysis_new(g_steal_pointer(&first), lab_cli_string(cli, "baseline"),
                                confidence, error);
    runs[1] = lab_run_open(cli->paths->data, cli->args[1], error);
    second = runs[1] ? lab_analysis_read_run(runs[1], NULL, error) : NULL;
    if (!second)
        return NULL;
    return lab_analysis_new_runs(g_steal_pointer(&first), g_steal_pointer(&second), confidence);
}

/* With --beside: what changed beside each comparison's outcome, in their order; else NULL. */
static json_t *
read_beside(const LabCli *cli, LabRun *runs[2], const LabAnalysis *analysis)
{
    json_t *array = lab_cli_flag(cli, "beside") ? json_array() : NULL;

    for (guint i = 0; array && i < analysis->comparisons->len; i++)
        json_array_append_new(array, lab_beside(runs[0], runs[1] ? runs[1] : runs[0],
                                                analysis->comparisons->pdata[i]));
    return array;
}

static void
print_json(LabRun *runs[2], const LabAnalysis *analysis, const char *rule, json_t *beside)
{
    json_t *ids = json_array();

    for (int i = 0; i < 2 && runs[i]; i++)
        json_array_append_new(ids, json_string(lab_run_id(runs[i])));
    lab_cli_print_json(json_pack(
        "{s:i, s:o, s:s, s:f, s:s, s:i, s:o, s:O*}", "schema_version", 1, "runs", ids, "rule", rule,
        "confidence", analysis->confidence, "correction", "benjamini-hochberg", "tests",
        (int)analysis->n_tests, "comparisons", lab_analysis_to_json(analysis), "beside", beside));
}

#define NAMES_MAX 8 /* of cells that only one run has */

static gboolean
is_one_sided(const LabComparison *one)
{
    return one->baseline->total == 0 || one->candidate->total == 0;
}

static void
print_beside(const json_t *beside)
{
    g_autoptr(GPtrArray) lines = lab_report_beside_to_lines(beside, FALSE);

    for (guint i = 0; i < lines->len; i++) {
        const LabReportBesideLine *line = lines->pdata[i];

        lab_cli_print("    %-14s%s\n", line->label, line->text);
    }
}

/* Cells that only one run has, in one line: they say nothing but that. */
static void
print_one_sided(const LabAnalysis *analysis, gboolean first)
{
    g_autoptr(GString) names = g_string_new(NULL);
    guint n = 0;

    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];
        const LabGroup *group = first ? one->baseline : one->candidate;

        if (!is_one_sided(one) || group->total == 0 || n++ >= NAMES_MAX)
            continue;
        g_string_append_printf(names, "%s%s/%s on %s", n > 1 ? ", " : "", group->recipe,
                               group->variant, group->kernel);
    }
    if (n > NAMES_MAX)
        g_string_append_printf(names, " and %u more (--json has them)", n - NAMES_MAX);
    if (n > 0)
        lab_cli_print("%-22s only the %s run has %s\n",
                      lab_verdict_name(LAB_VERDICT_NOT_COMPARABLE), first ? "first" : "second",
                      names->str);
}

static void
print_text(const LabAnalysis *analysis, const char *rule, const json_t *beside)
{
    guint compared = 0;

    if (analysis->comparisons->len == 0) {
        lab_cli_print("nothing to compare: no two cells differ in kernel or variant only\n");
        return;
    }
    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];

        if (is_one_sided(one))
            continue;
        compared++;
        lab_cli_print("%-22s %s\n", lab_verdict_name(one->verdict), one->sentence);
        if (!strstr(one->sentence, one->why))
            lab_cli_print("%-22s %s\n", "", one->why);
        if (beside)
            print_beside(json_array_get(beside, i));
    }
    print_one_sided(analysis, TRUE);
    print_one_sided(analysis, FALSE);
    if (compared > 0)
        lab_cli_print("%s\n", rule);
    else
        lab_cli_print("nothing to compare: no recipe and variant ran in both runs on one kernel\n");
}

static int
cmd_compare(LabCli *cli, GError **error)
{
    g_autoptr(LabRun) first = NULL;
    g_autoptr(LabRun) second = NULL;
    LabRun *runs[2] = {NULL, NULL};
    g_autoptr(LabAnalysis) analysis = analyse(cli, runs, error);
    g_autoptr(json_t) beside = NULL;
    g_autofree char *rule = NULL;

    first = runs[0];
    second = runs[1];
    if (!analysis)
        return LAB_EXIT_CONFIG;
    rule = lab_analysis_rule(analysis);
    beside = read_beside(cli, runs, analysis);
    if (lab_cli_flag(cli, "json"))
        print_json(runs, analysis, rule, beside);
    else
        print_text(analysis, rule, beside);
    return lab_analysis_has_regression(analysis) ? LAB_EXIT_UNEXPECTED : LAB_EXIT_OK;
}

const LabVerb lab_verb_compare = {
    .name = "compare",
    .summary = "compare two runs, or the kernels and variants of one",
    .synopsis = "[RUN [RUN]]",
    .description =
        "Says for each recipe what a variant, kernel or run changes against the baseline: "
        "same-pass, fixed, regressed, still-same-crash, still-different-crash, new-crash, "
        "rate-changed, still-fails, not-comparable or inconclusive, and how sure that is. What so "
        "few runs may show by chance is inconclusive, with the number of runs that would settle "
        "it. Ends with 1 when something got worse for certain. Without RUN it is the latest one.",
    .max_args = 2,
    .options = {options},
    .hints = {LAB_HINT_RUN},
    .run = cmd_compare,
};

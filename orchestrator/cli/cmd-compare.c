/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "lab-analysis.h"
#include "lab-cli.h"
#include "lab-error.h"

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {"baseline", 'b', LAB_OPTION_STRING, "KERNEL",
     "with one run: compare kernels against this one (default: the first of the matrix)",
     .hint = LAB_HINT_KERNEL},
    {"confidence", 'c', LAB_OPTION_STRING, "PERCENT", "how sure a verdict has to be (default: 95)"},
    {NULL},
};

static GPtrArray *
read_run(const LabCli *cli, const char *name, GError **error)
{
    g_autoptr(LabRun) run = lab_run_open(cli->paths->data, name, error);

    return run ? lab_analysis_read_run(run, error) : NULL;
}

static LabAnalysis *
analyse(const LabCli *cli, GError **error)
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
    first = read_run(cli, cli->args[0], error);
    if (!first)
        return NULL;
    if (cli->n_args == 1)
        return lab_analysis_new(g_steal_pointer(&first), lab_cli_string(cli, "baseline"),
                                confidence, error);
    second = read_run(cli, cli->args[1], error);
    if (!second)
        return NULL;
    return lab_analysis_new_runs(g_steal_pointer(&first), g_steal_pointer(&second), confidence);
}

static void
print_json(const LabAnalysis *analysis, const char *rule)
{
    lab_cli_print_json(json_pack("{s:i, s:s, s:f, s:s, s:i, s:o}", "schema_version", 1, "rule",
                                 rule, "confidence", analysis->confidence, "correction",
                                 "benjamini-hochberg", "tests", (int)analysis->n_tests,
                                 "comparisons", lab_analysis_to_json(analysis)));
}

static void
print_text(const LabAnalysis *analysis, const char *rule)
{
    if (analysis->comparisons->len == 0) {
        lab_cli_print("nothing to compare: no two cells differ in kernel or variant only\n");
        return;
    }
    for (guint i = 0; i < analysis->comparisons->len; i++) {
        const LabComparison *one = analysis->comparisons->pdata[i];

        lab_cli_print("%-22s %s\n", lab_verdict_name(one->verdict), one->sentence);
        if (!strstr(one->sentence, one->why))
            lab_cli_print("%-22s %s\n", "", one->why);
    }
    lab_cli_print("(%s)\n", rule);
}

static int
cmd_compare(LabCli *cli, GError **error)
{
    g_autoptr(LabAnalysis) analysis = analyse(cli, error);
    g_autofree char *rule = NULL;

    if (!analysis)
        return LAB_EXIT_CONFIG;
    rule = lab_analysis_rule(analysis);
    if (lab_cli_flag(cli, "json"))
        print_json(analysis, rule);
    else
        print_text(analysis, rule);
    return lab_analysis_has_regression(analysis) ? LAB_EXIT_UNEXPECTED : LAB_EXIT_OK;
}

const LabVerb lab_verb_compare = {
    .name = "compare",
    .summary = "compare two runs, or the kernels and variants of one",
    .synopsis = "RUN [RUN]",
    .description =
        "Says for each recipe what a variant, kernel or run changes against the baseline: "
        "same-pass, fixed, regressed, still-same-crash, still-different-crash, new-crash, "
        "rate-changed, still-fails, not-comparable or inconclusive, and how sure that is. What so "
        "few runs may show by chance is inconclusive, with the number of runs that would settle "
        "it. Ends with 1 when something got worse for certain.",
    .min_args = 1,
    .max_args = 2,
    .options = {options},
    .hints = {LAB_HINT_RUN},
    .run = cmd_compare,
};

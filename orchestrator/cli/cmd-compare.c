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
    g_autoptr(GPtrArray) first = read_run(cli, cli->args[0], error);
    g_autoptr(GPtrArray) second = NULL;

    if (!first)
        return NULL;
    if (cli->n_args == 1)
        return lab_analysis_new(g_steal_pointer(&first), lab_cli_string(cli, "baseline"), error);
    if (lab_cli_given(cli, "baseline")) {
        lab_cli_usage(error, "--baseline is for kernels within one run; with two runs the first "
                             "is the baseline");
        return NULL;
    }
    second = read_run(cli, cli->args[1], error);
    if (!second)
        return NULL;
    return lab_analysis_new_runs(g_steal_pointer(&first), g_steal_pointer(&second));
}

static int
cmd_compare(LabCli *cli, GError **error)
{
    g_autoptr(LabAnalysis) analysis = analyse(cli, error);

    if (!analysis)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "json")) {
        lab_cli_print_json(json_pack("{s:i, s:s, s:o}", "schema_version", 1, "rule",
                                     LAB_ANALYSIS_RULE, "comparisons",
                                     lab_analysis_to_json(analysis)));
    } else {
        for (guint i = 0; i < analysis->comparisons->len; i++) {
            const LabComparison *one = analysis->comparisons->pdata[i];

            lab_cli_print("%-22s %s\n", lab_verdict_name(one->verdict), one->sentence);
        }
        if (analysis->comparisons->len == 0)
            lab_cli_print("nothing to compare: no two cells differ in kernel or variant only\n");
        else
            lab_cli_print("(" LAB_ANALYSIS_RULE ")\n");
    }
    return lab_analysis_has_regression(analysis) ? LAB_EXIT_UNEXPECTED : LAB_EXIT_OK;
}

const LabVerb lab_verb_compare = {
    .name = "compare",
    .summary = "compare two runs, or the kernels and variants of one",
    .synopsis = "RUN [RUN]",
    .description =
        "Says for each recipe what a variant or kernel changes against the baseline: "
        "same-pass, fixed, regressed, still-same-crash, still-different-crash, "
        "still-fails, not-comparable or inconclusive. The rule is plain: " LAB_ANALYSIS_RULE
        ". Ends with 1 when something regressed.",
    .min_args = 1,
    .max_args = 2,
    .options = {options},
    .hints = {LAB_HINT_RUN},
    .run = cmd_compare,
};

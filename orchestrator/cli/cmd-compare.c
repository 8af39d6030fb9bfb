/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "lab-analysis.h"
#include "lab-beside.h"
#include "lab-cli.h"
#include "lab-error.h"
#include "lab-json.h"

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {"baseline", 'b', LAB_OPTION_STRING, "KERNEL",
     "with one run: compare kernels against this one (default: the first of the matrix)",
     .hint = LAB_HINT_KERNEL},
    {"confidence", 'c', LAB_OPTION_STRING, "PERCENT", "how sure a verdict has to be (default: 95)"},
    {"beside", 0, LAB_OPTION_FLAG, NULL,
     "show what changed beside the outcome: configuration, command line, warnings, changelog"},
    {NULL},
};

static GPtrArray *
read_run(const LabCli *cli, const char *name, LabRun **run, GError **error)
{
    *run = lab_run_open(cli->paths->data, name, error);
    return *run ? lab_analysis_read_run(*run, NULL, error) : NULL;
}

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
    first = read_run(cli, cli->args[0], &runs[0], error);
    if (!first)
        return NULL;
    if (cli->n_args == 1)
        return lab_analysis_new(g_steal_pointer(&first), lab_cli_string(cli, "baseline"),
                                confidence, error);
    second = read_run(cli, cli->args[1], &runs[1], error);
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
print_json(const LabAnalysis *analysis, const char *rule, json_t *beside)
{
    lab_cli_print_json(json_pack("{s:i, s:s, s:f, s:s, s:i, s:o, s:O*}", "schema_version", 1,
                                 "rule", rule, "confidence", analysis->confidence, "correction",
                                 "benjamini-hochberg", "tests", (int)analysis->n_tests,
                                 "comparisons", lab_analysis_to_json(analysis), "beside", beside));
}

#define MAX_OPTIONS 12 /* of a configuration's differences that text shows */
#define MAX_VALUES  40 /* of settings' */
#define MAX_NAMES   12 /* of settings that only one side has */

static void
print_list(const char *what, const json_t *texts)
{
    json_t *text;
    size_t i;

    json_array_foreach (texts, i, text)
        lab_cli_print("    %-18s %s\n", what, json_string_value(text));
}

static void
print_numbers(const char *what, const json_t *both, const char *unit)
{
    gint64 a = lab_json_int(both, "baseline", -1), b = lab_json_int(both, "candidate", -1);

    if (a >= 0 && b >= 0 && a != b)
        lab_cli_print("    %-18s %" G_GINT64_FORMAT " -> %" G_GINT64_FORMAT " %s\n", what, a, b,
                      unit);
}

static void
print_config(const json_t *config)
{
    json_t *one;
    size_t i;

    json_array_foreach (config, i, one) {
        if (i == MAX_OPTIONS) {
            lab_cli_print("    %-18s %zu more options (--json has them)\n",
                          "config:", json_array_size(config) - i);
            break;
        }
        lab_cli_print("    %-18s %s: %s -> %s%s\n", "config:", lab_json_string(one, "option"),
                      lab_json_string(one, "baseline"), lab_json_string(one, "candidate"),
                      lab_json_bool(one, "needed", FALSE) ? " (the recipe needs it)" : "");
    }
}

static void
print_names(const char *what, const json_t *values, const char *side)
{
    g_autofree char *names = lab_beside_only_names(values, side, MAX_NAMES);

    if (names)
        lab_cli_print("    %-18s %s\n", what, names);
}

/* Numbers that only follow the guest's memory are counted. */
static void
print_values(const json_t *values)
{
    size_t i, shown = 0, memory = 0;
    json_t *one;

    json_array_foreach (values, i, one) {
        g_autofree char *a = lab_beside_value_text(lab_json_member(one, "baseline"));
        g_autofree char *b = lab_beside_value_text(lab_json_member(one, "candidate"));

        if (lab_beside_is_one_sided(one))
            continue;
        if (lab_json_bool(one, "memory", FALSE))
            memory++;
        else if (shown++ < MAX_VALUES)
            lab_cli_print("    %-18s %s: %s -> %s%s\n", "sysctl:", lab_json_string(one, "name"), a,
                          b, lab_json_bool(one, "needed", FALSE) ? " (the recipe sets it)" : "");
    }
    if (shown > MAX_VALUES)
        lab_cli_print("    %-18s %zu more (--json has them)\n", "sysctl:", shown - MAX_VALUES);
    print_names("sysctl gone:", values, "baseline");
    print_names("new sysctl:", values, "candidate");
    if (memory > 0)
        lab_cli_print("    %-18s %zu limits that follow the memory moved a little\n",
                      "sysctl:", memory);
}

static void
print_changelog(const json_t *changelog)
{
    json_t *one;
    size_t i;

    if (!json_is_object(changelog))
        return;
    lab_cli_print("    %-18s %d entries %s\n",
                  "changelog:", (int)lab_json_int(changelog, "entries", 0),
                  lab_json_bool(changelog, "backwards", FALSE) ? "that the candidate lacks"
                                                               : "that the candidate has more");
    json_array_foreach (lab_json_member(changelog, "named"), i, one)
        lab_cli_print("    %-18s %s: %s\n", "  names the stack:", lab_json_string(one, "version"),
                      lab_json_string(one, "item"));
}

static void
print_beside(const json_t *beside)
{
    const json_t *cmdline = lab_json_member(beside, "cmdline");
    const json_t *modules = lab_json_member(beside, "modules");
    const json_t *warnings = lab_json_member(beside, "warnings");
    json_t *one;
    size_t i;

    print_config(lab_json_member(beside, "config"));
    print_list("only before:", lab_json_member(cmdline, "baseline"));
    print_list("only after:", lab_json_member(cmdline, "candidate"));
    json_array_foreach (lab_json_member(beside, "settings"), i, one) {
        const char *a = lab_json_string(one, "baseline"), *b = lab_json_string(one, "candidate");

        lab_cli_print("    %-18s %s: %s -> %s\n", "setting:", lab_json_string(one, "set"),
                      a ? a : "not set", b ? b : "not set");
    }
    print_list("module gone:", lab_json_member(modules, "baseline"));
    print_list("new module:", lab_json_member(modules, "candidate"));
    print_values(lab_json_member(beside, "values"));
    print_list("warning gone:", lab_json_member(warnings, "baseline"));
    print_list("new warning:", lab_json_member(warnings, "candidate"));
    print_numbers("boot:", lab_json_member(beside, "boot_ms"), "ms");
    print_numbers("free after boot:", lab_json_member(beside, "memory_kb"), "kB");
    print_changelog(lab_json_member(beside, "changelog"));
    print_list("not known:", lab_json_member(beside, "missing"));
}

static void
print_text(const LabAnalysis *analysis, const char *rule, const json_t *beside)
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
        if (beside)
            print_beside(json_array_get(beside, i));
    }
    lab_cli_print("(%s)\n", rule);
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
        print_json(analysis, rule, beside);
    else
        print_text(analysis, rule, beside);
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

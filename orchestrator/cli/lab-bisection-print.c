/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab-bisection.h"
#include "lab-json.h"
#include "lab-kernel-verbs.h"
#include "lab-table.h"
#include "lab-units.h"

static const LabBisectionKernel *
kernel_at(const LabBisection *bisection, int position)
{
    return position >= 0 && position < (int)bisection->kernels->len
               ? bisection->kernels->pdata[position]
               : NULL;
}

/* "98.7 % (76 to 1)" */
static char *
odds_text(double odds)
{
    double ratio = odds / MAX(1 - odds, 1e-12);

    if (ratio < 1)
        return g_strdup_printf("%.0f %%", odds * 100);
    if (ratio > 10000)
        return g_strdup("over 99.99 %");
    return g_strdup_printf("%.*f %% (%.0f to 1)", odds > 0.9 ? 1 : 0, odds * 100, ratio);
}

guint
lab_bisection_runs(const LabBisection *bisection, guint *all)
{
    guint told = 0;

    *all = 0;
    for (guint i = 0; i < bisection->kernels->len; i++) {
        const LabBisectionKernel *kernel = bisection->kernels->pdata[i];
        guint own = lab_bisect_shown(bisection->search, i) +
                    lab_bisect_not_shown(bisection->search, i);

        told += own;
        *all += own + kernel->other + kernel->nothing;
    }
    return told;
}

char *
lab_bisection_best_text(const LabBisection *bisection)
{
    LabBisectPair pair = lab_bisect_best(bisection->search);
    const LabBisectionKernel *good = kernel_at(bisection, pair.good);
    const LabBisectionKernel *bad = kernel_at(bisection, pair.bad);
    g_autofree char *odds = odds_text(pair.odds);

    return g_strdup_printf("%s | %s: %s", good ? good->release : "(before all)",
                           bad ? bad->release : "(none has it)", odds);
}

static void
print_end(const LabBisection *bisection, const char *name, int position)
{
    const LabBisectionKernel *kernel = kernel_at(bisection, position);
    guint shown, runs;

    if (!kernel)
        return;
    shown = lab_bisect_shown(bisection->search, (guint)position);
    runs = shown + lab_bisect_not_shown(bisection->search, (guint)position);
    lab_cli_print("  %-5s %-40s seen in %u of %u runs\n", name, kernel->release, shown, runs);
}

static void
print_untested(const LabBisection *bisection, LabBisectPair pair)
{
    for (int i = pair.good + 1; i < pair.bad && i < (int)bisection->kernels->len; i++) {
        const LabBisectionKernel *kernel = bisection->kernels->pdata[i];

        lab_cli_print("  between, not tested: %s (%s)\n", kernel->release, kernel->dropped);
    }
}

static void
print_table(const LabBisection *bisection)
{
    static const char *const headings[] = {"KERNEL",         ">SEEN", ">RUNS",
                                           ">FIRST WITH IT", "NOTE",  NULL};
    g_autoptr(LabTable) table = lab_table_new(headings);
    g_autofree double *weight = lab_bisect_posterior(bisection->search);

    for (guint i = 0; i < bisection->kernels->len; i++) {
        const LabBisectionKernel *kernel = bisection->kernels->pdata[i];
        guint seen = lab_bisect_shown(bisection->search, i);
        g_autofree char *shown = g_strdup_printf("%u", seen);
        g_autofree char *runs =
            g_strdup_printf("%u", seen + lab_bisect_not_shown(bisection->search, i));
        g_autofree char *percent = g_strdup_printf("%.1f %%", weight[i] * 100);
        g_autofree char *note = kernel->dropped ? g_strdup_printf("not tested: %s", kernel->dropped)
                                : kernel->other + kernel->nothing
                                    ? g_strdup_printf("%u failed otherwise, %u said nothing",
                                                      kernel->other, kernel->nothing)
                                    : g_strdup("");

        lab_table_add(table, kernel->release, shown, runs, percent, note);
    }
    lab_table_print(table);
}

static void
print_state(const LabBisection *bisection, LabBisectPair pair)
{
    const char *state = bisection->state;
    const char *first = kernel_at(bisection, 0)->release;
    const char *last = kernel_at(bisection, (int)bisection->kernels->len - 1)->release;

    lab_cli_print("bisection %s of %s/%s: ", bisection->id, bisection->recipe, bisection->variant);
    if (strcmp(state, "first-has-it") == 0)
        lab_cli_print("%s has it already; take an older or better kernel for --good\n", first);
    else if (strcmp(state, "never-seen") == 0)
        lab_cli_print("%s did not show it in %u runs; take another kernel for --bad, or a recipe "
                      "that provokes it\n",
                      last, lab_bisect_not_shown(bisection->search, bisection->kernels->len - 1));
    else if (strcmp(state, "found") == 0)
        lab_cli_print("found\n");
    else if (strcmp(state, "out-of-kernels") == 0)
        lab_cli_print("no kernel that can be tested says more\n");
    else
        lab_cli_print("not at its end; most probable by now\n");
    if (pair.good >= 0 && pair.bad < (int)bisection->kernels->len) {
        print_end(bisection, "good", pair.good);
        print_end(bisection, "bad", pair.bad);
        print_untested(bisection, pair);
    }
}

void
lab_bisection_print(const LabBisection *bisection, const json_t *changes, const char *no_changes)
{
    LabBisectPair pair = lab_bisect_best(bisection->search);
    g_autofree char *odds = odds_text(pair.odds);
    g_autofree char *spent = lab_duration_human(bisection->spent_ms);
    guint all, told = lab_bisection_runs(bisection, &all);
    double spread, rate = lab_bisect_rate(bisection->search, &spread);

    print_state(bisection, pair);
    lab_cli_print("  odds that it is so: %s, after %u runs (%u said something) in %s\n", odds, all,
                  told, spent);
    lab_cli_print("  kernels that have it show it in %.0f %% of runs (give or take %.0f)\n\n",
                  rate * 100, spread * 100);
    print_table(bisection);
    if (!changes && !no_changes)
        return;
    lab_cli_print("\nwhat changed, by the changelog:%s%s\n", changes ? "" : " ",
                  changes ? "" : no_changes);
    if (changes)
        lab_kernel_print_changes(changes);
}

static json_t *
pair_json(const LabBisection *bisection, LabBisectPair pair)
{
    const LabBisectionKernel *good = kernel_at(bisection, pair.good);
    const LabBisectionKernel *bad = kernel_at(bisection, pair.bad);
    json_t *between = json_array();

    for (int i = pair.good + 1; i < pair.bad && i < (int)bisection->kernels->len; i++)
        json_array_append_new(between, lab_json_text(kernel_at(bisection, i)->release));
    return json_pack("{s:o, s:o, s:o, s:f}", "good", lab_json_text(good ? good->release : NULL),
                     "bad", lab_json_text(bad ? bad->release : NULL), "between", between, "odds",
                     pair.odds);
}

static json_t *
kernels_json(const LabBisection *bisection)
{
    g_autofree double *weight = lab_bisect_posterior(bisection->search);
    json_t *array = json_array();

    for (guint i = 0; i < bisection->kernels->len; i++) {
        const LabBisectionKernel *kernel = bisection->kernels->pdata[i];

        json_array_append_new(
            array, json_pack("{s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:f, s:o}", "release",
                             lab_json_text(kernel->release), "kernel",
                             lab_json_text(kernel->kernel), "source", lab_json_text(kernel->source),
                             "shown", (int)lab_bisect_shown(bisection->search, i), "not_shown",
                             (int)lab_bisect_not_shown(bisection->search, i), "other",
                             (int)kernel->other, "nothing", (int)kernel->nothing, "probability",
                             weight[i], "dropped", lab_json_text(kernel->dropped)));
    }
    return array;
}

json_t *
lab_bisection_to_json(const LabBisection *bisection, json_t *changes)
{
    guint all, told = lab_bisection_runs(bisection, &all);
    double spread, rate = lab_bisect_rate(bisection->search, &spread);
    json_t *runs = json_array();

    for (guint i = 0; i < bisection->steps->len; i++)
        json_array_append_new(
            runs, lab_json_text(((const LabBisectionStep *)bisection->steps->pdata[i])->run));
    return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:f, s:f, s:I, s:o, s:o, s:O}",
                     "schema_version", LAB_BISECTION_SCHEMA, "event", "bisection", "id",
                     lab_json_text(bisection->id), "state", lab_json_text(bisection->state),
                     "recipe", lab_json_text(bisection->recipe), "variant",
                     lab_json_text(bisection->variant), "pair",
                     pair_json(bisection, lab_bisect_best(bisection->search)), "runs", (int)all,
                     "runs_that_told", (int)told, "rate", rate, "rate_spread", spread, "spent_ms",
                     (json_int_t)bisection->spent_ms, "kernels", kernels_json(bisection), "steps",
                     runs, "changes", changes ? changes : json_null());
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-gate.h"

#include <math.h>
#include <string.h>

#include "lab-bisect.h"
#include "lab-error.h"
#include "lab-json.h"

const char *
lab_gate_name(LabGateVerdict verdict)
{
    static const char *const names[] = {"go", "not-enough-evidence", "no-go"};

    return names[verdict];
}

static void
finding_free(gpointer pointer)
{
    LabGateFinding *finding = pointer;

    g_free(finding->kernel);
    g_free(finding->recipe);
    g_free(finding->variant);
    g_free(finding->why);
    g_free(finding);
}

void
lab_gate_free(LabGate *gate)
{
    if (!gate)
        return;
    g_ptr_array_unref(gate->findings);
    g_ptr_array_unref(gate->holes);
    g_ptr_array_unref(gate->unused);
    g_ptr_array_unref(gate->kernels);
    lab_analysis_free(gate->analysis);
    g_free(gate);
}

typedef struct {
    LabRun *run;
    const LabPolicy *policy;
    const char *today;
    LabGate *gate;
    GHashTable *used; /* LabWaiver */
} Job;

static LabGateFinding *add(Job *job, LabGateVerdict verdict, const LabGroup *group,
                           const char *format, ...) G_GNUC_PRINTF(4, 5);

static LabGateFinding *
add(Job *job, LabGateVerdict verdict, const LabGroup *group, const char *format, ...)
{
    LabGateFinding *finding = g_new0(LabGateFinding, 1);
    va_list arguments;

    finding->verdict = verdict;
    if (group) {
        finding->kernel = g_strdup(group->kernel);
        finding->recipe = g_strdup(group->recipe);
        finding->variant = g_strdup(group->variant);
    }
    va_start(arguments, format);
    finding->why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(job->gate->findings, finding);
    return finding;
}

static gboolean
matches_any(char **globs, const char *id, const char *release)
{
    for (; *globs; globs++)
        if (g_pattern_match_simple(*globs, id) || g_pattern_match_simple(*globs, release))
            return TRUE;
    return FALSE;
}

static gboolean
is_judged(const Job *job, const LabGroup *group)
{
    if (job->policy->kernels[0])
        return matches_any(job->policy->kernels, group->kernel, group->release);
    return g_strcmp0(group->kernel, job->gate->analysis->baseline_kernel) != 0;
}

/* "v1:0123456789abcdef" without the version, which the digits do not need. */
static const char *
digits(const char *signature)
{
    const char *colon = signature ? strchr(signature, ':') : NULL;

    return colon ? colon + 1 : signature;
}

static gboolean
is_signature(const char *signature, const char *wanted)
{
    return signature && g_str_has_prefix(digits(signature), digits(wanted));
}

static gboolean
is_expired(const Job *job, const LabWaiver *waiver)
{
    return strcmp(waiver->expires, job->today) < 0;
}

/* The waiver that the crash needs; one that expired counts as used and waives nothing. */
static const LabWaiver *
find_waiver(Job *job, const LabObservation *one)
{
    const LabWaiver *found = NULL;

    for (guint i = 0; i < job->policy->waivers->len; i++) {
        const LabWaiver *waiver = job->policy->waivers->pdata[i];

        if ((waiver->recipe && !g_pattern_match_simple(waiver->recipe, one->recipe)) ||
            (!is_signature(one->k0, waiver->signature) &&
             !is_signature(one->k1, waiver->signature)))
            continue;
        g_hash_table_add(job->used, (gpointer)waiver);
        if (!is_expired(job, waiver))
            found = waiver;
    }
    return found;
}

static gboolean
is_bad(const LabObservation *one)
{
    return one->state == LAB_STATE_RAN && one->reached && !one->suspect &&
           one->outcome != LAB_OUTCOME_NONE && one->outcome != LAB_OUTCOME_PASS &&
           one->outcome != LAB_OUTCOME_INCONCLUSIVE;
}

/* What the bad runs of a group are. */
typedef struct {
    guint expected, waived, open;
    const LabWaiver *waiver;
    const LabObservation *first; /* that is open; or NULL */
} Bad;

static gboolean
count_bad(Job *job, const LabGroup *group, Bad *bad, GError **error)
{
    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];
        const LabRunCell *cell;
        const LabWaiver *waiver;
        g_autoptr(LabBrief) brief = NULL;

        if (!is_bad(one))
            continue;
        cell = lab_run_find_cell(job->run, one->cell, error);
        if (!cell)
            return FALSE;
        brief = lab_run_read_brief(job->run, cell);
        waiver = find_waiver(job, one);
        if (waiver) {
            bad->waived++;
            bad->waiver = waiver;
        } else if (brief->expected == LAB_EXPECTED_YES) {
            bad->expected++;
        } else {
            bad->open++;
            bad->first = bad->first ? bad->first : one;
        }
    }
    return TRUE;
}

static const LabComparison *
comparison_of(const Job *job, const LabGroup *group)
{
    const GPtrArray *all = job->gate->analysis->comparisons;

    for (guint i = 0; i < all->len; i++) {
        const LabComparison *one = all->pdata[i];

        if (one->kind == LAB_COMPARE_KERNELS && one->candidate == group)
            return one;
    }
    return NULL;
}

/* Why a group has no usable run. g_free. */
static char *
hole_why(const LabGroup *group)
{
    g_autoptr(GString) text = g_string_new("no run says anything: ");
    const struct {
        guint count;
        const char *word;
    } parts[] = {{group->skipped, "skipped"},
                 {group->infra, "failed for the lab's reasons"},
                 {group->missing, "not run"},
                 {group->not_reached, "did not reach the condition"},
                 {group->suspect, "suspect"}};
    const char *why = NULL;

    for (gsize i = 0, n = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i].count > 0)
            g_string_append_printf(text, "%s%u %s", n++ > 0 ? ", " : "", parts[i].count,
                                   parts[i].word);
    for (guint i = 0; i < group->observations->len && !why; i++)
        why = ((const LabObservation *)group->observations->pdata[i])->why;
    if (why)
        g_string_append_printf(text, " (%s)", why);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Runs without a failure: enough of them? */
static void
judge_clean(Job *job, const LabGroup *group, const LabComparison *comparison)
{
    double most = job->policy->max_bad_percent / 100;
    g_autofree char *bound = lab_bound_text(group->bound);

    if (most > 0 && group->bound > most)
        add(job, LAB_GATE_NOT_ENOUGH, group,
            "no failure in %u run%s leaves up to %s possible; the policy asks for %g %%: %u runs",
            group->usable, group->usable == 1 ? "" : "s", bound, job->policy->max_bad_percent,
            lab_bisect_repeats(most, job->gate->analysis->confidence));
    else if (most <= 0 && comparison && comparison->verdict == LAB_VERDICT_SAME_PASS &&
             !comparison->settled)
        add(job, LAB_GATE_NOT_ENOUGH, group, "%s; %u more runs of each would do", comparison->why,
            comparison->more_runs);
    else
        add(job, LAB_GATE_GO, group, "no failure in %u run%s: under %s of runs fail", group->usable,
            group->usable == 1 ? "" : "s", bound);
}

static gboolean
is_as_baseline(const LabComparison *comparison)
{
    return comparison->settled && (comparison->verdict == LAB_VERDICT_STILL_SAME_CRASH ||
                                   comparison->verdict == LAB_VERDICT_STILL_FAILS ||
                                   comparison->verdict == LAB_VERDICT_RATE_CHANGED);
}

/* Bad runs that nobody expected or waived. */
static void
judge_open(Job *job, const LabGroup *group, const LabComparison *comparison, const Bad *bad)
{
    const char *title = bad->first->title ? bad->first->title
                                          : lab_outcome_name(bad->first->outcome);
    gboolean go = strcmp(job->policy->same_as_baseline, "go") == 0;

    if (!comparison)
        add(job, LAB_GATE_NO_GO, group, "%u of %u runs failed, and no baseline ran it: %s",
            bad->open, group->usable, title);
    else if (is_as_baseline(comparison))
        add(job, go ? LAB_GATE_GO : LAB_GATE_NO_GO, group, "as with the baseline: %s",
            comparison->sentence);
    else if (!comparison->settled || comparison->verdict == LAB_VERDICT_INCONCLUSIVE ||
             comparison->verdict == LAB_VERDICT_NOT_COMPARABLE)
        add(job, LAB_GATE_NOT_ENOUGH, group, "%u of %u runs failed (%s). %s", bad->open,
            group->usable, title, comparison->why);
    else
        add(job, LAB_GATE_NO_GO, group, "%s", comparison->sentence);
}

static void
judge_used(Job *job, const LabGroup *group, const LabComparison *comparison, const Bad *bad)
{
    if (bad->open > 0 && comparison && comparison->worse)
        add(job, LAB_GATE_NO_GO, group, "%s", comparison->sentence);
    else if (bad->open > 0)
        judge_open(job, group, comparison, bad);
    else if (bad->waived > 0)
        add(job, LAB_GATE_GO, group, "%u of %u runs failed as it is waived by %s until %s: %s",
            bad->waived, group->usable, bad->waiver->owner, bad->waiver->expires,
            bad->waiver->reason);
    else if (bad->expected > 0)
        add(job, LAB_GATE_GO, group, "%u of %u runs failed as the recipe expects it", bad->expected,
            group->usable);
    else
        judge_clean(job, group, comparison);
}

static gboolean
judge_group(Job *job, const LabGroup *group, GError **error)
{
    const LabComparison *comparison = comparison_of(job, group);
    guint first = job->gate->findings->len;
    Bad bad = {0};

    if (group->usable == 0) {
        g_autofree char *why = hole_why(group);
        gboolean ignored = group->skipped == group->total &&
                           strcmp(job->policy->skipped, "ignore") == 0;

        add(job, ignored ? LAB_GATE_GO : LAB_GATE_NOT_ENOUGH, group, "%s", why)->hole = TRUE;
    } else {
        if (!count_bad(job, group, &bad, error))
            return FALSE;
        judge_used(job, group, comparison, &bad);
    }
    for (guint i = first; i < job->gate->findings->len; i++) {
        LabGateFinding *finding = job->gate->findings->pdata[i];

        finding->comparison = comparison;
        finding->waiver = bad.waiver;
        finding->waived = bad.waived > 0;
    }
    if (group->usable < group->total)
        g_ptr_array_add(job->gate->holes,
                        g_strdup_printf("%s/%s on %s: %u of %u runs say nothing", group->recipe,
                                        group->variant, group->release,
                                        group->total - group->usable, group->total));
    return TRUE;
}

static gboolean
has_required(const Job *job, const char *kernel, const char *required)
{
    const GPtrArray *groups = job->gate->analysis->groups;

    for (guint i = 0; i < groups->len; i++) {
        const LabGroup *group = groups->pdata[i];
        g_autofree char *both = g_strconcat(group->recipe, "/", group->variant, NULL);

        if (strcmp(group->kernel, kernel) == 0 &&
            (strcmp(group->recipe, required) == 0 || strcmp(both, required) == 0))
            return TRUE;
    }
    return FALSE;
}

static gboolean
has_kernel(const Job *job, const char *glob)
{
    const GPtrArray *groups = job->gate->analysis->groups;
    char *globs[] = {(char *)glob, NULL};

    for (guint i = 0; i < groups->len; i++) {
        const LabGroup *group = groups->pdata[i];

        if (matches_any(globs, group->kernel, group->release))
            return TRUE;
    }
    return FALSE;
}

/* Kernels that the policy asks about and the run has not. */
static void
judge_kernels(Job *job)
{
    for (char **glob = job->policy->kernels; *glob; glob++)
        if (!has_kernel(job, *glob))
            add(job, LAB_GATE_NOT_ENOUGH, NULL,
                "the policy judges '%s', and the run has no such kernel", *glob)
                ->hole = TRUE;
    if (job->gate->kernels->len == 0 && !job->policy->kernels[0])
        add(job, LAB_GATE_NOT_ENOUGH, NULL,
            "the run has no kernel beside its baseline: run another with it, or name the one to "
            "judge in the policy's 'kernels'");
}

/* What the run has no cell for at all. */
static void
judge_required(Job *job)
{
    for (guint i = 0; i < job->gate->kernels->len; i++)
        for (char **required = job->policy->require; *required; required++) {
            const char *kernel = job->gate->kernels->pdata[i];

            if (!has_required(job, kernel, *required))
                add(job, LAB_GATE_NOT_ENOUGH, NULL,
                    "the policy requires '%s' on %s, and the run has no cell of it", *required,
                    kernel)
                    ->hole = TRUE;
        }
}

static void
judge_waivers(Job *job)
{
    for (guint i = 0; i < job->policy->waivers->len; i++) {
        const LabWaiver *waiver = job->policy->waivers->pdata[i];

        if (is_expired(job, waiver))
            add(job, LAB_GATE_NO_GO, NULL, "the waiver of %s expired on %s (%s: %s)",
                waiver->signature, waiver->expires, waiver->owner, waiver->reason)
                ->waiver = waiver;
        else if (!g_hash_table_contains(job->used, waiver))
            g_ptr_array_add(job->gate->unused, (gpointer)waiver);
    }
}

static int
by_weight(gconstpointer a, gconstpointer b)
{
    const LabGateFinding *x = *(const LabGateFinding *const *)a;
    const LabGateFinding *y = *(const LabGateFinding *const *)b;

    return (int)y->verdict - (int)x->verdict;
}

static gboolean
judge(Job *job, GError **error)
{
    LabGate *gate = job->gate;

    for (guint i = 0; i < gate->analysis->groups->len; i++) {
        const LabGroup *group = gate->analysis->groups->pdata[i];

        if (!is_judged(job, group))
            continue;
        if (!g_ptr_array_find_with_equal_func(gate->kernels, group->kernel, g_str_equal, NULL))
            g_ptr_array_add(gate->kernels, g_strdup(group->kernel));
        if (!judge_group(job, group, error))
            return FALSE;
    }
    judge_kernels(job);
    judge_required(job);
    judge_waivers(job);
    g_ptr_array_sort(gate->findings, by_weight);
    gate->verdict = ((const LabGateFinding *)gate->findings->pdata[0])->verdict;
    return TRUE;
}

LabGate *
lab_gate_new(LabRun *run, const LabPolicy *policy, const char *today, GError **error)
{
    g_autoptr(LabGate) gate = NULL;
    g_autoptr(GHashTable) used = g_hash_table_new(NULL, NULL);
    GPtrArray *observations = lab_analysis_read_run(run, NULL, error);
    LabAnalysis *analysis = observations ? lab_analysis_new(observations, policy->baseline,
                                                            policy->confidence_percent / 100, error)
                                         : NULL;
    Job job = {.run = run, .policy = policy, .today = today, .used = used};

    if (!analysis)
        return NULL;
    gate = g_new0(LabGate, 1);
    gate->analysis = analysis;
    gate->findings = g_ptr_array_new_with_free_func(finding_free);
    gate->holes = g_ptr_array_new_with_free_func(g_free);
    gate->unused = g_ptr_array_new();
    gate->kernels = g_ptr_array_new_with_free_func(g_free);
    job.gate = gate;
    return judge(&job, error) ? g_steal_pointer(&gate) : NULL;
}

static json_t *
waiver_json(const LabWaiver *waiver)
{
    return waiver
               ? json_pack("{s:o, s:o, s:o, s:o}", "signature", lab_json_text(waiver->signature),
                           "owner", lab_json_text(waiver->owner), "reason",
                           lab_json_text(waiver->reason), "expires", lab_json_text(waiver->expires))
               : json_null();
}

static json_t *
finding_json(const LabGateFinding *finding)
{
    const LabComparison *comparison = finding->comparison;

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "verdict",
                     lab_gate_name(finding->verdict), "kernel", lab_json_text(finding->kernel),
                     "recipe", lab_json_text(finding->recipe), "variant",
                     lab_json_text(finding->variant), "why", lab_json_text(finding->why), "hole",
                     finding->hole, "waived", finding->waived, "comparison",
                     comparison ? json_string(lab_verdict_name(comparison->verdict)) : json_null(),
                     "waiver", waiver_json(finding->waiver));
}

json_t *
lab_gate_to_json(const LabGate *gate)
{
    json_t *findings = json_array(), *holes = json_array(), *unused = json_array();
    json_t *kernels = json_array();

    for (guint i = 0; i < gate->findings->len; i++)
        json_array_append_new(findings, finding_json(gate->findings->pdata[i]));
    for (guint i = 0; i < gate->holes->len; i++)
        json_array_append_new(holes, lab_json_text(gate->holes->pdata[i]));
    for (guint i = 0; i < gate->unused->len; i++)
        json_array_append_new(unused, waiver_json(gate->unused->pdata[i]));
    for (guint i = 0; i < gate->kernels->len; i++)
        json_array_append_new(kernels, lab_json_text(gate->kernels->pdata[i]));
    return json_pack("{s:i, s:s, s:f, s:o, s:o, s:o, s:o, s:o}", "schema_version", 1, "verdict",
                     lab_gate_name(gate->verdict), "confidence", gate->analysis->confidence,
                     "baseline", lab_json_text(gate->analysis->baseline_kernel), "kernels", kernels,
                     "findings", findings, "holes", holes, "unused_waivers", unused);
}

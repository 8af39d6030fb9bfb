/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells that differ in their repetition only: counts, medians, the crash that stands for them. */
#include "lab-analysis-private.h"

#include <math.h>
#include <string.h>

#include "lab-json.h"

static gboolean
is_bad(LabOutcome outcome)
{
    switch (outcome) {
    case LAB_OUTCOME_FAIL:
    case LAB_OUTCOME_CRASH:
    case LAB_OUTCOME_HANG:
    case LAB_OUTCOME_TIMEOUT:
    case LAB_OUTCOME_BOOT_FAILURE:
    case LAB_OUTCOME_LOST:
        return TRUE;
    default:
        return FALSE;
    }
}

static void
column_free(LabColumn *column)
{
    g_array_unref(column->values);
    g_free(column);
}

static LabGroup *
group_new(const char *kernel, const char *release, const char *recipe, const char *variant,
          gboolean baseline)
{
    LabGroup *group = g_new0(LabGroup, 1);

    group->kernel = g_strdup(kernel);
    group->release = g_strdup(release);
    group->recipe = g_strdup(recipe);
    group->variant = g_strdup(variant);
    group->baseline = baseline;
    group->observations = g_ptr_array_new();
    group->columns = g_ptr_array_new_with_free_func((GDestroyNotify)column_free);
    group->time_to_crash_ms = -1;
    return group;
}

LabGroup *
lab_group_new(const LabObservation *first)
{
    return group_new(first->kernel, first->release, first->recipe, first->variant, first->baseline);
}

LabGroup *
lab_group_new_empty(const LabGroup *like)
{
    return group_new(like->kernel, like->release, like->recipe, like->variant, like->baseline);
}

void
lab_group_free(LabGroup *group)
{
    if (!group)
        return;
    g_free(group->kernel);
    g_free(group->release);
    g_free(group->recipe);
    g_free(group->variant);
    g_ptr_array_unref(group->observations);
    g_ptr_array_unref(group->columns);
    if (group->times)
        g_array_unref(group->times);
    json_decref(group->metrics);
    g_free(group);
}

/* A run that did not get there never counts as good; one that crashed on the way did. */
gboolean
lab_observation_is_usable(const LabObservation *one)
{
    return one->state == LAB_STATE_RAN && !one->suspect && one->outcome != LAB_OUTCOME_NONE &&
           one->outcome != LAB_OUTCOME_INCONCLUSIVE &&
           (one->reached || one->outcome != LAB_OUTCOME_PASS);
}

gboolean
lab_observation_is_bad(const LabObservation *one)
{
    return is_bad(one->outcome);
}

static void
count(LabGroup *group, const LabObservation *observation)
{
    group->total++;
    switch (observation->state) {
    case LAB_STATE_INFRA:
        group->infra++;
        return;
    case LAB_STATE_SKIPPED:
        group->skipped++;
        return;
    case LAB_STATE_MISSING:
        group->missing++;
        return;
    case LAB_STATE_RAN:
        break;
    }
    if (observation->suspect) {
        group->suspect++;
        return;
    }
    if (!lab_observation_is_usable(observation)) {
        group->not_reached++;
        return;
    }
    group->usable++;
    group->bad += is_bad(observation->outcome);
    group->crashes += observation->outcome == LAB_OUTCOME_CRASH;
}

/* Of the crashes, the one whose K0 was seen most often, the first of equals. */
static const LabObservation *
commonest_crash(const LabGroup *group)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal); /* K0 -> count */
    const LabObservation *best = NULL;
    guint best_n = 0;

    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < group->observations->len; i++) {
            const LabObservation *one = group->observations->pdata[i];
            const char *k0 = one->k0 ? one->k0 : "";
            guint n;

            if (one->state != LAB_STATE_RAN || one->outcome != LAB_OUTCOME_CRASH)
                continue;
            n = GPOINTER_TO_UINT(g_hash_table_lookup(seen, k0));
            if (pass == 0)
                g_hash_table_insert(seen, (char *)k0, GUINT_TO_POINTER(n + 1));
            else if (n > best_n)
                best = one;
            if (pass == 1)
                best_n = MAX(n, best_n);
        }
    }
    return best;
}

static const LabObservation *
typical(const LabGroup *group)
{
    const LabObservation *crash = commonest_crash(group);
    const LabObservation *bad = NULL;
    const LabObservation *ran = NULL;

    for (guint i = 0; i < group->observations->len && !crash; i++) {
        const LabObservation *one = group->observations->pdata[i];

        if (one->state != LAB_STATE_RAN)
            continue;
        if (!ran)
            ran = one;
        if (!bad && is_bad(one->outcome))
            bad = one;
    }
    return crash ? crash : bad ? bad : ran;
}

static int
compare_doubles(gconstpointer a, gconstpointer b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* The mean of the middle two of an even number. */
static double
median(const GArray *in_turn)
{
    g_autoptr(GArray) values = g_array_copy((GArray *)in_turn);
    guint n = values->len;

    g_array_sort(values, compare_doubles);
    if (n % 2)
        return g_array_index(values, double, n / 2);
    return (g_array_index(values, double, n / 2 - 1) + g_array_index(values, double, n / 2)) / 2;
}

/* Runs without a crash are censored at their end. NULL when a time is not known. */
static GArray *
times_of(const LabGroup *group)
{
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(LabTime));

    for (guint i = 0; i < group->turns; i++) {
        const LabObservation *one = group->observations->pdata[i];
        LabTime time = {.crashed = one->time_to_crash_ms >= 0};

        if (!lab_observation_is_usable(one))
            continue;
        time.time = (double)(time.crashed ? one->time_to_crash_ms : one->exposed_ms);
        if (time.time < 0 || (is_bad(one->outcome) && !time.crashed))
            return NULL;
        g_array_append_val(times, time);
    }
    return times->len ? g_steal_pointer(&times) : NULL;
}

static void
collect_columns(LabGroup *group)
{
    g_autoptr(GHashTable) by_name = g_hash_table_new(NULL, NULL); /* names are interned */

    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];

        for (guint j = 0; j < one->n_values && !one->suspect; j++) {
            LabColumn *column = g_hash_table_lookup(by_name, one->metrics[j].name);

            if (!column) {
                column = g_new0(LabColumn, 1);
                column->name = one->metrics[j].name;
                column->vmstat = j >= one->n_metrics;
                column->values = g_array_new(FALSE, FALSE, sizeof(double));
                g_hash_table_insert(by_name, (char *)column->name, column);
                g_ptr_array_add(group->columns, column);
            }
            g_array_append_val(column->values, one->metrics[j].value);
        }
    }
}

static void
set_medians(LabGroup *group)
{
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(double));

    group->metrics = json_object();
    for (guint i = 0; i < group->columns->len; i++) {
        const LabColumn *column = group->columns->pdata[i];

        if (!column->vmstat)
            json_object_set_new(group->metrics, column->name, json_real(median(column->values)));
    }
    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];
        double time = (double)one->time_to_crash_ms;

        if (one->time_to_crash_ms >= 0)
            g_array_append_val(times, time);
    }
    if (times->len)
        group->time_to_crash_ms = (gint64)median(times);
}

static void
count_turns(LabGroup *group)
{
    const GPtrArray *all = group->observations;

    for (group->turns = 0; group->turns < all->len; group->turns++) {
        const LabObservation *one = all->pdata[group->turns];

        if (one->state == LAB_STATE_MISSING)
            return;
        if (lab_observation_is_usable(one)) {
            group->turns_usable++;
            group->turns_bad += is_bad(one->outcome);
        }
    }
}

void
lab_group_settle(LabGroup *group, double confidence)
{
    for (guint i = 0; i < group->observations->len; i++)
        count(group, group->observations->pdata[i]);
    count_turns(group);
    group->unfinished = group->missing > 0 && group->usable > 0;
    group->adaptive = group->observations->len > 0 &&
                      ((const LabObservation *)group->observations->pdata[0])->adaptive;
    if (group->adaptive || group->unfinished) {
        group->share = lab_share_sequence(group->turns_bad, group->turns_usable, confidence);
        group->bound = group->share.high;
    } else {
        group->share = lab_clopper_pearson(group->bad, group->usable, confidence);
        group->bound = lab_share_bound(group->bad, group->usable, confidence);
    }
    group->times = times_of(group);
    group->typical = typical(group);
    collect_columns(group);
    set_medians(group);
}

double
lab_group_metric(const LabGroup *group, const char *name)
{
    json_t *value = lab_json_member(group->metrics, name);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

LabOutcome
lab_group_outcome_value(const LabGroup *group)
{
    if (!group->usable)
        return group->not_reached || group->suspect ? LAB_OUTCOME_INCONCLUSIVE : LAB_OUTCOME_NONE;
    if (group->bad)
        return group->typical->outcome;
    return LAB_OUTCOME_PASS;
}

char *
lab_group_outcome(const LabGroup *group)
{
    LabOutcome outcome = lab_group_outcome_value(group);

    if (outcome == LAB_OUTCOME_INCONCLUSIVE && group->suspect > group->not_reached)
        return g_strdup_printf("suspect %u of %u", group->suspect, group->total);
    if (outcome == LAB_OUTCOME_INCONCLUSIVE)
        return g_strdup_printf("not reached in %u of %u", group->not_reached, group->total);
    if (outcome == LAB_OUTCOME_NONE)
        return g_strdup(group->skipped ? "skipped" : group->infra ? "infra" : "missing");
    return g_strdup_printf("%s %u of %u", lab_outcome_name(outcome),
                           outcome == LAB_OUTCOME_PASS ? group->usable : group->bad, group->usable);
}

char *
lab_number_text(double value)
{
    g_autofree char *digits = NULL;
    GString *text;
    gsize n;

    if (!isfinite(value))
        return g_strdup("–");
    if (fabs(value) < 100 && fabs(value - round(value)) > 1e-9)
        return g_strdup_printf("%.3g", value);
    digits = g_strdup_printf("%.0f", fabs(value));
    n = strlen(digits);
    text = g_string_new(value < 0 ? "-" : "");
    for (gsize i = 0; i < n; i++) {
        /* U+202F: a number is not broken over two lines. */
        if (i && (n - i) % 3 == 0)
            g_string_append(text, "\xe2\x80\xaf");
        g_string_append_c(text, digits[i]);
    }
    return g_string_free(text, FALSE);
}

char *
lab_share_text(double share)
{
    double percent = share * 100;

    if (percent > 0 && percent < 1)
        return g_strdup_printf("%.2g %%", percent);
    if (percent > 99 && percent < 100)
        return g_strdup_printf("%.4g %%", percent);
    return g_strdup_printf("%.0f %%", percent);
}

char *
lab_bound_text(double share)
{
    double percent = share * 100;
    double step = percent > 99 ? 0.01 : 1;

    if (percent > 0 && percent < 1)
        step = pow(10, floor(log10(percent)) - 1);
    return lab_share_text(MAX(ceil(percent / step - 1e-9), 0) * step / 100);
}

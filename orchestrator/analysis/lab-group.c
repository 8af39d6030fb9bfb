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

LabGroup *
lab_group_new(const LabObservation *first)
{
    LabGroup *group = g_new0(LabGroup, 1);

    group->kernel = g_strdup(first->kernel);
    group->release = g_strdup(first->release);
    group->recipe = g_strdup(first->recipe);
    group->variant = g_strdup(first->variant);
    group->baseline = first->baseline;
    group->observations = g_ptr_array_new();
    group->time_to_crash_ms = -1;
    return group;
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
    json_decref(group->metrics);
    g_free(group);
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
    /* A run that did not get there never counts as good; one that crashed on the way did. */
    if (observation->outcome == LAB_OUTCOME_NONE ||
        observation->outcome == LAB_OUTCOME_INCONCLUSIVE ||
        (!observation->reached && observation->outcome == LAB_OUTCOME_PASS)) {
        group->not_reached++;
        return;
    }
    group->usable++;
    group->bad += is_bad(observation->outcome);
    group->crashes += observation->outcome == LAB_OUTCOME_CRASH;
}

/* How many crashes of the group have this one's K0. */
static guint
times_seen(const LabGroup *group, const LabObservation *crash)
{
    guint n = 0;

    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *other = group->observations->pdata[i];

        n += other->outcome == LAB_OUTCOME_CRASH && g_strcmp0(other->k0, crash->k0) == 0;
    }
    return n;
}

static const LabObservation *
typical(const LabGroup *group)
{
    const LabObservation *best = NULL;
    const LabObservation *bad = NULL;
    const LabObservation *ran = NULL;
    guint best_n = 0;

    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];

        if (one->state != LAB_STATE_RAN)
            continue;
        if (!ran)
            ran = one;
        if (!bad && is_bad(one->outcome))
            bad = one;
        if (one->outcome == LAB_OUTCOME_CRASH && times_seen(group, one) > best_n) {
            best = one;
            best_n = times_seen(group, one);
        }
    }
    return best ? best : bad ? bad : ran;
}

static int
compare_doubles(gconstpointer a, gconstpointer b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* Sorts 'values'; the mean of the middle two of an even number. */
static double
median(GArray *values)
{
    guint n = values->len;

    g_array_sort(values, compare_doubles);
    if (n % 2)
        return g_array_index(values, double, n / 2);
    return (g_array_index(values, double, n / 2 - 1) + g_array_index(values, double, n / 2)) / 2;
}

static void
set_median(LabGroup *group, const char *name)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));

    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];
        json_t *value = lab_json_member(one->metrics, name);
        double number = json_number_value(value);

        if (json_is_number(value) && isfinite(number))
            g_array_append_val(values, number);
    }
    if (values->len)
        json_object_set_new(group->metrics, name, json_real(median(values)));
}

static void
set_medians(LabGroup *group)
{
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(double));

    group->metrics = json_object();
    for (guint i = 0; i < group->observations->len; i++) {
        const LabObservation *one = group->observations->pdata[i];
        const char *name;
        json_t *value;

        if (one->time_to_crash_ms >= 0) {
            double time = (double)one->time_to_crash_ms;

            g_array_append_val(times, time);
        }
        if (!one->metrics)
            continue;
        json_object_foreach (one->metrics, name, value)
            if (!json_object_get(group->metrics, name))
                set_median(group, name);
    }
    if (times->len)
        group->time_to_crash_ms = (gint64)median(times);
}

void
lab_group_settle(LabGroup *group)
{
    for (guint i = 0; i < group->observations->len; i++)
        count(group, group->observations->pdata[i]);
    group->typical = typical(group);
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
        return group->not_reached ? LAB_OUTCOME_INCONCLUSIVE : LAB_OUTCOME_NONE;
    if (group->bad)
        return group->typical->outcome;
    return LAB_OUTCOME_PASS;
}

char *
lab_group_outcome(const LabGroup *group)
{
    LabOutcome outcome = lab_group_outcome_value(group);

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

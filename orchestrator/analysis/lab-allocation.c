/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-allocation-private.h"

#include <math.h>

/* What is expected is looked at again when so much of the budget is left of what there was. */
#define STALE 0.9

static void
group_free(Group *group)
{
    g_free(group->told);
    g_free(group->crash_of);
    g_ptr_array_unref(group->crashes);
    g_byte_array_unref(group->bad);
    g_ptr_array_unref(group->comparisons);
    g_free(group);
}

static void
comparison_free(Comparison *comparison)
{
    g_array_unref(comparison->titles);
    g_free(comparison);
}

LabAllocation *
lab_allocation_new(const LabAdaptive *adaptive)
{
    LabAllocation *allocation = g_new0(LabAllocation, 1);

    allocation->adaptive = *adaptive;
    allocation->rule = (LabSequentialRule){
        .alpha = 1 - adaptive->confidence,
        .beta = 1 - adaptive->power,
        .effect = adaptive->effect,
    };
    allocation->groups = g_ptr_array_new_with_free_func((GDestroyNotify)group_free);
    allocation->comparisons = g_ptr_array_new_with_free_func((GDestroyNotify)comparison_free);
    allocation->names = g_string_chunk_new(256);
    allocation->order = g_sequence_new(NULL);
    g_queue_init(&allocation->settled);
    allocation->left = INFINITY;
    allocation->first = 1;
    return allocation;
}

void
lab_allocation_free(LabAllocation *allocation)
{
    if (!allocation)
        return;
    g_sequence_free(allocation->order);
    g_queue_clear(&allocation->settled);
    g_ptr_array_unref(allocation->comparisons);
    g_ptr_array_unref(allocation->groups);
    g_string_chunk_free(allocation->names);
    g_free(allocation);
}

guint
lab_allocation_add(LabAllocation *allocation, int repetitions)
{
    Group *group = g_new0(Group, 1);

    group->number = allocation->groups->len;
    group->repetitions = repetitions;
    group->told = g_new0(guint8, (gsize)repetitions + 1);
    group->next = 1;
    group->next_spare = allocation->adaptive.min + 1;
    group->first = MIN(allocation->adaptive.min, repetitions);
    group->waiting = (guint)repetitions;
    group->crash_of = g_new0(const char *, (gsize)repetitions + 1);
    group->crashes = g_ptr_array_new();
    group->bad = g_byte_array_new();
    group->comparisons = g_ptr_array_new();
    group->cost = 1;
    lab_allocation_weigh(group);
    allocation->first_most = MAX(allocation->first_most, group->first);
    g_ptr_array_add(allocation->groups, group);
    return group->number;
}

/* The highest score first, then the plan's order. */
static int
compare_groups(gconstpointer one, gconstpointer other, gpointer data)
{
    const Group *a = one, *b = other;
    int order = lab_allocation_order(b->score, a->score);

    return order ? order : (a->number > b->number) - (a->number < b->number);
}

static void
set_part(Group *group, double *part, double now)
{
    if (lab_allocation_order(*part, now) == 0)
        return;
    group->wants += (now > 0) - (*part > 0);
    group->score = group->wants > 0 ? MAX(group->score + now - *part, 0) : 0;
    *part = now;
    g_sequence_sort_changed(group->place, compare_groups, NULL);
}

/* A pair needs a run of each side; the side that is ahead has its own already. */
void
lab_allocation_refresh(const LabAllocation *allocation, Comparison *comparison)
{
    Group *a = comparison->a, *b = comparison->b;
    guint n_a = lab_allocation_progress(a), n_b = lab_allocation_progress(b);
    double gain = comparison->told.state == LAB_ALLOCATION_OPEN
                      ? lab_allocation_gain(comparison, allocation->left)
                      : 0;
    double cost = (n_a <= n_b ? a->cost : 0) + (n_b <= n_a ? b->cost : 0);

    set_part(a, &comparison->part_a, n_a <= n_b ? gain / cost : 0);
    set_part(b, &comparison->part_b, n_b <= n_a ? gain / cost : 0);
}

void
lab_allocation_compare(LabAllocation *allocation, guint baseline, guint candidate,
                       gboolean variants)
{
    Comparison *comparison = g_new0(Comparison, 1);
    Group *groups[] = {allocation->groups->pdata[baseline], allocation->groups->pdata[candidate]};

    comparison->told = (LabAllocationComparison){baseline, candidate, variants, .more_pairs = 0};
    comparison->titles = g_array_new(FALSE, FALSE, sizeof(Title));
    comparison->a = groups[0];
    comparison->b = groups[1];
    g_ptr_array_add(allocation->comparisons, comparison);
    allocation->rule.alpha = (1 - allocation->adaptive.confidence) / allocation->comparisons->len;
    for (int i = 0; i < 2; i++) {
        g_ptr_array_add(groups[i]->comparisons, comparison);
        groups[i]->open++;
        if (!groups[i]->place)
            groups[i]->place =
                g_sequence_insert_sorted(allocation->order, groups[i], compare_groups, NULL);
    }
    lab_allocation_expect(comparison, &allocation->rule);
    lab_allocation_refresh(allocation, comparison);
}

void
lab_allocation_refresh_all(const LabAllocation *allocation, const GPtrArray *comparisons)
{
    for (guint i = 0; i < comparisons->len; i++)
        if (((Comparison *)comparisons->pdata[i])->told.state == LAB_ALLOCATION_OPEN)
            lab_allocation_refresh(allocation, comparisons->pdata[i]);
}

void
lab_allocation_set_cost(LabAllocation *allocation, guint number, double cost)
{
    Group *group = allocation->groups->pdata[number];

    if (lab_allocation_order(group->cost, cost) == 0 || !(cost > 0))
        return;
    group->cost = cost;
    lab_allocation_refresh_all(allocation, group->comparisons);
}

void
lab_allocation_set_left(LabAllocation *allocation, double left)
{
    if (left > allocation->left * STALE && !isinf(allocation->left))
        return;
    allocation->left = MAX(left, 0);
    lab_allocation_refresh_all(allocation, allocation->comparisons);
}

guint
lab_allocation_n_comparisons(const LabAllocation *allocation)
{
    return allocation->comparisons->len;
}

const LabAllocationComparison *
lab_allocation_comparison(const LabAllocation *allocation, guint i)
{
    return &((Comparison *)allocation->comparisons->pdata[i])->told;
}

guint
lab_allocation_count(const LabAllocation *allocation, guint number,
                     guint counts[LAB_ALLOCATION_STATES])
{
    const GPtrArray *comparisons = ((const Group *)allocation->groups->pdata[number])->comparisons;

    for (guint i = 0; i < comparisons->len; i++)
        counts[((const Comparison *)comparisons->pdata[i])->told.state]++;
    return comparisons->len;
}

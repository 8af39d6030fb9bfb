/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-allocation-private.h"

#include <math.h>

/* In Group.told, beside LabTold. */
enum { WAITS, RUNS, SPARED, TOLD };

/* What is expected is looked at again when so much of the budget is left of what there was. */
#define STALE 0.9

struct LabAllocation {
    LabAdaptive adaptive;
    LabSequentialRule rule;
    GPtrArray *groups;      /* Group */
    GPtrArray *comparisons; /* Comparison */
    GSequence *order;       /* Group, those that are compared, the highest score first */
    gboolean ended;
    GQueue settled; /* Group whose further repetitions are spared */
    double left;
    int first, first_most;     /* where the first repetitions have got to, and how far they go */
    guint first_group, single; /* the group there, and among those that nobody compares */
};

static void
group_free(Group *group)
{
    g_free(group->told);
    g_byte_array_unref(group->bad);
    g_ptr_array_unref(group->comparisons);
    g_free(group);
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
    allocation->comparisons = g_ptr_array_new_with_free_func(g_free);
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
static void
refresh(const LabAllocation *allocation, Comparison *comparison)
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
    refresh(allocation, comparison);
}

static void
refresh_all(const LabAllocation *allocation, const GPtrArray *comparisons)
{
    for (guint i = 0; i < comparisons->len; i++)
        if (((Comparison *)comparisons->pdata[i])->told.state == LAB_ALLOCATION_OPEN)
            refresh(allocation, comparisons->pdata[i]);
}

void
lab_allocation_set_cost(LabAllocation *allocation, guint number, double cost)
{
    Group *group = allocation->groups->pdata[number];

    if (lab_allocation_order(group->cost, cost) == 0 || !(cost > 0))
        return;
    group->cost = cost;
    refresh_all(allocation, group->comparisons);
}

void
lab_allocation_set_left(LabAllocation *allocation, double left)
{
    if (left > allocation->left * STALE && !isinf(allocation->left))
        return;
    allocation->left = MAX(left, 0);
    refresh_all(allocation, allocation->comparisons);
}

static void
close_group(LabAllocation *allocation, Group *group)
{
    if (--group->open == 0)
        g_queue_push_tail(&allocation->settled, group);
}

static gboolean
is_unable(const LabAllocation *allocation, const Group *group)
{
    return group->bad->len == 0 && group->unable >= (guint)group->first && group->unable > 0 &&
           group->known >= group->first;
}

static LabAllocationState
judge(const LabAllocation *allocation, const Comparison *comparison)
{
    const Group *a = comparison->a, *b = comparison->b;
    const LabSequential *test = &comparison->told.test;
    LabSequentialState state = lab_sequential_state(test, &allocation->rule);

    if (test->pairs >= (guint)allocation->adaptive.min && state != LAB_SEQUENTIAL_OPEN)
        return state == LAB_SEQUENTIAL_DIFFER ? LAB_ALLOCATION_DIFFER : LAB_ALLOCATION_ALIKE;
    if (is_unable(allocation, a) || is_unable(allocation, b))
        return LAB_ALLOCATION_UNABLE;
    if (MIN(lab_allocation_progress(a) + a->waiting, lab_allocation_progress(b) + b->waiting) <=
        test->pairs)
        return LAB_ALLOCATION_EXHAUSTED;
    return LAB_ALLOCATION_OPEN;
}

static void
settle(LabAllocation *allocation, Comparison *comparison)
{
    const GByteArray *a = comparison->a->bad, *b = comparison->b->bad;
    LabSequential *test = &comparison->told.test;

    while (test->pairs < MIN(a->len, b->len))
        lab_sequential_add(test, &allocation->rule, a->data[test->pairs], b->data[test->pairs]);
    comparison->told.state = judge(allocation, comparison);
    if (comparison->told.state == LAB_ALLOCATION_OPEN) {
        lab_allocation_expect(comparison, &allocation->rule);
    } else {
        close_group(allocation, comparison->a);
        close_group(allocation, comparison->b);
    }
    refresh(allocation, comparison);
}

/* Up to the first that is not told: what crashes is known sooner than what passes, so results out
 * of turn would look worse than the runs are. */
static void
take_known(Group *group)
{
    while (group->known < group->repetitions && group->told[group->known + 1] >= TOLD) {
        LabTold told = group->told[++group->known] - TOLD;
        guint8 bad = told == LAB_TOLD_BAD;

        if (told < LAB_TOLD_GOOD)
            continue;
        g_byte_array_append(group->bad, &bad, 1);
        group->n_bad += bad;
    }
    lab_allocation_weigh(group);
}

void
lab_allocation_tell(LabAllocation *allocation, guint number, int repetition, LabTold told)
{
    Group *group = allocation->groups->pdata[number];
    guint8 *place = &group->told[repetition];

    group->running -= *place == RUNS;
    group->waiting -= *place == WAITS;
    group->usable += told >= LAB_TOLD_GOOD;
    group->unable += told == LAB_TOLD_UNABLE;
    /* Of an earlier session: what it left out below this one comes first. */
    if (*place == WAITS)
        group->first = MAX(group->first, repetition);
    allocation->first_most = MAX(allocation->first_most, group->first);
    *place = TOLD + told;
    take_known(group);
    for (guint i = 0; i < group->comparisons->len; i++) {
        Comparison *comparison = group->comparisons->pdata[i];

        if (comparison->told.state == LAB_ALLOCATION_OPEN)
            settle(allocation, comparison);
    }
}

static gboolean
waits(Group *group, int *next)
{
    while (*next <= group->repetitions && group->told[*next] != WAITS)
        (*next)++;
    return *next <= group->repetitions;
}

static gboolean
is_compared_out(const Group *group)
{
    return group->comparisons->len > 0 && group->open == 0;
}

static gboolean
next_spared(LabAllocation *allocation, LabAllocationStep *step)
{
    Group *group;

    while ((group = g_queue_peek_head(&allocation->settled))) {
        if (waits(group, &group->next_spare)) {
            *step = (LabAllocationStep){group->number, group->next_spare, TRUE};
            return TRUE;
        }
        g_queue_pop_head(&allocation->settled);
    }
    return FALSE;
}

/* The least number of each: the first ones of all, then the second ones… */
static gboolean
next_first(LabAllocation *allocation, LabAllocationStep *step)
{
    for (; allocation->first <= allocation->first_most; allocation->first++) {
        for (; allocation->first_group < allocation->groups->len; allocation->first_group++) {
            const Group *group = allocation->groups->pdata[allocation->first_group];

            if (allocation->first > group->first || group->told[allocation->first] != WAITS ||
                (allocation->first > allocation->adaptive.min && is_compared_out(group)))
                continue;
            *step = (LabAllocationStep){group->number, allocation->first, FALSE};
            return TRUE;
        }
        allocation->first_group = 0;
    }
    return FALSE;
}

/* What nobody compares is run for its own share's sake. */
static gboolean
next_single(LabAllocation *allocation, LabAllocationStep *step)
{
    for (; allocation->single < allocation->groups->len; allocation->single++) {
        Group *group = allocation->groups->pdata[allocation->single];

        if (group->comparisons->len > 0 || !waits(group, &group->next))
            continue;
        *step = (LabAllocationStep){group->number, group->next, FALSE};
        return TRUE;
    }
    return FALSE;
}

gboolean
lab_allocation_next(LabAllocation *allocation, LabAllocationStep *step)
{
    GSequenceIter *top = g_sequence_get_begin_iter(allocation->order);
    Group *group = g_sequence_iter_is_end(top) ? NULL : g_sequence_get(top);

    if (next_spared(allocation, step))
        return TRUE;
    if (allocation->ended)
        return FALSE;
    if (next_first(allocation, step))
        return TRUE;
    if (group && group->wants > 0 && waits(group, &group->next)) {
        *step = (LabAllocationStep){group->number, group->next, FALSE};
        return TRUE;
    }
    return next_single(allocation, step);
}

void
lab_allocation_take(LabAllocation *allocation, const LabAllocationStep *step)
{
    Group *group = allocation->groups->pdata[step->group];

    group->told[step->repetition] = step->spare ? SPARED : RUNS;
    group->waiting--;
    group->running += !step->spare;
    refresh_all(allocation, group->comparisons);
}

void
lab_allocation_end(LabAllocation *allocation)
{
    if (allocation->ended)
        return;
    allocation->ended = TRUE;
    for (guint i = 0; i < allocation->groups->len; i++) {
        Group *group = allocation->groups->pdata[i];

        group->next_spare = 1;
        g_queue_push_tail(&allocation->settled, group);
    }
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What results say of the comparisons. */
#include "lab-allocation-private.h"

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
    lab_allocation_refresh(allocation, comparison);
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

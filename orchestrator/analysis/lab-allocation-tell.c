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
is_unable(const Group *group)
{
    return group->bad->len == 0 && group->unable >= (guint)group->first && group->unable > 0 &&
           group->known >= group->first;
}

static LabAllocationState
judge(const LabAllocation *allocation, Comparison *comparison)
{
    const Group *a = comparison->a, *b = comparison->b;
    const LabSequential *test = &comparison->told.test;
    LabSequentialState state = lab_sequential_state(test, &allocation->rule);
    gboolean settled = test->pairs >= (guint)allocation->adaptive.min &&
                       state != LAB_SEQUENTIAL_OPEN;

    comparison->title_pairs =
        settled ? lab_allocation_title_pairs(comparison, &allocation->rule,
                                             lab_allocation_most(comparison) - test->pairs)
                : 0;
    if (settled && comparison->title_pairs <= 0)
        return state == LAB_SEQUENTIAL_DIFFER ? LAB_ALLOCATION_DIFFER : LAB_ALLOCATION_ALIKE;
    if (is_unable(a) || is_unable(b))
        return LAB_ALLOCATION_UNABLE;
    return lab_allocation_most(comparison) <= test->pairs ? LAB_ALLOCATION_EXHAUSTED
                                                          : LAB_ALLOCATION_OPEN;
}

static void
settle(LabAllocation *allocation, Comparison *comparison)
{
    const Group *a = comparison->a, *b = comparison->b;
    LabSequential *test = &comparison->told.test;

    while (test->pairs < MIN(a->bad->len, b->bad->len)) {
        guint i = test->pairs;

        lab_sequential_add(test, &allocation->rule, a->bad->data[i], b->bad->data[i]);
        lab_allocation_take_titles(comparison, &allocation->rule, a->crashes->pdata[i],
                                   b->crashes->pdata[i]);
    }
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
        g_ptr_array_add(group->crashes, (gpointer)group->crash_of[group->known]);
        group->n_bad += bad;
    }
    lab_allocation_weigh(group);
}

void
lab_allocation_tell(LabAllocation *allocation, guint number, int repetition, LabTold told,
                    const char *crash)
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
    if (told == LAB_TOLD_BAD && crash)
        group->crash_of[repetition] = g_string_chunk_insert_const(allocation->names, crash);
    take_known(group);
    for (guint i = 0; i < group->comparisons->len; i++) {
        Comparison *comparison = group->comparisons->pdata[i];

        if (comparison->told.state == LAB_ALLOCATION_OPEN)
            settle(allocation, comparison);
    }
}

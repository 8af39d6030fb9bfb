/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which repetition is run next, or spared. */
#include "lab-allocation-private.h"

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
    lab_allocation_refresh_all(allocation, group->comparisons);
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

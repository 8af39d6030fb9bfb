/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-queue.h"

#include <stdlib.h>

/* The part of a job's work that the longest of the rest may be. */
#define SHORT_SHARE 8

typedef struct {
    guint cells;
    gint64 work_ms;
    guint first; /* index of its first cell */
} Group;

struct LabQueue {
    LabEstimate *estimate;
    GQueue cells;       /* LabRunCell, borrowed */
    GPtrArray *links;   /* of each in 'cells', by index; NULL: it is not there */
    GHashTable *groups; /* share (borrowed) -> Group */
    const LabRunCell *largest;
};

typedef struct {
    const LabRunCell *cell;
    const Group *group; /* NULL: long, goes by itself */
    gint64 expected_ms;
} Place;

LabQueue *
lab_queue_new(LabEstimate *estimate)
{
    LabQueue *queue = g_new0(LabQueue, 1);

    queue->estimate = estimate;
    g_queue_init(&queue->cells);
    queue->links = g_ptr_array_new();
    queue->groups = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    return queue;
}

void
lab_queue_free(LabQueue *queue)
{
    if (!queue)
        return;
    g_queue_clear(&queue->cells);
    g_ptr_array_unref(queue->links);
    g_hash_table_unref(queue->groups);
    g_free(queue);
}

static void
put_at(LabQueue *queue, const LabRunCell *cell, guint n)
{
    GList *link = g_list_prepend(NULL, (gpointer)cell);

    if (cell->index >= queue->links->len)
        g_ptr_array_set_size(queue->links, (int)cell->index + 1);
    queue->links->pdata[cell->index] = link;
    g_queue_push_nth_link(&queue->cells, (int)n, link);
}

void
lab_queue_add(LabQueue *queue, const LabRunCell *cell)
{
    Group *group = g_hash_table_lookup(queue->groups, cell->share);

    if (!group) {
        group = g_new0(Group, 1);
        group->first = cell->index;
        g_hash_table_insert(queue->groups, (char *)cell->share, group);
    }
    group->cells++;
    if (!cell->replay && (!queue->largest || cell->memory_bytes > queue->largest->memory_bytes))
        queue->largest = cell;
    put_at(queue, cell, queue->cells.length);
    lab_estimate_wait(queue->estimate, cell, 1);
}

void
lab_queue_add_soon(LabQueue *queue, const LabRunCell *cell, guint before)
{
    put_at(queue, cell, before);
    lab_estimate_wait(queue->estimate, cell, 1);
}

/* NULL: long ones; they go first. */
static int
compare_groups(const Group *a, const Group *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    if (a->work_ms != b->work_ms)
        return a->work_ms > b->work_ms ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

static int
compare_places(const void *a, const void *b)
{
    const Place *one = a;
    const Place *other = b;
    int order = one->group == other->group ? 0 : compare_groups(one->group, other->group);

    if (order != 0)
        return order;
    if (one->expected_ms != other->expected_ms)
        return one->expected_ms > other->expected_ms ? -1 : 1;
    return (one->cell->index > other->cell->index) - (one->cell->index < other->cell->index);
}

void
lab_queue_sort(LabQueue *queue, int jobs)
{
    guint n = queue->cells.length;
    g_autofree Place *places = g_new(Place, MAX(n, 1));
    gint64 sum_ms = 0, short_ms;

    for (guint i = 0; i < n; i++) {
        Place *place = &places[i];

        place->cell = g_queue_pop_head(&queue->cells);
        ((Group *)g_hash_table_lookup(queue->groups, place->cell->share))->work_ms = 0;
        place->expected_ms = lab_estimate_ms(queue->estimate, place->cell->kernel,
                                             place->cell->recipe, place->cell->variant,
                                             place->cell->guess_ms);
        sum_ms += place->expected_ms;
    }
    short_ms = sum_ms / MAX(jobs, 1) / SHORT_SHARE;
    for (guint i = 0; i < n; i++) {
        Group *group = g_hash_table_lookup(queue->groups, places[i].cell->share);

        places[i].group = places[i].expected_ms > short_ms ? NULL : group;
        group->work_ms += places[i].expected_ms;
    }
    qsort(places, n, sizeof *places, compare_places);
    for (guint i = 0; i < n; i++)
        put_at(queue, places[i].cell, i);
}

const LabRunCell *
lab_queue_peek(const LabQueue *queue, guint n)
{
    return g_queue_peek_nth((GQueue *)&queue->cells, n);
}

void
lab_queue_take(LabQueue *queue, const LabRunCell *cell)
{
    g_queue_delete_link(&queue->cells, queue->links->pdata[cell->index]);
    queue->links->pdata[cell->index] = NULL;
    lab_estimate_wait(queue->estimate, cell, -1);
}

guint
lab_queue_length(const LabQueue *queue)
{
    return queue->cells.length;
}

const LabRunCell *
lab_queue_largest(const LabQueue *queue)
{
    return queue->largest;
}

guint
lab_queue_sharers(const LabQueue *queue, const LabRunCell *cell)
{
    const Group *group = g_hash_table_lookup(queue->groups, cell->share);

    return group ? group->cells : 0;
}

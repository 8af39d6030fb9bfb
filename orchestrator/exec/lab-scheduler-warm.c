/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warm or cold? A template costs a boot, its saving and the space of its memory on disk: it is
 * worth that when it is there already, or when three cells of this run will use it. A cell that
 * failed for the lab's reasons boots: its template or its clone may have been the reason.
 */
#include <fcntl.h>
#include <string.h>

#include "lab-file.h"
#include "lab-scheduler-private.h"

#define WORTH_A_TEMPLATE 3

/* A template that earlier cells with this share ran from is still in the cache. Looked up once a
 * share. */
static gboolean
is_cached(LabScheduler *scheduler, const char *share)
{
    gpointer known;
    gboolean found = FALSE;
    g_auto(GStrv) keys = NULL;

    if (g_hash_table_lookup_extended(scheduler->cached, share, NULL, &known))
        return GPOINTER_TO_INT(known);
    keys = scheduler->index ? lab_index_templates(scheduler->index, share) : NULL;
    for (char **key = keys; key && *key && !found; key++) {
        g_autofree char *path =
            g_build_filename(scheduler->paths->cache, "templates", *key, "template.json", NULL);

        found = !strchr(*key, '/') && lab_file_exists(AT_FDCWD, path);
    }
    g_hash_table_insert(scheduler->cached, (char *)share, GINT_TO_POINTER(found));
    return found;
}

const char *
lab_scheduler_why_cold(LabScheduler *scheduler, const LabRunCell *cell)
{
    if (!cell->may_be_warm)
        return "it never runs from a clone";
    if (scheduler->failed[cell->index] > 0)
        return "its last attempt failed for the lab's reasons";
    if (lab_queue_sharers(scheduler->queue, cell) >= (guint)(WORTH_A_TEMPLATE * cell->templates) ||
        is_cached(scheduler, cell->share))
        return NULL;
    return "fewer than three cells of the run would share its template";
}

/* Each of the others that run takes one before this worker is free again; which ones a chooser
 * takes then nobody knows: the one that it would take now is the likeliest. */
static const LabRunCell *
likely_next(LabScheduler *scheduler)
{
    const LabCellChooser *chooser = scheduler->options.chooser;
    const LabRunCell *next = NULL;
    const char *why;

    if (chooser && lab_queue_length(scheduler->queue) > 0)
        return chooser->next(&next, &why, chooser->data) == LAB_CELL_RUN ? next : NULL;
    next = lab_queue_peek(scheduler->queue, (guint)MAX(scheduler->jobs - 1, 0));
    return next ? next : lab_queue_peek(scheduler->queue, 0);
}

LabCell *
lab_scheduler_cell_ahead(LabScheduler *scheduler, LabSlot *slot)
{
    const LabRunCell *next = likely_next(scheduler);

    if (!next || lab_scheduler_why_cold(scheduler, slot->cell) ||
        lab_scheduler_why_cold(scheduler, next))
        return NULL;
    slot->ahead_bytes = lab_scheduler_room_ahead(scheduler, slot->cell, next);
    return slot->ahead_bytes > 0 ? lab_run_read_cell(scheduler->run, next, NULL) : NULL;
}

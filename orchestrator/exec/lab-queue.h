/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cells that wait, in the order in which they are to start:
 *
 *   - cells that take long first, longest first, so that none of them is left for the end. Long is
 *     what is more than an eighth of what each job has to do: with the rest in any order, the last
 *     job ends at most that eighth after the first one;
 *   - then the others, by the boot that they can share (LabRunCell.share), the group with the most
 *     to do first, so that few templates are in use at a time.
 *
 * Equal ones keep the running order. All costs are constant a cell, but for the one sort.
 */
#pragma once

#include "lab-estimate.h"

typedef struct LabQueue LabQueue;

/* 'estimate' is borrowed; it is told of what waits. */
LabQueue *lab_queue_new(LabEstimate *estimate);
void lab_queue_free(LabQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabQueue, lab_queue_free)

/* Adds at the end. 'cell' is borrowed. */
void lab_queue_add(LabQueue *queue, const LabRunCell *cell);
/* Puts all that waits in order, for so many jobs. */
void lab_queue_sort(LabQueue *queue, int jobs);
/* Puts it in so that 'before' others go first: an attempt is made again, but not at once. */
void lab_queue_add_soon(LabQueue *queue, const LabRunCell *cell, guint before);

/* The n-th from now, 0 is the next; NULL when there is none. */
const LabRunCell *lab_queue_peek(const LabQueue *queue, guint n);
/* Takes one that is in it out. */
void lab_queue_take(LabQueue *queue, const LabRunCell *cell);
guint lab_queue_length(const LabQueue *queue);
/* Of the cells that were ever put in, the one with the largest guest, recorded ones apart; or NULL.
 */
const LabRunCell *lab_queue_largest(const LabQueue *queue);
/* How many cells with this cell's share were ever put in: so many can use one template. */
guint lab_queue_sharers(const LabQueue *queue, const LabRunCell *cell);

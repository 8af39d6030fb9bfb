/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the kernel keeps its tasks. */
#pragma once

#include "lab-stack-tasks.h"

typedef struct {
    LabStackKernel *kernel;
    LabCoreStacks *stacks;
    GHashTable *by_address; /* guint64 -> LabCoreTask of 'stacks' */
    guint bad;
    guint steps; /* over lists, all in all */
    gboolean circles;
    gboolean again; /* meeting a task a second time is no wonder */
} LabStackListing;

/* Adds the task at 'address', without its stack. FALSE: the list that led to it leads no further.
 */
gboolean lab_stack_list_task(LabStackListing *listing, guint64 address);
/* All but the idle tasks. */
void lab_stack_list_tasks(LabStackListing *listing);

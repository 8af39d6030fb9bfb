/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long cells are expected to take: from the index, from this run as it goes, else a guess. */
#pragma once

#include "lab-index.h"

typedef struct LabEstimate LabEstimate;

/* 'index' is borrowed and may be NULL. */
LabEstimate *lab_estimate_new(LabIndex *index);
void lab_estimate_free(LabEstimate *estimate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabEstimate, lab_estimate_free)

/* 'guess_ms' is taken for a kind of cell that was never seen, made better by how far such guesses
 * were off until now. */
gint64 lab_estimate_ms(LabEstimate *estimate, const char *kernel, const char *recipe,
                       const char *variant, gint64 guess_ms);

/* A cell of this kind took so long. */
void lab_estimate_learn(LabEstimate *estimate, const LabRunCell *cell, gint64 duration_ms);

/* One more cell of this kind waits, or one less (n is 1 or -1). */
void lab_estimate_wait(LabEstimate *estimate, const LabRunCell *cell, int n);

/* The time that all waiting cells take together. Takes no longer for many cells. */
gint64 lab_estimate_waiting_ms(const LabEstimate *estimate);

/* Jobs that this machine can run at once, by its cores and its free memory, when the smallest cell
 * asks for so much; the scheduler holds each start against what the running ones take. At least
 * 1. */
int lab_estimate_jobs(int cpus, guint64 memory_bytes);

/* What guests may take of so much: less a reserve for the host. */
guint64 lab_estimate_usable_bytes(guint64 bytes);
/* Memory that a cell needs at most: what its guest was promised and what QEMU and the worker take
 * beside it, until cells of its kind were seen; then what those had, and a margin. */
guint64 lab_estimate_need_bytes(LabEstimate *estimate, const LabRunCell *cell);
/* A cell of this kind had so much resident at most. */
void
lab_estimate_learn_memory(LabEstimate *estimate, const LabRunCell *cell, guint64 resident_bytes);
/* A guest's memory with what QEMU and the worker need beside it. */
guint64 lab_estimate_cell_memory_bytes(guint64 guest_bytes);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-estimate.h"

#include "lab-host.h"

#define GUEST_OVERHEAD \
    (160ull << 20)                 /* QEMU, its buffers and the worker beside the guest's memory */
#define REPLAY_BYTES (32ull << 20) /* a worker without a guest */
#define HOST_RESERVE (512ull << 20)
/* What a guest that was seen may take more the next time. */
#define PEAK_MARGIN (64ull << 20)

/* Cells of one kernel, recipe and variant. */
typedef struct {
    gint64 ms;          /* how long one takes, or the guess */
    guint64 peak_bytes; /* the most that one was seen to have resident; 0: none yet */
    gboolean known;
    int waiting;
} Kind;

struct LabEstimate {
    LabIndex *index;
    GHashTable *kinds; /* "kernel\nrecipe\nvariant" -> Kind */
    gint64 known_waiting_ms, guessed_waiting_ms;
    gint64 guessed_ms, real_ms; /* of the kinds that were guessed and then seen */
};

LabEstimate *
lab_estimate_new(LabIndex *index)
{
    LabEstimate *estimate = g_new0(LabEstimate, 1);

    estimate->index = index;
    estimate->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return estimate;
}

void
lab_estimate_free(LabEstimate *estimate)
{
    if (!estimate)
        return;
    g_hash_table_unref(estimate->kinds);
    g_free(estimate);
}

static Kind *
kind_of(LabEstimate *estimate, const char *kernel, const char *recipe, const char *variant,
        gint64 guess_ms)
{
    g_autofree char *key = g_strjoin("\n", kernel, recipe, variant, NULL);
    Kind *kind = g_hash_table_lookup(estimate->kinds, key);

    if (kind)
        return kind;
    kind = g_new0(Kind, 1);
    if (estimate->index)
        kind->ms = lab_index_expected_ms(estimate->index, kernel, recipe, variant);
    kind->known = kind->ms > 0;
    if (!kind->known)
        kind->ms = guess_ms;
    g_hash_table_insert(estimate->kinds, g_steal_pointer(&key), kind);
    return kind;
}

static Kind *
kind_of_cell(LabEstimate *estimate, const LabRunCell *cell)
{
    return kind_of(estimate, cell->kernel, cell->recipe, cell->variant, cell->guess_ms);
}

static gint64
corrected(const LabEstimate *estimate, gint64 guess_ms)
{
    if (estimate->guessed_ms == 0)
        return guess_ms;
    return (gint64)((double)guess_ms * (double)estimate->real_ms / (double)estimate->guessed_ms);
}

gint64
lab_estimate_ms(LabEstimate *estimate, const char *kernel, const char *recipe, const char *variant,
                gint64 guess_ms)
{
    const Kind *kind = kind_of(estimate, kernel, recipe, variant, guess_ms);

    return kind->known ? kind->ms : corrected(estimate, kind->ms);
}

void
lab_estimate_wait(LabEstimate *estimate, const LabRunCell *cell, int n)
{
    Kind *kind = kind_of_cell(estimate, cell);

    kind->waiting += n;
    if (kind->known)
        estimate->known_waiting_ms += n * kind->ms;
    else
        estimate->guessed_waiting_ms += n * kind->ms;
}

void
lab_estimate_learn(LabEstimate *estimate, const LabRunCell *cell, gint64 duration_ms)
{
    Kind *kind = kind_of_cell(estimate, cell);

    if (duration_ms <= 0)
        return;
    if (kind->known) {
        estimate->known_waiting_ms -= kind->waiting * kind->ms;
        kind->ms = (kind->ms + duration_ms) / 2;
    } else {
        estimate->guessed_waiting_ms -= kind->waiting * kind->ms;
        estimate->guessed_ms += kind->ms;
        estimate->real_ms += duration_ms;
        kind->ms = duration_ms;
        kind->known = TRUE;
    }
    estimate->known_waiting_ms += kind->waiting * kind->ms;
}

gint64
lab_estimate_waiting_ms(const LabEstimate *estimate)
{
    return estimate->known_waiting_ms + corrected(estimate, estimate->guessed_waiting_ms);
}

guint64
lab_estimate_cell_memory_bytes(guint64 guest_bytes)
{
    return guest_bytes + GUEST_OVERHEAD;
}

void
lab_estimate_learn_memory(LabEstimate *estimate, const LabRunCell *cell, guint64 resident_bytes)
{
    Kind *kind = kind_of_cell(estimate, cell);

    kind->peak_bytes = MAX(kind->peak_bytes, resident_bytes);
}

guint64
lab_estimate_need_bytes(LabEstimate *estimate, const LabRunCell *cell)
{
    guint64 promised = lab_estimate_cell_memory_bytes(cell->memory_bytes);
    guint64 peak = kind_of_cell(estimate, cell)->peak_bytes;

    if (cell->replay)
        return REPLAY_BYTES;
    return peak > 0 ? MIN(peak + peak / 4 + PEAK_MARGIN, promised) : promised;
}

guint64
lab_estimate_usable_bytes(guint64 bytes)
{
    return bytes > 2 * HOST_RESERVE ? bytes - HOST_RESERVE : bytes / 2;
}

int
lab_estimate_jobs(int cpus, guint64 memory_bytes)
{
    LabHostMemory memory;
    guint64 by_memory;

    lab_host_memory("", &memory);
    by_memory = lab_estimate_usable_bytes(memory.available_bytes) /
                lab_estimate_cell_memory_bytes(memory_bytes);
    return (int)CLAMP(MIN((guint)(lab_host_cpus("") / MAX(cpus, 1)), by_memory), 1, 1024);
}

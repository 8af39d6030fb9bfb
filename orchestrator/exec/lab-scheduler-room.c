/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does one more cell fit? What counts is what is there: available memory as the kernel tells it,
 * less what each running guest may still grow by, which is what it needs less what it has resident
 * now. So many small guests run where their promises would not fit, and when they all grow to what
 * they were promised the host still has it.
 */
#include "lab-error.h"
#include "lab-host.h"
#include "lab-scheduler-private.h"
#include "lab-units.h"

#define WATCH_EVERY_MS 1000
/* A look at the host is good for so long; what was started since counts with all it needs. */
#define FRESH_US (100 * 1000)
/* So long the first cell waits for memory that others have. */
#define HUNGER_LIMIT_US (600ll * G_USEC_PER_SEC)

static const char *
host_root(const LabScheduler *scheduler)
{
    return scheduler->options.host_root ? scheduler->options.host_root : "";
}

/* Looks at the host and at all guests, at the same time: what the guests have since taken is then
 * in neither of the two. */
static void
look(LabScheduler *scheduler)
{
    LabHostMemory memory;

    lab_host_memory(host_root(scheduler), &memory);
    scheduler->available_bytes = memory.available_bytes;
    scheduler->looked_us = g_get_monotonic_time();
    for (guint i = 0; i < scheduler->running->len; i++) {
        LabSlot *slot = scheduler->running->pdata[i];

        slot->resident_bytes = lab_host_resident_bytes(host_root(scheduler), slot->guest_pid);
        slot->peak_bytes = MAX(slot->peak_bytes, slot->resident_bytes);
    }
}

/* Bytes that can be given away without taking from those that run. */
static gint64
spare_bytes(LabScheduler *scheduler)
{
    gint64 spare;

    if (scheduler->looked_us == 0 || g_get_monotonic_time() - scheduler->looked_us > FRESH_US)
        look(scheduler);
    spare = (gint64)lab_estimate_usable_bytes(scheduler->available_bytes);
    for (guint i = 0; i < scheduler->running->len; i++) {
        const LabSlot *slot = scheduler->running->pdata[i];
        gint64 need = (gint64)lab_estimate_need_bytes(scheduler->estimate, slot->cell);

        spare -= MAX(need - (gint64)slot->resident_bytes, 0) + (gint64)slot->ahead_bytes;
    }
    return spare;
}

/* Tells once, and gives up in the end, when nothing of ours runs that could make room. */
static void
wait_for_memory(LabScheduler *scheduler, const LabRunCell *cell, gint64 need, gint64 spare)
{
    gint64 now_us = g_get_monotonic_time();
    g_autofree char *asked = lab_size_human((guint64)need);
    g_autofree char *there = lab_size_human((guint64)MAX(spare, 0));
    g_autofree char *text = g_strdup_printf("cell %s needs %s and %s are free: waiting for memory",
                                            cell->id, asked, there);

    if (scheduler->running->len > 0)
        return;
    if (scheduler->hungry_since_us == 0) {
        scheduler->hungry_since_us = now_us;
        lab_scheduler_tell(scheduler, (LabRunEvent){.kind = LAB_RUN_WARNING, .text = text});
    } else if (now_us - scheduler->hungry_since_us > HUNGER_LIMIT_US) {
        lab_scheduler_fail(
            scheduler, g_error_new(LAB_INFRA_ERROR, LAB_ERROR_LIMIT,
                                   "cell %s needs %s of memory and %s are free for ten minutes: "
                                   "end what takes it, then 'kreglab resume %s'",
                                   cell->id, asked, there, lab_run_id(scheduler->run)));
    }
}

gboolean
lab_scheduler_has_room(LabScheduler *scheduler, const LabRunCell *cell)
{
    gint64 need, spare;

    if (scheduler->running->len > 0) {
        if ((int)scheduler->running->len >= scheduler->jobs)
            return FALSE;
        /* With --jobs the user has decided about cores. */
        if (scheduler->options.jobs == 0 && scheduler->cpus_left < MAX(cell->cpus, 1))
            return FALSE;
    }
    need = (gint64)lab_estimate_need_bytes(scheduler->estimate, cell);
    spare = spare_bytes(scheduler);
    if (spare >= need) {
        scheduler->hungry_since_us = 0;
        return TRUE;
    }
    wait_for_memory(scheduler, cell, need, spare);
    lab_scheduler_watch(scheduler);
    return FALSE;
}

guint64
lab_scheduler_room_ahead(LabScheduler *scheduler, const LabRunCell *cell, const LabRunCell *next)
{
    gint64 need = (gint64)lab_estimate_need_bytes(scheduler->estimate, next);
    gint64 own = (gint64)lab_estimate_need_bytes(scheduler->estimate, cell);

    return spare_bytes(scheduler) - own >= need ? (guint64)need : 0;
}

static gboolean
on_watch(gpointer data)
{
    LabScheduler *scheduler = data;

    lab_scheduler_flush_index(scheduler, TRUE);
    look(scheduler);
    /* Memory of others may have become free. */
    if ((int)scheduler->running->len < scheduler->jobs && lab_queue_length(scheduler->queue) > 0)
        lab_scheduler_start_soon(scheduler);
    if (scheduler->running->len > 0 || scheduler->hungry_since_us != 0)
        return G_SOURCE_CONTINUE;
    scheduler->tick_source = 0;
    return G_SOURCE_REMOVE;
}

void
lab_scheduler_watch(LabScheduler *scheduler)
{
    if (scheduler->tick_source == 0)
        scheduler->tick_source = g_timeout_add(WATCH_EVERY_MS, on_watch, scheduler);
}

gboolean
lab_scheduler_check_fits(LabScheduler *scheduler, GError **error)
{
    const LabRunCell *largest = lab_queue_largest(scheduler->queue);
    LabHostMemory memory;
    g_autofree char *asked = NULL;
    g_autofree char *there = NULL;

    lab_host_memory(host_root(scheduler), &memory);
    if (!largest || lab_estimate_cell_memory_bytes(largest->memory_bytes) <=
                        lab_estimate_usable_bytes(memory.total_bytes))
        return TRUE;
    asked = lab_size_human(lab_estimate_cell_memory_bytes(largest->memory_bytes));
    there = lab_size_human(lab_estimate_usable_bytes(memory.total_bytes));
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                "cell %s (%s, recipe %s) needs %s of memory and this host has %s for guests: give "
                "less with --memory or 'guest: {memory: …}', or leave it out with 'exclude'",
                largest->id, largest->release, largest->recipe, asked, there);
    return FALSE;
}

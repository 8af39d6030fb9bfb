/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-scheduler.h"

#include <signal.h>
#include <string.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-host.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-scheduler-private.h"

/* Beyond the sum of a cell's deadlines: preparing (modules, images, capability probe) and waits
 * for a loaded host. */
#define DEFAULT_MARGIN_MS 300000
/* What a worker gets to stop its guest before it is killed. */
#define STOP_GRACE_MS 30000
/* No worker stretches its deadlines further. */
#define MAX_STRETCH 10.0

LabScheduler *
lab_scheduler_new(LabRun *run, LabIndex *index, const LabPaths *paths,
                  const LabSchedulerOptions *options, LabRunEventFunc func, gpointer data)
{
    LabScheduler *scheduler = g_new0(LabScheduler, 1);

    scheduler->run = run;
    scheduler->index = index;
    scheduler->paths = paths;
    scheduler->options = *options;
    scheduler->keep_dumps =
        g_strdup(options->keep_dumps ? options->keep_dumps : "first-per-signature");
    scheduler->options.keep_dumps = scheduler->keep_dumps;
    if (!scheduler->options.executor)
        scheduler->options.executor = lab_executors[0];
    if (scheduler->options.margin_ms <= 0)
        scheduler->options.margin_ms = DEFAULT_MARGIN_MS;
    scheduler->func = func;
    scheduler->data = data;
    scheduler->loop = g_main_loop_new(NULL, FALSE);
    scheduler->running = g_ptr_array_new_with_free_func(g_free);
    scheduler->estimate = lab_estimate_new(index);
    scheduler->cached = g_hash_table_new(g_str_hash, g_str_equal);
    scheduler->queue = lab_queue_new(scheduler->estimate);
    scheduler->unindexed = g_ptr_array_new_with_free_func((GDestroyNotify)lab_index_entry_free);
    scheduler->dumps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return scheduler;
}

void
lab_scheduler_free(LabScheduler *scheduler)
{
    if (!scheduler)
        return;
    g_clear_handle_id(&scheduler->start_source, g_source_remove);
    g_clear_handle_id(&scheduler->kill_source, g_source_remove);
    g_clear_handle_id(&scheduler->tick_source, g_source_remove);
    lab_queue_free(scheduler->queue);
    g_hash_table_unref(scheduler->cached);
    g_ptr_array_unref(scheduler->unindexed);
    g_ptr_array_unref(scheduler->running);
    g_hash_table_unref(scheduler->dumps);
    lab_estimate_free(scheduler->estimate);
    g_main_loop_unref(scheduler->loop);
    g_clear_error(&scheduler->fatal);
    g_free(scheduler->attempts);
    g_free(scheduler->failed);
    g_free(scheduler->suspects);
    g_free(scheduler->keep_dumps);
    g_free(scheduler);
}

const LabSummary *
lab_scheduler_summary(const LabScheduler *scheduler)
{
    return &scheduler->summary;
}

static gint64
left_ms(const LabScheduler *scheduler)
{
    const LabCellChooser *chooser = scheduler->options.chooser;
    gint64 now_us = g_get_monotonic_time(), end_us = G_MAXINT64, longest_ms = 0;
    gint64 sum_ms = chooser ? chooser->work_ms(&end_us, chooser->data)
                            : lab_estimate_waiting_ms(scheduler->estimate);

    for (guint i = 0; i < scheduler->running->len; i++) {
        const LabSlot *slot = scheduler->running->pdata[i];
        gint64 rest_ms = MAX(slot->expected_ms - (now_us - slot->start_us) / 1000, 0);

        sum_ms += rest_ms;
        longest_ms = MAX(longest_ms, rest_ms);
    }
    /* What runs at the end of a budget is let run. */
    return MIN(sum_ms / MAX(scheduler->jobs, 1), MAX((end_us - now_us) / 1000, longest_ms));
}

void
lab_scheduler_tell(LabScheduler *scheduler, LabRunEvent event)
{
    event.run = scheduler->run;
    event.summary = &scheduler->summary;
    event.left_ms = left_ms(scheduler);
    scheduler->func(&event, scheduler->data);
}

static gboolean
on_stop_grace(gpointer data)
{
    LabScheduler *scheduler = data;

    scheduler->kill_source = 0;
    lab_scheduler_stop(scheduler, 2);
    return G_SOURCE_REMOVE;
}

void
lab_scheduler_stop(LabScheduler *scheduler, int level)
{
    if (level <= scheduler->stop_level)
        return;
    scheduler->stop_level = level;
    for (guint i = 0; i < scheduler->running->len; i++) {
        LabSlot *slot = scheduler->running->pdata[i];

        slot->asked = TRUE;
        scheduler->options.executor->stop(slot->task, level > 1);
    }
    if (level == 1 && scheduler->kill_source == 0)
        scheduler->kill_source = g_timeout_add(STOP_GRACE_MS, on_stop_grace, scheduler);
    if (level == 1)
        lab_scheduler_tell(scheduler, (LabRunEvent){.kind = LAB_RUN_STOPPING});
    lab_scheduler_start_soon(scheduler);
}

void
lab_scheduler_fail(LabScheduler *scheduler, GError *error)
{
    if (scheduler->fatal)
        g_error_free(error);
    else
        scheduler->fatal = error;
    lab_scheduler_stop(scheduler, 1);
}

static gboolean
on_signal(gpointer data)
{
    LabScheduler *scheduler = data;

    scheduler->summary.stopped = TRUE;
    lab_scheduler_stop(scheduler, scheduler->stop_level + 1);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_deadline(gpointer data)
{
    LabSlot *slot = data;
    gboolean at_once = slot->overdue;

    slot->overdue = TRUE;
    slot->deadline_source = at_once ? 0 : g_timeout_add(STOP_GRACE_MS, on_deadline, slot);
    slot->scheduler->options.executor->stop(slot->task, at_once);
    return G_SOURCE_REMOVE;
}

static void
set_deadline(LabSlot *slot, gint64 total_ms)
{
    g_clear_handle_id(&slot->deadline_source, g_source_remove);
    slot->deadline_source = g_timeout_add((guint)CLAMP(total_ms, 1, G_MAXINT), on_deadline, slot);
}

/* The worker found its host slower than the deadlines were made for, and gives its guest more. */
static void
stretch_deadline(LabSlot *slot, double factor)
{
    gint64 spent_ms = (g_get_monotonic_time() - slot->start_us) / 1000;

    if (slot->overdue || !(factor > 1))
        return;
    set_deadline(slot, (gint64)((double)slot->deadline_ms * MIN(factor, MAX_STRETCH)) +
                           slot->scheduler->options.margin_ms - spent_ms);
}

static void
on_task_event(LabTask *task, const json_t *event, gpointer data)
{
    LabSlot *slot = data;
    const char *name = lab_json_string(event, "event");
    LabRunEvent told = {.cell = slot->cell, .attempt = slot->attempt};

    if (g_strcmp0(name, "phase") == 0) {
        told.kind = LAB_RUN_CELL_PHASE;
        told.phase = lab_json_string(event, "phase");
        told.t_ms = lab_json_int(event, "t_ms", 0);
    } else if (g_strcmp0(name, "warning") == 0) {
        told.kind = LAB_RUN_CELL_WARNING;
        told.text = lab_json_string(event, "text");
    } else if (g_strcmp0(name, "guest") == 0) {
        slot->guest_pid = (int)lab_json_int(event, "pid", 0);
    } else if (g_strcmp0(name, "speed") == 0) {
        stretch_deadline(slot, json_number_value(lab_json_member(event, "factor")));
    }
    if (told.phase || told.text)
        lab_scheduler_tell(slot->scheduler, told);
}

static void
on_task_ended(LabTask *task, int status, gpointer data)
{
    LabSlot *slot = data;
    LabScheduler *scheduler = slot->scheduler;

    g_clear_handle_id(&slot->deadline_source, g_source_remove);
    scheduler->cpus_left += MAX(slot->cell->cpus, 1);
    if (slot->peak_bytes > 0)
        lab_estimate_learn_memory(scheduler->estimate, slot->cell, slot->peak_bytes);
    scheduler->summary.running--;
    slot->expected_ms = 0; /* no more of it is left */
    lab_scheduler_cell_ended(scheduler, slot, status);
    g_ptr_array_remove_fast(scheduler->running, slot);
    lab_scheduler_start_soon(scheduler);
}

static const LabTaskHandlers handlers = {on_task_event, on_task_ended};

static gint64
deadline_of(const LabCell *cell)
{
    const LabDeadlines *d = &cell->deadlines;

    return d->boot_ms + d->setup_ms + d->run_ms + d->heartbeat_ms + d->evidence_ms + d->kdump_ms +
           d->dump_ms;
}

/* An attempt counts from the moment when its line is in the journal; the worker starts before
 * that (its pid has to be in the line) and is killed when the line cannot be written. */
static gboolean
journal_start(LabScheduler *scheduler, const LabSlot *slot, GError **error)
{
    json_t *entry = json_pack("{s:s, s:s, s:i}", "event", "started", "cell", slot->cell->id,
                              "attempt", slot->attempt);

    scheduler->options.executor->identify(slot->task, entry);
    return lab_journal_append(scheduler->run, entry, error);
}

static gboolean
start_cell(LabScheduler *scheduler, const LabRunCell *cell, GError **error)
{
    g_autoptr(LabCell) whole = lab_run_read_cell(scheduler->run, cell, error);
    g_autofree char *directory = lab_run_cell_directory(scheduler->run, cell);
    LabTaskRequest request = {.paths = scheduler->paths, .directory = directory};
    gboolean keep = g_str_equal(scheduler->keep_dumps, "all");
    g_autoptr(LabCell) ahead = NULL;
    LabSlot *slot;

    if (!whole || !lab_run_prepare_cell(scheduler->run, cell, whole, keep, error))
        return FALSE;
    slot = g_new0(LabSlot, 1);
    slot->scheduler = scheduler;
    slot->cell = cell;
    slot->attempt = scheduler->attempts[cell->index] + 1;
    slot->start_us = g_get_monotonic_time();
    slot->expected_ms = lab_estimate_ms(scheduler->estimate, cell->kernel, cell->recipe,
                                        cell->variant, cell->guess_ms);
    request.cold_why = lab_scheduler_why_cold(scheduler, cell);
    request.warm = !request.cold_why;
    request.next = ahead = lab_scheduler_cell_ahead(scheduler, slot);
    slot->task = scheduler->options.executor->start(&request, &handlers, slot, error);
    if (!slot->task) {
        g_free(slot);
        return FALSE;
    }
    g_ptr_array_add(scheduler->running, slot);
    scheduler->attempts[cell->index] = (guint8)MIN(slot->attempt, 255);
    scheduler->cpus_left -= MAX(cell->cpus, 1);
    scheduler->summary.running++;
    lab_scheduler_watch(scheduler);
    slot->deadline_ms = deadline_of(whole);
    set_deadline(slot, slot->deadline_ms + scheduler->options.margin_ms);
    lab_scheduler_tell(
        scheduler,
        (LabRunEvent){.kind = LAB_RUN_CELL_STARTED, .cell = cell, .attempt = slot->attempt});
    if (journal_start(scheduler, slot, error))
        return TRUE;
    slot->asked = TRUE;
    scheduler->options.executor->stop(slot->task, TRUE);
    return FALSE;
}

static void
spare_cell(LabScheduler *scheduler, const LabRunCell *cell, const char *why)
{
    const LabCellChooser *chooser = scheduler->options.chooser;
    g_autoptr(GError) error = NULL;

    chooser->take(cell, LAB_CELL_SPARE, chooser->data);
    lab_queue_take(scheduler->queue, cell);
    if (!lab_journal_note(scheduler->run,
                          json_pack("{s:s, s:s, s:o}", "event", "spared", "cell", cell->id, "why",
                                    lab_json_text(why)),
                          &error)) {
        lab_scheduler_fail(scheduler, g_steal_pointer(&error));
        return;
    }
    scheduler->summary.spared++;
    lab_scheduler_tell(scheduler,
                       (LabRunEvent){.kind = LAB_RUN_CELL_SPARED, .cell = cell, .text = why});
}

/* The cell to start next, still in the queue; NULL: none now. */
static const LabRunCell *
next_cell(LabScheduler *scheduler)
{
    const LabCellChooser *chooser = scheduler->options.chooser;

    while (chooser && scheduler->stop_level == 0 && lab_queue_length(scheduler->queue) > 0) {
        const LabRunCell *cell = NULL;
        const char *why = NULL;
        LabCellChoice choice = chooser->next(&cell, &why, chooser->data);

        if (choice == LAB_CELL_RUN)
            return cell;
        if (choice == LAB_CELL_SPARE)
            spare_cell(scheduler, cell, why);
        else if (scheduler->running->len > 0)
            return NULL;
        else
            break;
    }
    return scheduler->stop_level == 0 ? lab_queue_peek(scheduler->queue, 0) : NULL;
}

static void
take_cell(LabScheduler *scheduler, const LabRunCell *cell)
{
    const LabCellChooser *chooser = scheduler->options.chooser;

    lab_queue_take(scheduler->queue, cell);
    if (chooser)
        chooser->take(cell, LAB_CELL_RUN, chooser->data);
}

static gboolean
on_start(gpointer data)
{
    LabScheduler *scheduler = data;
    const LabRunCell *cell;

    scheduler->start_source = 0;
    while ((int)scheduler->running->len < scheduler->jobs && (cell = next_cell(scheduler))) {
        g_autoptr(GError) error = NULL;

        if (!lab_scheduler_has_room(scheduler, cell))
            break;
        /* What a dead worker left behind would still take room. */
        if (scheduler->attempts[cell->index] > 0 && scheduler->cleaner != 0)
            break;
        take_cell(scheduler, cell);
        if (!start_cell(scheduler, cell, &error))
            lab_scheduler_fail(scheduler, g_steal_pointer(&error));
    }
    if (scheduler->running->len == 0 && scheduler->cleaner == 0 &&
        (scheduler->stop_level > 0 || lab_queue_length(scheduler->queue) == 0))
        g_main_loop_quit(scheduler->loop);
    return G_SOURCE_REMOVE;
}

void
lab_scheduler_start_soon(LabScheduler *scheduler)
{
    if (scheduler->start_source == 0)
        scheduler->start_source = g_idle_add(on_start, scheduler);
}

static void
run_loop(LabScheduler *scheduler)
{
    guint sources[] = {g_unix_signal_add(SIGINT, on_signal, scheduler),
                       g_unix_signal_add(SIGTERM, on_signal, scheduler),
                       g_unix_signal_add(SIGHUP, on_signal, scheduler)};

    lab_scheduler_start_soon(scheduler);
    g_main_loop_run(scheduler->loop);
    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
        g_source_remove(sources[i]);
    g_clear_handle_id(&scheduler->kill_source, g_source_remove);
}

static int
automatic_jobs(const GPtrArray *cells)
{
    guint64 memory_bytes = G_MAXINT64;
    int cpus = G_MAXINT;

    for (guint i = 0; i < cells->len; i++) {
        const LabRunCell *cell = cells->pdata[i];

        memory_bytes = MIN(memory_bytes, cell->memory_bytes);
        cpus = MIN(cpus, cell->cpus);
    }
    return lab_estimate_jobs(cpus, memory_bytes);
}

gboolean
lab_scheduler_run(LabScheduler *scheduler, GError **error)
{
    const LabCellChooser *chooser = scheduler->options.chooser;
    g_autofree char *sum = NULL;
    g_autoptr(GError) local = NULL;
    gboolean whole;

    scheduler->cells = lab_run_cells(scheduler->run, error);
    if (!scheduler->cells)
        return FALSE;
    scheduler->jobs = scheduler->options.jobs > 0 ? scheduler->options.jobs
                                                  : automatic_jobs(scheduler->cells);
    if (chooser)
        chooser->begin(scheduler->estimate, scheduler->jobs, chooser->data);
    if (!lab_scheduler_take_up(scheduler, error))
        return FALSE;
    scheduler->cpus_left = lab_host_cpus("");
    if (!lab_scheduler_check_fits(scheduler, error))
        return FALSE;
    lab_queue_sort(scheduler->queue, scheduler->jobs);
    lab_scheduler_tell(scheduler, (LabRunEvent){.kind = LAB_RUN_STARTED, .jobs = scheduler->jobs});
    run_loop(scheduler);
    scheduler->options.executor->finish();
    lab_scheduler_flush_index(scheduler, TRUE);
    whole = lab_summary_is_whole(&scheduler->summary);
    if (whole && scheduler->summary.spared)
        lab_scheduler_index_run(scheduler, scheduler->summary.spared);
    if (!lab_journal_append(
            scheduler->run,
            json_pack("{s:s, s:s}", "event", "end", "state", whole ? "done" : "stopped"), &local) &&
        !scheduler->fatal)
        scheduler->fatal = g_steal_pointer(&local);
    sum = chooser ? chooser->sum_up(chooser->data) : NULL;
    lab_scheduler_tell(scheduler, (LabRunEvent){.kind = LAB_RUN_ENDED, .text = sum});
    if (!scheduler->fatal)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&scheduler->fatal));
    return FALSE;
}

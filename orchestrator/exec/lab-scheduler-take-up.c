/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What earlier parents left to be taken up: results, tries, workers that still live. */
#include <unistd.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-proc.h"
#include "lab-scheduler-private.h"

/* A parent that died, or a full disk, may have left the cell out of the index; a reindex may have
 * put in what did not stand. */
static void
index_taken_up_cell(LabScheduler *scheduler, GHashTable *rows, const LabRunCell *cell,
                    LabBrief *brief)
{
    const LabIndexRow *row = rows ? g_hash_table_lookup(rows, cell->id) : NULL;

    if (rows && !lab_index_row_tells(row, cell, brief))
        lab_scheduler_put_in_index(scheduler, cell, brief);
    else
        lab_brief_free(brief);
}

static void
forget_in_index(LabScheduler *scheduler, GHashTable *rows, const LabRunCell *cell)
{
    g_autoptr(GError) error = NULL;

    if (rows && g_hash_table_contains(rows, cell->id) &&
        !lab_index_forget_cell(scheduler->index, scheduler->run, cell, &error))
        lab_scheduler_tell(scheduler,
                           (LabRunEvent){.kind = LAB_RUN_WARNING, .text = error->message});
}

/* A cell of an earlier session: done, or to be run. 'rows': what the index has of it, or NULL. */
static gboolean
take_up_cell(LabScheduler *scheduler, const LabRunCell *cell, const LabJournalCell *known,
             gboolean started, GHashTable *rows, GError **error)
{
    /* Of one that the journal does not know: nobody began with it, or the parent died before it
     * could write down who did. */
    static const LabJournalCell never = {0}, unseen = {.attempts = 1, .pid = -1};
    g_autoptr(LabBrief) brief = started ? lab_run_read_brief(scheduler->run, cell)
                                        : lab_brief_new();
    const LabJournalCell *last = known                               ? known
                                 : brief->state == LAB_STATE_MISSING ? &never
                                                                     : &unseen;
    gboolean open = !last->finished;
    gboolean again =
        brief->state == LAB_STATE_MISSING ||
        (brief->state == LAB_STATE_RAN && brief->suspect && open &&
         (last->pid == 0 || last->suspect < scheduler->options.suspect_retries)) ||
        (brief->state == LAB_STATE_INFRA &&
         (scheduler->options.retry_infra || (open && last->failed <= scheduler->options.retries)));

    scheduler->attempts[cell->index] = (guint8)MIN(last->attempts, 255);
    if (again) {
        /* Who asks for it again gets the full number of tries. */
        if (open)
            scheduler->failed[cell->index] = (guint8)MIN(last->failed, scheduler->options.retries);
        /* The attempt whose end the parent did not see counts, too. */
        scheduler->suspects[cell->index] =
            (guint8)MIN(last->suspect + (brief->suspect && last->pid != 0), 255);
        forget_in_index(scheduler, rows, cell);
        lab_queue_add(scheduler->queue, cell);
        return TRUE;
    }
    /* The worker's result came after the parent's end. */
    if (open) {
        if (!lab_journal_append(scheduler->run,
                                json_pack("{s:s, s:s, s:i, s:s, s:o, s:b, s:b}", "event",
                                          "finished", "cell", cell->id, "attempt", last->attempts,
                                          "state", lab_state_name(brief->state), "outcome",
                                          lab_json_text(lab_outcome_name(brief->outcome)), "again",
                                          FALSE, "found", TRUE),
                                error))
            return FALSE;
    }
    lab_scheduler_take_result(scheduler, cell, brief);
    index_taken_up_cell(scheduler, rows, cell, g_steal_pointer(&brief));
    return TRUE;
}

static gboolean
end_strays(LabScheduler *scheduler, GHashTable *journal, GError **error)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, journal);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((LabJournalCell *)value)->pid != 0 &&
            !scheduler->options.executor->end_stray(value, error))
            return FALSE;
    return TRUE;
}

static void
clean_first(LabScheduler *scheduler)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    int status = lab_worker_clean(scheduler->paths, &output, &error);

    if (status == 0)
        return;
    if (!error)
        g_set_error(&error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "it ended with %d: %s", status,
                    g_strchomp(output));
    g_prefix_error(&error, "cleaning up after earlier workers: ");
    lab_scheduler_tell(scheduler, (LabRunEvent){.kind = LAB_RUN_WARNING, .text = error->message});
}

/* NULL without an index. */
static GHashTable *
indexed_cells(LabScheduler *scheduler)
{
    g_autoptr(GError) error = NULL;
    GHashTable *rows = scheduler->index ? lab_index_rows(scheduler->index, scheduler->run, &error)
                                        : NULL;

    if (error)
        lab_scheduler_tell(scheduler,
                           (LabRunEvent){.kind = LAB_RUN_WARNING, .text = error->message});
    return rows;
}

static gboolean
take_up_cells(LabScheduler *scheduler, GHashTable *journal, GError **error)
{
    g_autoptr(GHashTable) started = lab_run_started(scheduler->run);
    g_autoptr(GHashTable) rows = indexed_cells(scheduler);

    for (guint i = 0; i < scheduler->cells->len; i++) {
        const LabRunCell *cell = scheduler->cells->pdata[i];

        if (!take_up_cell(scheduler, cell, g_hash_table_lookup(journal, cell->id),
                          g_hash_table_contains(started, cell->id), rows, error))
            return FALSE;
    }
    lab_scheduler_flush_index(scheduler, TRUE);
    return TRUE;
}

gboolean
lab_scheduler_take_up(LabScheduler *scheduler, GError **error)
{
    g_autoptr(GHashTable) journal = lab_journal_read(scheduler->run, error);

    if (!journal)
        return FALSE;
    scheduler->summary.cells = scheduler->cells->len;
    scheduler->attempts = g_new0(guint8, scheduler->cells->len);
    scheduler->failed = g_new0(guint8, scheduler->cells->len);
    scheduler->suspects = g_new0(guint8, scheduler->cells->len);
    if (!g_file_test(scheduler->paths->worker, G_FILE_TEST_IS_REGULAR) ||
        !g_file_test(scheduler->paths->worker, G_FILE_TEST_IS_EXECUTABLE)) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND,
                    "the worker '%s' is not there or cannot be executed: build or install kreglab "
                    "completely",
                    scheduler->paths->worker);
        return FALSE;
    }
    if (!end_strays(scheduler, journal, error) ||
        !lab_journal_append(scheduler->run,
                            json_pack("{s:s, s:i}", "event", "parent", "pid", (int)getpid()),
                            error))
        return FALSE;
    lab_scheduler_index_run(scheduler, 0);
    clean_first(scheduler);
    return take_up_cells(scheduler, journal, error);
}

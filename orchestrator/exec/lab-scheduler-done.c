/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows the end of a worker. */
#include <string.h>
#include <sys/wait.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-proc.h"
#include "lab-scheduler-private.h"

#define CLEAN_TIMEOUT_MS 120000
/* Results go into the index so many at a time, or once a second. */
#define INDEX_BATCH 128
/* So many attempts that failed in a row for the lab's reasons mean that the lab is broken. */
#define MAX_FAILURES_IN_A_ROW 24

/* Index trouble never stops a run: the directories are the truth, and the next start puts in what
 * is missing. */
void
lab_scheduler_flush_index(LabScheduler *scheduler, gboolean all)
{
    g_autoptr(GError) error = NULL;

    if (scheduler->unindexed->len == 0 || (!all && scheduler->unindexed->len < INDEX_BATCH))
        return;
    if (!lab_index_put_entries(scheduler->index, scheduler->run, scheduler->unindexed, &error))
        lab_scheduler_tell(scheduler,
                           (LabRunEvent){.kind = LAB_RUN_WARNING, .text = error->message});
    g_ptr_array_set_size(scheduler->unindexed, 0);
}

void
lab_scheduler_put_in_index(LabScheduler *scheduler, const LabRunCell *cell, LabBrief *brief)
{
    LabIndexEntry *entry;

    if (!scheduler->index || brief->state == LAB_STATE_MISSING) {
        lab_brief_free(brief);
        return;
    }
    entry = g_new(LabIndexEntry, 1);
    *entry = (LabIndexEntry){cell, brief};
    g_ptr_array_add(scheduler->unindexed, entry);
    lab_scheduler_flush_index(scheduler, FALSE);
}

static gboolean
journal_end(LabScheduler *scheduler, const LabSlot *slot, const LabBrief *brief, gboolean again,
            int status)
{
    g_autoptr(GError) error = NULL;
    json_t *entry = json_pack(
        "{s:s, s:s, s:i, s:s, s:o, s:b, s:i}", "event", "finished", "cell", slot->cell->id,
        "attempt", slot->attempt, "state", lab_state_name(brief->state), "outcome",
        lab_json_text(lab_outcome_name(brief->outcome)), "again", again, "status", status);

    if (slot->overdue)
        json_object_set_new(entry, "overdue", json_true());
    if (brief->suspect)
        json_object_set_new(entry, "suspect", json_true());
    if (lab_journal_append(scheduler->run, entry, &error))
        return TRUE;
    lab_scheduler_fail(scheduler, g_steal_pointer(&error));
    return FALSE;
}

static void
remove_dump(LabScheduler *scheduler, const LabRunCell *cell, const char *kept, const char *why)
{
    g_autofree char *path = g_strdup_printf("cells/%s/vmcore", cell->id);
    g_autoptr(GError) error = NULL;

    if (!lab_file_exists(lab_run_fd(scheduler->run), path))
        return;
    /* The journal first: a dump is never missing without a word why. */
    if (!lab_journal_append(scheduler->run,
                            json_pack("{s:s, s:s, s:s, s:o}", "event", "dump-removed", "cell",
                                      cell->id, "why", why, "kept", lab_json_text(kept)),
                            &error) ||
        !lab_path_remove(lab_run_fd(scheduler->run), path, &error)) {
        lab_scheduler_fail(scheduler, g_steal_pointer(&error));
        return;
    }
    lab_scheduler_tell(scheduler, (LabRunEvent){.kind = LAB_RUN_DUMP_REMOVED,
                                                .cell = cell,
                                                .attempt = scheduler->attempts[cell->index],
                                                .text = why,
                                                .kept = kept});
}

void
lab_scheduler_apply_dump_policy(LabScheduler *scheduler, const LabRunCell *cell,
                                const LabBrief *brief)
{
    g_autofree char *key = NULL;
    const char *kept;

    if (!brief->dump_method || g_str_equal(scheduler->keep_dumps, "all"))
        return;
    if (g_str_equal(scheduler->keep_dumps, "none")) {
        remove_dump(scheduler, cell, NULL, "no dumps are kept");
        return;
    }
    /* Without a signature (a hang, say) what is known of the outcome stands for it. */
    key = g_strjoin("\n", cell->kernel, brief->k0 ? brief->k0 : lab_brief_word(brief),
                    brief->k0 || !brief->title ? "" : brief->title, NULL);
    kept = g_hash_table_lookup(scheduler->dumps, key);
    if (!kept)
        g_hash_table_insert(scheduler->dumps, g_steal_pointer(&key), (char *)cell->id);
    else if (!g_str_equal(kept, cell->id))
        remove_dump(scheduler, cell, kept, "the same signature on the same kernel");
}

/* Why an attempt without a result ended. */
static char *
describe_loss(const LabSlot *slot, int status)
{
    if (slot->overdue)
        return g_strdup("the worker passed its deadline and was ended");
    if (status > 128)
        return g_strdup_printf("the worker was lost: signal %d (%s)", status - 128,
                               g_strsignal(status - 128));
    return g_strdup_printf("the worker ended with %d and left no result: see its worker.log",
                           status);
}

static void
check_for_broken_lab(LabScheduler *scheduler, const LabBrief *brief)
{
    if (brief->state == LAB_STATE_RAN || brief->state == LAB_STATE_SKIPPED) {
        scheduler->failures_in_a_row = 0;
    } else if (++scheduler->failures_in_a_row >= MAX_FAILURES_IN_A_ROW &&
               scheduler->stop_level == 0) {
        g_autofree char *why = lab_text_clean(brief->why ? brief->why : "no result", -1, FALSE);

        lab_scheduler_fail(
            scheduler, g_error_new(LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                                   "the last %d attempts all failed for the lab's reasons (%s): "
                                   "see 'kreglab doctor', then 'kreglab resume %s'",
                                   scheduler->failures_in_a_row, why, lab_run_id(scheduler->run)));
    }
}

/* Not at once: what made an attempt fail may pass; pressure of the host takes longest to. */
static void
make_again(LabScheduler *scheduler, const LabRunCell *cell, gboolean suspect)
{
    const LabCellChooser *chooser = scheduler->options.chooser;
    guint before = suspect ? lab_queue_length(scheduler->queue) : (guint)scheduler->jobs * 2;

    if (suspect) {
        scheduler->suspects[cell->index]++;
        scheduler->summary.suspect_again++;
    } else {
        scheduler->summary.again++;
    }
    lab_queue_add_soon(scheduler->queue, cell, before);
    if (chooser)
        chooser->again(cell, before, chooser->data);
}

void
lab_scheduler_take_result(LabScheduler *scheduler, const LabRunCell *cell, const LabBrief *brief)
{
    const LabCellChooser *chooser = scheduler->options.chooser;

    lab_summary_add(&scheduler->summary, brief);
    lab_scheduler_apply_dump_policy(scheduler, cell, brief);
    if (brief->state == LAB_STATE_RAN)
        lab_estimate_learn(scheduler->estimate, cell, brief->duration_ms);
    if (chooser)
        chooser->done(cell, brief, chooser->data);
}

void
lab_scheduler_cell_ended(LabScheduler *scheduler, const LabSlot *slot, int status)
{
    const LabRunCell *cell = slot->cell;
    g_autoptr(LabBrief) brief = lab_run_read_brief(scheduler->run, cell);
    gboolean lost = brief->state == LAB_STATE_MISSING;
    gboolean again = FALSE, suspect;
    LabRunEvent told = {.cell = cell, .attempt = slot->attempt, .brief = brief};

    if (lost && slot->asked) {
        if (!scheduler->fatal)
            lab_journal_append(scheduler->run,
                               json_pack("{s:s, s:s, s:i}", "event", "stopped", "cell", cell->id,
                                         "attempt", slot->attempt),
                               NULL);
        told.kind = LAB_RUN_CELL_STOPPED;
        told.brief = NULL;
        lab_scheduler_tell(scheduler, told);
        return;
    }
    if (lost)
        brief->why = describe_loss(slot, status);
    suspect = brief->state == LAB_STATE_RAN && brief->suspect;
    if (lost || brief->state == LAB_STATE_INFRA)
        again = ++scheduler->failed[cell->index] <= scheduler->options.retries;
    else if (suspect && scheduler->suspects[cell->index] < scheduler->options.suspect_retries)
        again = TRUE;
    if (!journal_end(scheduler, slot, brief, again, status))
        return;
    if (lost)
        lab_scheduler_clean_soon(scheduler);
    told.kind = again ? LAB_RUN_CELL_AGAIN : LAB_RUN_CELL_FINISHED;
    told.text = again && suspect ? brief->suspect : brief->why;
    if (again)
        make_again(scheduler, cell, suspect);
    else
        lab_scheduler_take_result(scheduler, cell, brief);
    lab_run_cache_result(scheduler->run, cell);
    lab_scheduler_tell(scheduler, told);
    check_for_broken_lab(scheduler, brief);
    if (!again)
        lab_scheduler_put_in_index(scheduler, cell, g_steal_pointer(&brief));
}

void
lab_scheduler_index_run(LabScheduler *scheduler, guint spared)
{
    g_autoptr(GError) error = NULL;

    if (scheduler->index && !lab_index_put_run(scheduler->index, scheduler->run,
                                               scheduler->cells->len - spared, &error))
        lab_scheduler_tell(scheduler,
                           (LabRunEvent){.kind = LAB_RUN_WARNING, .text = error->message});
}

static char **
worker_environment(const LabPaths *paths)
{
    char **env = g_get_environ();

    env = g_environ_setenv(env, "KREGLAB_DATA", paths->data, TRUE);
    return g_environ_setenv(env, "KREGLAB_CACHE", paths->cache, TRUE);
}

int
lab_worker_clean(const LabPaths *paths, char **output, GError **error)
{
    const char *argv[] = {paths->worker, "clean", NULL};
    g_autofree char *data = g_strconcat("KREGLAB_DATA=", paths->data, NULL);
    g_autofree char *cache = g_strconcat("KREGLAB_CACHE=", paths->cache, NULL);
    const char *env[] = {data, cache, NULL};
    LabProcOptions options = {.env = env, .merge = TRUE, .timeout_ms = CLEAN_TIMEOUT_MS};
    g_auto(LabProcResult) result = {0};

    if (!lab_proc_run(argv, &options, &result, error))
        return -1;
    if (output)
        *output = g_steal_pointer(&result.output);
    return result.status;
}

static void
on_cleaned(GPid pid, int raw, gpointer data)
{
    LabScheduler *scheduler = data;

    scheduler->cleaner = 0;
    g_spawn_close_pid(pid);
    if (!WIFEXITED(raw) || WEXITSTATUS(raw) != 0)
        lab_scheduler_tell(scheduler,
                           (LabRunEvent){.kind = LAB_RUN_WARNING,
                                         .text = "cleaning up after a lost worker failed: see "
                                                 "'kreglab doctor --clean'"});
    lab_scheduler_start_soon(scheduler);
}

void
lab_scheduler_clean_soon(LabScheduler *scheduler)
{
    char *argv[] = {scheduler->paths->worker, (char *)"clean", NULL};
    g_auto(GStrv) env = worker_environment(scheduler->paths);

    if (scheduler->cleaner == 0 &&
        g_spawn_async(NULL, argv, env,
                      G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                          G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, &scheduler->cleaner, NULL))
        g_child_watch_add(scheduler->cleaner, on_cleaned, scheduler);
}

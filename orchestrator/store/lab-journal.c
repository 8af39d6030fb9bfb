/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-run-private.h"

#define JOURNAL_FILE "journal.jsonl"

/* Opens it for appending; a last line that was cut off is ended first. */
static gboolean
open_journal(LabRun *run, GError **error)
{
    LAB_AUTO_FD fd = openat(run->fd, JOURNAL_FILE, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st;
    char last = '\n';

    if (fd < 0 || fstat(fd, &st) < 0 ||
        (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
        return lab_error_set_errno(error, errno, "run '%s': opening the journal", run->id);
    if (last != '\n' && !lab_fd_write_all(fd, "\n", 1, error))
        return FALSE;
    run->journal_fd = g_steal_fd(&fd);
    return TRUE;
}

static gboolean
write_line(int fd, const char *line, gboolean synced, GError **error)
{
    return synced ? lab_fd_append_line(fd, line, error)
                  : lab_fd_write_all(fd, line, strlen(line), error) &&
                        lab_fd_write_all(fd, "\n", 1, error);
}

static gboolean
append(LabRun *run, json_t *stolen, gboolean synced, GError **error)
{
    g_autoptr(json_t) entry = stolen;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    g_autofree char *time =
        g_strdup_printf("%s.%03dZ", stamp, g_date_time_get_microsecond(now) / 1000);
    g_autofree char *line = NULL;

    json_object_set_new(entry, "time", json_string(time));
    line = lab_json_line(entry);
    if (run->journal_fd < 0 && !open_journal(run, error))
        return FALSE;
    if (!write_line(run->journal_fd, line, synced, error)) {
        g_prefix_error(error, "run '%s': journal: ", run->id);
        /* Half a line may be there: the next append looks at the end again. */
        lab_fd_close(&run->journal_fd);
        return FALSE;
    }
    return TRUE;
}

gboolean
lab_journal_append(LabRun *run, json_t *stolen, GError **error)
{
    return append(run, stolen, TRUE, error);
}

gboolean
lab_journal_note(LabRun *run, json_t *stolen, GError **error)
{
    return append(run, stolen, FALSE, error);
}

static LabJournalCell *
cell_of(GHashTable *cells, const json_t *entry)
{
    const char *id = lab_json_string(entry, "cell");
    LabJournalCell *cell = id ? g_hash_table_lookup(cells, id) : NULL;

    if (id && !cell) {
        cell = g_new0(LabJournalCell, 1);
        g_hash_table_insert(cells, g_strdup(id), cell);
    }
    return cell;
}

static void
take_entry(const json_t *entry, gpointer cells)
{
    const char *event = lab_json_string(entry, "event");
    LabJournalCell *cell = event ? cell_of(cells, entry) : NULL;

    if (!cell)
        return;
    if (g_str_equal(event, "started")) {
        cell->attempts++;
        cell->pid = (int)lab_json_int(entry, "pid", 0);
        cell->birth = lab_json_int(entry, "birth", 0);
        cell->finished = FALSE;
        cell->spared = FALSE;
    } else if (g_str_equal(event, "finished")) {
        LabState state = lab_state_from_name(lab_json_string(entry, "state"));

        cell->pid = 0;
        cell->failed += state == LAB_STATE_INFRA || state == LAB_STATE_MISSING;
        cell->finished = !lab_json_bool(entry, "again", FALSE);
        cell->suspect += !cell->finished && lab_json_bool(entry, "suspect", FALSE);
    } else if (g_str_equal(event, "stopped")) {
        cell->pid = 0;
    } else if (g_str_equal(event, "dump-removed")) {
        cell->dump_removed = TRUE;
    } else if (g_str_equal(event, "spared")) {
        cell->spared = TRUE;
    }
}

typedef void (*EntryFunc)(const json_t *entry, gpointer data);

/* Passes over what is no JSON: the last line may be cut off. 'word': lines without it are not even
 * parsed; or NULL. */
static gboolean
each_entry(LabRun *run, const char *word, EntryFunc func, gpointer data, GError **error)
{
    int fd = openat(run->fd, JOURNAL_FILE, O_RDONLY | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    g_autofree char *line = NULL;
    size_t size = 0;
    ssize_t length;
    gboolean failed;

    if (!file && errno == ENOENT)
        return TRUE;
    if (!file)
        return lab_error_set_errno(error, errno, "run '%s': opening the journal", run->id);
    while ((length = getline(&line, &size, file)) > 0) {
        g_autoptr(json_t) entry = NULL;

        if (word && !strstr(line, word))
            continue;
        entry = lab_json_parse(line, (gsize)length, JOURNAL_FILE, NULL);
        if (entry)
            func(entry, data);
    }
    failed = ferror(file) != 0;
    fclose(file);
    return !failed || lab_error_set_errno(error, EIO, "run '%s': reading the journal", run->id);
}

GHashTable *
lab_journal_read(LabRun *run, GError **error)
{
    g_autoptr(GHashTable) cells = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    return each_entry(run, NULL, take_entry, cells, error) ? g_steal_pointer(&cells) : NULL;
}

static void
take_removed(const json_t *entry, gpointer cells)
{
    const char *id = lab_json_string(entry, "cell");

    if (id && g_strcmp0(lab_json_string(entry, "event"), "dump-removed") == 0)
        g_hash_table_add(cells, g_strdup(id));
}

GHashTable *
lab_journal_removed_dumps(LabRun *run, GError **error)
{
    g_autoptr(GHashTable) cells = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    return each_entry(run, "dump-removed", take_removed, cells, error) ? g_steal_pointer(&cells)
                                                                       : NULL;
}

static char *
kind_of(const LabRunCell *cell)
{
    return g_strjoin("\n", cell->kernel, cell->recipe, cell->variant, NULL);
}

GHashTable *
lab_journal_spared(LabRun *run, GError **error)
{
    g_autoptr(GHashTable) spared = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) started = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) journal = NULL;
    const GPtrArray *cells;

    if (!lab_run_is_adaptive(run))
        return g_steal_pointer(&spared);
    cells = lab_run_cells(run, error);
    journal = cells ? lab_journal_read(run, error) : NULL;
    if (!journal)
        return NULL;
    for (guint i = 0; i < cells->len; i++) {
        const LabJournalCell *known =
            g_hash_table_lookup(journal, ((LabRunCell *)cells->pdata[i])->id);

        if (known && known->attempts > 0)
            g_hash_table_add(started, kind_of(cells->pdata[i]));
    }
    for (guint i = 0; i < cells->len; i++) {
        const LabRunCell *cell = cells->pdata[i];
        const LabJournalCell *known = g_hash_table_lookup(journal, cell->id);
        g_autofree char *kind = known && known->spared ? kind_of(cell) : NULL;

        if (kind && g_hash_table_contains(started, kind))
            g_hash_table_add(spared, (gpointer)cell->id);
    }
    return g_steal_pointer(&spared);
}

typedef struct {
    gint64 start_us, last_us; /* of the session that is read; 0: none yet */
    gint64 spent_us;          /* by those before it */
} Sessions;

static void
end_session(Sessions *sessions)
{
    sessions->spent_us += MAX(sessions->last_us - sessions->start_us, 0);
    sessions->start_us = sessions->last_us = 0;
}

static void
take_time(const json_t *entry, gpointer data)
{
    Sessions *sessions = data;
    const char *stamp = lab_json_string(entry, "time");
    g_autoptr(GDateTime) time = stamp ? g_date_time_new_from_iso8601(stamp, NULL) : NULL;
    gint64 now_us =
        time ? g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time) : 0;

    if (now_us == 0)
        return;
    if (g_strcmp0(lab_json_string(entry, "event"), "parent") == 0) {
        end_session(sessions);
        sessions->start_us = now_us;
    }
    sessions->last_us = now_us;
}

gint64
lab_journal_spent_ms(LabRun *run, GError **error)
{
    Sessions sessions = {0};

    if (!each_entry(run, NULL, take_time, &sessions, error))
        return -1;
    end_session(&sessions);
    return sessions.spent_us / 1000;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-run-private.h"

#define LOCK_FILE        "lock"
#define LOCK_PATIENCE_US (2 * G_USEC_PER_SEC)

static LabRun *
run_new(const char *data, const char *id)
{
    LabRun *run = g_new0(LabRun, 1);

    run->id = g_strdup(id);
    run->directory = g_build_filename(data, "runs", id, NULL);
    run->fd = run->lock_fd = run->journal_fd = -1;
    return run;
}

void
lab_run_free(LabRun *run)
{
    if (!run)
        return;
    g_clear_pointer(&run->cells, g_ptr_array_unref);
    g_clear_pointer(&run->by_id, g_hash_table_unref);
    if (run->strings)
        g_string_chunk_free(run->strings);
    if (run->crashes)
        g_hash_table_unref(run->crashes);
    json_decref(run->info);
    lab_fd_close(&run->journal_fd);
    lab_fd_close(&run->lock_fd);
    lab_fd_close(&run->fd);
    g_free(run->directory);
    g_free(run->id);
    g_free(run);
}

const char *
lab_run_id(const LabRun *run)
{
    return run->id;
}

const char *
lab_run_title(const LabRun *run)
{
    const char *title = lab_json_string(run->info, "title");

    return title ? title : "";
}

const char *
lab_run_created(const LabRun *run)
{
    const char *created = lab_json_string(run->info, "created");

    return created ? created : "";
}

const char *
lab_run_directory(const LabRun *run)
{
    return run->directory;
}

int
lab_run_fd(const LabRun *run)
{
    return run->fd;
}

const json_t *
lab_run_info(const LabRun *run)
{
    return run->info;
}

gboolean
lab_run_is_adaptive(const LabRun *run)
{
    return lab_json_member(lab_json_member(run->info, "options"), "adaptive") != NULL;
}

/* "2 kernels × 3 recipes, 12 cells" */
static char *
default_title(const GPtrArray *cells)
{
    g_autoptr(GHashTable) kernels = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) recipes = g_hash_table_new(g_str_hash, g_str_equal);
    guint n_kernels, n_recipes;

    for (guint i = 0; i < cells->len; i++) {
        const LabCell *cell = cells->pdata[i];

        g_hash_table_add(kernels, cell->kernel_id);
        g_hash_table_add(recipes, cell->recipe);
    }
    n_kernels = g_hash_table_size(kernels);
    n_recipes = g_hash_table_size(recipes);
    if (n_kernels == 1 && n_recipes == 1)
        return g_strdup_printf("%s on %s", ((const LabCell *)cells->pdata[0])->recipe,
                               ((const LabCell *)cells->pdata[0])->kernel_release);
    if (n_kernels == 1)
        return g_strdup_printf("%u recipes on %s", n_recipes,
                               ((const LabCell *)cells->pdata[0])->kernel_release);
    if (n_recipes == 1)
        return g_strdup_printf("%s on %u kernels", ((const LabCell *)cells->pdata[0])->recipe,
                               n_kernels);
    return g_strdup_printf("%u kernels × %u recipes", n_kernels, n_recipes);
}

static json_t *
host_facts(void)
{
    struct utsname name;
    struct sysinfo memory;

    if (uname(&name) < 0 || sysinfo(&memory) < 0)
        return json_object();
    return json_pack("{s:s, s:s, s:i, s:I}", "kernel", name.release, "machine", name.machine,
                     "cpus", (int)g_get_num_processors(), "memory_bytes",
                     (json_int_t)((guint64)memory.totalram * memory.mem_unit));
}

static json_t *
make_info(const char *id, const char *title, GDateTime *now, guint n_cells, const json_t *options)
{
    g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    g_autofree char *created =
        g_strdup_printf("%s.%03dZ", stamp, g_date_time_get_microsecond(now) / 1000);

    return json_pack("{s:i, s:s, s:o, s:s, s:s, s:i, s:o, s:o}", "schema_version", LAB_RUN_SCHEMA,
                     "id", id, "title", lab_json_text(title), "created", created, "kreglab",
                     KREGLAB_VERSION, "cells", (int)n_cells, "host", host_facts(), "options",
                     options ? json_deep_copy(options) : json_object());
}

/* Appends the cell's line; the first of a row of repetitions is kept in *first for the others. */
static void
append_cell(GString *buffer, const LabCell *cell, char **first)
{
    LabCellLine line;

    if (!cell->like || !*first || !lab_cell_line_parse(&line, *first, strlen(*first))) {
        g_autoptr(json_t) json = lab_cell_to_json(cell);

        g_free(*first);
        *first = lab_json_line(json);
        g_string_append(buffer, *first);
        g_string_append_c(buffer, '\n');
        return;
    }
    lab_cell_line_append(buffer, &line, cell->id, cell->repetition);
}

/* Writes all cells to dirfd/cells.jsonl; sets *n_cells to those that are there once. */
static gboolean
write_cells(int dirfd, const char *id, const GPtrArray *cells, guint *n_cells, GError **error)
{
    LAB_AUTO_FD fd = openat(dirfd, LAB_CELLS_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GString) buffer = g_string_new(NULL);
    g_autofree char *first = NULL;
    const LabCell *first_of = NULL;

    if (fd < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", LAB_CELLS_FILE);
    for (guint i = 0; i < cells->len; i++) {
        LabCell *cell = cells->pdata[i];

        if (!g_hash_table_add(seen, cell->id))
            continue;
        g_free(cell->run);
        cell->run = g_strdup(id);
        if (cell->like != first_of)
            g_clear_pointer(&first, g_free);
        first_of = cell->like ? cell->like : cell;
        append_cell(buffer, cell, &first);
        if (buffer->len > 1 << 20) {
            if (!lab_fd_write_all(fd, buffer->str, buffer->len, error))
                return FALSE;
            g_string_truncate(buffer, 0);
        }
    }
    if (!lab_fd_write_all(fd, buffer->str, buffer->len, error))
        return FALSE;
    if (fsync(fd) < 0)
        return lab_error_set_errno(error, errno, "syncing '%s'", LAB_CELLS_FILE);
    *n_cells = g_hash_table_size(seen);
    return TRUE;
}

static gboolean
fill_directory(int dirfd, const char *id, const char *title, GDateTime *now, const GPtrArray *cells,
               const char *matrix_yaml, const json_t *options, GError **error)
{
    g_autofree char *own_title = title ? g_strdup(title) : default_title(cells);
    g_autoptr(json_t) info = NULL;
    LAB_AUTO_FD cells_fd = -1;
    guint n_cells = 0;

    if (!write_cells(dirfd, id, cells, &n_cells, error))
        return FALSE;
    info = make_info(id, own_title, now, n_cells, options);
    cells_fd = lab_dir_make(dirfd, "cells", 0700, error);
    return cells_fd >= 0 &&
           lab_file_write(dirfd, "matrix.yaml", matrix_yaml ? matrix_yaml : "", -1, 0600, error) &&
           lab_json_write(dirfd, "run.json", info, 0600, error);
}

/* A directory made aside, filled and renamed. FALSE without error: the id is taken. */
static gboolean
create_once(LabRun *run, int runs_fd, const char *title, GDateTime *now, const GPtrArray *cells,
            const char *matrix_yaml, const json_t *options, GError **error)
{
    g_autofree char *aside = g_strdup_printf(".new-%s-%d", run->id, (int)getpid());
    gboolean taken;

    if (lab_file_exists(runs_fd, run->id))
        return FALSE;
    run->fd = lab_dir_make(runs_fd, aside, 0700, error);
    if (run->fd < 0)
        return FALSE;
    /* Locked before it can be seen, so that nobody takes it in between. */
    run->lock_fd = lab_lock_take(run->fd, LOCK_FILE, FALSE, error);
    if (run->lock_fd >= 0 &&
        fill_directory(run->fd, run->id, title, now, cells, matrix_yaml, options, error)) {
        if (renameat(runs_fd, aside, runs_fd, run->id) == 0 && fsync(runs_fd) == 0)
            return TRUE;
        taken = errno == EEXIST || errno == ENOTEMPTY;
        if (!taken)
            lab_error_set_errno(error, errno, "making run '%s'", run->id);
    }
    lab_path_remove(runs_fd, aside, NULL);
    lab_fd_close(&run->lock_fd);
    lab_fd_close(&run->fd);
    return FALSE;
}

LabRun *
lab_run_create(const char *data, const char *title, const GPtrArray *cells, const char *matrix_yaml,
               const json_t *options, GError **error)
{
    g_autofree char *runs = g_build_filename(data, "runs", NULL);
    LAB_AUTO_FD runs_fd = -1;

    if (cells->len == 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "the matrix has no cells: nothing to run");
        return NULL;
    }
    runs_fd = lab_dir_make(AT_FDCWD, runs, 0700, error);
    if (runs_fd < 0)
        return NULL;
    for (int attempt = 0; attempt < 100; attempt++) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *stamp = g_date_time_format(now, "%Y%m%d-%H%M%S");
        g_autofree char *id = g_strdup_printf("%s-%04x", stamp, g_random_int() & 0xffff);
        g_autoptr(LabRun) run = run_new(data, id);
        g_autoptr(GError) local = NULL;

        if (create_once(run, runs_fd, title, now, cells, matrix_yaml, options, &local)) {
            run->info = lab_json_read(run->fd, "run.json", LAB_RUN_SCHEMA, error);
            return run->info ? g_steal_pointer(&run) : NULL;
        }
        if (local) {
            g_propagate_prefixed_error(error, g_steal_pointer(&local), "making a run: ");
            return NULL;
        }
    }
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_EXISTS, "no free run id in '%s'", runs);
    return NULL;
}

static gboolean
looks_like_run(const char *name)
{
    return strlen(name) == 20 && name[8] == '-' && name[15] == '-' && g_ascii_isdigit(name[0]);
}

/* "created" of a run, for the order of runs of one second. */
static char *
created_of(const char *runs, const char *id)
{
    g_autofree char *path = g_build_filename(runs, id, "run.json", NULL);
    g_autoptr(json_t) info = lab_json_read(AT_FDCWD, path, 0, NULL);
    const char *created = lab_json_string(info, "created");

    return g_strdup(created ? created : "");
}

static gint
newest_first(gconstpointer a, gconstpointer b, gpointer runs)
{
    const char *one = *(const char *const *)a;
    const char *other = *(const char *const *)b;
    int order = strncmp(other, one, 15);
    g_autofree char *one_created = NULL;
    g_autofree char *other_created = NULL;

    if (order != 0)
        return order;
    one_created = created_of(runs, one);
    other_created = created_of(runs, other);
    order = strcmp(other_created, one_created);
    return order != 0 ? order : strcmp(other, one);
}

char **
lab_run_ids(const char *data, GError **error)
{
    g_autofree char *runs = g_build_filename(data, "runs", NULL);
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    g_autoptr(GError) local = NULL;
    g_autoptr(GDir) dir = g_dir_open(runs, 0, &local);
    const char *name;

    if (!dir && !g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "%s", local->message);
        return NULL;
    }
    while (dir && (name = g_dir_read_name(dir)))
        if (looks_like_run(name))
            g_ptr_array_add(ids, g_strdup(name));
    g_ptr_array_sort_with_data(ids, newest_first, runs);
    g_ptr_array_add(ids, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&ids), FALSE);
}

char *
lab_run_resolve(const char *data, const char *name, GError **error)
{
    g_auto(GStrv) ids = lab_run_ids(data, error);
    const char *found = NULL;

    if (!ids)
        return NULL;
    if (g_str_equal(name, "latest"))
        found = ids[0];
    for (char **id = ids; *id && !g_str_equal(name, "latest"); id++) {
        if (*name == '\0' || !g_str_has_prefix(*id, name))
            continue;
        if (found) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                        "run '%s': several begin so ('%s', '%s'): give more of the id", name, found,
                        *id);
            return NULL;
        }
        found = *id;
    }
    if (!found)
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    ids[0] ? "run '%s' not found: see 'kreglab list'"
                           : "run '%s' not found: there are no runs yet in this data directory",
                    name);
    return g_strdup(found);
}

LabRun *
lab_run_open(const char *data, const char *name, GError **error)
{
    g_autofree char *id = lab_run_resolve(data, name, error);
    g_autoptr(LabRun) run = NULL;

    if (!id)
        return NULL;
    run = run_new(data, id);
    run->fd = lab_dir_open(AT_FDCWD, run->directory, error);
    if (run->fd < 0)
        return NULL;
    run->info = lab_json_read(run->fd, "run.json", LAB_RUN_SCHEMA, error);
    if (!run->info) {
        g_prefix_error(error, "run '%s': ", id);
        return NULL;
    }
    return g_steal_pointer(&run);
}

LabRun *
lab_run_open_cell(const char *data, const char *name, const LabRunCell **cell, GError **error)
{
    const char *slash = strchr(name, '/');
    g_autofree char *run_name = slash ? g_strndup(name, (gsize)(slash - name)) : g_strdup(name);
    g_autoptr(LabRun) run = lab_run_open(data, run_name, error);

    *cell = NULL;
    if (!run)
        return NULL;
    if (slash && slash[1]) {
        *cell = lab_run_find_cell(run, slash + 1, error);
        if (!*cell)
            return NULL;
    }
    return g_steal_pointer(&run);
}

/* Whether the directory still goes by its name: 'gc' may have taken it away before the lock was
 * had. */
static gboolean
is_there(const LabRun *run)
{
    struct stat named, held;

    return stat(run->directory, &named) == 0 && fstat(run->fd, &held) == 0 &&
           named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

int
lab_driver_lock(int dirfd, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + LOCK_PATIENCE_US;
    g_autoptr(GError) local = NULL;
    int fd;

    while ((fd = lab_lock_take(dirfd, LOCK_FILE, FALSE, &local)) < 0 &&
           g_error_matches(local, LAB_INFRA_ERROR, LAB_ERROR_EXISTS) &&
           g_get_monotonic_time() < end_us) {
        g_clear_error(&local);
        g_usleep(20000);
    }
    if (fd < 0)
        g_propagate_error(error, g_steal_pointer(&local));
    return fd;
}

gboolean
lab_run_lock(LabRun *run, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (run->lock_fd < 0)
        run->lock_fd = lab_driver_lock(run->fd, &local);
    if (run->lock_fd >= 0 && !is_there(run)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "run '%s' was removed: see 'kreglab list'", run->id);
        lab_fd_close(&run->lock_fd);
        return FALSE;
    }
    if (run->lock_fd >= 0)
        return TRUE;
    if (g_error_matches(local, LAB_INFRA_ERROR, LAB_ERROR_EXISTS)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                    "run '%s' is being driven by another kreglab: wait for it or stop it first",
                    run->id);
        return FALSE;
    }
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

gboolean
lab_run_is_locked(const char *data, const char *id)
{
    g_autofree char *path = g_build_filename(data, "runs", id, LOCK_FILE, NULL);
    LAB_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

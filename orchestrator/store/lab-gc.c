/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-gc-private.h"
#include "lab-journal.h"

#define TRASH ".trash"
#define LOCK  ".gc.lock"
/* Workers come and go: so long a moment without any is waited for. */
#define PATIENCE_US (2 * G_USEC_PER_SEC)
#define RETRY_US    20000

#define DAY_MS (86400ll * 1000)
#define GIB    (1ull << 30)

const char *const lab_gc_kind_names[] = {
    [LAB_GC_VMCORES] = "vmcores",
    [LAB_GC_RUNS] = "runs",
    [LAB_GC_TEMPLATES] = "templates",
    [LAB_GC_IMAGES] = "images",
    [LAB_GC_INITRAMFS] = "initramfs",
    [LAB_GC_MODULES] = "modules",
    [LAB_GC_PROGRAMS] = "programs",
    [LAB_GC_ROOTS] = "roots",
    [LAB_GC_DOWNLOADS] = "downloads",
    [LAB_GC_BUILDS] = "builds",
    [LAB_GC_APT] = "apt",
    [LAB_GC_KINDS] = NULL,
};

/* What can be made again goes when it was not of use for long; results never by themselves. */
static const LabGcBudget defaults[LAB_GC_KINDS] = {
    [LAB_GC_TEMPLATES] = {8 * GIB, 30 * DAY_MS},
    [LAB_GC_IMAGES] = {0, 180 * DAY_MS},
    [LAB_GC_INITRAMFS] = {4 * GIB, 30 * DAY_MS},
    [LAB_GC_MODULES] = {0, 90 * DAY_MS},
    [LAB_GC_PROGRAMS] = {0, 90 * DAY_MS},
    [LAB_GC_ROOTS] = {0, 180 * DAY_MS},
    [LAB_GC_DOWNLOADS] = {20 * GIB, 90 * DAY_MS},
    [LAB_GC_BUILDS] = {0, 90 * DAY_MS},
    [LAB_GC_APT] = {0, 30 * DAY_MS},
};

LabGcBudget
lab_gc_default_budget(LabGcKind kind)
{
    return defaults[kind];
}

static gboolean
is_in_data(LabGcKind kind)
{
    return kind == LAB_GC_RUNS || kind == LAB_GC_VMCORES;
}

char *
lab_gc_folder(const LabPaths *paths, LabGcKind kind)
{
    return is_in_data(kind) ? g_build_filename(paths->data, "runs", NULL)
                            : g_build_filename(paths->cache, lab_gc_kind_names[kind], NULL);
}

static void
item_free(gpointer pointer)
{
    LabGcItem *item = pointer;

    g_free(item->name);
    g_free(item->path);
    g_free(item->kept_why);
    g_free(item);
}

static gint
oldest_first(gconstpointer a, gconstpointer b)
{
    const LabGcItem *one = *(LabGcItem *const *)a;
    const LabGcItem *other = *(LabGcItem *const *)b;

    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    if (one->used_s != other->used_s)
        return one->used_s < other->used_s ? -1 : 1;
    return strcmp(one->name, other->name);
}

/* What stays counts against the budget of size as well: there is only so much disk. */
static void
decide(GPtrArray *items, guint first, const LabGcBudget *budget, gint64 now_s)
{
    guint64 sum = 0;

    for (guint i = first; i < items->len; i++)
        sum += ((LabGcItem *)items->pdata[i])->bytes;
    for (guint i = first; i < items->len; i++) {
        LabGcItem *item = items->pdata[i];

        if (item->kept_why)
            continue;
        if (budget->max_age_ms > 0 && (now_s - item->used_s) * 1000 > budget->max_age_ms)
            item->drop = "age";
        else if (budget->max_bytes > 0 && sum > budget->max_bytes)
            item->drop = "size";
        if (item->drop)
            sum -= item->bytes;
    }
}

GPtrArray *
lab_gc_plan(const LabPaths *paths, const LabGcBudget *const budgets[LAB_GC_KINDS], GError **error)
{
    GPtrArray *items = g_ptr_array_new_with_free_func(item_free);
    gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;

    for (LabGcKind kind = 0; kind < LAB_GC_KINDS; kind++) {
        guint first = items->len;

        if (!budgets[kind])
            continue;
        lab_gc_scan(paths, kind, items);
        g_ptr_array_sort(items, oldest_first);
        decide(items, first, budgets[kind], now_s);
    }
    return items;
}

static void
keep(LabGcItem *item, const char *why)
{
    g_free(item->kept_why);
    item->kept_why = g_strdup(why);
    item->drop = NULL;
}

/* Renames it into the trash beside: from here on it is gone for everybody. */
static gboolean
move_to_trash(const char *root, LabGcItem *item, GError **error)
{
    static guint count;
    g_autofree char *trash = g_build_filename(root, TRASH, NULL);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, trash, 0700, error);
    g_autofree char *name = g_strdup_printf("%d-%u", (int)getpid(), count++);

    if (fd < 0)
        return FALSE;
    if (renameat(AT_FDCWD, item->path, fd, name) < 0) {
        if (errno == ENOENT)
            return TRUE; /* somebody else was faster */
        return lab_error_set_errno(error, errno, "moving '%s' away", item->path);
    }
    item->gone = TRUE;
    return TRUE;
}

/* A run is renamed with its lock held: nobody drives it, and who waits for the lock finds it gone
 * (lab_run_lock). */
static gboolean
drop_run(const LabPaths *paths, LabGcItem *item, LabIndex *index, GError **error)
{
    g_autoptr(LabRun) run = lab_run_open(paths->data, item->name, NULL);
    LAB_AUTO_FD damaged = -1;

    if (run ? !lab_run_lock(run, NULL)
            : (damaged = lab_dir_open(AT_FDCWD, item->path, NULL)) < 0 ||
                  lab_run_is_locked(paths->data, item->name)) {
        keep(item, "in use");
        return TRUE;
    }
    if (lab_file_exists(run ? lab_run_fd(run) : damaged, LAB_PIN_FILE)) {
        keep(item, "pinned");
        return TRUE;
    }
    return move_to_trash(paths->data, item, error) &&
           (!index || !item->gone || lab_index_forget(index, item->name, error));
}

static gboolean
drop_vmcore(const LabPaths *paths, LabGcItem *item, GError **error)
{
    const char *slash = strchr(item->name, '/');
    g_autofree char *id = g_strndup(item->name, (gsize)(slash - item->name));
    g_autofree char *cell = g_strndup(slash + 1, strcspn(slash + 1, "."));
    g_autoptr(LabRun) run = lab_run_open(paths->data, id, NULL);

    if (!run || !lab_run_lock(run, NULL)) {
        keep(item, run ? "in use" : "its run is damaged");
        return TRUE;
    }
    /* The journal first: a dump is never missing without a word why. */
    return lab_journal_append(run,
                              json_pack("{s:s, s:s, s:s, s:n}", "event", "dump-removed", "cell",
                                        cell, "why", "kreglab gc", "kept"),
                              error) &&
           move_to_trash(paths->data, item, error);
}

/* KEY, or KEY.cold, the reason why there is none; both by KEY's lock. The lock file stays: who
 * waits for it would else hold a lock on nothing. */
static gboolean
drop_template(const LabPaths *paths, LabGcItem *item, GError **error)
{
    const char *word = g_str_has_suffix(item->path, ".cold") ? strrchr(item->path, '.') : NULL;
    g_autofree char *base = word ? g_strndup(item->path, (gsize)(word - item->path))
                                 : g_strdup(item->path);
    g_autofree char *lock = g_strconcat(base, ".lock", NULL);
    LAB_AUTO_FD fd = lab_lock_take(AT_FDCWD, lock, FALSE, NULL);

    if (fd < 0) {
        keep(item, "in use");
        return TRUE;
    }
    return move_to_trash(paths->cache, item, error);
}

/* -1: workers live. */
static int
lock_cache(const LabPaths *paths)
{
    g_autofree char *path = g_build_filename(paths->cache, LAB_CACHE_LOCK, NULL);
    gint64 end_us = g_get_monotonic_time() + PATIENCE_US;
    int fd;

    while ((fd = lab_lock_take(AT_FDCWD, path, FALSE, NULL)) < 0 && g_get_monotonic_time() < end_us)
        g_usleep(RETRY_US);
    return fd;
}

/* All at once, with the lock of the caches held: only renames, so that no worker waits for long. */
static gboolean
drop_caches(const LabPaths *paths, GPtrArray *items, GError **error)
{
    LAB_AUTO_FD lock = -1;

    for (guint i = 0; i < items->len; i++) {
        LabGcItem *item = items->pdata[i];

        if (!item->drop || is_in_data(item->kind) || item->kind == LAB_GC_TEMPLATES)
            continue;
        if (lock < 0)
            lock = lock_cache(paths);
        if (lock < 0)
            keep(item, "in use: workers live");
        else if (!move_to_trash(paths->cache, item, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
empty_trash(const char *root, GError **error)
{
    g_autofree char *trash = g_build_filename(root, TRASH, NULL);

    return lab_path_remove(AT_FDCWD, trash, error);
}

static gboolean
drop_item(const LabPaths *paths, LabGcItem *item, LabIndex *index, GError **error)
{
    if (!item->drop)
        return TRUE;
    switch (item->kind) {
    case LAB_GC_RUNS:
        return drop_run(paths, item, index, error);
    case LAB_GC_VMCORES:
        return drop_vmcore(paths, item, error);
    case LAB_GC_TEMPLATES:
        return drop_template(paths, item, error);
    default:
        return TRUE; /* drop_caches */
    }
}

static gboolean
sweep(const LabPaths *paths, GPtrArray *items, LabIndex *index, GError **error)
{
    for (guint i = 0; i < items->len; i++)
        if (!drop_item(paths, items->pdata[i], index, error))
            return FALSE;
    return drop_caches(paths, items, error) && empty_trash(paths->data, error) &&
           empty_trash(paths->cache, error);
}

gboolean
lab_gc_sweep(const LabPaths *paths, GPtrArray *items, LabIndex *index, GError **error)
{
    LAB_AUTO_FD data = lab_dir_make(AT_FDCWD, paths->data, 0700, error);
    LAB_AUTO_FD cache = data >= 0 ? lab_dir_make(AT_FDCWD, paths->cache, 0700, error) : -1;
    LAB_AUTO_FD data_lock = cache >= 0 ? lab_lock_take(data, LOCK, TRUE, error) : -1;
    LAB_AUTO_FD cache_lock = data_lock >= 0 ? lab_lock_take(cache, LOCK, TRUE, error) : -1;

    if (cache_lock < 0)
        return FALSE;
    /* Of one that was killed. */
    return empty_trash(paths->data, error) && empty_trash(paths->cache, error) &&
           sweep(paths, items, index, error);
}

gboolean
lab_run_pin(LabRun *run, gboolean pinned, GError **error)
{
    if (!pinned)
        return lab_path_remove(lab_run_fd(run), LAB_PIN_FILE, error);
    return lab_file_write(lab_run_fd(run), LAB_PIN_FILE, "", 0, 0600, error);
}

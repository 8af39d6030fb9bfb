/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is to clean, how large it is, when it was last of use, and what has to stay. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-file.h"
#include "lab-gc-private.h"

#define TEXT_MAX  (4u << 20)
#define MAX_DEPTH 64

typedef struct {
    guint64 bytes;
    gint64 used_s; /* of its files: the latest change or reading */
} Tree;

/* Sizes on disk; a file with several names is counted by its share. Follows no links. */
static void
measure(int dirfd, const char *name, int depth, Tree *tree)
{
    LAB_AUTO_FD fd = -1;
    struct dirent *entry;
    struct stat st;
    DIR *dir;

    if (depth > MAX_DEPTH || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    tree->bytes += (guint64)st.st_blocks * 512 / MAX(st.st_nlink * !S_ISDIR(st.st_mode), 1);
    if (!S_ISDIR(st.st_mode)) {
        tree->used_s = MAX(tree->used_s, (gint64)MAX(st.st_mtime, st.st_atime));
        return;
    }
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    dir = fd >= 0 ? fdopendir(dup(fd)) : NULL;
    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            measure(fd, entry->d_name, depth + 1, tree);
    if (dir)
        closedir(dir);
}

static gint64
changed_s(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? (gint64)st.st_mtime : 0;
}

static LabGcItem *
add_item(GPtrArray *items, LabGcKind kind, const char *name, const char *path)
{
    LabGcItem *item = g_new0(LabGcItem, 1);
    Tree tree = {0};

    measure(AT_FDCWD, path, 0, &tree);
    item->kind = kind;
    item->name = g_strdup(name);
    item->path = g_strdup(path);
    item->bytes = tree.bytes;
    item->used_s = tree.used_s > 0 ? tree.used_s : changed_s(path);
    g_ptr_array_add(items, item);
    return item;
}

/* Ids of runs that a text names are put into 'named', with where. */
static void
collect_names(GHashTable *named, const char *text, const char *where)
{
    static GRegex *id;
    g_autoptr(GMatchInfo) match = NULL;

    if (!id)
        id = g_regex_new("[0-9]{8}-[0-9]{6}-[0-9a-f]{4}", G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);
    for (g_regex_match(id, text, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        g_autofree char *name = g_match_info_fetch(match, 0);

        if (strcmp(name, where) != 0 && !g_hash_table_contains(named, name))
            g_hash_table_insert(named, g_steal_pointer(&name), g_strdup(where));
    }
}

static void
collect_file(GHashTable *named, const char *path, const char *where)
{
    g_autofree char *text = lab_file_read(AT_FDCWD, path, TEXT_MAX, NULL, NULL);

    if (text)
        collect_names(named, text, where);
}

/* Files of the data directory itself and of its own folders (known issues, kept comparisons,
 * bisections …), two levels deep; not of runs and kernels. */
static void
collect_folder(GHashTable *named, const char *folder, int depth)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (*name == '.' ||
            (depth == 0 && (strcmp(name, "runs") == 0 || strcmp(name, "kernels") == 0)))
            continue;
        if (g_file_test(path, G_FILE_TEST_IS_DIR) && depth < 2)
            collect_folder(named, path, depth + 1);
        else if (g_str_has_suffix(name, ".json") || g_str_has_suffix(name, ".jsonl") ||
                 g_str_has_suffix(name, ".yaml"))
            collect_file(named, path, name);
    }
}

/* Run id -> what names it: another run's matrix (a replay of one of its cells) or options, a file
 * of the data directory. */
static GHashTable *
references(const LabPaths *paths, char **ids)
{
    GHashTable *named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (char **id = ids; *id; id++) {
        g_autofree char *matrix = g_build_filename(paths->data, "runs", *id, "matrix.yaml", NULL);
        g_autofree char *info = g_build_filename(paths->data, "runs", *id, "run.json", NULL);

        collect_file(named, matrix, *id);
        collect_file(named, info, *id);
    }
    collect_folder(named, paths->data, 0);
    return named;
}

static char *
why_kept(const LabPaths *paths, const char *id, GHashTable *named)
{
    g_autofree char *pin = g_build_filename(paths->data, "runs", id, LAB_PIN_FILE, NULL);
    const char *by = g_hash_table_lookup(named, id);

    if (lab_file_exists(AT_FDCWD, pin))
        return g_strdup("pinned");
    if (lab_run_is_locked(paths->data, id))
        return g_strdup("in use");
    return by ? g_strdup_printf("referenced by %s", by) : NULL;
}

static void
scan_vmcores(const char *run, const char *id, const char *kept_why, GPtrArray *items)
{
    g_autofree char *cells = g_build_filename(run, "cells", NULL);
    g_autoptr(GDir) dir = g_dir_open(cells, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(cells, name, "vmcore", NULL);
        g_autofree char *both = g_strconcat(id, "/", name, NULL);
        LabGcItem *item;

        if (!lab_file_exists(AT_FDCWD, path))
            continue;
        item = add_item(items, LAB_GC_VMCORES, both, path);
        item->used_s = changed_s(path);
        item->kept_why = g_strdup(kept_why);
    }
}

static void
scan_runs(const LabPaths *paths, LabGcKind kind, GPtrArray *items)
{
    g_auto(GStrv) ids = lab_run_ids(paths->data, NULL);
    g_autoptr(GHashTable) named = ids ? references(paths, ids) : NULL;

    for (char **id = ids; id && *id; id++) {
        g_autofree char *path = g_build_filename(paths->data, "runs", *id, NULL);
        g_autofree char *journal = g_build_filename(path, "journal.jsonl", NULL);
        g_autofree char *info = g_build_filename(path, "run.json", NULL);
        g_autofree char *kept_why = why_kept(paths, *id, named);

        if (kind == LAB_GC_VMCORES) {
            scan_vmcores(path, *id, kept_why, items);
        } else {
            LabGcItem *item = add_item(items, kind, *id, path);

            item->used_s = MAX(changed_s(journal), changed_s(info));
            item->kept_why = g_steal_pointer(&kept_why);
        }
    }
}

/* Names with a dot are locks and files on their way. */
static void
scan_cache(const LabPaths *paths, LabGcKind kind, GPtrArray *items)
{
    g_autofree char *folder = lab_gc_folder(paths, kind);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *lock = g_strconcat(path, ".lock", NULL);
        LabGcItem *item;

        if (*name == '.' || g_str_has_suffix(name, ".lock") || strstr(name, ".part-"))
            continue;
        item = add_item(items, kind, name, path);
        if (kind == LAB_GC_TEMPLATES && lab_file_exists(AT_FDCWD, lock))
            item->used_s = changed_s(lock);
    }
}

void
lab_gc_scan(const LabPaths *paths, LabGcKind kind, GPtrArray *items)
{
    if (kind == LAB_GC_RUNS || kind == LAB_GC_VMCORES)
        scan_runs(paths, kind, items);
    else
        scan_cache(paths, kind, items);
}

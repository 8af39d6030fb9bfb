/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The templates in the cache: found, checked, held, made by one worker at a time. */
#include "lab-template-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define POLL_US 10000

LabTemplate *
lab_template_ref(LabTemplate *template)
{
    g_atomic_ref_count_inc(&template->references);
    return template;
}

void
lab_template_free(LabTemplate *template)
{
    if (!template || !g_atomic_ref_count_dec(&template->references))
        return;
    json_decref(template->json);
    g_free(template->key);
    g_free(template->path);
    lab_fd_close(&template->fd);
    lab_fd_close(&template->lock);
    g_free(template);
}

const json_t *
lab_template_json(const LabTemplate *template)
{
    return template->json;
}

const char *
lab_template_name(const LabTemplate *template)
{
    return template->key;
}

void
lab_template_claim_free(LabTemplateClaim *claim)
{
    g_autoptr(GError) error = NULL;

    if (!claim)
        return;
    if (claim->fd >= 0 && !lab_path_remove(AT_FDCWD, claim->part, &error))
        lab_warn("%s", error->message);
    lab_fd_close(&claim->fd);
    lab_fd_close(&claim->lock);
    g_free(claim->key);
    g_free(claim->root);
    g_free(claim->part);
    g_free(claim);
}

static gboolean
check_files(int fd, const json_t *json, GError **error)
{
    const json_t *files = lab_json_member(json, "files");
    const json_t *seal;
    gsize i;

    if (json_array_size(files) < 2) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "its template.json lacks files");
        return FALSE;
    }
    json_array_foreach (files, i, seal) {
        gboolean small = g_strcmp0(lab_json_string(seal, "name"), "state") == 0;

        if (!lab_template_check_seal(fd, seal, small, error))
            return FALSE;
    }
    return TRUE;
}

/* The template in 'path', without a lock yet. NULL without error: there is none. */
static LabTemplate *
load(const char *path, const char *key, GError **error)
{
    g_autoptr(LabTemplate) template = NULL;
    LAB_AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    g_autoptr(json_t) json = NULL;

    if (fd < 0 && errno == ENOENT)
        return NULL;
    json = lab_json_read(fd, "template.json", LAB_TEMPLATE_SCHEMA, error);
    if (!json)
        return NULL;
    if (g_strcmp0(lab_json_string(json, "key"), key) != 0) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "its template.json is of another key");
        return NULL;
    }
    if (!check_files(fd, json, error))
        return NULL;
    template = g_new0(LabTemplate, 1);
    g_atomic_ref_count_init(&template->references);
    template->key = g_strdup(key);
    template->path = g_strdup(path);
    template->fd = g_steal_fd(&fd);
    template->lock = -1;
    template->json = g_steal_pointer(&json);
    return g_steal_pointer(&template);
}

/* TRUE when 'name' is what a killed worker left of a template that it was making: its lock, which
 * is 'own' for the caller's key, is free. */
static gboolean
is_dead_part(int root, const char *name, const char *own)
{
    const char *end = strstr(name, ".part-");
    g_autofree char *key = end ? g_strndup(name, (gsize)(end - name)) : NULL;
    g_autofree char *lock_name = g_strconcat(key ? key : "", ".lock", NULL);
    LAB_AUTO_FD lock = -1;

    if (!key || strcmp(key, own) == 0)
        return key != NULL;
    lock = lab_lock_take(root, lock_name, FALSE, NULL);
    return lock >= 0;
}

static gboolean
remove_parts(int root, const char *own, GError **error)
{
    DIR *listing = fdopendir(dup(root));
    struct dirent *entry;
    gboolean ok = TRUE;

    while (ok && listing && (entry = readdir(listing)))
        if (is_dead_part(root, entry->d_name, own))
            ok = lab_path_remove(root, entry->d_name, error);
    if (listing)
        closedir(listing);
    return ok;
}

static LabTemplateClaim *
make_claim(int root, const char *root_path, const char *key, int *lock, GError **error)
{
    g_autoptr(LabTemplateClaim) claim = g_new0(LabTemplateClaim, 1);

    claim->fd = -1;
    claim->lock = g_steal_fd(lock);
    claim->key = g_strdup(key);
    claim->root = g_strdup(root_path);
    claim->part = g_strdup_printf("%s/%s.part-%d", root_path, key, (int)getpid());
    if (!lab_path_remove(root, key, error) || !remove_parts(root, key, error))
        return NULL;
    claim->fd = lab_dir_make(AT_FDCWD, claim->part, 0700, error);
    return claim->fd < 0 ? NULL : g_steal_pointer(&claim);
}

/* A lock on a file that was removed meanwhile is no lock. */
static gboolean
is_current(int root, const char *name, int fd)
{
    struct stat held, named;

    return fstat(fd, &held) == 0 && fstatat(root, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_ino == named.st_ino;
}

/* One try. FALSE on error; TRUE with neither result: somebody else has the lock. */
static gboolean
try_claim(int root, const char *root_path, const char *key, LabTemplate **template,
          LabTemplateClaim **claim, GError **error)
{
    g_autofree char *name = g_strconcat(key, ".lock", NULL);
    g_autofree char *path = g_build_filename(root_path, key, NULL);
    LAB_AUTO_FD lock = openat(root, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    g_autoptr(LabTemplate) found = NULL;
    g_autoptr(GError) damage = NULL;

    if (lock < 0)
        return lab_error_set_errno(error, errno, "opening lock '%s'", name);
    if (flock(lock, LOCK_SH | LOCK_NB) < 0 || !is_current(root, name, lock))
        return TRUE;
    found = load(path, key, &damage);
    if (!found) {
        if (flock(lock, LOCK_EX | LOCK_NB) < 0 || !is_current(root, name, lock))
            return TRUE;
        /* Somebody may have made it between the two locks. */
        g_clear_error(&damage);
        found = load(path, key, &damage);
    }
    if (!found) {
        if (damage)
            lab_warn("removing a damaged template of a warm guest: %s", damage->message);
        *claim = make_claim(root, root_path, key, &lock, error);
        return *claim != NULL;
    }
    (void)flock(lock, LOCK_SH | LOCK_NB);
    (void)futimens(lock, NULL); /* when it was last of use: for the cache's cleaning */
    found->lock = g_steal_fd(&lock);
    *template = g_steal_pointer(&found);
    return TRUE;
}

gboolean
lab_template_claim(const char *cache_directory, const char *key, gint64 wait_ms,
                   LabTemplate **template, LabTemplateClaim **claim, GError **error)
{
    g_autofree char *root_path = g_build_filename(cache_directory, "templates", NULL);
    gint64 deadline_us = g_get_monotonic_time() + wait_ms * 1000;
    LAB_AUTO_FD root = lab_dir_make(AT_FDCWD, root_path, 0700, error);

    *template = NULL;
    *claim = NULL;
    if (root < 0)
        return FALSE;
    for (;;) {
        if (!try_claim(root, root_path, key, template, claim, error))
            return FALSE;
        if (*template || *claim || g_get_monotonic_time() >= deadline_us)
            return TRUE;
        g_usleep(POLL_US);
    }
}

void
lab_template_refuse(const LabTemplateClaim *claim, const char *why)
{
    g_autofree char *path = g_strdup_printf("%s/%s.cold", claim->root, claim->key);
    g_autoptr(GError) error = NULL;

    if (!lab_file_write(AT_FDCWD, path, why, -1, 0600, &error))
        lab_warn("%s", error->message);
}

LabTemplate *
lab_template_publish(LabTemplateClaim *given, const json_t *json, GError **error)
{
    g_autoptr(LabTemplateClaim) claim = given;
    g_autofree char *path = g_build_filename(claim->root, claim->key, NULL);
    LabTemplate *template;
    LAB_AUTO_FD root = -1;

    if (!lab_json_write(claim->fd, "template.json", json, 0600, error))
        return NULL;
    root = lab_dir_open(AT_FDCWD, claim->root, error);
    if (root < 0)
        return NULL;
    if (fsync(claim->fd) < 0 || rename(claim->part, path) < 0 || fsync(root) < 0) {
        lab_error_set_errno(error, errno, "publishing the template '%s'", path);
        return NULL;
    }
    lab_fd_close(&claim->fd); /* what it named is no part any more */
    template = load(path, claim->key, error);
    if (!template)
        return NULL;
    (void)flock(claim->lock, LOCK_SH | LOCK_NB);
    template->lock = g_steal_fd(&claim->lock);
    return template;
}

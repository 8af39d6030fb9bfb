/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From stage to store entry. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-stage.h"

/* Reads an entry; NULL when there is none that can be read. */
static LabKernel *
read_entry(LabStage *stage, const char *id)
{
    g_autofree char *directory = g_build_filename(stage->options->data, "kernels", id, NULL);
    g_autofree char *name = g_build_filename(id, "kernel.json", NULL);
    g_autoptr(json_t) json = lab_json_read(stage->kernels_fd, name, LAB_KERNEL_SCHEMA, NULL);

    return json ? lab_kernel_new_from_json(json, directory, NULL) : NULL;
}

/* Chooses the id; *same is the entry that is this very kernel already. */
static gboolean
choose_id(LabStage *stage, LabKernel **same, GError **error)
{
    LabKernel *kernel = stage->kernel;
    const char *name = stage->options->name ? stage->options->name : kernel->release;
    g_autoptr(LabKernel) other = read_entry(stage, name);

    *same = NULL;
    kernel->id = g_strdup(name);
    if (!other)
        return TRUE;
    if (strcmp(other->digest, kernel->digest) == 0) {
        *same = g_steal_pointer(&other);
        return TRUE;
    }
    if (stage->options->name) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                    "there is another kernel of the name '%s': remove it first or choose another "
                    "name",
                    name);
        return FALSE;
    }
    g_free(kernel->id);
    kernel->id = g_strdup_printf("%s+%.8s", kernel->release, kernel->digest);
    *same = read_entry(stage, kernel->id);
    return TRUE;
}

/* Moves what the entry lacks and the stage has. */
static gboolean
merge(LabStage *stage, LabKernel *same, GError **error)
{
    static const char *const parts[] = {"config",  "System.map",   "changelog",
                                        "headers", "headers.json", "debug"};

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *to = g_build_filename(same->id, parts[i], NULL);

        if (!lab_file_exists(stage->fd, parts[i]))
            continue;
        /* New headers replace old ones as a pair. */
        if (g_str_has_prefix(parts[i], "headers") && !lab_path_remove(stage->kernels_fd, to, error))
            return FALSE;
        if (!lab_file_exists(stage->kernels_fd, to) &&
            renameat(stage->fd, parts[i], stage->kernels_fd, to) < 0)
            return lab_error_set_errno(error, errno, "moving '%s' into the store", parts[i]);
    }
    return TRUE;
}

static int
trust_rank(const char *word)
{
    return g_strcmp0(word, "verified") == 0 ? 2 : g_strcmp0(word, "pinned") == 0 ? 1 : 0;
}

/* The same kernel from a source that is vouched for better: that is what the entry says then. */
static gboolean
upgrade_origin(LabStage *stage, LabKernel *same, GError **error)
{
    LabKernel *kernel = stage->kernel;
    g_autofree char *name = g_build_filename(same->id, "kernel.json", NULL);
    g_autoptr(json_t) json = NULL;

    if (trust_rank(kernel->verification) <= trust_rank(same->verification))
        return TRUE;
    g_free(same->verification);
    g_free(same->verified_by);
    g_free(same->source);
    same->verification = g_strdup(kernel->verification);
    same->verified_by = g_strdup(kernel->verified_by);
    same->source = g_strdup(kernel->source);
    json = lab_kernel_to_json(same);
    return lab_json_write(stage->kernels_fd, name, json, 0644, error);
}

static gboolean
write_entry(LabStage *stage, GError **error)
{
    g_autoptr(json_t) json = lab_kernel_to_json(stage->kernel);

    if (!lab_json_write(stage->fd, "kernel.json", json, 0644, error))
        return FALSE;
    if (syncfs(stage->fd) < 0)
        return lab_error_set_errno(error, errno, "syncing the store");
    /* What lies there has no kernel.json: the rest of a removal that did not end. */
    if (!lab_path_remove(stage->kernels_fd, stage->kernel->id, error))
        return FALSE;
    if (renameat(stage->kernels_fd, stage->name, stage->kernels_fd, stage->kernel->id) < 0)
        return lab_error_set_errno(error, errno, "moving '%s' into the store", stage->kernel->id);
    g_clear_pointer(&stage->name, g_free);
    unlinkat(stage->fd, ".lock", 0);
    if (fsync(stage->kernels_fd) < 0 && errno != EINVAL)
        return lab_error_set_errno(error, errno, "syncing the store");
    return TRUE;
}

LabKernel *
lab_stage_commit(LabStage *stage, GError **error)
{
    g_autoptr(LabKernel) same = NULL;
    LAB_AUTO_FD lock = lab_lock_take(stage->kernels_fd, LAB_KERNEL_LOCK, TRUE, error);

    if (lock < 0 || !choose_id(stage, &same, error))
        return NULL;
    g_free(stage->kernel->directory);
    stage->kernel->directory =
        g_build_filename(stage->options->data, "kernels", stage->kernel->id, NULL);
    if (!lab_stage_finish_headers(stage, error))
        return NULL;
    if (same)
        return merge(stage, same, error) && upgrade_origin(stage, same, error)
                   ? g_steal_pointer(&same)
                   : NULL;
    return write_entry(stage, error) ? g_steal_pointer(&stage->kernel) : NULL;
}

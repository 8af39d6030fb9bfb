/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-archive.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-source.h"

#define STAGE_PREFIX  ".stage-"
#define MAX_DEPTH     4
#define CONTROL_PLACE ".control"
#define CONTROL_BYTES (1u << 20)

/* Stages whose process died: their lock can be taken. */
static void
remove_stale_stages(int kernels_fd)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", kernels_fd);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *lock = g_strconcat(name, "/.lock", NULL);
        LAB_AUTO_FD fd = -1;

        if (!g_str_has_prefix(name, STAGE_PREFIX))
            continue;
        fd = lab_lock_take(kernels_fd, lock, FALSE, NULL);
        if (fd >= 0)
            lab_path_remove(kernels_fd, name, NULL);
    }
}

LabStage *
lab_stage_new(const LabIntakeOptions *options, GError **error)
{
    g_autoptr(LabStage) stage = g_new0(LabStage, 1);
    g_autofree char *kernels = g_build_filename(options->data, "kernels", NULL);
    static gint counter;

    stage->options = options;
    stage->kernels_fd = stage->fd = stage->lock_fd = -1;
    stage->kernel = g_new0(LabKernel, 1);
    stage->trust = LAB_TRUST_VERIFIED;
    stage->trust_by = g_string_new(NULL);
    stage->layout.want_debug = options->debug;
    stage->kernels_fd = lab_dir_make(AT_FDCWD, kernels, 0700, error);
    if (stage->kernels_fd < 0)
        return NULL;
    remove_stale_stages(stage->kernels_fd);
    stage->name =
        g_strdup_printf(STAGE_PREFIX "%d-%d", (int)getpid(), g_atomic_int_add(&counter, 1));
    stage->fd = lab_dir_make(stage->kernels_fd, stage->name, 0755, error);
    if (stage->fd < 0)
        return NULL;
    stage->lock_fd = lab_lock_take(stage->fd, ".lock", FALSE, error);
    return stage->lock_fd < 0 ? NULL : g_steal_pointer(&stage);
}

void
lab_stage_free(LabStage *stage)
{
    if (!stage)
        return;
    if (stage->name && stage->fd >= 0)
        lab_path_remove(stage->kernels_fd, stage->name, NULL);
    lab_fd_close(&stage->lock_fd);
    lab_fd_close(&stage->fd);
    lab_fd_close(&stage->kernels_fd);
    g_free(stage->name);
    g_free(stage->layout.release);
    g_string_free(stage->trust_by, TRUE);
    lab_kernel_free(stage->kernel);
    g_free(stage);
}

void
lab_stage_progress(LabStage *stage, guint64 done, guint64 total, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    if (!stage->options->progress)
        return;
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    stage->options->progress(text, done, total, stage->options->progress_data);
}

gboolean
lab_stage_take(LabStage *stage, const char *spec, GError **error)
{
    const LabSource *const *source = lab_sources();
    gboolean ok;

    while (*source && !(*source)->accepts(spec))
        source++;
    if (!*source) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    g_file_test(spec, G_FILE_TEST_EXISTS)
                        ? "'%s' is neither a package (.deb, .rpm, tar), a kernel image nor a "
                          "directory with one"
                        : "there is no '%s' (neither file, URL nor debian:SUITE/PACKAGE)",
                    spec);
        return FALSE;
    }
    if (stage->depth >= MAX_DEPTH) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT, "'%s': sources nested too deep",
                    spec);
        return FALSE;
    }
    stage->depth++;
    ok = (*source)->take(stage, spec, error);
    stage->depth--;
    return ok;
}

gboolean
lab_stage_take_trusted(LabStage *stage, const char *path, LabTrust trust, const char *by,
                       GError **error)
{
    LabTrust outer = stage->given;
    const char *outer_by = stage->given_by;
    gboolean ok;

    if (trust > outer) {
        stage->given = trust;
        stage->given_by = by;
    }
    ok = lab_stage_take(stage, path, error);
    stage->given = outer;
    stage->given_by = outer_by;
    return ok;
}

void
lab_stage_note_trust(LabStage *stage, LabTrust own, const char *by)
{
    if (stage->given >= own) {
        own = stage->given;
        by = stage->given_by;
    }
    stage->files++;
    stage->trust = MIN(stage->trust, own);
    if (own != LAB_TRUST_UNVERIFIED && by && !strstr(stage->trust_by->str, by))
        g_string_append_printf(stage->trust_by, "%s%s", stage->trust_by->len > 0 ? "; " : "", by);
}

void
lab_stage_note_package(LabStage *stage, const char *format, const char *name, const char *version,
                       gboolean brought_image)
{
    LabKernel *kernel = stage->kernel;

    if (kernel->format && !brought_image)
        return;
    g_free(kernel->format);
    g_free(kernel->package);
    g_free(kernel->package_version);
    kernel->format = g_strdup(format);
    kernel->package = g_strdup(name);
    kernel->package_version = g_strdup(version);
}

static char *
place_entry(const LabArchiveEntry *entry, gpointer data, GError **error)
{
    LabStage *stage = data;

    if (entry->member && g_str_has_prefix(entry->member, "control.tar"))
        return strcmp(entry->path, "control") == 0 && entry->type == S_IFREG
                   ? g_strdup(CONTROL_PLACE)
                   : NULL;
    return lab_layout_place(&stage->layout, entry->path, entry->type, error);
}

gboolean
lab_stage_unpack(LabStage *stage, const char *path, char **control, GError **error)
{
    LabArchiveOptions options = {.place = place_entry, .data = stage, .link_root = "headers"};
    g_autofree char *name = g_path_get_basename(path);
    LAB_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", path);
    lab_stage_progress(stage, 0, 0, "unpacking %s", name);
    if (!lab_archive_extract(fd, name, stage->fd, &options, NULL, error))
        return FALSE;
    if (control)
        *control = lab_file_read(stage->fd, CONTROL_PLACE, CONTROL_BYTES, NULL, NULL);
    unlinkat(stage->fd, CONTROL_PLACE, 0);
    return TRUE;
}

char *
lab_sha256_file(int dirfd, const char *path, GError **error)
{
    LAB_AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        lab_error_set_errno(error, errno, "opening '%s'", path);
        return NULL;
    }
    return lab_fd_sha256(fd, path, error);
}

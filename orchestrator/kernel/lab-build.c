/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-build-private.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-source-tree.h"
#include "lab-tree.h"

#define RECORD  "build.json"
#define LOG     "build.log"
#define COUNT   "objects"
#define GUESSED 1600 /* objects of 6.1 with guest.config */

void
lab_build_clear(LabBuild *build)
{
    if (build->work)
        lab_path_remove(AT_FDCWD, build->work, NULL);
    g_clear_pointer(&build->work, g_free);
    lab_fd_close(&build->work_fd);
    lab_fd_close(&build->log_fd);
    lab_fd_close(&build->builds_fd);
    lab_build_source_clear(&build->source);
    g_clear_pointer(&build->record, json_decref);
    g_clear_pointer(&build->key, g_free);
    g_clear_pointer(&build->compiler, g_free);
    g_clear_pointer(&build->version, g_free);
    g_clear_pointer(&build->builds, g_free);
    g_clear_pointer(&build->log_name, g_free);
    g_clear_pointer(&build->release, g_free);
    if (build->line)
        g_string_free(g_steal_pointer(&build->line), TRUE);
}

static G_GNUC_PRINTF(2, 3) void progress(LabBuild *build, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    if (!build->options->progress)
        return;
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    build->options->progress(text, 0, 0, build->options->progress_data);
}

static void
step_done(LabBuild *build, const char *name)
{
    gint64 now_us = g_get_monotonic_time();

    json_object_set_new(build->durations, name, json_integer((now_us - build->step_us) / 1000));
    build->step_us = now_us;
}

/* The entry of the name: *same when it is this build. FALSE when the name is another kernel's. */
static gboolean
look_in_store(const LabBuild *build, LabKernel **same, GError **error)
{
    const char *name = build->options->name;
    g_autofree char *directory = g_build_filename(build->options->data, "kernels", name, NULL);
    g_autofree char *kernel_path = g_build_filename(directory, "kernel.json", NULL);
    g_autofree char *record_path = g_build_filename(directory, RECORD, NULL);
    g_autoptr(json_t) kernel = lab_json_read(AT_FDCWD, kernel_path, LAB_KERNEL_SCHEMA, NULL);
    g_autoptr(json_t) record = lab_json_read(AT_FDCWD, record_path, 1, NULL);

    *same = NULL;
    if (!kernel)
        return TRUE;
    if (g_strcmp0(lab_json_string(record, "key"), build->key) == 0) {
        *same = lab_kernel_new_from_json(kernel, directory, error);
        return *same != NULL;
    }
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                "there is another kernel of the name '%s': 'kreglab kernel remove %s' makes room, "
                "or choose another name",
                name, name);
    return FALSE;
}

/* One directory a name, ours as long as we hold the name's lock; what a killed build left goes. */
static gboolean
make_work(LabBuild *build, GError **error)
{
    g_autofree char *name = g_strconcat(".work-", build->options->name, NULL);

    if (!lab_path_remove(build->builds_fd, name, error))
        return FALSE;
    build->work = g_build_filename(build->builds, name, NULL);
    build->work_fd = lab_dir_make(build->builds_fd, name, 0700, error);
    return build->work_fd >= 0;
}

static gboolean
open_log(LabBuild *build, GError **error)
{
    build->log_name = g_strdup_printf("%s.log", build->options->name);
    build->log_fd =
        openat(build->builds_fd, build->log_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (build->log_fd < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", build->log_name);
    return TRUE;
}

/* How many objects there will be, as the last build had them: only to show how far it is. */
static void
read_expected(LabBuild *build)
{
    g_autofree char *text = lab_file_read(build->builds_fd, COUNT, 64, NULL, NULL);

    build->expected = text ? g_ascii_strtoull(text, NULL, 10) : GUESSED;
}

static gboolean
make_all(LabBuild *build, GError **error)
{
    const char *const arguments[] = {"bzImage", "modules", NULL};
    g_autofree char *count = NULL;

    read_expected(build);
    build->objects = 0;
    progress(build, "compiling %s (log: %s/%s)", build->release, build->builds, build->log_name);
    if (!lab_build_make(build, arguments, NULL, error))
        return FALSE;
    count = g_strdup_printf("%" G_GUINT64_FORMAT, build->objects);
    return lab_file_write(build->builds_fd, COUNT, count, -1, 0644, error);
}

static gboolean
take_headers(LabBuild *build, LabStage *stage, GError **error)
{
    g_autofree char *place = g_strconcat("headers/usr/src/linux-headers-", build->release, NULL);
    LAB_AUTO_FD fd = lab_dir_make(stage->fd, place, 0755, error);

    stage->layout.has_headers = TRUE;
    return fd >= 0 && lab_source_tree_copy_headers(build->work, fd, error);
}

static gboolean
take_file(LabBuild *build, LabStage *stage, const char *name, const char *place, GError **error)
{
    g_autofree char *path = g_build_filename(build->work, name, NULL);

    return !g_file_test(path, G_FILE_TEST_IS_REGULAR) ||
           lab_tree_take_file(stage, path, place, error);
}

/* A vmlinux without debugging information tells no more than System.map. */
static gboolean
take_symbols(LabBuild *build, LabStage *stage, GError **error)
{
    g_autofree char *config = lab_file_read(build->work_fd, ".config", 4 << 20, NULL, error);

    if (!config)
        return FALSE;
    return !strstr(config, "\nCONFIG_DEBUG_INFO=y\n") ||
           take_file(build, stage, "vmlinux", "debug/vmlinux", error);
}

static gboolean
fill_stage(LabBuild *build, LabStage *stage, GError **error)
{
    g_autofree char *image = g_build_filename(build->work, "arch/x86/boot/bzImage", NULL);

    return lab_tree_take_image(stage, image, error) &&
           take_file(build, stage, ".config", "config", error) &&
           take_file(build, stage, "System.map", "System.map", error) &&
           take_file(build, stage, "modules.order", "modules/modules.order", error) &&
           take_file(build, stage, "modules.builtin", "modules/modules.builtin", error) &&
           take_file(build, stage, "modules.builtin.modinfo", "modules/modules.builtin.modinfo",
                     error) &&
           lab_tree_take_built_modules(stage, build->work, error) &&
           take_symbols(build, stage, error) && take_headers(build, stage, error);
}

/* As `kernel list` shows where it is from: the source, and the patches by name. */
static char *
describe_source(const LabBuild *build)
{
    g_autoptr(GString) text = g_string_new(build->source.spec);

    for (const char *const *path = build->options->patches; *path; path++) {
        g_autofree char *name = g_path_get_basename(*path);

        g_string_append_printf(text, " + %s", name);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static LabKernel *
keep(LabBuild *build, GError **error)
{
    LabIntakeOptions options = {.data = build->options->data,
                                .cache = build->options->cache,
                                .name = build->options->name,
                                .progress = build->options->progress,
                                .progress_data = build->options->progress_data};
    g_autoptr(LabStage) stage = lab_stage_new(&options, error);
    g_autofree char *log = g_build_filename(build->builds, build->log_name, NULL);

    if (!stage)
        return NULL;
    stage->kernel->source = describe_source(build);
    if (build->options->defects[0])
        stage->kernel->defects = g_strdupv((char **)build->options->defects);
    stage->layout.release = g_strdup(build->release);
    lab_stage_note_package(stage, "tree", build->source.package, build->source.version, TRUE);
    lab_stage_note_trust(stage, build->source.by ? LAB_TRUST_VERIFIED : LAB_TRUST_UNVERIFIED,
                         build->source.by);
    if (!fill_stage(build, stage, error) || !lab_stage_finish(stage, error))
        return NULL;
    step_done(build, "store");
    if (!lab_tree_take_file(stage, log, LOG, error) ||
        !lab_json_write(stage->fd, RECORD, build->record, 0644, error))
        return NULL;
    return lab_stage_commit(stage, error);
}

static LabKernel *
build_it(LabBuild *build, GError **error)
{
    if (!open_log(build, error) || !make_work(build, error))
        return NULL;
    progress(build, "unpacking the source");
    if (!lab_build_source_unpack(&build->source, build->work_fd, error))
        return NULL;
    step_done(build, "unpack");
    if (!lab_build_patch(build, error) || !lab_build_configure(build, error))
        return NULL;
    step_done(build, "configure");
    if (!make_all(build, error))
        return NULL;
    step_done(build, "make");
    return keep(build, error);
}

static gboolean
check_options(const LabBuildOptions *options, GError **error)
{
    /* The name ends the release, which utsname bounds to 64 bytes. */
    if (options->name && strlen(options->name) <= 40 && lab_kernel_id_is_sane(options->name))
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                "'%s' cannot be a kernel's name: use 1 to 40 of A-Z a-z 0-9 . _ + ~ -",
                options->name ? options->name : "");
    return FALSE;
}

LabKernel *
lab_kernel_build(const LabBuildOptions *given, gboolean *cached, GError **error)
{
    LabBuildOptions options = *given;
    g_auto(LabBuild) build = {.options = &options, .builds_fd = -1, .work_fd = -1, .log_fd = -1};
    g_autofree char *lock_name = g_strdup_printf(".%s.lock", options.name);
    LAB_AUTO_FD lock = -1;
    LabKernel *same = NULL;

    *cached = FALSE;
    if (options.jobs <= 0)
        options.jobs = (int)g_get_num_processors();
    build.step_us = g_get_monotonic_time();
    build.line = g_string_new(NULL);
    build.durations = json_object();
    build.record = json_pack("{s:i, s:o, s:i}", "schema_version", 1, "duration_ms", build.durations,
                             "jobs", options.jobs);
    if (!check_options(&options, error) || !lab_build_find_tools(&build, error) ||
        !lab_build_source_find(options.source, options.cache, options.progress,
                               options.progress_data, &build.source, error) ||
        !lab_build_find_key(&build, error))
        return NULL;
    step_done(&build, "source");
    build.builds = g_build_filename(options.cache, "builds", NULL);
    build.builds_fd = lab_dir_make(AT_FDCWD, build.builds, 0700, error);
    lock = build.builds_fd < 0 ? -1 : lab_lock_take(build.builds_fd, lock_name, TRUE, error);
    if (lock < 0 || !look_in_store(&build, &same, error))
        return NULL;
    if (same) {
        *cached = TRUE;
        return same;
    }
    return build_it(&build, error);
}

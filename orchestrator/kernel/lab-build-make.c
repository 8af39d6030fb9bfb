/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of a build that other programs do: patch, make. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-build-private.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-make-log.h"
#include "lab-proc.h"

#define MAKE_TIMEOUT_MS  (6 * 60 * 60 * 1000)
#define PATCH_TIMEOUT_MS (60 * 1000)
#define MAX_ARGUMENTS    8
#define ALLCONFIG        ".kreglab.config"
#define PROGRESS_OBJECTS 10 /* progress is told every so many */

/* A line of make: "  CC      mm/ksm.o", "  AS [M]  …". */
static void
take_line(LabBuild *build, const char *line)
{
    if (!g_str_has_prefix(line, "  CC ") && !g_str_has_prefix(line, "  AS "))
        return;
    build->objects++;
    if (build->objects % PROGRESS_OBJECTS == 0 && build->options->progress)
        build->options->progress("compiling", MIN(build->objects, MAX(build->expected, 1) - 1),
                                 build->expected, build->options->progress_data);
}

static void
on_output(const char *bytes, gsize length, gpointer data)
{
    LabBuild *build = data;

    lab_fd_write_all(build->log_fd, bytes, length, NULL);
    for (gsize i = 0; i < length; i++) {
        if (bytes[i] != '\n') {
            if (build->line->len < 1024)
                g_string_append_c(build->line, bytes[i]);
            continue;
        }
        take_line(build, build->line->str);
        g_string_truncate(build->line, 0);
    }
}

static gboolean
run(LabBuild *build, const char *const *argv, gint64 timeout_ms, LabProcResult *result,
    GError **error)
{
    g_autofree char *base_dir = g_strconcat("CCACHE_BASEDIR=", build->work, NULL);
    const char *const env[] = {"LC_ALL=C", "MAKEFLAGS=", "MFLAGS=",
                               /* The same build gives the same bytes, whenever and by whomever. */
                               "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
                               "KBUILD_BUILD_VERSION=1", "KBUILD_BUILD_USER=kreglab",
                               "KBUILD_BUILD_HOST=kreglab",
                               /* Work directories differ from build to build. */
                               "CCACHE_NOHASHDIR=1", base_dir, NULL};
    LabProcOptions options = {.env = env, .cwd = build->work, .merge = TRUE};

    options.timeout_ms = timeout_ms;
    options.max_output = 64u << 20;
    options.on_output = on_output;
    options.output_data = build;
    return lab_proc_run(argv, &options, result, error);
}

static gboolean
set_failed(LabBuild *build, const char *what, const LabProcResult *result, GError **error)
{
    g_autofree char *line = lab_make_first_error(result->output, build->work);

    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "%s: %.400s (the whole log: %s/%s)",
                what, line, build->builds, build->log_name);
    return FALSE;
}

gboolean
lab_build_make(LabBuild *build, const char *const *arguments, char **output, GError **error)
{
    g_autofree char *compiler =
        g_strconcat("CC=", build->ccache ? "ccache " : "", build->compiler, NULL);
    g_autofree char *jobs = g_strdup_printf("-j%d", build->options->jobs);
    g_auto(LabProcResult) result = {0};
    const char *argv[MAX_ARGUMENTS + 4] = {"make", jobs, compiler};
    int argc = 3;

    for (; *arguments; arguments++)
        argv[argc++] = *arguments;
    if (!run(build, argv, MAKE_TIMEOUT_MS, &result, error))
        return FALSE;
    if (result.status != 0)
        return set_failed(build, "the kernel does not build", &result, error);
    if (output)
        *output = g_strdup(result.output);
    return TRUE;
}

gboolean
lab_build_patch(LabBuild *build, GError **error)
{
    for (const char *const *path = build->options->patches; *path; path++) {
        const char *const argv[] = {"patch",           "-p1",     "--batch", "--forward",
                                    "--reject-file=-", "--input", *path,     NULL};
        g_auto(LabProcResult) result = {0};
        const char *failed;

        if (!run(build, argv, PATCH_TIMEOUT_MS, &result, error))
            return FALSE;
        if (result.status == 0)
            continue;
        failed = strstr(result.output, "FAILED");
        while (failed && failed > result.output && failed[-1] != '\n')
            failed--;
        failed = failed ? failed : result.output;
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "patch '%s' does not apply to '%s': %.*s", *path, build->source.spec,
                    (int)strcspn(failed, "\n"), failed);
        return FALSE;
    }
    return TRUE;
}

/* Base, BTF where pahole is there, the user's fragments, the name as the end of the release. */
static gboolean
write_allconfig(LabBuild *build, GError **error)
{
    const LabBuildOptions *options = build->options;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *base = lab_file_read(AT_FDCWD, options->base_config, 1 << 20, NULL, error);

    if (!base)
        return FALSE;
    g_string_append_printf(text, "%s\n", base);
    if (build->pahole)
        g_string_append(text, "CONFIG_DEBUG_INFO=y\nCONFIG_DEBUG_INFO_DWARF4=y\n"
                              "CONFIG_DEBUG_INFO_BTF=y\n");
    for (const char *const *path = options->configs; *path; path++) {
        g_autofree char *fragment = lab_file_read(AT_FDCWD, *path, 1 << 20, NULL, error);

        if (!fragment)
            return FALSE;
        g_string_append_printf(text, "%s\n", fragment);
    }
    g_string_append_printf(text, "CONFIG_LOCALVERSION=\"-%s\"\n", options->name);
    return lab_file_write(build->work_fd, ALLCONFIG, text->str, -1, 0644, error);
}

/* What the user's fragments ask for and the configuration does not have. */
static gboolean
check_held(LabBuild *build, const char *config, GError **error)
{
    g_autoptr(GHashTable) has = g_hash_table_new(g_str_hash, g_str_equal);
    g_auto(GStrv) lines = g_strsplit(config, "\n", -1);
    json_t *not_held = json_array();

    json_object_set_new(build->record, "not_held", not_held);
    for (char **line = lines; *line; line++)
        g_hash_table_add(has, *line);
    for (const char *const *path = build->options->configs; *path; path++) {
        g_autofree char *text = lab_file_read(AT_FDCWD, *path, 1 << 20, NULL, error);
        g_auto(GStrv) asked = text ? g_strsplit(text, "\n", -1) : NULL;

        if (!text)
            return FALSE;
        for (char **line = asked; *line; line++) {
            if (!g_str_has_prefix(g_strstrip(*line), "CONFIG_") ||
                g_hash_table_contains(has, *line) || g_str_has_suffix(*line, "=n"))
                continue;
            lab_warn("'%s' asks for %s, and the configuration does not have it: this kernel lacks "
                     "the option or something it depends on",
                     *path, *line);
            json_array_append_new(not_held, lab_json_text(*line));
        }
    }
    return TRUE;
}

static gboolean
read_release(LabBuild *build, GError **error)
{
    const char *const arguments[] = {"-s", "kernelrelease", NULL};
    g_autofree char *output = NULL;

    if (!lab_build_make(build, arguments, &output, error))
        return FALSE;
    build->release = g_strdup(g_strstrip(output));
    if (lab_kernel_id_is_sane(build->release))
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                "'%.100s' is no kernel release kreglab can use", build->release);
    return FALSE;
}

gboolean
lab_build_configure(LabBuild *build, GError **error)
{
    const char *const clean[] = {"mrproper", NULL};
    const char *const allno[] = {"KCONFIG_ALLCONFIG=" ALLCONFIG, "allnoconfig", NULL};
    g_autofree char *config = NULL;
    g_autofree char *hex = NULL;

    /* A directory may have been built in. */
    if ((build->source.directory && !lab_build_make(build, clean, NULL, error)) ||
        !write_allconfig(build, error) || !lab_build_make(build, allno, NULL, error))
        return FALSE;
    config = lab_file_read(build->work_fd, ".config", 4 << 20, NULL, error);
    hex = config ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, config, -1) : NULL;
    if (!config || !check_held(build, config, error))
        return FALSE;
    json_object_set_new(build->record, "config_sha256", json_string(hex));
    return read_release(build, error);
}

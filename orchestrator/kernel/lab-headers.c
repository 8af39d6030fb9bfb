/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers packages unpacked below headers/ of a kernel's directory. Debian's point to /usr/src by
 * absolute path in the small Makefile of each build directory; it is made to find its neighbours
 * by its own place instead, so the store can be moved.
 */
#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-stage.h"

#define WRAPPER_MAX_BYTES 4096

/* The compiler that the tree was made for: "gcc-10" out of Debian's .kernelvariables or the
 * config's CONFIG_CC_VERSION_TEXT; NULL when neither says. */
static char *
find_compiler(LabStage *stage, const char *build)
{
    g_autofree char *name = g_build_filename(build, ".kernelvariables", NULL);
    g_autofree char *text = lab_file_read(stage->fd, name, 65536, NULL, NULL);
    g_autoptr(GRegex)
        regex = g_regex_new("^CC *=.*\\b(gcc-[0-9]+)\\s*$", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    if (text && g_regex_match(regex, text, 0, &match))
        return g_match_info_fetch(match, 1);
    return NULL;
}

static gboolean
rewrite_wrapper(LabStage *stage, const char *build, GError **error)
{
    g_autofree char *name = g_build_filename(build, "Makefile", NULL);
    g_autofree char *text = lab_file_read(stage->fd, name, WRAPPER_MAX_BYTES, NULL, NULL);
    g_auto(GStrv) parts = NULL;
    g_autofree char *joined = NULL;
    g_autofree char *whole = NULL;

    if (!text || !strstr(text, "/usr/src/"))
        return TRUE;
    parts = g_strsplit(text, "/usr/src/", -1);
    joined = g_strjoinv("$(LAB_SRC)/", parts);
    whole =
        g_strconcat("LAB_SRC := $(realpath $(dir $(lastword $(MAKEFILE_LIST)))..)\n", joined, NULL);
    return lab_file_write(stage->fd, name, whole, -1, 0644, error);
}

/* The directory below headers/usr/src that modules are built in: the one with a Module.symvers or
 * .config whose name ends with the release (Debian, Ubuntu), or lies in kernels/ (rpm). */
static char *
find_build(LabStage *stage)
{
    static const char *const places[] = {"headers/usr/src", "headers/usr/src/kernels"};
    g_autofree char *fallback = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", stage->fd, places[i]);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
            g_autofree char *build = g_build_filename(places[i], name, NULL);
            g_autofree char *config = g_build_filename(build, ".config", NULL);

            if (!lab_file_exists(stage->fd, config))
                continue;
            if (g_str_has_suffix(name, stage->kernel->release))
                return g_steal_pointer(&build);
            g_free(fallback);
            fallback = g_steal_pointer(&build);
        }
    }
    return g_steal_pointer(&fallback);
}

gboolean
lab_stage_finish_headers(LabStage *stage, GError **error)
{
    g_autofree char *build = NULL;
    g_autofree char *compiler = NULL;
    g_autoptr(json_t) json = NULL;

    if (!lab_file_exists(stage->fd, "headers"))
        return TRUE;
    build = find_build(stage);
    /* linux-headers-…-common or a -src package alone: nothing to build in. */
    if (!build)
        return lab_path_remove(stage->fd, "headers", error);
    if (!rewrite_wrapper(stage, build, error))
        return FALSE;
    compiler = find_compiler(stage, build);
    json = json_pack("{s:i, s:s, s:o}", "schema_version", 1, "build", build, "compiler",
                     lab_json_text(compiler));
    return lab_json_write(stage->fd, "headers.json", json, 0644, error);
}

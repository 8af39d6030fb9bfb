/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-intake.h"

#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-source-list.h"
#include "lab-source.h"

#define DECLARE(name) extern const LabSource lab_source_##name;
#define POINTER(name) &lab_source_##name,
LAB_SOURCE_LIST(DECLARE)

const LabSource *const *
lab_sources(void)
{
    static const LabSource *const sources[] = {LAB_SOURCE_LIST(POINTER) NULL};

    return sources;
}

static gboolean
check_options(const char *const *sources, const LabIntakeOptions *options, GError **error)
{
    if (!sources[0]) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "no source given: name a package, image, directory, URL or "
                    "debian:SUITE/PACKAGE");
        return FALSE;
    }
    if (options->name && !lab_kernel_id_is_sane(options->name)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' cannot be a kernel's name: use 1 to 64 of A-Z a-z 0-9 . _ + ~ -",
                    options->name);
        return FALSE;
    }
    if (options->sha256 && sources[1]) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "--sha256 names one file's checksum, but there are several sources: append "
                    "#sha256=… to each URL instead");
        return FALSE;
    }
    return TRUE;
}

/* --sha256 of a local file; for URLs the url source looks at it. */
static gboolean
take_one(LabStage *stage, const char *spec, GError **error)
{
    const char *wanted = stage->options->sha256;
    g_autofree char *hex = NULL;
    g_autofree char *by = NULL;

    if (!wanted || !g_file_test(spec, G_FILE_TEST_IS_REGULAR))
        return lab_stage_take(stage, spec, error);
    hex = lab_sha256_file(AT_FDCWD, spec, error);
    if (!hex)
        return FALSE;
    if (g_ascii_strcasecmp(hex, wanted) != 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' has the SHA-256 %s, not %s: it is another file or was damaged", spec, hex,
                    wanted);
        return FALSE;
    }
    by = g_strconcat("sha256:", hex, NULL);
    return lab_stage_take_trusted(stage, spec, LAB_TRUST_PINNED, by, error);
}

LabKernel *
lab_intake(const char *const *sources, const LabIntakeOptions *options, GError **error)
{
    g_autoptr(LabStage) stage = NULL;

    if (!check_options(sources, options, error))
        return NULL;
    stage = lab_stage_new(options, error);
    if (!stage)
        return NULL;
    stage->kernel->source = g_strjoinv(" ", (char **)sources);
    for (; *sources; sources++) {
        if (!take_one(stage, *sources, error)) {
            g_prefix_error(error, "taking in '%s': ", *sources);
            return NULL;
        }
    }
    if (!lab_stage_finish(stage, error)) {
        g_prefix_error(error, "taking in '%s': ", stage->kernel->source);
        return NULL;
    }
    return lab_stage_commit(stage, error);
}

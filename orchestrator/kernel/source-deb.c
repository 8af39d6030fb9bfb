/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packages that libarchive reads whole: .deb, and tar archives of the kernel's "make tar-pkg". */
#include <string.h>

#include "lab-deb.h"
#include "lab-error.h"
#include "lab-source.h"

static gboolean
is_deb(const char *path)
{
    char start[8];

    return lab_source_peek(path, start, sizeof start) == sizeof start &&
           memcmp(start, "!<arch>\n", 8) == 0;
}

static gboolean
accepts(const char *spec)
{
    static const char *const endings[] = {".tar",     ".tar.gz", ".tgz",     ".tar.xz",
                                          ".tar.zst", ".txz",    ".tar.bz2", ".tar.lz4"};

    if (is_deb(spec))
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
        if (g_str_has_suffix(spec, endings[i]) && g_file_test(spec, G_FILE_TEST_IS_REGULAR))
            return TRUE;
    return FALSE;
}

static gboolean
take(LabStage *stage, const char *spec, GError **error)
{
    gboolean had_image = stage->layout.has_image;
    g_autofree char *control = NULL;
    g_autofree char *package = NULL;
    g_autofree char *version = NULL;

    if (!lab_stage_unpack(stage, spec, &control, error))
        return FALSE;
    if (is_deb(spec) && !control) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "'%s' has no control file: it is no Debian package", spec);
        return FALSE;
    }
    package = lab_deb_field(control, "Package");
    version = lab_deb_field(control, "Version");
    lab_stage_note_package(stage, control ? "deb" : "tree", package, version,
                           stage->layout.has_image && !had_image);
    lab_stage_note_trust(stage, LAB_TRUST_UNVERIFIED, NULL);
    return TRUE;
}

const LabSource lab_source_deb = {
    .name = "deb",
    .form = "FILE.deb | FILE.tar*",
    .summary = "a Debian package, or a tar archive of the kernel's make tar-pkg",
    .accepts = accepts,
    .take = take,
};

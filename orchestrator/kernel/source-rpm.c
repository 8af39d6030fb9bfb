/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An .rpm: name and changelog out of its header, signature by rpmkeys, content by libarchive. */
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-proc.h"
#include "lab-rpm.h"
#include "lab-source.h"

static gboolean
accepts(const char *spec)
{
    char start[4];

    return lab_source_peek(spec, start, sizeof start) == sizeof start &&
           lab_rpm_is(start, sizeof start);
}

/* rpm knows the keys that this machine's administrator imported (rpmkeys --import). */
static gboolean
check_signature(const char *path, char **key, GError **error)
{
    const char *const argv[] = {"rpmkeys", "--checksig", "-v", path, NULL};
    const char *const env[] = {"LC_ALL=C.UTF-8", NULL};
    LabProcOptions options = {.env = env, .merge = TRUE};
    g_auto(LabProcResult) result = {0};

    *key = NULL;
    /* Without rpm on the machine the package just stays unverified. */
    if (!lab_proc_run(argv, &options, &result, NULL))
        return TRUE;
    if (lab_rpm_judge(result.output, key) != LAB_RPM_BROKEN)
        return TRUE;
    g_set_error(
        error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
        "'%s' was changed or damaged: rpmkeys --checksig says that its content does not fit "
        "its digests or signature",
        path);
    return FALSE;
}

static gboolean
read_header(const char *path, LabRpm *rpm, GError **error)
{
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, error);

    if (!file)
        return FALSE;
    if (lab_rpm_read(g_mapped_file_get_contents(file), g_mapped_file_get_length(file), rpm, error))
        return TRUE;
    g_prefix_error(error, "'%s': ", path);
    return FALSE;
}

static gboolean
take(LabStage *stage, const char *spec, GError **error)
{
    gboolean had_image = stage->layout.has_image;
    gboolean brought;
    g_auto(LabRpm) rpm = {0};
    g_autofree char *key = NULL;
    g_autofree char *by = NULL;

    if (!read_header(spec, &rpm, error) || !check_signature(spec, &key, error) ||
        !lab_stage_unpack(stage, spec, NULL, error))
        return FALSE;
    brought = stage->layout.has_image && !had_image;
    lab_stage_note_package(stage, "rpm", rpm.name, rpm.version, brought);
    if (rpm.changelog && (brought || !lab_file_exists(stage->fd, "changelog")) &&
        !lab_file_write(stage->fd, "changelog", rpm.changelog, -1, 0644, error))
        return FALSE;
    by = key ? g_strdup_printf("rpm signature, key %s", key) : NULL;
    lab_stage_note_trust(stage, key ? LAB_TRUST_VERIFIED : LAB_TRUST_UNVERIFIED, by);
    return TRUE;
}

const LabSource lab_source_rpm = {
    .name = "rpm",
    .form = "FILE.rpm",
    .summary = "an rpm package (el7, alinux, openEuler, Fedora, ...)",
    .accepts = accepts,
    .take = take,
};

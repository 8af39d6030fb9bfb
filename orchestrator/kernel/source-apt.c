/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian:SUITE/PACKAGE: kernel packages out of the Debian archive, Depends followed. */
#include <stdio.h>
#include <string.h>

#include "lab-apt.h"
#include "lab-deb.h"
#include "lab-download.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-source.h"

#include <fcntl.h>

#define SCHEME       "debian:"
#define MAX_PACKAGES 32

typedef struct {
    LabApt *apt;
    LabStage *stage;
    GPtrArray *names;      /* of packages looked at */
    GPtrArray *paragraphs; /* of those to take */
    char *release;         /* of the package that has the boot image */
} Choice;

static gboolean
accepts(const char *spec)
{
    return g_str_has_prefix(spec, SCHEME);
}

/* What an image package brings along: since 6.19 binary, modules and base are packages of their
 * own. "linux-base" without a version is a tool and not part of any kernel. */
static gboolean
is_image_part(const char *name)
{
    return g_str_has_prefix(name, "linux-image-") || g_str_has_prefix(name, "linux-binary-") ||
           g_str_has_prefix(name, "linux-modules-") || g_str_has_prefix(name, "linux-base-");
}

static gboolean
is_headers_part(const char *name)
{
    return g_str_has_prefix(name, "linux-headers-") || g_str_has_prefix(name, "linux-kbuild-");
}

static gboolean
is_debug_part(const char *name)
{
    return g_str_has_prefix(name, "linux-image-") && g_str_has_suffix(name, "-dbg");
}

typedef gboolean (*IsPart)(const char *name);

static gboolean choose(Choice *choice, const char *name, IsPart is_part, GError **error);

/* One group of Depends, "a (= 1) | b": the first alternative that is part and can be had. *followed
 * tells that one was. */
static gboolean
follow_group(Choice *choice, const char *group, IsPart is_part, gboolean *followed, GError **error)
{
    g_auto(GStrv) alternatives = g_strsplit(group, "|", -1);
    g_autoptr(GError) first = NULL;

    for (char **a = alternatives; *a; a++) {
        char *text = g_strstrip(*a);
        g_autofree char *name = g_strndup(text, strcspn(text, " (:"));

        if (!is_part(name))
            continue;
        *followed = TRUE;
        if (choose(choice, name, is_part, first ? NULL : &first))
            return TRUE;
    }
    if (!first)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

/* The release in the name of the package that has the image. */
static void
note_release(Choice *choice, const char *name)
{
    static const char *const prefixes[] = {"linux-image-", "linux-binary-unsigned-",
                                           "linux-binary-"};
    g_autofree char *release = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes) && !release; i++)
        if (g_str_has_prefix(name, prefixes[i]))
            release = g_strdup(name + strlen(prefixes[i]));
    if (!release || !g_ascii_isdigit(*release) || choice->release)
        return;
    if (g_str_has_suffix(release, "-unsigned"))
        release[strlen(release) - strlen("-unsigned")] = '\0';
    choice->release = g_steal_pointer(&release);
}

/* Adds 'name' and what it depends on. */
static gboolean
choose(Choice *choice, const char *name, IsPart is_part, GError **error)
{
    g_autofree char *paragraph = NULL;
    g_autofree char *depends = NULL;
    g_auto(GStrv) groups = NULL;
    gboolean is_meta = FALSE; /* its image is in another package: nothing to fetch */

    for (guint i = 0; i < choice->names->len; i++)
        if (strcmp(choice->names->pdata[i], name) == 0)
            return TRUE;
    if (choice->names->len >= MAX_PACKAGES) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT, "'%s' depends on too many packages",
                    name);
        return FALSE;
    }
    paragraph = lab_apt_show(choice->apt, name, error);
    if (!paragraph)
        return FALSE;
    depends = lab_deb_field(paragraph, "Depends");
    g_ptr_array_add(choice->names, g_strdup(name));
    groups = g_strsplit(depends ? depends : "", ",", -1);
    for (char **group = groups; *group; group++) {
        gboolean followed = FALSE;

        if (!follow_group(choice, *group, is_part, &followed, error))
            return FALSE;
        is_meta |= followed && is_part == is_image_part &&
                   (strstr(*group, "linux-image-") || strstr(*group, "linux-binary-"));
    }
    if (!is_meta) {
        g_autofree char *package = lab_deb_field(paragraph, "Package");

        note_release(choice, package ? package : name);
        g_ptr_array_add(choice->paragraphs, g_steal_pointer(&paragraph));
    }
    return TRUE;
}

static gboolean
choose_companion(Choice *choice, const char *format, IsPart is_part, GError **error)
{
    g_autofree char *name = NULL;

    if (!choice->release) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "headers and symbols go with an image package (linux-image-…)");
        return FALSE;
    }
    name = g_strdup_printf(format, choice->release);
    return choose(choice, name, is_part, error);
}

/* Fetches what is not in the cache yet. */
static gboolean
fetch(Choice *choice, GError **error)
{
    const char *cache = choice->stage->options->cache;
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *workspace = NULL;
    guint64 bytes = 0;
    gboolean ok;

    for (guint i = 0; i < choice->paragraphs->len; i++) {
        const char *paragraph = choice->paragraphs->pdata[i];
        g_autofree char *sha256 = lab_deb_field(paragraph, "SHA256");
        g_autofree char *version = lab_deb_field(paragraph, "Version");
        g_autofree char *package = lab_deb_field(paragraph, "Package");
        g_autofree char *size = lab_deb_field(paragraph, "Size");
        g_autofree char *path = sha256 ? lab_download_find(cache, sha256) : NULL;

        if (path)
            continue;
        bytes += size ? g_ascii_strtoull(size, NULL, 10) : 0;
        g_ptr_array_add(missing, g_strdup_printf("%s=%s", package, version));
    }
    if (missing->len == 0)
        return TRUE;
    lab_stage_progress(choice->stage, 0, bytes, "fetching %u packages (%.1f MB)", missing->len,
                       (double)bytes / 1e6);
    workspace = lab_download_workspace(cache, error);
    if (!workspace)
        return FALSE;
    ok = lab_apt_download(choice->apt, missing, workspace, error);
    if (ok) {
        g_autoptr(GDir) dir = g_dir_open(workspace, 0, error);
        const char *name;

        ok = dir != NULL;
        while (ok && (name = g_dir_read_name(dir))) {
            g_autofree char *path = g_build_filename(workspace, name, NULL);
            g_autofree char *sha256 = lab_sha256_file(AT_FDCWD, path, error);
            g_autofree char *kept = sha256 ? lab_download_keep(cache, sha256, path, error) : NULL;

            ok = kept != NULL;
        }
    }
    lab_path_remove(AT_FDCWD, workspace, NULL);
    return ok;
}

/* Unpacks all of them; each has to be what the signed index says. */
static gboolean
take_all(Choice *choice, const char *by, GError **error)
{
    for (guint i = 0; i < choice->paragraphs->len; i++) {
        g_autofree char *sha256 = lab_deb_field(choice->paragraphs->pdata[i], "SHA256");
        g_autofree char *package = lab_deb_field(choice->paragraphs->pdata[i], "Package");
        g_autofree char *path = sha256 ? lab_download_find(choice->stage->options->cache, sha256)
                                       : NULL;

        if (!path) {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                        "package '%s' is not what the archive's index says", package);
            return FALSE;
        }
        if (!lab_stage_take_trusted(choice->stage, path, LAB_TRUST_VERIFIED, by, error))
            return FALSE;
    }
    return TRUE;
}

static void
choice_clear(Choice *choice)
{
    g_clear_pointer(&choice->apt, lab_apt_free);
    g_clear_pointer(&choice->names, g_ptr_array_unref);
    g_clear_pointer(&choice->paragraphs, g_ptr_array_unref);
    g_clear_pointer(&choice->release, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Choice, choice_clear)

static gboolean
choose_all(Choice *choice, const char *package, GError **error)
{
    const LabIntakeOptions *options = choice->stage->options;

    if (!choose(choice, package, is_image_part, error))
        return FALSE;
    if (options->headers && !choose_companion(choice, "linux-headers-%s", is_headers_part, error))
        return FALSE;
    return !options->debug || choose_companion(choice, "linux-image-%s-dbg", is_debug_part, error);
}

static gboolean
take(LabStage *stage, const char *spec, GError **error)
{
    g_auto(Choice) choice = {.stage = stage};
    g_auto(GStrv) parts = g_strsplit(spec + strlen(SCHEME), "/", 2);
    g_autofree char *by = NULL;

    if (g_strv_length(parts) != 2 || !*parts[0] || !*parts[1] || *parts[0] == '-' ||
        *parts[1] == '-' ||
        strspn(parts[0], "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(parts[0]) ||
        strspn(parts[1], "abcdefghijklmnopqrstuvwxyz0123456789.+-~:=") != strlen(parts[1])) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' is not debian:SUITE/PACKAGE, as in "
                    "debian:bookworm/linux-image-cloud-amd64",
                    spec);
        return FALSE;
    }
    lab_stage_progress(stage, 0, 0, "reading the package lists of %s", parts[0]);
    choice.names = g_ptr_array_new_with_free_func(g_free);
    choice.paragraphs = g_ptr_array_new_with_free_func(g_free);
    choice.apt = lab_apt_open(stage->options->cache, parts[0], error);
    if (!choice.apt || !choose_all(&choice, parts[1], error) || !fetch(&choice, error))
        return FALSE;
    by = g_strdup_printf("signature of the Debian archive, suite %s", parts[0]);
    return take_all(&choice, by, error);
}

const LabSource lab_source_apt = {
    .name = "apt",
    .form = "debian:SUITE/PACKAGE",
    .summary = "a package of the Debian archive, with what it depends on",
    .accepts = accepts,
    .take = take,
};

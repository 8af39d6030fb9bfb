/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-build-source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-apt.h"
#include "lab-archive.h"
#include "lab-deb.h"
#include "lab-download.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-source-tree.h"

#define SCHEME  "debian:"
#define PACKAGE "linux-source-"
#define TARBALL ".source.tar"

void
lab_build_source_clear(LabBuildSource *source)
{
    g_clear_pointer(&source->spec, g_free);
    g_clear_pointer(&source->directory, g_free);
    g_clear_pointer(&source->archive, g_free);
    g_clear_pointer(&source->package, g_free);
    g_clear_pointer(&source->version, g_free);
    g_clear_pointer(&source->digest, g_free);
    g_clear_pointer(&source->by, g_free);
}

static gboolean
find_directory(const char *spec, LabBuildSource *source, GError **error)
{
    g_autofree char *makefile = g_build_filename(spec, "Makefile", NULL);
    g_autofree char *kbuild = g_build_filename(spec, "Kbuild", NULL);
    g_autofree char *arch = g_build_filename(spec, "arch/x86/Kconfig", NULL);

    if (!g_file_test(makefile, G_FILE_TEST_IS_REGULAR) ||
        !g_file_test(kbuild, G_FILE_TEST_IS_REGULAR) ||
        !g_file_test(arch, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "'%s' is no kernel source tree: name its top directory, or "
                    "debian:SUITE/linux-source-X",
                    spec);
        return FALSE;
    }
    source->directory = g_canonicalize_filename(spec, NULL);
    source->digest = lab_source_tree_digest(source->directory, error);
    return source->digest != NULL;
}

/* Fetches the package into the download cache. */
static gboolean
fetch(LabApt *apt, const char *cache, LabBuildSource *source, GError **error)
{
    g_autofree char *workspace = lab_download_workspace(cache, error);
    g_autofree char *wanted = g_strdup_printf("%s=%s", source->package, source->version);
    g_autoptr(GPtrArray) packages = g_ptr_array_new();
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (!workspace)
        return FALSE;
    g_ptr_array_add(packages, wanted);
    if (lab_apt_download(apt, packages, workspace, error))
        dir = g_dir_open(workspace, 0, error);
    while (dir && !source->archive && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(workspace, name, NULL);
        g_autofree char *sha256 = lab_sha256_file(AT_FDCWD, path, NULL);

        if (g_strcmp0(sha256, source->digest) == 0)
            source->archive = lab_download_keep(cache, sha256, path, error);
    }
    if (dir && !source->archive && error && !*error)
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "package '%s' is not what the archive's index says", source->package);
    lab_path_remove(AT_FDCWD, workspace, NULL);
    return source->archive != NULL;
}

static gboolean
split_spec(const char *spec, char **suite, char **package, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(spec + strlen(SCHEME), "/", 2);

    if (g_strv_length(parts) == 2 && *parts[0] && *parts[0] != '-' &&
        strspn(parts[0], "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(parts[0]) &&
        g_str_has_prefix(parts[1], PACKAGE) &&
        strspn(parts[1], "abcdefghijklmnopqrstuvwxyz0123456789.+-~:=") == strlen(parts[1])) {
        *suite = g_strdup(parts[0]);
        *package = g_strdup(parts[1]);
        return TRUE;
    }
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                "'%s' is not debian:SUITE/linux-source-X, as in debian:bookworm/linux-source-6.1",
                spec);
    return FALSE;
}

static gboolean
show(LabApt *apt, const char *package, LabBuildSource *source, GError **error)
{
    g_autofree char *paragraph = lab_apt_show(apt, package, error);

    if (!paragraph) {
        g_auto(GStrv) found = lab_apt_search(apt, "^" PACKAGE "[0-9]");
        g_autofree char *names = g_strjoinv(", ", found);
        g_autofree char *message = error && *error ? g_strdup((*error)->message) : NULL;

        if (message && *names) {
            g_free((*error)->message);
            (*error)->message = g_strdup_printf("%s: there is %s", message, names);
        }
        return FALSE;
    }
    source->package = lab_deb_field(paragraph, "Package");
    source->version = lab_deb_field(paragraph, "Version");
    source->digest = lab_deb_field(paragraph, "SHA256");
    if (source->package && source->version && source->digest)
        return TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                "the archive's index says too little about '%s'", package);
    return FALSE;
}

static gboolean
find_package(const char *spec, const char *cache, LabIntakeProgress progress, gpointer data,
             LabBuildSource *source, GError **error)
{
    g_autoptr(LabApt) apt = NULL;
    g_autofree char *suite = NULL;
    g_autofree char *package = NULL;

    if (!split_spec(spec, &suite, &package, error))
        return FALSE;
    apt = lab_apt_open(cache, suite, error);
    if (!apt || !show(apt, package, source, error))
        return FALSE;
    source->by = g_strdup_printf("source: signature of the Debian archive, suite %s", suite);
    source->archive = lab_download_find(cache, source->digest);
    if (source->archive)
        return TRUE;
    if (progress)
        progress("fetching the source package", 0, 0, data);
    return fetch(apt, cache, source, error);
}

gboolean
lab_build_source_find(const char *spec, const char *cache, LabIntakeProgress progress,
                      gpointer data, LabBuildSource *source, GError **error)
{
    source->spec = g_strdup(spec);
    if (g_str_has_prefix(spec, SCHEME))
        return find_package(spec, cache, progress, data, source, error);
    return find_directory(spec, source, error);
}

/* Of the package: the one tarball below usr/src. */
static char *
place_tarball(const LabArchiveEntry *entry, gpointer data, GError **error)
{
    if (entry->type == S_IFREG && g_str_has_prefix(entry->path, "usr/src/linux-source-") &&
        strstr(entry->path, ".tar"))
        return g_strdup(TARBALL);
    return NULL;
}

/* Of the tarball: all, without the directory that it is in. */
static char *
place_source(const LabArchiveEntry *entry, gpointer data, GError **error)
{
    const char *slash = strchr(entry->path, '/');

    return slash && slash[1] ? g_strdup(slash + 1) : NULL;
}

static gboolean
extract(int dirfd, const char *path, int to_fd, LabArchivePlace place, GError **error)
{
    LabArchiveOptions options = {.place = place, .link_root = ""};
    g_autofree char *name = g_path_get_basename(path);
    LAB_AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", path);
    return lab_archive_extract(fd, name, to_fd, &options, NULL, error);
}

gboolean
lab_build_source_unpack(const LabBuildSource *source, int to_fd, GError **error)
{
    if (source->directory)
        return lab_source_tree_copy(source->directory, to_fd, error);
    if (!extract(AT_FDCWD, source->archive, to_fd, place_tarball, error))
        return FALSE;
    if (!lab_file_exists(to_fd, TARBALL)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_NOT_FOUND, "'%s' has no source tarball",
                    source->archive);
        return FALSE;
    }
    if (!extract(to_fd, TARBALL, to_fd, place_source, error))
        return FALSE;
    unlinkat(to_fd, TARBALL, 0);
    return TRUE;
}

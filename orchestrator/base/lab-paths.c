/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-paths.h"

#include <fcntl.h>

#include "lab-file.h"

/* The directory of the running program. */
static char *
program_directory(void)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);

    return exe ? g_path_get_dirname(exe) : g_strdup("/");
}

/* The source tree of an uninstalled build. Tests run programs of subdirectories too, so the
 * marker is looked for in the program's directory and the three above. NULL when installed;
 * *build is set to the directory that has the marker. */
static char *
source_root(char **build)
{
    g_autofree char *dir = program_directory();

    for (int i = 0; i < 4; i++) {
        g_autofree char *marker = g_build_filename(dir, "kreglab-uninstalled", NULL);
        char *root = lab_file_read(AT_FDCWD, marker, 4096, NULL, NULL);
        char *up;

        if (root) {
            *build = g_steal_pointer(&dir);
            return g_strstrip(root);
        }
        up = g_path_get_dirname(dir);
        g_free(dir);
        dir = up;
    }
    return NULL;
}

static char *
pick(const char *given, const char *variable, const char *base)
{
    const char *value = given ? given : g_getenv(variable);

    if (value && *value)
        return g_canonicalize_filename(value, NULL);
    return g_build_filename(base, "kreglab", NULL);
}

LabPaths *
lab_paths_new(const char *data)
{
    LabPaths *paths = g_new0(LabPaths, 1);
    g_autofree char *build = NULL;
    g_autofree char *root = source_root(&build);

    paths->data = pick(data, "KREGLAB_DATA", g_get_user_data_dir());
    paths->cache = pick(NULL, "KREGLAB_CACHE", g_get_user_cache_dir());
    paths->worker = root ? g_build_filename(build, "kreglab-worker", NULL)
                         : g_strdup(KREGLAB_LIBEXECDIR "/kreglab-worker");
    paths->agent = root ? g_build_filename(build, "kreglab-agent", NULL)
                        : g_strdup(KREGLAB_LIBEXECDIR "/kreglab-agent");
    if (g_getenv("KREGLAB_WORKER") && *g_getenv("KREGLAB_WORKER")) {
        g_free(paths->worker);
        paths->worker = g_canonicalize_filename(g_getenv("KREGLAB_WORKER"), NULL);
    }
    if (g_getenv("KREGLAB_AGENT")) {
        g_free(paths->agent);
        paths->agent = g_strdup(g_getenv("KREGLAB_AGENT"));
    }
    paths->recipes = root ? g_build_filename(root, "recipes", NULL)
                          : g_strdup(KREGLAB_DATADIR "/recipes");
    paths->images = root ? g_build_filename(root, "images", NULL)
                         : g_strdup(KREGLAB_DATADIR "/images");
    paths->reports = root ? g_build_filename(root, "reports", NULL)
                          : g_strdup(KREGLAB_DATADIR "/reports");
    return paths;
}

void
lab_paths_free(LabPaths *paths)
{
    if (!paths)
        return;
    g_free(paths->data);
    g_free(paths->cache);
    g_free(paths->worker);
    g_free(paths->agent);
    g_free(paths->recipes);
    g_free(paths->images);
    g_free(paths->reports);
    g_free(paths);
}

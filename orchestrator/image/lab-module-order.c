/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-module-order.h"

#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"

#define LIST_MAX  (32u << 20)
#define DEPTH_MAX 64

typedef struct {
    char *path;
    char **needs; /* names, as modules.dep has them: the last one loads first */
    char **pre;   /* soft dependencies, or NULL */
    char **post;
} Module;

struct LabModules {
    GHashTable *loadable; /* name -> Module */
    GHashTable *builtin;  /* set of names */
    gboolean known;
};

static void
module_free(gpointer data)
{
    Module *module = data;

    g_free(module->path);
    g_strfreev(module->needs);
    g_strfreev(module->pre);
    g_strfreev(module->post);
    g_free(module);
}

void
lab_modules_free(LabModules *modules)
{
    if (!modules)
        return;
    g_hash_table_unref(modules->loadable);
    g_hash_table_unref(modules->builtin);
    g_free(modules);
}

static char *
canonical_name(const char *name)
{
    return g_strdelimit(g_strdup(name), "-", '_');
}

/* "kernel/drivers/virtio/virtio-ring.ko.xz" -> "virtio_ring" */
static char *
name_of_path(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    char *end = strstr(base, ".ko");

    if (end)
        *end = '\0';
    return canonical_name(base);
}

/* The store keeps modules uncompressed whatever the package's modules.dep says. */
static char *
stored_path(const char *path, GError **error)
{
    const char *ko = g_strrstr(path, ".ko");

    if (path[0] == '/' || strstr(path, "..") || !ko) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "modules.dep names '%s', which is no module below its directory", path);
        return NULL;
    }
    return g_strndup(path, (gsize)(ko - path) + 3);
}

/* The lines of a file, or none when it is absent. NULL on error. */
static char **
read_lines(const char *directory, const char *name, gboolean *present, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *text = NULL;
    GError *local = NULL;

    *present = FALSE;
    text = lab_file_read(AT_FDCWD, path, LIST_MAX, NULL, &local);
    if (!text && g_error_matches(local, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND)) {
        g_clear_error(&local);
        return g_new0(char *, 1);
    }
    if (!text) {
        g_propagate_error(error, local);
        return NULL;
    }
    *present = TRUE;
    return g_strsplit(text, "\n", -1);
}

static gboolean
read_dependencies(LabModules *modules, const char *directory, GError **error)
{
    gboolean present;
    g_auto(GStrv) lines = read_lines(directory, "modules.dep", &present, error);

    if (!lines)
        return FALSE;
    modules->known |= present;
    for (char **line = lines; *line; line++) {
        char *colon = strchr(*line, ':');
        g_autoptr(GPtrArray) needs = g_ptr_array_new();
        g_auto(GStrv) words = NULL;
        g_autofree char *path = NULL;
        Module *module;

        if (!colon)
            continue;
        *colon = '\0';
        path = stored_path(*line, error);
        if (!path)
            return FALSE;
        words = g_strsplit_set(colon + 1, " \t", -1);
        for (char **word = words; *word; word++)
            if (**word)
                g_ptr_array_add(needs, name_of_path(*word));
        g_ptr_array_add(needs, NULL);
        module = g_new0(Module, 1);
        module->path = g_steal_pointer(&path);
        module->needs = (char **)g_ptr_array_free(g_steal_pointer(&needs), FALSE);
        g_hash_table_replace(modules->loadable, name_of_path(module->path), module);
    }
    return TRUE;
}

/* "softdep NAME pre: A B post: C" (modprobe.d(5)) */
static void
take_softdep(LabModules *modules, char **words)
{
    g_autofree char *name = canonical_name(words[1]);
    Module *module = g_hash_table_lookup(modules->loadable, name);
    g_autoptr(GPtrArray) pre = g_ptr_array_new();
    g_autoptr(GPtrArray) post = g_ptr_array_new();
    GPtrArray *into = NULL;

    if (!module || module->pre)
        return;
    for (char **word = words + 2; *word; word++) {
        if (strcmp(*word, "pre:") == 0)
            into = pre;
        else if (strcmp(*word, "post:") == 0)
            into = post;
        else if (**word && into)
            g_ptr_array_add(into, canonical_name(*word));
    }
    g_ptr_array_add(pre, NULL);
    g_ptr_array_add(post, NULL);
    module->pre = (char **)g_ptr_array_free(g_steal_pointer(&pre), FALSE);
    module->post = (char **)g_ptr_array_free(g_steal_pointer(&post), FALSE);
}

static gboolean
read_softdeps(LabModules *modules, const char *directory, GError **error)
{
    gboolean present;
    g_auto(GStrv) lines = read_lines(directory, "modules.softdep", &present, error);

    if (!lines)
        return FALSE;
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) words = g_strsplit_set(*line, " \t", -1);

        if (g_strv_length(words) > 2 && strcmp(words[0], "softdep") == 0)
            take_softdep(modules, words);
    }
    return TRUE;
}

static gboolean
read_builtin(LabModules *modules, const char *directory, GError **error)
{
    gboolean present;
    g_auto(GStrv) lines = read_lines(directory, "modules.builtin", &present, error);

    if (!lines)
        return FALSE;
    modules->known |= present;
    for (char **line = lines; *line; line++)
        if (strstr(*line, ".ko"))
            g_hash_table_add(modules->builtin, name_of_path(*line));
    return TRUE;
}

LabModules *
lab_modules_load(const char *directory, GError **error)
{
    g_autoptr(LabModules) modules = g_new0(LabModules, 1);

    modules->loadable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, module_free);
    modules->builtin = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!read_dependencies(modules, directory, error) ||
        !read_softdeps(modules, directory, error) || !read_builtin(modules, directory, error))
        return NULL;
    return g_steal_pointer(&modules);
}

gboolean
lab_modules_known(const LabModules *modules)
{
    return modules->known;
}

LabModuleState
lab_modules_state(const LabModules *modules, const char *name)
{
    g_autofree char *canonical = canonical_name(name);

    if (g_hash_table_contains(modules->builtin, canonical))
        return LAB_MODULE_BUILTIN;
    return g_hash_table_contains(modules->loadable, canonical) ? LAB_MODULE_LOADABLE
                                                               : LAB_MODULE_ABSENT;
}

static void
step_free(gpointer data)
{
    LabModuleStep *step = data;

    g_free(step->path);
    g_free(step);
}

GPtrArray *
lab_module_steps_new(void)
{
    return g_ptr_array_new_with_free_func(step_free);
}

static LabModuleStep *
find_step(GPtrArray *steps, const char *path)
{
    for (guint i = 0; i < steps->len; i++) {
        LabModuleStep *step = steps->pdata[i];

        if (strcmp(step->path, path) == 0)
            return step;
    }
    return NULL;
}

/* Depth first. A module is gone through at most twice: when it is first met, and when something
 * that must load turns out to need what was optional so far. */
static void
visit(const LabModules *modules, const char *name, gboolean optional, GHashTable *open,
      GPtrArray *steps)
{
    g_autofree char *canonical = canonical_name(name);
    const Module *module = g_hash_table_lookup(modules->loadable, canonical);
    LabModuleStep *step;

    if (!module || g_hash_table_contains(open, canonical) || g_hash_table_size(open) > DEPTH_MAX)
        return;
    step = find_step(steps, module->path);
    if (step && (optional || !step->optional))
        return;
    if (step)
        step->optional = FALSE;
    g_hash_table_add(open, g_strdup(canonical));
    for (char **pre = module->pre; pre && *pre; pre++)
        visit(modules, *pre, TRUE, open, steps);
    for (guint i = g_strv_length(module->needs); i > 0; i--)
        visit(modules, module->needs[i - 1], optional, open, steps);
    if (!find_step(steps, module->path)) {
        step = g_new0(LabModuleStep, 1);
        step->path = g_strdup(module->path);
        step->optional = optional;
        g_ptr_array_add(steps, step);
    }
    for (char **post = module->post; post && *post; post++)
        visit(modules, *post, TRUE, open, steps);
    g_hash_table_remove(open, canonical);
}

void
lab_modules_order(const LabModules *modules, const char *name, gboolean optional, GPtrArray *steps)
{
    g_autoptr(GHashTable) open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    visit(modules, name, optional, open, steps);
}

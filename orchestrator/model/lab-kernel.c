/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-kernel.h"

#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-version.h"

#define CONFIG_MAX_BYTES (16u << 20)

static gboolean
require(const LabKernel *kernel, GError **error)
{
    if (kernel->id && kernel->release && kernel->digest)
        return TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                "kernel.json lacks 'id', 'release' or 'digest'");
    return FALSE;
}

LabKernel *
lab_kernel_new_from_json(const json_t *json, const char *directory, GError **error)
{
    g_autoptr(LabKernel) kernel = g_new0(LabKernel, 1);

    kernel->id = g_strdup(lab_json_string(json, "id"));
    kernel->release = g_strdup(lab_json_string(json, "release"));
    kernel->version = g_strdup(lab_json_string(json, "version"));
    kernel->package = g_strdup(lab_json_string(json, "package"));
    kernel->package_version = g_strdup(lab_json_string(json, "package_version"));
    kernel->format = g_strdup(lab_json_string(json, "format"));
    kernel->build_id = g_strdup(lab_json_string(json, "build_id"));
    kernel->digest = g_strdup(lab_json_string(json, "digest"));
    kernel->source = g_strdup(lab_json_string(json, "source"));
    kernel->verification = g_strdup(lab_json_string(json, "verification"));
    kernel->verified_by = g_strdup(lab_json_string(json, "verified_by"));
    if (lab_json_member(json, "defects"))
        kernel->defects = lab_json_to_strv(lab_json_member(json, "defects"));
    kernel->has_modules = lab_json_bool(json, "has_modules", FALSE);
    kernel->has_pvh = lab_json_bool(json, "has_pvh", FALSE);
    kernel->directory = g_strdup(directory);
    return require(kernel, error) ? g_steal_pointer(&kernel) : NULL;
}

json_t *
lab_kernel_to_json(const LabKernel *kernel)
{
    json_t *json = json_object();

    json_object_set_new(json, "schema_version", json_integer(LAB_KERNEL_SCHEMA));
    json_object_set_new(json, "id", lab_json_text(kernel->id));
    json_object_set_new(json, "release", lab_json_text(kernel->release));
    json_object_set_new(json, "version", lab_json_text(kernel->version));
    json_object_set_new(json, "package", lab_json_text(kernel->package));
    json_object_set_new(json, "package_version", lab_json_text(kernel->package_version));
    json_object_set_new(json, "format", lab_json_text(kernel->format));
    json_object_set_new(json, "build_id", lab_json_text(kernel->build_id));
    json_object_set_new(json, "digest", lab_json_text(kernel->digest));
    json_object_set_new(json, "source", lab_json_text(kernel->source));
    json_object_set_new(json, "verification", lab_json_text(kernel->verification));
    json_object_set_new(json, "verified_by", lab_json_text(kernel->verified_by));
    if (kernel->defects)
        json_object_set_new(json, "defects",
                            lab_json_from_strv((const char *const *)kernel->defects));
    json_object_set_new(json, "has_modules", json_boolean(kernel->has_modules));
    json_object_set_new(json, "has_pvh", json_boolean(kernel->has_pvh));
    return json;
}

void
lab_kernel_free(LabKernel *kernel)
{
    if (!kernel)
        return;
    g_free(kernel->id);
    g_free(kernel->release);
    g_free(kernel->version);
    g_free(kernel->package);
    g_free(kernel->package_version);
    g_free(kernel->format);
    g_free(kernel->build_id);
    g_free(kernel->digest);
    g_free(kernel->source);
    g_free(kernel->verification);
    g_free(kernel->verified_by);
    g_free(kernel->directory);
    g_strfreev(kernel->defects);
    g_strfreev(kernel->config);
    g_free(kernel);
}

static int
by_release(gconstpointer a, gconstpointer b)
{
    const LabKernel *first = *(const LabKernel *const *)a;
    const LabKernel *second = *(const LabKernel *const *)b;
    int order = lab_release_compare(first->release, second->release);

    return order != 0 ? order : strcmp(first->id, second->id);
}

/* NULL without error: no entry (rubbish of a removal or of an intake that did not end). */
static LabKernel *
read_entry(const char *kernels, int fd, const char *id, GError **error)
{
    g_autofree char *name = g_build_filename(id, "kernel.json", NULL);
    g_autofree char *directory = g_build_filename(kernels, id, NULL);
    g_autoptr(json_t) json = NULL;

    if (*id == '.' || !lab_file_exists(fd, name))
        return NULL;
    json = lab_json_read(fd, name, LAB_KERNEL_SCHEMA, error);
    return json ? lab_kernel_new_from_json(json, directory, error) : NULL;
}

GPtrArray *
lab_kernel_list(const char *data, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)lab_kernel_free);
    g_autofree char *kernels = g_build_filename(data, "kernels", NULL);
    g_autoptr(GDir) dir = NULL;
    LAB_AUTO_FD fd = -1;
    const char *id;

    if (!lab_file_exists(AT_FDCWD, kernels))
        return g_steal_pointer(&list);
    fd = lab_dir_open(AT_FDCWD, kernels, error);
    dir = fd < 0 ? NULL : g_dir_open(kernels, 0, error);
    if (!dir)
        return NULL;
    while ((id = g_dir_read_name(dir))) {
        g_autoptr(GError) damage = NULL;
        LabKernel *kernel = read_entry(kernels, fd, id, &damage);

        if (kernel)
            g_ptr_array_add(list, kernel);
        else if (damage)
            lab_warn("kernel '%s' is left out: %s (kreglab kernel remove, then add it again)", id,
                     damage->message);
    }
    g_ptr_array_sort(list, by_release);
    return g_steal_pointer(&list);
}

static gboolean
nothing_found(const GPtrArray *all, const char *pattern, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < all->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "",
                               ((const LabKernel *)all->pdata[i])->id);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                all->len > 0 ? "no kernel '%s' in the store; there is: %s"
                             : "no kernel '%s': the store is empty; kreglab kernel add SOURCE "
                               "takes one in%s",
                pattern, names->str);
    return FALSE;
}

gboolean
lab_kernel_match(const GPtrArray *all, const char *pattern, GPtrArray *found, GError **error)
{
    g_autoptr(GPtrArray) prefixed = g_ptr_array_new();
    gboolean is_glob = strpbrk(pattern, "*?") != NULL;
    guint before = found->len;

    for (guint i = 0; i < all->len; i++) {
        LabKernel *kernel = all->pdata[i];

        if (is_glob ? g_pattern_match_simple(pattern, kernel->id) ||
                          g_pattern_match_simple(pattern, kernel->release)
                    : strcmp(pattern, kernel->id) == 0) {
            g_ptr_array_add(found, kernel);
            if (!is_glob)
                return TRUE;
        } else if (!is_glob && g_str_has_prefix(kernel->id, pattern)) {
            g_ptr_array_add(prefixed, kernel);
        }
    }
    if (found->len > before)
        return TRUE;
    if (prefixed->len == 1) {
        g_ptr_array_add(found, prefixed->pdata[0]);
        return TRUE;
    }
    if (prefixed->len > 1) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                    "'%s' fits %u kernels: '%s' and '%s' among them; use more of the name, or "
                    "'%s*' for all",
                    pattern, prefixed->len, ((LabKernel *)prefixed->pdata[0])->id,
                    ((LabKernel *)prefixed->pdata[1])->id, pattern);
        return FALSE;
    }
    return nothing_found(all, pattern, error);
}

static void
load_config(LabKernel *kernel)
{
    g_autofree char *path = g_build_filename(kernel->directory, "config", NULL);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, CONFIG_MAX_BYTES, NULL, NULL);

    kernel->config = text ? g_strsplit(text, "\n", -1) : g_new0(char *, 1);
}

const char *
lab_kernel_config(LabKernel *kernel, const char *option)
{
    gsize length;

    if (g_str_has_prefix(option, "CONFIG_"))
        option += strlen("CONFIG_");
    length = strlen(option);
    if (!kernel->config)
        load_config(kernel);
    if (!kernel->config[0])
        return "?";
    for (char **line = kernel->config; *line; line++) {
        if (!g_str_has_prefix(*line, "CONFIG_"))
            continue;
        if (strncmp(*line + 7, option, length) == 0 && (*line)[7 + length] == '=')
            return *line + 7 + length + 1;
    }
    return "n";
}

gboolean
lab_kernel_id_is_sane(const char *id)
{
    gsize length = strlen(id);

    return length >= 1 && length <= 64 && *id != '.' && *id != '-' &&
           strspn(id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._+~-") == length;
}

gboolean
lab_kernel_remove(const char *data, const char *id, GError **error)
{
    g_autofree char *kernels = g_build_filename(data, "kernels", NULL);
    g_autofree char *json = g_build_filename(id, "kernel.json", NULL);
    LAB_AUTO_FD fd = -1;
    LAB_AUTO_FD lock = -1;

    if (!lab_kernel_id_is_sane(id)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "'%s' is no kernel's id", id);
        return FALSE;
    }
    fd = lab_dir_open(AT_FDCWD, kernels, error);
    lock = fd < 0 ? -1 : lab_lock_take(fd, LAB_KERNEL_LOCK, TRUE, error);
    /* kernel.json first: without it nobody takes the rest for a kernel. */
    if (lock < 0 || !lab_path_remove(fd, json, error))
        return FALSE;
    return lab_path_remove(fd, id, error);
}

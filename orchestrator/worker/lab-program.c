/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recipe's C program, built static once for each content. */
#include "lab-program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-proc.h"

#define MAX_SOURCE_BYTES (16u << 20)
#define COMPILE_MS       120000

static const char *const flags[] = {"-static", "-O2", "-g", "-Wall", "-D_GNU_SOURCE", "-pthread"};

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The whole folder counts: a program may include its neighbours. */
static gboolean
add_folder(GChecksum *sum, const char *folder, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (!dir)
        return FALSE;
    while ((name = g_dir_read_name(dir)))
        if (g_str_has_suffix(name, ".c") || g_str_has_suffix(name, ".h"))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, g_ptr_array_index(names, i), NULL);
        gsize length;
        g_autofree char *text = lab_file_read(AT_FDCWD, path, MAX_SOURCE_BYTES, &length, error);

        if (!text)
            return FALSE;
        g_checksum_update(sum, g_ptr_array_index(names, i), -1);
        g_checksum_update(sum, (const guchar *)text, (gssize)length);
    }
    return TRUE;
}

/* The compiler's first complaint, without the path of the folder. */
static char *
first_error(const char *output)
{
    g_autofree char *text = lab_text_clean(output, -1, TRUE);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++)
        if (strstr(*line, "error:") || strstr(*line, "undefined reference"))
            return g_strdup(*line);
    return g_strdup(lines[0] ? lines[0] : "no message");
}

static gboolean
compile(const char *source, const char *output, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    LabProcOptions options = {.timeout_ms = COMPILE_MS, .merge = TRUE};
    g_auto(LabProcResult) result = {0};

    g_ptr_array_add(argv, (gpointer) "cc");
    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++)
        g_ptr_array_add(argv, (gpointer)flags[i]);
    g_ptr_array_add(argv, (gpointer) "-o");
    g_ptr_array_add(argv, (gpointer)output);
    g_ptr_array_add(argv, (gpointer)source);
    g_ptr_array_add(argv, (gpointer) "-lm");
    g_ptr_array_add(argv, NULL);
    if (!lab_proc_run((const char *const *)argv->pdata, &options, &result, error)) {
        g_prefix_error(error, "building '%s' (install gcc and libc6-dev): ", source);
        return FALSE;
    }
    if (result.status != 0) {
        g_autofree char *message = first_error(result.output);

        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "program '%s' does not build: %s",
                    source, message);
        return FALSE;
    }
    return TRUE;
}

char *
lab_program_build(const char *source, const char *cache, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *folder = g_path_get_dirname(source);
    g_autofree char *base = g_path_get_basename(source);
    g_autofree char *programs = g_build_filename(cache, "programs", NULL);
    g_autofree char *path = NULL;
    g_autofree char *temporary = NULL;
    LAB_AUTO_FD fd = -1;

    if (!lab_file_exists(AT_FDCWD, source)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "the recipe's '%s' is not there",
                    source);
        return NULL;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++)
        g_checksum_update(sum, (const guchar *)flags[i], -1);
    g_checksum_update(sum, (const guchar *)base, -1);
    if (!add_folder(sum, folder, error))
        return NULL;
    fd = lab_dir_make(AT_FDCWD, programs, 0700, error);
    if (fd < 0)
        return NULL;
    path = g_build_filename(programs, g_checksum_get_string(sum), NULL);
    if (lab_file_exists(AT_FDCWD, path))
        return g_steal_pointer(&path);
    temporary = g_strdup_printf("%s.%d.tmp", path, (int)getpid());
    if (!compile(source, temporary, error)) {
        unlink(temporary);
        return NULL;
    }
    if (rename(temporary, path) < 0) {
        lab_error_set_errno(error, errno, "renaming '%s'", temporary);
        unlink(temporary);
        return NULL;
    }
    return g_steal_pointer(&path);
}

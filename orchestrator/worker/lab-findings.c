/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-findings.h"

#include <math.h>
#include <string.h>

#include "lab-json.h"

#define MAX_METRICS     256
#define MAX_METRIC_NAME 64

LabFindings *
lab_findings_new(const LabCell *cell)
{
    LabFindings *found = g_new0(LabFindings, 1);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();

    found->cell = cell;
    found->started = g_date_time_format_iso8601(now);
    found->boot_ms = -1;
    found->time_to_crash_ms = -1;
    found->evidence.reached = TRUE;
    found->log_source = "console";
    found->metrics = json_object();
    found->memory = json_array();
    found->vmstat = json_object();
    found->setup = json_array();
    found->settings = json_object();
    found->phases = json_array();
    found->facts = json_object();
    return found;
}

void
lab_findings_free(LabFindings *found)
{
    if (!found)
        return;
    g_free(found->why);
    g_clear_pointer(&found->log, lab_crash_log_free);
    g_clear_pointer(&found->other_log, lab_crash_log_free);
    g_free(found->started);
    g_free(found->pattern_line);
    g_free(found->pressure.why);
    g_free(found->dump.detail);
    g_free(found->dump.makedumpfile);
    g_free(found->dump.crash);
    g_free(found->dump.crash_version);
    json_decref(found->metrics);
    json_decref(found->memory);
    json_decref(found->vmstat);
    json_decref(found->setup);
    json_decref(found->settings);
    json_decref(found->environment);
    json_decref(found->phases);
    json_decref(found->facts);
    g_free(found);
}

static gboolean
is_metric_name(const char *name)
{
    gsize length = strlen(name);

    return length > 0 && length <= MAX_METRIC_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

gboolean
lab_findings_metric_line(LabFindings *found, const char *line, gsize length)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;
    char *end;
    double value;

    if (length > 256 || length < 8 || memcmp(line, "@metric ", 8) != 0)
        return FALSE;
    text = g_strndup(line, length);
    words = g_strsplit(g_strchomp(text), " ", 4);
    if (g_strv_length(words) != 3 || !is_metric_name(words[1]))
        return FALSE;
    value = g_ascii_strtod(words[2], &end);
    if (end == words[2] || *end || !isfinite(value))
        return FALSE;
    if (!json_object_get(found->metrics, words[1]) &&
        json_object_size(found->metrics) >= MAX_METRICS)
        return FALSE;
    json_object_set_new(found->metrics, words[1],
                        fabs(value) < 9e15 && floor(value) >= value
                            ? json_integer((json_int_t)value)
                            : json_real(value));
    return TRUE;
}

gboolean
lab_findings_report_is_fragile(const LabCrashLog *log)
{
    static const char *const types[] = {"soft-lockup", "hard-lockup", "hung-task",
                                        "rcu-stall",   "lockup",      NULL};

    if (!log || !log->cause || !log->cause->type)
        return FALSE;
    return g_strv_contains(types, log->cause->type) ||
           (strcmp(log->cause->type, "trap") == 0 && log->cause->title &&
            g_str_has_prefix(log->cause->title, "int3 "));
}

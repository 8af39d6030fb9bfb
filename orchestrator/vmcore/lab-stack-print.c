/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks as the kernel prints them, as the crash room judges them, and as JSON. */
#include "lab-core-stacks.h"

#include <string.h>

#include "lab-core-facts.h"
#include "lab-json.h"

char *
lab_core_task_trace(const LabCoreTask *task)
{
    GString *text = g_string_new("Call Trace:\n");
    const char *label = NULL;

    for (guint i = 0; i < task->frames->len; i++) {
        const LabCrashFrame *frame = task->frames->pdata[i];

        if (g_strcmp0(label, frame->stack) != 0) {
            if (label)
                g_string_append_printf(text, " </%s>\n", label);
            if (frame->stack)
                g_string_append_printf(text, " <%s>\n", frame->stack);
            label = frame->stack;
        }
        g_string_append_printf(text, " %s%s+0x0/0x0%s%s%s\n", frame->reliable ? "" : "? ",
                               frame->function, frame->module ? " [" : "",
                               frame->module ? frame->module : "", frame->module ? "]" : "");
    }
    if (label)
        g_string_append_printf(text, " </%s>\n", label);
    return g_string_free(text, FALSE);
}

LabCrashLog *
lab_core_task_judge(const LabCoreTask *task, const char *reason)
{
    g_autofree char *trace = lab_core_task_trace(task);
    g_autofree char *text = NULL;

    if (task->frames->len == 0)
        return lab_crash_log_parse("", 0);
    if (reason)
        text = g_strdup_printf("Kernel panic - not syncing: %s\n"
                               "CPU: %d PID: %d Comm: %s\n%s"
                               "---[ end Kernel panic - not syncing: %s ]---\n",
                               reason, MAX(task->cpu, 0), task->pid, task->comm, trace, reason);
    else
        text = g_strdup_printf("INFO: task %s:%d blocked for more than %" G_GINT64_FORMAT
                               " seconds.\ntask:%s state:%c stack:0 pid:%d ppid:0 flags:0x0\n%s",
                               task->comm, task->pid, MAX(task->switched_ms, 0) / 1000, task->comm,
                               task->state, task->pid, trace);
    return lab_crash_log_parse(text, strlen(text));
}

static const char *
state_word(const LabCoreTask *task)
{
    static const struct {
        char letter;
        const char *word;
    } words[] = {{'R', "runnable"}, {'S', "sleeping"}, {'D', "blocked"},
                 {'T', "stopped"},  {'t', "traced"},   {'X', "dead"},
                 {'Z', "zombie"},   {'P', "parked"},   {'I', "idle"}};

    if (task->running)
        return "running";
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i].letter == task->state)
            return words[i].word;
    return "unknown";
}

static json_t *
stack_to_json(const LabCoreTask *task)
{
    return json_pack("{s:s, s:s, s:o, s:i, s:o, s:o, s:b, s:o}", "source", LAB_SOURCE_MEMORY,
                     "state", state_word(task), "cpu",
                     task->cpu >= 0 ? json_integer(task->cpu) : json_null(), "pid", task->pid,
                     "comm", lab_json_text(task->comm), "how", lab_json_text(task->how), "complete",
                     task->complete, "frames", lab_crash_frames_to_json(task->frames));
}

json_t *
lab_core_stacks_to_json(const LabCoreStacks *stacks, gboolean all)
{
    json_t *array = json_array();

    for (guint i = 0; i < stacks->cpus->len; i++) {
        const LabStackCpu *cpu = stacks->cpus->pdata[i];

        if (cpu->task)
            json_array_append_new(array, stack_to_json(cpu->task));
    }
    for (guint i = 0; i < stacks->tasks->len; i++) {
        const LabCoreTask *task = stacks->tasks->pdata[i];

        if (!task->running && (all || task->state == 'D'))
            json_array_append_new(array, stack_to_json(task));
    }
    return array;
}

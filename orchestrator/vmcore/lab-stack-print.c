/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks as the kernel prints them, as the crash room judges them, and as JSON. */
#include "lab-core-stacks.h"

#include <string.h>

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

static json_t *
text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *
number_or_null(gint64 number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static json_t *
frames_to_json(const LabCoreTask *task)
{
    json_t *frames = json_array();

    for (guint i = 0; i < task->frames->len; i++) {
        const LabCrashFrame *frame = task->frames->pdata[i];

        json_array_append_new(frames,
                              json_pack("{s:s, s:o, s:b, s:o}", "function", frame->function,
                                        "module", text_or_null(frame->module), "reliable",
                                        frame->reliable, "stack", text_or_null(frame->stack)));
    }
    return frames;
}

static json_t *
task_to_json(const LabCoreTask *task, gboolean with_frames)
{
    char state[2] = {task->state, '\0'};
    json_t *json = json_pack("{s:i, s:i, s:s, s:s, s:o, s:b, s:b, s:o}", "pid", task->pid, "tgid",
                             task->tgid, "comm", task->comm, "state", state, "cpu",
                             number_or_null(task->cpu), "running", task->running, "kernel_thread",
                             task->kernel_thread, "switched_ms", number_or_null(task->switched_ms));

    if (with_frames) {
        json_object_set_new(json, "frames", frames_to_json(task));
        json_object_set_new(json, "frames_complete", json_boolean(task->complete));
        json_object_set_new(json, "frames_from", text_or_null(task->how));
    }
    return json;
}

static json_t *
tasks_to_json(const LabCoreStacks *stacks, gboolean all)
{
    json_t *tasks = json_array();

    for (guint i = 0; i < stacks->tasks->len; i++) {
        const LabCoreTask *task = stacks->tasks->pdata[i];

        if (all || task->running || task->state == 'D' || task == stacks->panic)
            json_array_append_new(tasks, task_to_json(task, TRUE));
    }
    return tasks;
}

static json_t *
cpus_to_json(const LabCoreStacks *stacks)
{
    json_t *cpus = json_array();

    for (guint i = 0; i < stacks->cpus->len; i++) {
        const LabStackCpu *cpu = stacks->cpus->pdata[i];

        json_array_append_new(
            cpus, json_pack("{s:I, s:b, s:b, s:o, s:o}", "cpu", (json_int_t)cpu->number, "online",
                            cpu->online, "registers", cpu->has_registers, "pid",
                            cpu->task ? json_integer(cpu->task->pid) : json_null(), "comm",
                            cpu->task ? json_string(cpu->task->comm) : json_null()));
    }
    return cpus;
}

static json_t *
facts_to_json(const LabCoreStacks *stacks)
{
    json_t *load = stacks->load[0] < 0
                       ? json_null()
                       : json_pack("[f, f, f]", (double)stacks->load[0] / 100,
                                   (double)stacks->load[1] / 100, (double)stacks->load[2] / 100);

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o}", "release",
        text_or_null(stacks->release), "version", text_or_null(stacks->version), "hostname",
        text_or_null(stacks->hostname), "command_line", text_or_null(stacks->command_line),
        "uptime_ms", number_or_null(stacks->uptime_ms), "load", load, "memory_bytes",
        number_or_null(stacks->memory_bytes), "tainted", number_or_null(stacks->tainted), "modules",
        (json_int_t)stacks->n_modules, "tasks", (json_int_t)stacks->tasks->len, "panic_cpu",
        number_or_null(stacks->panic_cpu), "panic_pid",
        stacks->panic ? json_integer(stacks->panic->pid) : json_null());
}

json_t *
lab_core_stacks_to_json(const LabCoreStacks *stacks, gboolean all)
{
    json_t *missing = json_array();

    for (guint i = 0; i < stacks->missing->len; i++)
        json_array_append_new(missing, json_string(stacks->missing->pdata[i]));
    return json_pack("{s:o, s:o, s:o, s:o}", "facts", facts_to_json(stacks), "cpus",
                     cpus_to_json(stacks), "tasks", tasks_to_json(stacks, all), "missing", missing);
}

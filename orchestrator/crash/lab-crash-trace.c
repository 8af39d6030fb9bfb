/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One crash as it is compared: names, signatures and the stack from the blamed frame on. */
#include "lab-crash-private.h"
#include "lab-crash-similar.h"

#include <string.h>

#include "lab-json.h"

/* A frame as it is compared: one name for the entry of a system call, whatever the kernel calls it.
 */
static LabCrashFrame *
frame_copy(const LabCrashFrame *frame)
{
    g_autofree char *plain = lab_crash_function_plain(frame->function);
    const char *name = plain ? plain : frame->function;
    LabCrashFrame *copy = lab_crash_frame_new(name, strlen(name));

    copy->module = g_strdup(frame->module);
    copy->stack = g_strdup(frame->stack);
    copy->reliable = frame->reliable;
    return copy;
}

/* The function of "CLASS in FUNCTION", which is what the crash is called by; NULL: none. */
static const char *
function_of(const char *title)
{
    const char *in = g_strrstr(title, " in ");

    return in && !strchr(in + 4, ' ') && strcmp(in + 4, "corrupted") != 0 ? in + 4 : NULL;
}

/* What every report of a class begins with. */
static gboolean
is_common(const LabCrashFrame *frame)
{
    return !frame->reliable || (!frame->module && lab_crash_function_is_common(frame->function));
}

/* Frames above the blamed one are never to blame, and which of them are printed depends on the
 * kernel's configuration. 'blamed' is the frame's name, where the title has another; NULL: the
 * title's. 'frames': LabCrashFrame, all of the report. */
static void
set_stack(LabCrashTrace *trace, const GPtrArray *frames, const char *blamed)
{
    guint first = 0;

    trace->function = g_strdup(function_of(trace->title));
    if (!trace->function)
        trace->function = g_strdup(blamed);
    if (!blamed)
        blamed = trace->function;
    trace->stack = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_frame_free);
    if (trace->function) {
        LabCrashFrame *top = lab_crash_frame_new(trace->function, strlen(trace->function));

        top->reliable = TRUE;
        g_ptr_array_add(trace->stack, top);
    }
    for (guint i = 0; blamed && i < frames->len && first == 0; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        if (!frame->reliable || strcmp(frame->function, blamed) != 0)
            continue;
        first = i + 1;
        ((LabCrashFrame *)trace->stack->pdata[0])->module = g_strdup(frame->module);
        ((LabCrashFrame *)trace->stack->pdata[0])->stack = g_strdup(frame->stack);
    }
    while (!trace->function && first < frames->len && is_common(frames->pdata[first]))
        first++;
    for (guint i = first; i < frames->len && trace->stack->len < LAB_CRASH_STACK_MAX; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        if (frame->reliable)
            g_ptr_array_add(trace->stack, frame_copy(frame));
    }
}

LabCrashTrace *
lab_crash_trace_new_from_log(const LabCrashLog *log)
{
    const LabCrashReport *cause = log->cause;
    LabCrashTrace *trace;

    if (!cause)
        return NULL;
    trace = g_new0(LabCrashTrace, 1);
    trace->title = g_strdup(cause->title);
    trace->type = g_strdup(cause->type);
    trace->alternatives = g_strdupv(cause->alternatives);
    trace->k0 = g_strdup(log->k0);
    trace->k1 = g_strdup(log->k1);
    trace->k2 = g_strdup(log->k2);
    trace->corrupted = cause->corrupted;
    set_stack(trace, cause->frames, lab_json_string(cause->attributes, LAB_CRASH_FUNCTION));
    return trace;
}

static GPtrArray *
frames_from_json(json_t *array)
{
    GPtrArray *frames = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_frame_free);
    json_t *one;
    size_t index;

    json_array_foreach (array, index, one) {
        const char *function = lab_json_string(one, "function");
        LabCrashFrame *frame;

        if (!function || !*function || frames->len == LAB_CRASH_STACK_MAX)
            continue;
        frame = lab_crash_frame_new(function, strlen(function));
        frame->module = g_strdup(lab_json_string(one, "module"));
        frame->stack = g_strdup(lab_json_string(one, "stack"));
        frame->reliable = lab_json_bool(one, "reliable", TRUE);
        g_ptr_array_add(frames, frame);
    }
    return frames;
}

LabCrashTrace *
lab_crash_trace_new_from_json(const json_t *crash)
{
    const json_t *signature = lab_json_member(crash, "signature");
    const char *title = lab_json_string(crash, "title");
    const char *type = lab_json_string(crash, "type");
    g_autoptr(GPtrArray) frames = NULL;
    LabCrashTrace *trace;

    if (!title || !type)
        return NULL;
    frames = frames_from_json(lab_json_member(crash, "frames"));
    trace = g_new0(LabCrashTrace, 1);
    trace->title = g_strdup(title);
    trace->type = g_strdup(type);
    trace->alternatives = lab_json_to_strv(lab_json_member(crash, "alternatives"));
    trace->k0 = g_strdup(lab_json_string(signature, "k0"));
    trace->k1 = g_strdup(lab_json_string(signature, "k1"));
    trace->k2 = g_strdup(lab_json_string(signature, "k2"));
    trace->corrupted = lab_json_bool(crash, "corrupted", FALSE);
    set_stack(trace, frames,
              lab_json_string(lab_json_member(crash, "attributes"), LAB_CRASH_FUNCTION));
    return trace;
}

void
lab_crash_trace_free(LabCrashTrace *trace)
{
    if (!trace)
        return;
    g_free(trace->title);
    g_free(trace->type);
    g_strfreev(trace->alternatives);
    g_free(trace->function);
    g_free(trace->k0);
    g_free(trace->k1);
    g_free(trace->k2);
    g_ptr_array_unref(trace->stack);
    g_free(trace);
}

gboolean
lab_crash_trace_is_hang(const LabCrashTrace *trace)
{
    static const char *const types[] = {"soft-lockup", "hard-lockup", "lockup",
                                        "rcu-stall",   "hung-task",   NULL};

    return g_strv_contains(types, trace->type);
}

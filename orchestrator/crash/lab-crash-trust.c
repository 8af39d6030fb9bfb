/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a report untrustworthy. A report that was cut before its frames, that two CPUs wrote
 * at once, or that a fault injection's trace runs through may still have a title, but nobody should
 * take its function for the truth.
 */
#include "lab-crash-private.h"

#include <string.h>

/* A stack that was announced and has no frame: cut off, or lost by the stack depot. */
static gboolean
has_empty_stack(const GPtrArray *stacks, guint blamed)
{
    for (guint i = 0; i < stacks->len; i++) {
        const LabCrashStack *stack = stacks->pdata[i];

        if (stack->announced && stack->n_traced == 0 &&
            (i <= blamed || stack->kind != LAB_CRASH_STACK_MAIN))
            return TRUE;
    }
    return FALSE;
}

static gboolean
has_trace(const GPtrArray *stacks)
{
    for (guint i = 0; i < stacks->len; i++) {
        const LabCrashStack *stack = stacks->pdata[i];

        if (stack->kind == LAB_CRASH_STACK_MAIN && (stack->announced || stack->frames->len > 1))
            return TRUE;
    }
    return FALSE;
}

/* Fault injection tells its stack whenever it makes an allocation fail, on any CPU; none of its
 * functions can stand above a crash, for it has returned by then. */
static gboolean
has_fault_injection(const GPtrArray *stacks, guint blamed)
{
    for (guint i = 0; i < stacks->len && i <= blamed; i++) {
        const LabCrashStack *stack = stacks->pdata[i];

        for (guint j = 0; j < stack->frames->len; j++) {
            const LabCrashFrame *frame = stack->frames->pdata[j];

            if (frame->reliable && g_str_has_prefix(frame->function, "should_fail"))
                return TRUE;
        }
    }
    return FALSE;
}

/* Another task's dump begins before this report's trace does: whose trace follows is unknown. */
static gboolean
has_foreign_dump(const LabCrashClass *class, const GPtrArray *lines)
{
    static const char *const dumps[] = {
        "vmalloc: allocation failure",
        "page allocation failure",
        "FAULT_INJECTION: forcing a failure",
        "FAULT_FLAG_ALLOW_RETRY missing",
        " should_fail+0x",
        " should_fail_ex+0x",
        "PANIC: double fault",
        "WARNING: CPU: ", /* last: of a prelude, the report itself */
    };
    gsize n = G_N_ELEMENTS(dumps) - (class->flags & LAB_CRASH_PRELUDE ? 1 : 0);

    for (guint i = 1; i < lines->len; i++) {
        const char *text = lines->pdata[i];

        if (strstr(text, "all Trace:") || strstr(text, "all trace:") || strstr(text, "acktrace:") ||
            lab_crash_session_is_task(text))
            return FALSE;
        for (gsize j = 0; j < n; j++)
            if (strstr(text, dumps[j]))
                return TRUE;
    }
    return FALSE;
}

/* Sanitizers that print no "Call Trace:" end with the line of their task; without it another report
 * broke in, perhaps their own failing. */
static gboolean
is_cut(const GPtrArray *lines)
{
    for (guint i = 1; i < lines->len; i++)
        if (strstr(lines->pdata[i], "CPU: ") && strstr(lines->pdata[i], " PID: "))
            return FALSE;
    return TRUE;
}

gboolean
lab_crash_is_corrupted(const LabCrashClass *class, const GPtrArray *lines, const GPtrArray *stacks,
                       guint blamed, gboolean detailed)
{
    if (class->flags & LAB_CRASH_LOST)
        return TRUE;
    if (class->flags & LAB_CRASH_BARE && class->rule != LAB_CRASH_RULE_TITLE && is_cut(lines))
        return TRUE;
    if (class->rule == LAB_CRASH_RULE_TITLE && !(class->flags & LAB_CRASH_TRACED))
        return FALSE;
    if (class->flags & LAB_CRASH_NO_TRACE)
        return FALSE;
    /* A line that the title needs is missing. */
    if (class->detail && !detailed && !strstr(class->detail, "?<F>"))
        return TRUE;
    return !has_trace(stacks) || has_empty_stack(stacks, blamed) ||
           has_fault_injection(stacks, blamed) || has_foreign_dump(class, lines);
}

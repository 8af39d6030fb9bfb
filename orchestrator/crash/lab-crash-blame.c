/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which function a report blames, by the rule of its class. */
#include "lab-crash-private.h"

#include <string.h>

gboolean
lab_crash_may_be_blamed(const LabCrashClass *class, const char *function, const char *module)
{
    GRegex *skip = lab_crash_class_skip(class);

    if (module)
        return TRUE;
    if (skip && g_regex_match(skip, function, 0, NULL))
        return FALSE;
    return !lab_crash_function_is_common(function);
}

static const LabCrashFrame *
first_blamed(const LabCrashClass *class, const GPtrArray *frames)
{
    for (guint i = 0; i < frames->len; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        if (frame->reliable && lab_crash_may_be_blamed(class, frame->function, frame->module))
            return frame;
    }
    return NULL;
}

static gboolean
has_function(const GPtrArray *frames, const char *const *names, gsize n)
{
    for (guint i = 0; i < frames->len; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        for (gsize j = 0; frame->reliable && j < n; j++)
            if (strcmp(frame->function, names[j]) == 0)
                return TRUE;
    }
    return FALSE;
}

/* --- stalls --- */

/* Does that function stand above a timer's interrupt that found a stall? */
static gboolean
tells_time(const char *function)
{
    static const char *const words[] = {"rcu_",      "watchdog",      "hrtimer",
                                        "tick_",     "nmi",           "update_process_times",
                                        "backtrace", "scheduler_tick"};

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(function, words[i]))
            return TRUE;
    return FALSE;
}

/* The interrupt that found the stall is not the stall: frames from its entry on. A stack that
 * begins with the registers of where the CPU was ('from_pc') may have stalled in an interrupt. */
static guint
after_interrupt(const GPtrArray *frames, gboolean from_pc)
{
    static const char *const words[] = {"apic_timer_interrupt",
                                        "sysvec_",
                                        "end_repeat_nmi",
                                        "exc_nmi",
                                        "nmi_restore",
                                        "el1_irq",
                                        "el1_interrupt",
                                        "el1h_64_irq",
                                        "__irq_svc",
                                        "reschedule_interrupt",
                                        "call_function_interrupt",
                                        "call_function_single_interrupt",
                                        "asm_call_on_stack",
                                        "asm_call_sysvec",
                                        "asm_call_irq",
                                        "asm_common_interrupt",
                                        "handle_exception"};
    gboolean inside = FALSE;
    gboolean told = !from_pc;
    guint i;

    for (i = 0; i < frames->len; i++) {
        const LabCrashFrame *frame = frames->pdata[i];
        gboolean entry = FALSE;

        told |= tells_time(frame->function);
        if (!told)
            continue;

        for (gsize j = 0; frame->reliable && j < G_N_ELEMENTS(words) && !entry; j++)
            entry = strstr(frame->function, words[j]) != NULL;
        if (inside && !entry && frame->reliable)
            return i;
        inside |= entry;
    }
    return inside ? i : 0;
}

/* A stack in a stall's report that is no evidence: RCU's own thread, a task that waits for its
 * grace period, or one that was switched out (it stands still because another CPU does not). */
static gboolean
is_bystander(const LabCrashStack *stack)
{
    static const char *const names[] = {"rcu_gp_kthread", "rcu_exp_wait_wake"};
    const LabCrashFrame *first = NULL;

    for (guint i = 0; i < stack->frames->len && !first; i++)
        if (((LabCrashFrame *)stack->frames->pdata[i])->reliable)
            first = stack->frames->pdata[i];
    if (first && !stack->interrupted &&
        (strcmp(first->function, "__schedule") == 0 ||
         strcmp(first->function, "context_switch") == 0 ||
         strcmp(first->function, "__switch_to") == 0))
        return TRUE;
    return has_function(stack->frames, names, G_N_ELEMENTS(names));
}

gboolean
lab_crash_function_is_fault(const char *function)
{
    return g_str_has_prefix(function, "asm_exc_") || g_str_has_suffix(function, "page_fault");
}

static const LabCrashFrame *
stalled(const LabCrashClass *class, const LabCrashStack *stack)
{
    const GPtrArray *frames = stack->frames;
    const LabCrashFrame *above = NULL;
    const LabCrashFrame *before = NULL; /* the one above 'above' */
    const LabCrashFrame *top = NULL;
    /* RCU looks at what stood still beneath the interrupt, whatever the interrupt did. */
    gboolean from_pc = stack->from_pc && strcmp(class->type, "rcu-stall") != 0;

    if (is_bystander(stack))
        return NULL;
    for (guint i = after_interrupt(frames, from_pc); i < frames->len; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        if (!frame->reliable)
            continue;
        if (strstr(frame->function, "smp_call_function"))
            return frame;
        if (lab_crash_function_is_entry(frame->function)) {
            if (above)
                return above;
            continue;
        }
        if (!lab_crash_may_be_blamed(class, frame->function, frame->module) &&
            !lab_crash_function_is_fault(frame->function))
            continue;
        if (!top)
            top = frame;
        before = above;
        above = frame;
    }
    /* A page fault of user space ends in its entry. */
    if (before && lab_crash_function_is_fault(above->function))
        return before;
    return top;
}

/* --- hangs --- */

static const LabCrashFrame *
hung(const LabCrashClass *class, const LabCrashStack *stack)
{
    static const char *const anchors[] = {"rtnl_lock", "synchronize_rcu", "synchronize_srcu",
                                          "synchronize_net", "synchronize_sched"};
    const GPtrArray *frames = stack->frames;

    for (guint i = 0; i < frames->len; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        for (gsize j = 0; frame->reliable && j < G_N_ELEMENTS(anchors); j++)
            if (strstr(frame->function, anchors[j]))
                return frame;
    }
    for (guint i = 0; i < frames->len; i++) {
        const LabCrashFrame *frame = frames->pdata[i];

        if (frame->reliable && (frame->module || !lab_crash_function_waits(frame->function)) &&
            lab_crash_may_be_blamed(class, frame->function, frame->module))
            return frame;
    }
    return NULL;
}

/* --- all of it --- */

/* The first blamed frame among the stacks of one kind; *index says in which. */
static const LabCrashFrame *
blame_kind(const LabCrashClass *class, const GPtrArray *stacks, LabCrashStackKind kind,
           guint *index)
{
    for (guint i = 0; i < stacks->len; i++) {
        const LabCrashStack *stack = stacks->pdata[i];
        const LabCrashFrame *frame;

        if (stack->kind != kind || stack->frames->len == 0)
            continue;
        if (class->rule == LAB_CRASH_RULE_STALL)
            frame = stalled(class, stack);
        else if (class->rule == LAB_CRASH_RULE_HANG)
            frame = hung(class, stack);
        else
            frame = first_blamed(class, stack->frames);
        if (frame) {
            *index = i;
            return frame;
        }
        if (class->rule == LAB_CRASH_RULE_HANG) /* what follows is not the task's */
            return NULL;
    }
    return NULL;
}

const LabCrashFrame *
lab_crash_blame(const LabCrashClass *class, const GPtrArray *stacks, guint *index)
{
    static const LabCrashStackKind deadlock[] = {LAB_CRASH_STACK_CHAIN, LAB_CRASH_STACK_MAIN};
    static const LabCrashStackKind irq_safe[] = {LAB_CRASH_STACK_SAFE, LAB_CRASH_STACK_MAIN};
    static const LabCrashStackKind owner[] = {LAB_CRASH_STACK_OWNER, LAB_CRASH_STACK_MAIN};
    static const LabCrashStackKind main_only[] = {LAB_CRASH_STACK_MAIN, LAB_CRASH_STACK_MAIN};
    const LabCrashStackKind *kinds = class->rule == LAB_CRASH_RULE_DEADLOCK   ? deadlock
                                     : class->rule == LAB_CRASH_RULE_IRQ_SAFE ? irq_safe
                                     : class->rule == LAB_CRASH_RULE_OWNER    ? owner
                                                                              : main_only;
    const LabCrashFrame *frame = blame_kind(class, stacks, kinds[0], index);

    return frame || kinds[0] == kinds[1] ? frame : blame_kind(class, stacks, kinds[1], index);
}

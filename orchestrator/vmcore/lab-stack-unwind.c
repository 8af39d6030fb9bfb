/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stack-unwind.h"

#include <string.h>

#define SWITCHES_MAX  8u /* from stack to stack */
#define SCAN_BYTES    (16u << 10)
#define SCAN_FRAMES   48u
#define CALL_BYTES    (2u << 10)        /* a frame without tables is no larger */
#define IRET_OFFSET   (8u * LAB_REG_IP) /* of ip, cs, flags, sp and ss in struct pt_regs */
#define EXCEPTION_MAX (64u << 10)

typedef struct {
    LabStackKernel *kernel;
    const LabStackAreas *areas;
    GPtrArray *frames;
    guint64 ip, sp, bp;
    gboolean signal;     /* 'ip' was interrupted; else it is a return address */
    gboolean has_regs;   /* of the present frame */
    gboolean full_regs;  /* all of 'regs', else only ip to ss */
    gboolean has_before; /* 'before': the full registers of the frame before */
    gboolean user;       /* 'regs' are of user mode */
    guint64 regs[LAB_REGS], before[LAB_REGS];
} Walk;

typedef enum { STEP_ON, STEP_END, STEP_LOST } Step;

void
lab_stack_areas_add(LabStackAreas *areas, guint64 begin, guint64 size, const char *label)
{
    LabStackArea *area = &areas->areas[areas->n];

    if (areas->n == G_N_ELEMENTS(areas->areas) || size > G_MAXUINT64 - begin)
        return;
    areas->n++;
    area->begin = begin;
    area->end = begin + size;
    g_strlcpy(area->label, label, sizeof area->label);
}

void
lab_stack_areas_add_cpu(LabStackKernel *kernel, guint cpu, LabStackAreas *areas)
{
    static const struct {
        const char *member, *label;
    } exceptions[] = {{"NMI_stack", "NMI"}, {"DF_stack", "#DF"}, {"DB_stack", "#DB"},
                      {"MCE_stack", "#MC"}, {"VC_stack", "#VC"}, {"VC2_stack", "#VC2"}};
    guint64 variable, at, top, offset;

    if (lab_stack_kernel_symbol(kernel, "hardirq_stack_ptr", &variable) ||
        (lab_stack_kernel_symbol(kernel, "pcpu_hot", &variable) && kernel->types &&
         lab_stack_offset(kernel->types, "pcpu_hot", "hardirq_stack_ptr", &offset) &&
         (variable += offset))) {
        if (lab_stack_per_cpu(kernel, cpu, variable, &at) &&
            lab_stack_u64(&kernel->memory, at, &top) && top > (16u << 10)) {
            top = (top + 4095) & ~(guint64)4095; /* it points to the last word or behind it */
            lab_stack_areas_add(areas, top - (16u << 10), 16u << 10, "IRQ");
        }
    }
    if (!lab_stack_kernel_symbol(kernel, "cea_exception_stacks", &variable) ||
        !lab_stack_per_cpu(kernel, cpu, variable, &at) || !kernel->types ||
        !lab_stack_u64(&kernel->memory, at, &at))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(exceptions); i++) {
        LabStackMember member;

        if (lab_stack_member(kernel->types, "cea_exception_stacks", exceptions[i].member,
                             &member) &&
            member.size > 0 && member.size <= EXCEPTION_MAX)
            lab_stack_areas_add(areas, at + member.offset, member.size, exceptions[i].label);
    }
}

static const LabStackArea *
area_of(const LabStackAreas *areas, guint64 sp)
{
    for (guint i = 0; i < areas->n; i++)
        if (sp >= areas->areas[i].begin && sp < areas->areas[i].end)
            return &areas->areas[i];
    return NULL;
}

/* Whether two stack pointers are on one stack. Where one is unknown they are taken to be. */
static gboolean
same_area(const LabStackAreas *areas, guint64 a, guint64 b)
{
    return area_of(areas, a) == area_of(areas, b);
}

/* FALSE: no function is known there, and no frame was added. */
static gboolean
add_frame(Walk *walk, guint64 ip, guint64 place, gboolean reliable)
{
    const LabStackArea *area = area_of(walk->areas, place);
    const char *module;
    char *function = lab_stack_function_at(walk->kernel, ip, &module);
    LabCrashFrame *frame;

    if (!function)
        return FALSE;
    frame = g_new0(LabCrashFrame, 1);
    frame->function = function;
    frame->module = g_strdup(module);
    frame->stack = area ? g_strdup(area->label) : NULL;
    frame->reliable = reliable;
    g_ptr_array_add(walk->frames, frame);
    return TRUE;
}

static gboolean
peek(Walk *walk, guint64 address, guint64 *value)
{
    return lab_stack_u64(&walk->kernel->memory, address, value);
}

static gboolean
known_reg(const Walk *walk, LabCoreRegister reg, guint64 *value)
{
    if (!walk->has_regs || !(walk->full_regs || walk->has_before))
        return FALSE;
    *value = walk->full_regs ? walk->regs[reg] : walk->before[reg];
    return TRUE;
}

/* The caller's stack pointer (the CFA) by the entry for this frame. */
static gboolean
find_cfa(Walk *walk, const LabOrc *orc, guint64 *cfa)
{
    guint64 offset = (guint64)(gint64)orc->sp_offset;
    LabCoreRegister reg;

    switch (orc->sp_reg) {
    case LAB_ORC_REG_SP:
        *cfa = walk->sp + offset;
        return TRUE;
    case LAB_ORC_REG_BP:
        *cfa = walk->bp + offset;
        return TRUE;
    case LAB_ORC_REG_BP_INDIRECT:
        return peek(walk, walk->bp + offset, cfa);
    case LAB_ORC_REG_SP_INDIRECT:
        /* Since v5.12 the offset is from what the stack pointer points to, not to it. */
        if (lab_stack_release(&walk->kernel->memory) < 512)
            return peek(walk, walk->sp + offset, cfa);
        if (!peek(walk, walk->sp, cfa))
            return FALSE;
        *cfa += offset;
        return TRUE;
    case LAB_ORC_REG_R10:
        reg = LAB_REG_R10;
        break;
    case LAB_ORC_REG_R13:
        reg = LAB_REG_R13;
        break;
    case LAB_ORC_REG_DI:
        reg = LAB_REG_DI;
        break;
    case LAB_ORC_REG_DX:
        reg = LAB_REG_DX;
        break;
    default:
        return FALSE;
    }
    /* These hold the caller's stack pointer itself, without an offset. */
    return known_reg(walk, reg, cfa);
}

static gboolean
is_user(guint64 cs)
{
    return (cs & 3) != 0;
}

/* The registers that an exception or a system call left at 'at'. */
static gboolean
take_regs(Walk *walk, guint64 at, gboolean full)
{
    gsize first = full ? 0 : LAB_REG_IP;
    guint64 bytes[LAB_REGS] = {0}, regs[LAB_REGS] = {0};

    if (!lab_stack_read(&walk->kernel->memory, at, bytes, (LAB_REGS - first) * 8))
        return FALSE;
    for (gsize i = first; i < LAB_REGS; i++)
        regs[i] = GUINT64_FROM_LE(bytes[i - first]);
    if (full) {
        walk->has_before = FALSE;
    } else if (walk->has_regs && walk->full_regs) {
        memcpy(walk->before, walk->regs, sizeof walk->before);
        walk->has_before = TRUE;
    }
    memcpy(walk->regs, regs, sizeof regs);
    walk->has_regs = TRUE;
    walk->full_regs = full;
    walk->user = is_user(regs[LAB_REG_CS]);
    walk->ip = regs[LAB_REG_IP];
    walk->sp = regs[LAB_REG_SP];
    return TRUE;
}

static gboolean
find_bp(Walk *walk, const LabOrc *orc, guint64 cfa)
{
    guint64 offset = (guint64)(gint64)orc->bp_offset, value;

    switch (orc->bp_reg) {
    case LAB_ORC_REG_UNDEFINED:
        if (known_reg(walk, LAB_REG_BP, &value))
            walk->bp = value;
        return TRUE;
    case LAB_ORC_REG_PREV_SP:
        return peek(walk, cfa + offset, &walk->bp);
    case LAB_ORC_REG_BP:
        return peek(walk, walk->bp + offset, &walk->bp);
    default:
        return FALSE;
    }
}

/* Where a call went to address 0, or to where no tables are. */
static gboolean
entry_for(Walk *walk, LabOrc *orc)
{
    guint64 at = walk->signal ? walk->ip : walk->ip - 1;

    if (walk->ip == 0) {
        *orc = (LabOrc){.sp_offset = 8, .sp_reg = LAB_ORC_REG_SP, .type = LAB_ORC_CALL};
        return TRUE;
    }
    return lab_stack_orc_at(walk->kernel, at, orc);
}

/* Whether the instruction before 'ret' is a call of 'function'. */
static gboolean
is_call_of(Walk *walk, guint64 ret, guint64 function)
{
    guint8 code[5];
    gint32 distance;

    if (!lab_stack_is_text(walk->kernel, ret - 1) ||
        !lab_stack_read(&walk->kernel->memory, ret - sizeof code, code, sizeof code) ||
        code[0] != 0xe8)
        return FALSE;
    memcpy(&distance, code + 1, sizeof distance);
    return ret + (guint64)(gint64)GINT32_FROM_LE(distance) == function;
}

/* A few functions have no tables (STACK_FRAME_NON_STANDARD), and __crash_kexec(), in which the
 * panicking task ends, is one. Its caller's frame is found by the return address of a call of this
 * very function. */
static Step
step_over_call(Walk *walk)
{
    guint64 function, ret, at = (walk->sp + 7) & ~(guint64)7;

    if (!lab_stack_function_begin(walk->kernel, walk->signal ? walk->ip : walk->ip - 1, &function))
        return STEP_LOST;
    for (guint64 end = at + CALL_BYTES; at < end && peek(walk, at, &ret); at += 8) {
        if (!is_call_of(walk, ret, function))
            continue;
        walk->ip = ret;
        walk->sp = at + 8;
        walk->signal = walk->has_regs = walk->full_regs = walk->has_before = FALSE;
        return add_frame(walk, ret - 1, at, TRUE) ? STEP_ON : STEP_LOST;
    }
    return STEP_LOST;
}

static Step
step(Walk *walk)
{
    guint64 before = walk->sp, cfa, place;
    LabOrc orc;

    if (walk->has_regs && walk->user)
        return STEP_END;
    if (!walk->kernel->has_orc)
        return STEP_LOST;
    if (!entry_for(walk, &orc) || orc.type == LAB_ORC_UNDEFINED)
        return step_over_call(walk);
    if (orc.type == LAB_ORC_END)
        return STEP_END;
    walk->signal = orc.signal;
    if (!find_cfa(walk, &orc, &cfa))
        return STEP_LOST;
    if (orc.type == LAB_ORC_CALL) {
        place = cfa - 8;
        if (!peek(walk, place, &walk->ip))
            return STEP_LOST;
        walk->sp = cfa;
    } else if (!take_regs(walk, cfa, orc.type == LAB_ORC_REGS)) {
        return STEP_LOST;
    } else {
        place = walk->sp;
    }
    if (!find_bp(walk, &orc, cfa))
        return STEP_LOST;
    if (orc.type == LAB_ORC_CALL)
        walk->has_regs = walk->full_regs = walk->has_before = FALSE;
    if (walk->has_regs && walk->user)
        return STEP_END;
    if (same_area(walk->areas, before, walk->sp) && walk->sp <= before)
        return STEP_LOST;
    return add_frame(walk, walk->signal ? walk->ip : walk->ip - 1, place, TRUE) ? STEP_ON
                                                                                : STEP_LOST;
}

/* Every text address on the rest of the stack, for want of better. */
static void
scan(Walk *walk, guint64 from)
{
    const LabStackArea *area = area_of(walk->areas, from);
    guint64 at = (from + 7) & ~(guint64)7;
    guint64 end = at + SCAN_BYTES, value;
    guint added = 0;

    if (area)
        end = MIN(end, area->end);
    for (; at < end && added < SCAN_FRAMES && walk->frames->len < LAB_STACK_FRAMES_MAX; at += 8) {
        if (!peek(walk, at, &value))
            break;
        if (lab_stack_is_text(walk->kernel, value - 1) && add_frame(walk, value - 1, at, FALSE))
            added++;
    }
}

static gboolean
run(Walk *walk, const char **how)
{
    guint switches = 0;
    Step result = STEP_ON;

    *how = walk->kernel->has_orc ? "orc" : "scan";
    while (result == STEP_ON && walk->frames->len < LAB_STACK_FRAMES_MAX &&
           walk->kernel->frames_left > 0) {
        guint64 before = walk->sp;

        walk->kernel->frames_left--;
        result = step(walk);
        if (result == STEP_ON && !same_area(walk->areas, before, walk->sp) &&
            ++switches > SWITCHES_MAX)
            result = STEP_LOST;
    }
    if (result == STEP_LOST && walk->kernel->scans_left > 0) {
        guint reliable = walk->frames->len;

        walk->kernel->scans_left--;
        scan(walk, walk->sp);
        if (reliable <= 1 && walk->frames->len > reliable)
            *how = "scan";
    }
    return result == STEP_END;
}

gboolean
lab_stack_unwind_regs(LabStackKernel *kernel, const LabStackAreas *areas,
                      const guint64 regs[LAB_REGS], GPtrArray *frames, const char **how)
{
    Walk walk = {.kernel = kernel, .areas = areas, .frames = frames};

    memcpy(walk.regs, regs, sizeof walk.regs);
    walk.ip = regs[LAB_REG_IP];
    walk.sp = regs[LAB_REG_SP];
    walk.bp = regs[LAB_REG_BP];
    walk.has_regs = walk.full_regs = walk.signal = TRUE;
    walk.user = is_user(regs[LAB_REG_CS]);
    *how = NULL;
    if (walk.user)
        return TRUE;
    add_frame(&walk, walk.ip, walk.sp, TRUE);
    return run(&walk, how);
}

gboolean
lab_stack_unwind_sleeping(LabStackKernel *kernel, const LabStackAreas *areas, guint64 saved_sp,
                          GPtrArray *frames, const char **how)
{
    Walk walk = {.kernel = kernel, .areas = areas, .frames = frames};
    guint64 bp, ret, size, start = 0;

    *how = NULL;
    /* What __switch_to_asm() pushed. */
    if (!kernel->types || !lab_stack_type_size(kernel->types, "inactive_task_frame", &size) ||
        !lab_stack_field(kernel, saved_sp, "inactive_task_frame", "bp", &bp) ||
        !lab_stack_field(kernel, saved_sp, "inactive_task_frame", "ret_addr", &ret))
        return FALSE;
    walk.sp = saved_sp + size;
    walk.bp = bp;
    walk.ip = ret;
    /* A task that never ran is about to return to the begin of this, which calls nothing. */
    walk.signal = (lab_stack_kernel_symbol(kernel, "ret_from_fork_asm", &start) && ret == start) ||
                  (lab_stack_kernel_symbol(kernel, "ret_from_fork", &start) && ret == start);
    if (!add_frame(&walk, walk.signal ? ret : ret - 1, walk.sp - 8, TRUE))
        return FALSE;
    return run(&walk, how);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stacks of a report: where each begins and ends, and what it tells. "Call Trace:" may follow
 * the register line that is its top; it may stop at an interrupt's registers and go on after them;
 * other stacks say where an object came from or who waits for whom.
 */
#include "lab-crash-private.h"

#include <string.h>

/* Lines that are no frames and end a trace when so many stand together. */
#define STRANGERS_MAX 8

typedef struct {
    GPtrArray *stacks;
    LabCrashStack *current; /* or NULL */
    gboolean bare;          /* frames may come without "Call Trace:" */
    gboolean traced;        /* current was announced by "Call Trace:" */
    char label[16];         /* "IRQ", "NMI", "TASK"…, or "" */
    int strangers;          /* lines that are no frames since the last one */
} StackReader;

static void
stack_free(LabCrashStack *stack)
{
    g_ptr_array_unref(stack->frames);
    g_free(stack);
}

static LabCrashStack *
stack_begin(StackReader *reader, LabCrashStackKind kind)
{
    LabCrashStack *stack = g_new0(LabCrashStack, 1);

    stack->frames = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_frame_free);
    stack->kind = kind;
    g_ptr_array_add(reader->stacks, stack);
    reader->current = stack;
    reader->traced = FALSE;
    reader->label[0] = '\0';
    reader->strangers = 0;
    return stack;
}

/* What lines announce a stack that is not where it happened, and of what kind it is. */
static const struct {
    const char *words;
    LabCrashStackKind kind;
} announcements[] = {
    {"llocated by task", LAB_CRASH_STACK_HISTORY},
    {"reed by task", LAB_CRASH_STACK_HISTORY},
    {"Allocated:", LAB_CRASH_STACK_HISTORY},
    {"Freed:", LAB_CRASH_STACK_HISTORY},
    {"Last potentially related work", LAB_CRASH_STACK_HISTORY},
    {"Second to last potentially related", LAB_CRASH_STACK_HISTORY},
    {"Last call_rcu", LAB_CRASH_STACK_HISTORY},
    {"Second to last call_rcu", LAB_CRASH_STACK_HISTORY},
    {"Uninit was stored to memory at", LAB_CRASH_STACK_HISTORY},
    {"Uninit was created at", LAB_CRASH_STACK_ORIGIN},
    {"page last allocated via", LAB_CRASH_STACK_OWNER},
    {"page allocated via", LAB_CRASH_STACK_OWNER},
    {"page last free", LAB_CRASH_STACK_HISTORY},
    {"page has been migrated", LAB_CRASH_STACK_HISTORY},
    {"-safe at:", LAB_CRASH_STACK_SAFE},
    {"-unsafe at:", LAB_CRASH_STACK_CHAIN},
    {"} state was registered at:", LAB_CRASH_STACK_HISTORY},
    {"... acquired at:", LAB_CRASH_STACK_HISTORY},
    {"grace-period kthread stack dump", LAB_CRASH_STACK_BYSTANDER},
    {"Stack dump where RCU GP kthread last ran", LAB_CRASH_STACK_BYSTANDER},
    {"Showing all locks held in the system", LAB_CRASH_STACK_BYSTANDER},
};

static gboolean
read_announcement(StackReader *reader, const char *text)
{
    for (gsize i = 0; i < G_N_ELEMENTS(announcements); i++)
        if (strstr(text, announcements[i].words)) {
            LabCrashStack *stack = stack_begin(reader, announcements[i].kind);

            /* "(stack is not available)" is the depot's word for a stack that was lost. */
            stack->announced = stack->kind == LAB_CRASH_STACK_ORIGIN ||
                               strstr(text, "llocated by task") || strstr(text, "reed by task");
            return TRUE;
        }
    /* "-> #2 (&lock){+.+.}-{3:3}:" of a dependency chain */
    if (g_str_has_prefix(text, "-> #") && g_ascii_isdigit(text[4])) {
        stack_begin(reader, LAB_CRASH_STACK_CHAIN);
        return TRUE;
    }
    return FALSE;
}

/* "<IRQ>", "</IRQ>", "<#DF>", "<<EOE>>", "<EOI>": remembers the name; returns what follows on the
 * line ("" mostly; kernels before 4.9 put the first frame there), or NULL when it was no label. */
static const char *
read_label(StackReader *reader, const char *text)
{
    const char *p = text + strspn(text, " ");
    const char *start = p;
    gsize n;

    if (*p != '<')
        return NULL;
    p += strspn(p, "<#/ ");
    n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    if (n == 0 || n >= sizeof reader->label || p[n] != '>')
        return NULL;
    if (start[1] == '/' || g_str_has_prefix(p, "EOI") || g_str_has_prefix(p, "EOE")) {
        reader->label[0] = '\0';
        if (!g_str_has_prefix(p, "TASK"))
            reader->current->interrupted = TRUE;
    } else {
        memcpy(reader->label, p, n);
        reader->label[n] = '\0';
    }
    p += n;
    return p + strspn(p, "> ");
}

static gboolean
starts_trace(const char *text)
{
    static const char *const words[] = {"all Trace:", "all trace:", "acktrace:"};

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(text, words[i]))
            return TRUE;
    return FALSE;
}

/* Lines that stand between frames of one trace. */
static gboolean
belongs_to_trace(const char *text)
{
    static const char *const starts[] = {"Code:",
                                         "RSP:",
                                         "RAX:",
                                         "RDX:",
                                         "RBP:",
                                         "R10:",
                                         "R13:",
                                         "RIP:",
                                         "ORIG_RAX:",
                                         "FS:",
                                         "CS:",
                                         "CR2:",
                                         "EAX:",
                                         "ESI:",
                                         "DS:",
                                         "DR0:",
                                         "Stack:",
                                         "DR3:",
                                         "PKRU:",
                                         "EFLAGS:",
                                         "RBX:",
                                         "RSI:",
                                         "RDI:",
                                         "R08:",
                                         "R09:",
                                         "R11:",
                                         "R12:",
                                         "CR0:",
                                         "Exception stack(",
                                         "LR is",
                                         "sp :",
                                         "psr:",
                                         "pstate",
                                         "epc :",
                                         "Showing all",
                                         "Workqueue:"};
    const char *p = text + strspn(text, " ");

    if (*p == '\0')
        return TRUE;
    if ((p[0] == 'r' || p[0] == 'x') && g_ascii_isdigit(p[1]) && strchr(p, ':')) /* ARM */
        return TRUE;
    if (strspn(p, "0123456789abcdef") >= 3 && p[strspn(p, "0123456789abcdef")] == ':')
        return TRUE; /* a dump of stack words */
    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++)
        if (g_str_has_prefix(p, starts[i]))
            return TRUE;
    return FALSE;
}

/* Lines that no trace survives: what follows is another task's or another CPU's. */
static gboolean
ends_trace(const char *text)
{
    return strstr(text, "---[ end trace") || strstr(text, "Sending NMI ") ||
           g_str_has_prefix(text, "Kernel Offset:") || g_str_has_prefix(text, "rcu: ") ||
           g_str_has_prefix(text, "task:") ||
           (g_str_has_prefix(text, "CPU: ") && strstr(text, " Comm: "));
}

static void
add_frame(StackReader *reader, LabCrashFrame *frame)
{
    LabCrashStack *stack = reader->current;

    frame->stack = reader->label[0] ? g_strdup(reader->label) : NULL;
    reader->strangers = 0;
    g_ptr_array_add(stack->frames, frame);
    if (reader->traced || stack->announced)
        stack->n_traced++;
}

/* "Call Trace:". A register line before it was the trace's top. */
static void
read_start(StackReader *reader, const char *text)
{
    LabCrashStack *stack = reader->current;
    const char *colon = strchr(text, ':');
    LabCrashFrame *frame;

    if (!stack || reader->traced || !stack->from_pc || stack->frames->len > 2)
        stack = stack_begin(reader, stack && stack->frames->len == 0 &&
                                            stack->kind == LAB_CRASH_STACK_BYSTANDER
                                        ? LAB_CRASH_STACK_BYSTANDER
                                        : LAB_CRASH_STACK_MAIN);
    stack->announced = TRUE;
    reader->traced = TRUE;
    reader->strangers = 0;
    /* "Call Trace: [<ffff…>] f+0x1/0x2" on the same line, as 2.6 to 3.x print it. */
    frame = colon ? lab_crash_frame_parse(colon + 1) : NULL;
    if (frame)
        add_frame(reader, frame);
}

/* "RIP: 0010:f+0x1/0x2": the top of a stack, or what an interrupt interrupted in the midst of one.
 * TRUE when the line was one. */
static gboolean
read_pc(StackReader *reader, const char *text)
{
    gboolean user;
    LabCrashFrame *frame = lab_crash_frame_parse_pc(text, &user);

    if (user && reader->current && reader->current->frames->len) {
        reader->current = NULL;
        return TRUE;
    }
    if (!frame)
        return FALSE;
    if (!reader->current || (!reader->traced && !reader->current->from_pc) ||
        (reader->current->from_pc && !reader->traced && reader->current->frames->len > 1))
        stack_begin(reader, LAB_CRASH_STACK_MAIN)->from_pc = TRUE;
    else if (reader->traced)
        reader->current->interrupted = TRUE;
    add_frame(reader, frame);
    return TRUE;
}

/* crash(8)'s bt: what stands above the first exception frame only reported it. */
static gboolean
read_session_line(StackReader *reader, const char *text)
{
    const char *p = text + strspn(text, " ");
    LabCrashStack *stack = reader->current;
    LabCrashFrame *frame;

    if (*p == 'P' && lab_crash_session_is_task(p)) {
        stack_begin(reader, LAB_CRASH_STACK_MAIN)->session = TRUE;
        return TRUE;
    }
    if (*p == '#' && (frame = lab_crash_session_frame(p))) {
        if (!stack || !stack->session)
            stack = stack_begin(reader, LAB_CRASH_STACK_MAIN);
    } else if (*p == '[' && stack && stack->session && (frame = lab_crash_session_pc(p))) {
        if (!stack->from_pc) {
            stack->kind = LAB_CRASH_STACK_BYSTANDER;
            stack = stack_begin(reader, LAB_CRASH_STACK_MAIN);
            stack->from_pc = TRUE;
        }
    } else {
        return FALSE;
    }
    stack->session = stack->announced = TRUE;
    add_frame(reader, frame);
    return TRUE;
}

static void
read_stack_line(StackReader *reader, const char *text)
{
    const char *after;
    LabCrashFrame *frame;
    LabCrashFrame *caller = NULL;

    if (read_session_line(reader, text))
        return;
    if (strstr(text, "NMI backtrace for cpu")) {
        LabCrashStack *stack = reader->current;

        stack = stack_begin(reader,
                            stack && stack->frames->len == 0 ? stack->kind : LAB_CRASH_STACK_MAIN);
        stack->interrupted = stack->from_pc = TRUE;
        return;
    }
    if (starts_trace(text) && !strstr(text, "stack backtrace:")) {
        read_start(reader, text);
        return;
    }
    if (read_announcement(reader, text))
        return;
    if (reader->current && reader->current->kind != LAB_CRASH_STACK_BYSTANDER && ends_trace(text)) {
        if (reader->traced || reader->current->frames->len)
            reader->current = NULL;
        return;
    }
    while (reader->current && (after = read_label(reader, text))) {
        if (!*after)
            return;
        text = after;
    }
    if (read_pc(reader, text))
        return;
    frame = lab_crash_frame_parse_arm(text, &caller); /* needs no announcement: ARM's unwinder */
    if (!frame && !reader->current && !(reader->bare && reader->stacks->len == 0))
        return;
    if (!frame && !belongs_to_trace(text))
        frame = lab_crash_frame_parse(text);
    if (frame && !reader->current)
        stack_begin(reader, LAB_CRASH_STACK_MAIN);
    if (!reader->current)
        return;
    if (frame && caller && reader->current->frames->len)
        g_clear_pointer(&frame, lab_crash_frame_free); /* the line before named it */
    if (frame)
        add_frame(reader, frame);
    if (caller)
        add_frame(reader, caller);
    if (!frame && !caller && !belongs_to_trace(text) && reader->current->frames->len > 1)
        reader->strangers++;
    if (reader->strangers > STRANGERS_MAX)
        reader->current = NULL;
}

GPtrArray *
lab_crash_stacks_read(const GPtrArray *lines, gboolean bare)
{
    StackReader reader = {
        .bare = bare,
        .stacks = g_ptr_array_new_with_free_func((GDestroyNotify)stack_free),
    };

    for (guint i = 1; i < lines->len; i++)
        read_stack_line(&reader, lines->pdata[i]);
    return reader.stacks;
}

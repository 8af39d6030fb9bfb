/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stack frames: what a line of a call trace names, and the stacks of a report. */
#include "lab-crash-private.h"

#include <string.h>

LabCrashFrame *
lab_crash_frame_new(const char *function, gsize length)
{
    LabCrashFrame *frame = g_new0(LabCrashFrame, 1);

    frame->function = g_strndup(function, length);
    frame->reliable = TRUE;
    lab_crash_function_strip(frame->function);
    return frame;
}

void
lab_crash_frame_free(LabCrashFrame *frame)
{
    if (!frame)
        return;
    g_free(frame->function);
    g_free(frame->module);
    g_free(frame->stack);
    g_free(frame);
}

void
lab_crash_function_strip(char *function)
{
    char *dot = strchr(function + (*function == '.'), '.');

    /* GCC's and LLVM's clones; a dot never stands in a C name. */
    if (dot)
        *dot = '\0';
}

char *
lab_crash_function_plain(const char *function)
{
    static const char *const prefixes[] = {
        "__x64_",       "__ia32_", "__arm64_",  "__s390x_", "__se_compat_sys_",
        "__se_sys_",    "SyS_",    "__do_sys_", "SYSC_",    "compat_SyS_",
        "compat_SYSC_", "ksys_",   "sys_",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(function, prefixes[i]) && function[strlen(prefixes[i])])
            return g_strdup(function + strlen(prefixes[i]));
    return NULL;
}

static gboolean
is_symbol_char(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '.' || c == '$';
}

static const char *
skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* "[<ffffffff81234567>]", "[<        (ptrval)>]", or NULL. */
static const char *
skip_address(const char *p)
{
    const char *end;

    if (p[0] != '[' || p[1] != '<')
        return NULL;
    end = strstr(p, ">]");
    return end && end - p < 32 ? skip_spaces(end + 2) : NULL;
}

/* "+0x12/0x34"; returns what follows or NULL. */
static const char *
skip_offset(const char *p)
{
    if (!g_str_has_prefix(p, "+0x"))
        return NULL;
    for (p += 3; g_ascii_isxdigit(*p); p++)
        ;
    if (!g_str_has_prefix(p, "/0x"))
        return NULL;
    for (p += 3; g_ascii_isxdigit(*p); p++)
        ;
    return p;
}

/* " [module]", " [module BUILDID]", " [module(OE)]"; sets frame->module. */
static void
read_module(const char *p, LabCrashFrame *frame)
{
    const char *end;

    p = skip_spaces(p);
    if (*p != '[')
        return;
    for (end = ++p; g_ascii_isalnum(*end) || *end == '_' || *end == '-'; end++)
        ;
    if (end > p && (*end == ']' || *end == ' ' || *end == '(') &&
        !(end - p == 6 && strncmp(p, "inline", 6) == 0))
        frame->module = g_strndup(p, end - p);
}

/* "symbol+0x1/0x2 [module]"; 'p' at the symbol. */
static LabCrashFrame *
parse_symbol(const char *p)
{
    const char *end = p;
    const char *after;
    LabCrashFrame *frame;

    while (is_symbol_char(*end))
        end++;
    if (end == p || end - p > 200 || g_ascii_isdigit(*p))
        return NULL;
    after = skip_offset(end);
    if (!after)
        return NULL;
    frame = lab_crash_frame_new(p, end - p);
    read_module(after, frame);
    return frame;
}

/* ARM: "(f) from [<…>] (g+0x1/0x2)", "f from g+0x1/0x2": the line's own frame is f. */
static LabCrashFrame *
parse_arm(const char *p)
{
    const char *end;

    if (*p == '(')
        p++;
    for (end = p; is_symbol_char(*end); end++)
        ;
    if (end == p || g_ascii_isdigit(*p))
        return NULL;
    if (!g_str_has_prefix(*end == ')' ? end + 1 : end, " from "))
        return NULL;
    if (!strstr(end, "+0x"))
        return NULL;
    return lab_crash_frame_new(p, end - p);
}

LabCrashFrame *
lab_crash_frame_parse(const char *text)
{
    const char *p = skip_spaces(text);
    gboolean reliable = TRUE;
    const char *after;
    LabCrashFrame *frame;

    for (int i = 0; i < 2 && (after = skip_address(p)); i++)
        p = after;
    if (p[0] == '?' && p[1] == ' ') {
        reliable = FALSE;
        p = skip_spaces(p + 1);
    }
    if (!g_ascii_isalpha(*p) && *p != '_' && *p != '(' && *p != '.')
        return NULL;
    frame = parse_symbol(p);
    if (!frame)
        frame = parse_arm(p);
    if (frame)
        frame->reliable = reliable;
    return frame;
}

LabCrashFrame *
lab_crash_frame_parse_pc(const char *text, gboolean *user)
{
    static const char *const starts[] = {"RIP: 0010:", "RIP: e030:", "EIP: 0060:", "EIP: ", "RIP: ",
                                         "PC is at ",  "pc : ",      "IP: ",       "NIP ["};
    const char *p = skip_spaces(text);
    const char *after;

    *user = g_str_has_prefix(p, "RIP: 0033:");
    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
        if (!g_str_has_prefix(p, starts[i]))
            continue;
        p = skip_spaces(p + strlen(starts[i]));
        if (g_str_has_prefix(p, "0010:") || g_str_has_prefix(p, "0060:"))
            p += 5;
        for (int j = 0; j < 2 && (after = skip_address(p)); j++)
            p = after;
        return parse_symbol(p);
    }
    return NULL;
}

/* --- stacks --- */

typedef struct {
    GPtrArray *stacks;
    LabCrashStack *current; /* or NULL */
    gboolean bare;          /* frames may come without "Call Trace:" */
    gboolean secondary;     /* the next stack is one of an object's history */
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
stack_begin(StackReader *reader, gboolean from_pc)
{
    LabCrashStack *stack = g_new0(LabCrashStack, 1);

    stack->frames = g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_frame_free);
    stack->secondary = reader->secondary;
    stack->from_pc = from_pc;
    g_ptr_array_add(reader->stacks, stack);
    reader->current = stack;
    reader->label[0] = '\0';
    reader->strangers = 0;
    return stack;
}

/* "<IRQ>", "</IRQ>", "<#DF>", "<<EOE>>", "<EOI>": remembers the name; returns what follows on the
 * line ("" mostly; kernels before 4.9 put the first frame there), or NULL when it was no label. */
static const char *
read_label(StackReader *reader, const char *text)
{
    const char *p = skip_spaces(text);
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
    static const char *const words[] = {"Call Trace:", "Call trace:", "acktrace:"};

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(text, words[i]))
            return TRUE;
    return FALSE;
}

/* Stacks that say where an object came from, not where the crash is. */
static gboolean
starts_history(const char *text)
{
    static const char *const words[] = {
        "Allocated by task",
        "Freed by task",
        "Last potentially related work",
        "Second to last",
        "Allocated:",
        "Freed:",
        "Uninit was stored",
        "Uninit was created",
        "the existing dependency chain",
        "which lock already depends",
        "grace-period kthread stack dump",
        "page last allocated",
        "page last free",
        "Last call_rcu",
        "allocated by task",
        "freed by task",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(text, words[i]))
            return TRUE;
    return FALSE;
}

/* Lines that stand between frames of one trace. */
static gboolean
belongs_to_trace(const char *text)
{
    static const char *const starts[] = {
        "Code:", "RSP:", "RAX:", "RDX:", "RBP:", "R10:",   "R13:", "RIP:", "ORIG_RAX:", "FS:",
        "CS:",   "CR2:", "EAX:", "ESI:", "DS:",  "Stack:", "DR0:", "DR3:", "PKRU:"};
    const char *p = skip_spaces(text);

    if (*p == '\0')
        return TRUE;
    if ((p[0] == 'r' || p[0] == 'x') && g_ascii_isdigit(p[1]) && strchr(p, ':')) /* ARM */
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++)
        if (g_str_has_prefix(p, starts[i]))
            return TRUE;
    return FALSE;
}

static void
add_frame(StackReader *reader, LabCrashFrame *frame)
{
    frame->stack = reader->label[0] ? g_strdup(reader->label) : NULL;
    reader->strangers = 0;
    g_ptr_array_add(reader->current->frames, frame);
}

static void
read_stack_line(StackReader *reader, const char *text)
{
    gboolean user;
    const char *after;
    LabCrashFrame *frame;

    if (strstr(text, "NMI backtrace for cpu")) {
        reader->secondary = FALSE;
        stack_begin(reader, FALSE);
        return;
    }
    if (starts_history(text)) {
        reader->secondary = TRUE;
        stack_begin(reader, FALSE);
        return;
    }
    if (starts_trace(text)) {
        reader->secondary = FALSE;
        /* A register line before the trace is the trace's top. */
        if (!reader->current || !reader->current->from_pc || reader->current->frames->len > 1)
            stack_begin(reader, FALSE);
        reader->strangers = 0;
        /* "Call Trace: [<ffff…>] f+0x1/0x2" on the same line, as 2.6 to 3.x print it. */
        frame = strstr(text, ":") ? lab_crash_frame_parse(strchr(text, ':') + 1) : NULL;
        if (frame)
            add_frame(reader, frame);
        return;
    }
    while (reader->current && (after = read_label(reader, text))) {
        if (!*after)
            return;
        text = after;
    }
    frame = lab_crash_frame_parse_pc(text, &user);
    if (user && reader->current && reader->current->frames->len) {
        reader->current = NULL;
        return;
    }
    if (frame) {
        if (!reader->current || reader->strangers > 2) {
            reader->secondary = FALSE;
            stack_begin(reader, TRUE);
        }
        add_frame(reader, frame);
        return;
    }
    if (!reader->current && !(reader->bare && reader->stacks->len == 0))
        return;
    frame = lab_crash_frame_parse(text);
    if (frame && !reader->current)
        stack_begin(reader, FALSE);
    if (!reader->current)
        return;
    if (frame)
        add_frame(reader, frame);
    else if (!belongs_to_trace(text) && reader->current->frames->len > 1)
        reader->strangers++;
    if (reader->strangers > 8 && !reader->current->from_pc)
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

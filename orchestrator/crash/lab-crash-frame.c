/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stack frames: what a line of a call trace or of registers names. */
#include "lab-crash-private.h"

#include <string.h>

LabCrashFrame *
lab_crash_frame_new(const char *function, gsize length)
{
    LabCrashFrame *frame = g_new0(LabCrashFrame, 1);

    frame->function = lab_crash_function_name(function, length);
    frame->reliable = TRUE;
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
    g_free(frame->source);
    g_free(frame);
}

char *
lab_crash_function_name(const char *symbol, gsize length)
{
    char *name = g_strndup(symbol, length);
    char *dot = strchr(name + (*name == '.'), '.');
    char *plain;

    /* GCC's and LLVM's clones; a dot never stands in a C name. */
    if (dot)
        *dot = '\0';
    plain = lab_crash_demangle(name);
    if (plain) {
        g_free(name);
        return plain;
    }
    return name;
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

/* "[<ffffffff81234567>]", "[<        (ptrval)>]", POWER's "[c000000001234567]", the "[]" that a web
 * page leaves of it, i386's "<c0123456>" up to 2.6.17; or NULL. */
static const char *
skip_address(const char *p)
{
    const char *end;

    if (p[0] == '<') {
        end = p + 1 + strspn(p + 1, "0123456789abcdef");
        return end - p == 9 && g_str_has_prefix(end, "> ") ? skip_spaces(end + 1) : NULL;
    }
    if (p[0] != '[')
        return NULL;
    if (p[1] == ']')
        return skip_spaces(p + 2);
    if (p[1] != '<') {
        end = p + 1 + strspn(p + 1, "0123456789abcdef");
        return end - p >= 9 && *end == ']' ? skip_spaces(end + 1) : NULL;
    }
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

/* "fs/foo.c:12" at 'p'; g_free, or NULL. */
static char *
source_at(const char *p)
{
    gsize name = strcspn(p, ": ()");
    gsize digits = p[name] == ':' ? strspn(p + name + 1, "0123456789") : 0;

    return digits && memchr(p, '.', name) ? g_strndup(p, name + 1 + digits) : NULL;
}

/* " (fs/foo.c:12 (discriminator 3)) ", which scripts/decode_stacktrace.sh puts in the offset's
 * place; returns what follows or NULL. */
static const char *
skip_source(const char *p)
{
    g_autofree char *source = p[0] == ' ' && p[1] == '(' ? source_at(p + 2) : NULL;
    const char *end = source ? strrchr(p, ')') : NULL;

    if (!source)
        return NULL;
    return end ? end + 1 : p + strlen(p); /* the line may be cut there */
}

/* "symbol+0x1/0x2 [module]", ":module:symbol+0x1/0x2" up to 2.6.19; 'p' at the symbol. */
static LabCrashFrame *
parse_symbol(const char *p)
{
    const char *end;
    const char *after;
    const char *module = *p == ':' ? p + 1 : NULL;
    LabCrashFrame *frame;

    if (module) {
        p = module + strcspn(module, ": ");
        if (*p != ':')
            return NULL;
        p++;
    }
    end = p;
    while (is_symbol_char(*end))
        end++;
    if (end == p || end - p > 512 || g_ascii_isdigit(*p))
        return NULL;
    after = skip_offset(end);
    if (!after && !(after = skip_source(end)))
        return NULL;
    frame = lab_crash_frame_new(p, end - p);
    /* "f (fs/foo.c:12)", or "f+0x1/0x2 fs/foo.c:12" as syzkaller's reports have it. */
    frame->source = source_at(*end == ' ' ? end + 2 : skip_spaces(after));
    read_module(after, frame);
    if (module && !frame->module)
        frame->module = g_strndup(module, p - 1 - module);
    return frame;
}

LabCrashFrame *
lab_crash_frame_parse_arm(const char *text, LabCrashFrame **caller)
{
    const char *p = skip_spaces(text);
    const char *end;
    const char *after;

    *caller = NULL;
    if ((after = skip_address(p)))
        p = after;
    if (*p == '(')
        p++;
    for (end = p; is_symbol_char(*end); end++)
        ;
    if (end == p || g_ascii_isdigit(*p))
        return NULL;
    if (!(after = skip_offset(end))) /* "(f+0x0/0x8) from" up to 3.12 */
        after = end;
    if (g_str_has_prefix(after, " [")) {
        after += strcspn(after, "]");
        after += *after == ']';
    }
    after += *after == ')';
    if (!g_str_has_prefix(after, " from "))
        return NULL;
    after += strlen(" from ");
    if (g_str_has_prefix(after, "[<") && (after = skip_address(after)) && *after == '(')
        after++;
    if (after && strstr(after, "[inline]")) /* the line with the offset follows */
        return NULL;
    *caller = after ? parse_symbol(after) : NULL;
    return *caller ? lab_crash_frame_new(p, end - p) : NULL;
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
    if (!g_ascii_isalpha(*p) && *p != '_' && *p != '.' && *p != ':')
        return NULL;
    frame = parse_symbol(p);
    if (!frame)
        return lab_crash_loose_frame(text);
    frame->reliable = reliable;
    return frame;
}

LabCrashFrame *
lab_crash_frame_parse_pc(const char *text, gboolean *user)
{
    static const char *const starts[] = {
        "RIP: 0010:", "RIP: e030:", "EIP: 0060:", "EIP: ",  "RIP: ",  "PC is at ",
        "pc : ",      "IP: ",       "NIP ",       "epc : ", "TPC: <", /* SPARC */
        "EIP is at "};
    const char *p = skip_spaces(text);
    const char *after;

    *user = g_str_has_prefix(p, "RIP: 0033:");
    if (g_str_has_prefix(p, "epc   : ")) { /* MIPS: "epc   : 8003ab3c f+0x4/0xc" */
        p += strlen("epc   : ");
        p += strspn(p, "0123456789abcdef");
        return *p == ' ' ? parse_symbol(p + 1) : NULL;
    }
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

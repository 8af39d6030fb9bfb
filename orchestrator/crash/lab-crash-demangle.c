/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rust's symbols (v0 scheme, RFC 2603 "Rust Symbol Mangling v0") as their source writes them, and
 * the plain names of C++'s. Written for hostile names: output, depth and steps are bounded, and
 * what is not understood stays as it is.
 */
#include "lab-crash-private.h"

#include <string.h>

#define OUTPUT_MAX 400
#define DEPTH_MAX  48
#define STEPS_MAX  2000

typedef struct {
    const char *start; /* after "_R": what backrefs count from */
    const char *p;
    GString *out;
    guint depth, steps;
    gboolean quiet; /* parse, print nothing */
    gboolean bad;
} Reader;

static void print_type(Reader *r);
static void print_path(Reader *r, gboolean in_value);

static void
put(Reader *r, const char *text, gsize length)
{
    if (r->quiet || r->bad)
        return;
    if (r->out->len + length > OUTPUT_MAX)
        r->bad = TRUE;
    else
        g_string_append_len(r->out, text, (gssize)length);
}

static void
puts_(Reader *r, const char *text)
{
    put(r, text, strlen(text));
}

static gboolean
take(Reader *r, char c)
{
    if (*r->p != c)
        return FALSE;
    r->p++;
    return TRUE;
}

/* "_" is 0, "0_" 1, "Z_" 62. */
static guint64
take_base62(Reader *r)
{
    guint64 value = 0;
    guint digits = 0;

    if (take(r, '_'))
        return 0;
    for (; g_ascii_isalnum(*r->p) && digits < 11; r->p++, digits++)
        value = value * 62 + (guint64)(g_ascii_isdigit(*r->p)   ? *r->p - '0'
                                       : g_ascii_islower(*r->p) ? *r->p - 'a' + 10
                                                                : *r->p - 'A' + 36);
    r->bad |= !take(r, '_');
    return value + 1;
}

/* [disambiguator] ["u"] decimal ["_"] bytes. Returns the disambiguator; *name is not terminated. */
static guint64
take_identifier(Reader *r, const char **name, gsize *length)
{
    guint64 number = take(r, 's') ? take_base62(r) + 1 : 0;
    gsize n = 0;

    take(r, 'u');
    for (; g_ascii_isdigit(*r->p) && n < OUTPUT_MAX; r->p++)
        n = n * 10 + (gsize)(*r->p - '0');
    take(r, '_');
    r->bad |= n > strlen(r->p);
    *name = r->p;
    *length = r->bad ? 0 : n;
    r->p += *length;
    return number;
}

static gboolean
enter(Reader *r)
{
    if (r->bad || ++r->depth > DEPTH_MAX || ++r->steps > STEPS_MAX)
        r->bad = TRUE;
    return !r->bad;
}

/* What a backref points to is printed by 'print'; when nothing is printed it need not be read. */
static void
follow(Reader *r, void (*print)(Reader *r, gboolean flag), gboolean flag)
{
    guint64 at = take_base62(r);
    const char *back = r->p;

    if (r->bad || r->quiet)
        return;
    if (at >= (guint64)(back - r->start)) {
        r->bad = TRUE;
        return;
    }
    r->p = r->start + at;
    print(r, flag);
    r->p = back;
}

static void
print_type_flag(Reader *r, gboolean flag)
{
    print_type(r);
}

static void
print_const(Reader *r)
{
    const char *digits;

    if (take(r, 'p')) {
        puts_(r, "_");
        return;
    }
    if (take(r, 'B')) {
        take_base62(r);
        puts_(r, "_");
        return;
    }
    r->p += *r->p != '\0'; /* its type */
    if (take(r, 'n'))
        puts_(r, "-");
    for (digits = r->p; g_ascii_isxdigit(*r->p); r->p++)
        ;
    puts_(r, "0x");
    put(r, digits, (gsize)(r->p - digits));
    r->bad |= !take(r, '_');
}

static void
print_generics(Reader *r)
{
    for (guint i = 0; !r->bad && *r->p && *r->p != 'E'; i++) {
        if (i)
            puts_(r, ", ");
        if (take(r, 'L'))
            take_base62(r), puts_(r, "'_");
        else if (take(r, 'K'))
            print_const(r);
        else
            print_type(r);
    }
    r->bad |= !take(r, 'E');
}

/* "N" namespace path identifier: closures and shims are upper case. */
static void
print_nested(Reader *r, gboolean in_value)
{
    char space = *r->p;
    const char *name;
    gsize length;
    guint64 number;

    r->p += space != '\0';
    print_path(r, in_value);
    number = take_identifier(r, &name, &length);
    if (g_ascii_isupper(space)) {
        g_autofree char *text = g_strdup_printf("::{%s%s%.*s#%" G_GUINT64_FORMAT "}",
                                                space == 'C'   ? "closure"
                                                : space == 'S' ? "shim"
                                                               : "item",
                                                length ? ":" : "", (int)length, name, number);

        puts_(r, text);
    } else if (length) {
        puts_(r, "::");
        put(r, name, length);
    }
}

/* "<T>", "<T as Trait>"; the path of the impl itself is not shown. */
static void
print_impl(Reader *r, char kind)
{
    gboolean quiet = r->quiet;

    if (kind != 'Y') {
        if (take(r, 's'))
            take_base62(r);
        r->quiet = TRUE;
        print_path(r, FALSE);
        r->quiet = quiet;
    }
    puts_(r, "<");
    print_type(r);
    if (kind != 'M') {
        puts_(r, " as ");
        print_path(r, FALSE);
    }
    puts_(r, ">");
}

static void
print_path(Reader *r, gboolean in_value)
{
    const char *name;
    gsize length;
    char c = *r->p;

    if (!enter(r))
        return;
    r->p += c != '\0';
    switch (c) {
    case 'C':
        take_identifier(r, &name, &length);
        put(r, name, length);
        break;
    case 'N':
        print_nested(r, in_value);
        break;
    case 'M':
    case 'X':
    case 'Y':
        print_impl(r, c);
        break;
    case 'I':
        print_path(r, in_value);
        puts_(r, in_value ? "::<" : "<");
        print_generics(r);
        puts_(r, ">");
        break;
    case 'B':
        follow(r, print_path, in_value);
        break;
    default:
        r->bad = TRUE;
    }
    r->depth--;
}

static const char *
basic_type(char c)
{
    static const char *const names[26] = {
        "i8",    "bool", "char", "f64", "str",  "f32",  NULL,  "u8", "isize",
        "usize", NULL,   "i32",  "u32", "i128", "u128", "_",   NULL, NULL,
        "i16",   "u16",  "()",   "...", NULL,   "i64",  "u64", "!",
    };

    return g_ascii_islower(c) ? names[c - 'a'] : NULL;
}

static void
print_function_type(Reader *r)
{
    if (take(r, 'G'))
        take_base62(r);
    if (take(r, 'U'))
        puts_(r, "unsafe ");
    if (take(r, 'K') && !take(r, 'C')) {
        const char *name;
        gsize length;

        take_identifier(r, &name, &length);
    }
    puts_(r, "fn(");
    print_generics(r);
    puts_(r, ")");
    if (!take(r, 'u')) {
        puts_(r, " -> ");
        print_type(r);
    }
}

static void
print_dyn(Reader *r)
{
    if (take(r, 'G'))
        take_base62(r);
    puts_(r, "dyn ");
    for (guint i = 0; !r->bad && *r->p && *r->p != 'E'; i++) {
        if (i)
            puts_(r, " + ");
        print_path(r, FALSE);
        while (!r->bad && take(r, 'p')) {
            const char *name;
            gsize length;
            gboolean quiet = r->quiet;

            take_identifier(r, &name, &length);
            r->quiet = TRUE;
            print_type(r);
            r->quiet = quiet;
        }
    }
    r->bad |= !take(r, 'E');
    if (take(r, 'L'))
        take_base62(r);
}

static void
print_type(Reader *r)
{
    char c = *r->p;
    const char *basic = basic_type(c);

    if (!enter(r))
        return;
    r->p += c != '\0';
    if (basic) {
        puts_(r, basic);
    } else if (c == 'R' || c == 'Q') {
        if (take(r, 'L'))
            take_base62(r);
        puts_(r, c == 'R' ? "&" : "&mut ");
        print_type(r);
    } else if (c == 'P' || c == 'O') {
        puts_(r, c == 'P' ? "*const " : "*mut ");
        print_type(r);
    } else if (c == 'A' || c == 'S') {
        puts_(r, "[");
        print_type(r);
        if (c == 'A') {
            puts_(r, "; ");
            print_const(r);
        }
        puts_(r, "]");
    } else if (c == 'T') {
        puts_(r, "(");
        print_generics(r);
        puts_(r, ")");
    } else if (c == 'F') {
        print_function_type(r);
    } else if (c == 'D') {
        print_dyn(r);
    } else if (c == 'B') {
        follow(r, print_type_flag, FALSE);
    } else {
        r->p--;
        print_path(r, FALSE);
    }
    r->depth--;
}

static char *
demangle_rust(const char *symbol)
{
    g_autoptr(GString) out = g_string_new(NULL);
    Reader reader = {.start = symbol + 2, .p = symbol + 2, .out = out};

    print_path(&reader, TRUE);
    if (reader.bad || out->len == 0)
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* "_Z3fooii": foo; "_ZN3foo3barEv": foo::bar; the hash of Rust's old scheme is left out. */
static char *
demangle_cxx(const char *symbol)
{
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean nested = symbol[2] == 'N';
    Reader reader = {.p = symbol + 2 + nested, .out = out};
    const char *name;
    gsize length;

    do {
        if (!g_ascii_isdigit(*reader.p))
            return NULL;
        take_identifier(&reader, &name, &length);
        if (reader.bad || length == 0)
            return NULL;
        if (length == 17 && name[0] == 'h' && *reader.p == 'E' && out->len)
            break;
        if (out->len)
            puts_(&reader, "::");
        put(&reader, name, length);
    } while (nested && *reader.p && *reader.p != 'E');
    return out->len ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

char *
lab_crash_demangle(const char *symbol)
{
    if (g_str_has_prefix(symbol, "_R") && strchr("CMXYNIB", symbol[2]) && symbol[2])
        return demangle_rust(symbol);
    if (g_str_has_prefix(symbol, "_Z"))
        return demangle_cxx(symbol);
    return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, frames and releases in text that OCR, a word processor or a wiki damaged. */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-crash-known.h"

/* Longest name taken, and most blanks mended in one: prose is longer. */
#define NAME_MAX_BYTES  96
#define NAME_MAX_BLANKS 9

/* Marks that markdown and OCR put where '_' stood. */
static gboolean
stands_for_underscore(char c)
{
    return c == ' ' || c == '-' || c == '~';
}

char *
lab_crash_loose_name(const char *text, gsize length)
{
    g_autoptr(GString) name = g_string_new(NULL);
    guint blanks = 0;

    while (length && *text == ' ')
        text++, length--;
    while (length && text[length - 1] == ' ')
        length--;
    if (length == 0 || length > NAME_MAX_BYTES)
        return NULL;
    for (gsize i = 0; i < length; i++) {
        char c = text[i];

        if (g_ascii_isalnum(c) || c == '_' || c == '.') {
            g_string_append_c(name, c);
        } else if (c == '\\' && i + 1 < length && text[i + 1] == '_') {
            continue; /* markdown's "\_" */
        } else if (stands_for_underscore(c)) {
            if (i && stands_for_underscore(text[i - 1]))
                continue;
            if (++blanks > NAME_MAX_BLANKS)
                return NULL;
            if (name->len && name->str[name->len - 1] != '_')
                g_string_append_c(name, '_');
        } else {
            return NULL;
        }
    }
    if (!g_ascii_isalpha(name->str[0]) && name->str[0] != '_')
        return NULL;
    return g_string_free(g_steal_pointer(&name), FALSE);
}

static gboolean
is_loose_hex(char c)
{
    return g_ascii_isxdigit(c) || (c && strchr("oOlISs", c));
}

/* "0x1bO", "ox1b0"; returns what follows or NULL. */
static const char *
skip_loose_hex(const char *p)
{
    const char *digits;

    if ((*p != '0' && *p != 'o' && *p != 'O') || (p[1] != 'x' && p[1] != 'X'))
        return NULL;
    for (digits = p += 2; is_loose_hex(*p) && p - digits < 8; p++)
        ;
    return p > digits ? p : NULL;
}

/* The module in "[mlx5 core]", or NULL; g_free. */
static char *
loose_module(const char *p)
{
    const char *end;

    while (*p == ' ')
        p++;
    if (*p != '[' && *p != '(')
        return NULL;
    /* arm64 from 6.13 on says in "(C)", "(P)", "(FK)" how it found the frame. */
    if (*p == '(' && p[1 + strspn(p + 1, "CPTFKLU")] == ')')
        return NULL;
    end = strpbrk(p, "])(+");
    if (end == p)
        end = strpbrk(p + 1, "])(+");
    return end && end - p < 64 ? lab_crash_loose_name(p + 1, end - p - 1) : NULL;
}

LabCrashFrame *
lab_crash_loose_frame(const char *text)
{
    const char *p = text + strspn(text, " ");
    const char *plus, *end;
    gboolean reliable = TRUE;
    g_autofree char *name = NULL;
    LabCrashFrame *frame;

    /* Addresses and time stamps before it, with or without all of their brackets. */
    while ((*p == '[' || *p == '<') && (end = strpbrk(p, "]>")) && end - p < 40)
        p = end + strspn(end, "]> ");
    if (p[0] == '?' && p[1] == ' ') {
        reliable = FALSE;
        p += 2;
    }
    plus = strchr(p, '+');
    if (!plus || g_str_has_prefix(p, "PC is at ") || g_str_has_prefix(p, "LR is at "))
        return NULL;
    end = skip_loose_hex(plus + 1 + strspn(plus + 1, " "));
    if (!end || !*end || !(end = skip_loose_hex(end + 1 + strspn(end + 1, " "))))
        return NULL;
    if (*end && *end != ' ' && *end != '[')
        return NULL;
    name = lab_crash_loose_name(p, plus - p);
    if (!name)
        return NULL;
    frame = lab_crash_frame_new(name, strlen(name));
    frame->reliable = reliable;
    frame->module = loose_module(end);
    return frame;
}

void
lab_crash_loose_release(char *release)
{
    g_strstrip(release);
    for (char *p = strchr(release, ' '); p; p = strchr(p, ' ')) {
        const char *after = p + strspn(p, " ");

        *p = p - release >= 3 && memcmp(p - 3, "x86", 3) == 0 ? '_' : '.';
        memmove(p + 1, after, strlen(after) + 1);
    }
}

/* --- spelling --- */

/* Bit b of row a: may a be read as b? Filled once, for every letter of every line asks. */
static const guint64 (*confusions(void))[2]
{
    static const char *const groups[] = {"0oODQ", "1lI|i!tj", "5sS",    "8B",   "2zZ", "qg9",
                                         "6b",    "ceoCG(",   "uvy",    "nhrm", "tf",  "aoq",
                                         "fF",    "#H",       "_- .,~", ":;.,"};
    static guint64 bits[128][2];
    static gsize once;

    if (g_once_init_enter(&once)) {
        for (int c = 'a'; c <= 'z'; c++) {
            int upper = c - 'a' + 'A';

            bits[c][upper / 64] |= G_GUINT64_CONSTANT(1) << (upper % 64);
            bits[upper][c / 64] |= G_GUINT64_CONSTANT(1) << (c % 64);
        }
        for (gsize i = 0; i < G_N_ELEMENTS(groups); i++)
            for (const char *a = groups[i]; *a; a++)
                for (const char *b = groups[i]; *b; b++)
                    bits[(int)*a][*b / 64] |= G_GUINT64_CONSTANT(1) << (*b % 64);
        g_once_init_leave(&once, 1);
    }
    return (const guint64(*)[2])bits;
}

gboolean
lab_crash_loose_confused(char a, char b)
{
    if (a == b)
        return TRUE;
    if ((guchar)a >= 128 || (guchar)b >= 128)
        return FALSE;
    return (confusions()[(int)a][b / 64] >> (b % 64)) & 1;
}

/* Of one length, and different only in a few letters that OCR confuses? */
static gboolean
looks_like(const char *name, const char *known)
{
    guint different = 0;

    for (; *name && *known; name++, known++) {
        if (*name == *known)
            continue;
        if (!lab_crash_loose_confused(*name, *known) || ++different > 3)
            return FALSE;
    }
    return *name == *known;
}

/* One letter more or fewer, in the midst of a long name; at its ends names really differ so
 * ("vfs_read", "vfs_readv"; "schedule", "__schedule"), and so they do by another letter ("get",
 * "set"). */
static gboolean
is_one_off(const char *name, const char *known)
{
    gsize n = strlen(name), k = strlen(known), same = 0, same_end = 0;

    if (n < 8 || k < 8 || (n != k + 1 && k != n + 1))
        return FALSE;
    while (name[same] && name[same] == known[same])
        same++;
    while (same_end < MIN(n, k) - same && name[n - 1 - same_end] == known[k - 1 - same_end])
        same_end++;
    return same >= 2 && same_end >= 2 && same + same_end + 1 >= MAX(n, k);
}

/* "al1oc": no function has these digits between small letters, but for the ARM's "el1h". */
static void
mend_digits(char *function)
{
    for (char *p = function + 1; *function && p[0] && p[1]; p++)
        if ((*p == '0' || *p == '1') && g_ascii_islower(p[-1]) && g_ascii_islower(p[1]) &&
            strncmp(function, "el", 2) != 0)
            *p = *p == '0' ? 'o' : 'l';
}

/* How near a known name is: 1 letters confused, 2 one letter off, 3 another name. */
static guint
distance(const char *name, const char *known)
{
    if (looks_like(name, known))
        return 1;
    return is_one_off(name, known) ? 2 : 3;
}

/* Both tables of names, once, by length; and as a set. */
typedef struct {
    GPtrArray *of_length[NAME_MAX_BYTES + 2];
    GHashTable *set;
} Names;

static void
add_name(Names *names, const char *name)
{
    gsize length = strlen(name);

    if (length > NAME_MAX_BYTES || !g_hash_table_add(names->set, (gpointer)name))
        return;
    if (!names->of_length[length])
        names->of_length[length] = g_ptr_array_new();
    g_ptr_array_add(names->of_length[length], (gpointer)name);
}

static const Names *
known_names(void)
{
    static Names *names;
    static gsize once;

    if (g_once_init_enter(&once)) {
        names = g_new0(Names, 1);
        names->set = g_hash_table_new(g_str_hash, g_str_equal);
        for (gsize i = 0; lab_crash_usual_functions[i]; i++)
            add_name(names, lab_crash_usual_functions[i]);
        for (gsize i = 0; i < lab_crash_n_known_functions; i++)
            add_name(names, lab_crash_known_functions[i].function);
        g_once_init_leave(&once, 1);
    }
    return names;
}

char *
lab_crash_loose_spell(const char *function)
{
    const Names *names = known_names();
    gsize length = strlen(function);
    const char *found = NULL;
    guint least = 3;
    char *mended;

    if (length > NAME_MAX_BYTES || g_hash_table_contains(names->set, function))
        return g_strdup(function);
    for (gsize n = length ? length - 1 : 0; n <= length + 1; n++) {
        const GPtrArray *list = names->of_length[n];

        for (guint i = 0; list && i < list->len; i++) {
            guint d = distance(function, list->pdata[i]);

            if (d < least) {
                least = d;
                found = list->pdata[i];
            }
        }
    }
    if (found)
        return g_strdup(found);
    mended = g_strdup(function);
    mend_digits(mended);
    return mended;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stack-symbols.h"

#include <string.h>

#include "lab-error.h"

#define SYMBOLS_MAX  (1u << 20)
#define NAME_BYTES   1024u /* KSYM_NAME_LEN is 512 */
#define EXPANDED_MAX (128u << 20)
#define TABLE_MAX    (64u << 10)
#define NOT_SEEN     NULL
#define MARK         64u /* symbols from one mark to the next */
#define NAMES_CHUNK  (256u << 10)
#define NAMES_MAX    (32u << 20)

struct LabStackSymbols {
    guint n;
    guint64 *addresses; /* of each */
    GByteArray *names;
    guint32 *marks; /* where in 'names' each MARKth symbol begins */
    guint8 *tokens;
    gsize tokens_length; /* the last byte is NUL */
    guint16 index[256];
    GHashTable *wanted; /* name (not owned) -> index; of those that were asked for */
};

gboolean
lab_stack_kallsyms_named(const LabStackMemory *memory, LabStackKallsyms *where)
{
    *where = (LabStackKallsyms){0};
    if (!lab_stack_info(memory, "SYMBOL(kallsyms_relative_base)", &where->relative_base))
        where->relative_base = 0;
    return lab_stack_info(memory, "SYMBOL(kallsyms_names)", &where->names) &&
           lab_stack_info(memory, "SYMBOL(kallsyms_num_syms)", &where->n_symbols) &&
           lab_stack_info(memory, "SYMBOL(kallsyms_token_table)", &where->token_table) &&
           lab_stack_info(memory, "SYMBOL(kallsyms_token_index)", &where->token_index) &&
           lab_stack_info(memory, "SYMBOL(kallsyms_offsets)", &where->offsets) &&
           lab_stack_info(memory, "SYMBOL(_stext)", &where->stext);
}

void
lab_stack_symbols_free(LabStackSymbols *symbols)
{
    if (!symbols)
        return;
    g_free(symbols->addresses);
    g_clear_pointer(&symbols->names, g_byte_array_unref);
    g_free(symbols->marks);
    g_free(symbols->tokens);
    g_clear_pointer(&symbols->wanted, g_hash_table_unref);
    g_free(symbols);
}

static gboolean
load_tokens(LabStackSymbols *symbols, LabStackMemory *memory, const LabStackKallsyms *where)
{
    gsize length = 0;
    char token[256];

    for (guint i = 0; i < 256; i++) {
        guint64 offset;

        if (!lab_stack_number(memory, where->token_index + 2 * i, 2, &offset))
            return FALSE;
        symbols->index[i] = (guint16)offset;
        length = MAX(length, (gsize)offset);
    }
    for (gsize i = 0;; i++) {
        if (i == sizeof token ||
            !lab_stack_read(memory, where->token_table + length + i, token + i, 1))
            return FALSE;
        if (token[i] == '\0') {
            length += i + 1;
            break;
        }
    }
    if (length > TABLE_MAX)
        return FALSE;
    symbols->tokens = lab_stack_table(memory, where->token_table, length);
    symbols->tokens_length = length;
    return symbols->tokens != NULL;
}

/* Makes 'names' hold at least 'length' bytes of the kernel's table. */
static gboolean
have_names(LabStackSymbols *symbols, LabStackMemory *memory, guint64 names, gsize length)
{
    while (symbols->names->len < length) {
        guint have = symbols->names->len;
        gsize part = NAMES_CHUNK;
        g_autofree guint8 *more = NULL;

        if (length > NAMES_MAX)
            return FALSE;
        more = lab_stack_table(memory, names + have, part);
        if (!more) { /* the end of the section may lie inside of the chunk */
            part = length - have;
            more = lab_stack_table(memory, names + have, part);
        }
        if (!more)
            return FALSE;
        g_byte_array_append(symbols->names, more, (guint)part);
    }
    return TRUE;
}

/* Steps over one symbol's name: where its bytes begin and how many they are. */
static gboolean
name_bytes(const LabStackSymbols *symbols, gsize *at, gsize *begin, gsize *length)
{
    const guint8 *names = symbols->names->data;
    gsize size = symbols->names->len;

    if (*at >= size)
        return FALSE;
    *length = names[*at];
    *begin = *at + 1;
    if (*length & 0x80) {
        if (*begin >= size)
            return FALSE;
        *length = (*length & 0x7f) | (gsize)names[*begin] << 7;
        *begin += 1;
    }
    if (*length > size - *begin)
        return FALSE;
    *at = *begin + *length;
    return TRUE;
}

/* The name with its type first; cut at the size of 'text'. */
static gsize
expand(const LabStackSymbols *symbols, gsize begin, gsize length, char *text, gsize size)
{
    gsize used = 0;

    for (gsize i = 0; i < length && used + 1 < size; i++) {
        const guint8 *token = symbols->tokens + symbols->index[symbols->names->data[begin + i]];

        while (*token && used + 1 < size)
            text[used++] = (char)*token++;
    }
    text[used] = '\0';
    return used;
}

static gboolean
walk_names(LabStackSymbols *symbols, LabStackMemory *memory, guint64 names, guint *stext)
{
    gsize at = 0, begin, length, expanded = 0;
    char text[NAME_BYTES];
    gpointer name;

    *stext = G_MAXUINT;
    symbols->names = g_byte_array_new();
    for (guint i = 0; i < symbols->n; i++) {
        /* Two bytes of length, and what they say. */
        if (!have_names(symbols, memory, names, at + 1))
            return FALSE;
        if (symbols->names->data[at] & 0x80 && !have_names(symbols, memory, names, at + 2))
            return FALSE;
        length = symbols->names->data[at] & 0x80 ? 2 + ((symbols->names->data[at] & 0x7fu) |
                                                        (gsize)symbols->names->data[at + 1] << 7)
                                                 : 1u + symbols->names->data[at];
        if (!have_names(symbols, memory, names, at + length))
            return FALSE;
        if (i % MARK == 0)
            symbols->marks[i / MARK] = (guint32)at;
        if (!name_bytes(symbols, &at, &begin, &length))
            return FALSE;
        expanded += expand(symbols, begin, length, text, sizeof text) + length;
        if (text[0] == '\0' || expanded > EXPANDED_MAX)
            return FALSE;
        if (strcmp(text + 1, "_stext") == 0 && *stext == G_MAXUINT)
            *stext = i;
        /* The first of a name counts. */
        if (g_hash_table_lookup_extended(symbols->wanted, text + 1, &name, NULL) &&
            g_hash_table_lookup(symbols->wanted, name) == NOT_SEEN)
            g_hash_table_insert(symbols->wanted, name, GUINT_TO_POINTER(i + 1));
    }
    return TRUE;
}

/* The ways in which the kernel has written addresses: kallsyms_sym_address() of
 * kernel/kallsyms.c. */
enum {
    WAY_ABSOLUTE_PERCPU, /* x86-64 SMP before 6.15: not negative is a per-CPU offset */
    WAY_RELATIVE,        /* unsigned, from the base */
    WAY_PLACE,           /* from the entry itself, where there is no base */
    WAYS,
};

static guint64
decode(guint way, guint32 raw, guint64 base, guint64 place)
{
    switch (way) {
    case WAY_ABSOLUTE_PERCPU:
        return (gint32)raw >= 0 ? raw : base - 1 - (guint64)(gint64)(gint32)raw;
    case WAY_RELATIVE:
        return base + raw;
    default:
        return place + (guint64)(gint64)(gint32)raw;
    }
}

static guint32
raw_at(const guint8 *raw, guint i)
{
    return (guint32)raw[4 * i] | (guint32)raw[4 * i + 1] << 8 | (guint32)raw[4 * i + 2] << 16 |
           (guint32)raw[4 * i + 3] << 24;
}

static gboolean
load_offsets(LabStackSymbols *symbols, LabStackMemory *memory, const LabStackKallsyms *where,
             guint stext)
{
    g_autofree guint8 *raw = lab_stack_table(memory, where->offsets, 4 * (gsize)symbols->n);
    guint64 base = 0;

    if (!raw || (where->relative_base && !lab_stack_u64(memory, where->relative_base, &base)))
        return FALSE;
    for (guint way = 0; way < WAYS; way++) {
        if ((way == WAY_PLACE) != (where->relative_base == 0))
            continue;
        if (decode(way, raw_at(raw, stext), base, where->offsets + 4 * (guint64)stext) !=
            where->stext)
            continue;
        for (guint i = 0; i < symbols->n; i++)
            symbols->addresses[i] =
                decode(way, raw_at(raw, i), base, where->offsets + 4 * (guint64)i);
        return TRUE;
    }
    return FALSE;
}

static gboolean
load_addresses(LabStackSymbols *symbols, LabStackMemory *memory, const LabStackKallsyms *where,
               guint stext)
{
    g_autofree guint8 *raw = lab_stack_table(memory, where->addresses, 8 * (gsize)symbols->n);

    if (!raw)
        return FALSE;
    for (guint i = 0; i < symbols->n; i++)
        symbols->addresses[i] = raw_at(raw, 2 * i) | (guint64)raw_at(raw, 2 * i + 1) << 32;
    return symbols->addresses[stext] == where->stext;
}

LabStackSymbols *
lab_stack_symbols_new(LabStackMemory *memory, const LabStackKallsyms *where,
                      const char *const *wanted, GError **error)
{
    g_autoptr(LabStackSymbols) symbols = g_new0(LabStackSymbols, 1);
    guint32 n;
    guint stext;

    if (!lab_stack_u32(memory, where->n_symbols, &n) || n == 0 || n > SYMBOLS_MAX) {
        g_set_error(error, LAB_DATA_ERROR, 0, "the number of symbols cannot be read");
        return NULL;
    }
    symbols->n = n;
    symbols->wanted = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; wanted[i]; i++)
        g_hash_table_insert(symbols->wanted, (gpointer)wanted[i], NOT_SEEN);
    symbols->addresses = g_new0(guint64, n);
    symbols->marks = g_new0(guint32, n / MARK + 1);
    if (!load_tokens(symbols, memory, where)) {
        g_set_error(error, LAB_DATA_ERROR, 0, "kallsyms' tokens cannot be read");
        return NULL;
    }
    if (!walk_names(symbols, memory, where->names, &stext)) {
        g_set_error(error, LAB_DATA_ERROR, 0, "kallsyms' names cannot be read");
        return NULL;
    }
    if (stext == G_MAXUINT || !(where->addresses ? load_addresses(symbols, memory, where, stext)
                                                 : load_offsets(symbols, memory, where, stext))) {
        g_set_error(error, LAB_DATA_ERROR, 0, "kallsyms' addresses do not meet vmcoreinfo's");
        return NULL;
    }
    return g_steal_pointer(&symbols);
}

gboolean
lab_stack_symbol(const LabStackSymbols *symbols, const char *name, guint64 *address)
{
    gpointer index;

    if (!g_hash_table_lookup_extended(symbols->wanted, name, NULL, &index) || index == NOT_SEEN)
        return FALSE;
    *address = symbols->addresses[GPOINTER_TO_UINT(index) - 1];
    return TRUE;
}

char *
lab_stack_symbol_at(const LabStackSymbols *symbols, guint64 address, guint64 *begin)
{
    guint low = 0, high = symbols->n;
    gsize at, from, length;
    char text[NAME_BYTES];

    while (low < high) { /* the first that lies behind 'address' */
        guint middle = low + (high - low) / 2;

        if (symbols->addresses[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    low--;
    while (low > 0 && symbols->addresses[low - 1] == symbols->addresses[low])
        low--; /* of aliases the kernel takes the first */
    at = symbols->marks[low / MARK];
    for (guint i = low - low % MARK;; i++) {
        if (!name_bytes(symbols, &at, &from, &length))
            return NULL;
        if (i == low)
            break;
    }
    expand(symbols, from, length, text, sizeof text);
    if (!text[0] || !text[1])
        return NULL;
    *begin = symbols->addresses[low];
    return g_utf8_make_valid(text + 1, -1);
}

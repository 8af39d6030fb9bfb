/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-core.h"

#include <string.h>

typedef struct {
    guint64 address;
    gsize length;
    guint8 *bytes; /* NULL: nothing is there */
} Segment;

static void
free_segment(gpointer data)
{
    Segment *segment = data;

    g_free(segment->bytes);
    g_free(segment);
}

FakeCore *
fake_core_new(void)
{
    FakeCore *core = g_new0(FakeCore, 1);

    core->segments = g_ptr_array_new_with_free_func(free_segment);
    core->info = g_string_new("OSRELEASE=6.1.0-fake\n");
    return core;
}

void
fake_core_free(FakeCore *core)
{
    g_ptr_array_unref(core->segments);
    g_string_free(core->info, TRUE);
    g_free(core);
}

static void
add(FakeCore *core, guint64 address, const void *bytes, gsize length)
{
    Segment *segment = g_new0(Segment, 1);

    segment->address = address;
    segment->length = length;
    segment->bytes = bytes ? g_memdup2(bytes, length) : NULL;
    g_ptr_array_add(core->segments, segment);
}

void
fake_core_put(FakeCore *core, guint64 address, const void *bytes, gsize length)
{
    add(core, address, bytes, length);
}

void
fake_core_put_u64(FakeCore *core, guint64 address, guint64 value)
{
    value = GUINT64_TO_LE(value);
    add(core, address, &value, sizeof value);
}

void
fake_core_put_u32(FakeCore *core, guint64 address, guint32 value)
{
    value = GUINT32_TO_LE(value);
    add(core, address, &value, sizeof value);
}

void
fake_core_cut(FakeCore *core, guint64 address, gsize length)
{
    add(core, address, NULL, length);
}

static const Segment *
segment_at(const FakeCore *core, guint64 address)
{
    for (guint i = core->segments->len; i-- > 0;) {
        const Segment *segment = core->segments->pdata[i];

        if (address >= segment->address && address - segment->address < segment->length)
            return segment;
    }
    return NULL;
}

static gboolean
read_fake(gpointer data, guint64 address, void *bytes, gsize length)
{
    guint8 *out = bytes;

    for (gsize i = 0; i < length; i++) {
        const Segment *segment = segment_at(data, address + i);

        if (!segment || !segment->bytes)
            return FALSE;
        out[i] = segment->bytes[address + i - segment->address];
    }
    return TRUE;
}

LabCoreSource
fake_core_source(FakeCore *core)
{
    return (LabCoreSource){
        .read = read_fake,
        .data = core,
        .vmcoreinfo = core->info->str,
        .vmcoreinfo_length = core->info->len,
    };
}

/* Tokens: each byte is itself but for some that the kernel's tool would have taken for pairs. */
static const struct {
    guint8 token;
    const char *text;
} pairs[] = {{0x80, "__"}, {0x81, "sys_"}, {0x82, "do_"}, {0x83, "_st"}, {0x84, "T_"}};

static void
put_number(GByteArray *to, guint64 number, gsize size)
{
    for (gsize i = 0; i < size; i++)
        g_byte_array_append(to, (guint8[]){(guint8)(number >> 8 * i)}, 1);
}

static void
pad(GByteArray *to, gsize multiple)
{
    while (to->len % multiple)
        put_number(to, 0, 1);
}

/* A name with its type, compressed: with pairs where they fit. */
static void
put_name(GByteArray *to, const FakeSymbol *symbol)
{
    g_autofree char *text = g_strdup_printf("%c%s", symbol->type, symbol->name);
    g_autoptr(GByteArray) packed = g_byte_array_new();

    for (const char *at = text; *at;) {
        guint8 token = (guint8)*at;
        gsize step = 1;

        for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
            if (g_str_has_prefix(at, pairs[i].text)) {
                token = pairs[i].token;
                step = strlen(pairs[i].text);
            }
        put_number(packed, token, 1);
        at += step;
    }
    if (packed->len > 0x7f) {
        put_number(to, (packed->len & 0x7f) | 0x80, 1);
        put_number(to, packed->len >> 7, 1);
    } else {
        put_number(to, packed->len, 1);
    }
    g_byte_array_append(to, packed->data, packed->len);
}

static void
put_tokens(GByteArray *to, guint64 at, LabStackKallsyms *where)
{
    guint16 index[256];
    guint begin = to->len;

    where->token_table = at + begin;
    for (guint i = 0; i < 256; i++) {
        /* What stands for nothing gets a text of its own: a table without gaps. */
        char text[8] = {(char)(i > ' ' && i < 0x7f ? i : 'x'), '\0'};

        for (guint p = 0; p < G_N_ELEMENTS(pairs); p++)
            if (pairs[p].token == i)
                g_strlcpy(text, pairs[p].text, sizeof text);
        index[i] = (guint16)(to->len - begin);
        g_byte_array_append(to, (const guint8 *)text, (guint)strlen(text) + 1);
    }
    pad(to, 8);
    where->token_index = at + to->len;
    for (guint i = 0; i < 256; i++)
        put_number(to, index[i], 2);
}

static void
put_addresses(GByteArray *to, guint64 at, FakeForm form, const FakeSymbol *symbols, guint n,
              LabStackKallsyms *where)
{
    guint64 base = 0;

    *(form == FAKE_ADDRESSES ? &where->addresses : &where->offsets) = at + to->len;
    for (guint i = 0; i < n; i++)
        if (strcmp(symbols[i].name, "_stext") == 0)
            where->stext = base = symbols[i].address;
    for (guint i = 0; i < n; i++) {
        guint64 address = symbols[i].address, place = at + to->len;

        if (form == FAKE_ADDRESSES)
            put_number(to, address, 8);
        else if (form == FAKE_PLACE)
            put_number(to, address - place, 4);
        else if (form == FAKE_RELATIVE || address < base)
            put_number(to, form == FAKE_RELATIVE ? address - base : address, 4);
        else
            put_number(to, base - 1 - address, 4);
    }
    pad(to, 8);
    if (form == FAKE_PERCPU || form == FAKE_RELATIVE) {
        where->relative_base = at + to->len;
        put_number(to, base, 8);
    }
}

LabStackKallsyms
fake_core_kallsyms(FakeCore *core, guint64 at, FakeForm form, const FakeSymbol *symbols, guint n)
{
    g_autoptr(GByteArray) tables = g_byte_array_new();
    g_autoptr(GArray) markers = g_array_new(FALSE, FALSE, sizeof(guint64));
    LabStackKallsyms where = {0};
    guint begin;

    put_addresses(tables, at, form, symbols, n, &where);
    where.n_symbols = at + tables->len;
    put_number(tables, n, 8);
    where.names = at + tables->len;
    begin = tables->len;
    for (guint i = 0; i < n; i++) {
        guint64 offset = tables->len - begin;

        if (i % 256 == 0)
            g_array_append_val(markers, offset);
        put_name(tables, &symbols[i]);
    }
    pad(tables, 8);
    for (guint i = 0; i < markers->len; i++)
        put_number(tables, g_array_index(markers, guint64, i), form == FAKE_ADDRESSES ? 8 : 4);
    pad(tables, 8);
    put_tokens(tables, at, &where);
    fake_core_put(core, at, tables->data, tables->len);
    return where;
}

void
fake_core_name_kallsyms(FakeCore *core, const LabStackKallsyms *where)
{
    const struct {
        const char *name;
        guint64 address;
    } names[] = {
        {"kallsyms_names", where->names},
        {"kallsyms_num_syms", where->n_symbols},
        {"kallsyms_token_table", where->token_table},
        {"kallsyms_token_index", where->token_index},
        {"kallsyms_offsets", where->offsets},
        {"kallsyms_relative_base", where->relative_base},
        {"_stext", where->stext},
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].address)
            g_string_append_printf(core->info, "SYMBOL(%s)=%" G_GINT64_MODIFIER "x\n",
                                   names[i].name, names[i].address);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds kallsyms in a kernel that does not tell where it is (before 6.0). scripts/kallsyms.c wrote,
 * one after the other and each at a multiple of 8: offsets and relative_base (before 4.6 an array
 * of addresses), num_syms, names, markers, token_table, token_index. The search begins with the
 * tokens, of which the digits stand for themselves, and every other table has to meet what is known
 * of the ones behind it.
 */
#include "lab-stack-symbols.h"

#include <string.h>

#define CHUNK       (1u << 20)
#define SEARCH_MAX  (192u << 20) /* of the kernel's image, from _stext */
#define HOLE_MAX    (8u << 20)   /* that is not in the dump, before the search ends */
#define TOKENS_MAX  (16u << 10)
#define MARKERS_MAX (16u << 10)
#define TAIL_MAX    (64u << 10) /* bytes of the last 256 names */
#define TRIES_MAX   256u        /* digits in a row */
#define PER_MARKER  256u

static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";

static guint64
align8(guint64 address)
{
    return (address + 7) & ~(guint64)7;
}

/* Whether token '0' is at 'zero': then the rest of the table and the index behind it agree. */
static gboolean
tokens_at(LabStackMemory *memory, guint64 zero, LabStackKallsyms *where)
{
    g_autofree guint8 *table = NULL;
    guint64 at = zero, begin, index[256];
    gsize length;

    for (guint token = '0'; token < 256; token++) {
        guint8 byte = 1;

        for (; byte; at++)
            if (at - zero > TOKENS_MAX || !lab_stack_read(memory, at, &byte, 1))
                return FALSE;
    }
    at = align8(at);
    for (guint i = 0; i < 256; i++)
        if (!lab_stack_number(memory, at + 2 * i, 2, &index[i]))
            return FALSE;
    if (index[0] != 0 || index['0'] > TOKENS_MAX)
        return FALSE;
    begin = zero - index['0'];
    length = (gsize)(at - begin);
    table = lab_stack_table(memory, begin, length);
    if (!table)
        return FALSE;
    for (guint i = 1; i < 256; i++) {
        const guint8 *end;

        if (index[i] <= index[i - 1] || index[i] >= length)
            return FALSE;
        end = memchr(table + index[i - 1], '\0', length - index[i - 1]);
        if (!end || (gsize)(end - table) + 1 != index[i])
            return FALSE;
    }
    where->token_table = begin;
    where->token_index = at;
    return TRUE;
}

static gboolean
find_tokens(LabStackMemory *memory, LabStackKallsyms *where)
{
    g_autofree guint8 *chunk = g_malloc(CHUNK + sizeof digits);
    guint64 hole = 0;
    guint tries = 0;

    for (guint64 at = 0; at < SEARCH_MAX && hole < HOLE_MAX; at += CHUNK) {
        gsize size = CHUNK + sizeof digits;
        const guint8 *hit = chunk;
        const LabCoreSource *source = memory->source;

        memset(chunk, 0xff, size);
        if (!source->read(source->data, where->stext + at, chunk, size))
            hole += CHUNK; /* what was read before the first byte that is not there is enough */
        else
            hole = 0;
        while ((hit = memmem(hit, size - (gsize)(hit - chunk), digits, sizeof digits))) {
            if (tries++ >= TRIES_MAX)
                return FALSE;
            if (tokens_at(memory, where->stext + at + (guint64)(hit - chunk), where))
                return TRUE;
            hit++;
        }
    }
    return FALSE;
}

/* Markers: numbers that ascend from 0 up to 'end'. */
typedef struct {
    guint64 begin;
    guint n;
    guint64 last; /* value of the last */
} Markers;

static gboolean
find_markers(LabStackMemory *memory, guint64 end, gsize width, Markers *markers)
{
    guint64 at = end, value, above = G_MAXUINT64;

    *markers = (Markers){0};
    for (guint n = 0; n < MARKERS_MAX; n++) {
        at -= width;
        if (!lab_stack_number(memory, at, width, &value))
            return FALSE;
        if (value >= above || value > (64u << 20))
            return FALSE;
        if (n == 0)
            markers->last = value;
        above = value;
        markers->begin = at;
        markers->n = n + 1;
        if (value == 0)
            return n >= 3;
    }
    return FALSE;
}

/* Steps over 'n' names from 'at' on; where the one behind them begins, 0: there are not so many. */
static guint64
skip_names(LabStackMemory *memory, guint64 at, guint n)
{
    for (guint i = 0; i < n; i++) {
        guint8 length[2];

        if (!lab_stack_read(memory, at, length, sizeof length) || length[0] == 0)
            return 0;
        at += length[0] & 0x80 ? 2 + ((length[0] & 0x7fu) | (guint)length[1] << 7) : 1u + length[0];
    }
    return at;
}

/* Names begin 'last' bytes and fewer than 256 names before the markers, and their number stands in
 * front of them. */
static gboolean
find_names(LabStackMemory *memory, const Markers *markers, gsize width, LabStackKallsyms *where)
{
    guint64 first = (markers->begin - markers->last) & ~(guint64)7, second;

    if (!lab_stack_number(memory, markers->begin + width, width, &second))
        return FALSE;
    for (guint64 at = first; first - at < TAIL_MAX; at -= 8) {
        guint32 n;

        if (!lab_stack_u32(memory, at - 8, &n))
            return FALSE;
        if (n <= PER_MARKER || (n + PER_MARKER - 1) / PER_MARKER != markers->n ||
            skip_names(memory, at, PER_MARKER) != at + second ||
            align8(skip_names(memory, at + markers->last, n - PER_MARKER * (markers->n - 1))) !=
                markers->begin)
            continue;
        where->names = at;
        where->n_symbols = at - 8;
        where->relative_base = where->n_symbols - 8;
        where->offsets = where->relative_base - align8(4 * (guint64)n);
        where->addresses = where->n_symbols - 8 * (guint64)n;
        return TRUE;
    }
    return FALSE;
}

gboolean
lab_stack_kallsyms_find(LabStackMemory *memory, LabStackKallsyms *where)
{
    static const struct {
        guint width, padding;
    } forms[] = {{8, 0}, {4, 0}, {4, 4}};
    guint64 base;

    *where = (LabStackKallsyms){0};
    if (!lab_stack_info(memory, "SYMBOL(_stext)", &where->stext) || !find_tokens(memory, where))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        Markers markers;

        if (!find_markers(memory, where->token_table - forms[i].padding, forms[i].width,
                          &markers) ||
            !find_names(memory, &markers, forms[i].width, where))
            continue;
        /* A base is an address of the kernel's image; else addresses lie there. */
        if (lab_stack_u64(memory, where->relative_base, &base) && base <= where->stext &&
            where->stext - base < (64u << 20))
            where->addresses = 0;
        else
            where->relative_base = where->offsets = 0;
        return TRUE;
    }
    return FALSE;
}

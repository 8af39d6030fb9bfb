/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stack-memory.h"

#include <stdlib.h>
#include <string.h>

#define LAB_STACK_PAGES      512u
#define LAB_STACK_PAGE_BYTES 4096u
#define NO_PAGE              1u /* no page begins there */
#define MISSING_MAX          64u

void
lab_stack_memory_init(LabStackMemory *memory, const LabCoreSource *source, GPtrArray *missing)
{
    memory->source = source;
    memory->pages = g_malloc((gsize)LAB_STACK_PAGES * LAB_STACK_PAGE_BYTES);
    memory->tags = g_new(guint64, LAB_STACK_PAGES);
    memory->missing = missing;
    for (guint i = 0; i < LAB_STACK_PAGES; i++)
        memory->tags[i] = NO_PAGE;
}

void
lab_stack_memory_clear(LabStackMemory *memory)
{
    g_clear_pointer(&memory->pages, g_free);
    g_clear_pointer(&memory->tags, g_free);
}

static gboolean
read_source(const LabStackMemory *memory, guint64 address, void *bytes, gsize length)
{
    return memory->source->read(memory->source->data, address, bytes, length);
}

/* The page at 'address', which is a multiple of its size; NULL: not there. */
static const guint8 *
page_at(LabStackMemory *memory, guint64 address)
{
    guint64 number = address / LAB_STACK_PAGE_BYTES;
    gsize slot = (gsize)((number ^ number >> 9) % LAB_STACK_PAGES);
    guint8 *page = memory->pages + slot * LAB_STACK_PAGE_BYTES;

    if (memory->tags[slot] == address)
        return page;
    memory->tags[slot] = NO_PAGE;
    if (!read_source(memory, address, page, LAB_STACK_PAGE_BYTES))
        return NULL;
    memory->tags[slot] = address;
    return page;
}

gboolean
lab_stack_read(LabStackMemory *memory, guint64 address, void *bytes, gsize length)
{
    guint8 *out = bytes;

    if (length > G_MAXUINT64 - address)
        return FALSE;
    while (length > 0) {
        guint64 base = address & ~(guint64)(LAB_STACK_PAGE_BYTES - 1);
        gsize offset = (gsize)(address - base);
        gsize part = MIN(length, LAB_STACK_PAGE_BYTES - offset);
        const guint8 *page = page_at(memory, base);

        if (page)
            memcpy(out, page + offset, part);
        else if (!read_source(memory, address, out, part))
            return FALSE;
        out += part;
        address += part;
        length -= part;
    }
    return TRUE;
}

gboolean
lab_stack_number(LabStackMemory *memory, guint64 address, gsize size, guint64 *value)
{
    guint8 bytes[8];
    guint64 number = 0;

    if (size < 1 || size > sizeof bytes || !lab_stack_read(memory, address, bytes, size))
        return FALSE;
    for (gsize i = size; i-- > 0;)
        number = number << 8 | bytes[i];
    *value = number;
    return TRUE;
}

gboolean
lab_stack_u64(LabStackMemory *memory, guint64 address, guint64 *value)
{
    return lab_stack_number(memory, address, 8, value);
}

gboolean
lab_stack_u32(LabStackMemory *memory, guint64 address, guint32 *value)
{
    guint64 number;

    if (!lab_stack_number(memory, address, 4, &number))
        return FALSE;
    *value = (guint32)number;
    return TRUE;
}

char *
lab_stack_text(LabStackMemory *memory, guint64 address, gsize max)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *valid = NULL;
    char c;

    for (gsize i = 0; i < max; i++) {
        if (!lab_stack_read(memory, address + i, &c, 1)) {
            if (i == 0)
                return NULL;
            break;
        }
        if (c == '\0')
            break;
        g_string_append_c(text, (guint8)c < ' ' || c == 0x7f ? '?' : c);
    }
    valid = g_utf8_make_valid(text->str, (gssize)text->len);
    return g_steal_pointer(&valid);
}

guint8 *
lab_stack_table(LabStackMemory *memory, guint64 address, gsize length)
{
    g_autofree guint8 *table = NULL;

    if (length == 0 || length > G_MAXUINT64 - address)
        return NULL;
    table = g_try_malloc(length);
    if (!table || !read_source(memory, address, table, length))
        return NULL;
    return g_steal_pointer(&table);
}

/* What follows "KEY=" on a line of its own; NULL: no such line. */
static const char *
info_line(const LabStackMemory *memory, const char *key, gsize *length)
{
    const char *at = memory->source->vmcoreinfo;
    gsize left = at ? memory->source->vmcoreinfo_length : 0, key_length = strlen(key);

    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        gsize line = end ? (gsize)(end - at) : left;

        if (line > key_length && at[key_length] == '=' && memcmp(at, key, key_length) == 0) {
            *length = line - key_length - 1;
            return at + key_length + 1;
        }
        at += MIN(line + 1, left);
        left -= MIN(line + 1, left);
    }
    return NULL;
}

gboolean
lab_stack_info(const LabStackMemory *memory, const char *key, guint64 *value)
{
    gsize length;
    const char *text = info_line(memory, key, &length);
    gboolean hex = g_str_has_prefix(key, "SYMBOL(") || strcmp(key, "KERNELOFFSET") == 0;
    char copy[32], *end;

    if (!text || length == 0 || length >= sizeof copy)
        return FALSE;
    memcpy(copy, text, length);
    copy[length] = '\0';
    hex = hex || g_str_has_prefix(copy, "0x");
    *value = g_ascii_strtoull(copy, &end, hex ? 16 : 10);
    return end != copy && *end == '\0';
}

guint
lab_stack_release(const LabStackMemory *memory)
{
    gsize length;
    const char *text = info_line(memory, "OSRELEASE", &length);
    char copy[16] = "", *end;
    guint64 major, minor;

    if (!text)
        return 0;
    memcpy(copy, text, MIN(length, sizeof copy - 1));
    major = g_ascii_strtoull(copy, &end, 10);
    if (*end != '.')
        return 0;
    minor = g_ascii_strtoull(end + 1, NULL, 10);
    return major < 100 && minor < 100 ? (guint)(major * 100 + minor) : 0;
}

void
lab_stack_missing(LabStackMemory *memory, const char *format, ...)
{
    va_list arguments;

    if (memory->missing->len >= MISSING_MAX)
        return;
    va_start(arguments, format);
    g_ptr_array_add(memory->missing, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

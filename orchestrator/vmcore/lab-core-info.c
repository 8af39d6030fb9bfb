/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcoreinfo (kernel/vmcore_info.c, Documentation/admin-guide/kdump/vmcoreinfo.rst): lines of
 * KEY=VALUE. A dump from outside of a guest may lack the note; the text is in the guest's memory
 * all the same (vmcoreinfo_data; a page of its own since v4.13, in the kernel's data before).
 */
#include <stdlib.h>
#include <string.h>

#include "lab-core-private.h"

#define FIRST    "OSRELEASE="
#define MAX_TEXT (64u << 10)
#define MAX_LINE 1024u
/* Longer than this, nobody waits. */
#define MAX_SCAN_PAGES (4u << 20)

static gboolean
good_text(const char *text, gsize length)
{
    return length > strlen(FIRST) + 1 && memcmp(text, FIRST, strlen(FIRST)) == 0 &&
           g_ascii_isdigit(text[strlen(FIRST)]) && memmem(text, length, "\nPAGESIZE=", 10) != NULL;
}

/* The lines up to the first byte that belongs into none. */
static gsize
text_length(const char *text, gsize length)
{
    gsize n = 0;

    while (n < length && (text[n] == '\n' || (text[n] >= ' ' && (guchar)text[n] < 0x7f)))
        n++;
    return n;
}

static void
index_lines(LabCore *core)
{
    char *line = core->info_text = g_strdup(core->vmcoreinfo);

    g_clear_pointer(&core->info, g_hash_table_unref);
    core->info = g_hash_table_new(g_str_hash, g_str_equal);
    while (line) {
        char *next = strchr(line, '\n');
        char *equals;

        if (next)
            *next++ = '\0';
        equals = strchr(line, '=');
        if (equals && strlen(line) < MAX_LINE) {
            *equals = '\0';
            g_hash_table_insert(core->info, line, equals + 1);
        }
        line = next;
    }
}

static void
drop_vmcoreinfo(LabCore *core)
{
    g_clear_pointer(&core->info, g_hash_table_unref);
    g_clear_pointer(&core->info_text, g_free);
    g_clear_pointer(&core->vmcoreinfo, g_free);
}

void
lab_core_set_vmcoreinfo(LabCore *core, const char *text, gsize length)
{
    length = text_length(text, MIN(length, (gsize)MAX_TEXT));
    if (core->vmcoreinfo || !good_text(text, length))
        return;
    core->vmcoreinfo = g_strndup(text, length);
    index_lines(core);
}

/* The text that begins at a physical address. */
static void
try_text(LabCore *core, guint64 address)
{
    g_autofree char *text = g_malloc(MAX_TEXT);
    gsize got;

    lab_core_read_physical(core, address, text, MAX_TEXT, &got);
    lab_core_set_vmcoreinfo(core, text, got);
}

/* Old copies lie about (a kernel before a kexec, a file's pages): the one whose page tables hold
 * counts, else the first. */
static gboolean
scan_page(LabCore *core, guint64 pfn, const guint8 *page, guint64 *fallback)
{
    const guint8 *at = page;
    gsize left = core->page_size;

    while ((at = memmem(at, left, FIRST, strlen(FIRST))) != NULL) {
        guint64 address = (pfn << core->page_shift) + (guint64)(at - page);

        try_text(core, address);
        if (core->vmcoreinfo) {
            core->space_ready = FALSE;
            lab_core_space_prepare(core);
            if (core->root_valid)
                return TRUE;
            if (*fallback == G_MAXUINT64)
                *fallback = address;
            drop_vmcoreinfo(core);
        }
        at++;
        left = core->page_size - (gsize)(at - page);
    }
    return FALSE;
}

static void
scan_memory(LabCore *core)
{
    guint64 fallback = G_MAXUINT64;
    guint64 pages = 0;

    for (guint64 pfn = 0; core->pages->next_page(core, &pfn); pfn++) {
        g_autofree guint8 *copy = NULL;
        const guint8 *page;

        if (++pages > MAX_SCAN_PAGES)
            break;
        if (lab_core_page(core, pfn, &page) != LAB_CORE_OK ||
            !memmem(page, core->page_size, FIRST, strlen(FIRST)))
            continue;
        /* What follows reads other pages. */
        copy = g_memdup2(page, core->page_size);
        if (scan_page(core, pfn, copy, &fallback))
            return;
    }
    if (fallback != G_MAXUINT64)
        try_text(core, fallback);
    core->space_ready = FALSE;
}

const char *
lab_core_vmcoreinfo(LabCore *core)
{
    if (!core->vmcoreinfo && !core->scanned) {
        core->scanned = TRUE;
        scan_memory(core);
        if (!core->vmcoreinfo)
            lab_core_missing(core, "vmcoreinfo",
                             "the file has no such note, and memory no such page");
    }
    return core->vmcoreinfo;
}

const char *
lab_core_info(LabCore *core, const char *key)
{
    return lab_core_vmcoreinfo(core) ? g_hash_table_lookup(core->info, key) : NULL;
}

gboolean
lab_core_info_number(LabCore *core, const char *key, gint64 *value)
{
    const char *text = lab_core_info(core, key);
    gboolean hex = g_str_has_prefix(key, "SYMBOL(") || g_str_equal(key, "KERNELOFFSET");
    guint64 number;
    char *end;

    if (!text)
        return FALSE;
    hex |= g_str_has_prefix(text, "0x");
    number = hex ? g_ascii_strtoull(text, &end, 16) : (guint64)g_ascii_strtoll(text, &end, 10);
    if (end == text || *end != '\0')
        return FALSE;
    *value = (gint64)number;
    return TRUE;
}

static gboolean
look_up(LabCore *core, const char *kind, const char *name, guint64 *value)
{
    g_autofree char *key = g_strdup_printf("%s(%s)", kind, name);
    gint64 number;

    if (!lab_core_info_number(core, key, &number))
        return FALSE;
    *value = (guint64)number;
    return TRUE;
}

gboolean
lab_core_symbol(LabCore *core, const char *name, guint64 *address)
{
    return look_up(core, "SYMBOL", name, address);
}

gboolean
lab_core_offset(LabCore *core, const char *member, guint64 *offset)
{
    return look_up(core, "OFFSET", member, offset);
}

gboolean
lab_core_size(LabCore *core, const char *type, guint64 *size)
{
    return look_up(core, "SIZE", type, size);
}

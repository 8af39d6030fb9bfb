/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-core.h"

#include <elf.h>
#include <string.h>

#include "lab-core-private.h"
#include "lab-error.h"

#define CACHE_BYTES (2u << 20)
#define MAX_MISSING 64u

/* ---- opening ---- */

static void
missing_clear(gpointer data)
{
    LabCoreMissing *missing = data;

    g_free((char *)(gpointer)missing->what);
    g_free((char *)(gpointer)missing->why);
}

static gboolean
open_format(LabCore *core, GError **error)
{
    guint8 magic[8] = {0};

    lab_core_file_read(core->file, 0, magic, sizeof magic);
    if (memcmp(magic, "KDUMP   ", sizeof magic) == 0 ||
        memcmp(magic, "DISKDUMP", sizeof magic) == 0)
        return lab_core_kdump_open(core, error);
    if (memcmp(magic, ELFMAG, SELFMAG) == 0)
        return lab_core_elf_open(core, error);
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_UNSUPPORTED,
                "'%s': no dump of a known format (ELF, kdump-compressed, flattened)%s", core->path,
                lab_core_file_bytes_on_disk(core->file) == 0 ? "; it is empty" : "");
    return FALSE;
}

static void
prepare_cache(LabCore *core)
{
    core->cache_entries = CACHE_BYTES / core->page_size;
    core->cache = g_malloc(CACHE_BYTES);
    core->cache_status = g_new0(LabCoreStatus, core->cache_entries);
    core->cache_pfn = g_new(guint64, core->cache_entries);
    memset(core->cache_pfn, 0xff, core->cache_entries * sizeof *core->cache_pfn);
}

/* An ELF file does not say how large the kernel's pages are; its vmcoreinfo does. */
static void
choose_page_size(LabCore *core)
{
    gint64 size;

    if (core->page_size == 0)
        core->page_size = 4096;
    if (core->format == LAB_CORE_FORMAT_ELF && core->vmcoreinfo &&
        lab_core_info_number(core, "PAGESIZE", &size) &&
        (size == 4096 || size == 16384 || size == 65536))
        core->page_size = (guint32)size;
    core->page_shift = (guint)g_bit_nth_lsf(core->page_size, -1);
}

LabCore *
lab_core_open(const char *path, GError **error)
{
    g_autoptr(LabCore) core = g_new0(LabCore, 1);

    core->path = g_strdup(path);
    core->dump_level = -1;
    core->cpus = g_array_new(FALSE, FALSE, sizeof(LabCoreCpu));
    core->missing = g_array_new(FALSE, FALSE, sizeof(LabCoreMissing));
    g_array_set_clear_func(core->missing, missing_clear);
    core->file = lab_core_file_open(path, error);
    if (!core->file || !open_format(core, error))
        return NULL;
    if (lab_core_file_flattened(core->file)) {
        char *text = g_strconcat("flattened ", core->format_text, NULL);

        g_free(core->format_text);
        core->format_text = text;
        if (lab_core_file_cut_off(core->file))
            lab_core_missing(core, "memory", "the flattened file is cut off: it has no end mark");
    }
    choose_page_size(core);
    prepare_cache(core);
    return g_steal_pointer(&core);
}

void
lab_core_close(LabCore *core)
{
    if (!core)
        return;
    if (core->format_data)
        core->pages->free(core->format_data);
    lab_core_file_close(core->file);
    g_clear_pointer(&core->info, g_hash_table_unref);
    g_free(core->info_text);
    g_free(core->vmcoreinfo);
    g_array_unref(core->cpus);
    g_array_unref(core->missing);
    g_free(core->cache_pfn);
    g_free(core->cache_status);
    g_free(core->cache);
    g_free(core->machine);
    g_free(core->format_text);
    g_free(core->path);
    g_free(core);
}

void
lab_core_set_machine(LabCore *core, const char *machine)
{
    g_free(core->machine);
    core->machine = g_strdup(machine);
    g_strcanon(core->machine, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
               '?');
    if (core->machine[0] == '\0') {
        g_free(core->machine);
        core->machine = g_strdup("unknown");
    }
    core->arch = g_str_equal(core->machine, "x86_64")    ? LAB_CORE_ARCH_X86_64
                 : g_str_equal(core->machine, "aarch64") ? LAB_CORE_ARCH_ARM64
                                                         : LAB_CORE_ARCH_OTHER;
}

/* ---- reading ---- */

/* The page stays until the next call. NULL unless OK. */
LabCoreStatus
lab_core_page(LabCore *core, guint64 pfn, const guint8 **page)
{
    guint slot = (guint)(pfn % core->cache_entries);
    guint8 *bytes = core->cache + (gsize)slot * core->page_size;

    if (core->cache_pfn[slot] != pfn) {
        core->cache_pfn[slot] = G_MAXUINT64;
        core->cache_status[slot] = core->pages->read_page(core, pfn, bytes);
        core->cache_pfn[slot] = pfn;
    }
    *page = core->cache_status[slot] == LAB_CORE_OK ? bytes : NULL;
    return core->cache_status[slot];
}

/* One read by parts that lie in one page each; 'translate' where the address is virtual. */
static LabCoreStatus
read_parts(LabCore *core, guint64 address, guint8 *bytes, gsize length, gsize *got,
           gboolean translate)
{
    LabCoreStatus first = LAB_CORE_OK;
    gsize good = 0, at = 0;
    /* Page tables know pages of 4 KiB at least, whatever the page cache has. */
    guint64 unit = translate ? 4096 : core->page_size;

    while (at < length) {
        gsize within = (gsize)((address + at) % unit);
        gsize part = MIN(length - at, (gsize)unit - within);
        guint64 physical = address + at;
        const guint8 *page = NULL;
        LabCoreStatus status = LAB_CORE_OK;

        if (address + at < address)
            status = LAB_CORE_BAD_ADDRESS;
        else if (translate)
            status = lab_core_translate(core, address + at, &physical);
        if (status == LAB_CORE_OK)
            status = lab_core_page(core, physical >> core->page_shift, &page);
        if (status == LAB_CORE_OK)
            memcpy(bytes + at, page + (physical & (core->page_size - 1)), part);
        else
            memset(bytes + at, 0, part);
        at += part;
        if (first == LAB_CORE_OK && status != LAB_CORE_OK)
            first = status;
        if (first == LAB_CORE_OK)
            good = at;
    }
    if (got)
        *got = good;
    return first;
}

LabCoreStatus
lab_core_read(LabCore *core, guint64 address, void *bytes, gsize length, gsize *got)
{
    return read_parts(core, address, bytes, length, got, TRUE);
}

LabCoreStatus
lab_core_read_physical(LabCore *core, guint64 address, void *bytes, gsize length, gsize *got)
{
    return read_parts(core, address, bytes, length, got, FALSE);
}

gboolean
lab_core_read_number(LabCore *core, guint64 address, gsize size, guint64 *value)
{
    guint64 raw = 0;

    g_return_val_if_fail(size == 1 || size == 2 || size == 4 || size == 8, FALSE);
    if (lab_core_read(core, address, &raw, size, NULL) != LAB_CORE_OK)
        return FALSE;
    *value = GUINT64_FROM_LE(raw);
    return TRUE;
}

gboolean
lab_core_read_u64(LabCore *core, guint64 address, guint64 *value)
{
    return lab_core_read_number(core, address, sizeof *value, value);
}

/* ---- facts ---- */

const char *
lab_core_format_text(const LabCore *core)
{
    return core->format_text;
}

LabCoreArch
lab_core_arch(const LabCore *core)
{
    return core->arch;
}

const char *
lab_core_machine(const LabCore *core)
{
    return core->machine;
}

const char *
lab_core_path(const LabCore *core)
{
    return core->path;
}

guint64
lab_core_file_bytes(const LabCore *core)
{
    return lab_core_file_bytes_on_disk(core->file);
}

guint64
lab_core_memory_bytes(LabCore *core)
{
    return core->memory_bytes;
}

guint64
lab_core_dumped_bytes(LabCore *core)
{
    return core->dumped_bytes;
}

int
lab_core_dump_level(const LabCore *core)
{
    return core->dump_level;
}

guint
lab_core_n_cpus(const LabCore *core)
{
    return core->cpus->len;
}

const LabCoreCpu *
lab_core_cpu(const LabCore *core, guint index)
{
    return index < core->cpus->len ? &g_array_index(core->cpus, LabCoreCpu, index) : NULL;
}

/* ---- what is missing ---- */

void
lab_core_missing(LabCore *core, const char *what, const char *why_format, ...)
{
    LabCoreMissing missing;
    va_list arguments;
    g_autofree char *why = NULL;

    va_start(arguments, why_format);
    why = g_strdup_vprintf(why_format, arguments);
    va_end(arguments);
    for (guint i = 0; i < core->missing->len; i++) {
        const LabCoreMissing *known = &g_array_index(core->missing, LabCoreMissing, i);

        if (g_str_equal(known->what, what) && g_str_equal(known->why, why))
            return;
    }
    if (core->missing->len >= MAX_MISSING)
        return;
    missing = (LabCoreMissing){g_strdup(what), g_steal_pointer(&why)};
    g_array_append_val(core->missing, missing);
}

guint
lab_core_n_missing(const LabCore *core)
{
    return core->missing->len;
}

const LabCoreMissing *
lab_core_missing_at(const LabCore *core, guint index)
{
    return index < core->missing->len ? &g_array_index(core->missing, LabCoreMissing, index) : NULL;
}

gboolean
lab_core_damaged(const LabCore *core)
{
    for (guint i = 0; i < core->missing->len; i++) {
        const char *what = g_array_index(core->missing, LabCoreMissing, i).what;

        if (g_str_equal(what, "memory") || g_str_equal(what, "notes"))
            return TRUE;
    }
    return FALSE;
}

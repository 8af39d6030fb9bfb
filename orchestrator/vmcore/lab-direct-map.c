/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-direct-map.h"

#include "lab-error.h"

/* Intel SDM, volume 3, "Paging": 512 entries a table; bit 0 present, bit 7 a large page. */
#define ENTRIES      512u
#define PRESENT      ((guint64)1 << 0)
#define LARGE        ((guint64)1 << 7)
#define ADDRESS_MASK G_GUINT64_CONSTANT(0x000ffffffffff000)
#define GIB          ((guint64)1 << 30)

/* The first slot of the top table that ever held the direct map: 0xffff880000000000 before
 * commit d52888aa2753 ("x86/mm: Move LDT remap out of KASLR region on 5-level paging") (in v4.20),
 * 0xffff888000000000 since; with five levels 0xff10… and 0xff11…. The last slot is the kernel's
 * text. */
#define FIRST_SLOT 272u
#define LAST_SLOT  510u
/* A real search reads six tables; one that needs many more was made to last. */
#define MAX_TABLES 4096u

typedef struct {
    LabReadPhysical read;
    gpointer data;
    guint64 top;
    guint levels;
    guint tables; /* read so far */
} Walk;

static gboolean
read_table(Walk *walk, guint64 address, guint64 entries[ENTRIES])
{
    if (walk->tables++ >= MAX_TABLES ||
        !walk->read(walk->data, address, entries, ENTRIES * sizeof *entries))
        return FALSE;
    for (guint i = 0; i < ENTRIES; i++)
        entries[i] = GUINT64_FROM_LE(entries[i]);
    return TRUE;
}

/* Bits of the address below an entry of a table of 'level' (1: the table of 4-KiB pages). */
static guint
shift_of(guint level)
{
    return 12 + 9 * (level - 1);
}

static gboolean
is_leaf(guint64 entry, guint level)
{
    return level == 1 || (level <= 3 && (entry & LARGE));
}

static guint64
leaf_address(guint64 entry, guint level)
{
    return entry & ADDRESS_MASK & ~(((guint64)1 << shift_of(level)) - 1);
}

/* The lowest page that the table at 'address' maps: where it lies below the table's own first
 * address, and its physical address. */
static gboolean
first_page(Walk *walk, guint64 address, guint level, guint64 *virtual, guint64 *physical)
{
    guint64 entries[ENTRIES];

    if (!read_table(walk, address, entries))
        return FALSE;
    for (guint i = 0; i < ENTRIES; i++) {
        guint64 start = (guint64)i << shift_of(level);

        if (!(entries[i] & PRESENT))
            continue;
        if (is_leaf(entries[i], level)) {
            *virtual = start;
            *physical = leaf_address(entries[i], level);
            return TRUE;
        }
        if (first_page(walk, entries[i] & ADDRESS_MASK, level - 1, virtual, physical)) {
            *virtual += start;
            return TRUE;
        }
        if (walk->tables > MAX_TABLES)
            return FALSE;
    }
    return FALSE;
}

static gboolean
translate(Walk *walk, guint64 virtual, guint64 *physical)
{
    guint64 table = walk->top;

    for (guint level = walk->levels; level >= 1; level--) {
        guint64 entry;
        guint64 index = virtual >> shift_of(level) & (ENTRIES - 1);

        if (!walk->read(walk->data, table + index * sizeof entry, &entry, sizeof entry))
            return FALSE;
        entry = GUINT64_FROM_LE(entry);
        if (!(entry & PRESENT))
            return FALSE;
        if (is_leaf(entry, level)) {
            *physical = leaf_address(entry, level) |
                        (virtual & (((guint64)1 << shift_of(level)) - 1));
            return TRUE;
        }
        table = entry & ADDRESS_MASK;
    }
    return FALSE;
}

/* The canonical address where slot 'i' of the top table begins: the bits above are ones. */
static guint64
slot_address(const Walk *walk, guint i)
{
    guint shift = shift_of(walk->levels);

    return (guint64)i << shift | ~(((guint64)1 << (shift + 9)) - 1);
}

static gboolean
try_slot(Walk *walk, guint slot, guint64 entry, guint64 *base)
{
    guint64 virtual, physical, again;

    if (!first_page(walk, entry & ADDRESS_MASK, walk->levels - 1, &virtual, &physical))
        return FALSE;
    virtual += slot_address(walk, slot);
    if (physical > virtual || (virtual - physical) % GIB != 0)
        return FALSE;
    *base = virtual - physical;
    return *base >= slot_address(walk, FIRST_SLOT) && translate(walk, *base + walk->top, &again) &&
           again == walk->top;
}

gboolean
lab_direct_map_find(LabReadPhysical read, gpointer data, guint64 top, gboolean five_levels,
                    guint64 *base, GError **error)
{
    Walk walk = {.read = read, .data = data, .top = top, .levels = five_levels ? 5 : 4};
    guint64 entries[ENTRIES], found;

    if (top & ~ADDRESS_MASK || !read_table(&walk, top, entries)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "the kernel's page tables lie outside of the dump");
        return FALSE;
    }
    for (guint i = FIRST_SLOT; i <= LAST_SLOT && walk.tables <= MAX_TABLES; i++) {
        if (!(entries[i] & PRESENT) || !try_slot(&walk, i, entries[i], &found))
            continue;
        *base = found;
        return TRUE;
    }
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_NOT_FOUND,
                "the kernel's page tables hold no direct map of memory");
    return FALSE;
}

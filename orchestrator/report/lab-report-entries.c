/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of the matrix: the cells of one kernel, recipe and variant, and how they ended. */
#include "lab-report.h"

#include <string.h>

/* Words of the run, each of which it has once: compared as pointers. */
typedef struct {
    const char *kernel, *recipe, *variant;
} Key;

static guint
key_hash(gconstpointer pointer)
{
    const Key *key = pointer;

    return (g_direct_hash(key->kernel) * 31 + g_direct_hash(key->recipe)) * 31 +
           g_direct_hash(key->variant);
}

static gboolean
key_equal(gconstpointer a, gconstpointer b)
{
    const Key *one = a, *other = b;

    return one->kernel == other->kernel && one->recipe == other->recipe &&
           one->variant == other->variant;
}

static void
entry_free(LabReportEntry *entry)
{
    g_ptr_array_unref(entry->cells);
    g_array_unref(entry->kinds);
    g_free(entry);
}

GHashTable *
lab_report_entries_new(void)
{
    return g_hash_table_new_full(key_hash, key_equal, g_free, (GDestroyNotify)entry_free);
}

static LabReportEntry *
entry_of(LabReport *report, const LabRunCell *cell)
{
    const Key key = {cell->kernel, cell->recipe, cell->variant};
    LabReportEntry *entry = g_hash_table_lookup(report->entries, &key);

    if (!entry) {
        entry = g_new0(LabReportEntry, 1);
        entry->cells = g_ptr_array_new();
        entry->kinds = g_array_new(FALSE, TRUE, sizeof(LabReportKind));
        g_hash_table_insert(report->entries, g_memdup2(&key, sizeof key), entry);
    }
    return entry;
}

static gboolean
is_of_kind(const LabReportKind *kind, const LabReportCell *cell)
{
    const LabReportCell *like = kind->examples[0];

    return strcmp(lab_report_word(like), lab_report_word(cell)) == 0 &&
           lab_brief_is_unexpected(like->brief) == lab_brief_is_unexpected(cell->brief) &&
           g_strcmp0(like->brief->title, cell->brief->title) == 0;
}

static LabReportKind *
kind_of(LabReportEntry *entry, const LabReportCell *cell)
{
    const LabReportKind new = {.examples = {cell}};

    for (guint i = 0; i < entry->kinds->len; i++) {
        LabReportKind *kind = &g_array_index(entry->kinds, LabReportKind, i);

        if (is_of_kind(kind, cell))
            return kind;
    }
    g_array_append_val(entry->kinds, new);
    return &g_array_index(entry->kinds, LabReportKind, entry->kinds->len - 1);
}

void
lab_report_enter(LabReport *report, LabReportCell *cell)
{
    LabReportEntry *entry = entry_of(report, cell->cell);
    LabReportKind *kind = kind_of(entry, cell);

    g_ptr_array_add(entry->cells, cell);
    if (kind->n < LAB_REPORT_EXAMPLES)
        kind->examples[kind->n] = cell;
    kind->n++;
    cell->nth_of_kind = kind->n;
}

static int
most_first(gconstpointer a, gconstpointer b)
{
    const LabReportKind *one = a, *other = b;

    if (one->n != other->n)
        return one->n < other->n ? 1 : -1;
    return one->examples[0]->cell->index > other->examples[0]->cell->index ? 1 : -1;
}

void
lab_report_settle_entries(LabReport *report)
{
    g_autoptr(GHashTable) groups = g_hash_table_new(NULL, NULL); /* first observation -> LabGroup */
    GHashTableIter iter;
    gpointer value;

    for (guint i = 0; i < report->analysis->groups->len; i++) {
        LabGroup *group = report->analysis->groups->pdata[i];

        if (group->observations->len)
            g_hash_table_insert(groups, group->observations->pdata[0], group);
    }
    g_hash_table_iter_init(&iter, report->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        LabReportEntry *entry = value;
        const LabReportCell *first = entry->cells->pdata[0];

        entry->group = g_hash_table_lookup(groups, first->observation);
        g_array_sort(entry->kinds, most_first);
    }
}

const LabReportEntry *
lab_report_entry(const LabReport *report, const char *kernel, const LabReportRow *row)
{
    const Key key = {kernel, row->recipe, row->variant};

    return g_hash_table_lookup(report->entries, &key);
}

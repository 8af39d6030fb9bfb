/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stock.h"

#include <string.h>

#define MAX_TWINS 256

struct LabStock {
    LabRuntime *runtime; /* NULL: not asked for yet */
    GHashTable *trouble; /* key -> why */
    GHashTable *twins;   /* digest -> path */
    LabGuest *ahead;     /* a clone that waits, or NULL; with it: */
    char *ahead_key;
    LabTemplate *ahead_template;
    LabCell *ahead_cell; /* what its configuration has: it lives as long as the clone does */
};

LabStock *
lab_stock_new(void)
{
    LabStock *stock = g_new0(LabStock, 1);

    stock->trouble = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    stock->twins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return stock;
}

static void
drop_ahead(LabStock *stock)
{
    g_clear_pointer(&stock->ahead, lab_guest_free);
    g_clear_pointer(&stock->ahead_key, g_free);
    g_clear_pointer(&stock->ahead_template, lab_template_free);
    g_clear_pointer(&stock->ahead_cell, lab_cell_free);
}

void
lab_stock_free(LabStock *stock)
{
    if (!stock)
        return;
    drop_ahead(stock);
    g_hash_table_unref(stock->trouble);
    g_hash_table_unref(stock->twins);
    g_clear_pointer(&stock->runtime, lab_runtime_free);
    g_free(stock);
}

const LabRuntime *
lab_stock_runtime(LabStock *stock, const LabPaths *paths, GError **error)
{
    if (!stock->runtime)
        stock->runtime = lab_runtime_new(paths->data, "cells", error);
    return stock->runtime;
}

gboolean
lab_stock_put_ahead(LabStock *stock, const char *key, LabTemplate *template, LabCell *cell,
                    const LabGuestConfig *config, GError **error)
{
    drop_ahead(stock);
    stock->ahead_cell = cell;
    stock->ahead = lab_guest_new_clone(config, template, error);
    if (!stock->ahead || !lab_guest_prestart(stock->ahead, error)) {
        drop_ahead(stock);
        return FALSE;
    }
    stock->ahead_key = g_strdup(key);
    stock->ahead_template = lab_template_ref(template);
    return TRUE;
}

LabGuest *
lab_stock_take_ahead(LabStock *stock, const char *key, LabTemplate **template)
{
    LabGuest *guest = NULL;

    if (stock->ahead && strcmp(stock->ahead_key, key) == 0) {
        guest = g_steal_pointer(&stock->ahead);
        *template = g_steal_pointer(&stock->ahead_template);
    }
    drop_ahead(stock);
    return guest;
}

const char *
lab_stock_trouble(const LabStock *stock, const char *key)
{
    return g_hash_table_lookup(stock->trouble, key);
}

void
lab_stock_note_trouble(LabStock *stock, const char *key, const char *why)
{
    g_hash_table_insert(stock->trouble, g_strdup(key), g_strdup(why));
}

const char *
lab_stock_twin(const LabStock *stock, const char *digest)
{
    return g_hash_table_lookup(stock->twins, digest);
}

void
lab_stock_note_twin(LabStock *stock, const char *digest, char *path)
{
    if (g_hash_table_size(stock->twins) >= MAX_TWINS)
        g_hash_table_remove_all(stock->twins);
    g_hash_table_replace(stock->twins, g_strdup(digest), path);
}

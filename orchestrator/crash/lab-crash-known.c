/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In how many known crashes a function occurs: what every crash has tells little. */
#include "lab-crash-known.h"
#include "lab-crash-similar.h"

#include <stdlib.h>
#include <string.h>

struct LabCrashKnown {
    GHashTable *counts; /* function -> number of crashes that were added */
    guint total;        /* of those */
};

LabCrashKnown *
lab_crash_known_new(void)
{
    LabCrashKnown *known = g_new0(LabCrashKnown, 1);

    known->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return known;
}

void
lab_crash_known_free(LabCrashKnown *known)
{
    if (!known)
        return;
    g_hash_table_unref(known->counts);
    g_free(known);
}

void
lab_crash_known_add(LabCrashKnown *known, const LabCrashTrace *trace)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < trace->stack->len; i++) {
        const char *function = ((LabCrashFrame *)trace->stack->pdata[i])->function;
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(known->counts, function));

        if (g_hash_table_add(seen, (char *)function))
            g_hash_table_replace(known->counts, g_strdup(function), GUINT_TO_POINTER(count + 1));
    }
    known->total++;
}

static int
compare_names(const void *name, const void *row)
{
    return strcmp(name, ((const LabCrashKnownFunction *)row)->function);
}

guint
lab_crash_known_total(const LabCrashKnown *known)
{
    return lab_crash_known_crashes + (known ? known->total : 0);
}

double
lab_crash_known_share(const LabCrashKnown *known, const char *function)
{
    const LabCrashKnownFunction *row = bsearch(function, lab_crash_known_functions,
                                               lab_crash_n_known_functions,
                                               sizeof lab_crash_known_functions[0], compare_names);
    guint count = row ? row->count : 0;

    if (known)
        count += GPOINTER_TO_UINT(g_hash_table_lookup(known->counts, function));
    return (double)count / lab_crash_known_total(known);
}

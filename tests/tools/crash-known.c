/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash-known FILE…: prints orchestrator/crash/lab-crash-known-table.c, in how many of the crashes
 * that these logs show a function occurs. Damaged reports and logs without a crash are passed over.
 */
#include <stdio.h>
#include <string.h>

#include "lab-crash-similar.h"

static void
count_file(const char *path, GHashTable *counts, guint *total)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autoptr(LabCrashLog) log = NULL;
    g_autoptr(LabCrashTrace) trace = NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &error))
        g_error("%s", error->message);
    log = lab_crash_log_parse(text, length);
    trace = lab_crash_trace_new_from_log(log);
    if (!trace || trace->corrupted || trace->stack->len == 0)
        return;
    for (guint i = 0; i < trace->stack->len; i++) {
        const char *function = ((LabCrashFrame *)trace->stack->pdata[i])->function;
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, function));

        if (g_hash_table_add(seen, (char *)function))
            g_hash_table_replace(counts, g_strdup(function), GUINT_TO_POINTER(count + 1));
    }
    (*total)++;
}

int
main(int argc, char **argv)
{
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) names = NULL;
    guint total = 0;

    for (int i = 1; i < argc; i++)
        count_file(argv[i], counts, &total);
    names = g_list_sort(g_hash_table_get_keys(counts), (GCompareFunc)strcmp);
    printf("/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
           "/*\n * Made by tests/tools/crash-known from the logs of a public corpus (data files "
           "of\n * google/syzkaller's crash parser tests, Apache-2.0): counts of function names, "
           "none of\n * their text. To make it again:\n *   build/tests/tools/crash-known LOG... "
           ">orchestrator/crash/lab-crash-known-table.c\n */\n"
           "#include \"lab-crash-known.h\"\n\n"
           "const guint lab_crash_known_crashes = %u;\n\n"
           "/* clang-format off */\n"
           "const LabCrashKnownFunction lab_crash_known_functions[] = {\n",
           total);
    for (GList *name = names; name; name = name->next) {
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, name->data));

        if (count >= 2)
            printf("    {\"%s\", %u},\n", (const char *)name->data, count);
    }
    printf("};\n/* clang-format on */\n\n"
           "const gsize lab_crash_n_known_functions = G_N_ELEMENTS(lab_crash_known_functions);\n");
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-table.h"

#include <stdio.h>

#include "lab-log.h"

struct LabTable {
    guint columns;
    GPtrArray *cells; /* char *, row by row; the headings first */
    gboolean *right;
    glong *width;
};

static void
add_cell(LabTable *table, guint column, const char *text)
{
    char *clean = lab_text_clean(text ? text : "-", -1, FALSE);
    glong width = g_utf8_strlen(clean, -1);

    table->width[column] = MAX(table->width[column], width);
    g_ptr_array_add(table->cells, clean);
}

LabTable *
lab_table_new(const char *const *headings)
{
    LabTable *table = g_new0(LabTable, 1);

    table->columns = g_strv_length((char **)headings);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    table->right = g_new0(gboolean, table->columns);
    table->width = g_new0(glong, table->columns);
    for (guint i = 0; i < table->columns; i++) {
        table->right[i] = headings[i][0] == '>';
        add_cell(table, i, headings[i] + (table->right[i] ? 1 : 0));
    }
    return table;
}

void
lab_table_free(LabTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table->right);
    g_free(table->width);
    g_free(table);
}

void
lab_table_add(LabTable *table, ...)
{
    va_list args;

    va_start(args, table);
    for (guint i = 0; i < table->columns; i++)
        add_cell(table, i, va_arg(args, const char *));
    va_end(args);
}

static void
print_cell(const LabTable *table, guint column, const char *text)
{
    int pad = (int)(table->width[column] - g_utf8_strlen(text, -1));

    if (table->right[column])
        printf("%*s%s", pad, "", text);
    else
        printf("%s%*s", text, column + 1 < table->columns ? pad : 0, "");
}

void
lab_table_print(const LabTable *table)
{
    if (table->cells->len <= table->columns)
        return;
    for (guint i = 0; i < table->cells->len; i++) {
        print_cell(table, i % table->columns, table->cells->pdata[i]);
        fputs(i % table->columns + 1 < table->columns ? "  " : "\n", stdout);
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables on stdout: columns as wide as their content, control bytes made harmless. */
#pragma once

#include <glib.h>

typedef struct LabTable LabTable;

/* 'headings' is NULL-terminated. A heading that begins with '>' makes a right-aligned column. */
LabTable *lab_table_new(const char *const *headings);
void lab_table_free(LabTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabTable, lab_table_free)

/* One row: as many strings as headings; NULL is "-". Copied. */
void lab_table_add(LabTable *table, ...);

/* Prints headings and rows; with no rows, nothing. */
void lab_table_print(const LabTable *table);

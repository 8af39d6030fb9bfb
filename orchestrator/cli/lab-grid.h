/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The matrix as a grid of signs: a row for each recipe and variant, a column for each kernel, a
 * letter for each repetition. The letter says what happened, the colour whether it was expected.
 */
#pragma once

#include "lab-run.h"

typedef struct LabGrid LabGrid;

typedef enum { LAB_SIGN_PENDING, LAB_SIGN_RUNNING, LAB_SIGN_AGAIN, LAB_SIGN_DONE } LabSignKind;

/* 'cells' (LabRunCell) are borrowed for the life of the grid. */
LabGrid *lab_grid_new(const GPtrArray *cells);
void lab_grid_free(LabGrid *grid);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabGrid, lab_grid_free)

/* 'brief' is read when 'kind' is DONE. */
void lab_grid_set(LabGrid *grid, const LabRunCell *cell, LabSignKind kind, const LabBrief *brief);

/* Appends lines (char *) of at most 'columns' places each and at most 'rows' of them; where not
 * all fits, the rows at work are shown and the rest is counted. 'beat' moves what runs. */
void lab_grid_draw(const LabGrid *grid, GPtrArray *lines, int columns, int rows, gboolean color,
                   guint beat);

/* The lines that all of it takes. */
int lab_grid_height(const LabGrid *grid);

/* The escape sequence of the colour of an outcome or state ("" without). */
const char *lab_grid_color(const LabBrief *brief, gboolean color);

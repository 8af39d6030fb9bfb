/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of this room that make up a run. */
#pragma once

#include "lab-run.h"

struct LabRun {
    char *id;
    char *directory;
    int fd;         /* of the directory */
    int lock_fd;    /* -1: not taken */
    int journal_fd; /* -1: not open yet */
    json_t *info;
    GPtrArray *cells;  /* LabRunCell, in 'strings'; NULL: not read yet */
    GHashTable *by_id; /* id -> LabRunCell */
    GStringChunk *strings;
    GHashTable *crashes; /* that this parent wrote to results.cache, by digest; or NULL */
};

#define LAB_CELLS_FILE "cells.jsonl"

/* Where in a line of cells.jsonl its id and its repetition stand: offsets of their first byte and
 * of the one behind. */
typedef struct {
    const char *text; /* borrowed, without the newline */
    gsize length;
    gsize id, id_end, repetition, repetition_end;
} LabCellLine;

/* FALSE: it does not look like one that lab_run_create wrote. */
gboolean lab_cell_line_parse(LabCellLine *line, const char *text, gsize length);
/* Whether two lines are the same but for id and repetition. */
gboolean lab_cell_line_is_like(const LabCellLine *a, const LabCellLine *b);
/* Equal for lines that are like each other. */
guint lab_cell_line_hash(const LabCellLine *line);
/* Appends the line of another repetition of 'like', with its newline. */
void lab_cell_line_append(GString *buffer, const LabCellLine *like, const char *id, int repetition);

/* Reads cells.jsonl into the short form. */
gboolean lab_run_load_cells(LabRun *run, GError **error);

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
};

#define LAB_CELLS_FILE "cells.jsonl"

/* Reads cells.jsonl into the short form. */
gboolean lab_run_load_cells(LabRun *run, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run directories, the truth about what was run: DATA/runs/RUN/ with run.json, matrix.yaml,
 * cells.jsonl, journal.jsonl, lock and cells/CELL/. See HACKING.md.
 *
 * A run may have 100 000 cells: only a short form of each stays in memory, the whole cell is read
 * again from its line of cells.jsonl when it is started or shown.
 */
#pragma once

#include "lab-brief.h"
#include "lab-cell.h"

#define LAB_RUN_SCHEMA 1

typedef struct LabRun LabRun;

/* The short form of a cell; lives as long as its run. */
typedef struct {
    const char *id;
    const char *kernel;  /* kernel id */
    const char *release; /* uname -r */
    const char *recipe;
    const char *variant;
    gboolean baseline;    /* the variant is its recipe's baseline */
    int repetition;       /* from 1 */
    guint index;          /* position in running order, from 0 */
    const char *share;    /* lab_cell_share */
    gboolean may_be_warm; /* it may run from a clone of a booted guest */
    int templates;        /* that its repetitions are spread over when they do */
    guint64 memory_bytes;
    int cpus;
    gboolean replay; /* a recorded guest: its times say nothing */
    gint64 guess_ms; /* how long it may take, for estimates without history */
    gint64 offset;   /* of its line in cells.jsonl */
    gint64 length;
} LabRunCell;

/* Makes a run of 'cells' (LabCell; each one's run is set; a cell that occurs twice is kept once)
 * and takes its lock. 'title' may be NULL: one is made of the cells. 'options' (borrowed, an
 * object) is what `resume` has to know. A run appears whole or not at all. */
LabRun *lab_run_create(const char *data, const char *title, const GPtrArray *cells,
                       const char *matrix_yaml, const json_t *options, GError **error);

/* Opens a run: its id, a unique prefix, or "latest". LAB_CONFIG_ERROR/NOT_FOUND when there is none
 * such or several; LAB_DATA_ERROR when it is damaged or of a newer kreglab. */
LabRun *lab_run_open(const char *data, const char *name, GError **error);

/* Opens "RUN/CELL" (unique prefixes each). *cell belongs to the run that is returned; when 'name'
 * has no "/CELL", *cell is NULL. */
LabRun *
lab_run_open_cell(const char *data, const char *name, const LabRunCell **cell, GError **error);
void lab_run_free(LabRun *run); /* gives the lock back */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabRun, lab_run_free)

/* Full ids of the runs in 'data', newest first; none is an empty list. g_strfreev. */
char **lab_run_ids(const char *data, GError **error);
char *lab_run_resolve(const char *data, const char *name, GError **error);

/* Takes the lock of who drives what is in 'dirfd': a run, a bisection. Waits two seconds for it:
 * lab_run_is_locked holds it for a moment, and a parent that was killed may leave a child that did
 * not yet come to its exec, which closes it. Owned by the caller; -1 and LAB_INFRA_ERROR/EXISTS
 * when another process has it. */
int lab_driver_lock(int dirfd, GError **error);
/* One parent drives a run: LAB_CONFIG_ERROR/EXISTS when another one does. Kept until freed. */
gboolean lab_run_lock(LabRun *run, GError **error);
/* Whether some process drives the run now. */
gboolean lab_run_is_locked(const char *data, const char *id);

const char *lab_run_id(const LabRun *run);
const char *lab_run_title(const LabRun *run);   /* "" when it has none */
const char *lab_run_created(const LabRun *run); /* ISO 8601, UTC, with milliseconds */
const char *lab_run_directory(const LabRun *run);
int lab_run_fd(const LabRun *run);             /* of the directory; borrowed */
const json_t *lab_run_info(const LabRun *run); /* run.json */
/* TRUE: how often its cells are repeated depends on their results. */
gboolean lab_run_is_adaptive(const LabRun *run);
/* LabRunCell in running order; read at the first call. NULL: damaged (LAB_DATA_ERROR). Borrowed. */
const GPtrArray *lab_run_cells(LabRun *run, GError **error);

/* By id or unique prefix. LAB_CONFIG_ERROR/NOT_FOUND. Borrowed. */
const LabRunCell *lab_run_find_cell(LabRun *run, const char *name, GError **error);

/* The whole cell, from cells.jsonl. Owned by the caller. */
LabCell *lab_run_read_cell(LabRun *run, const LabRunCell *cell, GError **error);

/* The cell's result.json. Owned by the caller. LAB_INFRA_ERROR/NOT_FOUND: missing (not run yet, or
 * its worker was lost). */
json_t *lab_run_read_result(LabRun *run, const LabRunCell *cell, GError **error);

/* Called for each cell in running order. 'result' is what lists, comparisons and reports read of a
 * result.json, under the same names (lab-results.c); crashes of one content are one object. NULL:
 * missing or not readable. Borrowed. */
typedef void (*LabResultFunc)(const LabRunCell *cell, const json_t *result, gpointer data);

/* All results, of 100 000 cells in a second: from results.cache, which is brought up to date with
 * the result.json files (by their size and time) and can be thrown away. */
gboolean lab_run_each_result(LabRun *run, LabResultFunc function, gpointer data, GError **error);

/* Puts a result that was just written into the cache, so that later reading is quick. */
void lab_run_cache_result(LabRun *run, const LabRunCell *cell);

/* All of them in short: LabBrief, in running order; a missing or unreadable result has state
 * missing. */
GPtrArray *lab_run_read_briefs(LabRun *run, GError **error);

/* One result in short; a missing or unreadable result is a brief with state missing. */
LabBrief *lab_run_read_brief(LabRun *run, const LabRunCell *cell);

/* How long a cell without history may take: boot, stressor, dump. */
gint64 lab_run_guess_ms(const LabCell *cell);

/* "RUN/cells/CELL", absolute; g_free. The directory need not exist. */
char *lab_run_cell_directory(const LabRun *run, const LabRunCell *cell);
/* "cells/CELL", below lab_run_fd; g_free. */
char *lab_run_cell_path(const LabRunCell *cell);

/* The names below cells/, as a set: ids of cells that were started, and earlier attempts. One look
 * instead of one for each of 100 000 cells. Owned by the caller. */
GHashTable *lab_run_started(const LabRun *run);

/* Makes cells/CELL with its cell.json, empty else. What an earlier attempt left there is kept
 * aside as cells/CELL.attempt-N (without its dump, unless 'keep_dump'). */
gboolean lab_run_prepare_cell(LabRun *run, const LabRunCell *cell, const LabCell *whole,
                              gboolean keep_dump, GError **error);

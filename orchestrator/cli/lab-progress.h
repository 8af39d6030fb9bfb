/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a run is shown while it goes: events, a live grid, or one line a finished cell. */
#pragma once

#include "lab-cli.h"
#include "lab-run-event.h"

typedef struct LabProgress LabProgress;

/* JSON lines on stdout with 'json'; else, on stderr, the grid where that is a terminal that can
 * move its cursor, or lines. With --quiet neither. */
LabProgress *lab_progress_new(const LabCli *cli, gboolean json);
/* Leaves the terminal as it was. */
void lab_progress_free(LabProgress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabProgress, lab_progress_free)

/* Whether the grid is shown, on a terminal where stdout is seen too: it has the run's id. */
gboolean lab_progress_is_live(const LabProgress *progress);

/* A LabRunEventFunc; 'data' is the LabProgress. */
void lab_progress_event(const LabRunEvent *event, gpointer data);

/* The live grid, apart for tests. Written to 'fd'; 'columns' and 'rows' 0: asked of the terminal.
 */
typedef struct LabLive LabLive;
LabLive *lab_live_new(LabRun *run, int fd, int columns, int rows, gboolean color);
void lab_live_free(LabLive *live);
void lab_live_event(LabLive *live, const LabRunEvent *event);

/* "spared: 6.1.0-1 ksm-migrate/stock from #14 on: its comparison is settled…", clean: the cells of
 * a group are spared in a row, and only the first says so; else NULL. '*spared' is the last one
 * that was, NULL at first. g_free. */
char *lab_progress_spared(const LabRunCell **spared, const LabRunEvent *event);

/* "crash  6.1.0-1 sysrq-panic/kdump #2  4.2 s  Kernel panic…": a finished cell, clean. g_free. */
char *lab_progress_line(const LabRunCell *cell, const LabBrief *brief, gboolean color);

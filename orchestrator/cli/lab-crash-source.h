/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Crashes by the names that people give them on the command line: a log (plain or compressed), a
 * vmcore, a cell, the repetitions of a cell.
 */
#pragma once

#include "lab-cli.h"
#include "lab-crash-similar.h"
#include "lab-run.h"

/* Some traces of what may be one bug. */
typedef struct {
    char *name;        /* as it was given */
    char *release;     /* of the first that says one; or NULL */
    GPtrArray *traces; /* LabCrashTrace, one a log or cell that shows a crash */
    guint n_logs;      /* logs and cells that were read */
} LabCrashSource;

LabCrashSource *lab_crash_source_new(const char *name);
void lab_crash_source_free(LabCrashSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCrashSource, lab_crash_source_free)

/* Reads one log, plain or compressed, or the log in a vmcore ("-": stdin). A log is read as a
 * stream, in bounded memory. Of one that is damaged or cut off the result is what came before, with
 * a warning. */
LabCrashLog *lab_crash_file_read(const char *path, GError **error);
/* The same without the warning: *missing says what could not be read, or is NULL; g_free. */
LabCrashLog *lab_crash_file_read_part(const char *path, char **missing, GError **error);

/* Adds what 'name' means: a file; all files of a directory; RUN/CELL, RUN/KERNEL/RECIPE/VARIANT
 * (all repetitions) or the beginning of a cell's id (in the newest run that has one).
 * LAB_CONFIG_ERROR/NOT_FOUND when there is nothing of that name. */
gboolean
lab_crash_source_add(LabCrashSource *source, const LabCli *cli, const char *name, GError **error);

/* The shipped counts of functions and, with 'own', those of the crashes in this lab's runs (each
 * signature once). */
LabCrashKnown *lab_crash_known_load(const LabCli *cli, gboolean own);

/* --threshold, else the configuration's. FALSE: an error is set. */
gboolean lab_crash_threshold(const LabCli *cli, double *threshold, GError **error);

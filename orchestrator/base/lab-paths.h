/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things lie. All that the lab keeps is under one data directory; caches (which can be made
 * again) are apart. Two labs with different data directories never meet.
 */
#pragma once

#include <glib.h>

/* In the cache directory: held shared by every worker that may use what is there, exclusive by who
 * takes something away. */
#define LAB_CACHE_LOCK ".in-use.lock"

typedef struct {
    char *data;    /* --data, KREGLAB_DATA, else $XDG_DATA_HOME/kreglab; 0700 */
    char *cache;   /* KREGLAB_CACHE, else $XDG_CACHE_HOME/kreglab; 0700 */
    char *worker;  /* kreglab-worker's path */
    char *agent;   /* kreglab-agent's path (the static guest program) */
    char *recipes; /* the shipped recipes */
    char *images;  /* the shipped kernel catalogue */
    char *reports; /* report templates and schemas */
} LabPaths;

/* 'data' overrides the environment; NULL: as above. Nothing is created. Absolute paths; owned by
 * the caller. An uninstalled build (the file kreglab-uninstalled beside the program) uses its
 * source tree. */
LabPaths *lab_paths_new(const char *data);
void lab_paths_free(LabPaths *paths);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabPaths, lab_paths_free)

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cleaning: each kind of thing under a budget of size and age. What is pinned, referenced or in use
 * stays; what goes is renamed into a trash folder first and removed there, so that nothing is ever
 * half there, whatever is killed when.
 *
 * In use is what a lock says: a run while a parent drives it, a template while it is opened, the
 * other caches while any worker lives (each holds LAB_CACHE_LOCK of the cache directory).
 * Overlays and sockets of guests are not in the data or cache directory: `kreglab-worker clean`
 * ends those whose worker is dead.
 */
#pragma once

#include "lab-index.h"
#include "lab-paths.h"

typedef enum {
    LAB_GC_VMCORES, /* within runs that stay */
    LAB_GC_RUNS,
    LAB_GC_TEMPLATES,
    LAB_GC_IMAGES,
    LAB_GC_INITRAMFS,
    LAB_GC_MODULES,
    LAB_GC_PROGRAMS,
    LAB_GC_ROOTS,
    LAB_GC_DOWNLOADS,
    LAB_GC_BUILDS,
    LAB_GC_APT,
    LAB_GC_KINDS
} LabGcKind;

/* "runs" …, by LabGcKind, NULL after the last. */
extern const char *const lab_gc_kind_names[];

typedef struct {
    guint64 max_bytes; /* 0: any size */
    gint64 max_age_ms; /* since it was last of use; 0: any age */
} LabGcBudget;

/* The budget of a kind when nobody says another. */
LabGcBudget lab_gc_default_budget(LabGcKind kind);

typedef struct {
    LabGcKind kind;
    char *name;       /* below its folder: a run's id, "RUN/CELL" of a vmcore, a cache's key */
    char *path;       /* absolute */
    guint64 bytes;    /* on disk */
    gint64 used_s;    /* when it was last of use; Unix time */
    char *kept_why;   /* it stays whatever the budget says: "pinned", "in use" …; or NULL */
    const char *drop; /* "age" or "size": it is to go; or NULL. Static */
    gboolean gone;    /* it went */
} LabGcItem;

/* Looks at everything of the kinds that 'budgets' names (NULL entries are passed over) and decides.
 * GPtrArray of LabGcItem, oldest first within each kind. Removes nothing. */
GPtrArray *
lab_gc_plan(const LabPaths *paths, const LabGcBudget *const budgets[LAB_GC_KINDS], GError **error);

/* Removes what is to go and can be locked; an item that came into use meanwhile gets its kept_why.
 * Removes what a killed one left in the trash, too. 'index' may be NULL. */
gboolean lab_gc_sweep(const LabPaths *paths, GPtrArray *items, LabIndex *index, GError **error);

/* Pins a run, so that nothing of it goes, or lets go of it. TRUE also when it was so already. */
gboolean lab_run_pin(LabRun *run, gboolean pinned, GError **error);

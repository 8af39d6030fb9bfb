/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the cleaning. */
#pragma once

#include "lab-gc.h"

#define LAB_PIN_FILE "pinned"

/* Where the items of a kind lie: absolute, g_free. */
char *lab_gc_folder(const LabPaths *paths, LabGcKind kind);
/* Adds all items of the kind; what is kept whatever happens has its word. */
void lab_gc_scan(const LabPaths *paths, LabGcKind kind, GPtrArray *items);

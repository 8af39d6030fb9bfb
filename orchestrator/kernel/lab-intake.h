/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking kernels into the store: DATA/kernels/ID, as model/lab-kernel.h describes it. */
#pragma once

#include <glib.h>

#include "lab-kernel.h"

/* 'text' says what is going on; 'total' 0: unknown. */
typedef void (*LabIntakeProgress)(const char *text, guint64 done, guint64 total, gpointer data);

typedef struct {
    const char *data;   /* data directory */
    const char *cache;  /* cache directory */
    const char *name;   /* id of the kernel in the store, or NULL: its release */
    const char *sha256; /* what the one source has to hash to, or NULL */
    gboolean headers;   /* apt: fetch the headers packages too */
    gboolean debug;     /* keep the vmlinux with symbols; apt: fetch the debug package */
    LabIntakeProgress progress;
    gpointer progress_data;
} LabIntakeOptions;

/* Takes one kernel in from 'sources' (NULL-terminated, at least one: packages, directories, images,
 * URLs, debian:SUITE/PACKAGE; see lab-source.h). A kernel that is there already (same digest) is
 * kept and gets what the new sources add (headers, symbols). Owned by the caller; NULL on error:
 * LAB_CONFIG_ERROR for a source that cannot be used, LAB_DATA_ERROR for a damaged or hostile one,
 * LAB_INFRA_ERROR else. */
LabKernel *lab_intake(const char *const *sources, const LabIntakeOptions *options, GError **error);

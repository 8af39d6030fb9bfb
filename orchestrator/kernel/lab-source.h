/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where kernels come from. A source is one source-NAME.c with one constant LabSource
 * `lab_source_NAME` and its NAME in this room's meson list, which makes the table.
 */
#pragma once

#include "lab-stage.h"

struct LabSource {
    const char *name;
    const char *form;                      /* what the user types */
    const char *summary;                   /* one line for help and manual */
    gboolean (*accepts)(const char *spec); /* by form or by the file's first bytes */
    gboolean (*take)(LabStage *stage, const char *spec, GError **error);
};
typedef struct LabSource LabSource;

/* NULL-terminated, in the order in which they are asked. */
const LabSource *const *lab_sources(void);

/* Reads up to 'length' first bytes of a regular file; -1 when it is none. */
gssize lab_source_peek(const char *path, void *buffer, gsize length);

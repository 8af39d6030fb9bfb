/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of lab-beside.h share. */
#pragma once

#include "lab-beside.h"

/* One side: its first cell, results, and what their logs warned of. */
typedef struct {
    LabCell *cell;
    LabKernel *kernel;       /* NULL: no longer in the store */
    GPtrArray *results;      /* json_t */
    GHashTable *warned;      /* titles */
    GPtrArray *environments; /* json_t of lab-environment.h, of the runs that recorded it */
    GHashTable *options;     /* of the configuration: name -> value; NULL: none */
} LabBesideSide;

/* Reads the first runs of the group that have a result. */
void lab_beside_side_read(LabRun *run, const LabGroup *group, LabBesideSide *side);
void lab_beside_side_clear(LabBesideSide *side);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabBesideSide, lab_beside_side_clear)

const json_t *lab_beside_first_result(const LabBesideSide *side); /* borrowed, or NULL */

/* Members of the document; new references. */
json_t *lab_beside_config(const LabBesideSide *a, const LabBesideSide *b);
json_t *lab_beside_cmdline(const char *a, const char *b);
json_t *lab_beside_settings(const LabBesideSide *a, const LabBesideSide *b);
/* "values" of the document. */
json_t *lab_beside_values(const LabBesideSide *a, const LabBesideSide *b);
gboolean lab_beside_is_absent(const json_t *values); /* in one of the side's runs */
/* Names of the member 'kind' of all environments of both sides, in order. Borrowed; g_list_free. */
GList *lab_beside_names(const LabBesideSide *a, const LabBesideSide *b, const char *kind);
/* Sets "modules" and "values", or names them as missing. */
void lab_beside_environment(const LabBesideSide *a, const LabBesideSide *b, json_t *json,
                            json_t *missing);
json_t *lab_beside_changelog(const LabBesideSide *a, const LabBesideSide *b, json_t *missing);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user sets once: $KREGLAB_CONFIG, else $XDG_CONFIG_HOME/kreglab/config.yaml. A key is one
 * row of the table; without the file everything has its default.
 */
#pragma once

#include "lab-schema.h"

/* gc.KIND: as many as store/ has kinds of things to clean, in its order. */
#define LAB_CONFIG_GC_KINDS 11

typedef struct {
    guint64 max_bytes; /* 0: not set */
    gint64 max_age_ms;
} LabConfigBudget;

typedef struct {
    double similarity_threshold; /* similarity.threshold, 0..1 */
    LabConfigBudget gc[LAB_CONFIG_GC_KINDS];
} LabConfig;

extern const LabSchema lab_config_table;

/* Fills in 'config'; an absent file is no error. LAB_CONFIG_ERROR with all that is wrong in it. */
gboolean lab_config_load(LabConfig *config, GError **error);

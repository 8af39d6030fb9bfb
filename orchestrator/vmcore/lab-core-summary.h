/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "lab-core.h"

typedef struct {
    const char *vmlinux; /* for crash(8); or NULL */
    gboolean all_tasks;  /* stacks of every task, not of CPUs and blocked tasks alone */
    gboolean dmesg;      /* the whole log as member "dmesg" */
} LabCoreSummaryOptions;

/* What `kreglab vmcore --json` prints (reports/schema/vmcore.schema.json): every fact with its
 * source, the crash by its dmesg, registers, stacks, and what could not be had. 'options' may be
 * NULL. NULL with LAB_CONFIG_ERROR only when the vmlinux is not this dump's. New reference. */
json_t *lab_core_summary(LabCore *core, const LabCoreSummaryOptions *options, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the recipes say of one kernel, and of the crash that a log of it shows. */
#pragma once

#include "lab-affected.h"
#include "lab-changelog.h"
#include "lab-crash.h"
#include "lab-kernel.h"

/* How well a recipe's incident meets a log's crash. */
typedef enum {
    LAB_MEETS_NOT,
    LAB_MEETS_TRACE,    /* a function of the incident is in its traces */
    LAB_MEETS_FUNCTION, /* the title's function is one of the incident */
    LAB_MEETS_TITLE,    /* a detector's pattern or an expected title with a function meets it */
} LabMeets;

typedef struct {
    const LabRecipe *recipe;       /* borrowed */
    LabApplies applies;            /* UNKNOWN without a release */
    char *why;                     /* of 'applies' */
    const LabAffected *entry;      /* what decided it, or speaks nearest; borrowed; or NULL */
    char *change, *change_version; /* the fix in the kernel's own changelog; or NULL */
    LabMeets meets;
    char *met; /* the title or function that meets; or NULL */
} LabAdvice;

/* Advice of every recipe of 'recipes' (borrowed) that names an incident's kernels, or that the log
 * meets. First what the log meets, then affected, unknown, not affected. 'kernel', 'release',
 * 'changelog' and 'log' may be NULL. Free with g_ptr_array_unref. */
GPtrArray *
lab_advice_new(const GPtrArray *recipes, const LabKernel *kernel, const LabRelease *release,
               const GPtrArray *changelog, const LabCrashLog *log);

const char *lab_meets_name(LabMeets meets); /* NULL for NOT; "title", "function", "trace" */

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.yaml: what a kernel has to show before it is rolled out. kreglab-policy(5). */
#pragma once

#include <glib.h>

#include "lab-schema.h"

/* A crash that somebody answers for. */
typedef struct {
    char *signature; /* K0 or K1, or the first eight digits or more of one, without "v1:" */
    char *recipe;    /* glob; or NULL: all */
    char *owner, *reason;
    char *expires; /* YYYY-MM-DD: the last day on which it counts */
} LabWaiver;

typedef struct {
    double confidence_percent;
    double max_bad_percent; /* 0: not asked */
    char *baseline;         /* id or release; NULL: the run's first kernel */
    char **kernels;         /* globs over ids and releases; empty: all but the baseline */
    char **require;         /* "RECIPE" or "RECIPE/VARIANT" */
    char *same_as_baseline; /* "go", "no-go" */
    char *skipped;          /* "hole", "ignore" */
    GPtrArray *waivers;     /* LabWaiver */
} LabPolicy;

extern const LabSchema lab_policy_table;

/* LAB_CONFIG_ERROR with everything that is wrong. */
LabPolicy *lab_policy_load(const char *path, GError **error);
void lab_policy_free(LabPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabPolicy, lab_policy_free)

/* The keys of policy.yaml with types, defaults and help. g_free. */
char *lab_policy_help(void);

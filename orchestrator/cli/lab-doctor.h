/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine has of what the lab needs: one row of a table a check. */
#pragma once

#include "lab-cli.h"

typedef enum {
    LAB_HEALTH_OK,
    LAB_HEALTH_NOTE,    /* works, but there is something to know */
    LAB_HEALTH_MISSING, /* something does without it */
    LAB_HEALTH_BROKEN,  /* no cell can run */
} LabHealth;

/* What a check finds. Texts are g_free'd by the caller. */
typedef struct {
    LabHealth health;
    char *detail; /* one line: what there is, or what is wrong */
    char *fix;    /* a command or a sentence; NULL: nothing to do */
} LabFinding;

typedef struct {
    const LabPaths *paths;
    const json_t *probe;  /* the worker's answer, or NULL */
    const char *no_probe; /* why there is none */
    GPtrArray *kernels;   /* LabKernel of the store */
    gboolean clean;
} LabDoctor;

typedef struct {
    const char *name;
    const char *what_for;
    LabFinding (*check)(const LabDoctor *doctor);
} LabCheck;

/* Programs and libraries; ended by name NULL. */
extern const LabCheck lab_doctor_tool_checks[];
/* This host, directories, kernels, leftovers. */
extern const LabCheck lab_doctor_host_checks[];

LabFinding lab_finding(LabHealth health, char *detail, char *fix); /* takes both */

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cell of the matrix, everything resolved: kernel, recipe with its variant laid over it, shape
 * of the guest, deadlines. cell.json is all that a worker reads; the recipe's YAML is not read
 * again (its folder is, for sources).
 */
#pragma once

#include "lab-kernel.h"
#include "lab-outcome.h"
#include "lab-recipe.h"

#define LAB_CELL_SCHEMA   1
#define LAB_RESULT_SCHEMA 1

typedef struct {
    gint64 boot_ms;      /* QEMU's start to the agent's hello */
    gint64 setup_ms;     /* sysctls, modules, capture kernel, payload */
    gint64 run_ms;       /* the stressor */
    gint64 heartbeat_ms; /* silence that counts as a hang */
    gint64 evidence_ms;  /* console after a panic, sysrq output of a hang */
    gint64 kdump_ms;     /* panic to the last byte of an in-guest dump */
    gint64 dump_ms;      /* host-side dump */
} LabDeadlines;

typedef struct LabCell LabCell;

struct LabCell {
    char *id;  /* 12 hex digits: see lab_cell_compute_id */
    char *run; /* run id */
    char *kernel_id;
    char *kernel_release;
    char *kernel_digest;
    char *kernel_directory;
    char *recipe;
    char *recipe_digest;
    char *recipe_directory;
    char *variant;
    gboolean baseline; /* the variant is the recipe's baseline */
    int repetition;    /* from 1 */
    LabGuestShape guest;
    LabSetup setup; /* recipe's and variant's and matrix's, merged */
    LabStressor stressor;
    char **needs_config;
    GPtrArray *detectors; /* LabDetector */
    LabReached reached;
    GPtrArray *expect; /* LabExpect that apply to this kernel and variant */
    LabDeadlines deadlines;
    gboolean kdump;
    gboolean ends_in_panic;
    char *boot;        /* "bzimage" (default: as a distribution boots) or "pvh" */
    char *accelerator; /* "auto", "kvm", "tcg" */
    char *connect_uri; /* NULL: the embedded driver */
    char *replay;      /* directory of a replay guest; NULL: a real one */
    char *keep_dumps;  /* "first-per-signature", "all", "none" */
    int templates;     /* booted guests that repetitions are spread over when they run warm */
    char *cold_why;    /* why it never runs from a clone, in words; NULL: it may */
    /* Whose repetition it is: all but id, run and repetition is that cell's, which owns it and
     * lives longer. NULL: everything is its own. */
    const LabCell *like;
};

LabCell *lab_cell_new(void); /* lab defaults filled in */
void lab_cell_free(LabCell *cell);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCell, lab_cell_free)
LabCell *lab_cell_copy(const LabCell *cell);

json_t *lab_cell_to_json(const LabCell *cell);
LabCell *lab_cell_from_json(const json_t *json, GError **error);

/* Sets cell->id: the first 12 hex digits of SHA-256 over kernel digest, recipe digest, variant (its
 * whole setup), guest shape and repetition. */
void lab_cell_compute_id(LabCell *cell);

/* The same in two steps, for many repetitions of one cell: everything but the repetition (free with
 * g_checksum_free), then the repetition and the id. */
GChecksum *lab_cell_id_begin(const LabCell *cell);
void lab_cell_id_finish(LabCell *cell, const GChecksum *begun);

/* Another repetition of 'like', which has to live longer, for matrices of 100 000 cells: it has its
 * own id and run, all else is shared. 'begun' is of lab_cell_id_begin. */
LabCell *lab_cell_repeat(const LabCell *like, int repetition, const GChecksum *begun);

/* Which of the cell's templates this repetition is a clone of: from 0. */
int lab_cell_template_index(const LabCell *cell);

/* Cells with the same value can start from the same boot: kernel, shape, command line, modules and
 * what else is there before a cell's own part begins. g_free. */
char *lab_cell_share(const LabCell *cell);

/* What a stressor finds in its environment, as NAME=VALUE: KREGLAB_DURATION (seconds, rounded up;
 * absent without a duration), KREGLAB_CPUS, KREGLAB_MEMORY_MB, KREGLAB_NODES, KREGLAB_RELEASE,
 * KREGLAB_RECIPE, KREGLAB_VARIANT, KREGLAB_REPETITION. g_strfreev. */
char **lab_cell_environment(const LabCell *cell);

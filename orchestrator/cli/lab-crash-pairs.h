/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which crash(8) opens the vmcores of which kernels: what we measured, and what this lab's own runs
 * say, which counts more. A crash(8) knows the kernels up to its own time; a series between two
 * measured ones is taken to be like them.
 */
#pragma once

#include "lab-cli.h"

typedef enum {
    LAB_PAIR_UNTRIED,  /* nothing is known */
    LAB_PAIR_OPENS,    /* measured */
    LAB_PAIR_SHOULD,   /* a later series was opened */
    LAB_PAIR_TOO_NEW,  /* an earlier series was not opened */
    LAB_PAIR_DOES_NOT, /* measured */
} LabPair;

typedef struct LabCrashPairs LabCrashPairs;

/* 'data' is the directory with the runs; the newest of them are read, and those that cannot be read
 * are passed over. Never NULL. */
LabCrashPairs *lab_crash_pairs_new(const char *data);
void lab_crash_pairs_free(LabCrashPairs *pairs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCrashPairs, lab_crash_pairs_free)

/* 'crash' is a version ("8.0.2"), 'series' of a kernel ("6.1"). */
LabPair lab_crash_pairs_find(const LabCrashPairs *pairs, const char *crash, const char *series);
const char *lab_pair_text(LabPair pair);

/* How many dumps of that pair were opened here, of how many tried. */
void lab_crash_pairs_seen(const LabCrashPairs *pairs, const char *crash, const char *series,
                          guint *opened, guint *tried);

/* "6.1" of "6.1.0-40-cloud-amd64". g_free. */
char *lab_series_of(const char *release);

/* TRUE when a guest ran for it: a recorded one proves nothing about a kernel. */
gboolean lab_result_is_real(const json_t *result);

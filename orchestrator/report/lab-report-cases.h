/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells as the tests of other systems' reports (JUnit, KTAP, KCIDB): a name each, and whether what
 * happened was wanted. */
#pragma once

#include "lab-report.h"

typedef enum {
    LAB_CASE_PASS,
    LAB_CASE_EXPECTED, /* not a pass, but what the recipe expects of this kernel */
    LAB_CASE_FAIL,     /* unexpected: what the exit status of `run` counts */
    LAB_CASE_UNKNOWN,  /* ran, and says nothing */
    LAB_CASE_SKIP,     /* the kernel lacks what the recipe needs */
    LAB_CASE_ERROR,    /* the lab's own failure, or no result: never the kernel's */
} LabCase;

LabCase lab_report_case(const LabReportCell *cell);

/* "RECIPE/VARIANT run N" of each cell, in running order; where cells of one kernel share that, the
 * cell's id follows. Unique within a kernel. GPtrArray of char *, owned by the caller. */
GPtrArray *lab_report_case_names(const LabReport *report);

/* One line that says why: the title, else the result's reason, else the word; with "(survived)" or
 * the like. Cleaned. g_free. */
char *lab_report_case_text(const LabReportCell *cell);

/* The cells of a kernel in running order, as indices into report->cells (guint). */
GArray *lab_report_cells_of(const LabReport *report, const char *kernel);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report of a run: one document, made of the run directory and its analysis, and one file a
 * format that turns it into bytes. To add a format: format-NAME.c with one const descriptor,
 * lab_report_format_NAME, and its word in this room's meson list.
 */
#pragma once

#include "lab-analysis.h"

#define LAB_REPORT_SCHEMA 1

/* So many comparisons are told with what changed beside the outcome: it takes reading logs. */
#define LAB_REPORT_BESIDE_MAX 50

/* A run of more cells is a large one: its report details LAB_REPORT_EXAMPLES cells of each kind
 * (LabReportKind) but none that passed as expected, and LAB_REPORT_DETAILED_MAX in all. */
#define LAB_REPORT_LARGE        400
#define LAB_REPORT_EXAMPLES     3
#define LAB_REPORT_DETAILED_MAX 5000

typedef struct {
    const LabRunCell *cell;      /* borrowed from the run */
    LabObservation *observation; /* borrowed from the analysis */
    LabBrief *brief;
    gboolean baseline;
    gboolean dump_removed; /* kept once per signature: this one is gone */
    guint nth_of_kind;     /* in running order, from 1 */
    gboolean detailed;     /* the report has all that is known of it */
} LabReportCell;

/* Files of a cell directory that a report links to. */
typedef struct {
    const char *name;  /* file */
    const char *label; /* what it is called in a report */
} LabEvidenceFile;

extern const LabEvidenceFile lab_evidence_files[];
extern const guint lab_n_evidence_files;

/* Why a crash is not, or not certainly, another one. */
typedef struct {
    guint other; /* index in LabReport.crashes */
    LabCrashVerdict verdict;
    char *why;
} LabReportApart;

/* A bug, as far as signatures and stacks tell: cells of any kernel and variant. */
typedef struct {
    const char *title;  /* the most frequent; as read from the guest, not cleaned; borrowed */
    GPtrArray *cells;   /* LabReportCell, borrowed */
    GPtrArray *whys;    /* char *: why they are one; empty for a single cell */
    gboolean uncertain; /* the last reason says so */
    GPtrArray *apart;   /* LabReportApart: crashes of its class or recipe */
} LabReportCrash;

/* One row of the matrix: what is run on each kernel. */
typedef struct {
    const char *recipe, *variant;
    gboolean baseline;
} LabReportRow;

/* Cells of an entry that ended alike: one outcome, one title, expected or not. */
typedef struct {
    const LabReportCell *examples[LAB_REPORT_EXAMPLES]; /* the first ones; NULL: no more */
    guint n;
} LabReportKind;

/* One entry of the matrix: the cells of a kernel and a row. */
typedef struct {
    GPtrArray *cells;      /* LabReportCell in running order, borrowed; at least one */
    GArray *kinds;         /* LabReportKind, the one that most cells have first */
    const LabGroup *group; /* what the analysis makes of them; borrowed */
} LabReportEntry;

typedef struct {
    LabRun *run; /* borrowed */
    LabAnalysis *analysis;
    GPtrArray *cells;    /* LabReportCell, in running order */
    GPtrArray *kernels;  /* char * ids, in running order; borrowed */
    GPtrArray *rows;     /* LabReportRow, in running order */
    GHashTable *entries; /* for lab_report_entry() */
    GPtrArray *crashes;  /* LabReportCrash, the one that most cells have first */
    GHashTable *beside; /* LabComparison, borrowed -> json_t, read when it is asked for: comparisons
                         * that lab_report_beside() tells of */
    guint ran, infra, skipped, missing, unexpected;
    guint spared;  /* repetitions that an adaptive run did without; not among 'cells' */
    guint suspect; /* of those that ran: the host was under pressure and that can explain it */
    guint outcomes[LAB_OUTCOME_INCONCLUSIVE + 1]; /* of those that ran */
    json_t *facts;                                /* facts of result.json that all cells share */
    gboolean color;                               /* text: escape sequences are welcome */
    int fd;      /* lab_report_drain() writes to it; -1: what is written is kept in memory */
    char *links; /* what stands before "cells/…" in a link: "" or an absolute directory + "/" */
} LabReport;

/* Reads the run. 'baseline_kernel', 'confidence': as for lab_analysis_new(). */
LabReport *
lab_report_new(LabRun *run, const char *baseline_kernel, double confidence, GError **error);
void lab_report_free(LabReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabReport, lab_report_free)

/* Which files the cell has: bits by the index in lab_evidence_files. Looks at the disk. */
guint lab_report_evidence(const LabReport *report, const LabReportCell *cell);
/* The cell's result.json, cleaned of control characters; NULL: missing. New reference. */
json_t *lab_report_cell_result(const LabReport *report, const LabReportCell *cell);
gboolean lab_report_is_large(const LabReport *report);
/* The entry of a kernel (of report->kernels) and a row (of report->rows); NULL: not in the matrix.
 * Borrowed. */
const LabReportEntry *
lab_report_entry(const LabReport *report, const char *kernel, const LabReportRow *row);
/* The release of a kernel id, for people; borrowed. */
const char *lab_report_release(const LabReport *report, const char *kernel);

/* "crash", "pass", "infra"… of a cell; static. */
const char *lab_report_word(const LabReportCell *cell);
/* One character that says the same as the colour: "✓", "✗"… Static. */
const char *lab_report_sign(const char *word);
/* The outcome names of a run in the order of their weight, ended by NULL. */
extern const char *const lab_report_words[];
guint lab_report_count(const LabReport *report, const char *word);
/* "12.3 s", "410 ms", "–" for a negative one; "22.0 MiB". g_free. */
char *lab_report_time(gint64 ms);
char *lab_report_size(guint64 bytes);

typedef struct {
    const char *name;      /* "html": --format's word */
    const char *extension; /* "html": runs/RUN/report.html */
    const char *summary;
    gboolean (*write)(const LabReport *report, GString *out, GError **error);
} LabReportFormat;

/* The registry that meson generates; NULL ends it. */
extern const LabReportFormat *const lab_report_formats[];
/* NULL: no such format. */
const LabReportFormat *lab_report_format_find(const char *name);

/* What the flags of a result's crash mean; "" for none. g_free. */
char *lab_report_crash_flags(const json_t *crash);
/* "before", "cause" or "after" of an element of its "reports"; borrowed. */
const char *lab_report_place(const json_t *crash, const json_t *one);
/* What a harmless report of that place is to the cause. Static. */
const char *lab_report_harmless(const char *place);
/* The result names a dump that is there no more. */
gboolean
lab_report_dump_is_gone(const LabReport *report, const LabReportCell *cell, const json_t *dump);

/* Formats call it between pieces: what 'out' holds goes to report->fd once it is large. */
gboolean lab_report_drain(const LabReport *report, GString *out, GError **error);

/* What changed beside the outcome of a comparison of the analysis (lab-beside.h), cleaned of
 * control characters; read at the first call. NULL: a same-pass, a side that never ran, or beyond
 * LAB_REPORT_BESIDE_MAX; those that differ go first. Borrowed. */
json_t *lab_report_beside(const LabReport *report, const LabComparison *comparison);

/* One thing of it, for people. */
typedef struct {
    const char *label; /* "config", "new warning"… */
    char *text;
} LabReportBesideLine;

#define LAB_REPORT_BESIDE_LINES 5

/* Without numbers that hardly moved. 'briefly': one line a kind of change,
 * LAB_REPORT_BESIDE_LINES at most; else all, but long lists are cut. 'beside': of lab_beside(), or
 * NULL. GPtrArray of LabReportBesideLine, owned by the caller; empty where there is nothing. */
GPtrArray *lab_report_beside_to_lines(const json_t *beside, gboolean briefly);
/* Those of lab_report_beside(). */
GPtrArray *
lab_report_beside_lines(const LabReport *report, const LabComparison *comparison, gboolean briefly);
/* lab_analysis_to_json() with "beside" in those that have it. New reference. */
json_t *lab_report_comparisons_to_json(const LabReport *report);

/* Below: between the files of the room. */
GHashTable *lab_report_entries_new(void);
void lab_report_enter(LabReport *report, LabReportCell *cell);
/* After the last cell. */
void lab_report_settle_entries(LabReport *report);
GPtrArray *lab_report_find_crashes(const LabReport *report);
GHashTable *lab_report_choose_beside(const LabReport *report);
/* No control characters in what is shown. Changes 'value', the caller's own; a new reference. */
json_t *lab_report_clean(json_t *value);

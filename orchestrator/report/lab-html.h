/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of the HTML report. Everything goes through lab_html(), which escapes what it is given. */
#pragma once

#include "lab-report.h"

/* printf whose %s arguments are escaped for HTML text and quoted attributes; control and
 * bidirectional characters become U+FFFD. The format itself is trusted. */
void lab_html(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The badge of an outcome: colour and sign and word. */
void lab_html_badge(GString *out, const char *word, const char *text);

void lab_html_differs(const LabReport *report, GString *out);
void lab_html_matrix(const LabReport *report, GString *out);
void lab_html_crashes(const LabReport *report, GString *out);
void lab_html_survival(const LabReport *report, GString *out);
void lab_html_pictures(const LabReport *report, GString *out);
/* The details of the cells that have them. */
gboolean lab_html_cells(const LabReport *report, GString *out, GError **error);

/* A result's "crash": title, flags, frames, what was reported before and after. NULL: nothing. */
void lab_html_crash(const json_t *crash, GString *out);

/* "<a href=…>" to the cell's details, or "<span>" when it has none; close it with
 * lab_html_unlink_cell(). 'class': of either. */
void lab_html_link_cell(const LabReportCell *cell, const char *class, GString *out);
void lab_html_unlink_cell(const LabReportCell *cell, GString *out);

/* Links to the cell's files that are there. 'all' FALSE: console and vmcore only. */
void
lab_html_evidence(const LabReport *report, const LabReportCell *cell, gboolean all, GString *out);

/* --- one picture each, in lab-html-svg.c --- */

typedef struct {
    const char *label; /* of the row */
    const char *mark;  /* class of the dot: "k0", "k1"…, which stands for a kernel */
    const char *text;  /* value and name, for the tooltip and for readers of tables */
    double value;
} LabDot;

/* Dots on one axis, rows by label. 'unit' stands at the axis. */
void lab_svg_dots(GString *out, const char *name, const LabDot *dots, guint n, gboolean logarithmic,
                  const char *unit);
/* A line of [[x, y], …]; 'top' is the greatest y of all that are to be compared. */
void lab_svg_line(GString *out, const char *name, const json_t *points, double top);
/* Class of the dots of the i-th kernel. Static. */
const char *lab_svg_mark(guint kernel);
/* The shape of that mark around a point. */
void lab_svg_shape(GString *out, const char *mark, double x, double y);
/* A legend for them. */
void lab_svg_legend(const LabReport *report, GString *out);

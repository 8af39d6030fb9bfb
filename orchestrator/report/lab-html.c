/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-html.h"

#include <string.h>

#include "lab-log.h"

void
lab_html(GString *out, const char *format, ...)
{
    va_list args;
    g_autofree char *escaped = NULL;
    g_autofree char *clean = NULL;
    char *reference;

    va_start(args, format);
    escaped = g_markup_vprintf_escaped(format, args);
    va_end(args);
    /* GLib writes control characters as references; a literal "&#x" has been escaped, so these are
     * all of them. */
    while ((reference = strstr(escaped, "&#x"))) {
        gsize length = strcspn(reference, ";");

        memmove(reference + 3, reference + length + 1, strlen(reference + length + 1) + 1);
        memcpy(reference, "\xef\xbf\xbd", 3);
    }
    clean = lab_text_clean(escaped, -1, TRUE);
    g_string_append(out, clean);
}

void
lab_html_badge(GString *out, const char *word, const char *text)
{
    lab_html(out, "<span class=\"badge %s\"><span aria-hidden=\"true\">%s</span> %s</span>", word,
             lab_report_sign(word), text ? text : word);
}

void
lab_html_link_cell(const LabReportCell *cell, const char *class, GString *out)
{
    if (cell->detailed)
        lab_html(out, "<a class=\"%s\" href=\"#c-%s\">", class, cell->cell->id);
    else
        lab_html(out, "<span class=\"%s\">", class);
}

void
lab_html_unlink_cell(const LabReportCell *cell, GString *out)
{
    g_string_append(out, cell->detailed ? "</a>" : "</span>");
}

void
lab_html_evidence(const LabReport *report, const LabReportCell *cell, gboolean all, GString *out)
{
    g_autofree char *path = lab_run_cell_path(cell->cell);
    g_autofree char *prefix = g_uri_escape_string(report->links, "/", FALSE);
    guint there = lab_report_evidence(report, cell);

    for (guint i = 0; i < lab_n_evidence_files; i++) {
        const LabEvidenceFile *file = &lab_evidence_files[i];

        if (!(there & (1u << i)) || (!all && i > 1))
            continue;
        lab_html(out, "<a href=\"%s%s/%s\">%s</a> ", prefix, path, file->name, file->label);
    }
}

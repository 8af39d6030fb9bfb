/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words, signs and figures that the formats share. */
#include "lab-report.h"

#include <string.h>

const char *const lab_report_words[] = {"pass",    "fail",         "crash",   "hang",
                                        "timeout", "boot-failure", "lost",    "inconclusive",
                                        "infra",   "skipped",      "missing", NULL};

const char *
lab_report_word(const LabReportCell *cell)
{
    return lab_brief_word(cell->brief);
}

const char *
lab_report_sign(const char *word)
{
    static const struct {
        const char *word, *sign;
    } signs[] = {
        {"pass", "✓"},    {"fail", "▼"},         {"crash", "✗"},   {"hang", "∥"},
        {"timeout", "◷"}, {"boot-failure", "⊘"}, {"lost", "?"},    {"inconclusive", "~"},
        {"infra", "#"},   {"skipped", "–"},      {"missing", "·"},
    };

    for (gsize i = 0; word && i < G_N_ELEMENTS(signs); i++)
        if (strcmp(signs[i].word, word) == 0)
            return signs[i].sign;
    return "·";
}

guint
lab_report_count(const LabReport *report, const char *word)
{
    if (strcmp(word, "infra") == 0)
        return report->infra;
    if (strcmp(word, "skipped") == 0)
        return report->skipped;
    if (strcmp(word, "missing") == 0)
        return report->missing;
    return report->outcomes[lab_outcome_from_name(word)];
}

char *
lab_report_time(gint64 ms)
{
    if (ms < 0)
        return g_strdup("–");
    if (ms < 1000)
        return g_strdup_printf("%" G_GINT64_FORMAT " ms", ms);
    if (ms < 100 * 1000)
        return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT " s", ms / 1000,
                               ms % 1000 / 100);
    return g_strdup_printf("%" G_GINT64_FORMAT " min %" G_GINT64_FORMAT " s", ms / 60000,
                           ms % 60000 / 1000);
}

char *
lab_report_size(guint64 bytes)
{
    if (bytes < 1024)
        return g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes);
    if (bytes < 1024 * 1024)
        return g_strdup_printf("%.1f KiB", (double)bytes / 1024);
    if (bytes < G_GUINT64_CONSTANT(1) << 30)
        return g_strdup_printf("%.1f MiB", (double)bytes / (1024 * 1024));
    return g_strdup_printf("%.2f GiB", (double)bytes / (1024 * 1024 * 1024));
}

const LabReportFormat *
lab_report_format_find(const char *name)
{
    for (const LabReportFormat *const *format = lab_report_formats; *format; format++)
        if (strcmp((*format)->name, name) == 0)
            return *format;
    return NULL;
}

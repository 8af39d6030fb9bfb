/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The document that every format is made from. */
#include "lab-report.h"

#include <fcntl.h>
#include <string.h>

#include "lab-file.h"
#include "lab-journal.h"
#include "lab-json.h"
#include "lab-log.h"

#define FACTS_MAX   1000u
#define DRAIN_BYTES (1u << 20)

const LabEvidenceFile lab_evidence_files[] = {
    {"console.log", "console"},
    {"vmcore", "vmcore"},
    {"vmcore.dmesg.txt", "vmcore dmesg"},
    {"dmesg.txt", "dmesg"},
    {"hang.txt", "hang evidence"},
    {"stressor.log", "stressor"},
    {"worker.log", "worker"},
    {"domain.xml", "domain"},
    {"environment.json", "modules and settings"},
    {"result.json", "result"},
};
const guint lab_n_evidence_files = G_N_ELEMENTS(lab_evidence_files);

static void
cell_free(LabReportCell *cell)
{
    lab_brief_free(cell->brief);
    g_free(cell);
}

void
lab_report_free(LabReport *report)
{
    if (!report)
        return;
    g_clear_pointer(&report->crashes, g_ptr_array_unref);
    g_clear_pointer(&report->beside, g_hash_table_unref);
    g_ptr_array_unref(report->cells);
    g_hash_table_unref(report->entries);
    g_ptr_array_unref(report->kernels);
    g_ptr_array_unref(report->rows);
    lab_analysis_free(report->analysis);
    json_decref(report->facts);
    g_free(report->links);
    g_free(report);
}

static gboolean
add_once(GPtrArray *names, const char *name)
{
    for (guint i = 0; i < names->len; i++)
        if (strcmp(names->pdata[i], name) == 0)
            return FALSE;
    g_ptr_array_add(names, (char *)name);
    return TRUE;
}

static void
add_row(GPtrArray *rows, const LabRunCell *cell, gboolean baseline)
{
    guint after = rows->len;
    LabReportRow *row;

    for (guint i = 0; i < rows->len; i++) {
        row = rows->pdata[i];
        if (strcmp(row->recipe, cell->recipe) != 0)
            continue;
        if (strcmp(row->variant, cell->variant) == 0)
            return;
        after = i + 1; /* variants of a recipe stand together */
    }
    row = g_new0(LabReportRow, 1);
    row->recipe = cell->recipe;
    row->variant = cell->variant;
    row->baseline = baseline;
    g_ptr_array_insert(rows, (gint)after, row);
}

guint
lab_report_evidence(const LabReport *report, const LabReportCell *cell)
{
    g_autofree char *path = lab_run_cell_path(cell->cell);
    LAB_AUTO_FD fd = openat(lab_run_fd(report->run), path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    guint found = 0;

    for (guint i = 0; i < lab_n_evidence_files && fd >= 0; i++)
        if (lab_file_exists(fd, lab_evidence_files[i].name))
            found |= 1u << i;
    return found;
}

gboolean
lab_report_dump_is_gone(const LabReport *report, const LabReportCell *cell, const json_t *dump)
{
    g_autofree char *directory = lab_run_cell_path(cell->cell);
    g_autofree char *path = g_build_filename(directory, "vmcore", NULL);

    return cell->dump_removed ||
           (lab_json_string(dump, "path") && !lab_file_exists(lab_run_fd(report->run), path));
}

static void
count_cell(LabReport *report, const LabReportCell *cell)
{
    const LabBrief *brief = cell->brief;

    report->ran += brief->state == LAB_STATE_RAN;
    report->infra += brief->state == LAB_STATE_INFRA;
    report->skipped += brief->state == LAB_STATE_SKIPPED;
    report->missing += brief->state == LAB_STATE_MISSING;
    report->unexpected += lab_brief_is_unexpected(brief);
    report->suspect += brief->state == LAB_STATE_RAN && brief->suspect;
    if (brief->state == LAB_STATE_RAN && brief->outcome <= LAB_OUTCOME_INCONCLUSIVE)
        report->outcomes[brief->outcome]++;
}

gboolean
lab_report_drain(const LabReport *report, GString *out, GError **error)
{
    if (report->fd < 0 || out->len < DRAIN_BYTES)
        return TRUE;
    if (!lab_fd_write_all(report->fd, out->str, out->len, error))
        return FALSE;
    g_string_truncate(out, 0);
    return TRUE;
}

/* Keeps of 'facts' what 'more' says too. */
static void
keep_common(json_t *facts, const json_t *more)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(facts, next, name,
                             value) if (!json_equal(value, lab_json_member(more, name)))
        json_object_del(facts, name);
}

/* What the cells have in common; of large runs, FACTS_MAX cells that are spread over them. */
static void
read_facts(LabReport *report)
{
    guint step = MAX(1, report->cells->len / FACTS_MAX);

    for (guint i = 0; i < report->cells->len; i += step) {
        const LabReportCell *cell = report->cells->pdata[i];
        g_autoptr(json_t) result = NULL;
        json_t *facts;

        if (cell->brief->state == LAB_STATE_MISSING)
            continue;
        result = lab_run_read_result(report->run, cell->cell, NULL);
        facts = lab_json_member(result, "facts");
        if (!json_is_object(facts) || !json_object_size(facts))
            continue;
        if (!report->facts)
            report->facts = json_deep_copy(facts);
        else
            keep_common(report->facts, facts);
    }
    if (!report->facts)
        report->facts = json_object();
}

gboolean
lab_report_is_large(const LabReport *report)
{
    return report->cells->len > LAB_REPORT_LARGE;
}

static void
choose_detailed(LabReport *report)
{
    gboolean large = lab_report_is_large(report);
    guint n = 0;

    for (guint i = 0; i < report->cells->len; i++) {
        LabReportCell *cell = report->cells->pdata[i];

        cell->detailed =
            !large ||
            (n < LAB_REPORT_DETAILED_MAX && cell->nth_of_kind <= LAB_REPORT_EXAMPLES &&
             (strcmp(lab_report_word(cell), "pass") != 0 || lab_brief_is_unexpected(cell->brief)));
        n += cell->detailed;
    }
}

LabReport *
lab_report_new(LabRun *run, const char *baseline_kernel, double confidence, GError **error)
{
    g_autoptr(LabReport) report = g_new0(LabReport, 1);
    g_autoptr(GHashTable) removed = NULL;
    g_autoptr(GPtrArray) briefs = NULL;
    GPtrArray *observations;
    const GPtrArray *cells;
    guint n = 0;

    report->run = run;
    report->links = g_strdup("");
    report->fd = -1;
    report->cells = g_ptr_array_new_with_free_func((GDestroyNotify)cell_free);
    report->kernels = g_ptr_array_new();
    report->rows = g_ptr_array_new_with_free_func(g_free);
    report->entries = lab_report_entries_new();
    briefs = g_ptr_array_new_with_free_func((GDestroyNotify)lab_brief_free);
    observations = lab_analysis_read_run(run, briefs, error);
    if (!observations)
        return NULL;
    report->analysis = lab_analysis_new(observations, baseline_kernel, confidence, error);
    if (!report->analysis)
        return NULL;
    removed = lab_journal_removed_dumps(run, error);
    if (!removed)
        return NULL;
    cells = lab_run_cells(run, error);
    for (guint i = 0; i < cells->len; i++) {
        LabObservation *observation = n < observations->len ? observations->pdata[n] : NULL;
        const LabRunCell *planned = cells->pdata[i];
        LabReportCell *cell;

        if (!observation || strcmp(observation->cell, planned->id) != 0) {
            report->spared++;
            continue;
        }
        cell = g_new0(LabReportCell, 1);
        cell->cell = planned;
        cell->observation = observation;
        cell->baseline = observation->baseline;
        cell->brief = g_steal_pointer(&briefs->pdata[n++]);
        cell->dump_removed = g_hash_table_contains(removed, planned->id);
        g_ptr_array_add(report->cells, cell);
        add_once(report->kernels, cell->cell->kernel);
        add_row(report->rows, cell->cell, cell->baseline);
        count_cell(report, cell);
        lab_report_enter(report, cell);
    }
    lab_report_settle_entries(report);
    read_facts(report);
    choose_detailed(report);
    report->crashes = lab_report_find_crashes(report);
    report->beside = lab_report_choose_beside(report);
    return g_steal_pointer(&report);
}

static gboolean
is_plain(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return FALSE;
    return TRUE;
}

static json_t *
cleaned_object(json_t *object)
{
    json_t *out = json_object();
    const char *name;
    json_t *member;

    json_object_foreach (object, name, member) {
        g_autofree char *clean = is_plain(name, strlen(name)) ? NULL : lab_text_clean(name, -1, 0);

        json_object_set_new(out, clean ? clean : name, lab_report_clean(member));
    }
    return out;
}

/* Guest text in a result: no control characters in what is shown. Changes 'value', which is the
 * caller's own; a new reference. */
json_t *
lab_report_clean(json_t *value)
{
    json_t *member;
    size_t index;

    if (json_is_string(value) && !is_plain(json_string_value(value), json_string_length(value))) {
        g_autofree char *text =
            lab_text_clean(json_string_value(value), (gssize)json_string_length(value), FALSE);

        return json_string(text);
    }
    if (json_is_object(value))
        return cleaned_object(value);
    if (json_is_array(value))
        json_array_foreach (value, index, member)
            json_array_set_new(value, index, lab_report_clean(member));
    return json_incref(value);
}

json_t *
lab_report_cell_result(const LabReport *report, const LabReportCell *cell)
{
    g_autoptr(json_t) result = lab_run_read_result(report->run, cell->cell, NULL);

    return result ? lab_report_clean(result) : NULL;
}

const char *
lab_report_release(const LabReport *report, const char *kernel)
{
    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];

        if (strcmp(cell->cell->kernel, kernel) == 0)
            return cell->cell->release ? cell->cell->release : kernel;
    }
    return kernel;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KCIDB, kernelci.org's format for reports of kernel tests, version 5.3: a checkout and a build a
 * kernel, a test a cell, an issue a crash and an incident where it was seen. It speaks of the
 * kernel: a crash is FAIL even where the recipe expects it, what the lab did not manage is MISS,
 * and a failure that the host's load may have made is ERROR. Distribution kernels have no commit,
 * so none is named; files lie on this machine and have no URL.
 */
#include <math.h>
#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-report-cases.h"

extern const LabReportFormat lab_report_format_kcidb;

#define ORIGIN      "kreglab"
#define EXCERPT_MAX 4000u

static char *
kernel_id(const char *what, const char *kernel)
{
    return g_strdup_printf(ORIGIN ":%s:%s", what, kernel);
}

static char *
test_id(const LabReport *report, const LabReportCell *cell)
{
    return g_strdup_printf(ORIGIN ":%s/%s", lab_run_id(report->run), cell->cell->id);
}

static const char *
status_of(const LabReportCell *cell)
{
    switch (cell->brief->state) {
    case LAB_STATE_SKIPPED:
        return "SKIP";
    case LAB_STATE_INFRA:
    case LAB_STATE_MISSING:
        return "MISS";
    case LAB_STATE_RAN:
        break;
    }
    if (cell->brief->outcome == LAB_OUTCOME_PASS)
        return "PASS";
    if (cell->brief->outcome == LAB_OUTCOME_INCONCLUSIVE)
        return "DONE";
    return cell->brief->suspect ? "ERROR" : "FAIL";
}

/* A component of a path: letters, digits, '_' and '-'. */
static char *
component(const char *name)
{
    char *plain = g_strdup(name);

    for (char *c = plain; *c; c++)
        if (!g_ascii_isalnum(*c) && *c != '_' && *c != '-')
            *c = '_';
    return plain;
}

static char *
path_of(const LabReportCell *cell)
{
    g_autofree char *recipe = component(cell->cell->recipe);
    g_autofree char *variant = component(cell->cell->variant);

    return g_strdup_printf(ORIGIN ".%s.%s", recipe, variant);
}

/* No property may be null, or an empty text. */
static void
set_text(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(object, key, lab_json_text(text));
}

/* The title and the stack: what a reader needs of the log. NULL without a crash. */
static char *
excerpt(const json_t *crash)
{
    g_autoptr(GString) text = NULL;
    const char *title = lab_json_string(crash, "title");
    json_t *one;
    size_t index;

    if (!title)
        return NULL;
    text = g_string_new(title);
    g_string_append_c(text, '\n');
    json_array_foreach (lab_json_member(crash, "frames"), index, one) {
        const char *function = lab_json_string(one, "function");
        const char *module = lab_json_string(one, "module");

        if (!function || text->len > EXCERPT_MAX)
            continue;
        g_string_append_printf(text, "  %s%s", lab_json_bool(one, "reliable", TRUE) ? "" : "? ",
                               function);
        if (module)
            g_string_append_printf(text, " [%s]", module);
        g_string_append_c(text, '\n');
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
copy(json_t *to, const char *key, const json_t *from)
{
    json_t *value = lab_json_member(from, key);

    if (value && !json_is_null(value))
        json_object_set(to, key, value);
}

static json_t *
environment(const json_t *result)
{
    static const char *const keys[] = {"accelerator", "qemu", "libvirt", "cpu_model", "boot",
                                       "kaslr",       "warm", "cmdline", "agent"};
    const json_t *facts = lab_json_member(result, "facts");
    json_t *misc = json_object();

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        copy(misc, keys[i], facts);
    return json_pack("{s:s, s:o}", "comment", "a QEMU guest of kreglab " KREGLAB_VERSION, "misc",
                     misc);
}

static json_t *
misc_of(const LabReport *report, const LabReportCell *cell, const json_t *result)
{
    static const char *const keys[] = {"why",     "suspect", "expected", "survived",
                                       "crash",   "dump",    "metrics",  "time_to_crash_ms",
                                       "reached", "boot_ms"};
    json_t *misc = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "run", lab_run_id(report->run),
                             "cell", cell->cell->id, "state", lab_state_name(cell->brief->state),
                             "recipe", cell->cell->recipe, "variant", cell->cell->variant,
                             "repetition", cell->cell->repetition, "outcome",
                             lab_report_word(cell));

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        copy(misc, keys[i], result);
    return misc;
}

static json_t *
test_of(const LabReport *report, const LabReportCell *cell)
{
    g_autoptr(json_t) result = lab_report_cell_result(report, cell);
    g_autofree char *id = test_id(report, cell);
    g_autofree char *build = kernel_id("build", cell->cell->kernel);
    g_autofree char *path = path_of(cell);
    g_autofree char *log = excerpt(lab_json_member(result, "crash"));
    g_autofree char *comment = lab_report_case_text(cell);
    json_t *test = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "build_id", build, "origin",
                             ORIGIN, "path", path, "status", status_of(cell));

    set_text(test, "comment", comment);
    set_text(test, "start_time", lab_json_string(result, "started"));
    set_text(test, "log_excerpt", log);
    if (result)
        json_object_set_new(test, "duration",
                            json_real((double)MAX(cell->brief->duration_ms, 0) / 1000));
    if (cell->brief->state == LAB_STATE_RAN)
        json_object_set_new(test, "environment", environment(result));
    json_object_set_new(test, "misc", misc_of(report, cell, result));
    return test;
}

static void
add_kernels(const LabReport *report, json_t *checkouts, json_t *builds)
{
    for (guint i = 0; i < report->kernels->len; i++) {
        const char *kernel = report->kernels->pdata[i];
        const char *release = lab_report_release(report, kernel);
        g_autofree char *checkout = kernel_id("checkout", kernel);
        g_autofree char *build = kernel_id("build", kernel);

        json_array_append_new(checkouts, json_pack("{s:s, s:s, s:s, s:b}", "id", checkout, "origin",
                                                   ORIGIN, "comment", release, "valid", 1));
        json_array_append_new(builds,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s}}", "id", build,
                                        "checkout_id", checkout, "origin", ORIGIN, "comment",
                                        release, "status", "PASS", "misc", "release", release));
    }
}

/* A crash is known by its first signature, so that another run's is the same issue. */
static char *
issue_id(const LabReport *report, guint number, GHashTable *taken)
{
    const LabReportCrash *crash = report->crashes->pdata[number];
    const LabReportCell *first = crash->cells->pdata[0];
    const char *k0 = first->brief->k0;
    char *id = k0 ? g_strdup_printf(ORIGIN ":crash:%s", k0) : NULL;

    if (id && g_hash_table_add(taken, g_strdup(id)))
        return id;
    g_free(id);
    return g_strdup_printf(ORIGIN ":crash:%s/%u", lab_run_id(report->run), number + 1);
}

static void
add_crashes(const LabReport *report, json_t *issues, json_t *incidents)
{
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < report->crashes->len; i++) {
        const LabReportCrash *crash = report->crashes->pdata[i];
        g_autofree char *issue = issue_id(report, i, taken);

        json_array_append_new(issues, json_pack("{s:s, s:i, s:s, s:o, s:{s:b, s:b, s:b}}", "id",
                                                issue, "version", 1, "origin", ORIGIN,
                                                "report_subject", lab_json_text(crash->title),
                                                "culprit", "code", 1, "tool", 0, "harness", 0));
        for (guint j = 0; j < crash->cells->len; j++) {
            g_autofree char *test = test_id(report, crash->cells->pdata[j]);

            json_array_append_new(incidents,
                                  json_pack("{s:s, s:s, s:s, s:i, s:s, s:b}", "id", test, "origin",
                                            ORIGIN, "issue_id", issue, "issue_version", 1,
                                            "test_id", test, "present", 1));
        }
    }
}

static gboolean
write_kcidb(const LabReport *report, GString *out, GError **error)
{
    json_t *checkouts = json_array(), *builds = json_array(), *tests = json_array();
    json_t *issues = json_array(), *incidents = json_array();
    g_autoptr(json_t) root = json_pack(
        "{s:{s:i, s:i}, s:o, s:o, s:o, s:o, s:o}", "version", "major", 5, "minor", 3, "checkouts",
        checkouts, "builds", builds, "tests", tests, "issues", issues, "incidents", incidents);
    char *text;

    add_kernels(report, checkouts, builds);
    for (guint i = 0; i < report->cells->len; i++)
        json_array_append_new(tests, test_of(report, report->cells->pdata[i]));
    add_crashes(report, issues, incidents);
    text = json_dumps(root, JSON_INDENT(2));
    if (!text) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the report is no valid JSON");
        return FALSE;
    }
    g_string_append(out, text);
    g_string_append_c(out, '\n');
    free(text);
    return TRUE;
}

const LabReportFormat lab_report_format_kcidb = {
    .name = "kcidb",
    .extension = "kcidb.json",
    .summary = "for kernelci.org's database of kernel tests, version 5.3",
    .write = write_kcidb,
};

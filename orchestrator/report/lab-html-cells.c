/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is known of a cell, folded. */
#include <string.h>

#include "lab-html.h"
#include "lab-json.h"

/* Frames of one crash. */
#define FRAMES_MAX 24

static void
put_fact(GString *out, const char *name, const char *value)
{
    if (value && *value)
        lab_html(out, "<dt>%s</dt><dd>%s</dd>\n", name, value);
}

static void
put_time(GString *out, const char *name, gint64 ms)
{
    g_autofree char *text = lab_report_time(ms);

    if (ms >= 0)
        put_fact(out, name, text);
}

static void
put_frames(const json_t *crash, GString *out)
{
    json_t *frames = lab_json_member(crash, "frames");
    json_t *one;
    size_t index;

    if (!json_array_size(frames))
        return;
    g_string_append(out, "<ol class=\"frames\">\n");
    json_array_foreach (frames, index, one) {
        const char *module = lab_json_string(one, "module");

        if (index == FRAMES_MAX)
            break;
        lab_html(out, "<li%s>%s%s%s%s</li>\n",
                 lab_json_bool(one, "reliable", TRUE) ? "" : " class=dim",
                 lab_json_string(one, "function"), module ? " [" : "", module ? module : "",
                 module ? "]" : "");
    }
    g_string_append(out, "</ol>\n");
    if (json_array_size(frames) > FRAMES_MAX)
        lab_html(out, "<p class=\"dim\">and %u more frames</p>\n",
                 (guint)json_array_size(frames) - FRAMES_MAX);
}

/* The reports of one place; what only follows from the cause stands apart, and last. */
static void
put_reports(const json_t *crash, const char *place, const char *heading, GString *out)
{
    json_t *reports = lab_json_member(crash, "reports");
    json_t *one;
    size_t index;
    guint n = 0;

    for (int harmless = 0; harmless < 2; harmless++)
        json_array_foreach (reports, index, one) {
            if (strcmp(lab_report_place(crash, one), place) != 0 ||
                lab_json_bool(one, "harmless", FALSE) != harmless)
                continue;
            if (n++ == 0)
                lab_html(out, "<h4>%s</h4>\n<ul class=\"reports\">\n", heading);
            lab_html(out, "<li%s>line %d: %s%s%s%s</li>\n", harmless ? " class=dim" : "",
                     (int)lab_json_int(one, "line_first", 0), lab_json_string(one, "title"),
                     harmless ? " (" : "", harmless ? lab_report_harmless(place) : "",
                     harmless ? ")" : "");
        }
    if (n)
        g_string_append(out, "</ul>\n");
}

static void
put_other(const json_t *other, GString *out)
{
    const char *title = lab_json_string(other, "title");

    if (json_is_object(other))
        lab_html(out, "<p>The %s shows %s<code class=\"title\">%s</code></p>\n",
                 lab_json_string(other, "source"), title ? "another: " : "no crash",
                 title ? title : "");
}

void
lab_html_crash(const json_t *crash, GString *out)
{
    const json_t *signature = lab_json_member(crash, "signature");
    const char *source = lab_json_string(crash, "source");
    g_autofree char *flags = NULL;

    if (!json_is_object(crash))
        return;
    flags = lab_report_crash_flags(crash);
    lab_html(out,
             "<div class=\"part\"><h4>Crash</h4>\n<p><code class=\"title\">%s</code> <span "
             "class=\"dim\">%s, lines %d–%d%s%s, k0 <code>%s</code></span></p>\n",
             lab_json_string(crash, "title"), lab_json_string(crash, "type"),
             (int)lab_json_int(crash, "line_first", 0), (int)lab_json_int(crash, "line_last", 0),
             source ? " of the " : "",
             !source                         ? ""
             : strcmp(source, "vmcore") == 0 ? "vmcore's dmesg"
                                             : source,
             lab_json_string(signature, "k0"));
    if (*flags)
        lab_html(out, "<p class=\"flags\"><strong>%s</strong></p>\n", flags);
    put_other(lab_json_member(crash, "other"), out);
    put_frames(crash, out);
    put_reports(crash, "before", "Reported before", out);
    put_reports(crash, "after", "Reported after", out);
    g_string_append(out, "</div>\n");
}

static void
put_dump(const LabReport *report, const LabReportCell *cell, const json_t *dump, GString *out)
{
    const json_t *check = lab_json_member(dump, "check");
    const char *method = lab_json_string(dump, "method");
    g_autofree char *size = lab_report_size((guint64)lab_json_int(dump, "size_bytes", 0));

    if (!method && !lab_json_string(dump, "why_not"))
        return;
    g_string_append(out, "<div class=\"part\"><h4>Dump</h4>\n<dl>\n");
    put_fact(out, "method", method ? method : "none");
    if (method) {
        put_fact(out, "size", size);
        put_time(out, "took", lab_json_int(dump, "duration_ms", -1));
    }
    put_fact(out, "no kdump", lab_json_string(dump, "why_not"));
    put_fact(out, "detail", lab_json_string(dump, "detail"));
    if (lab_json_bool(dump, "capture_kernel_state", FALSE))
        put_fact(out, "holds", "the capture kernel's state");
    if (lab_report_dump_is_gone(report, cell, dump))
        put_fact(out, "kept", "no: removed by keep policy");
    put_fact(out, "makedumpfile", lab_json_string(check, "makedumpfile"));
    put_fact(out, "crash(8)", lab_json_string(check, "crash"));
    g_string_append(out, "</dl></div>\n");
}

static void
put_phases(const json_t *phases, GString *out)
{
    size_t index;
    json_t *one;

    if (!json_array_size(phases))
        return;
    g_string_append(out, "<div class=\"part\"><h4>Phases</h4>\n<table class=\"small\"><thead><tr>"
                         "<th scope=\"col\">phase</th><th scope=\"col\">from</th>"
                         "<th scope=\"col\">took</th></tr></thead>\n<tbody>\n");
    json_array_foreach ((json_t *)phases, index, one) {
        g_autofree char *start = lab_report_time(lab_json_int(one, "start_ms", -1));
        g_autofree char *took = lab_report_time(lab_json_int(one, "duration_ms", -1));

        lab_html(out, "<tr><td>%s</td><td>%s</td><td>%s</td></tr>\n", lab_json_string(one, "name"),
                 start, took);
    }
    g_string_append(out, "</tbody></table></div>\n");
}

static void
put_setup(const json_t *setup, GString *out)
{
    size_t index;
    json_t *one;

    if (!json_array_size(setup))
        return;
    g_string_append(out, "<div class=\"part\"><h4>Setup</h4>\n<ul>\n");
    json_array_foreach ((json_t *)setup, index, one) {
        const char *failed = lab_json_string(one, "error");
        gboolean ok = lab_json_bool(one, "ok", FALSE);

        lab_html(out, "<li><code>%s</code> %s%s</li>\n", lab_json_string(one, "set"),
                 ok ? "✓" : "✗ ",
                 ok       ? ""
                 : failed ? failed
                          : "refused");
    }
    g_string_append(out, "</ul></div>\n");
}

static void
put_values(const char *title, const json_t *values, GString *out)
{
    const char *name;
    json_t *value;

    if (!json_is_object(values) || !json_object_size(values))
        return;
    lab_html(out, "<div class=\"part\"><h4>%s</h4>\n<dl>\n", title);
    json_object_foreach ((json_t *)values, name, value) {
        g_autofree char *text = json_is_number(value)   ? lab_number_text(json_number_value(value))
                                : json_is_string(value) ? g_strdup(json_string_value(value))
                                                        : lab_json_line(value);

        if (!json_is_null(value))
            put_fact(out, name, text);
    }
    g_string_append(out, "</dl></div>\n");
}

static void
put_reached(const json_t *reached, GString *out)
{
    g_autofree char *value = lab_number_text(lab_json_double(reached, "value", 0));
    g_autofree char *min = lab_number_text(lab_json_double(reached, "min", 0));

    if (json_is_object(reached))
        lab_html(out, "<dt>reached</dt><dd>%s: %s is %s, at least %s wanted</dd>\n",
                 lab_json_bool(reached, "held", FALSE) ? "yes" : "no",
                 lab_json_string(reached, "metric"), value, min);
}

/* Facts that this cell does not share with all others. */
static json_t *
own_facts(const LabReport *report, const json_t *result)
{
    json_t *own = json_object();
    const char *name;
    json_t *value;

    json_object_foreach (lab_json_member(result, "facts"), name, value)
        if (!lab_json_member(report->facts, name))
            json_object_set(own, name, value);
    return own;
}

static void
put_details(const LabReport *report, const LabReportCell *cell, GString *out)
{
    g_autoptr(json_t) result = lab_report_cell_result(report, cell);
    g_autoptr(json_t) facts = own_facts(report, result);
    const json_t *expected = lab_json_member(result, "expected");

    lab_html(out, "<details id=\"c-%s\"><summary><h3>", cell->cell->id);
    lab_html_badge(out, lab_report_word(cell), NULL);
    lab_html(out, " %s <strong>%s/%s</strong>", cell->cell->release, cell->cell->recipe,
             cell->cell->variant);
    if (cell->cell->repetition > 1)
        lab_html(out, " #%d", cell->cell->repetition);
    if (lab_brief_is_unexpected(cell->brief))
        g_string_append(out, " <span class=\"unexpected\">unexpected</span>");
    if (cell->brief->title)
        lab_html(out, " <code class=\"title\">%s</code>", cell->brief->title);
    g_string_append(out, "</h3></summary>\n<div class=\"body\">\n<div class=\"part\"><dl>\n");
    put_fact(out, "cell", cell->cell->id);
    put_fact(out, "why", cell->brief->why);
    put_fact(out, "expected",
             json_is_boolean(expected) ? (json_is_true(expected) ? "yes" : "no") : NULL);
    put_fact(out, "started", lab_json_string(result, "started"));
    if (cell->brief->state == LAB_STATE_RAN) {
        put_time(out, "boot", cell->brief->boot_ms);
        put_time(out, "crash after", cell->brief->time_to_crash_ms);
        put_time(out, "all", cell->brief->duration_ms);
    }
    put_reached(lab_json_member(result, "reached"), out);
    g_string_append(out, "<dt>evidence</dt><dd>");
    lab_html_evidence(report, cell, TRUE, out);
    g_string_append(out, "</dd>\n</dl></div>\n");
    lab_html_crash(lab_json_member(result, "crash"), out);
    put_dump(report, cell, lab_json_member(result, "dump"), out);
    put_values("Measured", lab_json_member(result, "metrics"), out);
    put_values("vmstat, change", lab_json_member(result, "vmstat"), out);
    put_setup(lab_json_member(result, "setup"), out);
    put_phases(lab_json_member(result, "phases"), out);
    put_values("Facts of this cell", facts, out);
    g_string_append(out, "</div>\n</details>\n");
}

/* What became of the cells that have no details here. */
static void
put_elsewhere(const LabReport *report, GString *out)
{
    guint passed = 0, alike = 0;

    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];
        gboolean plain = strcmp(lab_report_word(cell), "pass") == 0 &&
                         !lab_brief_is_unexpected(cell->brief);

        passed += !cell->detailed && plain;
        alike += !cell->detailed && !plain;
    }
    if (alike)
        lab_html(out,
                 "<p><strong>%u more cells</strong> that did not simply pass are not detailed "
                 "here: of those of one kernel, recipe and variant that ended alike, there are "
                 "%d.</p>\n",
                 alike, LAB_REPORT_EXAMPLES);
    if (passed)
        lab_html(out,
                 "<p><strong>%u cells</strong> passed as expected, and have no details here.</p>\n",
                 passed);
    if (alike || passed)
        lab_html(out,
                 "<p class=\"dim\">All cells are listed by <code>kreglab show %s</code> and told "
                 "by its JSON report; <code>kreglab show %s/CELL</code> shows one of them.</p>\n",
                 lab_run_id(report->run), lab_run_id(report->run));
}

gboolean
lab_html_cells(const LabReport *report, GString *out, GError **error)
{
    g_string_append(out, "<section id=\"cells\">\n<h2>Cells</h2>\n");
    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];

        if (!cell->detailed)
            continue;
        put_details(report, cell, out);
        if (!lab_report_drain(report, out, error))
            return FALSE;
    }
    put_elsewhere(report, out);
    g_string_append(out, "</section>\n");
    return TRUE;
}

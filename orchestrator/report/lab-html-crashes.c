/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Crashes grouped by bug: where they were seen, why they are one, what they are told from. */
#include <string.h>

#include "lab-html.h"
#include "lab-json.h"

/* Crashes with a box of their own, and cells, or entries of the matrix, that are named in one. */
#define CRASHES_MAX 300
#define CELLS_MAX   40
/* Stacks side by side, and frames of each. */
#define STACKS_MAX 4
#define FRAMES_MAX 20

static const char *
verdict_class(LabCrashVerdict verdict)
{
    switch (verdict) {
    case LAB_CRASH_SAME:
        return "v-still-same-crash";
    case LAB_CRASH_DIFFERENT:
        return "v-still-different-crash";
    default:
        return "v-inconclusive";
    }
}

static void
put_seen(const LabReportCrash *crash, const LabReportCell *cell, GString *out)
{
    g_string_append(out, "<li>");
    lab_html_link_cell(cell, "seen", out);
    lab_html(out, "%s", cell->cell->release);
    lab_html_unlink_cell(cell, out);
    lab_html(out, " %s/%s", cell->cell->recipe, cell->cell->variant);
    if (cell->cell->repetition > 1)
        lab_html(out, " #%d", cell->cell->repetition);
    if (strcmp(cell->observation->title, crash->title) != 0)
        lab_html(out, "<br><code class=\"title\">%s</code>", cell->observation->title);
    g_string_append(out, "</li>\n");
}

/* Too many cells to name each: the entries of the matrix that they are of, the first cell of which
 * is linked. */
static void
put_entries(const LabReportCrash *crash, GString *out)
{
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) firsts = g_ptr_array_new(), names = g_ptr_array_new();

    for (guint i = 0; i < crash->cells->len; i++) {
        LabReportCell *cell = crash->cells->pdata[i];
        char *name = g_strdup_printf("%s %s/%s", cell->cell->kernel, cell->cell->recipe,
                                     cell->cell->variant);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, name));

        if (n == 0) {
            g_ptr_array_add(firsts, cell);
            g_ptr_array_add(names, name);
        }
        g_hash_table_insert(counts, name, GUINT_TO_POINTER(n + 1));
    }
    for (guint i = 0; i < MIN(firsts->len, CELLS_MAX); i++) {
        const LabReportCell *cell = firsts->pdata[i];
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, names->pdata[i]));

        g_string_append(out, "<li>");
        lab_html_link_cell(cell, "seen", out);
        lab_html(out, "%s", cell->cell->release);
        lab_html_unlink_cell(cell, out);
        lab_html(out, " %s/%s, %u cell%s</li>\n", cell->cell->recipe, cell->cell->variant, n,
                 n == 1 ? "" : "s");
    }
    if (firsts->len > CELLS_MAX)
        lab_html(out, "<li class=\"dim\">and on %u more of the matrix's entries</li>\n",
                 firsts->len - CELLS_MAX);
}

static void
put_cells(const LabReportCrash *crash, GString *out)
{
    g_string_append(out, "<ul class=\"seen\">\n");
    if (crash->cells->len > CELLS_MAX)
        put_entries(crash, out);
    else
        for (guint i = 0; i < crash->cells->len; i++)
            put_seen(crash, crash->cells->pdata[i], out);
    g_string_append(out, "</ul>\n");
}

static void
put_reasons(const LabReport *report, const LabReportCrash *crash, GString *out)
{
    if (crash->whys->len) {
        lab_html(out, "<h4>%s</h4>\n<ul>\n",
                 crash->cells->len > 1 ? "Why these are one crash" : "Note");
        for (guint i = 0; i < crash->whys->len; i++)
            lab_html(out, "<li>%s</li>\n", (const char *)crash->whys->pdata[i]);
        g_string_append(out, "</ul>\n");
    }
    if (!crash->apart->len)
        return;
    g_string_append(out, "<h4>And why not another</h4>\n<ul>\n");
    for (guint i = 0; i < crash->apart->len; i++) {
        const LabReportApart *apart = crash->apart->pdata[i];
        const LabReportCrash *other = report->crashes->pdata[apart->other];

        lab_html(out,
                 "<li><span class=\"badge %s\">%s</span> <a href=\"#crash-%u\">%u: %s</a><br>"
                 "<span class=\"dim\">%s</span></li>\n",
                 verdict_class(apart->verdict), lab_crash_verdict_name(apart->verdict),
                 apart->other + 1, apart->other + 1, other->title, apart->why);
    }
    g_string_append(out, "</ul>\n");
}

/* The first cell of each kernel that has a stack. */
static GPtrArray *
one_a_kernel(const LabReportCrash *crash)
{
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; i < crash->cells->len && found->len < STACKS_MAX; i++) {
        LabReportCell *cell = crash->cells->pdata[i];
        gboolean known = cell->observation->trace->stack->len == 0;

        for (guint k = 0; k < found->len && !known; k++)
            known = strcmp(((LabReportCell *)found->pdata[k])->cell->kernel, cell->cell->kernel) ==
                    0;
        if (!known)
            g_ptr_array_add(found, cell);
    }
    return found;
}

static gboolean
has_function(const LabCrashTrace *trace, const char *function)
{
    for (guint i = 0; i < trace->stack->len; i++)
        if (strcmp(((const LabCrashFrame *)trace->stack->pdata[i])->function, function) == 0)
            return TRUE;
    return FALSE;
}

/* 'other' is the stack beside which it stands: what that one lacks is marked. */
static void
put_stack(const LabReportCell *cell, const LabCrashTrace *other, GString *out)
{
    const LabCrashTrace *trace = cell->observation->trace;

    lab_html(out, "<div><h5>%s</h5>\n<ol class=\"frames\">\n", cell->cell->release);
    for (guint i = 0; i < MIN(trace->stack->len, FRAMES_MAX); i++) {
        const LabCrashFrame *frame = trace->stack->pdata[i];
        gboolean own = !has_function(other, frame->function);

        lab_html(out, own ? "<li><mark>%s</mark></li>\n" : "<li>%s</li>\n", frame->function);
    }
    lab_html(out, "</ol></div>\n");
}

/* As compared: from the function of the title on, reliable frames only. */
static void
put_stacks(const LabReportCrash *crash, GString *out)
{
    g_autoptr(GPtrArray) cells = one_a_kernel(crash);

    if (cells->len < 2)
        return;
    g_string_append(out, "<h4>Stacks as compared, a kernel each; marked: in one of them only</h4>\n"
                         "<div class=\"stacks\">\n");
    for (guint i = 0; i < cells->len; i++) {
        const LabReportCell *other = cells->pdata[i == 0 ? 1 : 0];

        put_stack(cells->pdata[i], other->observation->trace, out);
    }
    g_string_append(out, "</div>\n");
}

static void
put_crash(const LabReport *report, guint number, GString *out)
{
    const LabReportCrash *crash = report->crashes->pdata[number];
    g_autoptr(json_t) result = lab_report_cell_result(report, crash->cells->pdata[0]);

    lab_html(out,
             "<section class=\"crash\" id=\"crash-%u\">\n<h3>%u. <code class=\"title\">%s</code> "
             "<span class=\"dim\">%u cell%s</span></h3>\n<div class=\"body\">\n"
             "<div class=\"part\"><h4>Seen on</h4>\n",
             number + 1, number + 1, crash->title, crash->cells->len,
             crash->cells->len == 1 ? "" : "s");
    put_cells(crash, out);
    put_reasons(report, crash, out);
    g_string_append(out, "</div>\n");
    lab_html_crash(lab_json_member(result, "crash"), out);
    g_string_append(out, "</div>\n");
    put_stacks(crash, out);
    g_string_append(out, "</section>\n");
}

void
lab_html_crashes(const LabReport *report, GString *out)
{
    if (!report->crashes->len)
        return;
    g_string_append(out, "<section id=\"crashes\">\n<h2>Crashes</h2>\n"
                         "<p class=\"dim\">One box a bug, across kernels and variants. Frames and "
                         "reports are of its first cell.</p>\n");
    for (guint i = 0; i < MIN(report->crashes->len, CRASHES_MAX); i++)
        put_crash(report, i, out);
    if (report->crashes->len > CRASHES_MAX)
        lab_html(out, "<p>%u more crashes are in the JSON report.</p>\n",
                 report->crashes->len - CRASHES_MAX);
    g_string_append(out, "</section>\n");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time to crash, what was measured, memory over time. */
#include <math.h>
#include <string.h>

#include "lab-html.h"
#include "lab-json.h"

/* More small pictures than this and nobody looks at any. */
#define MEMORY_MAX 60
/* More dots than this are a blot: what repeated runs show is in the survival curves, the medians
 * and the JSON report. */
#define DOTS_MAX 4000

static void
dot_clear(LabDot *dot)
{
    g_free((char *)dot->label);
    g_free((char *)dot->text);
}

static GArray *
dots_new(void)
{
    GArray *dots = g_array_new(FALSE, TRUE, sizeof(LabDot));

    g_array_set_clear_func(dots, (GDestroyNotify)dot_clear);
    return dots;
}

static guint
kernel_index(const LabReport *report, const LabReportCell *cell)
{
    for (guint i = 0; i < report->kernels->len; i++)
        if (strcmp(report->kernels->pdata[i], cell->cell->kernel) == 0)
            return i;
    return 0;
}

static void
add_dot(const LabReport *report, GArray *dots, const LabReportCell *cell, double value,
        const char *unit)
{
    g_autofree char *number = lab_number_text(value);
    LabDot dot = {
        .label = g_strdup_printf("%s/%s", cell->cell->recipe, cell->cell->variant),
        .mark = lab_svg_mark(kernel_index(report, cell)),
        .text = g_strdup_printf("%s, %s/%s #%d: %s%s", cell->cell->release, cell->cell->recipe,
                                cell->cell->variant, cell->cell->repetition, number, unit),
        .value = value,
    };

    g_array_append_val(dots, dot);
}

static void
put_time_to_crash(const LabReport *report, GString *out)
{
    g_autoptr(GArray) dots = dots_new();

    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];

        if (cell->observation->time_to_crash_ms >= 0)
            add_dot(report, dots, cell, (double)cell->brief->time_to_crash_ms / 1000, " s");
    }
    if (!dots->len || dots->len > DOTS_MAX)
        return;
    g_string_append(out, "<figure>\n<figcaption>Time to crash"
                         "</figcaption>\n");
    lab_svg_legend(report, out);
    lab_svg_dots(out, "Time to crash of each cell that crashed", (LabDot *)(void *)dots->data,
                 dots->len, FALSE, " s");
    g_string_append(out, "</figure>\n");
}

/* Names of the metrics in milliseconds that some cell has. */
static GPtrArray *
metric_names(const LabReport *report)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];

        for (guint k = 0; k < cell->observation->n_metrics; k++) {
            const char *name = cell->observation->metrics[k].name;
            gboolean known = FALSE;

            for (guint j = 0; j < names->len && !known; j++)
                known = strcmp(names->pdata[j], name) == 0;
            if (!known && g_str_has_suffix(name, "_ms"))
                g_ptr_array_add(names, (char *)name);
        }
    }
    return names;
}

static void
put_metric(const LabReport *report, const char *name, GString *out)
{
    g_autoptr(GArray) dots = dots_new();
    double low = INFINITY, high = 0;

    for (guint i = 0; i < report->cells->len; i++) {
        const LabReportCell *cell = report->cells->pdata[i];
        double number = lab_observation_metric(cell->observation, name);

        if (isnan(number) || number < 0)
            continue;
        add_dot(report, dots, cell, number, " ms");
        low = MIN(low, MAX(number, 0.01));
        high = MAX(high, number);
    }
    if (!dots->len || dots->len > DOTS_MAX)
        return;
    lab_html(out, "<figure>\n<figcaption><code>%s</code> of each cell%s</figcaption>\n", name,
             high > 20 * low ? ", logarithmic" : "");
    lab_svg_legend(report, out);
    lab_svg_dots(out, name, (LabDot *)(void *)dots->data, dots->len, high > 20 * low, " ms");
    g_string_append(out, "</figure>\n");
}

static double
greatest(const json_t *points)
{
    double top = 0;
    json_t *one;
    size_t index;

    json_array_foreach ((json_t *)points, index, one)
        top = MAX(top, json_number_value(json_array_get(one, 1)));
    return top;
}

static gboolean
put_memory_of(const LabReport *report, const LabReportCell *cell, GString *out)
{
    g_autoptr(json_t) result = lab_report_cell_result(report, cell);
    json_t *points = lab_json_member(result, "memory");
    g_autofree char *name = NULL;
    g_autofree char *top = NULL;
    g_autofree char *last = NULL;
    size_t n = json_array_size(points);

    if (n < 2)
        return FALSE;
    top = lab_report_size((guint64)greatest(points) * 1024);
    last = lab_report_size(
        (guint64)json_number_value(json_array_get(json_array_get(points, n - 1), 1)) * 1024);
    name = g_strdup_printf("%s %s/%s: memory available, at most %s, in the end %s",
                           cell->cell->release, cell->cell->recipe, cell->cell->variant, top, last);
    g_string_append(out, "<li>");
    lab_html_link_cell(cell, "plain", out);
    lab_svg_line(out, name, points, greatest(points));
    lab_html(out,
             "<span>%s/%s</span><span class=\"dim\">%s</span><span class=\"dim\">%s → %s</span>",
             cell->cell->recipe, cell->cell->variant, cell->cell->release, top, last);
    lab_html_unlink_cell(cell, out);
    g_string_append(out, "</li>\n");
    return TRUE;
}

static void
put_memory(const LabReport *report, GString *out)
{
    g_autoptr(GString) list = g_string_new(NULL);
    guint n = 0;

    for (guint i = 0; i < report->cells->len && n < MEMORY_MAX; i++) {
        const LabReportCell *cell = report->cells->pdata[i];

        if (cell->brief->state == LAB_STATE_RAN)
            n += put_memory_of(report, cell, list);
    }
    if (!n)
        return;
    lab_html(out,
             "<figure>\n<figcaption>Memory available in the guest over time%s</figcaption>\n"
             "<ul class=\"sparks\">\n",
             n == MEMORY_MAX ? ", the first cells" : "");
    g_string_append(out, list->str);
    g_string_append(out, "</ul>\n</figure>\n");
}

void
lab_html_pictures(const LabReport *report, GString *out)
{
    g_autoptr(GPtrArray) names = metric_names(report);

    g_string_append(out, "<section id=\"pictures\">\n<h2>Pictures</h2>\n<div class=\"figures\">\n");
    for (guint i = 0; i < names->len; i++)
        put_metric(report, names->pdata[i], out);
    put_time_to_crash(report, out);
    put_memory(report, out);
    g_string_append(out, "</div>\n</section>\n");
}

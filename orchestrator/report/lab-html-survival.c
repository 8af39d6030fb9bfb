/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long kernels live under a recipe: Kaplan-Meier curves, a picture a recipe and variant, a line
 * a kernel. A run without a crash counts for as long as it ran. */
#include "lab-html.h"

#define WIDTH  620.0
#define HEIGHT 190.0
#define LEFT   48.0
#define TOP    8.0

/* More pictures than this and nobody looks at any. */
#define PICTURES_MAX 24

typedef struct {
    const char *release;
    guint kernel; /* index, for colour and shape */
    const GArray *times;
    GArray *steps; /* LabSurvivalStep */
    double end;    /* of the longest run, ms */
} Curve;

static void
curve_clear(Curve *curve)
{
    g_array_unref(curve->steps);
}

static guint
crashes_of(const Curve *curve)
{
    guint n = 0;

    for (guint i = 0; i < curve->steps->len; i++)
        n += g_array_index(curve->steps, LabSurvivalStep, i).crashes;
    return n;
}

/* A curve a kernel whose times are known; empty when there is nothing to see: no crash, or one run
 * of each. */
static GArray *
curves_of(const LabReport *report, const LabReportRow *row)
{
    GArray *curves = g_array_new(FALSE, TRUE, sizeof(Curve));
    guint crashes = 0, longest = 0;

    g_array_set_clear_func(curves, (GDestroyNotify)curve_clear);
    for (guint i = 0; i < report->kernels->len; i++) {
        const char *kernel = report->kernels->pdata[i];
        const LabReportEntry *entry = lab_report_entry(report, kernel, row);
        const LabGroup *group = entry ? entry->group : NULL;
        Curve curve = {.release = lab_report_release(report, kernel), .kernel = i};

        if (!group || !group->times || !group->times->len)
            continue;
        curve.times = group->times;
        for (guint k = 0; k < group->times->len; k++)
            curve.end = MAX(curve.end, g_array_index(group->times, LabTime, k).time);
        curve.steps = lab_kaplan_meier((const LabTime *)(const void *)group->times->data,
                                       group->times->len, report->analysis->confidence);
        crashes += crashes_of(&curve);
        longest = MAX(longest, group->times->len);
        g_array_append_val(curves, curve);
    }
    if (crashes == 0 || longest < 2)
        g_array_set_size(curves, 0);
    return curves;
}

static double
x_of(double time, double end)
{
    return LEFT + (end > 0 ? time / end : 0) * WIDTH;
}

static double
y_of(double alive)
{
    return TOP + (1 - alive) * HEIGHT;
}

static void
put_axes(GString *out, double end)
{
    for (int i = 0; i <= 4; i++) {
        g_autofree char *time = lab_report_time((gint64)(end * i / 4));
        double x = x_of(end * i / 4, end), y = y_of(i / 4.0);

        lab_html(out,
                 "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                 "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%s</text>\n"
                 "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                 "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">%d %%</text>\n",
                 x, TOP, x, TOP + HEIGHT, x, TOP + HEIGHT + 17, time, LEFT, y, LEFT + WIDTH, y,
                 LEFT - 6, y + 4, i * 25);
    }
}

static void
put_curve(GString *out, const Curve *curve, double end)
{
    double alive = 1;

    lab_html(out, "<g><title>%s</title><path class=\"curve s%u\" d=\"M%.1f %.1f", curve->release,
             curve->kernel % 6, x_of(0, end), y_of(1));
    for (guint i = 0; i < curve->steps->len; i++) {
        const LabSurvivalStep *step = &g_array_index(curve->steps, LabSurvivalStep, i);

        lab_html(out, "H%.1fV%.1f", x_of(step->time, end), y_of(step->alive));
        alive = step->alive;
    }
    lab_html(out, "H%.1f\"/>", x_of(curve->end, end));
    lab_svg_shape(out, lab_svg_mark(curve->kernel), x_of(curve->end, end), y_of(alive));
    g_string_append(out, "</g>\n");
}

/* The same in words, for those who read no pictures. */
static void
put_table(GString *out, const GArray *curves)
{
    g_string_append(out, "<table class=\"small\">\n<thead><tr><th scope=\"col\">Kernel</th>"
                         "<th scope=\"col\">Runs</th><th scope=\"col\">Crashes</th>"
                         "<th scope=\"col\">Half of them live</th>"
                         "<th scope=\"col\">Alive in the end</th></tr></thead>\n<tbody>\n");
    for (guint i = 0; i < curves->len; i++) {
        const Curve *curve = &g_array_index(curves, Curve, i);
        LabSurvivalStep last = {.alive = 1, .low = 1, .high = 1};
        double median = -1;
        g_autofree char *half = NULL;
        g_autofree char *longest = lab_report_time((gint64)curve->end);
        g_autofree char *alive = NULL;

        for (guint k = 0; k < curve->steps->len; k++) {
            last = g_array_index(curve->steps, LabSurvivalStep, k);
            if (median < 0 && last.alive <= 0.5)
                median = last.time;
        }
        half = median >= 0 ? lab_report_time((gint64)median)
                           : g_strdup_printf("longer than %s", longest);
        alive = lab_share_text(last.alive);
        lab_html(out,
                 "<tr><th scope=\"row\">%s</th><td>%u</td><td>%u</td><td>%s</td><td>%s after "
                 "%s</td></tr>\n",
                 curve->release, curve->times->len, crashes_of(curve), half, alive, longest);
    }
    g_string_append(out, "</tbody>\n</table>\n");
}

static gboolean
put_row(const LabReport *report, const LabReportRow *row, GString *out)
{
    g_autoptr(GArray) curves = curves_of(report, row);
    double end = 0;

    if (!curves->len)
        return FALSE;
    for (guint i = 0; i < curves->len; i++)
        end = MAX(end, g_array_index(curves, Curve, i).end);
    lab_html(out, "<figure>\n<figcaption>%s/%s: share of runs that are alive</figcaption>\n",
             row->recipe, row->variant);
    lab_svg_legend(report, out);
    lab_html(out,
             "<svg class=\"plot\" role=\"img\" aria-label=\"Survival of %s/%s by kernel; the table "
             "below says the same\" viewBox=\"0 0 %.0f %.0f\">\n",
             row->recipe, row->variant, LEFT + WIDTH + 40, TOP + HEIGHT + 24);
    put_axes(out, end);
    for (guint i = 0; i < curves->len; i++)
        put_curve(out, &g_array_index(curves, Curve, i), end);
    g_string_append(out, "</svg>\n");
    put_table(out, curves);
    g_string_append(out, "</figure>\n");
    return TRUE;
}

void
lab_html_survival(const LabReport *report, GString *out)
{
    guint n = 0;

    for (guint i = 0; i < report->rows->len && n < PICTURES_MAX; i++) {
        g_autoptr(GString) one = g_string_new(NULL);

        if (!put_row(report, report->rows->pdata[i], one))
            continue;
        if (n++ == 0)
            g_string_append(out, "<section id=\"survival\">\n<h2>Survival</h2>\n<p class=\"dim\">"
                                 "Kaplan and Meier's estimate: a run that ends without a crash "
                                 "counts for as long as it ran.</p>\n<div class=\"figures\">\n");
        g_string_append_len(out, one->str, (gssize)one->len);
    }
    if (n)
        g_string_append(out, "</div>\n</section>\n");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures as inline SVG: shapes take their colours from the style sheet, so that they follow light
 * and dark; what a dot says stands in its title too. */
#include <math.h>
#include <string.h>

#include "lab-html.h"
#include "lab-json.h"

#define LABEL_WIDTH 200
#define PLOT_WIDTH  620
#define ROW_HEIGHT  30
#define AXIS_HEIGHT 34

const char *
lab_svg_mark(guint kernel)
{
    static const char *const marks[] = {"k0", "k1", "k2", "k3", "k4", "k5"};

    return marks[kernel % G_N_ELEMENTS(marks)];
}

/* Kernels differ in shape as well as in colour. */
void
lab_svg_shape(GString *out, const char *mark, double x, double y)
{
    switch (mark[1]) {
    case '1':
        lab_html(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\"/>", mark,
                 x - 4.5, y - 4.5);
        break;
    case '2':
        lab_html(out, "<path class=\"%s\" d=\"M%.1f %.1fl6 10h-12z\"/>", mark, x, y - 6);
        break;
    case '3':
        lab_html(out, "<path class=\"%s\" d=\"M%.1f %.1fl6 6-6 6-6-6z\"/>", mark, x, y - 6);
        break;
    case '4':
        lab_html(out, "<path class=\"%s\" d=\"M%.1f %.1fl6-10h-12z\"/>", mark, x, y + 6);
        break;
    default:
        lab_html(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>", mark, x, y);
    }
}

/* Kernels stand beside each other where their values are the same. */
static double
shift(const char *mark)
{
    return ((mark[1] - '0') % 3 - 1) * 7;
}

typedef struct {
    gboolean logarithmic;
    double low, high;
} Axis;

static double
place(const Axis *axis, double value)
{
    double at = axis->logarithmic ? (log10(MAX(value, axis->low)) - log10(axis->low)) /
                                        (log10(axis->high) - log10(axis->low))
                                  : value / axis->high;

    return LABEL_WIDTH + CLAMP(at, 0, 1) * PLOT_WIDTH;
}

/* The round number at or above: 1, 2, 5 × 10^n. */
static double
round_up(double value)
{
    double power = pow(10, floor(log10(MAX(value, 1e-6))));

    for (int i = 0; i < 3; i++) {
        static const int steps[] = {1, 2, 5};

        if (value <= steps[i] * power * 1.0000001)
            return steps[i] * power;
    }
    return 10 * power;
}

static Axis
axis_for(const LabDot *dots, guint n, gboolean logarithmic)
{
    Axis axis = {logarithmic, INFINITY, 0};

    for (guint i = 0; i < n; i++) {
        axis.low = MIN(axis.low, MAX(dots[i].value, 0.01));
        axis.high = MAX(axis.high, dots[i].value);
    }
    axis.low = pow(10, floor(log10(axis.low)));
    axis.high = logarithmic ? pow(10, ceil(log10(MAX(axis.high, axis.low * 10)) - 1e-9))
                            : round_up(MAX(axis.high, 0.001));
    return axis;
}

static void
put_tick(GString *out, const Axis *axis, double value, double height, const char *unit)
{
    g_autofree char *text = lab_number_text(value);
    double x = place(axis, value);

    lab_html(out,
             "<line class=\"grid\" x1=\"%.1f\" y1=\"4\" x2=\"%.1f\" y2=\"%.0f\"/>"
             "<text class=\"tick\" x=\"%.1f\" y=\"%.0f\">%s%s</text>\n",
             x, x, height, x, height + 16, text, unit);
}

static void
put_axis(GString *out, const Axis *axis, double height, const char *unit)
{
    if (axis->logarithmic) {
        for (double value = axis->low; value <= axis->high * 1.001; value *= 10)
            put_tick(out, axis, value, height, unit);
        return;
    }
    for (int i = 0; i <= 4; i++)
        put_tick(out, axis, axis->high * i / 4, height, unit);
}

/* Rows are numbered in the order of their first dot. */
static guint
row_of(GPtrArray *rows, const char *label)
{
    for (guint i = 0; i < rows->len; i++)
        if (strcmp(rows->pdata[i], label) == 0)
            return i;
    g_ptr_array_add(rows, (char *)label);
    return rows->len - 1;
}

void
lab_svg_dots(GString *out, const char *name, const LabDot *dots, guint n, gboolean logarithmic,
             const char *unit)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    Axis axis = axis_for(dots, n, logarithmic);
    double height;

    for (guint i = 0; i < n; i++)
        row_of(rows, dots[i].label);
    height = 8 + rows->len * ROW_HEIGHT;
    lab_html(out, "<svg class=\"plot\" role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %d %.0f\">\n",
             name, LABEL_WIDTH + PLOT_WIDTH + 40, height + AXIS_HEIGHT - 10);
    put_axis(out, &axis, height, unit);
    for (guint i = 0; i < rows->len; i++)
        lab_html(out, "<text class=\"label\" x=\"%d\" y=\"%.0f\">%s</text>\n", LABEL_WIDTH - 12,
                 8 + (i + 0.5) * ROW_HEIGHT + 4, (const char *)rows->pdata[i]);
    for (guint i = 0; i < n; i++) {
        lab_html(out, "<g><title>%s</title>", dots[i].text);
        lab_svg_shape(out, dots[i].mark, place(&axis, dots[i].value),
                      8 + (row_of(rows, dots[i].label) + 0.5) * ROW_HEIGHT + shift(dots[i].mark));
        g_string_append(out, "</g>\n");
    }
    g_string_append(out, "</svg>\n");
}

void
lab_svg_line(GString *out, const char *name, const json_t *points, double top)
{
    size_t n = json_array_size(points);
    json_t *last = json_array_get(points, n - 1);
    double end = json_number_value(json_array_get(last, 0));
    size_t step = n / 300 + 1; /* more points than pixels help nobody */
    json_t *one;
    size_t index;

    lab_html(out,
             "<svg class=\"spark\" role=\"img\" aria-label=\"%s\" viewBox=\"0 0 200 50\" "
             "preserveAspectRatio=\"none\"><polyline points=\"",
             name);
    json_array_foreach ((json_t *)points, index, one) {
        double x = json_number_value(json_array_get(one, 0));
        double y = json_number_value(json_array_get(one, 1));

        if (index % step == 0 || index == n - 1)
            lab_html(out, "%.1f,%.1f ", end > 0 ? 198 * CLAMP(x / end, 0, 1) + 1 : 1,
                     48 - 46 * CLAMP(top > 0 ? y / top : 0, 0, 1));
    }
    g_string_append(out, "\"/></svg>");
}

void
lab_svg_legend(const LabReport *report, GString *out)
{
    g_string_append(out, "<p class=\"legend\">");
    for (guint i = 0; i < report->kernels->len; i++) {
        g_string_append(out,
                        "<span><svg class=\"mark\" aria-hidden=\"true\" viewBox=\"0 0 14 14\">");
        lab_svg_shape(out, lab_svg_mark(i), 7, 7);
        lab_html(out, "</svg> %s</span> ", lab_report_release(report, report->kernels->pdata[i]));
    }
    g_string_append(out, "</p>\n");
}

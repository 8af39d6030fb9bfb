/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed beside the outcome (analysis/lab-beside.h), for people. */
#include "lab-beside.h"
#include "lab-json.h"
#include "lab-report.h"

#define LIST_MAX  40 /* lines of one kind that are told in full */
#define BRIEF_MAX 3  /* things of one kind in a short line */
/* From so much on, a number changed: boots of one kernel differ by less. */
#define BOOT_CHANGE   0.25
#define MEMORY_CHANGE 0.05

static void
line_free(LabReportBesideLine *line)
{
    g_free(line->text);
    g_free(line);
}

/* Things of one kind. */
typedef struct {
    GPtrArray *lines; /* LabReportBesideLine, what was told so far */
    const char *label;
    gboolean briefly;
    GPtrArray *texts; /* char *, of the kind */
} Kind;

static void
add_line(GPtrArray *lines, const char *label, char *text)
{
    LabReportBesideLine *line = g_new(LabReportBesideLine, 1);

    line->label = label;
    line->text = text;
    g_ptr_array_add(lines, line);
}

/* Ends the kind: its lines, or the one that has the first of them. */
static void
tell(Kind *kind)
{
    guint told = MIN(kind->texts->len, kind->briefly ? BRIEF_MAX : LIST_MAX);
    guint more = kind->texts->len - told;
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; i < told; i++) {
        if (!kind->briefly)
            add_line(kind->lines, kind->label, g_strdup(kind->texts->pdata[i]));
        else
            g_string_append_printf(line, "%s%s", i ? ", " : "", (char *)kind->texts->pdata[i]);
    }
    if (more > 0 && kind->briefly)
        g_string_append_printf(line, " and %u more", more);
    else if (more > 0)
        add_line(kind->lines, kind->label, g_strdup_printf("%u more", more));
    if (kind->briefly && told > 0)
        add_line(kind->lines, kind->label, g_string_free(g_steal_pointer(&line), FALSE));
    g_ptr_array_set_size(kind->texts, 0);
}

static void
add_config(Kind *kind, const json_t *beside)
{
    json_t *one;
    size_t i;

    kind->label = "config";
    json_array_foreach (lab_json_member(beside, "config"), i, one)
        g_ptr_array_add(kind->texts,
                        g_strdup_printf("%s %s → %s%s", lab_json_string(one, "option"),
                                        lab_json_string(one, "baseline"),
                                        lab_json_string(one, "candidate"),
                                        lab_json_bool(one, "needed", FALSE) ? " (needed)" : ""));
    tell(kind);
}

static void
add_settings(Kind *kind, const json_t *beside)
{
    json_t *one;
    size_t i;

    kind->label = "setting";
    json_array_foreach (lab_json_member(beside, "settings"), i, one) {
        const char *a = lab_json_string(one, "baseline"), *b = lab_json_string(one, "candidate");

        g_ptr_array_add(kind->texts, g_strdup_printf("%s: %s → %s", lab_json_string(one, "set"),
                                                     a ? a : "not set", b ? b : "not set"));
    }
    tell(kind);
}

/* Texts of a list that stand on one side only, with a sign of which. */
static void
add_sides(Kind *kind, const char *label, const json_t *both)
{
    static const struct {
        const char *side, *sign;
    } sides[] = {{"candidate", "+"}, {"baseline", "−"}};

    kind->label = label;
    for (gsize s = 0; s < G_N_ELEMENTS(sides); s++) {
        json_t *text;
        size_t i;

        json_array_foreach (lab_json_member(both, sides[s].side), i, text)
            g_ptr_array_add(kind->texts,
                            g_strdup_printf("%s %s", sides[s].sign, json_string_value(text)));
    }
    tell(kind);
}

/* Those that the recipe sets, or the others, of which a count stands for limits that only follow
 * the guest's memory. */
static void
add_values(Kind *kind, const json_t *beside, gboolean needed)
{
    guint memory = 0;
    json_t *one;
    size_t i;

    kind->label = "sysctl";
    json_array_foreach (lab_json_member(beside, "values"), i, one) {
        g_autofree char *a = lab_beside_value_text(lab_json_member(one, "baseline"));
        g_autofree char *b = lab_beside_value_text(lab_json_member(one, "candidate"));

        if (lab_json_bool(one, "needed", FALSE) != needed || lab_beside_is_one_sided(one))
            continue;
        if (lab_json_bool(one, "memory", FALSE))
            memory++;
        else
            g_ptr_array_add(kind->texts,
                            g_strdup_printf("%s %s → %s%s", lab_json_string(one, "name"), a, b,
                                            needed ? " (set by the recipe)" : ""));
    }
    tell(kind);
    if (memory > 0 && !kind->briefly)
        g_ptr_array_add(kind->texts,
                        g_strdup_printf("%u limits that follow the memory moved a little", memory));
    tell(kind);
}

/* Those that only one side has: their names. */
static void
add_only(Kind *kind, const char *label, const json_t *beside, const char *side)
{
    const json_t *values = lab_json_member(beside, "values");
    char *names = kind->briefly ? NULL : lab_beside_only_names(values, side, LIST_MAX);

    kind->label = label;
    if (names)
        g_ptr_array_add(kind->texts, names);
    tell(kind);
}

static void
add_changelog(Kind *kind, const json_t *beside)
{
    const json_t *changelog = lab_json_member(beside, "changelog");
    const json_t *named = lab_json_member(changelog, "named");
    int entries = (int)lab_json_int(changelog, "entries", 0);
    json_t *one;
    size_t i;

    kind->label = "changelog";
    json_array_foreach (named, i, one) {
        const char *version = lab_json_string(one, "version");

        g_ptr_array_add(kind->texts, g_strconcat(version ? version : "", version ? ": " : "",
                                                 lab_json_string(one, "item"), NULL));
    }
    if (entries > 0 && json_array_size(named) == 0)
        g_ptr_array_add(kind->texts,
                        g_strdup_printf("%d entries%s, none names the crash's stack", entries,
                                        lab_json_bool(changelog, "backwards", FALSE)
                                            ? " that the candidate lacks"
                                            : ""));
    tell(kind);
}

/* A median of both sides, in 'unit's of 'divisor', when it moved by the share 'change' at least. */
static void
add_number(Kind *kind, const char *label, const json_t *both, double divisor, const char *unit,
           double change)
{
    gint64 a = lab_json_int(both, "baseline", -1), b = lab_json_int(both, "candidate", -1);
    double least = change * (double)MIN(a, b);

    kind->label = label;
    if (a >= 0 && b >= 0 && a != b && (double)ABS(a - b) >= least)
        g_ptr_array_add(kind->texts, g_strdup_printf("%.1f → %.1f %s", (double)a / divisor,
                                                     (double)b / divisor, unit));
    tell(kind);
}

GPtrArray *
lab_report_beside_to_lines(const json_t *beside, gboolean briefly)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    Kind kind = {.lines = lines, .briefly = briefly, .texts = texts};
    json_t *text;
    size_t i;

    if (!beside)
        return lines;
    add_config(&kind, beside);
    add_settings(&kind, beside);
    add_values(&kind, beside, TRUE);
    add_changelog(&kind, beside);
    add_sides(&kind, "command line", lab_json_member(beside, "cmdline"));
    add_sides(&kind, "warnings", lab_json_member(beside, "warnings"));
    add_sides(&kind, "module", lab_json_member(beside, "modules"));
    add_values(&kind, beside, FALSE);
    add_only(&kind, "sysctl gone", beside, "baseline");
    add_only(&kind, "new sysctl", beside, "candidate");
    add_number(&kind, "boot", lab_json_member(beside, "boot_ms"), 1000, "s", BOOT_CHANGE);
    add_number(&kind, "free memory", lab_json_member(beside, "memory_kb"), 1024, "MiB",
               MEMORY_CHANGE);
    kind.label = "not known";
    for (i = 0; !briefly && i < json_array_size(lab_json_member(beside, "missing")); i++) {
        text = json_array_get(lab_json_member(beside, "missing"), i);
        g_ptr_array_add(texts, g_strdup(json_string_value(text)));
    }
    tell(&kind);
    if (briefly && lines->len > LAB_REPORT_BESIDE_LINES)
        g_ptr_array_set_size(lines, LAB_REPORT_BESIDE_LINES);
    return lines;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The crashes of a run, grouped by bug across kernels and variants, each with the reason. */
#include "lab-report.h"

#include <string.h>

#include "lab-json.h"

/* Other groups that one is told apart from. */
#define APART_MAX 6
/* Groups that are compared with each other: above so many, their number is enough. */
#define COMPARED_MAX 60

static void
apart_free(gpointer pointer)
{
    LabReportApart *apart = pointer;

    g_free(apart->why);
    g_free(apart);
}

static void
crash_free(LabReportCrash *crash)
{
    g_ptr_array_unref(crash->cells);
    g_ptr_array_unref(crash->whys);
    g_ptr_array_unref(crash->apart);
    g_free(crash);
}

static LabReportCrash *
crash_new(const char *title)
{
    LabReportCrash *crash = g_new0(LabReportCrash, 1);

    crash->title = title;
    crash->cells = g_ptr_array_new();
    crash->whys = g_ptr_array_new_with_free_func(g_free);
    crash->apart = g_ptr_array_new_with_free_func(apart_free);
    return crash;
}

/* Fewer than three traces of a hang that meet in K0 only: a guess, and said to be one. */
static gboolean
is_uncertain(const LabReportCrash *crash)
{
    const LabReportCell *first = crash->cells->pdata[0];

    if (crash->cells->len < 2 || crash->cells->len >= LAB_CRASH_HANG_TRACES ||
        !lab_crash_trace_is_hang(first->observation->trace))
        return FALSE;
    for (guint i = 0; i < crash->cells->len; i++) {
        const LabReportCell *cell = crash->cells->pdata[i];

        if (!first->observation->k1 || g_strcmp0(cell->observation->k1, first->observation->k1))
            return TRUE;
    }
    return FALSE;
}

static LabReportCrash *
crash_from_group(const LabCrashGroup *group, const GPtrArray *cells)
{
    LabReportCrash *crash = crash_new(group->title);

    for (guint i = 0; i < group->members->len; i++)
        g_ptr_array_add(crash->cells, cells->pdata[g_array_index(group->members, guint, i)]);
    for (guint i = 0; i < group->whys->len; i++)
        g_ptr_array_add(crash->whys, g_strdup(group->whys->pdata[i]));
    crash->uncertain = is_uncertain(crash);
    if (crash->uncertain)
        g_ptr_array_add(crash->whys,
                        g_strdup("uncertain: a hang, and fewer than three traces of it"));
    return crash;
}

/* A damaged report stands for itself. */
static void
add_damaged(GPtrArray *crashes, const GPtrArray *cells)
{
    for (guint i = 0; i < cells->len; i++) {
        LabReportCell *cell = cells->pdata[i];
        LabReportCrash *crash;

        if (!cell->observation->trace->corrupted)
            continue;
        crash = crash_new(cell->observation->trace->title);
        g_ptr_array_add(crash->cells, cell);
        crash->uncertain = TRUE;
        g_ptr_array_add(crash->whys,
                        g_strdup("the report is damaged: it is compared with no other"));
        g_ptr_array_add(crashes, crash);
    }
}

static GPtrArray *
traces_of(const LabReportCrash *crash)
{
    GPtrArray *traces = g_ptr_array_new();

    for (guint i = 0; i < crash->cells->len; i++)
        g_ptr_array_add(traces, ((LabReportCell *)crash->cells->pdata[i])->observation->trace);
    return traces;
}

/* The recipes that show a crash: a set of interned names. */
static GHashTable *
recipes_of(const LabReportCrash *crash)
{
    GHashTable *recipes = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < crash->cells->len; i++)
        g_hash_table_add(recipes,
                         (char *)((LabReportCell *)crash->cells->pdata[i])->observation->recipe);
    return recipes;
}

static gboolean
share_recipe(GHashTable *a, GHashTable *b)
{
    GHashTableIter iter;
    gpointer recipe;

    g_hash_table_iter_init(&iter, a);
    while (g_hash_table_iter_next(&iter, &recipe, NULL))
        if (g_hash_table_contains(b, recipe))
            return TRUE;
    return FALSE;
}

/* Groups that somebody may take for one: of one class, or of one recipe. 'recipes': of each of the
 * first COMPARED_MAX. */
static void
tell_apart(GPtrArray *crashes, guint index, const GPtrArray *recipes)
{
    LabReportCrash *crash = crashes->pdata[index];
    const LabReportCell *first = crash->cells->pdata[0];
    g_autoptr(GPtrArray) traces = traces_of(crash);

    for (guint i = 0; i < MIN(crashes->len, COMPARED_MAX); i++) {
        const LabReportCrash *other = crashes->pdata[i];
        const LabReportCell *cell = other->cells->pdata[0];
        g_autoptr(GPtrArray) others = NULL;
        g_autoptr(LabCrashMatch) match = NULL;
        LabReportApart *apart;

        if (i == index || crash->apart->len == APART_MAX ||
            (!lab_crash_class_meets(first->observation->trace, cell->observation->trace) &&
             !share_recipe(recipes->pdata[index], recipes->pdata[i])))
            continue;
        others = traces_of(other);
        match = lab_crash_match_new_named(traces, "this crash", others, "the other",
                                          lab_analysis_threshold(), NULL);
        apart = g_new0(LabReportApart, 1);
        apart->other = i;
        apart->verdict = match->verdict;
        apart->why = g_steal_pointer(&match->why);
        g_ptr_array_add(crash->apart, apart);
    }
}

GPtrArray *
lab_report_find_crashes(const LabReport *report)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new();
    g_autoptr(GPtrArray) traces = g_ptr_array_new();
    g_autoptr(GPtrArray) groups = NULL;
    g_autoptr(GPtrArray)
        recipes = g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
    GPtrArray *crashes = g_ptr_array_new_with_free_func((GDestroyNotify)crash_free);

    for (guint i = 0; i < report->cells->len; i++) {
        LabReportCell *cell = report->cells->pdata[i];

        if (cell->brief->state != LAB_STATE_RAN || !cell->observation->trace)
            continue;
        g_ptr_array_add(cells, cell);
        g_ptr_array_add(traces, cell->observation->trace);
    }
    groups = lab_crash_cluster(traces, lab_analysis_threshold(), NULL);
    for (guint i = 0; i < groups->len; i++)
        g_ptr_array_add(crashes, crash_from_group(groups->pdata[i], cells));
    add_damaged(crashes, cells);
    for (guint i = 0; i < MIN(crashes->len, COMPARED_MAX); i++)
        g_ptr_array_add(recipes, recipes_of(crashes->pdata[i]));
    for (guint i = 0; i < recipes->len; i++)
        tell_apart(crashes, i, recipes);
    return crashes;
}

/* --- words --- */

char *
lab_report_crash_flags(const json_t *crash)
{
    static const struct {
        const char *key, *words;
    } flags[] = {
        {"corrupted", "damaged: the frames cannot be trusted"},
        {"interleaved", "two CPUs wrote at once"},
        {"truncated", "cut off, or lines were dropped"},
        {"guessed", "guessed from damaged text"},
    };
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++)
        if (lab_json_bool(crash, flags[i].key, FALSE))
            g_string_append_printf(text, "%s%s", text->len ? "; " : "", flags[i].words);
    return g_string_free(text, FALSE);
}

/* Results of early versions say the line only. */
const char *
lab_report_place(const json_t *crash, const json_t *one)
{
    const char *place = lab_json_string(one, "place");
    gint64 line = lab_json_int(one, "line_first", 0);
    gint64 cause = lab_json_int(crash, "line_first", 0);

    if (place)
        return place;
    return line < cause ? "before" : line > cause ? "after" : "cause";
}

const char *
lab_report_harmless(const char *place)
{
    return strcmp(place, "after") == 0 ? "follows from it" : "harmless by itself";
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-advice.h"

#include <string.h>

static void
advice_free(gpointer pointer)
{
    LabAdvice *advice = pointer;

    g_free(advice->why);
    g_free(advice->change);
    g_free(advice->change_version);
    g_free(advice->met);
    g_free(advice);
}

const char *
lab_meets_name(LabMeets meets)
{
    static const char *const names[] = {NULL, "trace", "function", "title"};

    return names[meets];
}

static void
meet(LabAdvice *advice, LabMeets meets, const char *text)
{
    if (meets <= advice->meets)
        return;
    advice->meets = meets;
    g_free(advice->met);
    advice->met = g_strdup(text);
}

/* "deferred_split_scan" of "BUG: … in deferred_split_scan". */
static const char *
title_function(const char *title)
{
    const char *in = g_strrstr(title, " in ");

    return in ? in + strlen(" in ") : NULL;
}

/* "BUG: … in deferred_split_*" does, "BUG: … in *" does not: any crash of that class meets it. */
static gboolean
names_function(const char *glob)
{
    const char *function = title_function(glob);

    return function && (g_ascii_isalpha(*function) || *function == '_');
}

/* A title against the expected titles that name a function, and against detectors' patterns. */
static void
meet_title(LabAdvice *advice, const char *title)
{
    const LabRecipe *recipe = advice->recipe;
    const char *function = title_function(title);

    for (guint i = 0; i < recipe->expect->len; i++) {
        const LabExpect *expect = recipe->expect->pdata[i];

        if (expect->title && names_function(expect->title) &&
            g_pattern_match_simple(expect->title, title))
            meet(advice, LAB_MEETS_TITLE, title);
    }
    for (guint i = 0; i < recipe->detectors->len; i++) {
        const LabDetector *detector = recipe->detectors->pdata[i];

        if (detector->pattern && g_regex_match_simple(detector->pattern, title, 0, 0))
            meet(advice, LAB_MEETS_TITLE, title);
    }
    if (function && g_strv_contains((const char *const *)recipe->functions, function))
        meet(advice, LAB_MEETS_FUNCTION, function);
}

static void
meet_function(LabAdvice *advice, const char *function)
{
    if (function && g_strv_contains((const char *const *)advice->recipe->functions, function))
        meet(advice, LAB_MEETS_TRACE, function);
}

/* The traces of other tasks that people put beside it. */
static void
meet_stacks(LabAdvice *advice, const json_t *attributes)
{
    size_t i, n;
    json_t *stack, *frame;

    json_array_foreach (json_object_get(attributes, "stacks"), i, stack)
        json_array_foreach (json_object_get(stack, "frames"), n, frame)
            meet_function(advice, json_string_value(frame));
}

static void
meet_report(LabAdvice *advice, const LabCrashReport *report)
{
    if (report->title)
        meet_title(advice, report->title);
    for (char **other = report->alternatives; *other; other++)
        meet_title(advice, *other);
    for (guint i = 0; i < report->frames->len; i++)
        meet_function(advice, ((const LabCrashFrame *)report->frames->pdata[i])->function);
    meet_stacks(advice, report->attributes);
}

/* 'subject' of 'HASH ("subject") (in vX.Y)'; g_free, or NULL. */
static char *
subject_of(const char *commit)
{
    const char *start = commit ? strstr(commit, "(\"") : NULL;
    const char *end = start ? g_strrstr(start, "\")") : NULL;

    return end && end > start + 2 ? g_strndup(start + 2, (gsize)(end - start) - 2) : NULL;
}

/* The package itself says that it has the fix: that goes over any range. */
static void
look_into_changelog(LabAdvice *advice, const GPtrArray *changelog)
{
    const LabRecipe *recipe = advice->recipe;

    for (guint i = 0; i < recipe->affected->len && !advice->change; i++) {
        const LabAffected *entry = recipe->affected->pdata[i];
        g_autofree char *subject = subject_of(entry->commit);
        const LabChange *change = NULL;
        const char *item = subject ? lab_changelog_find(changelog, subject, &change) : NULL;

        if (!item)
            continue;
        advice->change = g_strdup(item);
        advice->change_version = g_strdup(change->version);
        if (advice->applies != LAB_APPLIES_NO) {
            g_free(advice->why);
            advice->why = g_strdup("its package's changelog has the fix");
            advice->applies = LAB_APPLIES_NO;
        }
        if (!advice->entry)
            advice->entry = entry;
    }
}

static LabAdvice *
advise_on(const LabRecipe *recipe, const LabKernel *kernel, const LabRelease *release,
          const GPtrArray *changelog, const LabCrashLog *log)
{
    LabAdvice *advice = g_new0(LabAdvice, 1);

    advice->recipe = recipe;
    if (release)
        advice->applies =
            lab_recipe_applies_to(recipe, kernel, release, &advice->entry, &advice->why);
    else
        advice->why = g_strdup("the log names no release");
    if (changelog)
        look_into_changelog(advice, changelog);
    for (guint i = 0; log && i < log->reports->len; i++)
        meet_report(advice, log->reports->pdata[i]);
    return advice;
}

static int
rank(const LabAdvice *advice)
{
    static const int of_applies[] = {
        [LAB_APPLIES_YES] = 0, [LAB_APPLIES_UNKNOWN] = 1, [LAB_APPLIES_NO] = 2};

    return -10 * (int)advice->meets + of_applies[advice->applies];
}

static int
compare_advice(gconstpointer a, gconstpointer b)
{
    const LabAdvice *x = *(const LabAdvice *const *)a, *y = *(const LabAdvice *const *)b;

    return rank(x) != rank(y) ? rank(x) - rank(y) : strcmp(x->recipe->name, y->recipe->name);
}

GPtrArray *
lab_advice_new(const GPtrArray *recipes, const LabKernel *kernel, const LabRelease *release,
               const GPtrArray *changelog, const LabCrashLog *log)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(advice_free);

    for (guint i = 0; i < recipes->len; i++) {
        LabAdvice *advice = advise_on(recipes->pdata[i], kernel, release, changelog, log);

        if (advice->recipe->affected->len > 0 || advice->meets != LAB_MEETS_NOT)
            g_ptr_array_add(all, advice);
        else
            advice_free(advice);
    }
    g_ptr_array_sort(all, compare_advice);
    return all;
}

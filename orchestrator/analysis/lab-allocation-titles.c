/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Crashes that the candidate shows and the baseline does not, where both crash: whether shares that
 * are settled say all. Each is tested as the analysis does it (lab_comparison_new_p), from the pair
 * on that follows its first sight. That a comparison is kept open for it is one more way to choose
 * the number of pairs, so no error gets more likely.
 */
#include <math.h>

#include "lab-allocation-private.h"

/* The analysis tests no more of a side. */
#define TITLES_MAX 32

static Title *
find(const Comparison *comparison, const char *name)
{
    for (guint i = 0; i < comparison->titles->len; i++) {
        Title *title = &g_array_index(comparison->titles, Title, i);

        if (title->name == name)
            return title;
    }
    return NULL;
}

static Title *
find_or_add(Comparison *comparison, const char *name)
{
    const Title title = {.name = name};
    Title *found = find(comparison, name);

    if (found || comparison->titles->len >= TITLES_MAX)
        return found;
    g_array_append_val(comparison->titles, title);
    return &g_array_index(comparison->titles, Title, comparison->titles->len - 1);
}

void
lab_allocation_take_titles(Comparison *comparison, const LabSequentialRule *rule, const char *a,
                           const char *b)
{
    Title *title;

    for (guint i = 0; i < comparison->titles->len; i++) {
        title = &g_array_index(comparison->titles, Title, i);
        if (title->rank > 0 && !title->is_old)
            lab_sequential_add(&title->test, rule, FALSE, title->name == b);
    }
    comparison->baseline_crashes = comparison->baseline_crashes || a;
    title = a ? find_or_add(comparison, a) : NULL;
    if (title)
        title->is_old = TRUE;
    title = b ? find_or_add(comparison, b) : NULL;
    if (title && title->rank == 0)
        title->rank = ++comparison->ranks;
}

double
lab_allocation_title_pairs(const Comparison *comparison, const LabSequentialRule *rule, double most)
{
    double pairs = 0;

    for (guint i = 0; comparison->baseline_crashes && i < comparison->titles->len; i++) {
        const Title *title = &g_array_index(comparison->titles, Title, i);
        const LabSequential *test = &title->test;
        LabSequentialRule own = *rule;
        double more;

        own.alpha /= title->rank * (title->rank + 1.0);
        /* Seen once, it tells nothing of how often it comes. */
        if (title->is_old || title->rank == 0 || test->b_bad == 0 ||
            test->differ_most >= -log(own.alpha))
            continue;
        more = lab_sequential_pairs_to_differ(test, &own, 0, (double)test->b_bad / test->pairs);
        more = MAX(ceil(more), 1);
        if (more <= most)
            pairs = pairs > 0 ? MIN(pairs, more) : more;
    }
    return pairs;
}

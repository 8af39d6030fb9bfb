/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of an adaptive run. */
#include "lab-repetition-private.h"

#include <math.h>

/* So many open comparisons are named at the end. */
#define NAMED 3

char *
lab_repetition_why_spared(const LabRepetition *repetition, guint number)
{
    guint states[LAB_ALLOCATION_STATES] = {0};
    guint n = lab_allocation_count(repetition->allocation, number, states);

    if (states[LAB_ALLOCATION_UNABLE] == n)
        return g_strdup("what it is compared with is skipped, or it is itself");
    if (states[LAB_ALLOCATION_UNABLE] + states[LAB_ALLOCATION_EXHAUSTED] > 0)
        return g_strdup_printf("of its %u comparisons %u are settled, and the others have no more "
                               "repetitions or are with cells that are skipped",
                               n, states[LAB_ALLOCATION_DIFFER] + states[LAB_ALLOCATION_ALIKE]);
    if (n == 1)
        return g_strdup_printf("its comparison is settled: the shares of bad runs %s",
                               states[LAB_ALLOCATION_DIFFER] ? "differ" : "are alike");
    return g_strdup_printf("its %u comparisons are settled: %u different, %u alike", n,
                           states[LAB_ALLOCATION_DIFFER], states[LAB_ALLOCATION_ALIKE]);
}

/* "6.1.0-3 mine/plain against 6.1.0-1 (bad: 2 of 7, 0 of 7; about 9 more of each)" */
static void
append_open(GString *text, const LabRepetition *repetition, const LabAllocationComparison *one)
{
    const LabRunCell *a = lab_repetition_first_cell(repetition->groups->pdata[one->baseline]);
    const LabRunCell *b = lab_repetition_first_cell(repetition->groups->pdata[one->candidate]);
    const LabSequential *test = &one->test;

    g_string_append_printf(text, "%s %s/%s against %s (bad: %u of %u, %u of %u", b->kernel,
                           b->recipe, b->variant, one->variants ? a->variant : a->kernel,
                           test->b_bad, test->pairs, test->a_bad, test->pairs);
    if (one->state == LAB_ALLOCATION_OPEN && test->pairs > 0 && isfinite(one->more_pairs))
        g_string_append_printf(text, "; about %.0f more of each", one->more_pairs);
    g_string_append_c(text, ')');
}

char *
lab_repetition_text(const LabRepetition *repetition)
{
    guint states[LAB_ALLOCATION_STATES] = {0}, open, named = 0;
    guint n = lab_allocation_n_comparisons(repetition->allocation);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < n; i++)
        states[lab_allocation_comparison(repetition->allocation, i)->state]++;
    open = states[LAB_ALLOCATION_OPEN] + states[LAB_ALLOCATION_EXHAUSTED];
    g_string_printf(text, "settled %u of %u comparison%s after %u of %u runs",
                    states[LAB_ALLOCATION_DIFFER] + states[LAB_ALLOCATION_ALIKE], n,
                    n == 1 ? "" : "s", repetition->done, repetition->cells->len);
    if (states[LAB_ALLOCATION_UNABLE] > 0)
        g_string_append_printf(text, "; %u not comparable", states[LAB_ALLOCATION_UNABLE]);
    if (open > 0)
        g_string_append_printf(text, "; %u open: ", open);
    for (guint i = 0; i < n && named < MIN(open, NAMED); i++) {
        const LabAllocationComparison *one = lab_allocation_comparison(repetition->allocation, i);

        if (one->state != LAB_ALLOCATION_OPEN && one->state != LAB_ALLOCATION_EXHAUSTED)
            continue;
        g_string_append(text, named++ ? ", " : "");
        append_open(text, repetition, one);
    }
    if (open > named)
        g_string_append_printf(text, " and %u more", open - named);
    return g_string_free(text, FALSE);
}

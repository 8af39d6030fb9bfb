/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The score of two stacks: the best alignment, by dynamic programming. A frame at depth i (from 1)
 * weighs i^-1 * exp(-5 * df/N); two that match add both weights * exp(-0.1 * |i - j|), others
 * subtract theirs; the sum, divided by that of all weights, lies in -1..1 and is mapped to 0..1.
 * Rule and figures: FaST (MSR 2022), measured again on kernel logs.
 */
#include "lab-crash-similar.h"

#include <math.h>
#include <string.h>

#define COMMON_FACTOR   5.0
#define DISTANCE_FACTOR 0.1

enum { FROM_BOTH, FROM_A, FROM_B };

typedef struct {
    guint n;
    double *weights;
    double total;
    guint *hashes; /* of the functions: unequal ones differ at once */
    const LabCrashFrame *const *frames;
} Side;

double
lab_crash_weight(const LabCrashKnown *known, const char *function, guint depth)
{
    return exp(-COMMON_FACTOR * lab_crash_known_share(known, function)) / (depth + 1);
}

static void
side_set(Side *side, const LabCrashTrace *trace, const LabCrashKnown *known)
{
    side->n = trace->stack->len;
    side->frames = (const LabCrashFrame *const *)trace->stack->pdata;
    side->weights = g_new(double, side->n + 1);
    side->hashes = g_new(guint, side->n + 1);
    side->total = 0;
    for (guint i = 0; i < side->n; i++) {
        side->weights[i] = lab_crash_weight(known, side->frames[i]->function, i);
        side->hashes[i] = g_str_hash(side->frames[i]->function);
        side->total += side->weights[i];
    }
}

static void
side_clear(Side *side)
{
    g_free(side->weights);
    g_free(side->hashes);
}

static gboolean
frames_match(const Side *a, guint i, const Side *b, guint j)
{
    return a->hashes[i] == b->hashes[j] &&
           strcmp(a->frames[i]->function, b->frames[j]->function) == 0;
}

static gboolean
sides_equal(const Side *a, const Side *b)
{
    if (a->n != b->n)
        return FALSE;
    for (guint i = 0; i < a->n; i++)
        if (!frames_match(a, i, b, i))
            return FALSE;
    return TRUE;
}

/* One row of the table: 'above' is the row before. 'steps' (b->n bytes) says where each came from;
 * it may be NULL. */
static void
fill_row(const Side *a, guint i, const Side *b, const double *above, double *row, guint8 *steps)
{
    row[0] = above[0] - a->weights[i];
    for (guint j = 0; j < b->n; j++) {
        double best = above[j + 1] - a->weights[i];
        double other = row[j] - b->weights[j];
        guint8 step = FROM_A;

        if (other > best) {
            best = other;
            step = FROM_B;
        }
        if (frames_match(a, i, b, j)) {
            guint distance = i > j ? i - j : j - i;
            double both = above[j] +
                          (a->weights[i] + b->weights[j]) * exp(-DISTANCE_FACTOR * distance);

            if (both >= best) {
                best = both;
                step = FROM_BOTH;
            }
        }
        row[j + 1] = best;
        if (steps)
            steps[j] = step;
    }
}

static GArray *
trace_back(const Side *a, const Side *b, const guint8 *steps)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(LabCrashPair));
    gint i = (gint)a->n - 1;
    gint j = (gint)b->n - 1;

    while (i >= 0 || j >= 0) {
        guint8 step = i < 0 ? FROM_B : j < 0 ? FROM_A : steps[(gsize)i * b->n + (gsize)j];
        LabCrashPair pair = {step == FROM_B ? -1 : i, step == FROM_A ? -1 : j};

        g_array_append_val(pairs, pair);
        i -= step != FROM_B;
        j -= step != FROM_A;
    }
    for (guint from = 0; from + 1 < pairs->len - from; from++) {
        LabCrashPair *low = &g_array_index(pairs, LabCrashPair, from);
        LabCrashPair *high = &g_array_index(pairs, LabCrashPair, pairs->len - 1 - from);
        LabCrashPair keep = *low;

        *low = *high;
        *high = keep;
    }
    return pairs;
}

static double
align(const Side *a, const Side *b, guint8 *steps)
{
    g_autofree double *above = g_new(double, b->n + 1);
    g_autofree double *row = g_new(double, b->n + 1);

    above[0] = 0;
    for (guint j = 0; j < b->n; j++)
        above[j + 1] = above[j] - b->weights[j];
    for (guint i = 0; i < a->n; i++) {
        double *keep = above;

        fill_row(a, i, b, above, row, steps ? steps + (gsize)i * b->n : NULL);
        above = row;
        row = keep;
    }
    return above[b->n];
}

double
lab_crash_score(const LabCrashTrace *one, const LabCrashTrace *other, const LabCrashKnown *known,
                GArray **pairs)
{
    Side a, b;
    g_autofree guint8 *steps = NULL;
    double score;

    side_set(&a, one, known);
    side_set(&b, other, known);
    if (pairs)
        steps = g_malloc((gsize)a.n * b.n + 1);
    if (a.n == 0 || b.n == 0)
        score = 0;
    else if (!pairs && sides_equal(&a, &b))
        score = 1;
    else
        score = (1 + align(&a, &b, steps) / (a.total + b.total)) / 2;
    if (pairs)
        *pairs = trace_back(&a, &b, steps);
    if (a.n && sides_equal(&a, &b))
        score = 1;
    side_clear(&a);
    side_clear(&b);
    return CLAMP(score, 0, 1);
}

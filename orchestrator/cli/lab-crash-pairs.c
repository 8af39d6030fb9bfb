/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-crash-pairs.h"

#include <string.h>

#include "lab-json.h"
#include "lab-run.h"
#include "lab-version.h"

/* doctor is asked for quick answers: older runs say little about what is installed now. */
#define MAX_RUNS 50

typedef struct {
    char *crash;
    char *series;
    guint opened, failed;
    gboolean here; /* seen in this lab's runs */
} Pair;

struct LabCrashPairs {
    GPtrArray *pairs; /* Pair */
};

/* Tried with real vmcores, kdump's and the host's, of Debian's cloud kernels 5.10.223, 6.1.192 and
 * 6.12.117. */
static const struct {
    const char *crash;
    const char *series;
    gboolean opens;
} measured[] = {
    {"8.0.2", "5.10", TRUE},
    {"8.0.2", "6.1", TRUE},
    {"8.0.2", "6.12", FALSE},
};

char *
lab_series_of(const char *release)
{
    const char *dot = strchr(release, '.');
    gsize length = dot ? (gsize)(dot - release) + 1 + strspn(dot + 1, "0123456789") : 0;

    return length > 0 ? g_strndup(release, length) : g_strdup(release);
}

gboolean
lab_result_is_real(const json_t *result)
{
    const char *accelerator = lab_json_string(lab_json_member(result, "facts"), "accelerator");

    return g_strcmp0(accelerator, "kvm") == 0 || g_strcmp0(accelerator, "tcg") == 0;
}

static void
pair_free(gpointer pointer)
{
    Pair *pair = pointer;

    g_free(pair->crash);
    g_free(pair->series);
    g_free(pair);
}

void
lab_crash_pairs_free(LabCrashPairs *pairs)
{
    if (!pairs)
        return;
    g_ptr_array_unref(pairs->pairs);
    g_free(pairs);
}

static Pair *
find(const LabCrashPairs *pairs, const char *crash, const char *series)
{
    for (guint i = 0; i < pairs->pairs->len; i++) {
        Pair *pair = pairs->pairs->pdata[i];

        if (g_str_equal(pair->crash, crash) && g_str_equal(pair->series, series))
            return pair;
    }
    return NULL;
}

static Pair *
find_or_add(LabCrashPairs *pairs, const char *crash, const char *series)
{
    Pair *pair = find(pairs, crash, series);

    if (pair)
        return pair;
    pair = g_new0(Pair, 1);
    pair->crash = g_strdup(crash);
    pair->series = g_strdup(series);
    g_ptr_array_add(pairs->pairs, pair);
    return pair;
}

static void
add_result(LabCrashPairs *pairs, const json_t *result)
{
    const json_t *check = lab_json_member(lab_json_member(result, "dump"), "check");
    const char *version = lab_json_string(check, "crash_version");
    const char *verdict = lab_json_string(check, "crash");
    const char *release = lab_json_string(result, "release");
    g_autofree char *series = release ? lab_series_of(release) : NULL;
    Pair *pair;

    if (!version || !verdict || !series || !lab_result_is_real(result))
        return;
    pair = find_or_add(pairs, version, series);
    if (!pair->here) /* what we measured elsewhere gives way */
        pair->opened = pair->failed = 0;
    pair->here = TRUE;
    if (g_str_equal(verdict, "ok"))
        pair->opened++;
    else
        pair->failed++;
}

static void
add_run(LabCrashPairs *pairs, const char *data, const char *id)
{
    g_autoptr(LabRun) run = lab_run_open(data, id, NULL);
    const GPtrArray *cells = run ? lab_run_cells(run, NULL) : NULL;

    for (guint i = 0; cells && i < cells->len; i++) {
        g_autoptr(json_t) result = lab_run_read_result(run, cells->pdata[i], NULL);

        if (result)
            add_result(pairs, result);
    }
}

LabCrashPairs *
lab_crash_pairs_new(const char *data)
{
    LabCrashPairs *pairs = g_new0(LabCrashPairs, 1);
    g_auto(GStrv) ids = lab_run_ids(data, NULL);

    pairs->pairs = g_ptr_array_new_with_free_func(pair_free);
    for (gsize i = 0; i < G_N_ELEMENTS(measured); i++) {
        Pair *pair = find_or_add(pairs, measured[i].crash, measured[i].series);

        pair->opened = measured[i].opens;
        pair->failed = !measured[i].opens;
    }
    for (guint i = 0; ids && ids[i] && i < MAX_RUNS; i++)
        add_run(pairs, data, ids[i]);
    return pairs;
}

LabPair
lab_crash_pairs_find(const LabCrashPairs *pairs, const char *crash, const char *series)
{
    const Pair *exact = find(pairs, crash, series);
    LabPair verdict = LAB_PAIR_UNTRIED;

    if (exact)
        return exact->opened > 0 ? LAB_PAIR_OPENS : LAB_PAIR_DOES_NOT;
    for (guint i = 0; i < pairs->pairs->len; i++) {
        const Pair *pair = pairs->pairs->pdata[i];
        int order;

        if (!g_str_equal(pair->crash, crash))
            continue;
        order = lab_release_compare(series, pair->series);
        if (pair->opened > 0 && order < 0)
            return LAB_PAIR_SHOULD;
        if (pair->opened == 0 && order > 0)
            verdict = LAB_PAIR_TOO_NEW;
    }
    return verdict;
}

const char *
lab_pair_text(LabPair pair)
{
    switch (pair) {
    case LAB_PAIR_OPENS:
        return "opens";
    case LAB_PAIR_SHOULD:
        return "should open";
    case LAB_PAIR_TOO_NEW:
        return "too new";
    case LAB_PAIR_DOES_NOT:
        return "does not open";
    case LAB_PAIR_UNTRIED:
        break;
    }
    return "not tried";
}

void
lab_crash_pairs_seen(const LabCrashPairs *pairs, const char *crash, const char *series,
                     guint *opened, guint *tried)
{
    const Pair *pair = find(pairs, crash, series);

    *opened = pair && pair->here ? pair->opened : 0;
    *tried = pair && pair->here ? pair->opened + pair->failed : 0;
}

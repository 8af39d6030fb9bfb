/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes before a log's words and between them changes nothing of what is read from it. */
#include <string.h>

#include "lab-crash-private.h"
#include "lab-crash.h"
#include "lab-json.h"
#include "log-transform.h"

typedef struct {
    char *id;
    char *text;
    gsize length;
    char **titles; /* that are right; none: no crash may be found */
    gboolean corrupted;
    gboolean has_callers;
    char *plain; /* the title without any transform, or NULL */
} Sample;

static void
sample_free(Sample *sample)
{
    g_free(sample->id);
    g_free(sample->text);
    g_strfreev(sample->titles);
    g_free(sample->plain);
    g_free(sample);
}

static char *
cause_of(const char *text, gsize length)
{
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, length);

    return log->cause ? g_strdup(log->cause->title) : NULL;
}

/* The public corpus, where it lies beside the tree; NULL otherwise. */
static GPtrArray *
corpus(void)
{
    g_autofree char *beside =
        g_test_build_filename(G_TEST_DIST, "..", "..", "..", "shared", "corpus", NULL);
    const char *directory = g_getenv("LAB_CRASH_CORPUS") ? g_getenv("LAB_CRASH_CORPUS") : beside;
    g_autofree char *index = g_build_filename(directory, "index.tsv", NULL);
    g_autofree char *table = NULL;
    g_auto(GStrv) lines = NULL;
    GPtrArray *samples;

    if (!g_file_get_contents(index, &table, NULL, NULL)) {
        g_test_skip("the public corpus is not beside the tree (LAB_CRASH_CORPUS names it)");
        return NULL;
    }
    samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    lines = g_strsplit(table, "\n", -1);
    for (int i = 1; lines[i]; i++) {
        g_auto(GStrv) row = g_strsplit(lines[i], "\t", -1);
        g_autofree char *titles = NULL;
        g_autofree char *name = NULL;
        g_autofree char *path = NULL;
        Sample *sample;

        if (g_strv_length(row) < 10 || g_str_has_prefix(row[1], "SYZ"))
            continue;
        name = g_strconcat(row[0], ".log", NULL);
        path = g_build_filename(directory, "logs", name, NULL);
        titles = *row[2] ? g_strconcat(row[1], " | ", row[2], NULL) : g_strdup(row[1]);
        sample = g_new0(Sample, 1);
        g_assert_true(g_file_get_contents(path, &sample->text, &sample->length, NULL));
        sample->id = g_strdup(row[0]);
        sample->titles = g_strsplit(titles, " | ", -1);
        sample->corrupted = *row[4] != '\0';
        sample->has_callers = *row[9] == 'Y';
        sample->plain = cause_of(sample->text, sample->length);
        g_ptr_array_add(samples, sample);
    }
    return samples;
}

static gboolean
is_right(const Sample *sample, const char *title)
{
    return title && g_strv_contains((const char *const *)sample->titles, title);
}

typedef struct {
    guint titled, exact, same, clean, false_alarms;
} Score;

static Score
score(const GPtrArray *samples, LogTransform transform)
{
    Score score = {0};

    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = samples->pdata[i];
        gsize length;
        g_autofree char *text = log_transform(sample->text, sample->length, transform, &length);
        g_autofree char *title = cause_of(text, length);

        if (!sample->titles[0]) {
            score.clean++;
            score.false_alarms += title != NULL;
        } else if (!sample->corrupted) {
            score.titled++;
            score.exact += is_right(sample, title);
            score.same += g_strcmp0(title, sample->plain) == 0;
            if (g_strcmp0(title, sample->plain) != 0)
                g_test_message("%s: log %s: '%s' for '%s'", log_transform_name(transform),
                               sample->id, title ? title : "", sample->plain ? sample->plain : "");
        }
    }
    return score;
}

/* Goals: 95 %, 93 % without time stamps. The titles are judged elsewhere: here counts what a
 * transform takes away. */
static void
test_transforms(void)
{
    g_autoptr(GPtrArray) samples = corpus();

    guint missed = 0;

    if (!samples)
        return;
    for (LogTransform transform = 0; transform < LOG_TRANSFORMS; transform++) {
        Score s = score(samples, transform);
        guint goal = transform == LOG_NO_TIME || transform == LOG_NO_PREFIX ? 93
                     : transform == LOG_MAIL                                ? 93
                                                                            : 95;

        g_test_message(
            "%-20s right title %5.1f %% (%u of %u), as plain %5.1f %%, false alarms %u of %u",
            log_transform_name(transform), 100.0 * s.exact / s.titled, s.exact, s.titled,
            100.0 * s.same / s.titled, s.false_alarms, s.clean);
        missed += s.false_alarms > 0 || s.same * 100 < s.titled * goal;
    }
    g_assert_cmpuint(missed, ==, 0);
}

/* Two logs line by line: both reports are found, and one of them is the cause. */
static void
test_interleaved(void)
{
    g_autoptr(GPtrArray) samples = corpus();
    const Sample *last = NULL;
    guint pairs = 0, causes = 0, both = 0, alone = 0;

    if (!samples)
        return;
    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = samples->pdata[i];
        g_autoptr(LabCrashLog) log = NULL;
        g_autofree char *text = NULL;
        gsize length;
        guint found = 0;

        if (!sample->titles[0] || sample->corrupted || !is_right(sample, sample->plain))
            continue;
        if (!last) {
            last = sample;
            continue;
        }
        text = log_interleave(last->text, last->length, sample->text, sample->length, &length);
        log = lab_crash_log_parse(text, length);
        for (guint j = 0; j < log->reports->len; j++) {
            const LabCrashReport *report = log->reports->pdata[j];

            found |= is_right(last, report->title) ? 1 : 0;
            found |= is_right(sample, report->title) ? 2 : 0;
        }
        pairs++;
        both += found == 3;
        alone += (found & 1) + (found >> 1);
        if (log->cause &&
            (is_right(last, log->cause->title) || is_right(sample, log->cause->title)))
            causes++;
        if (found != 3)
            g_test_message("logs %s and %s: found %u, cause '%s'", last->id, sample->id, found,
                           log->cause ? log->cause->title : "");
        last = NULL;
    }
    g_test_message("%u pairs interleaved: cause %5.1f %%, both %5.1f %%, each %5.1f %%", pairs,
                   100.0 * causes / pairs, 100.0 * both / pairs, 50.0 * alone / pairs);
    g_assert_cmpuint(pairs, >, 0);
    g_assert_cmpuint(causes * 100, >=, pairs * 95);
    g_assert_cmpuint(alone * 100, >=, pairs * 2 * 95);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crash-input/transforms", test_transforms);
    g_test_add_func("/crash-input/interleaved", test_interleaved);
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes before a log's words and between them changes nothing of what is read from it. */
#include <string.h>

#include "golden.h"
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

/* One after the other: a log goes through several hands. */
static void
test_chains(void)
{
    static const struct {
        LogTransform first, second;
    } chains[] = {
        {LOG_SYSLOG, LOG_WRAP_100},    {LOG_SYSLOG_BARE, LOG_WRAP_100}, {LOG_DMESG_T, LOG_WRAP_100},
        {LOG_NO_PREFIX, LOG_WRAP_100}, {LOG_WRAP_80, LOG_QUOTED},       {LOG_WRAP_100, LOG_CRLF},
        {LOG_CRLF, LOG_WRAP_100},      {LOG_MAIL, LOG_QUOTED_TWICE},    {LOG_SYSLOG, LOG_CONTAINER},
        {LOG_LEVELS, LOG_SYSLOG},      {LOG_SYSLOG, LOG_QUOTED},        {LOG_CONTAINER, LOG_CRLF},
        {LOG_SYSLOG_BARE, LOG_MAIL},
    };
    g_autoptr(GPtrArray) samples = corpus();
    guint missed = 0;

    if (!samples)
        return;
    for (gsize c = 0; c < G_N_ELEMENTS(chains); c++) {
        guint titled = 0, same = 0;

        for (guint i = 0; i < samples->len; i++) {
            const Sample *sample = samples->pdata[i];
            gsize length;
            g_autofree char *once =
                log_transform(sample->text, sample->length, chains[c].first, &length);
            g_autofree char *twice = log_transform(once, length, chains[c].second, &length);
            g_autofree char *title = NULL;

            if (!sample->titles[0] || sample->corrupted)
                continue;
            title = cause_of(twice, length);
            titled++;
            same += g_strcmp0(title, sample->plain) == 0;
            if (g_strcmp0(title, sample->plain) != 0)
                g_test_message("%s + %s: log %s: '%s' for '%s'",
                               log_transform_name(chains[c].first),
                               log_transform_name(chains[c].second), sample->id, title ? title : "",
                               sample->plain ? sample->plain : "");
        }
        g_test_message("%s, then %s: as plain %5.1f %%", log_transform_name(chains[c].first),
                       log_transform_name(chains[c].second), 100.0 * same / titled);
        missed += same * 100 < titled * (chains[c].second == LOG_MAIL ? 85 : 93);
    }
    g_assert_cmpuint(missed, ==, 0);
}

/* Two logs line by line: both reports are found, and one of them is the cause. */
static void
test_interleaved(gconstpointer data)
{
    gboolean own = GPOINTER_TO_INT(data);
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

        if (!sample->titles[0] || sample->corrupted || !is_right(sample, sample->plain) ||
            (own && !sample->has_callers))
            continue;
        if (!last) {
            last = sample;
            continue;
        }
        text = log_interleave(last->text, last->length, sample->text, sample->length, own, &length);
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

/* --- invariants --- */

static char *
all_of(const LabCrashLog *log)
{
    json_t *all = json_pack("{s:o, s:o, s:b, s:b, s:i}", "crash", lab_crash_log_to_json(log),
                            "reports", json_array(), "truncated", log->truncated, "interleaved",
                            log->interleaved, "boots", (int)log->boots);
    char *text, *copy;

    for (guint i = 0; i < log->reports->len; i++)
        json_array_append_new(json_object_get(all, "reports"),
                              lab_crash_report_to_json(log->reports->pdata[i]));
    text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    copy = g_strdup(text);
    free(text);
    return copy;
}

/* Read in pieces of 'piece' bytes (0: at once), with the prefilter or without. */
static char *
read_as(const char *text, gsize length, gsize piece, gboolean prefilter)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_autoptr(LabCrashLog) log = NULL;

    lab_crash_input_set_prefilter(lab_crash_parser_input(parser), prefilter);
    for (gsize i = 0; i < length; i += piece ? piece : length)
        lab_crash_parser_feed_text(parser, text + i, MIN(piece ? piece : length, length - i));
    log = lab_crash_parser_finish(parser);
    return all_of(log);
}

/* A machine's chatter, so long that reports lie far from each other and from the ends of blocks. */
static void
add_chatter(GString *text, GRand *random, guint lines)
{
    for (guint i = 0; i < lines; i++)
        g_string_append_printf(text, "[%5u.%06u] usb %d-%d: new high-speed device number %d\n",
                               g_rand_int_range(random, 0, 9999),
                               g_rand_int_range(random, 0, 999999), g_rand_int_range(random, 1, 9),
                               g_rand_int_range(random, 1, 99), g_rand_int_range(random, 1, 99));
}

/* The prefilter finds what the parser finds, and it does not matter how the text is cut. */
static void
test_prefilter(void)
{
    g_autoptr(GPtrArray) samples = corpus();
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    if (!samples)
        return;
    for (LogTransform transform = 0; transform < LOG_TRANSFORMS; transform++) {
        g_autoptr(GString) all = g_string_new(NULL);

        for (guint i = 0; i < samples->len; i++) {
            const Sample *sample = samples->pdata[i];
            gsize length;
            g_autofree char *text = log_transform(sample->text, sample->length, transform, &length);
            g_autofree char *with = read_as(text, length, 0, TRUE);
            g_autofree char *without = read_as(text, length, 0, FALSE);

            if (strcmp(with, without) != 0)
                g_test_message("%s: log %s", log_transform_name(transform), sample->id);
            g_assert_cmpstr(with, ==, without);
            if (i % 7 == 0) {
                g_string_append_len(all, text, (gssize)length);
                add_chatter(all, random, (guint)g_rand_int_range(random, 1, 6000));
            }
        }
        if (transform == LOG_PLAIN || transform == LOG_SYSLOG || transform == LOG_WRAP_80) {
            static const gsize pieces[] = {1, 4096, 100003, 1 << 20};
            g_autofree char *without = read_as(all->str, all->len, 0, FALSE);

            for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
                g_autofree char *with = read_as(all->str, all->len, pieces[i], TRUE);

                g_assert_cmpstr(with, ==, without);
            }
        }
    }
}

/* A line as long as any that the next one seems to go on with: alone it is no sign of wrapping,
 * whether all lines are read or only those of a report. */
static void
test_long_line(void)
{
    static const char text[] =
        "```\n[   12.347188] foo: the next one should be the one at ffff88ba6ba7d248, but it was "
        "not so at all (prev=ffff88c23d46), and nobody could say what it was\n"
        "- Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n"
        "- BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]\n\nThe first means this.\n";
    g_autofree char *with = read_as(text, strlen(text), 0, TRUE);
    g_autofree char *without = read_as(text, strlen(text), 0, FALSE);

    g_assert_cmpstr(with, ==, without);
}

/* Where line 'number' (from 1) begins. */
static gsize
line_start(const char *text, gsize length, guint64 number)
{
    const char *p = text;

    while (--number && (p = memchr(p, '\n', (gsize)(text + length - p))))
        p++;
    return p ? (gsize)(p - text) : length;
}

/* A report read again from its first line is the same report. */
static void
test_again(void)
{
    g_autoptr(GPtrArray) samples = corpus();
    guint reports = 0, same = 0;

    if (!samples)
        return;
    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = samples->pdata[i];
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(sample->text, sample->length);

        for (guint j = 0; j < log->reports->len; j++) {
            const LabCrashReport *report = log->reports->pdata[j];
            const LabCrashReport *second = NULL;
            gsize start = line_start(sample->text, sample->length, report->line_first);
            g_autoptr(LabCrashLog)
                again = lab_crash_log_parse(sample->text + start, sample->length - start);
            json_t *one, *two = NULL;

            /* What makes a boot an unexpected one stands before its first line. */
            if (report->harmless || report->guessed || strcmp(report->type, "reboot") == 0)
                continue;
            reports++;
            for (guint k = 0; k < again->reports->len && !second; k++)
                if (((LabCrashReport *)again->reports->pdata[k])->line_first == 1)
                    second = again->reports->pdata[k];
            one = lab_crash_report_to_json(report);
            if (second)
                two = lab_crash_report_to_json(second);
            if (second && strcmp(report->title, second->title) == 0 &&
                json_equal(json_object_get(one, "frames"), json_object_get(two, "frames")))
                same++;
            else
                g_test_message("log %s, line %" G_GUINT64_FORMAT ": '%s', again '%s'", sample->id,
                               report->line_first, report->title, second ? second->title : "");
            json_decref(one);
            json_decref(two);
        }
    }
    g_test_message("%u of %u reports are the same when read again", same, reports);
    g_assert_cmpuint(reports, >, 0);
    g_assert_cmpuint(same, ==, reports);
}

/* --- live --- */

/* A monitor knows of a report with its header's line, wrapped logs included. */
static void
test_live(void)
{
    static const LogTransform transforms[] = {LOG_PLAIN, LOG_SYSLOG, LOG_WRAP_100, LOG_WRAP_80};
    g_autoptr(GPtrArray) samples = corpus();

    if (!samples)
        return;
    for (gsize t = 0; t < G_N_ELEMENTS(transforms); t++) {
        guint logs = 0, at_once = 0, later = 0, never = 0;

        for (guint i = 0; i < samples->len; i++) {
            const Sample *sample = samples->pdata[i];
            g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
            gsize length;
            g_autofree char *text =
                log_transform(sample->text, sample->length, transforms[t], &length);
            g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
            g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, length);
            g_autoptr(LabCrashLog) live = NULL;
            guint seen = 0;

            for (guint j = 0; lines[j]; j++) {
                lab_crash_parser_feed(parser, lines[j], strlen(lines[j]));
                if (!seen && lab_crash_parser_has_report(parser))
                    seen = j + 1;
            }
            live = lab_crash_parser_finish(parser);
            if (!log->cause || log->cause->guessed)
                continue;
            logs++;
            if (!seen)
                g_test_message("%s: log %s: '%s' never", log_transform_name(transforms[t]),
                               sample->id, log->cause->title);
            never += !seen;
            at_once += seen && seen <= log->cause->line_first + (transforms[t] >= LOG_WRAP_100);
            later += seen > log->cause->line_first + (transforms[t] >= LOG_WRAP_100);
        }
        g_test_message("%s: of %u logs %u known at once, %u later, %u never",
                       log_transform_name(transforms[t]), logs, at_once, later, never);
        g_assert_cmpuint(never * 50, <=, logs);
        g_assert_cmpuint(at_once * 100, >=, logs * (transforms[t] >= LOG_WRAP_100 ? 90 : 98));
    }
}

/* --- golden forms --- */

static char *
read_form(const char *text, gsize length)
{
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, length);
    json_t *all = json_pack("{s:s?, s:s, s:b, s:b, s:o}", "title",
                            log->cause ? log->cause->title : NULL, "confidence",
                            lab_crash_log_confidence(log), "interleaved", log->interleaved,
                            "truncated", log->truncated, "reports", json_array());
    char *dumped, *copy;

    for (guint i = 0; i < log->reports->len; i++) {
        const LabCrashReport *report = log->reports->pdata[i];
        json_t *frames = json_array();

        for (guint j = 0; j < report->frames->len; j++)
            json_array_append_new(
                frames, json_string(((LabCrashFrame *)report->frames->pdata[j])->function));
        json_array_append_new(json_object_get(all, "reports"),
                              json_pack("{s:s, s:I, s:I, s:b, s:b, s:o}", "title", report->title,
                                        "line_first", (json_int_t)report->line_first, "line_last",
                                        (json_int_t)report->line_last, "interleaved",
                                        report->interleaved, "truncated", report->truncated,
                                        "frames", frames));
    }
    dumped = json_dumps(all, JSON_INDENT(1));
    copy = g_strdup(dumped);
    free(dumped);
    json_decref(all);
    return copy;
}

static void
test_golden(void)
{
    g_assert_cmpuint(golden_check_logs("crash-input", read_form), >=, 40);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crash-input/golden", test_golden);
    g_test_add_func("/crash-input/transforms", test_transforms);
    g_test_add_func("/crash-input/chains", test_chains);
    g_test_add_data_func("/crash-input/interleaved", GINT_TO_POINTER(FALSE), test_interleaved);
    g_test_add_data_func("/crash-input/interleaved-own-callers", GINT_TO_POINTER(TRUE),
                         test_interleaved);
    g_test_add_func("/crash-input/prefilter", test_prefilter);
    g_test_add_func("/crash-input/long-line", test_long_line);
    g_test_add_func("/crash-input/again", test_again);
    g_test_add_func("/crash-input/live", test_live);
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Same crash or not: properties of the score, a row a verdict, groups, and the public corpus. */
#include <math.h>
#include <string.h>

#include "lab-crash-similar.h"
#include "lab-json.h"

/* --- crashes made up --- */

/* 'frames' has spaces between functions; 'alternatives' has '|'. */
static LabCrashTrace *
make_trace(const char *type, const char *title, const char *alternatives, const char *frames)
{
    g_auto(GStrv) functions = g_strsplit(frames, " ", -1);
    g_auto(GStrv) names = g_strsplit(alternatives, "|", -1);
    g_autofree char *k1 = g_strdup_printf("%s %.40s", title, frames);
    g_autoptr(json_t) crash = NULL;
    json_t *array = json_array();

    for (char **function = functions; *function; function++)
        if (**function)
            json_array_append_new(array, json_pack("{s:s}", "function", *function));
    crash = json_pack("{s:s, s:s, s:o, s:o, s:{s:s, s:s, s:s}}", "type", type, "title", title,
                      "alternatives", lab_json_from_strv((const char *const *)names), "frames",
                      array, "signature", "k0", title, "k1", k1, "k2", frames);
    return lab_crash_trace_new_from_json(crash);
}

static GPtrArray *
traces_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)lab_crash_trace_free);
}

static GPtrArray *
side_of(LabCrashTrace *trace)
{
    GPtrArray *side = traces_new();

    g_ptr_array_add(side, trace);
    return side;
}

/* A stack of 'length' frames out of 'kinds' functions. */
static LabCrashTrace *
random_trace(GRand *random, guint length, gint kinds)
{
    g_autoptr(GString) frames = g_string_new(NULL);

    for (guint i = 0; i < length; i++)
        g_string_append_printf(frames, "f%d ", g_rand_int_range(random, 0, kinds));
    return make_trace("warning", "WARNING: unnamed", "", frames->str);
}

/* --- the score --- */

static void
test_properties(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    for (guint round = 0; round < 500; round++) {
        guint lengths[] = {(guint)g_rand_int_range(random, 0, 40),
                           (guint)g_rand_int_range(random, 0, 40)};
        gint kinds = g_rand_int_range(random, 1, 60);
        g_autoptr(LabCrashTrace) a = random_trace(random, lengths[0], kinds);
        g_autoptr(LabCrashTrace) b = random_trace(random, lengths[1], kinds);
        double score = lab_crash_score(a, b, NULL, NULL);
        double back = lab_crash_score(b, a, NULL, NULL);

        g_assert_cmpfloat(score, >=, 0);
        g_assert_cmpfloat(score, <=, 1);
        g_assert_cmpfloat(fabs(score - back), <=, 0);
        if (lengths[0])
            g_assert_cmpfloat(lab_crash_score(a, a, NULL, NULL), >=, 1);
        if (!lengths[0] || !lengths[1])
            g_assert_cmpfloat(score, <=, 0);
    }
}

/* Worked by hand, with functions that no known crash has: weights 1, 1/2, 1/3. */
static void
test_by_hand(void)
{
    g_autoptr(LabCrashTrace) abc = make_trace("warning", "t", "", "zz_a zz_b zz_c");
    g_autoptr(LabCrashTrace) ab = make_trace("warning", "t", "", "zz_a zz_b");
    g_autoptr(LabCrashTrace) xyz = make_trace("warning", "t", "", "zz_x zz_y zz_z");
    g_autoptr(LabCrashTrace) shifted = make_trace("warning", "t", "", "zz_x zz_a");

    g_assert_cmpfloat(lab_crash_score(abc, xyz, NULL, NULL), <=, 0);
    /* (2 + 1 - 1/3) / (11/6 + 3/2) = 0.8 -> 0.9 */
    g_assert_cmpfloat_with_epsilon(lab_crash_score(abc, ab, NULL, NULL), 0.9, 1e-9);
    /* a at 1 and 2: (1.5 * exp(-0.1) - 1 - 1/2) / 3, mapped */
    g_assert_cmpfloat_with_epsilon(lab_crash_score(shifted, ab, NULL, NULL),
                                   (1 + (1.5 * exp(-0.1) - 1.5) / 3) / 2, 1e-9);
}

/* The same difference counts less far down, and in what every crash has. */
static void
test_weights(void)
{
    g_autoptr(LabCrashTrace) one = make_trace("warning", "t", "", "zz_a zz_b zz_c zz_d");
    g_autoptr(LabCrashTrace) top = make_trace("warning", "t", "", "zz_q zz_b zz_c zz_d");
    g_autoptr(LabCrashTrace) end = make_trace("warning", "t", "", "zz_a zz_b zz_c zz_q");

    g_assert_cmpfloat(lab_crash_score(one, end, NULL, NULL), >,
                      lab_crash_score(one, top, NULL, NULL));
    g_assert_cmpfloat(lab_crash_weight(NULL, "do_syscall_64", 0), <,
                      lab_crash_weight(NULL, "zz_a", 0));
    g_assert_cmpfloat(lab_crash_known_share(NULL, "do_syscall_64"), >, 0.2);
    g_assert_cmpfloat(lab_crash_known_share(NULL, "zz_a"), <=, 0);
}

static void
test_known_grows(void)
{
    g_autoptr(LabCrashKnown) known = lab_crash_known_new();
    g_autoptr(LabCrashTrace) trace = make_trace("warning", "t", "", "zz_a zz_b zz_a");
    guint before = lab_crash_known_total(known);

    for (guint i = 0; i < 100; i++)
        lab_crash_known_add(known, trace);
    g_assert_cmpuint(lab_crash_known_total(known), ==, before + 100);
    g_assert_cmpfloat_with_epsilon(lab_crash_known_share(known, "zz_a"), 100.0 / (before + 100),
                                   1e-9);
    g_assert_cmpfloat(lab_crash_weight(known, "zz_a", 0), <, lab_crash_weight(NULL, "zz_a", 0));
}

static void
test_alignment(void)
{
    g_autoptr(LabCrashTrace) a = make_trace("warning", "t", "", "zz_a zz_b zz_c");
    g_autoptr(LabCrashTrace) b = make_trace("warning", "t", "", "zz_a zz_q zz_b zz_c zz_r");
    g_autoptr(GArray) pairs = NULL;
    gint last_a = -1, last_b = -1;
    guint matched = 0;

    lab_crash_score(a, b, NULL, &pairs);
    for (guint i = 0; i < pairs->len; i++) {
        LabCrashPair pair = g_array_index(pairs, LabCrashPair, i);

        g_assert_true(pair.a >= 0 || pair.b >= 0);
        if (pair.a >= 0)
            g_assert_cmpint(pair.a, ==, last_a + 1);
        if (pair.b >= 0)
            g_assert_cmpint(pair.b, ==, last_b + 1);
        last_a += pair.a >= 0;
        last_b += pair.b >= 0;
        matched += pair.a >= 0 && pair.b >= 0;
    }
    g_assert_cmpint(last_a, ==, 2);
    g_assert_cmpint(last_b, ==, 4);
    g_assert_cmpuint(matched, ==, 3);
}

static void
test_long_stacks(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    g_autoptr(LabCrashTrace) a = random_trace(random, 1000, 5);
    g_autoptr(LabCrashTrace) b = random_trace(random, 100000, 5);
    gint64 start = g_get_monotonic_time();

    g_assert_cmpuint(a->stack->len, ==, 1000);
    g_assert_cmpuint(b->stack->len, ==, LAB_CRASH_STACK_MAX);
    for (guint i = 0; i < 10; i++)
        g_assert_cmpfloat(lab_crash_score(a, b, NULL, NULL), <, 1);
    g_test_message("1000 frames against %u: %.1f ms", b->stack->len,
                   (double)(g_get_monotonic_time() - start) / 10000);
    /* Generous: sanitizers are slow. */
    g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
}

/* The stack begins with the blamed function, which need not be among the frames. */
static void
test_blamed(void)
{
    g_autoptr(LabCrashTrace)
        below = make_trace("hung-task", "INFO: task hung in f", "", "__schedule schedule f g");
    g_autoptr(LabCrashTrace) absent = make_trace("warning", "WARNING in f", "", "g h");

    g_assert_cmpuint(below->stack->len, ==, 2);
    g_assert_cmpstr(((LabCrashFrame *)below->stack->pdata[0])->function, ==, "f");
    g_assert_cmpuint(absent->stack->len, ==, 3);
    g_assert_cmpstr(((LabCrashFrame *)absent->stack->pdata[0])->function, ==, "f");
}

static void
test_foreign_json(void)
{
    static const char *const texts[] = {
        "null", "[]", "{}", "7", "{\"title\":1,\"type\":2}", "{\"title\":\"t\"}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(json_t) value = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        g_autoptr(LabCrashTrace) trace = lab_crash_trace_new_from_json(value);

        g_assert_nonnull(value);
        g_assert_null(trace);
    }
    {
        g_autoptr(json_t) odd = json_loads(
            "{\"title\":\"t\",\"type\":\"x\",\"frames\":[1,{\"function\":\"\"},{\"function\":"
            "\"f\"}],\"alternatives\":7,\"signature\":[],\"attributes\":null}",
            0, NULL);
        g_autoptr(LabCrashTrace) trace = lab_crash_trace_new_from_json(odd);

        g_assert_cmpuint(trace->stack->len, ==, 1);
        g_assert_null(trace->k0);
        g_assert_cmpuint(g_strv_length(trace->alternatives), ==, 0);
    }
}

/* --- verdicts --- */

typedef struct {
    const char *type, *title, *alternatives, *frames;
} Crash;

static const struct {
    const char *name;
    Crash a, b;
    LabCrashVerdict verdict;
    const char *why; /* has this */
} rows[] = {
    {"one signature",
     {"warning", "WARNING in f", "", "f g h"},
     {"warning", "WARNING in f", "", "f x y"},
     LAB_CRASH_SAME,
     "same place (signature K0)"},
    {"one alternative",
     {"kasan", "KASAN: use-after-free Read in f", "bad-access in f", "f g h"},
     {"gpf", "general protection fault in f", "bad-access in f", "f x y"},
     LAB_CRASH_SAME,
     "'bad-access in f' names both"},
    {"one class, like stacks",
     {"warning", "WARNING in zz_f", "", "zz_f zz_g zz_h zz_i"},
     {"warning", "WARNING in zz_g", "", "zz_g zz_h zz_i"},
     LAB_CRASH_SIMILAR,
     "score 0.71: not under the threshold of 0.57"},
    {"one class, the same callers only",
     {"warning", "WARNING in zz_f", "", "zz_f zz_g zz_h do_syscall_64"},
     {"warning", "WARNING in zz_p", "", "zz_p zz_q zz_h do_syscall_64"},
     LAB_CRASH_DIFFERENT,
     "under the threshold"},
    {"one class, other stacks",
     {"warning", "WARNING in zz_f", "", "zz_f zz_g"},
     {"warning", "WARNING in zz_x", "", "zz_x zz_y"},
     LAB_CRASH_DIFFERENT,
     "0.00: under the threshold of 0.57"},
    {"two classes",
     {"warning", "WARNING in f", "", "f g h"},
     {"kernel-bug", "kernel BUG in x", "", "x g h"},
     LAB_CRASH_DIFFERENT,
     "classes differ (warning and kernel-bug)"},
    {"a class alone",
     {"panic", "kernel panic: fatal", "", ""},
     {"panic", "kernel panic: fatal", "", ""},
     LAB_CRASH_INCONCLUSIVE,
     "names a class and no bug"},
    {"no frames on one side",
     {"panic", "kernel panic: fatal", "", ""},
     {"panic", "kernel panic: other", "", "zz_a zz_b"},
     LAB_CRASH_INCONCLUSIVE,
     "A has no frames"},
    {"a hang, one trace each, one place",
     {"soft-lockup", "BUG: soft lockup in f", "stall in f", "f a b c"},
     {"soft-lockup", "BUG: soft lockup in f", "stall in f", "f x y z"},
     LAB_CRASH_INCONCLUSIVE,
     "though of the same place"},
    {"a hang, one trace each, K1",
     {"soft-lockup", "BUG: soft lockup in f", "stall in f", "f a b c"},
     {"soft-lockup", "BUG: soft lockup in f", "stall in f", "f a b c"},
     LAB_CRASH_SAME,
     "same place and same callers (signature K1)"},
    {"two hangs of other places",
     {"soft-lockup", "BUG: soft lockup in f", "stall in f", "f a b c"},
     {"rcu-stall", "INFO: rcu detected stall in g", "stall in g", "g x y z"},
     LAB_CRASH_INCONCLUSIVE,
     "fewer than 3 traces"},
};

static void
test_verdict(gconstpointer data)
{
    gsize row = GPOINTER_TO_SIZE(data);
    const Crash *a = &rows[row].a;
    const Crash *b = &rows[row].b;
    g_autoptr(GPtrArray) one = side_of(make_trace(a->type, a->title, a->alternatives, a->frames));
    g_autoptr(GPtrArray) other = side_of(make_trace(b->type, b->title, b->alternatives, b->frames));
    g_autoptr(LabCrashMatch) match = lab_crash_match_new(one, other, LAB_CRASH_THRESHOLD, NULL);
    g_autoptr(LabCrashMatch) back = lab_crash_match_new(other, one, LAB_CRASH_THRESHOLD, NULL);

    g_test_message("%s: %s", lab_crash_verdict_name(match->verdict), match->why);
    g_assert_cmpint(match->verdict, ==, rows[row].verdict);
    g_assert_cmpint(back->verdict, ==, rows[row].verdict);
    g_assert_nonnull(strstr(match->why, rows[row].why));
}

static void
test_corrupted(void)
{
    g_autoptr(GPtrArray) good = side_of(make_trace("warning", "WARNING in f", "", "f g"));
    g_autoptr(GPtrArray) bad = side_of(make_trace("warning", "WARNING in f", "", "f g"));
    g_autoptr(GPtrArray) none = traces_new();
    g_autoptr(LabCrashMatch) match = NULL;
    g_autoptr(LabCrashMatch) empty = lab_crash_match_new(good, none, 0.57, NULL);

    ((LabCrashTrace *)bad->pdata[0])->corrupted = TRUE;
    match = lab_crash_match_new(good, bad, 0.57, NULL);
    g_assert_cmpint(match->verdict, ==, LAB_CRASH_INCONCLUSIVE);
    g_assert_cmpstr(match->why, ==, "the report of B is damaged: its frames cannot be trusted");
    g_assert_cmpint(empty->verdict, ==, LAB_CRASH_INCONCLUSIVE);
    g_assert_cmpstr(empty->why, ==, "B shows no crash");
}

/* Three and more traces: the sets are compared. */
static void
test_hang_sets(void)
{
    static const char *const places[] = {"f", "g", "h", "i", "j"};
    g_autoptr(GPtrArray) a = traces_new();
    g_autoptr(GPtrArray) b = traces_new();
    g_autoptr(GPtrArray) c = traces_new();
    g_autoptr(LabCrashMatch) same = NULL;
    g_autoptr(LabCrashMatch) different = NULL;

    for (guint i = 0; i < 3; i++) {
        g_autofree char *one = g_strdup_printf("BUG: soft lockup in %s", places[i]);
        g_autofree char *other = g_strdup_printf("BUG: soft lockup in %s", places[i + 1]);
        g_autofree char *third = g_strdup_printf("BUG: soft lockup in q%s", places[i]);

        g_ptr_array_add(a, make_trace("soft-lockup", one, "", "x1 x2"));
        g_ptr_array_add(b, make_trace("soft-lockup", other, "", "y1 y2"));
        g_ptr_array_add(c, make_trace("soft-lockup", third, "", "z1 z2"));
    }
    same = lab_crash_match_new(a, b, 0.57, NULL);
    different = lab_crash_match_new(a, c, 0.57, NULL);
    g_assert_cmpint(same->verdict, ==, LAB_CRASH_SAME);
    g_assert_nonnull(strstr(same->why, "2 of 3 traces of A"));
    g_assert_cmpint(different->verdict, ==, LAB_CRASH_DIFFERENT);
}

/* --- groups --- */

static guint
members(const GPtrArray *groups, guint group)
{
    return ((LabCrashGroup *)groups->pdata[group])->members->len;
}

static void
test_cluster(void)
{
    g_autoptr(GPtrArray) traces = traces_new();
    g_autoptr(GPtrArray) groups = NULL;

    g_ptr_array_add(traces, make_trace("kasan", "KASAN: in f", "bad-access in f", "f g"));
    g_ptr_array_add(traces, NULL);
    g_ptr_array_add(traces, make_trace("warning", "WARNING in zz_q", "", "zz_q zz_r zz_s"));
    g_ptr_array_add(traces, make_trace("gpf", "gpf in f", "bad-access in f", "f x"));
    g_ptr_array_add(traces, make_trace("warning", "WARNING in zz_q2", "", "zz_p zz_q zz_r zz_s"));
    g_ptr_array_add(traces, make_trace("warning", "WARNING in f", "", "f g"));
    g_ptr_array_add(traces, make_trace("gpf", "gpf in f", "bad-access in f", "f y"));
    ((LabCrashTrace *)traces->pdata[5])->corrupted = TRUE;
    groups = lab_crash_cluster(traces, 0.3, NULL);
    g_assert_cmpuint(groups->len, ==, 2);
    g_assert_cmpuint(members(groups, 0), ==, 3);
    g_assert_cmpstr(((LabCrashGroup *)groups->pdata[0])->title, ==, "gpf in f");
    g_assert_cmpuint(members(groups, 1), ==, 2);
    g_test_message("%s", (char *)((LabCrashGroup *)groups->pdata[1])->whys->pdata[0]);
    g_assert_nonnull(
        strstr(((LabCrashGroup *)groups->pdata[1])->whys->pdata[0], "stacks score 0."));
}

/* The shortcut finds every pair that all against all would find. */
static void
test_cluster_complete(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    g_autoptr(GPtrArray) traces = traces_new();
    g_autoptr(GPtrArray) groups = NULL;
    g_autofree guint *group_of = g_new0(guint, 400);
    guint joined = 0;

    for (guint i = 0; i < 400; i++) {
        g_autofree char *title = g_strdup_printf("WARNING: number %u", i);
        LabCrashTrace *trace = random_trace(random, (guint)g_rand_int_range(random, 1, 12), 30);

        g_free(trace->title);
        g_free(trace->k0);
        g_free(trace->k1);
        trace->title = g_strdup(title);
        trace->k0 = g_strdup(title);
        g_free(trace->k2);
        trace->k1 = g_strdup(title);
        trace->k2 = g_strdup(title);
        g_ptr_array_add(traces, trace);
    }
    groups = lab_crash_cluster(traces, 0.57, NULL);
    for (guint i = 0; i < groups->len; i++)
        for (guint j = 0; j < members(groups, i); j++)
            group_of[g_array_index(((LabCrashGroup *)groups->pdata[i])->members, guint, j)] = i;
    for (guint i = 0; i < traces->len; i++)
        for (guint j = 0; j < i; j++)
            if (lab_crash_score(traces->pdata[i], traces->pdata[j], NULL, NULL) >= 0.57) {
                g_assert_cmpuint(group_of[i], ==, group_of[j]);
                joined++;
            }
    g_assert_cmpuint(joined, >, 50);
}

static void
test_cluster_speed(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    g_autoptr(GPtrArray) traces = traces_new();
    g_autoptr(GPtrArray) groups = NULL;
    gint64 start;

    for (guint i = 0; i < 5000; i++) {
        g_autofree char *title = g_strdup_printf("WARNING in w%u", i % 2500);
        g_autoptr(GString) frames = g_string_new(NULL);

        g_string_printf(frames, "w%u ", i % 2500);
        for (guint j = 0; j < 20; j++)
            g_string_append_printf(frames, "f%d ", g_rand_int_range(random, 0, 3000));
        g_string_append(frames, "do_syscall_64 entry_SYSCALL_64_after_hwframe");
        g_ptr_array_add(traces, make_trace("warning", title, "", frames->str));
    }
    start = g_get_monotonic_time();
    groups = lab_crash_cluster(traces, 0.57, NULL);
    g_test_message("5000 crashes: %u groups in %.2f s", groups->len,
                   (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC);
    g_assert_cmpuint(groups->len, ==, 2500);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 60 * G_USEC_PER_SEC);
}

/* --- the public corpus --- */

typedef struct {
    GPtrArray *traces; /* of rows that have a trustworthy title */
    GPtrArray *names;  /* char **: TITLE and ALT of them */
} Corpus;

static void
corpus_add(Corpus *corpus, const char *directory, char **row)
{
    g_autofree char *name = g_strconcat(row[0], ".log", NULL);
    g_autofree char *path = g_build_filename(directory, "logs", name, NULL);
    g_autofree char *text = NULL;
    g_autofree char *joined = NULL;
    g_autoptr(LabCrashLog) log = NULL;
    LabCrashTrace *trace;
    gsize length;

    if (!*row[1] || *row[4] || g_str_has_prefix(row[1], "SYZ"))
        return;
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    log = lab_crash_log_parse(text, length);
    trace = lab_crash_trace_new_from_log(log);
    if (!trace)
        return;
    joined = *row[2] ? g_strconcat(row[1], " | ", row[2], NULL) : g_strdup(row[1]);
    g_ptr_array_add(corpus->traces, trace);
    g_ptr_array_add(corpus->names, g_strsplit(joined, " | ", -1));
}

static gboolean
truly_same(const Corpus *corpus, guint i, guint j)
{
    for (char **name = corpus->names->pdata[i]; *name; name++)
        if (g_strv_contains((const char *const *)corpus->names->pdata[j], *name))
            return TRUE;
    return FALSE;
}

static gboolean
corpus_read(Corpus *corpus)
{
    g_autofree char *beside =
        g_test_build_filename(G_TEST_DIST, "..", "..", "..", "shared", "corpus", NULL);
    const char *directory = g_getenv("LAB_CRASH_CORPUS") ? g_getenv("LAB_CRASH_CORPUS") : beside;
    g_autofree char *index = g_build_filename(directory, "index.tsv", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(index, &text, NULL, NULL)) {
        g_test_skip("the public corpus is not beside the tree (LAB_CRASH_CORPUS names it)");
        return FALSE;
    }
    corpus->traces = traces_new();
    corpus->names = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    lines = g_strsplit(text, "\n", -1);
    for (int i = 1; lines[i]; i++) {
        g_auto(GStrv) row = g_strsplit(lines[i], "\t", -1);

        if (g_strv_length(row) >= 5)
            corpus_add(corpus, directory, row);
    }
    g_assert_cmpuint(corpus->traces->len, >, 100);
    return TRUE;
}

static void
corpus_clear(Corpus *corpus)
{
    g_clear_pointer(&corpus->traces, g_ptr_array_unref);
    g_clear_pointer(&corpus->names, g_ptr_array_unref);
}

typedef struct {
    double score;
    gboolean same;
} Scored;

static int
by_score(gconstpointer a, gconstpointer b)
{
    const Scored *one = a;
    const Scored *other = b;

    return one->score < other->score ? -1 : one->score > other->score;
}

/* The area under the ROC curve: how often a same pair scores above a different one. */
static double
area(GArray *pairs)
{
    double sum = 0;
    guint same = 0;
    guint below = 0;

    g_array_sort(pairs, by_score);
    for (guint i = 0; i < pairs->len;) {
        guint end = i, equal_same = 0, equal_different = 0;

        for (; end < pairs->len &&
               g_array_index(pairs, Scored, end).score <= g_array_index(pairs, Scored, i).score;
             end++) {
            equal_same += g_array_index(pairs, Scored, end).same;
            equal_different += !g_array_index(pairs, Scored, end).same;
        }
        sum += equal_same * (below + equal_different / 2.0);
        same += equal_same;
        below += equal_different;
        i = end;
    }
    return same && below ? sum / same / below : 0;
}

static void
tell_threshold(GArray *pairs, double threshold)
{
    guint found = 0, right = 0, same = 0;

    for (guint i = 0; i < pairs->len; i++) {
        const Scored *pair = &g_array_index(pairs, Scored, i);

        same += pair->same;
        found += pair->score >= threshold;
        right += pair->same && pair->score >= threshold;
    }
    g_test_message("  threshold %.2f: precision %.3f, recall %.3f", threshold,
                   found ? (double)right / found : 1, same ? (double)right / same : 1);
}

static void
test_corpus_score(void)
{
    static const double thresholds[] = {0.3, 0.4, 0.5, 0.57, 0.65};
    Corpus corpus = {0};
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Scored));
    g_autoptr(GArray) class = g_array_new(FALSE, FALSE, sizeof(Scored));
    guint same = 0;

    if (!corpus_read(&corpus))
        return;
    for (guint i = 0; i < corpus.traces->len; i++)
        for (guint j = 0; j < i; j++) {
            const LabCrashTrace *a = corpus.traces->pdata[i];
            const LabCrashTrace *b = corpus.traces->pdata[j];
            Scored pair = {lab_crash_score(a, b, NULL, NULL), truly_same(&corpus, i, j)};

            same += pair.same;
            g_array_append_val(all, pair);
            if (lab_crash_class_meets(a, b))
                g_array_append_val(class, pair);
        }
    g_test_message("%u crashes, %u pairs of one bug: AUC %.4f of all %u pairs, %.4f of the %u of "
                   "one class",
                   corpus.traces->len, same, area(all), all->len, area(class), class->len);
    for (gsize i = 0; i < G_N_ELEMENTS(thresholds); i++)
        tell_threshold(class, thresholds[i]);
    g_assert_cmpfloat(area(all), >=, 0.97);
    g_assert_cmpfloat(area(class), >=, 0.97);
    corpus_clear(&corpus);
}

static void
test_corpus_verdicts(void)
{
    Corpus corpus = {0};
    guint counts[2][4] = {{0}};

    if (!corpus_read(&corpus))
        return;
    for (guint i = 0; i < corpus.traces->len; i++)
        for (guint j = 0; j < i; j++) {
            g_autoptr(GPtrArray) a = g_ptr_array_new();
            g_autoptr(GPtrArray) b = g_ptr_array_new();
            g_autoptr(LabCrashMatch) match = NULL;

            g_ptr_array_add(a, corpus.traces->pdata[i]);
            g_ptr_array_add(b, corpus.traces->pdata[j]);
            match = lab_crash_match_new(a, b, LAB_CRASH_THRESHOLD, NULL);
            counts[truly_same(&corpus, i, j)][match->verdict]++;
        }
    for (guint i = 0; i < 2; i++)
        g_test_message("pairs that are %s: same %u, similar %u, different %u, inconclusive %u",
                       i ? "one bug" : "two bugs", counts[i][0], counts[i][1], counts[i][2],
                       counts[i][3]);
    /* Of what is called the same, nearly all are. */
    g_assert_cmpuint(counts[0][LAB_CRASH_SAME] * 10, <=, counts[1][LAB_CRASH_SAME] * 2);
    /* What is one bug is hardly ever called different. */
    g_assert_cmpuint(counts[1][LAB_CRASH_DIFFERENT] * 10, <=,
                     counts[1][0] + counts[1][1] + counts[1][2] + counts[1][3]);
    corpus_clear(&corpus);
}

static void
test_corpus_cluster(void)
{
    Corpus corpus = {0};
    g_autoptr(GPtrArray) groups = NULL;
    guint together = 0, right = 0, same = 0;

    if (!corpus_read(&corpus))
        return;
    groups = lab_crash_cluster(corpus.traces, LAB_CRASH_THRESHOLD, NULL);
    for (guint g = 0; g < groups->len; g++) {
        const GArray *list = ((LabCrashGroup *)groups->pdata[g])->members;

        for (guint i = 0; i < list->len; i++)
            for (guint j = 0; j < i; j++) {
                together++;
                right += truly_same(&corpus, g_array_index(list, guint, i),
                                    g_array_index(list, guint, j));
            }
    }
    for (guint i = 0; i < corpus.traces->len; i++)
        for (guint j = 0; j < i; j++)
            same += truly_same(&corpus, i, j) &&
                    !((LabCrashTrace *)corpus.traces->pdata[i])->corrupted &&
                    !((LabCrashTrace *)corpus.traces->pdata[j])->corrupted;
    g_test_message("%u groups; of %u pairs grouped %u are one bug, of %u pairs of one bug",
                   groups->len, together, right, same);
    g_test_message("pairwise precision %.3f, recall %.3f", (double)right / together,
                   (double)right / same);
    g_assert_cmpfloat((double)right / together, >=, 0.85);
    g_assert_cmpfloat((double)right / same, >=, 0.85);
    corpus_clear(&corpus);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/similar/properties", test_properties);
    g_test_add_func("/similar/by-hand", test_by_hand);
    g_test_add_func("/similar/weights", test_weights);
    g_test_add_func("/similar/known-grows", test_known_grows);
    g_test_add_func("/similar/alignment", test_alignment);
    g_test_add_func("/similar/long-stacks", test_long_stacks);
    g_test_add_func("/similar/blamed", test_blamed);
    g_test_add_func("/similar/foreign-json", test_foreign_json);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/similar/verdict/%s", rows[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_verdict);
    }
    g_test_add_func("/similar/corrupted", test_corrupted);
    g_test_add_func("/similar/hang-sets", test_hang_sets);
    g_test_add_func("/cluster/groups", test_cluster);
    g_test_add_func("/cluster/complete", test_cluster_complete);
    g_test_add_func("/cluster/speed", test_cluster_speed);
    g_test_add_func("/corpus/score", test_corpus_score);
    g_test_add_func("/corpus/verdicts", test_corpus_verdicts);
    g_test_add_func("/corpus/cluster", test_corpus_cluster);
    return g_test_run();
}

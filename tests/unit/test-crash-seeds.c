/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs as people paste them: OCR, crash(8) sessions, mails. Incidents beside the tree where they
 * are, made-up texts in the tree, and noise on the golden logs.
 */
#include <string.h>

#include "lab-crash.h"
#include "lab-json.h"

/* What a careful reader takes from a text. 'functions': any of them may be the title's. 'facts':
 * "attribute=value" of the cause (or of report 'N:' counted from 0); a list's value is contained.
 */
typedef struct {
    const char *file;
    const char *type;
    const char *confidence; /* NULL: any */
    const char *release;    /* NULL: none */
    const char *functions[8];
    const char *others[16]; /* among frames, alternatives or other reports */
    const char *facts[20];
} Incident;

static const Incident seeds[] = {
    {.file = "centos7-page-frag-alloc.txt",
     .type = "page-alloc-failure",
     .release = "3.10.0-1160.62.1.el7.x86_64",
     .functions = {"page_frag_alloc", "__napi_alloc_skb", "mlx5e_skb_from_cqe_mpwrq_nonlinear"},
     .others = {"page_frag_alloc", "__napi_alloc_skb", "mlx5e_skb_from_cqe_mpwrq_nonlinear",
                "page_frag_free", "oomk_init", "BUG: Bad page state in oomk_init"},
     .facts = {"order=0", "mode=0x20", "comm=swapper/27", "cpu=27", "taint_letters=POE",
               "gfp_flags=__GFP_HIGH", "reproducer=oomk.ko memory_size_gb=300 fragsize=4097",
               "2:comm=insmod", "2:pid=31416", "2:cpu=59", "2:tainting_modules=oomk(OE+)",
               "2:function=oomk_init", "2:bad_page_flags=lru", "2:bad_page_flags=active"}},
    {.file = "el7-862-down-read-trylock.txt",
     .type = "null-deref",
     .release = "3.10.0-862.14.4.el7.x86_64",
     .functions = {"down_read_trylock", "page_lock_anon_vma_read"},
     .others = {"down_read_trylock", "page_lock_anon_vma_read", "page_referenced",
                "shrink_active_list", "kswapd"},
     .facts = {"comm=kswapd0", "pid=269", "cpu=22", "cpus=48", "memory=127.7 GB",
               "uptime=232 days, 05:23:55", "load_average=11.84, 7.15, 3.51", "tasks=877",
               "memory_free=363.2 MB", "fault_address=0000000000000008", "fault_class=null-offset",
               "access=read", "oops=1"}},
    {.file = "alinux2-thp-split-softlockup.txt",
     .type = "soft-lockup",
     .release = "4.19.91-19.1.al7.x86_64",
     .functions = {"__do_page_fault", "do_page_fault", "copy_user_enhanced_fast_string",
                   "_copy_to_user", "cp_new_stat", "newfstat"},
     .others = {"kernel panic: softlockup: hung tasks"},
     .facts = {"cpu=7", "seconds=11", "comm=split_v2", "pid=28356", "taint_letters=L",
               "interleaved=true"}},
    {.file = "ubuntu-4.4-ksm-lockup.txt",
     .type = "soft-lockup",
     .confidence = "guessed",
     .release = "4.4.0-47-generic",
     .functions = {"smp_call_function_many", "flush_tlb_page", "rmap_walk_ksm", "try_to_unmap_one",
                   "migrate_pages"},
     .others = {"smp_call_function_many", "flush_tlb_page", "rmap_walk_ksm", "try_to_unmap_one",
                "migrate_pages"},
     .facts = {"comm=kworker/u32:2", "pid=22468", "cpu=3", "workqueue=writeback", "work=wb_workfn",
               "list_length=2306920", "threads=ksmd", "threads=khugepaged", "threads=numad"}},
    {.file = "openeuler-deferred-split-scan.txt",
     .type = "fault",
     .confidence = "guessed",
     .functions = {"deferred_split_scan"},
     .facts = {"reproducer=ioctl_sg01", "threads=kswapd", "refcounts=-1", "refcounts=-128",
               "crash_commands=dis"}},
};

static const Incident texts[] = {
    {.file = "ocr-soft-lockup.txt",
     .type = "soft-lockup",
     .confidence = "guessed",
     .release = "3.10.0-957.21.3.el7.x86_64",
     .functions = {"isolate_freepages_block"},
     .others = {"compaction_alloc", "migrate_pages", "compact_zone", "try_to_compact_pages",
                "__alloc_pages_direct_compact"},
     .facts = {"cpu=12", "seconds=22", "pid=18235", "comm=qemu-kvm"}},
    {.file = "crash-gpf.txt",
     .type = "gpf",
     .confidence = "high",
     .release = "5.4.0-91-generic",
     .functions = {"__d_lookup"},
     .others = {"lookup_fast", "walk_component"},
     .facts = {"cpus=96", "pid=88121", "comm=mysqld", "cpu=61", "nodename=db17", "tasks=3121",
               "memory_free=3.1 GB", "oops=1"}},
    {.file = "crash-oops-details.txt",
     .type = "oops",
     .confidence = "high",
     .release = "4.18.0-240.el8.x86_64",
     .functions = {"nvme_tcp_recv_skb"},
     .others = {"nvme_tcp_try_recv", "bad-access in nvme_tcp_recv_skb"},
     .facts = {"comm=kworker/3:1", "uptime=03:14:07", "error_code=0002"}},
    {.file = "mail-prose.txt",
     .type = "null-deref",
     .confidence = "guessed",
     .release = "4.12.14-122.37-default",
     .functions = {"nfs4_put_open_state"}},
    {.file = "ticket-markdown.txt",
     .type = "kernel-bug",
     .confidence = "guessed",
     .release = "4.18.0-80.el8.x86_64",
     .functions = {"split_huge_page_to_list"},
     .others = {"deferred_split_scan", "do_shrink_slab"},
     .facts = {"source=mm/huge_memory.c:2419", "comm=balloon", "pid=871", "oops=1"}},
    {.file = "slide-trace-only.txt",
     .type = "soft-lockup",
     .confidence = "guessed",
     .release = "4.14.105-19-0012",
     .functions = {"shrink_inactive_list"},
     .others = {"shrink_node_memcg", "do_try_to_free_pages"},
     .facts = {"cpu=5", "pid=2213", "comm=java", "taint_letters=OE"}},
    {.file = "article-zh.txt",
     .type = "fault",
     .confidence = "guessed",
     .release = "5.10.0-60.18.0.50.oe2203.x86_64",
     .functions = {"ext4_mb_good_group"},
     .facts = {"refcounts=-2", "reproducer=fsstress01"}},
    {.file = "screen-fatal-exception.txt",
     .type = "fault",
     .confidence = "guessed",
     .release = "5.15.0-88-generic",
     .functions = {"ext4_es_lookup_extent"},
     .others = {"ext4_map_blocks", "kernel panic: Fatal exception"}},
    {.file = "mail-then-log.txt",
     .type = "bad-access",
     .confidence = "high",
     .release = "4.18.0-305.el8.x86_64",
     .functions = {"kmem_cache_free_bulk", "skb_release_data", "tcp_clean_rtx_queue"},
     .facts = {"fault_class=list-poison-1", "fault_address=dead000000000108", "access=write"}},
    {.file = "crash-hung-task.txt",
     .type = "hung-task",
     .confidence = "guessed",
     .release = "4.18.0-193.el8.x86_64",
     .functions = {"ext4_file_write_iter"},
     .others = {"rwsem_down_write_slowpath", "kernel panic: hung_task: blocked tasks"},
     .facts = {"cpus=64", "load_average=210.21, 190.76, 120.04"}},
    {.file = "ocr-bt.txt",
     .type = "fault",
     .confidence = "guessed",
     .functions = {"xfs_trans_ail_delete_bulk"},
     .others = {"xfs_iflush_done", "xfs_buf_do_callbacks", "xfs_buf_ioend_work"}},
    {.file = "ocr-old-oops.txt",
     .type = "null-deref",
     .confidence = "guessed",
     .release = "2.6.32-431.el6.x86_64",
     .functions = {"nf_nat_setup_info"},
     .others = {"nf_nat_masquerade_ipv4", "nf_hook_slow"},
     .facts = {"comm=swapper", "pid=0", "fault_class=null-offset", "oops=1"}},
    {.file = "mail-zh.txt",
     .type = "null-deref",
     .confidence = "guessed",
     .release = "4.19.90-2107.6.0.0192.8.oe1.x86_64",
     .functions = {"tcp_v4_rcv"},
     .facts = {"comm=nginx"}},
    {.file = "mail-hard-lockup.txt",
     .type = "hard-lockup",
     .confidence = "guessed",
     .release = "4.4.0-98-generic",
     .functions = {"native_queued_spin_lock_slowpath", "follow_page_pte"},
     .others = {"follow_page_pte", "follow_page_mask"},
     .facts = {"cpu=17", "pid=9981", "comm=qemu-system-x86"}},
    {.file = "jira-warning.txt",
     .type = "warning",
     .confidence = "high",
     .release = "4.18.0-348.el8.x86_64",
     .functions = {"page_counter_uncharge"},
     .facts = {"source=mm/page_counter.c:57", "comm=kubelet", "taint_letters=OE"}},
    {.file = "not-a-crash.txt"},
    {.file = "manual-page.txt"},
};

/* --- what a log tells --- */

static gboolean
mentions(const LabCrashLog *log, const char *name)
{
    for (guint i = 0; i < log->reports->len; i++) {
        const LabCrashReport *report = log->reports->pdata[i];
        json_t *stacks = json_object_get(report->attributes, "stacks");

        if (strcmp(report->title, name) == 0 ||
            g_strv_contains((const char *const *)report->alternatives, name))
            return TRUE;
        for (guint j = 0; j < report->frames->len; j++)
            if (strcmp(((LabCrashFrame *)report->frames->pdata[j])->function, name) == 0)
                return TRUE;
        for (gsize j = 0; j < json_array_size(stacks); j++) {
            json_t *frames = json_object_get(json_array_get(stacks, j), "frames");

            for (gsize k = 0; k < json_array_size(frames); k++)
                if (g_strcmp0(json_string_value(json_array_get(frames, k)), name) == 0)
                    return TRUE;
        }
    }
    return FALSE;
}

static gboolean
is_value(const json_t *value, const char *wanted)
{
    g_autofree char *number = NULL;

    if (json_is_array(value)) {
        for (gsize i = 0; i < json_array_size(value); i++)
            if (is_value(json_array_get(value, i), wanted))
                return TRUE;
        return FALSE;
    }
    if (json_is_string(value))
        return strcmp(json_string_value(value), wanted) == 0;
    if (!json_is_integer(value))
        return FALSE;
    number = g_strdup_printf("%lld", (long long)json_integer_value(value));
    return strcmp(number, wanted) == 0;
}

static gboolean
has_fact(const LabCrashLog *log, const char *fact)
{
    const LabCrashReport *report = log->cause;
    const char *equals;
    g_autofree char *name = NULL;

    if (strcmp(fact, "interleaved=true") == 0)
        return report->interleaved;
    if (g_ascii_isdigit(fact[0]) && fact[1] == ':') {
        if ((guint)(fact[0] - '0') >= log->reports->len)
            return FALSE;
        report = log->reports->pdata[fact[0] - '0'];
        fact += 2;
    }
    equals = strchr(fact, '=');
    name = g_strndup(fact, equals - fact);
    return is_value(json_object_get(report->attributes, name), equals + 1);
}

static gboolean
title_has_function(const LabCrashReport *report, const Incident *incident)
{
    const char *in = strstr(report->title, " in ");

    for (gsize i = 0; in && i < G_N_ELEMENTS(incident->functions) && incident->functions[i]; i++)
        if (strcmp(in + 4, incident->functions[i]) == 0)
            return TRUE;
    return FALSE;
}

static void
check(const Incident *incident, const char *text, gsize length)
{
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, length);

    g_test_message("%s: %s", incident->file, log->cause ? log->cause->title : "no crash");
    if (!incident->type) {
        g_assert_null(log->cause);
        return;
    }
    g_assert_nonnull(log->cause);
    g_assert_cmpstr(log->cause->type, ==, incident->type);
    g_assert_true(title_has_function(log->cause, incident));
    g_assert_cmpstr(log->release, ==, incident->release);
    if (incident->confidence)
        g_assert_cmpstr(lab_crash_log_confidence(log), ==, incident->confidence);
    for (gsize i = 0; i < G_N_ELEMENTS(incident->others) && incident->others[i]; i++) {
        if (!mentions(log, incident->others[i]))
            g_test_message("'%s' is not told", incident->others[i]);
        g_assert_true(mentions(log, incident->others[i]));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(incident->facts) && incident->facts[i]; i++) {
        if (!has_fact(log, incident->facts[i]))
            g_test_message("'%s' does not hold", incident->facts[i]);
        g_assert_true(has_fact(log, incident->facts[i]));
    }
}

static void
test_seeds(void)
{
    g_autofree char *beside =
        g_test_build_filename(G_TEST_DIST, "..", "..", "..", "shared", "seeds", NULL);
    const char *directory = g_getenv("LAB_CRASH_SEEDS") ? g_getenv("LAB_CRASH_SEEDS") : beside;

    if (!g_file_test(directory, G_FILE_TEST_IS_DIR)) {
        g_test_skip("the incidents are not beside the tree (LAB_CRASH_SEEDS names them)");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(seeds); i++) {
        g_autofree char *path = g_build_filename(directory, seeds[i].file, NULL);
        g_autofree char *text = NULL;
        gsize length;

        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        check(&seeds[i], text, length);
    }
}

static void
test_texts(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *path =
            g_test_build_filename(G_TEST_DIST, "..", "golden", "crash-text", texts[i].file, NULL);
        g_autofree char *text = NULL;
        gsize length;

        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        check(&texts[i], text, length);
    }
}

/* --- noise --- */

/* What OCR does to a character: mostly confuses, sometimes loses or parts. */
static void
append_noisy(GString *out, char c, GRand *rand)
{
    static const char *const pairs[] = {"0O", "O0", "1l", "l1", "Il", "lI", "5S", "S5", "8B", "B8",
                                        "_ ", "- ", ":;", ".,", "qg", "gq", "uv", "ec", "nh", "[(",
                                        "]j", "+-", "/1", "x*", "aq", "mn", "tf", "it", "oc", "rn"};

    switch (g_rand_int_range(rand, 0, 10)) {
    case 0:
        return; /* lost */
    case 1:
        g_string_append_c(out, c);
        g_string_append_c(out, ' ');
        return;
    case 2:
        g_string_append_c(out, (char)g_rand_int_range(rand, 33, 127));
        return;
    default:
        for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
            if (pairs[i][0] == c) {
                g_string_append_c(out, pairs[i][1]);
                return;
            }
        g_string_append_c(out, g_ascii_isupper(c) ? g_ascii_tolower(c) : c);
    }
}

static GString *
noisy(const char *text, gsize length, double share, GRand *rand)
{
    GString *out = g_string_sized_new(length);

    for (gsize i = 0; i < length; i++)
        if (text[i] != '\n' && g_rand_double(rand) < share)
            append_noisy(out, text[i], rand);
        else
            g_string_append_c(out, text[i]);
    return out;
}

typedef struct {
    guint runs, found, class, function;
} Figures;

/* The lines from the first report on, as a slide shows them: no boot before it. */
static char *
excerpt(const char *text, gsize length, const LabCrashLog *log, gsize *n)
{
    const char *p = text;
    const char *end = text + length;
    const char *stop;
    guint64 line = 1;

    for (; line < log->cause->line_first && p < end; line++) {
        p = memchr(p, '\n', end - p);
        p = p ? p + 1 : end;
    }
    for (stop = p; line <= log->cause->line_first + 80 && stop < end; line++) {
        stop = memchr(stop, '\n', end - stop);
        stop = stop ? stop + 1 : end;
    }
    *n = stop - p;
    return g_strndup(p, *n);
}

static gboolean
same_function(const LabCrashReport *clean, const LabCrashReport *report)
{
    const char *function = lab_json_string(clean->attributes, "function");

    if (!function)
        return strcmp(clean->title, report->title) == 0;
    return g_strcmp0(function, lab_json_string(report->attributes, "function")) == 0;
}

static void
measure(const char *text, gsize length, double share, Figures *figures)
{
    g_autoptr(LabCrashLog) whole = lab_crash_log_parse(text, length);
    g_autofree char *piece = NULL;
    g_autoptr(LabCrashLog) clean = NULL;
    gsize n;

    if (!whole->cause)
        return;
    piece = excerpt(text, length, whole, &n);
    clean = lab_crash_log_parse(piece, n);
    if (!clean->cause)
        return;
    for (guint32 seed = 1; seed <= 10; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        g_autoptr(GString) damaged = noisy(piece, n, share, rand);
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(damaged->str, damaged->len);

        figures->runs++;
        if (!log->cause)
            continue;
        figures->found++;
        figures->class += strcmp(log->cause->type, clean->cause->type) == 0;
        figures->function += same_function(clean->cause, log->cause);
    }
}

typedef void (*EachLog)(const char *text, gsize length, double share, Figures *figures);

static void
for_each(const char *name, double share, EachLog each, Figures *figures)
{
    g_autofree char *directory = g_test_build_filename(G_TEST_DIST, "..", "golden", name, NULL);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *file;

    g_assert_nonnull(dir);
    while ((file = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, file, NULL);
        g_autofree char *text = NULL;
        gsize length;

        if (!g_str_has_suffix(file, ".log"))
            continue;
        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        each(text, length, share, figures);
    }
}

/* Floors well under what is measured, so that a worse rule is seen and a new log is not. */
static void
test_noise(void)
{
    static const struct {
        double share;
        guint class, function;
    } rows[] = {{0.01, 88, 62}, {0.03, 72, 33}};

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Figures figures = {0};

        for_each("crash", rows[i].share, measure, &figures);
        g_assert_cmpuint(figures.runs, >=, 100);
        g_test_message("noise %.0f %%: of %u found %u, class %u, function %u", rows[i].share * 100,
                       figures.runs, figures.found, figures.class, figures.function);
        g_assert_cmpuint(figures.class * 100, >=, figures.runs * rows[i].class);
        g_assert_cmpuint(figures.function * 100, >=, figures.runs * rows[i].function);
    }
}

/* The lines before the first report, which tell of no crash; damaged, they still do not. */
static void
expect_silence(const char *text, gsize length, double share, Figures *figures)
{
    g_autoptr(LabCrashLog) whole = lab_crash_log_parse(text, length);
    const char *end = text + length;

    if (whole->cause) {
        const char *p = text;

        for (guint64 line = 1; line < whole->cause->line_first && p < end; line++) {
            p = memchr(p, '\n', end - p);
            p = p ? p + 1 : end;
        }
        end = p;
    }
    if (end - text < 200)
        return;
    for (guint32 seed = 1; seed <= 10; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        g_autoptr(GString) damaged = noisy(text, end - text, share, rand);
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(damaged->str, damaged->len);

        figures->runs++;
        if (log->cause)
            g_test_message("false alarm: %s", log->cause->title);
        figures->found += log->cause != NULL;
    }
}

static void
test_clean_noise(void)
{
    static const double shares[] = {0, 0.01, 0.03};
    static const char *const consoles[] = {"true-6.1", "sysrq-panic-6.1"};

    for (gsize i = 0; i < G_N_ELEMENTS(shares); i++) {
        Figures figures = {0};

        for_each("crash", shares[i], expect_silence, &figures);
        for (gsize j = 0; j < G_N_ELEMENTS(consoles); j++) {
            g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "golden", "replay",
                                                          consoles[j], "console.log", NULL);
            g_autofree char *text = NULL;
            gsize length;

            g_assert_true(g_file_get_contents(path, &text, &length, NULL));
            expect_silence(text, length, shares[i], &figures);
        }
        g_test_message("clean, noise %.0f %%: %u false alarms of %u", shares[i] * 100,
                       figures.found, figures.runs);
        g_assert_cmpuint(figures.runs, >=, 20);
        g_assert_cmpuint(figures.found, ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crash-seeds/incidents", test_seeds);
    g_test_add_func("/crash-seeds/texts", test_texts);
    g_test_add_func("/crash-seeds/noise", test_noise);
    g_test_add_func("/crash-seeds/clean-noise", test_clean_noise);
    return g_test_run();
}

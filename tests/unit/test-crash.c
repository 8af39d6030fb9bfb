/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "golden.h"
#include "lab-crash.h"
#include "lab-json.h"

static LabCrashLog *
parse(const char *text)
{
    return lab_crash_log_parse(text, strlen(text));
}

static const char soft_lockup[] =
    "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [insmod:97]\n"
    "Modules linked in: softlockup(OE+)\n"
    "CPU: 0 PID: 97 Comm: insmod Tainted: G           OEL     6.1.0-9-amd64 #1  Debian 6.1.27-1\n"
    "RIP: 0010:softlockup_spin+0x1a/0x30 [softlockup]\n"
    "Code: 00 00\n"
    "RSP: 0018:ffffb3c340217d10 EFLAGS: 00000246\n"
    "Call Trace:\n"
    " <TASK>\n"
    " softlockup_init+0x1e/0x1000 [softlockup]\n"
    " do_one_initcall+0x56/0x220\n"
    " do_init_module+0x4a/0x1f0\n"
    " do_syscall_64+0x5b/0xc0\n"
    " entry_SYSCALL_64_after_hwframe+0x64/0xce\n"
    " </TASK>\n"
    "Kernel panic - not syncing: softlockup: hung tasks\n"
    "CPU: 0 PID: 97 Comm: insmod Tainted: G           OEL     6.1.0-9-amd64 #1  Debian 6.1.27-1\n"
    "Call Trace:\n"
    " <IRQ>\n"
    " dump_stack_lvl+0x44/0x5c\n"
    " panic+0x118/0x2ed\n"
    " watchdog_timer_fn.cold+0xc/0x16\n"
    "---[ end Kernel panic - not syncing: softlockup: hung tasks ]---\n";

/* Each line of 'text' behind 'prefix'. */
static char *
with_prefix(const char *text, const char *prefix, const char *newline)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);

    for (int i = 0; lines[i] && lines[i][0]; i++)
        g_string_append_printf(out, "%s%s%s", prefix, lines[i], newline);
    return g_string_free(out, FALSE);
}

static void
test_soft_lockup(void)
{
    g_autoptr(LabCrashLog) log = parse(soft_lockup);
    const LabCrashFrame *frame;

    g_assert_nonnull(log->cause);
    g_assert_cmpstr(log->cause->title, ==, "BUG: soft lockup in softlockup_init");
    g_assert_cmpstr(log->cause->type, ==, "soft-lockup");
    g_assert_true(log->cause->panicked);
    g_assert_true(log->panicked);
    g_assert_cmpuint(log->reports->len, ==, 2);
    g_assert_true(((LabCrashReport *)log->reports->pdata[1])->harmless);
    g_assert_cmpint(lab_json_int(log->cause->attributes, "seconds", 0), ==, 22);
    g_assert_cmpint(lab_json_int(log->cause->attributes, "pid", 0), ==, 97);
    g_assert_cmpstr(lab_json_string(log->cause->attributes, "comm"), ==, "insmod");
    frame = log->cause->frames->pdata[0];
    g_assert_cmpstr(frame->function, ==, "softlockup_spin");
    g_assert_cmpstr(frame->module, ==, "softlockup");
    g_assert_true(
        g_strv_contains((const char *const *)log->cause->alternatives, "stall in softlockup_init"));
}

static void
test_prefixes(void)
{
    static const char *const prefixes[] = {
        "[   12.345678] ",
        "[   12.345678][   T97] ",
        "[   12.345678][    C0] ",
        "<4>[   12.345678] ",
        "@+10234 [   12.345678] ",
        "> [   12.345678] ",
        "> > ",
        "Aug 11 12:45:31 host kernel: ",
        "Aug 11 12:45:31 host kernel: [   12.345678] ",
        "2026-08-11T12:45:31.123456+02:00 host kernel: ",
        "[Tue Aug 11 12:45:31 2026] ",
        "[二 8月 11 12:45:31 2026] ", /* the locale's names */
        "[2026/08/11, 12:45:31.334] ",
        "2026/08/11 12:45:31 ",
        "kern  :warn  : [   12.345678] ",
        "\033[0;31m[   12.345678] ",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        g_autofree char *text = with_prefix(soft_lockup, prefixes[i], i % 2 ? "\r\n" : "\n");
        g_autoptr(LabCrashLog) log = parse(text);

        g_test_message("prefix '%s'", prefixes[i]);
        g_assert_nonnull(log->cause);
        g_assert_cmpstr(log->cause->title, ==, "BUG: soft lockup in softlockup_init");
        g_assert_cmpuint(log->reports->len, ==, 2);
    }
}

/* A signature holds on another kernel, CPU, address and time. */
static void
test_signature_is_stable(void)
{
    g_autoptr(LabCrashLog) first = parse(soft_lockup);
    g_autoptr(GString) text = g_string_new(soft_lockup);
    g_autoptr(LabCrashLog) second = NULL;

    g_string_replace(text, "CPU#0", "CPU#3", 0);
    g_string_replace(text, "6.1.0-9-amd64", "5.10.0-40-amd64", 0);
    g_string_replace(text, "+0x1a/0x30", "+0x99/0x133", 0);
    g_string_replace(text, ":97]", ":1234]", 0);
    second = parse(text->str);
    g_assert_cmpstr(first->k0, ==, second->k0);
    g_assert_cmpstr(first->k1, ==, second->k1);
    g_assert_cmpstr(first->k2, ==, second->k2);
    g_assert_true(g_str_has_prefix(first->k0, "v1:"));
    g_assert_cmpuint(strlen(first->k0), ==, 3 + 16);
}

/* One bad access is one crash by K0, whichever way the kernel found it; another place is another.
 */
static void
test_signature_groups(void)
{
    static const char *const headers[] = {
        "BUG: KASAN: slab-use-after-free in %s+0x9/0x50\nRead of size 8 at addr ffff by task a/1\n",
        "general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP\n",
        "BUG: kernel NULL pointer dereference, address: 0000000000000008\nOops: 0000 [#1] SMP\n",
        "BUG: unable to handle page fault for address: ffff\nOops: 0002 [#1] SMP\n",
    };
    static const char body[] = "CPU: 0 PID: 9 Comm: a Not tainted 6.1.0 #1\nRIP: 0010:%s+0x9/0x50\n"
                               "Call Trace:\n <TASK>\n %s+0x9/0x50\n one+0x1/0x2\n two+0x1/0x2\n";
    g_autofree char *k0 = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(headers); i++) {
        for (int other = 0; other < 2; other++) {
            g_autoptr(GString) text = g_string_new(headers[i]);
            g_autoptr(LabCrashLog) log = NULL;

            g_string_append(text, body);
            g_string_replace(text, "%s", other ? "bar_write" : "foo_read", 0);
            log = parse(text->str);
            g_assert_nonnull(log->cause);
            if (!k0)
                k0 = g_strdup(log->k0);
            g_assert_true(other == (strcmp(log->k0, k0) != 0));
            g_assert_cmpstr(log->k0, !=, log->k1);
        }
    }
}

/* Two CPUs write reports at once; the caller column takes them apart. */
static void
test_interleaved(void)
{
    static const char other[] =
        "BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        "#PF: supervisor read access in kernel mode\n"
        "Oops: 0000 [#1] PREEMPT SMP NOPTI\n"
        "CPU: 1 PID: 98 Comm: cat Not tainted 6.1.0-9-amd64 #1  Debian 6.1.27-1\n"
        "RIP: 0010:down_read_trylock+0x9/0x50\n"
        "Call Trace:\n"
        " <TASK>\n"
        " page_lock_anon_vma_read+0x41/0x160\n"
        " rmap_walk_anon+0x20/0x300\n"
        " </TASK>\n"
        "---[ end trace 0000000000000000 ]---\n";
    g_auto(GStrv) a = g_strsplit(soft_lockup, "\n", -1);
    g_auto(GStrv) b = g_strsplit(other, "\n", -1);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(LabCrashLog) log = NULL;
    const LabCrashReport *second;

    for (guint i = 0; a[i] || (i < g_strv_length(b) && b[i]); i++) {
        if (!a[i])
            break;
        g_string_append_printf(text, "[    9.000001][   T97] %s\n", a[i]);
        if (i < g_strv_length(b))
            g_string_append_printf(text, "[    9.000002][   T98] %s\n", b[i]);
    }
    log = parse(text->str);
    g_assert_cmpstr(log->cause->title, ==, "BUG: soft lockup in softlockup_init");
    second = log->reports->pdata[1];
    g_assert_cmpstr(
        second->title, ==,
        "BUG: unable to handle kernel NULL pointer dereference in page_lock_anon_vma_read");
}

static void
test_titles(void)
{
    static const struct {
        const char *text, *title, *type;
        gboolean panicked;
    } rows[] = {
        {"sysrq: Trigger a crash\nKernel panic - not syncing: sysrq triggered crash\n"
         "CPU: 0 PID: 1 Comm: agent Not tainted 6.1.0-9-amd64 #1\nCall Trace:\n "
         "panic+0x118/0x2ed\n",
         "kernel panic: sysrq triggered crash", "panic", TRUE},
        {"INFO: task khugepaged:34 blocked for more than 10 seconds.\n"
         "      Not tainted 5.10.0-40-amd64 #1\nCall Trace:\n __schedule+0x282/0x870\n"
         " schedule+0x46/0xb0\n rwsem_down_write_slowpath+0x257/0x510\n"
         " ksm_scan_thread+0x1b/0x20\n kthread+0x11b/0x140\n"
         "Kernel panic - not syncing: hung_task: blocked tasks\n",
         "INFO: task hung in ksm_scan_thread", "hung-task", TRUE},
        {"eat invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0\nCall Trace:\n"
         " dump_stack+0x6b/0x83\n dump_header+0x4a/0x1f0\n out_of_memory.cold+0x19/0x75\n"
         "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled\n",
         "kernel panic: Out of memory: system-wide panic_on_oom is enabled", "oom", TRUE},
        {"Kernel panic - not syncing: System is deadlocked on memory\n",
         "kernel panic: System is deadlocked on memory", "oom", TRUE},
        {"kswapd0: page allocation failure: order:0, mode:0xa20(GFP_ATOMIC), nodemask=(null)\n"
         "CPU: 0 PID: 34 Comm: kswapd0 Not tainted 6.1.0 #1\nCall Trace:\n <IRQ>\n"
         " dump_stack_lvl+0x44/0x5c\n warn_alloc+0x138/0x160\n __alloc_pages+0x327/0x350\n"
         " page_frag_alloc_align+0x140/0x150\n __napi_alloc_skb+0x7a/0xf0\n",
         "page allocation failure in page_frag_alloc_align", "page-alloc-failure", FALSE},
        {"NMI watchdog: Watchdog detected hard LOCKUP on cpu 1\n"
         "RIP: 0010:spin_for_ever+0x5/0x10 [hardlockup]\nCall Trace:\n <TASK>\n"
         " hardlockup_init+0x17/0x1000 [hardlockup]\n do_one_initcall+0x56/0x220\n"
         "Kernel panic - not syncing: Hard LOCKUP\n",
         "BUG: hard lockup in hardlockup_init", "hard-lockup", TRUE},
        {"WARNING: CPU: 0 PID: 5 at mm/page_alloc.c:4567 __alloc_pages+0x1e2/0x330\nCall Trace:\n"
         " my_driver_open+0x17/0x40 [my_driver]\n",
         "WARNING in my_driver_open", "warning", FALSE},
        {"general protection fault, probably for non-canonical address 0xdead000000000122: 0000 "
         "[#1] "
         "PREEMPT SMP NOPTI\nRIP: 0010:ksm_do_scan+0x4/0x20\nCall Trace:\n kthread+0x11b/0x140\n",
         "general protection fault in ksm_do_scan", "gpf", FALSE},
        {"BUG: Bad page state in process insmod  pfn:1a2b3\nCall Trace:\n dump_stack+0x19/0x1b\n"
         " bad_page.part.75+0xdc/0xf0\n free_pages_prepare+0x161/0x1b0\n oomk_init+0x18f/0x1000 "
         "[oomk]\n",
         "BUG: Bad page state in oomk_init", "bad-page", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(LabCrashLog) log = parse(rows[i].text);

        g_assert_nonnull(log->cause);
        g_assert_cmpstr(log->cause->title, ==, rows[i].title);
        g_assert_cmpstr(log->cause->type, ==, rows[i].type);
        g_assert_cmpint(log->cause->panicked, ==, rows[i].panicked);
    }
}

/* Lines of healthy machines that look like trouble. */
static void
test_no_crash(void)
{
    static const char *const texts[] = {
        "",
        "\n\n\n",
        "[    0.000000] Linux version 6.1.0-9-amd64 (debian-kernel@lists.debian.org)\n",
        "INFO: lockdep is turned off.\n",
        "[  600.041156] EXT4-fs (loop1): INFO: recovery required on readonly filesystem\n",
        "systemd[1]: BUG: something of user space\n",
        "WARNING: this is only a word of a program\n",
        "traps: a.out[123] general protection fault ip:4005f0 sp:7ffe error:0 in a.out\n",
        "RAS: Correctable Errors collector initialized. pid_max: default: 32768 minimum: 301\n",
        /* survived: the recipe decides what an OOM kill means */
        "stress invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0\nCall Trace:\n"
        " dump_stack+0x6b/0x83\nOut of memory: Killed process 100 (stress)\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LabCrashLog) log = parse(texts[i]);
        json_t *json = lab_crash_log_to_json(log);

        g_assert_null(log->cause);
        g_assert_null(log->k0);
        g_assert_true(json_is_null(json));
        json_decref(json);
    }
}

static void
test_monitor(void)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_auto(GStrv) lines = g_strsplit(soft_lockup, "\n", -1);
    g_autoptr(LabCrashLog) log = NULL;
    guint report = 0, panic = 0, end = 0;

    for (guint i = 0; lines[i]; i++) {
        lab_crash_parser_feed(parser, lines[i], strlen(lines[i]));
        report += !lab_crash_parser_has_report(parser);
        panic += !lab_crash_parser_has_panicked(parser);
        end += !lab_crash_parser_panic_ended(parser);
    }
    g_assert_cmpuint(report, ==, 0);
    g_assert_cmpuint(panic, ==, 14);
    g_assert_cmpuint(end, ==, 21);
    log = lab_crash_parser_finish(parser);
    g_assert_nonnull(log->cause);
}

/* A line alone names a log that has nothing better; nobody is woken up for it. */
static void
test_weak(void)
{
    static const char line[] = "[    9.000000] WARNING: the frobnicator is hot";
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_autoptr(LabCrashLog) log = NULL;

    lab_crash_parser_feed(parser, line, strlen(line));
    g_assert_false(lab_crash_parser_has_report(parser));
    log = lab_crash_parser_finish(parser);
    g_assert_cmpstr(log->cause->title, ==, "WARNING: the frobnicator is hot");
    g_assert_true(log->cause->weak);
    g_assert_cmpuint(log->cause->frames->len, ==, 0);
}

static void
test_boots(void)
{
    g_autoptr(LabCrashLog) log = parse(
        "[    0.000000] Linux version 5.10.0-40-amd64 (x) #1\n"
        "[    9.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n"
        "[    0.000000] Linux version 5.10.0-40-amd64 (x) #1\n");

    g_assert_cmpuint(log->boots, ==, 2);
    g_assert_cmpstr(log->release, ==, "5.10.0-40-amd64");
    g_assert_cmpstr(log->cause->title, ==, "kernel panic: Attempted to kill init!");
}

/* 40 000 reports, binary, lines of a megabyte: memory stays bounded, nothing breaks. */
static void
test_hostile(void)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_autoptr(LabCrashLog) log = NULL;
    g_autofree char *noise = g_malloc(1 << 20);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);

    for (gsize i = 0; i < 1 << 20; i++)
        noise[i] = (char)g_rand_int_range(random, 0, 256);
    lab_crash_parser_feed(parser, noise, 1 << 20);
    for (gsize i = 0; i + 100 < 1 << 20; i += 100)
        lab_crash_parser_feed(parser, noise + i, 100);
    for (int i = 0; i < 40000; i++)
        lab_crash_parser_feed(parser, "WARNING: CPU: 0 PID: 5 at a.c:1 f+0x1/0x2", 41);
    lab_crash_parser_feed(parser, "", 0);
    lab_crash_parser_feed(parser, "[", 1);
    lab_crash_parser_feed(parser, "[ 1.", 4);
    lab_crash_parser_feed(parser, "RIP: ", 5);
    lab_crash_parser_feed(parser, "\xff\xfe BUG: \xff", 9);
    log = lab_crash_parser_finish(parser);
    g_assert_cmpuint(log->reports->len, <=, 64);
    g_assert_cmpstr(log->cause->title, ==, "WARNING in f");
}

/* Where a decoded trace says that a function is; the others know it of none. */
static void
test_sources(void)
{
    g_autoptr(LabCrashLog)
        log = parse("BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
                    "Call Trace:\n"
                    " foo_alloc (mm/foo.c:12 mm/foo.c:34 (discriminator 3)) foo\n"
                    " foo_open+0x12/0x34 fs/foo.c:56 [inline]\n"
                    " foo_read+0x12/0x34 fs/foo/../foo.c:7\n"
                    " foo_last+0x12/0x34 [foo]\n");
    static const char *const sources[] = {"mm/foo.c:12", "fs/foo.c:56", "fs/foo/../foo.c:7", NULL};
    const GPtrArray *frames = log->cause ? log->cause->frames : NULL;

    g_assert_nonnull(frames);
    g_assert_cmpuint(frames->len, ==, G_N_ELEMENTS(sources));
    for (guint i = 0; i < frames->len; i++)
        g_assert_cmpstr(((const LabCrashFrame *)frames->pdata[i])->source, ==, sources[i]);
}

/* --- golden logs --- */

static char *
whole_form(const char *text, gsize length)
{
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, length);
    g_autoptr(json_t) json = lab_crash_log_to_json(log);
    char *dumped = json_dumps(json, JSON_INDENT(1) | JSON_ENCODE_ANY);
    char *copy = g_strdup(dumped);

    free(dumped);
    return copy;
}

static void
test_golden(void)
{
    g_assert_cmpuint(golden_check_logs("crash", whole_form), >=, 60);
}

/* --- the public corpus, where it lies beside the tree --- */

typedef struct {
    guint logs, titled, exact, clean, false_alarms, flags;
} Score;

static void
score_row(Score *score, const char *directory, char **row)
{
    g_autofree char *name = g_strconcat(row[0], ".log", NULL);
    g_autofree char *path = g_build_filename(directory, "logs", name, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) alternatives = g_strsplit(row[2], " | ", -1);
    g_autoptr(LabCrashLog) log = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    log = lab_crash_log_parse(text, length);
    score->logs++;
    if ((log->cause && log->cause->corrupted) == (*row[4] != '\0'))
        score->flags++;
    else
        g_test_message("%s: corrupted or not, '%s'", row[0], row[1]);
    if (!*row[1]) {
        score->clean++;
        score->false_alarms += log->cause != NULL;
    } else if (!*row[4] && !g_str_has_prefix(row[1], "SYZ")) {
        const char *title = log->cause ? log->cause->title : "";

        score->titled++;
        if (strcmp(title, row[1]) == 0 ||
            (log->cause && g_strv_contains((const char *const *)alternatives, title)))
            score->exact++;
        else
            g_test_message("%s: '%s' for '%s'", row[0], title, row[1]);
    }
}

static void
test_corpus(void)
{
    g_autofree char *beside =
        g_test_build_filename(G_TEST_DIST, "..", "..", "..", "shared", "corpus", NULL);
    const char *directory = g_getenv("LAB_CRASH_CORPUS") ? g_getenv("LAB_CRASH_CORPUS") : beside;
    g_autofree char *index = g_build_filename(directory, "index.tsv", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    Score score = {0};

    if (!g_file_get_contents(index, &text, NULL, NULL)) {
        g_test_skip("the public corpus is not beside the tree (LAB_CRASH_CORPUS names it)");
        return;
    }
    lines = g_strsplit(text, "\n", -1);
    for (int i = 1; lines[i]; i++) {
        g_auto(GStrv) row = g_strsplit(lines[i], "\t", -1);

        if (g_strv_length(row) >= 5)
            score_row(&score, directory, row);
    }
    g_test_message("%u logs: exact title %u of %u, flag %u of %u, false alarms %u of %u",
                   score.logs, score.exact, score.titled, score.flags, score.logs,
                   score.false_alarms, score.clean);
    g_assert_cmpuint(score.titled, >, 0);
    g_assert_cmpuint(score.false_alarms, ==, 0);
    g_assert_cmpuint(score.exact * 100, >=, score.titled * 97);
    g_assert_cmpuint(score.flags * 100, >=, score.logs * 97);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crash/soft-lockup", test_soft_lockup);
    g_test_add_func("/crash/prefixes", test_prefixes);
    g_test_add_func("/crash/signature-is-stable", test_signature_is_stable);
    g_test_add_func("/crash/signature-groups", test_signature_groups);
    g_test_add_func("/crash/interleaved", test_interleaved);
    g_test_add_func("/crash/titles", test_titles);
    g_test_add_func("/crash/no-crash", test_no_crash);
    g_test_add_func("/crash/monitor", test_monitor);
    g_test_add_func("/crash/weak", test_weak);
    g_test_add_func("/crash/boots", test_boots);
    g_test_add_func("/crash/hostile", test_hostile);
    g_test_add_func("/crash/sources", test_sources);
    g_test_add_func("/crash/golden", test_golden);
    g_test_add_func("/crash/corpus", test_corpus);
    return g_test_run();
}

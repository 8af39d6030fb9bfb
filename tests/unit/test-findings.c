/* SPDX-License-Identifier: GPL-2.0-or-later */
/* result.json from what was found, without a guest. */
#include <math.h>
#include <string.h>

#include "lab-findings.h"
#include "lab-json.h"

static LabCell *
new_cell(void)
{
    LabCell *cell = lab_cell_new();

    cell->id = g_strdup("0123456789ab");
    cell->run = g_strdup("20260101-000000-abcd");
    cell->kernel_id = g_strdup("6.1.0-1-cloud-amd64");
    cell->kernel_release = g_strdup("6.1.0-1-cloud-amd64");
    cell->recipe = g_strdup("some");
    cell->variant = g_strdup("default");
    if (!cell->detectors)
        cell->detectors = g_ptr_array_new();
    if (!cell->expect)
        cell->expect = g_ptr_array_new();
    return cell;
}

static LabDetector *
add_detector(LabCell *cell, const char *kind, const char *metric, double min, double max)
{
    LabDetector *detector = g_new0(LabDetector, 1);

    detector->kind = g_strdup(kind);
    detector->metric = g_strdup(metric);
    detector->min = min;
    detector->max = max;
    g_ptr_array_add(cell->detectors, detector);
    return detector;
}

static void
add_expect(LabCell *cell, const char *outcome, const char *title)
{
    LabExpect *expect = g_new0(LabExpect, 1);

    expect->variants = g_new0(char *, 1);
    expect->outcome = g_strdup(outcome);
    expect->title = g_strdup(title);
    g_ptr_array_add(cell->expect, expect);
}

static LabFindings *
finished(const LabCell *cell, int status)
{
    LabFindings *found = lab_findings_new(cell);

    found->evidence.reached_agent = found->evidence.stressor_done = TRUE;
    found->exited = TRUE;
    found->exit_status = status;
    return found;
}

static void
give_metric(LabFindings *found, const char *line)
{
    g_assert_true(lab_findings_metric_line(found, line, strlen(line)));
}

static const char *
outcome_of(LabFindings *found, json_t **result)
{
    lab_findings_judge_stressor(found);
    *result = lab_findings_to_result(found);
    return lab_json_string(*result, "outcome");
}

static void
test_metric_lines(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) found = lab_findings_new(cell);
    static const char *const bad[] = {
        "@metric",        "@metric ",      "@metric a",      "@metric a ",
        "@metric A 1",    "@metric a 1 2", "@metric a 1x",   "@metric a nan",
        "@metric a inf",  " @metric a 1",  "@metric a-b 1",  "@metric  a 1",
        "@metric a\tb 1", "x @metric a 1", "@metric \xff 1", "@metric a 1e999",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(lab_findings_metric_line(found, bad[i], strlen(bad[i])));
    g_assert_cmpuint(json_object_size(found->metrics), ==, 0);
    give_metric(found, "@metric stall_ms 12");
    give_metric(found, "@metric stall_ms 13\r");
    give_metric(found, "@metric ratio 0.5");
    g_assert_cmpint(lab_json_int(found->metrics, "stall_ms", -1), ==, 13);
    g_assert_cmpfloat_with_epsilon(lab_json_double(found->metrics, "ratio", -1), 0.5, 1e-9);
}

static void
test_metric_limit(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) found = lab_findings_new(cell);

    for (int i = 0; i < 1000; i++) {
        g_autofree char *line = g_strdup_printf("@metric m%d 1", i);

        g_assert_cmpint(lab_findings_metric_line(found, line, strlen(line)), ==, i < 256);
    }
    give_metric(found, "@metric m0 7");
}

static void
test_pass(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) found = finished(cell, 0);
    g_autoptr(json_t) result = NULL;

    g_assert_cmpstr(outcome_of(found, &result), ==, "pass");
    g_assert_cmpstr(lab_json_string(result, "state"), ==, "ran");
    g_assert_true(json_is_null(lab_json_member(result, "crash")));
    g_assert_true(json_is_null(lab_json_member(result, "expected")));
    g_assert_true(json_is_null(lab_json_member(result, "reached")));
    g_assert_cmpint(lab_json_int(result, "schema_version", 0), ==, LAB_RESULT_SCHEMA);
    g_assert_cmpstr(lab_json_string(result, "id"), ==, "0123456789ab");
}

static void
test_exit_status(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) found = finished(cell, 3);
    g_autoptr(LabFindings) again = finished(cell, 3);
    g_autoptr(LabFindings) third = finished(cell, 3);
    g_autoptr(json_t) by_default = NULL;
    g_autoptr(json_t) unwatched = NULL;
    g_autoptr(json_t) watched = NULL;

    g_assert_cmpstr(outcome_of(found, &by_default), ==, "fail");
    g_assert_nonnull(strstr(lab_json_string(by_default, "why"), "status 3"));
    add_detector(cell, "panic", NULL, 0, 0);
    g_assert_cmpstr(outcome_of(again, &unwatched), ==, "inconclusive");
    add_detector(cell, "exit-status", NULL, 0, 0);
    g_assert_cmpstr(outcome_of(third, &watched), ==, "fail");
}

static void
test_metric_detector(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) missing = finished(cell, 0);
    g_autoptr(LabFindings) over = finished(cell, 0);
    g_autoptr(LabFindings) within = finished(cell, 0);
    g_autoptr(json_t) a = NULL;
    g_autoptr(json_t) b = NULL;
    g_autoptr(json_t) c = NULL;

    add_detector(cell, "metric", "stall_ms", -INFINITY, 1000);
    give_metric(over, "@metric stall_ms 1001");
    give_metric(within, "@metric stall_ms 1000");
    g_assert_cmpstr(outcome_of(missing, &a), ==, "inconclusive");
    g_assert_nonnull(strstr(lab_json_string(a, "why"), "stall_ms"));
    g_assert_cmpstr(outcome_of(over, &b), ==, "fail");
    g_assert_cmpstr(outcome_of(within, &c), ==, "pass");
}

static void
test_reached(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) missing = finished(cell, 0);
    g_autoptr(LabFindings) less = finished(cell, 0);
    g_autoptr(LabFindings) enough = finished(cell, 0);
    g_autoptr(json_t) a = NULL;
    g_autoptr(json_t) b = NULL;
    g_autoptr(json_t) c = NULL;

    cell->reached.metric = g_strdup("sharers");
    cell->reached.min = 100;
    give_metric(less, "@metric sharers 99");
    give_metric(enough, "@metric sharers 100");
    g_assert_cmpstr(outcome_of(missing, &a), ==, "inconclusive");
    g_assert_cmpstr(outcome_of(less, &b), ==, "inconclusive");
    g_assert_cmpstr(outcome_of(enough, &c), ==, "pass");
    g_assert_false(lab_json_bool(lab_json_member(b, "reached"), "held", TRUE));
    g_assert_true(lab_json_bool(lab_json_member(c, "reached"), "held", FALSE));
}

static const char oops[] =
    "[    0.000000] Linux version 6.1.0-1-cloud-amd64 (x) #1 SMP\n"
    "[   10.000001] sysrq: Trigger a crash\n"
    "[   10.000002] Kernel panic - not syncing: sysrq triggered crash\n"
    "[   10.000003] CPU: 0 PID: 77 Comm: sh Not tainted 6.1.0-1-cloud-amd64 #1\n"
    "[   10.000004] Call Trace:\n"
    "[   10.000005]  <TASK>\n"
    "[   10.000006]  dump_stack_lvl+0x44/0x5c\n"
    "[   10.000007]  panic+0x118/0x2ed\n"
    "[   10.000008]  sysrq_handle_crash+0x16/0x20\n"
    "[   10.000009]  __handle_sysrq.cold+0x43/0x115\n"
    "[   10.000010]  write_sysrq_trigger+0x24/0x40\n"
    "[   10.000011]  </TASK>\n"
    "[   10.000012] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---\n";

static void
test_crash(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) found = lab_findings_new(cell);
    g_autoptr(json_t) result = NULL;
    json_t *crash;

    add_expect(cell, "crash", "kernel panic: sysrq*");
    found->evidence.reached_agent = found->evidence.report = TRUE;
    found->evidence.kernel_stopped = TRUE;
    found->log = lab_crash_log_parse(oops, strlen(oops));
    g_assert_cmpstr(outcome_of(found, &result), ==, "crash");
    crash = lab_json_member(result, "crash");
    g_assert_true(json_is_object(crash));
    g_assert_nonnull(strstr(lab_json_string(crash, "title"), "sysrq triggered crash"));
    g_assert_false(lab_json_bool(result, "survived", TRUE));
    g_assert_true(json_is_boolean(lab_json_member(result, "expected")));
}

/* A breakpoint of the kernel's own patching, which a guest's CPU met that the host had stopped. */
static void
test_fragile(void)
{
    static const struct {
        const char *header;
        gboolean fragile;
    } rows[] = {
        {"int3: 0000 [#1] PREEMPT SMP NOPTI", TRUE},
        {"Oops: int3: 0000 [#1] PREEMPT SMP NOPTI", TRUE},
        {"watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [cat:77]", TRUE},
        {"invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", FALSE},
        {"bounds: 0000 [#1] PREEMPT SMP NOPTI", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text =
            g_strdup_printf("[    0.4] %s\n"
                            "[    0.4] CPU: 1 PID: 0 Comm: swapper/1 Not tainted 6.12.1 #1\n"
                            "[    0.4] RIP: 0010:sched_clock_tick+0x1a/0x90\n"
                            "[    0.4] Call Trace:\n[    0.4]  <IRQ>\n"
                            "[    0.4]  scheduler_tick+0x30/0x200\n[    0.4]  </IRQ>\n",
                            rows[i].header);
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, strlen(text));

        g_assert_nonnull(log->cause);
        if (lab_findings_report_is_fragile(log) != rows[i].fragile)
            g_error("'%s' is %s", log->cause->title, log->cause->type);
    }
    g_assert_false(lab_findings_report_is_fragile(NULL));
}

static void
test_expected(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) found = finished(cell, 0);
    g_autoptr(LabFindings) again = finished(cell, 0);
    g_autoptr(json_t) no = NULL;
    g_autoptr(json_t) yes = NULL;

    add_expect(cell, "crash", NULL);
    g_assert_cmpstr(outcome_of(found, &no), ==, "pass");
    g_assert_true(json_is_false(lab_json_member(no, "expected")));
    add_expect(cell, "pass", NULL);
    g_assert_cmpstr(outcome_of(again, &yes), ==, "pass");
    g_assert_true(json_is_true(lab_json_member(yes, "expected")));
}

static void
test_infra_and_skipped(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) infra = lab_findings_new(cell);
    g_autoptr(LabFindings) skipped = lab_findings_new(cell);
    g_autoptr(json_t) a = NULL;
    g_autoptr(json_t) b = NULL;

    add_expect(cell, "pass", NULL);
    infra->evidence.lab_failed = TRUE;
    infra->why = g_strdup("QEMU ended by itself: \xff\x1b[31m");
    skipped->evidence.lacks_need = TRUE;
    skipped->why = g_strdup("module does not build: x.c:1: error: no");
    g_assert_null(outcome_of(infra, &a));
    g_assert_null(outcome_of(skipped, &b));
    g_assert_cmpstr(lab_json_string(a, "state"), ==, "infra");
    g_assert_cmpstr(lab_json_string(b, "state"), ==, "skipped");
    g_assert_true(json_is_null(lab_json_member(a, "expected")));
    g_assert_true(g_utf8_validate(lab_json_string(a, "why"), -1, NULL));
    g_assert_cmpstr(lab_json_string(b, "why"), ==, skipped->why);
}

static void
test_dump(void)
{
    g_autoptr(LabCell) cell = new_cell();
    g_autoptr(LabFindings) found = lab_findings_new(cell);
    g_autoptr(json_t) result = NULL;
    json_t *dump;

    found->evidence.reached_agent = found->evidence.kernel_stopped = TRUE;
    found->dump = (LabDumpFindings){.method = "host-kdump-zlib",
                                    .size_bytes = 42,
                                    .why_not = "no-capture-kernel-output",
                                    .makedumpfile = g_strdup("ok")};
    g_assert_cmpstr(outcome_of(found, &result), ==, "crash");
    dump = lab_json_member(result, "dump");
    g_assert_cmpstr(lab_json_string(dump, "method"), ==, "host-kdump-zlib");
    g_assert_true(json_is_null(lab_json_member(dump, "path")));
    g_assert_cmpint(lab_json_int(dump, "size_bytes", 0), ==, 42);
    g_assert_cmpstr(lab_json_string(dump, "why_not"), ==, "no-capture-kernel-output");
    g_assert_cmpstr(lab_json_string(lab_json_member(dump, "check"), "makedumpfile"), ==, "ok");
    g_assert_true(json_is_null(lab_json_member(lab_json_member(dump, "check"), "crash")));
}

/* Which outcomes the host's load can explain: the rule of HACKING.md, a row each. */
static const struct {
    LabEvidence evidence;
    const char *metric; /* over its limit */
    const char *outcome;
    gboolean suspect;
} suspect_rows[] = {
    {{.reached_agent = TRUE, .heartbeat_lost = TRUE}, NULL, "hang", TRUE},
    {{.reached_agent = TRUE, .deadline_passed = TRUE}, NULL, "timeout", TRUE},
    {{.reached_agent = TRUE, .guest_gone = TRUE}, NULL, "lost", TRUE},
    {{.heartbeat_lost = TRUE}, NULL, "boot-failure", TRUE},
    {{.kernel_stopped = TRUE}, NULL, "boot-failure", FALSE},
    {{.report = TRUE}, NULL, "boot-failure", FALSE},
    {{.report = TRUE, .fragile = TRUE}, NULL, "boot-failure", TRUE},
    {{.reached_agent = TRUE, .report = TRUE, .kernel_stopped = TRUE}, NULL, "crash", FALSE},
    {{.reached_agent = TRUE, .report = TRUE}, NULL, "crash", FALSE},
    {{.reached_agent = TRUE, .report = TRUE, .fragile = TRUE}, NULL, "crash", TRUE},
    {{.reached_agent = TRUE, .stressor_done = TRUE}, "stall_ms", "fail", TRUE},
    {{.reached_agent = TRUE, .stressor_done = TRUE}, "pages_lost", "fail", FALSE},
    {{.reached_agent = TRUE, .stressor_done = TRUE}, NULL, "pass", FALSE},
};

static void
test_suspect(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(suspect_rows); i++) {
        g_autoptr(LabCell) cell = new_cell();
        g_autoptr(LabFindings) found = lab_findings_new(cell);
        g_autoptr(json_t) calm = NULL;
        g_autoptr(json_t) pressed = NULL;
        json_t *suspect;

        found->evidence = suspect_rows[i].evidence;
        if (suspect_rows[i].metric) {
            g_autofree char *line = g_strdup_printf("@metric %s 9", suspect_rows[i].metric);

            add_detector(cell, "metric", suspect_rows[i].metric, 0, 5);
            give_metric(found, line);
        }
        g_assert_cmpstr(outcome_of(found, &calm), ==, suspect_rows[i].outcome);
        g_assert_true(json_is_null(lab_json_member(calm, "suspect")));
        found->pressure = (LabPressure){.why = g_strdup("it waited"),
                                        .window_ms = 4000,
                                        .ran_ms = 900,
                                        .waited_ms = 2100,
                                        .cpu_pct = -1};
        g_assert_cmpstr(outcome_of(found, &pressed), ==, suspect_rows[i].outcome);
        suspect = lab_json_member(pressed, "suspect");
        g_assert_cmpint(json_is_object(suspect), ==, suspect_rows[i].suspect);
        if (suspect_rows[i].suspect)
            g_assert_cmpint(lab_json_int(suspect, "guest_waited_ms", 0), ==, 2100);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/findings/metric-lines", test_metric_lines);
    g_test_add_func("/findings/metric-limit", test_metric_limit);
    g_test_add_func("/findings/pass", test_pass);
    g_test_add_func("/findings/exit-status", test_exit_status);
    g_test_add_func("/findings/metric-detector", test_metric_detector);
    g_test_add_func("/findings/reached", test_reached);
    g_test_add_func("/findings/crash", test_crash);
    g_test_add_func("/findings/fragile", test_fragile);
    g_test_add_func("/findings/expected", test_expected);
    g_test_add_func("/findings/infra-and-skipped", test_infra_and_skipped);
    g_test_add_func("/findings/dump", test_dump);
    g_test_add_func("/findings/suspect", test_suspect);
    return g_test_run();
}

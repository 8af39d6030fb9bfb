/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of dumps, on made-up ones of each format. */
#include "lab-core.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab-core-log.h"
#include "lab-core-summary.h"
#include "lab-core-taint.h"
#include "lab-crash8.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-vmlinux.h"
#include "synthetic-core.h"

/* A file without a name; "/proc/self/fd/N" opens it. */
static int
memory_file(const void *bytes, gsize length, char path[32])
{
    int fd = memfd_create("core", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, length), ==, (gssize)length);
    g_snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static LabCore *
open_bytes(const GByteArray *bytes, gsize length)
{
    char path[32];
    LAB_AUTO_FD fd = memory_file(bytes->data, length, path);

    return lab_core_open(path, NULL);
}

static LabCore *
open_synthetic(const Synthetic *what)
{
    g_autoptr(GByteArray) bytes = synthetic_core(what);
    LabCore *core = open_bytes(bytes, bytes->len);

    g_assert_nonnull(core);
    return core;
}

static const Synthetic cases[] = {
    {SYNTHETIC_ELF},
    {SYNTHETIC_PLAIN},
    {SYNTHETIC_ZLIB},
    {SYNTHETIC_LZO},
    {SYNTHETIC_SNAPPY},
    {SYNTHETIC_ZSTD},
    {SYNTHETIC_ELF, .log_buf = TRUE},
    {SYNTHETIC_ZLIB, .log_buf = TRUE},
    {SYNTHETIC_ELF, .no_note = TRUE},
    {SYNTHETIC_LZO, .no_note = TRUE, .log_buf = TRUE},
    {SYNTHETIC_ELF, .no_base = TRUE},
    {SYNTHETIC_ZSTD, .no_base = TRUE},
    {SYNTHETIC_ELF, .no_note = TRUE, .no_base = TRUE},
    {SYNTHETIC_ELF, .flattened = TRUE},
    {SYNTHETIC_ZLIB, .flattened = TRUE},
    {SYNTHETIC_PLAIN, .flattened = TRUE, .no_note = TRUE, .no_base = TRUE},
};

static void
test_formats(void)
{
    static const char *const texts[] = {
        "ELF",
        "kdump-compressed (not compressed)",
        "kdump-compressed (zlib)",
        "kdump-compressed (lzo)",
        "kdump-compressed (snappy)",
        "kdump-compressed (zstd)",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LabCore) core = open_synthetic(&cases[i]);
        g_autofree char *text =
            g_strconcat(cases[i].flattened ? "flattened " : "", texts[cases[i].format], NULL);
        guint64 offset;

        g_assert_cmpstr(lab_core_format_text(core), ==, text);
        g_assert_cmpstr(lab_core_machine(core), ==, "x86_64");
        g_assert_cmpuint(lab_core_memory_bytes(core), ==, SYNTHETIC_PAGES * SYNTHETIC_PAGE);
        g_assert_cmpuint(lab_core_dumped_bytes(core), ==, SYNTHETIC_EXCLUDED * SYNTHETIC_PAGE);
        g_assert_cmpint(lab_core_dump_level(core), ==, cases[i].format == SYNTHETIC_ELF ? -1 : 31);
        g_assert_cmpstr(lab_core_info(core, "OSRELEASE"), ==, "6.1.0-test");
        g_assert_true(lab_core_kaslr_offset(core, &offset));
        g_assert_cmphex(offset, ==, 0x1800000);
        g_assert_cmpuint(lab_core_n_missing(core), ==, 0);
    }
}

static void
test_reading(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LabCore) core = open_synthetic(&cases[i]);
        guint64 text = SYNTHETIC_TEXT + 0x6100 + 4, physical;
        guint64 direct = SYNTHETIC_DIRECT + SYNTHETIC_PHYS_BASE + 0x6100 + 4;
        guint64 edge = SYNTHETIC_DIRECT + SYNTHETIC_PHYS_BASE + SYNTHETIC_EXCLUDED * SYNTHETIC_PAGE;
        char bytes[65];
        gsize got;
        guint64 number = 7;

        g_assert_cmpint(lab_core_read(core, text, bytes, sizeof "Linux", NULL), ==, LAB_CORE_OK);
        g_assert_cmpstr(bytes, ==, "Linux");
        g_assert_cmpint(lab_core_read(core, direct + 65, bytes, sizeof bytes, &got), ==,
                        LAB_CORE_OK);
        g_assert_cmpuint(got, ==, sizeof bytes);
        g_assert_cmpstr(bytes, ==, "testnode");
        g_assert_cmpint(lab_core_translate(core, text, &physical), ==, LAB_CORE_OK);
        g_assert_cmphex(physical, ==, SYNTHETIC_PHYS_BASE + 0x6104);
        /* Half of it is in the file. */
        memset(bytes, 1, sizeof bytes);
        g_assert_cmpint(lab_core_read(core, edge - 10, bytes, 20, &got), ==, LAB_CORE_EXCLUDED);
        g_assert_cmpuint(got, ==, 10);
        g_assert_cmpint(bytes[10], ==, 0);
        g_assert_cmpint(lab_core_read(core, edge + 8 * SYNTHETIC_PAGE, bytes, 1, &got), ==,
                        LAB_CORE_BAD_ADDRESS);
        g_assert_cmpint(lab_core_read(core, SYNTHETIC_TEXT + 0x100000, bytes, 1, &got), ==,
                        LAB_CORE_BAD_ADDRESS);
        g_assert_cmpint(lab_core_read(core, 0x1000, bytes, 1, &got), ==, LAB_CORE_BAD_ADDRESS);
        g_assert_cmpint(lab_core_read(core, G_MAXUINT64 - 3, bytes, 20, &got), ==,
                        LAB_CORE_BAD_ADDRESS);
        g_assert_false(lab_core_read_u64(core, edge, &number));
        g_assert_cmpuint(number, ==, 7);
        g_assert_cmpint(lab_core_read_physical(core, 0, bytes, 1, NULL), ==, LAB_CORE_BAD_ADDRESS);
    }
}

static void
test_registers(void)
{
    g_autoptr(LabCore) core = open_synthetic(&cases[0]);

    g_assert_cmpuint(lab_core_n_cpus(core), ==, 2);
    g_assert_cmpint(lab_core_cpu(core, 1)->pid, ==, 42);
    g_assert_cmpint(lab_core_cpu(core, 1)->cpu, ==, 1);
    g_assert_cmphex(lab_core_cpu(core, 1)->x86.rip, ==, SYNTHETIC_TEXT + 0x101);
    g_assert_cmphex(lab_core_cpu(core, 1)->x86.rsp, ==, SYNTHETIC_DIRECT + 0xa000);
    g_assert_null(lab_core_cpu(core, 2));
}

static void
test_dmesg(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        for (int callers = 0; callers < 2; callers++) {
            g_autoptr(LabCore) core = open_synthetic(&cases[i]);
            g_autofree char *wanted = synthetic_log(&cases[i], callers);
            g_autoptr(GError) error = NULL;
            g_autoptr(GString) text = lab_core_dmesg(core, callers, &error);

            g_assert_no_error(error);
            g_assert_cmpstr(text->str, ==, wanted);
            g_assert_cmpstr(lab_core_dmesg_kind(core), ==,
                            cases[i].log_buf ? "log_buf" : "printk_ringbuffer");
        }
}

static const json_t *
fact(const json_t *summary, const char *name, const char *source)
{
    const json_t *object = lab_json_member(lab_json_member(summary, "facts"), name);

    g_assert_cmpstr(lab_json_string(object, "source"), ==, source);
    return lab_json_member(object, "value");
}

static void
test_summary(void)
{
    g_autoptr(LabCore) core = open_synthetic(&cases[0]);
    LabCoreSummaryOptions options = {.dmesg = TRUE};
    g_autoptr(json_t) summary = lab_core_summary(core, &options, NULL);
    const json_t *value;

    g_assert_cmpstr(json_string_value(fact(summary, "release", "vmcoreinfo")), ==, "6.1.0-test");
    g_assert_cmpstr(json_string_value(fact(summary, "nodename", "memory")), ==, "testnode");
    g_assert_cmpstr(json_string_value(fact(summary, "version", "memory")), ==, "#1 SMP TEST");
    g_assert_cmpstr(json_string_value(fact(summary, "date", "vmcoreinfo")), ==,
                    "2023-11-14T22:13:20Z");
    g_assert_cmpstr(json_string_value(fact(summary, "kaslr_offset", "vmcoreinfo")), ==,
                    "0x1800000");
    g_assert_cmpstr(json_string_value(fact(summary, "panic_message", "dmesg")), ==,
                    "Kernel panic - not syncing: Fatal exception");
    value = fact(summary, "panic_task", "dmesg");
    g_assert_cmpstr(lab_json_string(value, "comm"), ==, "victim");
    g_assert_cmpint(lab_json_int(value, "pid", 0), ==, 42);
    g_assert_cmpint(json_integer_value(fact(summary, "panic_cpu", "dmesg")), ==, 1);
    value = fact(summary, "taint", "dmesg");
    g_assert_cmpstr(lab_json_string(value, "letters"), ==, "WO");
    g_assert_cmpint(lab_json_int(value, "mask", 0), ==, (1 << 9) | (1 << 12));
    g_assert_cmpint(json_integer_value(fact(summary, "uptime_ms", "dmesg")), ==, 14814);
    value = lab_json_member(summary, "signature");
    g_assert_cmpstr(lab_json_string(value, "title"), ==,
                    "BUG: unable to handle kernel NULL pointer dereference in lab_crash");
    g_assert_nonnull(strstr(lab_json_string(summary, "dmesg"), "[   T42] Call Trace:"));
    value = json_array_get(lab_json_member(summary, "registers"), 1);
    g_assert_cmpstr(lab_json_string(lab_json_member(value, "registers"), "rip"), ==,
                    "0xffffffff80000101");
}

/* Whatever is left: an answer or an error, and whole facts are right. */
static void
test_cut_off(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) bytes = synthetic_core(&cases[i]);
        guint opened = 0, told = 0;

        for (guint part = 0; part < 40; part++) {
            g_autoptr(LabCore) core = open_bytes(bytes, bytes->len * part / 40);
            g_autoptr(json_t) summary = NULL;

            if (!core)
                continue;
            opened++;
            summary = lab_core_summary(core, NULL, NULL);
            g_assert_nonnull(summary);
            g_assert_true(lab_core_damaged(core));
            told += lab_core_info(core, "OSRELEASE") != NULL;
            g_assert_cmpuint(lab_core_n_missing(core), >, 0);
        }
        g_assert_cmpuint(opened, >=, 10);
        g_assert_cmpuint(told, >=, cases[i].no_note || cases[i].flattened ? 0 : 5);
    }
}

static void
test_no_dumps(void)
{
    static const char *const texts[] = {"", "KDUMP   ", "\177ELF", "makedumpfile", "Linux version"};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        char path[32];
        LAB_AUTO_FD fd = memory_file(texts[i], strlen(texts[i]), path);

        g_assert_null(lab_core_open(path, &error));
        g_assert_true(error->domain == LAB_DATA_ERROR);
    }
    g_assert_null(lab_core_open("/dev/null", NULL));
    g_assert_null(lab_core_open("/nonexistent", NULL));
}

static void
test_log_facts(void)
{
    static const char text[] =
        "[    0.000000] Linux version 4.4.0 (a@b) (gcc version 5.4.0 (Ubuntu)) #10-Ubuntu SMP\n"
        "[    0.000000] Kernel command line: ro quiet\n"
        "[    0.000000] Memory: 476224K/523752K available (8192K kernel code)\n"
        "[    0.100000] x86: Booted up 1 node, 4 CPUs\n"
        "[    0.110000] smp: Brought up 1 node, 4 CPUs\n"
        "[   10.000000][   T11] CPU: 1 PID: 11 Comm: first Not tainted 4.4.0 #10\n"
        "[   11.000000][   T22] Kernel panic - not syncing: stopped\n"
        "[   11.100000][    C3] CPU: 3 PID: 0 Comm: swapper/3 Not tainted 4.4.0 #10\n"
        "[   11.200000][   T22] CPU: 2 UID: 0 PID: 22 Comm: a b Tainted: P           OE   4.4.0 "
        "#10\n"
        "[   12.500000][   T22] Kernel Offset: disabled\n";
    g_auto(LabCoreLog) log = {0};

    lab_core_log_read(&log, text, strlen(text));
    g_assert_cmpstr(log.release, ==, "4.4.0");
    g_assert_cmpstr(log.command_line, ==, "ro quiet");
    g_assert_cmpint(log.memory_bytes, ==, 523752 * G_GINT64_CONSTANT(1024));
    g_assert_cmpint(log.cpus, ==, 4);
    g_assert_cmpstr(log.panic, ==, "stopped");
    g_assert_cmpstr(log.comm, ==, "a b");
    g_assert_cmpint(log.pid, ==, 22);
    g_assert_cmpint(log.cpu, ==, 2);
    g_assert_cmpint(log.tainted, ==, 1 | 1 << 12 | 1 << 13);
    g_assert_cmpint(log.uptime_ms, ==, 12500);
    g_assert_true(log.has_kaslr && log.kaslr_offset == 0);
}

static void
test_taint(void)
{
    g_autoptr(json_t) known = lab_taint_to_json(1 << 7 | 1 << 15);
    g_autoptr(json_t) newer = lab_taint_to_json(G_GUINT64_CONSTANT(1) << 40);

    g_assert_cmpstr(lab_json_string(known, "letters"), ==, "DK");
    g_assert_cmpuint(json_array_size(lab_json_member(known, "meanings")), ==, 2);
    g_assert_cmpstr(lab_json_string(newer, "letters"), ==, "?");
    g_assert_cmpuint(lab_taint_from_letters("G        W  OE  ", 16), ==,
                     1 << 9 | 1 << 12 | 1 << 13);
}

static void
test_crash8(void)
{
    static const char output[] =
        "      KERNEL: vmlinux\n    DUMPFILE: vmcore\n        CPUS: 2\n"
        "        DATE: Sun Nov 22 18:30:18 UTC 2026\n      UPTIME: 00:00:53\n"
        "LOAD AVERAGE: 1.13, 0.31, 0.10\n       TASKS: 67\n     RELEASE: 6.1.0\n"
        "       PANIC: \"Kernel panic - not syncing: x\"\n"
        "PID: 32       TASK: ffff8a01  CPU: 0    COMMAND: \"khungtaskd\"\n"
        " #0 [ffffb0] machine_kexec at ffffffff81000001\n"
        " #1 [ffffb1] nop at ffffffffc0000001 [module]\n"
        "    [exception RIP: nop+1]\n    RIP: ffffffff81000001  RSP: 0\n"
        "    PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n"
        ">     0       0   0  ffffffff82a13940  RU   0.0        0        0  [swapper/0]\n"
        "      1       0   0  ffff888003aa0000  IN   0.5     1000      400  init\n"
        "PID: 98       TASK: ffff8a02  CPU: 1    COMMAND: \"ksm\"\n"
        " #0 [ffffb2] __schedule at ffffffff81000002\n";
    g_auto(LabCrash8) crash = {0};
    const json_t *stack;

    lab_crash8_parse(&crash, output);
    g_assert_cmpstr(g_hash_table_lookup(crash.sys, "RELEASE"), ==, "6.1.0");
    g_assert_cmpstr(g_hash_table_lookup(crash.sys, "LOAD AVERAGE"), ==, "1.13, 0.31, 0.10");
    g_assert_cmpint(crash.tasks, ==, 2);
    g_assert_cmpuint(json_array_size(crash.stacks), ==, 2);
    stack = json_array_get(crash.stacks, 0);
    g_assert_cmpstr(lab_json_string(stack, "state"), ==, "running");
    g_assert_cmpuint(json_array_size(lab_json_member(stack, "frames")), ==, 2);
    g_assert_cmpstr(lab_json_string(json_array_get(lab_json_member(stack, "frames"), 1), "module"),
                    ==, "module");
    stack = json_array_get(crash.stacks, 1);
    g_assert_cmpstr(lab_json_string(stack, "state"), ==, "blocked");
    g_assert_cmpint(lab_json_int(stack, "pid", 0), ==, 98);
}

static void
test_vmlinux(void)
{
    static const char text[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0"
                               "................................................"
                               "Linux version %s Linux version 6.1.0-test (a@b) (gcc) #1 SMP TEST";
    char path[32];
    LAB_AUTO_FD fd = memory_file(text, sizeof text, path);
    LAB_AUTO_FD other = -1;
    g_autoptr(GError) error = NULL;

    g_assert_true(lab_vmlinux_check(path, NULL, "6.1.0-test", "#1 SMP TEST", &error));
    g_assert_false(lab_vmlinux_check(path, NULL, "6.1.0-other", "#1 SMP TEST", &error));
    g_assert_true(g_error_matches(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED));
    g_assert_nonnull(strstr(error->message, "it is of 6.1.0-test, the dump of 6.1.0-other"));
    g_assert_false(lab_vmlinux_check(path, NULL, "6.1.0-test", "#2 SMP", NULL));
    other = memory_file("MZ is a bzImage", 15, path);
    g_assert_false(lab_vmlinux_check(path, NULL, "6.1.0-test", NULL, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/formats", test_formats);
    g_test_add_func("/core/reading", test_reading);
    g_test_add_func("/core/registers", test_registers);
    g_test_add_func("/core/dmesg", test_dmesg);
    g_test_add_func("/core/summary", test_summary);
    g_test_add_func("/core/cut-off", test_cut_off);
    g_test_add_func("/core/no-dumps", test_no_dumps);
    g_test_add_func("/core/log-facts", test_log_facts);
    g_test_add_func("/core/taint", test_taint);
    g_test_add_func("/core/crash8", test_crash8);
    g_test_add_func("/core/vmlinux", test_vmlinux);
    return g_test_run();
}

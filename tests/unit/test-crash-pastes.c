/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people paste: words about a crash that are none, the last line of a screen, what web pages
 * and terminals leave of a log.
 */
#include <string.h>

#include "lab-crash.h"
#include "lab-json.h"

#define PANIC "Kernel panic - not syncing: Fatal machine check"

static void
expect_title(const char *text, const char *title)
{
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, strlen(text));

    g_assert_nonnull(log->cause);
    g_assert_cmpstr(log->cause->title, ==, title);
}

/* Somebody tells of crashes; nothing crashed. */
static void
test_told(void)
{
    static const char *const texts[] = {
        "The manual says that the machine prints " PANIC " and then starts again.\n",
        "Usual messages are:\n\n- " PANIC "\n* BUG: soft lockup - CPU#0 stuck for 22s! [a:1]\n"
        "1. kernel BUG at fs/foo.c:12!\n2) general protection fault: 0000 [#1] SMP\n\nThe first "
        "means that memory is bad.\n",
        "The message may be\n\"" PANIC "\" or\n'" PANIC " on current CPU'\nso match both.\n",
        "+        re.compile(\"BUG: soft lockup\"),\n",
        "\t\"watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [a:1]\": SoftLockup,\n\t\"rcu: "
        "INFO: "
        "rcu_preempt self-detected stall on CPU\": Stall,\n\t'NMI watchdog: Watchdog detected hard "
        "LOCKUP on cpu 1',\n",
        "One can trigger it when the range is mapped on the device: kernel BUG at mm/foo.c:55! "
        "While it is legal, skip the checks.\n",
        "It got to no_context(), where the \"BUG: unable to handle kernel ...\"\nis printed.\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(texts[i], strlen(texts[i]));

        g_test_message("%.60s", texts[i]);
        g_assert_null(log->cause);
        g_assert_false(log->panicked);
    }
}

/* The kernel's own words, whatever stands before them. */
static void
test_own_words(void)
{
    static const char *const texts[] = {
        "The manual says that the machine prints [  12.345678] " PANIC "\n",
        "- [   12.345678] " PANIC "\n",
        "Starting the last service of all " PANIC "\nCPU: 0 PID: 1 Comm: init Not tainted 6.1\n",
        "login: " PANIC "\n",
        "root@host:~# " PANIC "\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(texts[i], strlen(texts[i]));

        g_test_message("%.60s", texts[i]);
        g_assert_nonnull(log->cause);
        g_assert_cmpstr(log->cause->title, ==, "kernel panic: Fatal machine check");
        g_assert_true(log->panicked);
    }
}

/* A live monitor does not take a told header for a report, nor waits for the report's end. */
static void
test_live(void)
{
    static const char told[] = "This machine should print " PANIC " now";
    static const char trace[] = "Call Trace:";
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_autoptr(LabCrashLog) log = NULL;

    lab_crash_parser_feed(parser, told, strlen(told));
    g_assert_false(lab_crash_parser_has_report(parser));
    g_assert_false(lab_crash_parser_has_panicked(parser));
    lab_crash_parser_feed(parser, trace, strlen(trace));
    log = lab_crash_parser_finish(parser);
    g_assert_nonnull(log->cause);
    g_assert_true(log->panicked);
}

/* Only the panic's last line is left: enough for a title that is not to be trusted. */
static void
test_last_line(void)
{
    static const char cut[] =
        "[    1.879398] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on "
        "unknown-block(0,0) ]---\n";
    static const char whole[] = "kernel BUG at fs/foo.c:12!\nRIP: 0010:foo+0x1/0x2\n" PANIC
                                "\n---[ end " PANIC " ]---\n";
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(cut, strlen(cut));
    g_autoptr(LabCrashLog) other = lab_crash_log_parse(whole, strlen(whole));

    g_assert_nonnull(log->cause);
    g_assert_cmpstr(log->cause->title, ==,
                    "kernel panic: VFS: Unable to mount root fs on unknown-block(NUM,NUM)");
    g_assert_cmpstr(lab_crash_log_confidence(log), ==, "low");
    g_assert_true(log->panicked);
    g_assert_cmpuint(other->reports->len, ==, 2);
    g_assert_cmpstr(other->cause->type, ==, "kernel-bug");
}

typedef struct {
    const char *title;
    const char *text;
} Row;

static void
test_forms(void)
{
    static const Row rows[] = {
        /* a blog's typesetting, and its loss of what stood in angle brackets */
        {"BUG: unable to handle kernel paging request in foo_add_driver",
         "Unable to handle kernel paging request at virtual address f899b670\nOops: 0002 [#1]\nEIP "
         "is at kobject_add+0\xc3\x97"
         "83/0xd7\nCall Trace:\n[] kobject_register+0\xc3\x97"
         "19/0\xc3\x97"
         "39\n[] foo_add_driver+0\xc3\x97"
         "36/0\xc3\x97"
         "97\n"},
        /* arch/sparc/kernel/process_64.c: show_regs() */
        {"BUG: unable to handle kernel paging request in foo_insert",
         "[    9.100000] Unable to handle kernel paging request at virtual address "
         "ffffffffffffe000\n[ "
         "9.2] "
         "modprobe(77): Oops [#1]\n[    9.300000] CPU: 1 PID: 77 Comm: modprobe Not tainted "
         "3.18.34 #7\n"
         "[    9.400000] TPC: <foo_insert+0x1c/0x100>\n[    9.500000] g0: fffff800a17fb830\n[    "
         "9.600000] Call Trace:\n"
         "[    9.700000]  [0000000000522a4c] bar_insert+0x4c/0x80\n"},
        /* arch/arm64/kernel/stacktrace.c: dump_backtrace_entry() from 6.13 on */
        {"WARNING: locking bug in corrupted",
         "[    1.100000] [ BUG: Invalid wait context ]\n[    1.200000] CPU: 2 UID: 0 PID: 77 Comm: "
         "cat Not tainted "
         "6.15.0 #26\n[    1.300000] Call trace:\n[    1.400000]  show_stack+0x14/0x1c (C)\n[    "
         "1.500000]  "
         "dump_stack_lvl+0xbc/0x134\n"},
        {"kernel BUG in foo_leave", /* MIPS */
         "Kernel bug detected[#1]:\nCPU: 0 PID: 77 Comm: cat Not tainted 4.4.14 #6\n$ 0   : "
         "00000000 "
         "00000015\nepc   : 8003ab3c foo_leave+0x4/0xc\nra    : 80036f64 foo_exit+0x14/0xbc\nCall "
         "Trace:\n[<8003ab3c>] foo_leave+0x4/0xc\n[<80036f65>] foo_exit+0x14/0xbc\n"},
        {"Reserved instruction in foo_call",
         "Reserved instruction in kernel code[#2]:\nCPU: 0 PID: 77 Comm: cat Not tainted 4.4.14 "
         "#6\nepc   : 8003ab3c foo_call+0x4/0xc\nCall Trace:\n[<8003ab3c>] foo_call+0x4/0xc\n"
         "[<80036f65>] foo_work+0x14/0xbc\n"},
        {"Unhandled kernel unaligned access in foo_read",
         "Unhandled kernel unaligned access[#13]:\nCPU: 0 PID: 77 Comm: cat Not tainted 3.18.29 "
         "#6\nepc   : 80018b70 foo_read+0x5c/0x3c8\nra    : 80004820 bar+0x0/0x10\nCall "
         "Trace:\n[<80018b70>] foo_read+0x5c/0x3c8\n[<80004820>] bar+0x0/0x10\n"},
        {"BUG: unable to handle kernel paging request in foo_create", /* 2.6.17 */
         "BUG: unable to handle kernel paging request at virtual address 00a0008f\n printing eip:\n"
         "c0167263\nOops: 0000 [#1]\nCPU:    0\nEIP:    0060:[<c0167263>]    Not tainted VLI\n"
         "EFLAGS: 00000286   (2.6.17 #3)\nEIP is at foo_create+0x15/0x165\nCall Trace:\n "
         "<c016740f> "
         "bar_create+0x4b/0x5d\n <c019e7e5> bar_add+0x90/0xd8\n"},
        {"INFO: task hung in foo_commit", /* 2.6.32's buffers */
         "INFO: task cat:77 blocked for more than 120 seconds.\n      Not tainted "
         "2.6.32-504.3.3.el6.x86_64 #1\nCall Trace:\n [<ffffffff81>] io_schedule+0x73/0xc0\n "
         "[<ffffffff82>] sync_buffer+0x40/0x50\n [<ffffffff83>] __wait_on_bit+0x5f/0x90\n "
         "[<ffffffff84>] foo_commit+0x26/0x30\n [<ffffffff85>] kthread+0x1/0x2\n"},
        {"INFO: rcu detected stall in corrupted", /* only what found the stall */
         "INFO: rcu_preempt self-detected stall on CPU\nNMI backtrace for cpu 3\nCPU: 3 PID: 0 "
         "Comm: "
         "swapper/3 Not tainted 6.0.0 #23\nCall Trace:\n dump_stack_lvl+0x34/0x48\n "
         "nmi_cpu_backtrace.cold+0x30/0x70\n nmi_trigger_cpumask_backtrace+0xc6/0xe0\n "
         "rcu_dump_cpu_stacks+0x106/0x150\n"},
        /* a mail: prose above the log, and few of its lines whole */
        {"BUG: unable to handle kernel paging request in foo_flush_cluster_of_inodes",
         "Hello,\n\nthis server died again:\n\nMar 30 18:51:43 host kernel: BUG: unable to handle "
         "kernel paging request at \n000000320000008c\nMar 30 18:51:43 host kernel: IP: "
         "[<ffffffff811d755b>] \nfoo_flush_cluster_of_inodes+0x148/0x35a\nMar 30 18:51:43 host "
         "kernel: Oops: 0000 [#1] SMP\nMar 30 18:51:43 host kernel: Modules linked in: foo bar baz "
         "quux hidp\nl2cap crc16 bluetooth rfkill ipv6 video output sbs sbshc battery ac\n"
         "parport_pc lp parport serio_raw pnp serial_core shpchp button i2c_core\npcspkr\nMar 30 "
         "18:51:43 host kernel: RIP: 0010:[<ffffffff811d755b>] \n[<ffffffff811d755b>] "
         "foo_flush_cluster_of_inodes+0x148/0x35a\n"},
        {"UBSAN: array-index-out-of-bounds in foo_detach",
         "It would then trigger an array-index-out-of-bounds bug.\n\n[   46.866069][ T6479] UBSAN: "
         "array-index-out-of-bounds in\ndrivers/foo/bar/kcfoo.c:483:21\n[   46.867196][ T6479] "
         "index -1 is out of range for type 'foo *[32]'\n[   46.867982][ T6479] CPU: 1 PID: 6479 "
         "Comm: foo_ctr_0 Not tainted\n5.15.0-rc2+ #8\n[   46.870107][ T6479] Call Trace:\n[   "
         "46.870473][ T6479]  dump_stack_lvl+0x57/0x7d\n[   46.871458][ T6479]  "
         "__ubsan_handle_out_of_bounds.cold+0x43/0x48\n[   46.872135][ T6479]  "
         "foo_detach+0x64/0xc0\n"},
        /* what vendors add to the time stamp */
        {"BUG: unable to handle kernel NULL pointer dereference in foo_start",
         "[   14.281902] c1   1042 Unable to handle kernel NULL pointer dereference at virtual "
         "address 0048\n[   14.281920] c1   1042 Internal error: Oops: 96000005 [#1] SMP\n[   "
         "14.282067] c1   1042 pc : foo_start+0x88/0x1a4 [foo]\n"},
        {"KASAN: slab-out-of-bounds Read in foo_open",
         "[    0.100000] [pid:77,cpu0,cat]BUG: KASAN: slab-out-of-bounds in foo_open+0x48/0x3b8\n"
         "[    0.100001] [pid:77,cpu0,cat]Read at addr fcff19f30000d91c by task cat/77\n"
         "[    0.100002] [pid:77,cpu0,cat]Call trace:\n[    0.100003] [pid:77,cpu0,cat] "
         "foo_open+0x48/0x3b8\n"},
        {"kernel BUG in foo_probe",
         "[    1.100000]  (0)[1:swapper/0]kernel BUG at fs/foo.c:12!\n[    1.100001] "
         "-(0)[1:swapper/0]pc : foo_probe+0x20/0x30\n"},
        /* the end of an oops: its registers are lost, its last line is not */
        {"kernel fault in foo_out",
         "Call Trace:\n [<b0248228>] foo_data+0x4d/0x64\n [<b024a60f>] foo_sector+0xcd/0x102\n"
         "Code: c3 89 c2 ed c3 57\nEIP: [<b024726f>] foo_out+0x5/0x9 SS:ESP 0068:b0421f3c\n "
         "<0>Kernel panic - not syncing: Fatal exception in interrupt\n"},
        {"BUG: corrupted list in foo_unlink", /* built outside of its sources */
         "kernel BUG at /usr/src/linux/lib/list_debug.c:53!\ninvalid opcode: 0000 [#1] SMP\nRIP: "
         "0010:__list_del_entry_valid+0x8e/0x90\nCall Trace:\n foo_unlink+0x1/0x2\n "
         "bar+0x1/0x2\n"},
        {"BUG: unable to handle kernel paging request in foo_block", /* no zone's name */
         "Oct 10 07:20:18 BUG: unable to handle kernel paging request at 00007f5563ced000\nIP: "
         "foo_block+0x24d/0x280\nOops: 0002 [#1] SMP\nRIP: 0010:foo_block+0x24d/0x280\nCall "
         "Trace:\n bar+0x1/0x2\n"},
        {"WARNING in dev_watchdog", /* the first line is lost */
         "[   18.100000] NETDEV WATCHDOG: eth0 (foo): transmit queue 3 timed out\n[   18.200000] "
         "Backtrace:\n"
         "[   18.300000] [<c0220ab0>] (__warn) from [<c0b63b88>] (warn_slowpath_fmt+0xa4/0xd8)\n"
         "[   18.400000] [<c0b63ae8>] (warn_slowpath_fmt) from [<c0a46634>] "
         "(dev_watchdog+0x308/0x30c)\n"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        expect_title(rows[i].text, rows[i].title);
}

/* A mail program that leaves the blank before its line break: there is still one. */
static void
test_flowed(void)
{
    static const char text[] =
        "Mar 30 18:51:43 host kernel: BUG: unable to handle kernel paging request at \n"
        "000000320000008c\nMar 30 18:51:43 host kernel: IP: [<ffffffff811d755b>] \n"
        "foo_flush_cluster_of_inodes+0x148/0x35a\nMar 30 18:51:43 host kernel: Oops: 0000 "
        "[#1]\nMar "
        "30 18:51:43 host kernel: last sysfs file: /sys/devices/virtual/foo/bar/uevent\n";
    g_autoptr(LabCrashLog) log = lab_crash_log_parse(text, strlen(text));

    g_assert_nonnull(log->cause);
    g_assert_cmpstr(lab_json_string(log->cause->attributes, "fault_address"), ==,
                    "000000320000008c");
}

/* Two CPUs stall; the panic of the second breaks off the first one's stack in the fault's entry. */
static void
test_broken_off(void)
{
    static const char first[] =
        "[   16.400001][    C0] watchdog: BUG: soft lockup - CPU#0 stuck for 11s! [reader:46]\n"
        "[   16.400002][    C0] CPU: 0 PID: 46 Comm: reader Not tainted 5.10.262 #1\n"
        "[   16.400003][    C0] RIP: 0010:do_user_addr_fault+0x1be/0x4a0\n"
        "[   16.400004][    C0] Call Trace:\n"
        "[   16.400005][    C0]  exc_page_fault+0x71/0x130\n";
    static const char rest[] = "[   16.400006][    C0]  asm_exc_page_fault+0x1e/0x30\n"
                               "[   16.400007][    C0]  foo_read+0x44/0x50\n"
                               "[   16.400008][    C0]  __x64_sys_bar+0x44/0x50\n"
                               "[   16.400009][    C0]  do_syscall_64+0x2d/0x40\n";
    static const char second[] =
        "[   16.410001][    C1] watchdog: BUG: soft lockup - CPU#1 stuck for 11s! [reader:47]\n"
        "[   16.410002][    C1] CPU: 1 PID: 47 Comm: reader Not tainted 5.10.262 #1\n"
        "[   16.410003][    C1] RIP: 0010:copy_user_foo+0x7/0x20\n"
        "[   16.410004][    C1] Call Trace:\n"
        "[   16.410005][    C1]  cp_new_foo+0x11e/0x140\n"
        "[   16.410006][    C1]  __x64_sys_foo+0x44/0x50\n"
        "[   16.410007][    C1]  do_syscall_64+0x2d/0x40\n"
        "[   16.410008][    C1] Kernel panic - not syncing: softlockup: hung tasks\n";
    g_autofree char *broken = g_strconcat(first, second, NULL);
    g_autofree char *whole = g_strconcat(first, rest, second, NULL);
    const struct {
        const char *text, *title;
    } rows[] = {
        {broken, "BUG: soft lockup in sys_foo"},
        {whole, "BUG: soft lockup in sys_bar"},
        {first, "BUG: soft lockup in exc_page_fault"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        expect_title(rows[i].text, rows[i].title);
}

/* Texts that are turned before they are read; the lines keep their numbers. */
static void
test_turned(void)
{
#define NEWS "Oct 16 20:47:19 host kernel: "
    static const struct {
        const char *title, *release;
        guint64 first, last;
        const char *text;
    } rows[] = {
        /* a mail's body in quoted-printable: its lines are broken within words */
        {"kernel BUG in foo_pages", "5.4.0-rc4", 2, 11,
         "> This is how it dies:=20\n> [   41.207694] kernel BUG at mm/foo.c:535!\n> [   "
         "41.208109] "
         "invalid opcode: 0000 [#1] SMP PTI\n> [   41.208508] CPU: 7 PID: 2766 Comm: ndctl_writer "
         "Not "
         "tainted 5.4.=\n0-rc4 #6\n> [   41.209064] Hardware name: QEMU Standard PC (i440FX + "
         "PIIX, "
         "1996), BIO=\nS rel-1.11.0-0\n> [   41.210175] flags=3D2 RIP\n> [   41.210176] RIP: "
         "0010:foo_pages+0x95/0xf0\n> [   41.210643] Call Trace:\n> [   41.210644]  "
         "bar_pages+0x95/0xf0\n"},
        /* journalctl -r */
        {"kernel BUG in foo_remove", "5.16.0", 1, 8,
         NEWS " worker_thread+0x188/0x504\n" NEWS " foo_reset+0x34/0x44 [foo]\n" NEWS
              " foo_remove+0x48/0xc0 [foo]\n" NEWS "Call trace:\n" NEWS
              "pc : foo_remove+0x58/0x40c\n" NEWS
              "CPU: 2 PID: 639 Comm: kworker/2:2 Not tainted 5.16.0 #1\n" NEWS
              "Internal error: Oops - BUG: 0 [#1] SMP\n" NEWS "kernel BUG at drivers/foo.c:379!\n"},
        /* neither: settings end in '=', and a trace before the report's own */
        {"WARNING in corrupted", NULL, 7, 8,
         "An environment of many settings that have no value, each of which is long: A=\nAn "
         "environment of many settings that have no value, each of which is long: B=\nC=D E=F G=H "
         "I=J\nCall Trace:\n foo+0x1/0x2\n bar+0x1/0x2\nWARNING: CPU: 0 PID: 1 at foo.c:1\nCall "
         "Trace:\n"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(rows[i].text, strlen(rows[i].text));

        g_assert_nonnull(log->cause);
        g_assert_cmpstr(log->cause->title, ==, rows[i].title);
        g_assert_cmpstr(log->release, ==, rows[i].release);
        g_assert_cmpuint(log->cause->line_first, ==, rows[i].first);
        g_assert_cmpuint(log->cause->line_last, ==, rows[i].last);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crash-pastes/told", test_told);
    g_test_add_func("/crash-pastes/own-words", test_own_words);
    g_test_add_func("/crash-pastes/live", test_live);
    g_test_add_func("/crash-pastes/last-line", test_last_line);
    g_test_add_func("/crash-pastes/forms", test_forms);
    g_test_add_func("/crash-pastes/flowed", test_flowed);
    g_test_add_func("/crash-pastes/broken-off", test_broken_off);
    g_test_add_func("/crash-pastes/turned", test_turned);
    return g_test_run();
}

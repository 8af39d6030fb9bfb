/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a crash looks like. To add a class: one stanza in lab_crash_classes (the first that matches
 * wins, so the particular stands before the general) and one log under tests/golden/crash/.
 */
#include "lab-crash-private.h"

#include <string.h>

/* "f+0x1/0x2" with the addresses that kernels before 4.10 put before it. */
#define FUNCTION "(?:\\[<[^>]*>\\] ?){0,2}(?<F>[A-Za-z_][\\w.]*)\\+0x"

const LabCrashClass lab_crash_classes[] = {
    /* --- lines that only look like reports --- */
    {.needle = "---[ end ", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: lockdep is turned off", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: NMI handler", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Stall ended before", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: recovery required", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Slab 0x", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Object 0x", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Allocated in", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: lockdep", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: See https://", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: kernel not compiled with", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: stack recursion", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: ",
     .header = "WARNING: (/etc/|\\S+ uses wireless ext|Spectre|The mand mount)",
     .flags = LAB_CRASH_NO_REPORT},
    {.needle = "BUG UNIX", .flags = LAB_CRASH_NO_REPORT},

    /* --- sanitizers --- */
    {.type = "kasan",
     .needle = "BUG: KASAN: ",
     .header = "BUG: KASAN: (?:double-free or invalid-free|double-free|invalid-free) in " FUNCTION,
     .title = "KASAN: invalid-free in ${F}",
     .alternative = "invalid-free in ${F}"},
    {.type = "kasan",
     .needle = "BUG: KASAN: ",
     .header = "BUG: KASAN: (?<kind>[a-z-]+) (?:in|on address)(?: " FUNCTION ")?",
     .detail = "(?<op>Read|Write) (?:of size|at addr)",
     .title = "KASAN: ${kind} ${op} in ${F}",
     .alternative = "bad-access in ${F}",
     .rule = LAB_CRASH_RULE_TOP},
    {.type = "kmsan",
     .flags = LAB_CRASH_BARE,
     .needle = "BUG: KMSAN: ",
     .header = "BUG: KMSAN: (?<kind>[a-z-]+) in " FUNCTION,
     .title = "KMSAN: ${kind} in ${F}",
     .alternative = "bad-access in ${F}"},
    {.type = "kcsan",
     .flags = LAB_CRASH_BARE,
     .needle = "BUG: KCSAN: ",
     .header = "BUG: KCSAN: (?<rest>.*?)(?:\\+0x.*)?$",
     .title = "KCSAN: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE},
    {.type = "kfence",
     .flags = LAB_CRASH_BARE,
     .needle = "BUG: KFENCE: memory corruption",
     .header = "BUG: KFENCE: memory corruption in " FUNCTION,
     .title = "KFENCE: memory corruption in ${F}"},
    {.type = "kfence",
     .flags = LAB_CRASH_BARE,
     .needle = "BUG: KFENCE: invalid free",
     .header = "BUG: KFENCE: invalid free in " FUNCTION,
     .title = "KFENCE: invalid free in ${F}",
     .alternative = "invalid-free in ${F}"},
    {.type = "kfence",
     .flags = LAB_CRASH_BARE,
     .needle = "BUG: KFENCE: ",
     .header = "BUG: KFENCE: (?<kind>[a-z -]+) in " FUNCTION,
     .title = "KFENCE: ${kind} in ${F}",
     .alternative = "bad-access in ${F}"},
    {.type = "ubsan",
     .needle = "UBSAN: ",
     .header = "UBSAN: (?<dashed>[A-Za-z-]+(?: behaviour)?) in ",
     .title = "UBSAN: ${dashed} in ${F}"},

    /* --- oopses --- */
    {.type = "stack-overflow",
     .needle = "stack guard page was hit",
     .header = "BUG: (?:\\w+ )?stack guard page was hit",
     .title = "BUG: stack guard page was hit in ${F}",
     .alternative = "stack-overflow in ${F}"},
    {.type = "null-deref",
     .needle = "NULL pointer dereference",
     .header =
         "(?:BUG: (?:unable to handle )?kernel|Unable to handle kernel) NULL pointer dereference",
     .title = "BUG: unable to handle kernel NULL pointer dereference in ${F}",
     .alternative = "bad-access in ${F}"},
    {.type = "bad-access",
     .needle = "nable to handle",
     .header = "(?:BUG: unable to handle (?:kernel paging request|page fault)"
               "|Unable to handle kernel (?:paging request|access to user memory|execut))",
     .title = "BUG: unable to handle kernel paging request in ${F}",
     .alternative = "bad-access in ${F}"},
    {.type = "bad-access",
     .needle = "Unhandled fault",
     .header = "Unhandled fault: ",
     .title = "Unhandled fault in ${F}",
     .alternative = "bad-access in ${F}"},
    {.type = "bad-access",
     .needle = "Internal error:",
     .header = "Internal error: (?!Oops - BUG)",
     .title = "Internal error in ${F}",
     .alternative = "bad-access in ${F}",
     .flags = LAB_CRASH_CONTINUES},
    {.type = "gpf",
     .needle = "general protection fault",
     .header = "general protection fault(?! ip:| in )(?!.* ip:)",
     .title = "general protection fault in ${F}",
     .alternative = "bad-access in ${F}",
     .flags = LAB_CRASH_CONTINUES},
    {.type = "stack-fault",
     .needle = "stack segment: ",
     .header = "stack segment: ",
     .title = "stack segment fault in ${F}"},
    {.type = "divide-error",
     .needle = "divide error: ",
     .header = "divide error: ",
     .title = "divide error in ${F}"},
    {.type = "double-fault",
     .needle = "double fault",
     .header = "^(?:PANIC: double fault|(?:traps: )?(?:Oops: )?double fault:)",
     .title = "PANIC: double fault in ${F}",
     .flags = LAB_CRASH_CONTINUES},
    {.type = "kernel-bug",
     .needle = "kernel BUG ",
     .header = "kernel BUG (?:at|in)",
     .title = "kernel BUG in ${F}"},
    {.type = "kernel-bug",
     .needle = "Kernel BUG ",
     .header = "Kernel BUG (?:at|in)",
     .title = "kernel BUG in ${F}"},
    {.type = "invalid-opcode",
     .needle = "invalid opcode: ",
     .header = "invalid opcode: 0000",
     .title = "invalid opcode in ${F}",
     .flags = LAB_CRASH_CONTINUES},
    {.type = "oops",
     .needle = "Oops: ",
     .header = "^Oops: ",
     .title = "Oops in ${F}",
     .alternative = "bad-access in ${F}",
     .flags = LAB_CRASH_CONTINUES},

    /* --- lockups, stalls, hangs --- */
    {.type = "soft-lockup",
     .needle = "soft lockup",
     .header = "BUG: soft lockup",
     .title = "BUG: soft lockup in ${F}",
     .alternative = "stall in ${F}",
     .rule = LAB_CRASH_RULE_STALL},
    {.type = "hard-lockup",
     .needle = "hard LOCKUP",
     .header = "Watchdog detected hard LOCKUP",
     .title = "BUG: hard lockup in ${F}",
     .alternative = "stall in ${F}",
     .rule = LAB_CRASH_RULE_STALL},
    {.type = "rcu-stall",
     .needle = "detected",
     .header = "(?:INFO: rcu_(?:preempt|sched|bh|tasks)?(?:_self)?\\w*[- ]detected|INFO: rcu.* "
               "detected.*stall"
               "|INFO: rcu_\\w+ self-detected stall|rcu: INFO: .*detected .*stall)",
     .title = "INFO: rcu detected stall in ${F}",
     .alternative = "stall in ${F}",
     .rule = LAB_CRASH_RULE_STALL},
    {.type = "hung-task",
     .needle = " blocked ",
     .header = "INFO: task .* blocked (?:in I/O wait )?for more than (?<seconds>[0-9]+) seconds",
     .title = "INFO: task hung in ${F}",
     .alternative = "hang in ${F}",
     .rule = LAB_CRASH_RULE_HANG},
    {.type = "hung-task",
     .needle = "can't die for more than",
     .header = "INFO: task .* can't die for more than",
     .title = "INFO: task can't die in ${F}",
     .alternative = "hang in ${F}",
     .rule = LAB_CRASH_RULE_HANG},
    {.type = "nmi",
     .needle = "NMI: Not continuing",
     .header = "NMI: Not continuing",
     .title = "kernel panic: NMI: Not continuing",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_STOPS | LAB_CRASH_FOLLOWS | LAB_CRASH_CONTINUES},

    /* --- lockdep and its neighbours --- */
    {.type = "deadlock",
     .needle = "-safe -> ",
     .header = "(?:HARDIRQ|SOFTIRQ|RECLAIM_FS)(?:-READ)?-safe -> ",
     .title = "possible deadlock in ${F}",
     .rule = LAB_CRASH_RULE_IRQ_SAFE},
    {.type = "deadlock",
     .needle = "deadlock detected",
     .header = "WARNING: possible .*deadlock detected",
     .detail = "^(?! *#).*at: " FUNCTION,
     .title = "possible deadlock in ${F}",
     .rule = LAB_CRASH_RULE_DEADLOCK},
    {.type = "deadlock",
     .needle = "possible ",
     .header = "possible (?:circular locking dependency|recursive locking"
               "|irq lock inversion dependency) detected",
     .detail = "^(?! *#).*at: " FUNCTION,
     .title = "possible deadlock in ${F}",
     .skip = "^(?:process_one_work|process_scheduled_works|worker_thread|start_flush_work|perf_"
             "trace_\\w+)$",
     .rule = LAB_CRASH_RULE_DEADLOCK},
    {.type = "lock-state",
     .needle = "inconsistent lock state",
     .header = "inconsistent lock state",
     .detail = "^(?! *#).*, at: " FUNCTION,
     .title = "inconsistent lock state in ${F}"},
    {.type = "lock-context",
     .needle = "Invalid wait context",
     .header = "BUG: Invalid wait context",
     .title = "WARNING: locking bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "rcu-usage",
     .needle = "suspicious RCU usage",
     .header = "(?<level>INFO|WARNING): suspicious RCU usage",
     .title = "${level}: suspicious RCU usage in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "lock-balance",
     .needle = "bad unlock balance",
     .header = "(?<level>BUG|WARNING): bad unlock balance",
     .detail = "^(?:.*at: ?)?" FUNCTION,
     .title = "${level}: bad unlock balance in ${F}"},
    {.type = "lock-freed",
     .needle = "held lock freed",
     .header = "(?<level>BUG|WARNING): held lock freed",
     .detail = "^ .*at: " FUNCTION,
     .title = "${level}: held lock freed in ${F}"},
    {.type = "lock-nested",
     .needle = "ested lock was not taken",
     .header = "WARNING: [Nn]ested lock was not taken",
     .detail = "^ .*at: " FUNCTION,
     .title = "WARNING: nested lock was not taken in ${F}"},
    {.type = "lock-key",
     .needle = "trying to register non-static key",
     .header = "INFO: trying to register non-static key",
     .title = "INFO: trying to register non-static key in ${F}"},
    {.type = "spinlock",
     .needle = "BUG: spinlock",
     .header = "BUG: spinlock (?<kind>bad magic|lockup suspected|[a-z ]+?)(?: on |,|$)",
     .title = "BUG: spinlock ${kind} in ${F}"},
    {.type = "atomic-sleep",
     .needle = "sleeping function called",
     .header = "BUG: sleeping function called from (?<rest>invalid context)",
     .title = "BUG: sleeping function called from ${rest} in ${F}"},
    {.type = "atomic-sleep",
     .needle = "scheduling while atomic",
     .header = "BUG: scheduling while atomic",
     .title = "BUG: scheduling while atomic in ${F}"},
    {.type = "preemption",
     .needle = "in preemptible",
     .header = "BUG: using (?<kind>\\w+\\(\\)) in preemptible",
     .title = "BUG: using ${kind} in preemptible code in ${F}",
     .rule = LAB_CRASH_RULE_TRACE,
     .skip = "check_preemption_disabled|debug_smp_processor_id|__this_cpu_preempt_check"},

    /* --- memory --- */
    {.type = "bad-page",
     .needle = "BUG: Bad page state",
     .header = "BUG: Bad page state",
     .title = "BUG: Bad page state in ${F}",
     .skip = "^(?:folio_batch\\w*|sk_skb_reason_drop|kfree_skb\\w*|consume_skb|_{0,2}lru_\\w+|_{0,"
             "2}mempool\\w*|page_frag\\w*|_{0,2}page_pool_\\w+|\\w*set_page_owner|post_alloc_hook"
             "|\\w*folio_alloc\\w*|filemap_\\w+|_{0,2}filemap_get_folio|pagecache_get_page"
             "|\\w*alloc_pages\\w*|\\w*vmalloc\\w*|vm_area_alloc_pages|\\w*_cache_ra\\w*)$",
     .rule = LAB_CRASH_RULE_OWNER},
    {.type = "bad-page-map",
     .needle = "BUG: Bad page map",
     .header = "BUG: Bad page map",
     .title = "BUG: Bad page map in ${F}",
     .rule = LAB_CRASH_RULE_TRACE,
     .flags = LAB_CRASH_NO_CORRUPT},
    {.type = "bad-rss",
     .needle = "BUG: Bad rss-counter",
     .header = "BUG: Bad rss-counter state",
     .title = "BUG: Bad rss-counter state",
     .rule = LAB_CRASH_RULE_TITLE},
    {.type = "usercopy",
     .needle = "usercopy: ",
     .header = "usercopy: [Kk]ernel memory (?:exposure|overwrite)",
     .title = "BUG: bad usercopy in ${F}",
     .rule = LAB_CRASH_RULE_TRACE,
     .flags = LAB_CRASH_PRELUDE},
    {.type = "page-alloc-failure",
     .needle = "page allocation failure",
     .header =
         "page allocation failure[.:] ?.*order[: ] ?(?<order>[0-9]+), ?mode: ?(?<mode>0x[0-9a-f]+)",
     .title = "page allocation failure in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "oom",
     .needle = "invoked oom-killer",
     .header = "invoked oom-killer: .*",
     .title = "out of memory in ${F}",
     .rule = LAB_CRASH_RULE_TRACE,
     .flags = LAB_CRASH_MINOR | LAB_CRASH_NO_CORRUPT},
    {.type = "memory-leak",
     .needle = "BUG: memory leak",
     .header = "BUG: memory leak",
     .title = "memory leak in ${F}",
     .skip = "alloc|^(?:sget_userns|kv?as?printf\\w*|kmemdup\\w*|kstrdup\\w*|mempool_\\w+)$",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "dentry",
     .needle = "BUG: Dentry ",
     .header = "BUG: Dentry .* still in use .*\\[(?<rest>unmount)",
     .title = "BUG: Dentry still in use in ${rest}",
     .rule = LAB_CRASH_RULE_TITLE},

    /* --- warnings --- */
    {.type = "refcount",
     .needle = "refcount_t: ",
     .header = "^refcount_t: ",
     .flags = LAB_CRASH_PRELUDE,
     .title = "WARNING: refcount bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "odebug",
     .needle = "ODEBUG: ",
     .header = "^ODEBUG: ",
     .flags = LAB_CRASH_PRELUDE | LAB_CRASH_CONTINUES,
     .title = "WARNING: ODEBUG bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: .*lib/refcount\\.c",
     .title = "WARNING: refcount bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: .*lib/debugobjects\\.c",
     .title = "WARNING: ODEBUG bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: .*lib/kobject\\.c",
     .title = "WARNING: kobject bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: .*mm/.*kmalloc_slab",
     .title = "WARNING: kmalloc bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: .*kernel/locking/lockdep\\.c",
     .title = "WARNING: locking bug in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: (?:CPU: \\d+ PID: \\d+ )?at \\S+ (?:" FUNCTION ")?",
     .title = "WARNING in ${F}"},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: (?:\\[.*\\] )?\\S+:\\d+ at (?:" FUNCTION ")?",
     .title = "WARNING in ${F}"},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "WARNING: (?:CPU: \\d+ PID: \\d+ )?at \\S+:\\d+$",
     .title = "WARNING in ${F}"},

    /* --- panics --- */
    {.type = "panic",
     .needle = "stack-protector",
     .header = "Kernel panic.*stack-protector: Kernel stack is corrupted in:? (?:" FUNCTION ")?",
     .title = "kernel panic: stack is corrupted in ${F}",
     .flags = LAB_CRASH_STOPS | LAB_CRASH_CONTINUES},
    {.type = "stack-overflow",
     .needle = "corrupted stack end",
     .header = "Kernel panic.*corrupted stack end",
     .title = "kernel panic: corrupted stack end in ${F}",
     .alternative = "stack-overflow in ${F}",
     .rule = LAB_CRASH_RULE_STALL,
     .flags = LAB_CRASH_STOPS},
    {.type = "panic",
     .needle = "Kernel panic",
     .header =
         "Kernel panic - not syncing: (?<rest>(?:Fatal exception|panic_on_warn|panic_on_oops"
         "|softlockup: hung tasks|hung_task: blocked tasks|Hard LOCKUP|hard LOCKUP|RCU Stall"
         "|NMI: Not continuing|kernel: panic_on_warn|KASAN: panic_on_warn|kasan\\.fault"
         "|Aiee|UBSAN: panic_on_warn|KFENCE: panic|kernel: panic_on_warn|scheduling while atomic"
         "|Attempted to kill the idle|stack overflow|HUNG_TASK|watchdog|stall).*)",
     .title = "kernel panic: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_STOPS | LAB_CRASH_FOLLOWS | LAB_CRASH_CONTINUES},
    {.type = "panic",
     .needle = "Kernel panic",
     .header = "Kernel panic - not syncing: Attempted to kill init",
     .title = "kernel panic: Attempted to kill init!",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_STOPS | LAB_CRASH_FOLLOWS},
    {.type = "oom",
     .needle = "Kernel panic",
     .header =
         "Kernel panic - not syncing: (?<rest>[Oo]ut of memory.*|System is deadlocked on memory.*"
         "|.*panic_on_oom.*)",
     .title = "kernel panic: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_STOPS},
    {.type = "panic",
     .needle = "Kernel panic",
     .header = "Kernel panic - not syncing: (?<rest>.*)",
     .title = "kernel panic: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_STOPS},

    /* --- the rest: what a line says, when a trace backs it --- */
    {.type = "netdev",
     .needle = "unregister_netdevice: waiting",
     .header = "unregister_netdevice: waiting for \\S+ to become free",
     .title = "unregister_netdevice: waiting for DEV to become free",
     .rule = LAB_CRASH_RULE_TITLE},
    {.type = "vfs",
     .needle = "VFS: ",
     .header = "^VFS: Close: file count is (?:0|zero)",
     .title = "VFS: Close: file count is zero (use-after-free)",
     .rule = LAB_CRASH_RULE_TITLE},
    {.type = "vmalloc",
     .needle = "zero-size vmalloc",
     .header = "zero-size vmalloc",
     .title = "WARNING: zero-size vmalloc in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
    {.type = "fault", /* never the kernel's words: lab-crash-clues.c makes this header */
     .needle = "kernel fault",
     .header = "^kernel fault, type not told$",
     .title = "kernel fault in ${F}",
     .alternative = "bad-access in ${F}"},
    {.type = "bug",
     .needle = "BUG: ",
     .header = "^BUG: (?<rest>.*)",
     .title = "BUG: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_NEEDS_TRACE},
    {.type = "warning",
     .needle = "WARNING: ",
     .header = "^WARNING: (?<rest>.*)",
     .title = "WARNING: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_NEEDS_TRACE},
    {.type = "info",
     .needle = "INFO: ",
     .header = "^INFO: (?<rest>.*)",
     .title = "INFO: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_NEEDS_TRACE},
};

const gsize lab_crash_n_classes = G_N_ELEMENTS(lab_crash_classes);

static GRegex *
compile(const char *pattern)
{
    GError *error = NULL;
    GRegex *regex = g_regex_new(pattern, G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, &error);

    if (!regex)
        g_error("crash pattern '%s': %s", pattern, error->message);
    return regex;
}

typedef struct {
    GRegex *header, *detail, *skip;
} Compiled;

static Compiled *
compiled(void)
{
    static Compiled *all;
    static gsize once;

    if (g_once_init_enter(&once)) {
        all = g_new0(Compiled, G_N_ELEMENTS(lab_crash_classes));
        for (gsize i = 0; i < G_N_ELEMENTS(lab_crash_classes); i++) {
            const LabCrashClass *class = &lab_crash_classes[i];

            all[i].header = class->header ? compile(class->header) : NULL;
            all[i].detail = class->detail ? compile(class->detail) : NULL;
            all[i].skip = class->skip ? compile(class->skip) : NULL;
        }
        g_once_init_leave(&once, 1);
    }
    return all;
}

GRegex *
lab_crash_class_detail(const LabCrashClass *class)
{
    return compiled()[class - lab_crash_classes].detail;
}

GRegex *
lab_crash_class_skip(const LabCrashClass *class)
{
    return compiled()[class - lab_crash_classes].skip;
}

const LabCrashScan *
lab_crash_scan_all(void)
{
    static const char *const others[] = {"Linux version ", "printk messages dropped",
                                         "kernel messages", "some messages lost"};
    static LabCrashScan *scan;
    static gsize once;

    if (g_once_init_enter(&once)) {
        const char *needles[G_N_ELEMENTS(others) + G_N_ELEMENTS(lab_crash_classes)];
        gsize n = 0;

        for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
            needles[n++] = others[i];
        for (gsize i = 0; i < G_N_ELEMENTS(lab_crash_classes); i++)
            if (!(lab_crash_classes[i].flags & LAB_CRASH_NO_REPORT))
                needles[n++] = lab_crash_classes[i].needle;
        scan = lab_crash_scan_new(needles, n);
        g_once_init_leave(&once, 1);
    }
    return scan;
}

const LabCrashClass *
lab_crash_class_find(const char *text, GMatchInfo **match)
{
    *match = NULL;
    if (!lab_crash_scan_find(lab_crash_scan_all(), text, text + strlen(text)))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(lab_crash_classes); i++) {
        const LabCrashClass *class = &lab_crash_classes[i];
        GRegex *header = compiled()[i].header;

        if (!strstr(text, class->needle))
            continue;
        if (header && !g_regex_match(header, text, 0, match)) {
            g_clear_pointer(match, g_match_info_unref);
            continue;
        }
        if (class->flags & LAB_CRASH_NO_REPORT) {
            g_clear_pointer(match, g_match_info_unref);
            return NULL;
        }
        return class;
    }
    return NULL;
}

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
     .needle = "BUG: KMSAN: ",
     .header = "BUG: KMSAN: (?<kind>[a-z-]+) in " FUNCTION,
     .title = "KMSAN: ${kind} in ${F}",
     .alternative = "bad-access in ${F}"},
    {.type = "kcsan",
     .needle = "BUG: KCSAN: ",
     .header = "BUG: KCSAN: (?<rest>.*)",
     .title = "KCSAN: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE},
    {.type = "kfence",
     .needle = "BUG: KFENCE: memory corruption",
     .header = "BUG: KFENCE: memory corruption in " FUNCTION,
     .title = "KFENCE: memory corruption in ${F}"},
    {.type = "kfence",
     .needle = "BUG: KFENCE: invalid free",
     .header = "BUG: KFENCE: invalid free in " FUNCTION,
     .title = "KFENCE: invalid free in ${F}",
     .alternative = "invalid-free in ${F}"},
    {.type = "kfence",
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
     .needle = "blocked for more than",
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
     .needle = "deadlock",
     .header = "WARNING: (?:possible (?:circular|recursive|irq lock inversion).*|.*)deadlock|"
               "possible (?:circular locking dependency|recursive locking) detected",
     .detail = "^.*(?:at: |\\.\\.\\. at: )" FUNCTION,
     .title = "possible deadlock in ${F}"},
    {.type = "deadlock",
     .needle = "possible ",
     .header =
         "possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) "
         "detected|HARDIRQ-safe -> HARDIRQ-unsafe|SOFTIRQ-safe -> SOFTIRQ-unsafe",
     .detail = "^.*at: " FUNCTION,
     .title = "possible deadlock in ${F}"},
    {.type = "deadlock",
     .needle = "-safe -> ",
     .header = "(?:HARDIRQ|SOFTIRQ|RECLAIM_FS)-safe -> ",
     .detail = "^.*at: " FUNCTION,
     .title = "possible deadlock in ${F}"},
    {.type = "lock-state",
     .needle = "inconsistent lock state",
     .header = "inconsistent lock state",
     .detail = "^.*, at: " FUNCTION,
     .title = "inconsistent lock state in ${F}"},
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
     .header = "BUG: spinlock (?<kind>\\w+(?: \\w+)*)",
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
     .rule = LAB_CRASH_RULE_TRACE},
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
     .header = "page allocation failure[.:] ?.*order:(?<order>[0-9]+), mode:(?<mode>0x[0-9a-f]+)",
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
     .flags = LAB_CRASH_PRELUDE,
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
     .header = "WARNING: \\S+:\\d+ at (?:" FUNCTION ")?",
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
     .rule = LAB_CRASH_RULE_TRACE,
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
     .header = "^VFS: (?<rest>Close: file count is (?:0|zero).*|Busy inodes after unmount)",
     .title = "VFS: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE},
    {.type = "vmalloc",
     .needle = "zero-size vmalloc",
     .header = "zero-size vmalloc",
     .title = "WARNING: zero-size vmalloc in ${F}",
     .rule = LAB_CRASH_RULE_TRACE},
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

/* Functions that are never to blame: reporting, sanitizers, copying, allocation, lock primitives,
 * list and bit helpers. A module's frame is never skipped. */
static const char common[] =
    "^(?:dump_stack(?:_lvl)?|(?:__)?show_stack|show_trace|show_regs|panic|vpanic|nmi_panic|oops_"
    "end|"
    "die|no_context"
    "|__die|report_bug|fixup_bug|__report_bug|handle_bug|do_trap|do_error_trap|do_invalid_op|exc_"
    "\\w+|asm_exc_\\w+"
    "|invalid_op|page_fault|async_page_fault|error_entry|general_protection|bad_area\\w*|__bad_"
    "area\\w*"
    "|do_page_fault|__do_page_fault|do_user_addr_fault|do_kern_addr_fault|do_general_protection"
    "|__warn\\w*|warn_slowpath\\w*|warn_alloc\\w*|print_\\w+|dump_page|bad_page|free_page_is_"
    "bad\\w*"
    "|unwind_backtrace|dump_backtrace|dump_instr|arm_notify_die|die_kernel_fault"
    "|kernel_init_pages|should_failslab|fail_dump|should_fail\\w*|arch_stack_walk|unwind_next_"
    "frame|stack_trace\\w+"
    "|check_preemption_disabled|debug_smp_processor_id|__this_cpu_preempt_check|___might_sleep|__"
    "might_\\w+"
    "|might_\\w+|__schedule_bug|schedule|__schedule|preempt_schedule\\w*|___?preempt_schedule\\w*|"
    "schedule_debug"
    "|lockdep_\\w+|debug_\\w+|__debug_\\w+|\\w*lock_(?:acquire|release)\\w*|register_lock_class"
    "|validate_chain|check_\\w*deadlock|check_prev\\w+|check_noncircular|mark_(?:lock|usage|held)"
    "\\w*"
    "|look_up_lock_class|assign_lock_key|__bfs|valid_state"
    "|reacquire_held_locks|find_\\w*lock\\w*class|trace_hardirqs\\w*|trace_softirqs\\w*|static_obj"
    "|_?_?(?:do_)?(?:raw_)?_?(?:spin|read|write)_(?:un)?(?:lock|trylock)\\w*|spin_bug|spin_dump|"
    "rwlock_bug"
    "|native_queued_\\w+|queued_\\w+|pv_queued\\w*|__pv_queued\\w*|debug_spin_\\w+"
    "|_{0,3}mutex_(?:un)?(?:lock|trylock)\\w*|rt_mutex_\\w+|__rt_mutex\\w*|ww_mutex\\w*"
    "|_{0,2}(?:down|up)_(?:read|write|killable|interruptible|timeout)\\w*|rwsem_\\w+|_{0,2}(?:down|"
    "up)"
    "|percpu_(?:down|up)\\w+|__percpu_\\w+|rtlock\\w*"
    "|_{0,2}mem(?:cpy|set|move|cmp|chr|scan)\\w*|_{0,3}str(?:n|l|s)?(?:cpy|cat|cmp|len|chr|str|"
    "casecmp|scpy)\\w*"
    "|_{0,2}copy_(?:to|from|in)_user\\w*|_?copy_(?:to|from)_iter\\w*|raw_copy_\\w+|instrument_"
    "copy\\w*"
    "|copyin|copyout|_{0,2}(?:get|put|clear)_user\\w*|check_copy_size|_{0,2}check_object_size|"
    "check_heap_object"
    "|check_kernel_text\\w*|usercopy_\\w+|report_usercopy"
    "|_{0,2}k(?:v|m|z|c)?(?:m|z|c)?alloc(?:_\\w+)?|_{0,2}kmalloc\\w*|_{0,2}krealloc\\w*|_{0,2}kmem_"
    "cache_\\w+"
    "|kmalloc_slab|_{0,2}vmalloc\\w*|_{0,3}slab_\\w+|slab_(?:alloc|free|post)\\w*|_{0,2}do_"
    "kmalloc\\w*|do_slab_free"
    "|_{0,2}kfree\\w*|kvfree\\w*|allocate_slab|new_slab|cache_(?:grow|alloc)\\w*|cache_free\\w*|_{"
    "0,2}cache_\\w+"
    "|_{0,2}alloc_pages?\\w*|_{0,2}get_free_pages?|alloc_pages\\w*|get_page_from_freelist|prep_new_"
    "page|check_new_page\\w*"
    "|_{0,2}free_(?:hot|pages|one_page|unref|frozen)\\w*|free_pcp\\w*|rmqueue\\w*|bad_page\\w*|"
    "free_(?:pages?_)?prepare"
    "|oom_kill_process|out_of_memory|dump_header|pagefault_out_of_memory|__alloc_pages\\w*"
    "|vmap|__vmap_\\w+|kmemleak_\\w+|create_object"
    "|_{0,2}list_(?:add|del|replace|move|splice|empty|valid)\\w*|_{0,3}hlist_\\w+|hlist_\\w+|list_"
    "\\w+_rcu"
    "|(?:arch_)?(?:raw_)?atomic(?:64|_long)?_\\w+|(?:arch_)?(?:test|set|clear|change)_(?:and_\\w+_)"
    "?bit\\w*|instrument_\\w+"
    "|refcount_\\w+|_{0,2}refcount_\\w+|kref_\\w+|read_pnet|_{0,2}(?:read|write)_once\\w*|_{0,2}"
    "read_once_\\w+"
    "|\\w*kasan\\w*|__asan\\w*|\\w*kmsan\\w*|__msan\\w*|\\w*kcsan\\w*|__tsan\\w*|\\w*ubsan\\w*|__"
    "ubsan\\w*|kfence_\\w+|__kfence\\w+"
    "|__sanitizer\\w*|check_memory_region\\w*|memory_is_\\w+|object_err|slab_err|slab_bug|handle_"
    "overflow"
    "|end_report|start_report|describe_\\w+|val_to_string"
    "|dead_pf|check_region\\w*|memory_\\w*region\\w*|__tag_\\w+"
    "|__list_\\w+_or_report|__stack_chk_fail|stack_overflow\\w*|handle_stack_overflow|df_debug|do_"
    "double_fault"
    "|__builtin\\w+|__indirect_thunk\\w*|__x86_indirect\\w*|rcu_read_\\w+|__rcu_read\\w+|rcu_"
    "lockdep\\w*|rcu_dereference\\w*"
    "|rcu_is_watching|lockdep\\w*|__this_cpu\\w+|this_cpu\\w+|do_dec_rlimit\\w*|bust_spinlocks"
    "|_{0,2}irq_\\w*restore|entry_SYSCALL\\w*|do_syscall\\w*|ret_from_fork\\w*|do_undefinstr|el[01]"
    "\\w*"
    "\\w*_(?:sync|undef|abort|da|ia|dbg)\\w*"
    "|__do_kernel_fault|do_tag_\\w+|do_sea|do_(?:mem|el\\w*)_abort|el1h?_64\\w*|do_bad|do_"
    "DataAbort|do_translation_fault|do_"
    "alignment\\w*|brk_handler|bug_handler|call_break_hook"
    /* Helpers that many callers share: a tree, a list, a work queue, a warning's messenger. */
    "|rb_\\w+|__rb_\\w+|klist_\\w+|timerqueue_add|radix_tree_\\w+|hex_\\w+|(?:v|vs|s|vsc|sc)n?"
    "printf|vprintk\\w*|printk|_printk"
    "|_?atomic_dec_and_\\w+|_{0,2}flush_work(?:queue)?\\w*|drain_workqueue|_{0,2}cancel_work\\w*|"
    "insert_work|__queue_work"
    "|queue_work\\w*|delayed_work_timer_fn|process_one_work|finish_wait|remove_wait_queue_locked|"
    "wait_for_\\w+|do_wait_for\\w+"
    "|sysfs_remove_\\w+|add_uevent_var|kobject_\\w+|device_del|device_remove\\w*|rollback_"
    "registered\\w*"
    "|usb_kill_\\w+|usb_submit_urb|usb_start_wait_urb|usb_bulk_msg|usb_control_msg"
    "|ref_tracker_\\w+|cleanup_srcu_struct\\w*|free_large_kmalloc|mark_buffer_dirty|fast_dput|dput|"
    "mntput\\w*"
    "|skb_(?:panic|over_panic|under_panic|push|put|pull)|fortify_panic|__fortify_report|assertfail|"
    "__phys_addr\\w*"
    "|folio_unlock|unlock_page|rust_helper_BUG|walk_stackframe|perf_trace_destroy|task_blocks_on_"
    "rt_mutex"
    ")$";

/* Where the kernel hands over to a system call, a work item, a timer: what stands above tells what
 * was going on. */
static const char entries[] =
    "^(?:do_syscall_\\w+|do_fast_syscall\\w*|__do_fast_syscall\\w*|do_int80_syscall\\w*|x64_sys_"
    "call|ia32_sys_call|entry_SYSCALL\\w*"
    "|entry_INT80\\w*|system_call_fast\\w*|sysenter_\\w+|tracesys\\w*|el0_svc\\w*|invoke_syscall|"
    "ret_fast_syscall"
    "|process_one_work|process_scheduled_works|worker_thread|kthread|ret_from_fork\\w*|smpboot_"
    "thread_fn"
    "|__?netif_receive_skb\\w*|netif_receive_skb\\w*|process_backlog|__do_softirq|do_softirq\\w*|"
    "handle_softirqs|run_ksoftirqd"
    "|call_timer_fn|expire_timers|__run_timers|run_timer_softirq|run_timer_base|__hrtimer_run_"
    "queues|hrtimer_run\\w*|run_hrtimer\\w*|__run_hrtimer"
    "|hrtimer_interrupt|tasklet_action\\w*|rcu_do_batch|rcu_core\\w*"
    "|irq_exit\\w*|__irq_exit\\w*|generic_handle_irq\\w*|handle_irq\\w*"
    "|do_vfs_ioctl|vfs_ioctl|ksys_ioctl|vfs_read|vfs_write|__vfs_read|__vfs_write|new_sync_read|"
    "new_sync_write|call_write_iter"
    "|call_read_iter|do_iter_\\w+|do_loop_readv\\w*|ksys_read|ksys_write|compat_sys_ioctl"
    "|sock_sendmsg\\w*|sock_recvmsg\\w*|sock_write_iter|sock_read_iter|____?sys_sendmsg|____?sys_"
    "recvmsg|netlink_rcv_skb|netlink_unicast\\w*"
    "|__sys_setsockopt|__sys_getsockopt|__sys_connect|do_sock_setsockopt|sock_do_ioctl"
    "|do_dentry_open|vfs_open|do_open|vfs_mount|mount_fs|vfs_get_tree|__fput|____fput|task_work_"
    "run|exit_to_user\\w*"
    "|handle_mm_fault|__handle_mm_fault|do_page_fault|__do_page_fault|page_fault|do_user_addr_"
    "fault|exc_page_fault|asm_exc_page_fault"
    "|mmap_region|do_one_initcall|start_kernel|do_idle|cpu_startup_entry|start_secondary"
    "|smp_call_function\\w*)$";

/* Scheduler, locks and completions: where tasks wait, not why. */
static const char waits[] = "sched|_lock|_slowlock|down|rwsem|completion|kthread|wait|synchronize|"
                            "context_switch|__switch_to"
                            "|cancel_delayed_work|rcu_barrier|io_schedule|bit_wait|mutex|sleep";

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

static gboolean
matches(GRegex **cache, gsize *once, const char *pattern, const char *function)
{
    if (g_once_init_enter(once)) {
        *cache = compile(pattern);
        g_once_init_leave(once, 1);
    }
    return g_regex_match(*cache, function, 0, NULL);
}

gboolean
lab_crash_function_is_common(const char *function)
{
    static GRegex *regex;
    static gsize once;

    return matches(&regex, &once, common, function);
}

gboolean
lab_crash_function_is_entry(const char *function)
{
    static GRegex *regex;
    static gsize once;

    return matches(&regex, &once, entries, function);
}

gboolean
lab_crash_function_waits(const char *function)
{
    static GRegex *regex;
    static gsize once;

    return matches(&regex, &once, waits, function);
}

/* Words of which a header has at least one: most lines of most logs end here. */
static gboolean
may_be_header(const char *text)
{
    static const char *const words[] = {
        "BUG",
        "WARNING: ",
        "INFO: ",
        "panic",
        "PANIC",
        "KASAN",
        "UBSAN: ",
        "fault",
        "Oops",
        "deadlock",
        "nable to handle",
        "LOCKUP",
        "lock",
        "possible ",
        "divide error",
        "invalid opcode",
        "page allocation failure",
        "oom-killer",
        "refcount_t: ",
        "ODEBUG: ",
        "stack segment",
        "usercopy: ",
        "unregister_netdevice: ",
        "VFS: ",
        "vmalloc",
        "Not continuing",
        "Internal error",
        "-safe -> ",
        "RCU",
        "detected",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(text, words[i]))
            return TRUE;
    return FALSE;
}

const LabCrashClass *
lab_crash_class_find(const char *text, GMatchInfo **match)
{
    *match = NULL;
    if (!may_be_header(text))
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

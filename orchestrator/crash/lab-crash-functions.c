/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which functions tell nothing about a crash. One line a group, names as PCRE, anchored; a module's
 * frame is never left out by them.
 */
#include "lab-crash-private.h"

/* clang-format off */

/* Never to blame: they report, copy, allocate, lock, or keep lists for others. */
static const char *const common[] = {
    /* the report itself */
    "_{0,2}dump_stack\\w*", "(__)?show_(stack|regs)\\w*", "show_trace", "_{0,2}panic", "vpanic", "nmi_panic", "panic_saved_regs",
    "check_panic_on_warn", "oops_end", "(__)?die", "no_context", "_{0,2}report_bug", "fixup_bug", "handle_bug", "_{0,2}warn_\\w+", "__warn",
    "print_\\w+", "_{0,2}dump_page\\w*", "unwind_backtrace", "dump_backtrace", "dump_instr", "walk_stackframe", "arch_stack_walk",
    "(__)?save_stack\\w*", "stack_trace\\w*", "(v|vs|s|vsc|sc)n?printf", "v?printk\\w*", "_printk", "pointer", "(widen_)?string(_nocheck)?", "number", "va_format", "hex_\\w+",
    "seq_(v?printf|puts|putc|write|escape\\w*)", "_{0,2}(dev|netdev|dynamic_\\w*)_(emerg|alert|crit|err|warn|notice|info|dbg|printk)", "dev_v?printk_emit",
    "_{0,2}fortify_(panic|report)", "assertfail", "rust_helper_BUG", "skb_(panic|over_panic|under_panic|push|put|pull)",
    "(core|std)::panicking::.*", ".*\\brust_begin_unwind",
    "machine_kexec", "_{0,2}crash_kexec", "crash_save_\\w+", "(kdump|crash)_nmi_callback", "nmi_handle", "(default_)?do_nmi", "end_repeat_nmi", "nmi",
    /* traps */
    "do_trap\\w*", "do_error_trap", "do_invalid_op", "invalid_op", "a?sm_exc_\\w+", "exc_\\w+", "(async_)?page_fault", "error_entry", "general_protection",
    "(do_)?bad_area\\w*", "_{0,2}do_page_fault", "handle_page_fault", "do_user_addr_fault", "do_kern_addr_fault", "do_general_protection", "do_error",
    "arm_notify_die", "die_kernel_fault", "__do_kernel_fault", "do_tag_\\w+", "do_sea", "do_(mem|el\\d)_abort", "el[01]\\w*", "do_bad\\w*",
    "do_(DataAbort|PrefetchAbort)", "do_translation_fault", "do_alignment\\w*", "(early_)?brk_handler", "bug_(brk_)?handler", "call_(el1_)?break_hook", "do_debug_exception", "do_el1_\\w+", "program_check_\\w+", "do_undefinstr", "__und_svc",
    "df_debug", "do_double_fault", "handle_stack_overflow", "__stack_chk_fail", "entry_SYSCALL\\w*", "do_syscall\\w*", "ret_from_(fork|kernel)\\w*",
    "kernel_thread_(helper|starter)", "child_rip",
    "retint_\\w+", "preempt_schedule\\w*", "preempt_count_(add|sub)", "_{2,3}preempt_schedule\\w*", "schedule(_debug|_timeout)?", "__schedule(_bug)?", "_cond_resched", "__cond_resched",
    /* sanitizers and debugging */
    "\\w*kasan\\w*", "__asan\\w*", "\\w*kmsan\\w*", "__msan\\w*", "\\w*kcsan\\w*", "__tsan\\w*", "\\w*ubsan\\w*", "_{0,2}kfence_\\w+", "__sanitizer\\w*",
    "check_memory_region\\w*", "check_region\\w*", "memory_is_\\w+", "__tag_\\w+", "object_err", "slab_(err|bug)", "handle_overflow", "(start|end)_report", "val_to_string",
    "should_fail\\w*", "fail_dump", "lockdep\\w*", "_{0,2}debug_\\w+", "kmemleak_\\w+", "create_object", "__list_\\w+_or_report", "_{0,3}might_\\w+",
    "check_preemption_disabled", "debug_smp_processor_id", "(timer|work|rcu)_is_static_object", "(perf_trace|trace_event_raw_event)_\\w+", "lock_(is_held|downgrade|contended|set_class|pin|unpin)\\w*", "_{0,2}this_cpu_\\w+", "perf_trace_\\w+", "trace_(hard|soft)irqs\\w*", "static_obj",
    "\\w*lock_(acquire|release)\\w*", "register_lock_class", "validate_chain", "check_\\w*deadlock", "check_prev\\w+", "check_noncircular", "mark_(lock|usage|held)\\w*",
    "look_up_lock_class", "assign_lock_key", "__bfs", "valid_state", "reacquire_held_locks", "find_\\w*lock\\w*class", "hlock_class", "__lock_(acquire|release|downgrade|is_held|set_class|contended|acquired|pin|unpin|sync)\\w*",
    /* locks */
    "_{0,2}(do_)?(raw_)?_{0,2}(spin|read|write)_(un)?(lock|trylock)\\w*", "(raw_)?spin_rq_\\w+", "raw_spin_\\w+", "spin_(bug|dump)", "rwlock_bug", "native_queued_\\w+", "_{0,2}(pv_)?queued_\\w+",
    "_{0,3}mutex_(un)?(lock|trylock)\\w*", "_{0,2}rt_mutex\\w*", "rtlock\\w*", "ww_mutex\\w*", "task_blocks_on_rt_mutex", "(mutex|rwsem)_(optimistic_spin|spin_on_owner|can_spin)\\w*", "osq_lock", "_{0,2}ldsem_(down|up)_\\w+",
    "_{0,2}(down|up)(_(read|write|common|killable|interruptible|timeout)\\w*)?", "rwsem_\\w+", "percpu_(down|up)\\w+", "__percpu_\\w+", "_{0,2}lock_sock\\w*", "_{0,2}lock_page\\w*",
    "_{0,2}s?rcu_(read|lockdep|dereference)\\w*", "rcu_is_watching", "_?atomic_dec_and_\\w+", "refcount_dec_and_\\w+",
    /* memory and strings */
    "(__pi)?_{0,2}mem(cpy|set|move|cmp|chr|scan|weight)\\w*", "(__pi)?_{0,3}str(n|l|s)?(cpy|cat|cmp|len|chr|str|casecmp|scpy)\\w*", "_?_{0,2}copy_(to|from|in)_(user|iter)\\w*", "raw_copy_\\w+",
    "instrument_\\w+", "(simple_)?copy_(to|from)_iter", "copyin", "copyout", "copy_user_\\w+", "_{0,2}arch_(copy_(to|from|in)|clear)_user\\w*", "rep_(movs|stos)_alternative", "sized_strscpy", "_{0,2}(get|put|clear)_user\\w*", "check_copy_size", "_{0,2}check_object_size", "_{0,2}check_(heap|stack)_object", "check_(object|slab|bytes\\w*)", "slab_pad_check", "(alloc|free)_debug_processing",
    "check_kernel_text\\w*", "(report_)?usercopy_?\\w*", "_{0,2}(dead_)?alloc_(frozen_)?pages?\\w*", "__get_free_pages?", "get_free_pages?", "check_new_page\\w*",
    "_{0,2}kv?[mzc]?[mzc]?alloc(_\\w+)?", "_{0,2}kmalloc\\w*", "_{0,2}do_kmalloc\\w*", "_{0,2}krealloc\\w*", "_{0,2}kmem_cache_\\w+", "_{0,2}v[mz]alloc\\w*", "__vunmap", "_{0,3}slab_\\w+", "do_slab_free",
    "_{0,2}kv?free\\w*", "vfree\\w*", "allocate_slab", "new_slab", "_{0,2}cache_(grow|alloc|free)\\w*", "_{0,2}free_(hot|pages|one_page|unref|frozen|page|large|prepare)\\w*", "free_pcp\\w*",
    "bad_page\\w*", "oom_kill_process", "out_of_memory", "dump_header", "pagefault_out_of_memory", "__vmap_\\w+", "vmap", "kstrdup\\w*", "kmemdup\\w*", "__phys_addr\\w*",
    /* lists, trees, bits, counters, queues */
    "_{0,2}list_(add|del|replace|move|splice|empty|valid)\\w*", "_{0,3}hlist_\\w+", "_{0,2}rb_\\w+", "klist_\\w+", "radix_tree_(next|delete|lookup|insert)\\w*",
    "(arch_)?(raw_)?atomic(64|_long)?_\\w+", "(arch_)?_{0,2}(test|set|clear|change)_(and_\\w+_)?bit\\w*", "_{0,2}refcount_\\w+", "kref_\\w+", "ref_tracker_\\w+", "_{0,2}(read|write)_once\\w*", "read_word_at_a_time", "read_pnet",
    "_{0,2}flush_work(queue)?\\w*", "(drain|destroy)_workqueue", "_{0,2}cancel_work\\w*", "insert_work", "_{0,2}queue_(work|delayed_work)\\w*", "(re)?move_wait_queue_locked", "finish_wait", "(do_)?wait_for_(common|completion)\\w*",
    "_{0,2}(kvfree_)?call_rcu\\w*", "bust_spinlocks", "_{0,2}indirect_thunk\\w*", "__x86_(indirect|return)\\w*", "(retbleed|srso)_\\w+", "__builtin\\w+", "_{0,2}irq_\\w*restore",
    /* whatever is built on an allocator, a copy, a string or a counter is no better than that */
    "\\w*k?v?[mzc]alloc(_\\w+)?", "\\w*krealloc\\w*", "\\w*kmem_cache\\w*", "\\w*(alloc_pages?|folio_alloc|alloc_folio)\\w*", "\\w*mem(cpy|set|cmp|chr|move|dup)(_\\w+)?", "\\w*str(n|l|s)?(cmp|cpy|scpy|len|str|chr|dup)(_\\w+)?", "str(n)?case\\w*",
    "\\w*copy_(page_|folio_)?(to|from)_(user|iter)\\w*", "_{0,2}(get|put)_user\\w*", "\\w*_get_user_\\w+", "\\w*printk\\w*", "k?v?as?n?printf", "\\w*s[cn]*printf", "\\w*dev_(info|notice|warn|err|alert|crit|emerg)\\w*",
    "\\w*list_(add|del|replace|move|splice)\\w*", "\\w*atomic(64)?_(dec|inc|read|set|or|xor|and|add|sub|fetch|xchg|cmpxchg|try)\\w*", "\\w*ref_tracker\\w*", "\\w*_held_locks", "seqprop_assert", "\\w*local_bh_(en|dis)able\\w*", "__wake_up\\w*", "complete(_all)?",
    "osq_\\w+", "\\w*spin_(un|try)?lock\\w*", "\\w*(read|write)_(un|try)?lock(_\\w+)?", "down_trylock", "\\w*(trace|lockdep)_(hard|soft)irq\\w*", "owner_on_cpu", "mutex_(remove|add)_waiter",
    "(__raw_)?(ioread|iowrite)(8|16|32|64)\\w*", "\\w*(read|write)[bwlq]", "logic_(in|out)\\w+", "(__)?crc\\d+\\w*", "crc_itu_t\\w*", "print_hex_dump\\w*",
    "xas_(start|load|find\\w*|descend|next\\w*)", "ida_(free|destroy)", "find_lock_entries", "truncate_inode_pages_range", "_{0,2}filemap_get_folio\\w*", "find_or_create_page", "pagecache_get_page", "grab_cache_page_write_begin", "do_read_cache_(folio|page)", "read_cache_page\\w*",
    "_{0,2}kfree_skb\\w*", "ihold", "iput_final", "_{0,2}(try_to_)?del_timer\\w*", "timer_delete\\w*", "_{0,2}timer_delete_sync", "try_to_grab_pending", "_{0,2}cancel_(delayed_)?work_\\w+", "queue_delayed_work_on", "_{0,2}queue_work(_on)?", "kthread_stop\\w*",
    /* messengers of warnings, and clean-up that only trips over what others left */
    "sysfs_(remove|create)_\\w+", "dpm_sysfs_\\w+", "add_uevent_var", "kobject_\\w+", "device_(del|add|remove\\w*|unregister|register|destroy|release)", "get_device_parent", "devres_release_all", "hwrng_unregister", "tty_unregister_device", "dummy_urb_enqueue", "rollback_registered\\w*", "unregister_netdev(ice)?(_many|_queue)?\\w*", "i2c_del_adapter", "i2c_unregister_device", "__unregister_(client|dummy)", "device_for_each_child\\w*",
    "usb_kill_\\w+", "usb_(hcd_)?(submit_urb|start_wait_urb|(bulk|interrupt|internal_control|control)_msg\\w*)", "cleanup_srcu_struct\\w*", "mark_buffer_dirty", "fast_dput", "dput", "iput", "folio_unlock", "unlock_page",
};

/* Where the kernel hands over to a system call, a work item, a timer: what stands above tells what
 * was going on. */
static const char *const entries[] = {
    "do_syscall_\\w+", "_{0,2}do_fast_syscall\\w*", "do_int80_syscall\\w*", "x64_sys_call", "ia32_sys_call", "entry_(SYSCALL|INT80|SYSENTER)\\w*", "system_call\\w*", "sysenter_\\w+", "tracesys\\w*",
    "(do_)?el0_svc\\w*", "invoke_syscall", "ret_fast_syscall", "do_trap_ecall_u", "syscall_handler", "__do_syscall", "system_call_(exception|common)",
    "process_one_work", "process_scheduled_works", "worker_thread", "kthread", "ret_from_(fork|kernel)\\w*", "kernel_thread_(helper|starter)", "child_rip", "smpboot_thread_fn",
    "_{0,2}netif_receive_skb\\w*", "process_backlog", "(__)?napi_poll", "net_rx_action", "_{0,2}do_softirq\\w*", "handle_softirqs", "run_ksoftirqd",
    "call_timer_fn", "expire_timers", "__run_timers?", "run_timer_\\w+", "_{0,2}hrtimer_(run|interrupt)\\w*", "_{0,2}run_hrtimer\\w*", "tasklet_action\\w*", "rcu_do_batch", "rcu_core\\w*",
    "_{0,2}irq_exit\\w*", "generic_handle_\\w+", "handle_irq\\w*",
    "(do_)?vfs_ioctl", "ksys_ioctl", "(do_)?_{0,2}vfs_(read|write)", "new_sync_(read|write)", "call_(read|write)_iter", "do_iter_\\w+", "do_loop_readv\\w*", "ksys_(read|write)", "\\w*compat_\\w*ioctl",
    "sock_(sendmsg|recvmsg|write_iter|read_iter|common_setsockopt|common_getsockopt|do_ioctl|ioctl)\\w*", "__sys_(setsockopt|getsockopt|connect)", "do_sock_setsockopt",
    "(rt|nf)?netlink_rcv\\w*", "nfnetlink_rcv\\w*", "genl_\\w*rcv\\w*", "xfrm_(user|netlink)_rcv\\w*", "netlink_dump\\w*", "__netlink_dump_start", "genl_\\w*dumpit\\w*",
    "do_dentry_open", "vfs_open", "do_open", "vfs_mount", "_{2,4}fput", "task_work_run", "exit_to_user\\w*",
    "__do_fault", "mmap_region", "do_one_initcall", "start_kernel", "do_idle", "cpu_startup_entry", "start_secondary",
    "smp_call_function\\w*",
    "vfs_iter_(read|write)\\w*", "vfs_(readv|writev)", "do_(readv|writev)", "blkdev_(driver_)?ioctl", "call_mmap", "do_mmap\\w*", "\\w*compat_ioctl\\w*",
    "_{0,2}sock_release", "sock_mmap", "sk_common_release", "kernel_(setsockopt|listen|accept)", "__sys_(listen|accept4?|socketpair)\\w*", "compat_sock_\\w+", "(__(x64|ia32|arm64|se|do)_)?(compat_)?(sys|SyS|SYSC)_(ioctl|connect|socketpair)",
    "_{0,2}do_page_fault", "page_fault", "tasklet_hi_action\\w*", "hrtimer_run_\\w+",
};

/* Parts of names: scheduler, locks, completions. Tasks wait there; why is further down. */
static const char *const waits[] = {
    "sched", "_lock", "_slowlock", "down", "rwsem", "completion", "kthread", "wait", "synchronize", "context_switch", "__switch_to",
    "cancel_delayed_work", "rcu_barrier", "mutex", "sleep", "_?flush_work", "cancel_work", "do_read_cache_",
    "^sync_(buffer|page)", /* up to 3.0 */
};

/* clang-format on */

static GRegex *
compile_names(const char *const *names, gsize n, const char *before, const char *after)
{
    GString *pattern = g_string_new(before);
    GRegex *regex;
    GError *error = NULL;

    for (gsize i = 0; i < n; i++)
        g_string_append_printf(pattern, "%s%s", i ? "|" : "", names[i]);
    g_string_append(pattern, after);
    regex = g_regex_new(pattern->str, G_REGEX_OPTIMIZE | G_REGEX_RAW | G_REGEX_NO_AUTO_CAPTURE, 0,
                        &error);
    if (!regex)
        g_error("crash: list of functions: %s", error->message);
    g_string_free(pattern, TRUE);
    return regex;
}

gboolean
lab_crash_function_is_common(const char *function)
{
    static gsize regex;

    if (g_once_init_enter(&regex))
        g_once_init_leave(&regex, (gsize)compile_names(common, G_N_ELEMENTS(common), "^(?:", ")$"));
    return g_regex_match((GRegex *)regex, function, 0, NULL);
}

gboolean
lab_crash_function_is_entry(const char *function)
{
    static gsize regex;

    if (g_once_init_enter(&regex))
        g_once_init_leave(&regex,
                          (gsize)compile_names(entries, G_N_ELEMENTS(entries), "^(?:", ")$"));
    return g_regex_match((GRegex *)regex, function, 0, NULL);
}

gboolean
lab_crash_function_waits(const char *function)
{
    static gsize regex;

    if (g_once_init_enter(&regex))
        g_once_init_leave(&regex, (gsize)compile_names(waits, G_N_ELEMENTS(waits), "", ""));
    return g_regex_match((GRegex *)regex, function, 0, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Titles of the table's classes, as kernels from 3.10 on write the reports (the formats are those
 * of the kernel's own sources: arch/, kernel/locking/, mm/kasan/, lib/…).
 */
#include <string.h>

#include "lab-crash.h"
#include "lab-json.h"

#define TASK  "CPU: 0 PID: 77 Comm: cat Not tainted 6.6.9 #1\nHardware name: QEMU\n"
#define TRACE TASK "Call Trace:\n <TASK>\n dump_stack_lvl+0x44/0x5c\n"
/* What stands below the function of interest. */
#define SYSCALL                                                                                \
    " do_syscall_64+0x5b/0xc0\n entry_SYSCALL_64_after_hwframe+0x64/0xce\nRIP: 0033:0x7f00\n " \
    "</TASK>\n"

typedef struct {
    const char *title; /* NULL: no crash */
    const char *type;
    const char *text;
} Row;

static const Row sanitizers[] = {
    /* what scripts/decode_stacktrace.sh makes of it */
    {"KASAN: slab-use-after-free Read in foo_super", "kasan",
     "BUG: KASAN: slab-use-after-free in foo_super (fs/foo/mount.c:286) \nRead of size 8 at addr "
     "ffff88800853aa88 by task cat/77\n\n" TASK "Call Trace:\n <TASK>\ndump_stack_lvl "
     "(lib/dump_stack.c:107) \n? foo_super (fs/foo/mount.c:286) \nprint_report "
     "(mm/kasan/report.c:476) \nkasan_report (mm/kasan/report.c:590) \nfoo_super "
     "(fs/foo/mount.c:286 (discriminator 3)) \nvfs_get_super (fs/super.c:1) \n"},
    {"UBSAN: array-index-out-of-bounds in foo_index", "ubsan",
     "UBSAN: array-index-out-of-bounds in fs/foo.c:12:3\nindex 9 is out of range\n" TRACE
     " ubsan_epilogue+0x1/0x2\n __ubsan_handle_out_of_bounds+0x1/0x2\n "
     "foo_index+0x1/0x2\n" SYSCALL},
    {"UBSAN: undefined-behaviour in foo_add", "ubsan", /* up to 5.2 */
     "UBSAN: Undefined behaviour in fs/foo.c:12:3\nsigned integer overflow:\n" TRACE
     " ubsan_epilogue+0x1/0x2\n handle_overflow+0x1/0x2\n foo_add+0x1/0x2\n" SYSCALL},
    {"KCSAN: assert: race in foo_get / foo_set", "kcsan", /* the line says it all */
     "BUG: KCSAN: assert: race in foo_get+0x1/0x2 / foo_set+0x1/0x2\n"},
    {"KMSAN: uninit-value in foo_fill", "kmsan",
     "BUG: KMSAN: uninit-value in netlink_ack+0x1/0x2\n netlink_ack+0x1/0x2\n "
     "netlink_rcv_skb+0x1/0x2\n foo_fill+0x1/0x2\n\nUninit was created at:\n "
     "slab_alloc_node+0x1/0x2\n foo_alloc+0x1/0x2\n\n" TASK},
    {"KASAN: slab-use-after-free Read in foo_read", "kasan",
     "BUG: KASAN: slab-use-after-free in foo_read+0x1/0x20\nRead of size 8 at addr ffff8880 by "
     "task "
     "cat/77\n\n" TRACE " kasan_report+0xd8/0x110\n foo_read+0x1/0x20\n" SYSCALL
     "Allocated by task 77:\n kasan_save_stack+0x33/0x60\n foo_open+0x1/0x20\n\nFreed by task "
     "78:\n "
     "kasan_save_stack+0x33/0x60\n foo_close+0x1/0x20\n"},
    {"KASAN: vmalloc-out-of-bounds Write in foo_fill", "kasan",
     "BUG: KASAN: vmalloc-out-of-bounds in memset+0x2/0x10\nWrite of size 4096 at addr ffffc900 by "
     "task cat/77\n" TRACE " memset+0x2/0x10\n foo_fill+0x1/0x20\n" SYSCALL},
    {"KASAN: user-memory-access Write in foo_put", "kasan",
     "BUG: KASAN: user-memory-access in foo_put+0x1/0x20\nWrite of size 1 at addr 0000000012345678 "
     "by task cat/77\n" TRACE " foo_put+0x1/0x20\n" SYSCALL},
    {"KASAN: null-ptr-deref Read in foo_get", "kasan",
     "BUG: KASAN: null-ptr-deref in atomic_read include/x.h:26 [inline]\nBUG: KASAN: "
     "null-ptr-deref "
     "in foo_get+0x1/0x20 fs/foo.c:12\nRead of size 4 at addr 0000000000000008 by task "
     "cat/77\n" TRACE " foo_get+0x1/0x20 fs/foo.c:12\n" SYSCALL},
    {"KASAN: invalid-free in foo_close", "kasan",
     "BUG: KASAN: double-free in kfree+0x10/0x20\nFree of addr ffff8880 by task cat/77\n" TRACE
     " kasan_report_invalid_free+0x1/0x2\n kfree+0x10/0x20\n foo_close+0x1/0x20\n" SYSCALL},
    {"KASAN: invalid-access Write in foo_tagged", "kasan",
     "BUG: KASAN: invalid-access in foo_tagged+0x1/0x20\nWrite at addr f7ff000006 by task cat/77\n"
     "Pointer tag: [f7], memory tag: [fe]\n\nCPU: 0 PID: 77 Comm: cat Not tainted 6.6.9\nCall "
     "trace:\n"
     " dump_backtrace+0x94/0xec\n show_stack+0x18/0x24\n foo_tagged+0x1/0x20\n el0_svc+0x1/0x2\n"},
    {"KASAN: use-after-free Read in foo_old", "kasan", /* 4.0 to 4.8 */
     "BUG: KASan: use after free in foo_old+0x1/0x20 at addr ffff8800\nRead of size 8 by task "
     "cat/77\n"
     "BUG kmalloc-32 (Not tainted): kasan: bad access detected\nCPU: 0 PID: 77 Comm: cat\nCall "
     "Trace:\n"
     " [<ffffffff81>] dump_stack+0x19/0x1b\n [<ffffffff82>] foo_old+0x1/0x20\n"},
    {"KMSAN: uninit-value in foo_parse", "kmsan",
     "BUG: KMSAN: uninit-value in foo_parse+0x1/0x20\n foo_parse+0x1/0x20\n foo_write+0x1/0x20\n\n"
     "Uninit was created at:\n slab_post_alloc_hook+0x1/0x2\n foo_alloc+0x1/0x2\n\n" TASK},
    {"KCSAN: data-race in foo_get / foo_set", "kcsan",
     "BUG: KCSAN: data-race in foo_get / foo_set\n\nwrite to 0xffff by task 77 on cpu 0:\n "
     "foo_set+0x1/0x2\n\n" TASK},
    {"KFENCE: use-after-free read in foo_get", "kfence",
     "BUG: KFENCE: use-after-free read in foo_get+0x1/0x20\n\nUse-after-free read at 0xffff (in "
     "kfence-#1):\n foo_get+0x1/0x20\n foo_ioctl+0x1/0x2\n\n" TASK},
    {"UBSAN: shift-out-of-bounds in foo_shift", "ubsan",
     "UBSAN: shift-out-of-bounds in fs/foo.c:12:3\nshift exponent 64 is too large\n" TRACE
     " __ubsan_handle_shift_out_of_bounds+0x1/0x2\n foo_shift+0x1/0x20\n" SYSCALL},
    {"memory leak in foo_setup", "memory-leak",
     "BUG: memory leak\nunreferenced object 0xffff8881 (size 32):\n  comm \"cat\", pid 77, jiffies "
     "1\n"
     "  backtrace:\n    [<00000000>] kmalloc_trace+0x2a/0xe0\n    [<00000000>] foo_setup+0x1/0x20\n"
     "    [<00000000>] do_syscall_64+0x3b/0x90\n"},
};

static const Row faults[] = {
    {"BUG: unable to handle kernel paging request in foo_data", "bad-access", /* MIPS */
     "CPU 0 Unable to handle kernel paging request at virtual address fffffff0, epc == 8003ab3c, "
     "ra == "
     "80036f64\nOops[#1]:\nCPU: 0 PID: 77 Comm: cat Not tainted 3.18.29 #6\n$ 0   : 00000000 "
     "00000015 "
     "00000000 a25b0831\nepc   : 8003ab3c foo_data+0x4/0xc\nra    : 80036f64 "
     "foo_sleep+0x14/0xbc\nCall "
     "Trace:\n[<80036f64>] foo_sleep+0x14/0xbc\n[<80036f65>] foo_work+0x1/0x2\n"},
    {NULL, NULL,
     "The bug tracker moved. See \"kernel BUG at\" in the FAQ for how to report one.\n"},
    /* arm64: alone where the log ends, a panic names it otherwise */
    {"SError Interrupt in foo_write", "bad-access",
     "SError Interrupt on CPU3, code 0xbe000011 -- SError\n" TASK "pc : foo_write+0x20/0x30\nlr : "
     "foo_lock+0x5c/0xb0\nCall trace:\n foo_write+0x20/0x30\n foo_lock+0x5c/0xb0\n"},
    {"kernel panic: Asynchronous SError Interrupt", "panic",
     "SError Interrupt on CPU3, code 0xbe000011 -- SError\n" TASK
     "pc : foo_write+0x20/0x30\nKernel "
     "panic - not syncing: Asynchronous SError Interrupt\n" TASK "Call trace:\n panic+0x1/0x2\n "
     "do_serror+0x1/0x2\n foo_write+0x20/0x30\n"},
    /* two CPUs at once: the lines after the headers tell of one fault */
    {"BUG: unable to handle kernel paging request in foo_remove", "bad-access",
     "[  625.659654] Unable to handle kernel paging request at virtual address 000ee028\n"
     "[  625.659773] Unable to handle kernel paging request at virtual address 000e1028\n"
     "[  625.659788] Internal error: Oops: 96000005 [#1] SMP\n"
     "[  625.659809] CPU: 1 PID: 77 Comm: cat Not tainted 4.4.120 #1\n"
     "[  625.659828] PC is at foo_remove+0x20/0x258\n[  625.659829] Call trace:\n"
     "[  625.659830] foo_remove+0x20/0x258\n[  625.659831] foo_adjust+0x1/0x2\n"},
    /* a log that begins within a report, and is cut in the next */
    {"kernel fault in foo_handler", "fault",
     "[  223.606] GPR12: c000000000ac0cd0 c00000000fab7000 00000f765a3f0728 00007af734010000\n"
     "[  223.606866] NIP [c000000000ac0ce8] foo_handler+0x18/0xf0\n[  223.606954] Call Trace:\n"
     "[  223.606972] [c000003fdc18bc80] [c000000000159400] foo_task+0x160/0x5f0 (unreliable)\n"
     "[  223.607030] [c000003fdc18bd40] [c000000000150aec] foo_new+0x13c/0x310\n"
     "[  223.607287] ---[ end trace 4456a1917aa7e1d7 ]---\n"
     "[  224.411372] Oops: Kernel access of bad area, sig: 11 [#8]\n"
     "[  224.411403] LE SMP NR_CPUS=2048 NUMA PowerNV\n[  224.411434] Modules linked in:\n"},
    {"illegal operation in foo_s390", "trap",
     "illegal operation: 0001 ilc:1 [#1] PREEMPT SMP\nModules linked in:\n" TASK
     "Krnl PSW : 0704c00180000000 0000000000001234 (foo_s390+0x12/0x34)\nCall Trace:\n "
     "[<0000000000012345>] foo_s390+0x12/0x34\n [<0000000000000bbb>] bar+0x1/0x2\n"},
    {"BUG: unable to handle kernel paging request in foo_mips", "bad-access",
     "CPU 0 Unable to handle kernel paging request at virtual address 00000008, epc == 80123456, "
     "ra == 80123400\nOops[#1]:\nCPU: 0 PID: 77 Comm: cat Not tainted 6.6.9 #1\nepc   : 80123456 "
     "foo_mips+0x10/0x40\nra    : 80123400 bar+0x1/0x2\nCall Trace:\n[<80123456>] "
     "foo_mips+0x10/0x40\n[<80123400>] bar+0x1/0x2\n"},
    {"divide error in foo_div", "divide-error", /* 5.8 */
     "divide_error: 0000 [#1] PREEMPT SMP\n" TASK "RIP: 0010:foo_div+0x9/0x50\nCall Trace:\n "
     "bar+0x1/0x2\n" SYSCALL},
    {"kernel BUG in foo_tx", "kernel-bug",
     "kernel BUG at net/core/skbuff.c:2000!\ninvalid opcode: 0000 [#1] SMP\n" TASK
     "RIP: 0010:skb_copy_bits+0x9/0x50\nCall Trace:\n <TASK>\n __skb_linearize+0x1/0x2\n "
     "foo_tx+0x1/0x2\n" SYSCALL},
    {"kernel stack overflow in sys_foo", "stack-overflow",
     "Insufficient stack space to handle exception!\nCPU: 1 PID: 77 Comm: cat Not tainted "
     "6.6.9\npc : foo_deep+0x1/0x40\nlr : bar+0x1/0x2\nKernel panic - not syncing: kernel stack "
     "overflow\nCPU: 1 PID: 77 Comm: cat Not tainted 6.6.9\nCall trace:\n panic+0x1/0x2\n "
     "panic_bad_stack+0x1/0x2\n handle_bad_stack+0x1/0x2\n __bad_stack+0x1/0x2\n "
     "foo_deep+0x1/0x40\n __arm64_sys_foo+0x1/0x2\n invoke_syscall+0x1/0x2\n"},
    {"BUG: unable to handle kernel NULL pointer dereference in foo_read", "null-deref", /* 3.10 */
     "BUG: unable to handle kernel NULL pointer dereference at 0000000000000008\nIP: "
     "[<ffffffff8109>] foo_read+0x9/0x50\nPGD 0 \nOops: 0000 [#1] SMP \nModules linked in: "
     "foo\nCPU: 22 "
     "PID: 269 Comm: kswapd0 Not tainted 3.10.0-862.el7.x86_64 #1\nRIP: 0010:[<ffffffff8109>]  "
     "[<ffffffff8109>] foo_read+0x9/0x50\nRSP: 0018:ffff88\nCall Trace:\n [<ffffffff811d>] "
     "bar+0x41/0x160\nCode: 00\nRIP  [<ffffffff8109>] foo_read+0x9/0x50\n RSP <ffff88>\n"},
    {"BUG: unable to handle kernel NULL pointer dereference in foo_read", "null-deref", /* 6.x */
     "BUG: kernel NULL pointer dereference, address: 0000000000000008\n#PF: supervisor read access "
     "in "
     "kernel mode\nOops: Oops: 0000 [#1] PREEMPT SMP NOPTI\n" TASK "RIP: 0010:foo_read+0x9/0x50\n"
     "Call Trace:\n <TASK>\n ? __die_body.cold+0x19/0x27\n bar+0x1/0x2\n" SYSCALL},
    {"BUG: unable to handle kernel paging request in foo_read", "bad-access",
     "BUG: unable to handle page fault for address: ffffc90000000000\nOops: Oops: 0002 [#1] "
     "SMP\n" TASK
     "RIP: 0010:foo_read+0x9/0x50 [foo]\nCall Trace:\n <TASK>\n bar+0x1/0x2\n" SYSCALL},
    {"BUG: unable to handle kernel paging request in foo_read", "bad-access", /* arm64 */
     "Unable to handle kernel write to read-only memory at virtual address ffff800008\nMem abort "
     "info:\n"
     "Internal error: Oops: 000000009600004f [#1] SMP\nCPU: 1 PID: 77 Comm: cat Not tainted "
     "6.6.9\npc : "
     "foo_read+0x10/0x20\nlr : bar+0x1/0x2\nsp : ffff80\nx29: ffff80 x28: 0\nCall trace:\n "
     "foo_read+0x10/0x20\n bar+0x1/0x2\n el0_svc+0x1/0x2\n"},
    {"BUG: unable to handle kernel NULL pointer dereference in foo_ppc", "null-deref", /* POWER */
     "BUG: Kernel NULL pointer dereference on read at 0x00000008\nFaulting instruction address: "
     "0xc0000\n"
     "Oops: Kernel access of bad area, sig: 11 [#1]\n" TASK "NIP:  c00000 LR: c00000 CTR: 000\nNIP "
     "[c000000000123456] foo_ppc+0x1/0x20\nLR [c000000000123457] bar+0x1/0x2\nCall Trace:\n"
     "[c000000001234560] [c000000000123456] foo_ppc+0x1/0x20 (unreliable)\n[c000000001234570] "
     "[c000000000123457] bar+0x1/0x2\n"},
    {"BUG: unable to handle kernel access to user memory in schedule_tail",
     "bad-access", /* riscv */
     "Unable to handle kernel access to user memory without uaccess routines at virtual address "
     "00000000\nOops [#1]\nCPU: 1 PID: 77 Comm: cat Not tainted 6.6.9\nepc : "
     "schedule_tail+0x72/0xb2\n"
     " ra : x+0x1/0x2\n[<ffffffff80>] schedule_tail+0x72/0xb2\nCall Trace:\n[<ffffffff80>] "
     "schedule_tail+0x72/0xb2\n[<ffffffff81>] ret_from_exception+0x0/0x10\n"},
    {"general protection fault in foo_read", "gpf",
     "Oops: general protection fault, probably for non-canonical address 0xdffffc0000000002: 0000 "
     "[#1] "
     "PREEMPT SMP KASAN\nKASAN: null-ptr-deref in range [0x10-0x17]\n" TASK
     "RIP: 0010:foo_read+0x9/0x50\nCall Trace:\n <TASK>\n bar+0x1/0x2\n" SYSCALL},
    {"divide error in foo_div", "divide-error",
     "Oops: divide error: 0000 [#1] PREEMPT SMP\n" TASK "RIP: 0010:foo_div+0x9/0x50\nCall Trace:\n "
     "<TASK>\n bar+0x1/0x2\n" SYSCALL},
    {"int3 in foo_trap", "trap",
     "int3: 0000 [#1] SMP PTI\n" TASK "RIP: 0010:foo_trap+0x9/0x50\nCall Trace:\n bar+0x1/0x2\n"},
    {"BUG: stack guard page was hit in foo_deep", "stack-overflow",
     "BUG: TASK stack guard page was hit at ffffc9 (stack is ffffc8..ffffc9)\nstack guard page: "
     "0000 "
     "[#1] SMP\n" TASK
     "RIP: 0010:foo_deep+0x9/0x50\nCall Trace:\n <TASK>\n foo_deep+0x1/0x50\n" SYSCALL},
    {"kernel BUG in foo_check", "kernel-bug",
     "------------[ cut here ]------------\nkernel BUG at fs/foo.c:123!\nOops: invalid opcode: "
     "0000 [#1] "
     "SMP\n" TASK "RIP: 0010:foo_check+0x9/0x50\nCall Trace:\n <TASK>\n bar+0x1/0x2\n" SYSCALL},
    {"BUG: corrupted list in foo_del", "list-corruption",
     "list_del corruption. prev->next should be ffff, but was 0000\n------------[ cut here "
     "]-----------"
     "-\nkernel BUG at lib/list_debug.c:62!\ninvalid opcode: 0000 [#1] SMP\n" TASK
     "RIP: 0010:__list_del_entry_valid_or_report+0x9/0x50\nCall Trace:\n <TASK>\n "
     "foo_del+0x1/0x2\n" SYSCALL},
    {"BUG: bad usercopy in foo_copy", "usercopy",
     "usercopy: Kernel memory exposure attempt detected from SLUB object 'x' (offset 0, size 9)!\n"
     "kernel BUG at mm/usercopy.c:102!\ninvalid opcode: 0000 [#1] SMP\n" TASK
     "RIP: 0010:usercopy_abort+0x9/0x50\nCall Trace:\n <TASK>\n __check_heap_object+0x1/0x2\n "
     "__check_object_size+0x1/0x2\n foo_copy+0x1/0x2\n" SYSCALL},
    {"kernel BUG in foo_str", "kernel-bug",
     "detected buffer overflow in strlen\nkernel BUG at lib/string.c:1064!\ninvalid opcode: 0000 "
     "[#1]\n" TASK
     "RIP: 0010:fortify_panic+0xf/0x20\nCall Trace:\n <TASK>\n foo_str+0x1/0x2\n" SYSCALL},
    {"attempt to divide by zero in <foo::Bar as kernel::Op>::go", "rust-panic",
     "rust_kernel: panicked at drivers/foo.rs:12:5:\nattempt to divide by zero\n------------[ cut "
     "here "
     "]------------\nkernel BUG at rust/helpers/bug.c:7!\nOops: invalid opcode: 0000 [#1] "
     "SMP\n" TASK "RIP: 0010:rust_helper_BUG+0x8/0x10\nCall Trace:\n <TASK>\n "
     "_RNvNtCs1_4core9panicking9panic_fmt+0x1/0x2\n "
     "_RNvXCs2_3fooNtB2_3BarNtCs3_6kernel2Op2go+0x1/0x2\n" SYSCALL},
};

static const Row hangs[] = {
    {"INFO: task hung in foo_commit", "hung-task", /* modules up to 2.6.19 */
     "INFO: task cat:77 blocked for more than 120 seconds.\nCall Trace:\n [<ffffffff88582f6d>] "
     ":foo:foo_commit+0x191/0x1068\n [<ffffffff80032974>] kthread+0xfe/0x132\n "
     "[<ffffffff8005dfb1>] child_rip+0xa/0x11\n"},
    /* POWER */
    {"BUG: hard lockup in foo_spin", "hard-lockup",
     "[ 2020.139747] Watchdog CPU:71 detected Hard LOCKUP other CPUS:42\n[ 2020.139931] Watchdog "
     "CPU:42 Hard LOCKUP\n[ 2020.139965] CPU: 42 PID: 77 Comm: cat Not tainted 4.15.0 #16\n[ "
     "2020.139967] NIP [c0000000001d5364] foo_spin+0xd4/0x1b0\n[ 2020.139968] LR "
     "[c0000000001d5340] "
     "foo_wait+0xb0/0x1b0\n[ 2020.139969] Call Trace:\n[ 2020.139970] [c000200dc242f360] "
     "[c0000000001d5340] foo_spin+0xb0/0x1b0 (unreliable)\n[ 2020.139971] [c000200dc242f3c0] "
     "[c00000000000b184] system_call+0x58/0x6c\n"},
    /* up to 4.3 */
    {"BUG: hard lockup in foo_spin", "hard-lockup",
     "WARNING: CPU: 3 PID: 0 at /build/linux/kernel/watchdog.c:265 "
     "watchdog_overflow_callback+0x98/0xc0()\nWatchdog detected hard LOCKUP on cpu 3\nModules "
     "linked "
     "in: foo\n" TASK "Call Trace:\n <NMI>  [<ffffffff8150b4c5>] dump_stack+0x41/0x51\n "
     "[<ffffffff81067767>] warn_slowpath_common+0x77/0x90\n [<ffffffff810fccd8>] "
     "watchdog_overflow_callback+0x98/0xc0\n [<ffffffff81510d5b>] end_repeat_nmi+0x1e/0x2e\n "
     "<<EOE>>  "
     "[<ffffffffa0000001>] foo_spin+0x1/0x2 [foo]\n [<ffffffff815126bc>] "
     "system_call_fastpath+0x16/0x1b\n"},
    /* ARM's unwinder announces no trace */
    {"INFO: task hung in foo_writepages", "hung-task",
     "INFO: task cat:77 blocked for more than 120 seconds.\n      Not tainted 4.14.9 #1\ncat D    "
     "0 "
     "77 2 0x0\nWorkqueue: foo foo_fn\n[<80776000>] (__schedule) from [<80777000>] "
     "(schedule+0x50/0xa8)\n"
     "[<80777000>] (schedule) from [<80778000>] (io_schedule+0x20/0x40)\n[<80778000>] "
     "(io_schedule) from "
     "[<80779000>] (__lock_page+0x1/0x2)\n[<80779000>] (__lock_page) from [<7f4b0000>] "
     "(foo_writepages+0x8/0xe "
     "[foo])\n"},
    {"BUG: soft lockup in foo_timer", "soft-lockup", /* within an interrupt */
     "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [cat:77]\nModules linked in:\n" TASK
     "RIP: 0010:kfree+0x1/0x2\nCall Trace:\n <IRQ>\n foo_timer+0x1/0x2\n call_timer_fn+0x1/0x2\n "
     "__run_timers+0x1/0x2\n sysvec_apic_timer_interrupt+0x1/0x2\n </IRQ>\n <TASK>\n "
     "asm_sysvec_apic_timer_interrupt+0x1/0x2\n innocent+0x1/0x2\n" SYSCALL},
    {"BUG: soft lockup in sys_foo", "soft-lockup", /* an allocator is not what tells */
     "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [cat:77]\nModules linked in:\n" TASK
     "RIP: 0010:__slab_free+0x1/0x2\nCall Trace:\n <TASK>\n kfree+0x1/0x2\n bar+0x1/0x2\n "
     "__x64_sys_foo+0x1/0x2\n" SYSCALL},
    {"BUG: workqueue leaked lock or atomic in foo_work", "workqueue-leak",
     "BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000000/77\n     last function: "
     "foo_work\n1 lock held by kworker/0:1/77:\n"},
    {"BUG: workqueue leaked atomic, lock or RCU in foo_work", "workqueue-leak", /* 6.10 */
     "BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[77]\n     preempt=0x00000001 "
     "lock=0->0 RCU=0->0 workfn=foo_work\n"},
    {"BUG: soft lockup in foo_spin", "soft-lockup", /* 3.10 */
     "BUG: soft lockup - CPU#0 stuck for 22s! [cat:77]\nModules linked in:\nCPU: 0 PID: 77 Comm: "
     "cat Not "
     "tainted 3.10.0-1160.el7.x86_64 #1\nRIP: 0010:[<ffffffff81>]  [<ffffffff81>] "
     "native_safe_halt+0x1/0x2\n"
     "Call Trace:\n [<ffffffff82>] foo_spin+0x1/0x20\n [<ffffffff83>] "
     "system_call_fastpath+0x16/0x1b\n"},
    {"BUG: hard lockup in foo_ioctl", "hard-lockup",
     "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1\n" TASK
     "RIP: 0010:foo_loop+0x1/0x2\nCall "
     "Trace:\n <NMI>\n </NMI>\n <TASK>\n foo_loop+0x1/0x2\n foo_ioctl+0x1/0x2\n "
     "vfs_ioctl+0x1/0x2\n" SYSCALL},
    {"INFO: rcu detected stall in sys_foo", "rcu-stall",
     "rcu: INFO: rcu_preempt self-detected stall on CPU\nrcu: \t0-....: (1 GPs behind)\nNMI "
     "backtrace for "
     "cpu 0\n" TASK "RIP: 0010:bar+0x1/0x2\nCall Trace:\n <IRQ>\n rcu_sched_clock_irq+0x1/0x2\n "
     "sysvec_apic_timer_interrupt+0x1/0x2\n </IRQ>\n <TASK>\n "
     "asm_sysvec_apic_timer_interrupt+0x1/0x2\nRIP: "
     "0010:bar+0x1/0x2\n bar+0x9/0x20\n __x64_sys_foo+0x1/0x2\n" SYSCALL},
    {"INFO: task hung in foo_it", "hung-task",
     "INFO: task cat:77 blocked for more than 122 seconds.\n      Not tainted 6.6.9 #1\ntask:cat "
     "state:D "
     "stack:0 pid:77\nCall Trace:\n <TASK>\n __schedule+0x1/0x2\n schedule+0x1/0x2\n "
     "schedule_preempt_disabled+0x1/0x2\n __mutex_lock.constprop.0+0x1/0x2\n "
     "foo_it+0x1/0x2\n" SYSCALL},
    {"INFO: task hung in foo_read", "hung-task", /* 6.16: who holds the lock */
     "INFO: task cat:77 blocked for more than 122 seconds.\n      Not tainted 6.16.0 #1\nCall "
     "Trace:\n "
     "<TASK>\n __schedule+0x1/0x2\n schedule+0x1/0x2\n __mutex_lock+0x1/0x2\n "
     "foo_read+0x1/0x2\n" SYSCALL "INFO: task cat:77 is blocked on a mutex likely owned by task "
     "dd:78.\ntask:dd state:D\nCall Trace:\n "
     "<TASK>\n __schedule+0x1/0x2\n other+0x1/0x2\n"},
    {"BUG: workqueue lockup", "workqueue-lockup",
     "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 33s!\nShowing busy "
     "workqueues and worker pools:\n"},
    {"kernel panic: NMI: Not continuing", "nmi",
     "NMI: PCI system error (SERR) for reason a1 on CPU 0.\nKernel panic - not syncing: NMI: Not "
     "continuing\nCPU: 0 PID: 0 Comm: swapper/0\nCall Trace:\n panic+0x1/0x2\n"},
};

static const Row locks[] = {
    {"WARNING: suspicious RCU usage in foo_features", "rcu-usage", /* decoded, its end cut off */
     "WARNING: suspicious RCU usage\n6.3.0 #2 Not tainted\nfs/foo.c:12 suspicious "
     "rcu_dereference_check() usage!\nstack backtrace:\n" TASK
     "Call Trace:\n <TASK>\ndump_stack_lvl "
     "(lib/dump_stack.c:107) \nlockdep_rcu_suspicious (./include/linux/context_tracking.h:152) \n"
     "foo_features (fs/foo.c:12 (discrimin\n"},
    {"BUG: scheduling while atomic in foo_set", "atomic-sleep", /* … from a module to a module */
     "BUG: scheduling while atomic: cat/77/0x00000202\n[<8057c764>] (schedule) from [<8057eefc>] "
     "(schedule_timeout+0x10c/0x16c)\n[<8057eefc>] (schedule_timeout) from [<7f0d0248>] "
     "(foo_set+0xd8/0x144 [foo])\n[<7f0d0248>] (foo_set [foo]) from [<7f0d04ac>] "
     "(foo_packet+0xc8/0x258 [foo])\n"},
    {"BUG: scheduling while atomic in foo_rx", "atomic-sleep", /* ARM */
     "BUG: scheduling while atomic: cat/77/0x00000202\nModules linked in:\nCPU: 0 PID: 77 Comm: "
     "cat "
     "Not tainted 4.9.84 #1\nHardware name: foo\n[<c0011725>] (unwind_backtrace) from [<c000fdcf>] "
     "(show_stack+0xb/0xc)\n[<c000fdcf>] (show_stack) from [<c002d2ab>] "
     "(__schedule_bug+0x3f/0x60)\n"
     "[<c002d2ab>] (__schedule_bug) from [<c02441f5>] (__schedule+0x29/0x284)\n[<c02441f5>] "
     "(__schedule) from [<bfb5a1c1>] (foo_rx+0x70/0xd8 [foo])\n"},
    {"BUG: rwlock bad magic in foo_write", "spinlock",
     "BUG: rwlock bad magic on CPU#0, cat/77, ffff8880\n" TRACE
     " rwlock_bug+0x1/0x2\n do_raw_write_lock+0x1/0x2\n foo_write+0x1/0x2\n" SYSCALL},
    {"INFO: trying to register non-static key in foo_init", "lock-key",
     "INFO: trying to register non-static key.\nThe code is fine but needs lockdep "
     "annotation\n" TRACE
     " register_lock_class+0x1/0x2\n __lock_acquire+0x1/0x2\n foo_lock_it+0x1/0x2\n "
     "foo_init+0x1/0x2\n" SYSCALL},
    {"possible deadlock in foo_lock_it", "deadlock",
     "WARNING: possible circular locking dependency detected\n6.6.9 #1 Not tainted\ncat/77 is "
     "trying to "
     "acquire lock:\nffff8880 (&a){+.+.}-{3:3}, at: foo_lock_it+0x1/0x2\n\nbut task is already "
     "holding "
     "lock:\nffff8881 (&b){+.+.}-{3:3}, at: foo_hold_it+0x1/0x2\n\nwhich lock already depends on "
     "the new "
     "lock.\n\nstack backtrace:\n" TRACE " __lock_acquire+0x1/0x2\n foo_lock_it+0x1/0x2\n" SYSCALL},
    {"possible deadlock in foo_again", "deadlock", /* 3.x, 4.x */
     "[ INFO: possible recursive locking detected ]\n3.10.0 #1 Not tainted\ncat/77 is trying to "
     "acquire "
     "lock:\n (&a){+.+.+.}, at: [<ffffffff81>] foo_again+0x1/0x2\n\nbut task is already holding "
     "lock:\n "
     "(&a){+.+.+.}, at: [<ffffffff82>] foo_first+0x1/0x2\nstack backtrace:\nCPU: 0 PID: 77 Comm: "
     "cat\nCall "
     "Trace:\n [<ffffffff81>] dump_stack+0x19/0x1b\n"},
    {"possible deadlock in foo_irq", "deadlock",
     "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected\ncat/77 is trying to "
     "acquire:\nffff "
     "(&b){+.+.}, at: foo_b+0x1/0x2\n\nand this task is already holding:\nffff (&a){+.-.}, at: "
     "foo_a+0x1/0x2\n\n... which became SOFTIRQ-irq-safe at:\n  lock_acquire+0x1/0x2\n  "
     "_raw_spin_lock+0x1/0x2\n  foo_irq+0x1/0x2\n\nto a SOFTIRQ-irq-unsafe lock:\n\nstack "
     "backtrace:\n" TRACE " __lock_acquire+0x1/0x2\n foo_b+0x1/0x2\n" SYSCALL},
    {"inconsistent lock state in foo_take", "lock-state",
     "WARNING: inconsistent lock state\ninconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} "
     "usage.\ncat/77 "
     "[HC0[0]:SC1[1]:HE1:SE0] takes:\nffff (&a){+.?.}-{2:2}, at: foo_take+0x1/0x2\n{SOFTIRQ-ON-W} "
     "state was "
     "registered at:\n  lock_acquire+0x1/0x2\n  other+0x1/0x2\nstack backtrace:\n" TRACE
     " foo_take+0x1/0x2\n" SYSCALL},
    {"WARNING: locking bug in foo_wait", "lock-context",
     "[ BUG: Invalid wait context ]\n6.6.9 #1 Not tainted\ncat/77 is trying to lock:\nffff "
     "(&a){....}-{3:3},"
     " at: foo_wait+0x1/0x2\nstack backtrace:\n" TRACE
     " __lock_acquire+0x1/0x2\n lock_acquire+0x1/0x2\n "
     "foo_wait+0x1/0x2\n" SYSCALL},
    {"WARNING: suspicious RCU usage in foo_deref", "rcu-usage",
     "WARNING: suspicious RCU usage\n6.6.9 #1 Not tainted\nfs/foo.c:12 suspicious "
     "rcu_dereference_check() "
     "usage!\nstack backtrace:\n" TRACE
     " lockdep_rcu_suspicious+0x1/0x2\n foo_deref+0x1/0x2\n" SYSCALL},
    {"WARNING: lock held when returning to user space in foo_open", "lock-held",
     "WARNING: lock held when returning to user space!\n6.6.9 #1 Not tainted\ncat/77 is leaving "
     "the kernel "
     "with locks still held!\n1 lock held by cat/77:\n #0: ffff (&a){+.+.}-{3:3}, at: "
     "foo_open+0x1/0x2\n"},
    {"WARNING: still has locks held in foo_open", "lock-held",
     "WARNING: cat/77 still has locks held!\n6.6.9 #1 Not tainted\n1 lock held by cat/77:\n #0: "
     "ffff (&a), "
     "at: foo_open+0x1/0x2\nstack backtrace:\n" TRACE " debug_check_no_locks_held+0x1/0x2\n "
     "foo_exit+0x1/0x2\n" SYSCALL},
    {"BUG: MAX_LOCKDEP_CHAINS too low!", "lockdep-limit",
     "BUG: MAX_LOCKDEP_CHAINS too low!\nturning off\n"},
    {"BUG: spinlock bad magic in foo_init", "spinlock",
     "BUG: spinlock bad magic on CPU#0, cat/77\n lock: 0xffff, .magic: 00000000\n" TRACE
     " do_raw_spin_lock+0x1/0x2\n _raw_spin_lock_irqsave+0x1/0x2\n foo_init+0x1/0x2\n" SYSCALL},
    {"BUG: sleeping function called from invalid context in foo_sleep", "atomic-sleep",
     "BUG: sleeping function called from invalid context at mm/x.c:12\nin_atomic(): 1, "
     "irqs_disabled(): 0\n" TRACE " __might_resched+0x1/0x2\n foo_sleep+0x1/0x2\n" SYSCALL},
    {"BUG: using smp_processor_id() in preemptible code in foo_cpu", "preemption",
     "BUG: using smp_processor_id() in preemptible [00000000] code: cat/77\ncaller is "
     "foo_cpu+0x1/0x2\n" TRACE " check_preemption_disabled+0x1/0x2\n foo_cpu+0x1/0x2\n" SYSCALL},
};

static const Row memory[] = {
    {"BUG: Bad page map", "bad-page-map", /* the header is cut off */
     "[90498.772893] [<8011ab9c>] (print_bad_pte) from [<8011bfbc>] "
     "(foo_page+0x64/0xbc)\n[90498.780771] "
     "[<8011bfbc>] (foo_page) from [<8011c2c4>] (unmap_single_vma+0x2b0/0x588)\n[90498.789083] "
     "[<8011c2c4>] (unmap_single_vma) from [<8011d3c8>] (unmap_vmas+0x64/0x78)\n"},
    {"BUG: Bad page state in foo_xmit", "bad-page",
     "BUG: Bad page state in process cat  pfn:02e44\n" TRACE " bad_page.part.59+0x1/0x2\n "
     "free_pages_prepare+0x1/0x2\n free_compound_page+0x1/0x2\n __put_compound_page+0x1/0x2\n "
     "put_compound_page+0x1/0x2\n put_page+0x1/0x2\n skb_release_data+0x1/0x2\n "
     "consume_skb+0x1/0x2\n dev_kfree_skb_any+0x1/0x2\n foo_xmit+0x1/0x2\n" SYSCALL},
    {"BUG: Bad page state in foo_pages", "bad-page",
     "BUG: Bad page state in process cat  pfn:1a2b3\npage:ffffea00 refcount:0\npage dumped "
     "because: "
     "PAGE_FLAGS_CHECK_AT_FREE flag(s) set\npage_owner tracks the page as allocated\npage last "
     "allocated via "
     "order 0, migratetype Unmovable\n post_alloc_hook+0x1/0x2\n get_page_from_freelist+0x1/0x2\n "
     "__alloc_pages_noprof+0x1/0x2\n alloc_pages_mpol_noprof+0x1/0x2\n foo_pages+0x1/0x2\npage "
     "last free pid 1 "
     "stack trace:\n free_unref_page+0x1/0x2\n victim+0x1/0x2\nModules linked in:\n" TRACE
     " bad_page+0x1/0x2\n free_unref_folios+0x1/0x2\n innocent+0x1/0x2\n" SYSCALL},
    {"BUG: Bad page map", "bad-page-map",
     "BUG: Bad page map in process cat  pte:8000 pmd:1a70\naddr:0000 vm_flags:00100073\n" TRACE
     " print_bad_pte+0x1/0x2\n unmap_page_range+0x1/0x2\n" SYSCALL},
    {"BUG: Bad rss-counter state", "bad-rss",
     "BUG: Bad rss-counter state mm:ffff8880 type:MM_FILEPAGES val:1\n"},
    {"BUG: non-zero pgtables_bytes on freeing mm: NUM", "bad-mm",
     "BUG: non-zero pgtables_bytes on freeing mm: 4096\n"},
    {"BUG: Poison overwritten in foo_alloc", "slab",
     "BUG kmalloc-64 (Tainted: G    B     ): Poison overwritten\n0xffff-0xffff. First byte 0x0 "
     "instead of "
     "0x6b\n" TRACE
     " check_bytes_and_report+0x1/0x2\n check_object+0x1/0x2\n foo_alloc+0x1/0x2\n" SYSCALL},
    {"page allocation failure in foo_rx", "page-alloc-failure",
     "cat: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), "
     "nodemask=(null),cpuset=/\n" TRACE
     " warn_alloc+0x1/0x2\n __alloc_pages_slowpath.constprop.0+0x1/0x2\n __alloc_pages+0x1/0x2\n "
     "foo_rx+0x1/0x2\n" SYSCALL},
    {"general protection fault in foo_crash", "gpf", /* what failed before it is not the cause */
     "cat: page allocation failure: order:4, mode:0x40cc0\n" TRACE " foo_rx+0x1/0x2\n" SYSCALL
     "general protection fault: 0000 [#1] SMP\n" TASK
     "RIP: 0010:foo_crash+0x1/0x2\nCall Trace:\n bar+0x1/0x2\n"},
};

static const Row warnings[] = {
    {"WARNING: bad usercopy in foo_copy", "usercopy",
     "Bad or missing usercopy whitelist? Kernel memory exposure attempt detected from SLUB object "
     "'foo_cache' (offset 4, size 4)!\nCall Trace:\n __check_heap_object+0xb7/0x120\n "
     "__check_object_size+0xdb/0x1b0\n foo_copy+0x4c/0x80\n" SYSCALL},
    {NULL, NULL, "RuntimeError: unexpected state\nWARNING: at least one worker died\n"},
    {"WARNING in foo_free", "warning", /* decoded */
     "WARNING: CPU: 0 PID: 77 at mm/slub.c:3567 kfree (mm/slub.c:3567 mm/slub.c:4558) \nModules "
     "linked in:\n" TASK "RIP: 0010:kfree (mm/slub.c:3567 mm/slub.c:4558) \nCode: ff 49 8b\nCall "
     "Trace:\n <TASK>\nfoo_free (fs/foo.c:12) foo\nfoo_close (fs/foo.c:20) foo\n"},
    {"WARNING: refcount bug in foo_release", "refcount", /* x86, 4.15 to 5.4 */
     "refcount_t hit zero at foo_release+0x2b/0x70 in cat[77], uid/euid: 0/0\nWARNING: CPU: 1 PID: "
     "77 "
     "at kernel/panic.c:681 refcount_error_report+0x9c/0xac\n" TRACE
     " refcount_error_report+0x9c/0xac\n ex_handler_refcount+0x1/0x2\n "
     "foo_release+0x2b/0x70\n" SYSCALL},
    /* the header is cut off */
    {"WARNING in foo_watchdog", "warning",
     "[   18.953351] Modules linked in: foo\n[   18.954653] CPU: 3 PID: 0 Comm: swapper/3 Not "
     "tainted "
     "5.10.17 #1\n[   18.954679] Backtrace: \n[   18.954712] [<c0b63050>] (dump_backtrace) from "
     "[<c0b633e4>] (show_stack+0x20/0x24)\n[   18.954767] [<c0b676a8>] (dump_stack) from "
     "[<c0220bac>] "
     "(__warn+0xfc/0x114)\n[   18.954849] [<c0b63ae8>] (__warn) from [<c0a46634>] "
     "(foo_watchdog+0x308/0x30c)\n[   18.954883] [<c0a4632c>] (foo_watchdog) from [<c02aa600>] "
     "(call_timer_fn+0x40/0x1bc)\n"},
    {"WARNING: bad usercopy in foo_copy", "usercopy",
     "WARNING: CPU: 0 PID: 77 at mm/usercopy.c:75 usercopy_warn+0xe0/0x100\n" TASK
     "RIP: 0010:usercopy_warn+0xe0/0x100\nCall Trace:\n __check_heap_object+0x1/0x2\n "
     "__check_object_size+0x1/0x2\n foo_copy+0x1/0x2\n" SYSCALL},
    {"WARNING: kmalloc bug in foo_big", "kmalloc",
     "WARNING: CPU: 0 PID: 77 at mm/slab_common.c:900 kmalloc_large+0x1/0x2\n" TASK
     "RIP: 0010:kmalloc_large+0x1/0x2\nCall Trace:\n <TASK>\n foo_sock_kmalloc+0x1/0x2\n "
     "foo_big+0x1/0x2\n" SYSCALL},
    {"WARNING in foo_warn", "warning", /* 3.10 */
     "WARNING: at fs/foo.c:12 foo_warn+0x1/0x2()\nModules linked in:\nCPU: 0 PID: 77 Comm: "
     "cat\nCall Trace:\n "
     "[<ffffffff81>] dump_stack+0x19/0x1b\n [<ffffffff81>] warn_slowpath_common+0x61/0x80\n "
     "[<ffffffff81>] "
     "foo_warn+0x1/0x2\n"},
    {"WARNING in foo_warn", "warning", /* 6.18 */
     "WARNING: [!x->ok] fs/foo.c:12 at foo_warn+0x1/0x2, CPU#1: cat/77\n" TASK
     "RIP: 0010:foo_warn+0x1/0x2\n"
     "Call Trace:\n <TASK>\n bar+0x1/0x2\n" SYSCALL},
    {"WARNING: refcount bug in foo_put", "refcount",
     "refcount_t: underflow; use-after-free.\nWARNING: CPU: 0 PID: 77 at lib/refcount.c:28 "
     "refcount_warn_saturate+0xba/0x110\n" TASK
     "RIP: 0010:refcount_warn_saturate+0xba/0x110\nCall Trace:\n "
     "<TASK>\n foo_put+0x1/0x2\n" SYSCALL},
    {"WARNING: ODEBUG bug in foo_free", "odebug",
     "ODEBUG: free active (active state 0) object: ffff object type: work_struct hint: "
     "x+0x0/0x10\nWARNING: "
     "CPU: 0 PID: 77 at lib/debugobjects.c:515 debug_print_object+0x1/0x2\n" TASK
     "RIP: 0010:debug_print_object+0x1/0x2\nCall Trace:\n <TASK>\n "
     "debug_check_no_obj_freed+0x1/0x2\n "
     "kfree+0x1/0x2\n foo_free+0x1/0x2\n" SYSCALL},
    {"WARNING: kmalloc bug in foo_big", "kmalloc",
     "WARNING: CPU: 0 PID: 77 at mm/slub.c:5024 __kvmalloc_node_noprof+0x1/0x2\n" TASK
     "RIP: 0010:__kvmalloc_node_noprof+0x1/0x2\nCall Trace:\n <TASK>\n foo_big+0x1/0x2\n" SYSCALL},
    {"WARNING: proc registration bug in foo_proc", "proc",
     "proc_dir_entry 'foo/bar' already registered\nWARNING: CPU: 0 PID: 77 at "
     "fs/proc/generic.c:381 "
     "proc_register+0x1/0x2\n" TASK "RIP: 0010:proc_register+0x1/0x2\nCall Trace:\n <TASK>\n "
     "proc_create_net_data+0x1/0x2\n foo_proc+0x1/0x2\n" SYSCALL},
    {"WARNING in foo_send/usb_submit_urb", "warning",
     "usb 1-1: BOGUS urb xfer, pipe 3 != type 1\nWARNING: CPU: 0 PID: 77 at "
     "drivers/usb/core/urb.c:503 "
     "usb_submit_urb+0xed2/0x18a0\n" TASK
     "RIP: 0010:usb_submit_urb+0xed2/0x18a0\nCall Trace:\n <TASK>\n "
     "usb_start_wait_urb+0x1/0x2\n usb_bulk_msg+0x1/0x2\n foo_send+0x1/0x2\n" SYSCALL},
    {"WARNING: kernel stack regs has bad value", "unwinder",
     "[    1.500000] WARNING: kernel stack regs at 00000000 in cat:77 has bad 'bp' value "
     "00000000\n"},
};

/* The formats are those of the sources that lab-crash-classes-storage.h names. */
static const Row storage[] = {
    {"EXT4-fs error in ext4_foo", "fs-error",
     "[  9.100000] EXT4-fs error (device vda1): ext4_foo:1607: inode #12: comm cat I/O: deleted "
     "inode referenced: 13\n"},
    {"EXT3-fs error in ext3_foo", "fs-error", /* up to 2.6.35 */
     "EXT3-fs error (device dm-0): ext3_foo: bad entry in directory #2\n"},
    {"EXT4-fs error in ext4_foo_inode", "fs-error",
     "EXT4-fs error (device vda1) in ext4_foo_inode:5752: Journal has aborted\n"},
    {"EXT2-fs error in ext2_foo", "fs-error",
     "EXT2-fs (sda1): error: ext2_foo: deleted inode referenced: 13\n"},
    {"FAT-fs error in fat_foo", "fs-error",
     "FAT-fs (sdb1): error, fat_foo: invalid cluster chain (i_pos 0)\n"},
    {"XFS: Metadata CRC error in xfs_foo_verify", "fs-error",
     "XFS (vda4): Metadata CRC error detected at xfs_foo_verify.part.0+0xe6/0x120 [xfs], xfs_foo "
     "block 0x14 \nXFS (vda4): Unmount and run xfs_repair\n"},
    {"XFS: Metadata corruption", "fs-error", /* a kernel without names */
     "XFS (vda4): Metadata corruption detected at 0xffffffffc0123456, xfs_agf block 0x1\n"},
    {"XFS: Corruption of in-memory data in xfs_foo_finish", "fs-error",
     "XFS (vda4): Corruption of in-memory data (0x8) detected at xfs_foo_finish+0x5a2/0x6a0 [xfs] "
     "(fs/xfs/libxfs/xfs_foo.c:575).  Shutting down filesystem.\n"},
    {"XFS: Internal error in xfs_foo_extent", "fs-error", /* what it leads to is the same */
     "XFS (vda4): Internal error i != 1 at line 2144 of file fs/xfs/libxfs/xfs_alloc.c.  Caller "
     "xfs_foo_extent+0x26/0x80 [xfs]\n" TRACE
     " xfs_corruption_error+0x1/0x2 [xfs]\n xfs_foo_extent+0x1/0x2 [xfs]\n" SYSCALL
     "XFS (vda4): Corruption detected. Unmount and run xfs_repair\n"},
    {"BTRFS error in btrfs_foo", "fs-error",
     "BTRFS: error (device vda2: state A) in btrfs_foo:2150: errno=-5 IO failure\n"},
    {"BTRFS critical: corrupt leaf", "fs-error",
     "BTRFS critical (device vda2): corrupt leaf: root=5 block=30 slot=6, bad key order\n"},
    {"BTRFS error: parent transid verify failed", "fs-error",
     "BTRFS error (device vda2): parent transid verify failed on 12 wanted 3 found 2\n"},
    {"kernel BUG in foo_evict", "kernel-bug", /* the damage is not the cause */
     "EXT4-fs error (device vda1): ext4_foo:12: comm cat: bad\nkernel BUG at fs/foo.c:1!\n" TASK
     "RIP: 0010:foo_evict+0x1/0x2\nCall Trace:\n foo_drop+0x1/0x2\n"},
    {NULL, NULL, /* and those say nothing of this kernel */
     "[    9.100000] EXT4-fs (vda1): error count since last fsck: 5\n[    9.200000] EXT4-fs "
     "(vda1): initial error "
     "at time 1473: ext4_foo:1607: inode 5\n[    9.300000] BTRFS error (device vda2): open_ctree "
     "failed\n"
     "[    9.400000] BTRFS info (device vda2): bdev /dev/vda2 errs: wr 0, rd 0, flush 0\n[    "
     "9.500000] XFS "
     "(vda4): Mounting V5 Filesystem\n[    9.600000] XFS (vda4): Ending clean mount\n"},
    {"SPL PANIC in foo_remove_impl", "zfs-panic",
     "VERIFY3(foo_end(a) >= end) failed (49 >= 50)\nPANIC at foo_tree.c:503:foo_remove_impl()\n"
     "Showing stack for process 77\n" TRACE
     " spl_panic+0xf9/0x110 [spl]\n foo_remove_impl+0x1/0x2 [zfs]\n foo_load+0x1/0x2 [zfs]\n"},
    {"SPL PANIC in foo_pageout", "zfs-panic", /* up to 0.6.3 */
     "VERIFY(!FOO_HELD(l)) failed\nSPLError: 1942:0:(foo.c:444:foo_pageout()) SPL PANIC\n"},
    {"SPL PANIC: zfs: adding existent segment to foo tree", "zfs-panic",
     "PANIC: zfs: adding existent segment to foo tree (offset=4000 size=2000)\nShowing stack for "
     "process 77\n" TRACE " vcmn_err+0x1/0x2 [spl]\n foo_add+0x1/0x2 [zfs]\n"},
    {"WARNING in dev_watchdog", "warning", /* no names in the kernel */
     "WARNING: CPU: 0 PID: 0 at net/sched/sch_generic.c:320 0x8038b2f0\nNETDEV WATCHDOG: eth0 "
     "(foo): transmit queue 0 timed out\nModules linked in:\n"},
    {"NETDEV WATCHDOG: transmit queue timed out", "netdev-watchdog", /* from 6.8 */
     "[    9.100000] foo_eth 1e10.ethernet eth0: NETDEV WATCHDOG: CPU: 1: transmit queue 4 timed "
     "out 5190 "
     "ms\n"},
};

static const Row panics[] = {
    /* the function that the header names is the victim, whatever it is */
    {"kernel panic: stack is corrupted in __schedule", "panic",
     "[  T463] Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
     "__schedule+0xb60/0xb68\n" TRACE " panic+0x1/0x2\n foo_next+0x0/0x74\n"},
    /* syslogd told all terminals first */
    {"Unhandled fault in foo_read", "bad-access",
     "Message from syslogd@host at Jul  7 00:27:08 ...\n kernel:[  233.001921] Internal error: : "
     "96000210 [#1] SMP\nJul  7 00:27:08 host kernel: [  233.001042] Unhandled fault: synchronous "
     "external abort (0x96000210) at 0xffffff80096c61b0\nJul  7 00:27:08 host kernel: [  "
     "233.001921] "
     "Internal error: : 96000210 [#1] SMP\nJul  7 00:27:08 host kernel: [  233.004571] CPU: 0 PID: "
     "77 "
     "Comm: cat Not tainted 4.4.167 #1\nJul  7 00:27:08 host kernel: [  233.006631] PC is at "
     "foo_read+0x70/0x98\nJul  7 00:27:08 host kernel: [  233.007081] Call trace:\n"
     "Jul  7 00:27:08 host kernel: [  233.008000] foo_read+0x70/0x98\n"},
    {"kernel panic: Attempted to kill init!", "panic", /* ARM up to 3.12 */
     "Kernel panic - not syncing: Attempted to kill init!\n[<80014428>](unwind_backtrace+0x0/0xf8) "
     "from [<803643a8>](panic+0x84/0x1dc)\n[<803643a8>](panic+0x84/0x1dc) from [<80025de8>]"
     "(do_exit+0x700/0x7cc)\n"},
    {"kernel panic: CPU context corrupt", "panic", /* 2.4 */
     "Jul  9 12:19:41 h kernel: CPU 0: Machine Check Exception: 0000000000000004\n"
     "Jul  9 12:19:41 h kernel: Bank 4: b604a00100000813 at 000000007e4f2f68\n"
     "Jul  9 12:19:41 h kernel: Kernel panic: CPU context corrupt\n"},
    {NULL, NULL, "Kernel panic: what to do\n\nRestart the machine.\n"},
    {"kernel panic: VFS: Unable to mount root fs on unknown-block(NUM,NUM)", "panic",
     "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---\n" TRACE
     " foo+0x1/0x2\n"},
    {"kernel panic: Couldn't open N_TTY ldisc", "panic",
     "Kernel panic - not syncing: Couldn't open N_TTY ldisc for ptm1 --- error -12.\n" TRACE},
    {"unexpected kernel reboot", "reboot",
     "[    0.000000] Linux version 6.6.9 (x) #1\n[   10.000000] works\n[   11.000000] well\nearly "
     "console in setup code\nBooting the kernel.\n"},
    {NULL, NULL, /* the first start */
     "SeaBIOS (version 1.16)\niPXE\nBooting from ROM..\nBooting the kernel.\n[    0.000000] Linux "
     "version 6.6.9 (x) #1\n[   10.000000] works\n"},
    {NULL, NULL,
     "$ echo 'Kernel panic - not syncing: test' >/dev/kmsg\n+ grep 'kernel BUG at' log\nINFO: "
     "Downloading\nWARNING: The following packages cannot be authenticated!\n"},
    {NULL, NULL,
     "[   12.000000] traps: a.out[77] general protection fault ip:7f00 sp:7ffe error:0 in "
     "libc.so\n[   15.000000] INFO: NMI handler (perf_event_nmi_handler) took too long to run\n"
     "[   16.000000] traps: a.out[78] trap divide error ip:40 sp:7f error:0 in a.out\n"},
    {"kernel panic: stack is corrupted in foo_smash", "panic",
     "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
     "foo_smash+0x1/0x2\n"},
    {"kernel panic: Attempted to kill init!", "panic",
     "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n" TRACE
     " panic+0x1/0x2\n"},
    {"kernel panic: VFS: Unable to mount root fs on unknown-block(NUM,NUM)", "panic",
     "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n" TRACE},
    {"kernel panic: Fatal machine check", "machine-check",
     "mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 0\nKernel panic - not syncing: "
     "Fatal "
     "machine check on current CPU\n"},
    {"WARNING in foo_warn", "warning", /* the panic repeats its cause */
     "WARNING: CPU: 0 PID: 77 at fs/foo.c:12 foo_warn+0x1/0x2\nKernel panic - not syncing: kernel: "
     "panic_on_warn set ...\n" TRACE
     " panic+0x1/0x2\n __warn+0x1/0x2\n foo_warn+0x1/0x2\n" SYSCALL},
    {"VFS: Busy inodes after unmount (use-after-free)", "vfs",
     "VFS: Busy inodes after unmount of sda1. Self-destruct in 5 seconds.  Have a nice day...\n"},
    {"unregister_netdevice: waiting for DEV to become free", "netdev",
     "unregister_netdevice: waiting for lo to become free. Usage count = 2\n"},
    {"unexpected kernel reboot", "reboot",
     "[    0.000000] Linux version 6.6.9 (x) #1\n[   10.000000] works\n[    0.000000] Linux "
     "version 6.6.9 "
     "(x) #1\n[    0.000000] Command line: console=ttyS0\n"},
    {NULL, NULL, /* a capture kernel */
     "[    0.000000] Linux version 6.6.9 (x) #1\n[   10.000000] works\n[    0.000000] Linux "
     "version 6.6.9 "
     "(x) #1\n[    0.000000] Command line: elfcorehdr=0x10000000 console=ttyS0\n"},
    {NULL, NULL, "WARNING: not the kernel's words\n"},
    {NULL, NULL, "fatal error: stdio.h: No such file or directory\ncompilation terminated.\n"},
    {NULL, NULL, "[    2.000000] INFO: everything is well\n"},
};

static void
test_rows(const Row *rows, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(rows[i].text, strlen(rows[i].text));

        g_test_message("%.60s", rows[i].text);
        if (!rows[i].title) {
            g_assert_null(log->cause);
            continue;
        }
        g_assert_nonnull(log->cause);
        g_assert_cmpstr(log->cause->title, ==, rows[i].title);
        g_assert_cmpstr(log->cause->type, ==, rows[i].type);
        g_assert_false(log->cause->corrupted);
    }
}

/* What the network's watchdog found is one bug, as whatever kernel writes it. */
static void
test_watchdogs(void)
{
    static const char *const texts[] = {
        "WARNING: CPU: 0 PID: 0 at net/sched/sch_generic.c:477 dev_watchdog+0x2d4/0x2dc\n" TRACE
        " dev_watchdog+0x2d4/0x2dc\n call_timer_fn+0x1/0x2\n",
        "WARNING: CPU: 0 PID: 0 at net/sched/sch_generic.c:320 0x8038b2f0\n",
        "foo 1e10.ethernet eth0: NETDEV WATCHDOG: CPU: 1: transmit queue 4 timed out 5190 ms\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(texts[i], strlen(texts[i]));

        g_assert_nonnull(log->cause);
        g_assert_true(g_strv_contains((const char *const *)log->cause->alternatives,
                                      "transmit queue timed out"));
    }
}

/* What is left of a report is not to be trusted. */
static void
test_cut(void)
{
    static const char *const texts[] = {
        "Kernel panic - not syncing: Fatal exception in interrupt\nKernel Offset: disabled\n",
        "Kernel panic - not syncing: hung_task: blocked tasks\n" TRACE " panic+0x1/0x2\n",
        "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n",
        "BUG: unable to handle kernel\n" TASK "RIP: 0010:foo+0x1/0x2\nCall Trace:\n bar+0x1/0x2\n",
        "WARNING:\n" TRACE " foo+0x1/0x2\n bar+0x1/0x2\n",
        "BUG: KASAN: slab-out-of-bounds in foo+0x1/0x20\nRead of size 8 at addr ff by task a/7\n",
        "general protection fault: 0000 [#1] SMP\nModules linked in:\n",
        "INFO: task cat:77 blocked for more than 120 seconds.\nCall Trace:\n[<8066c218>] "
        "__schedule+0x2b8/0x7fc\n[<800735f0>] kthread+0x6c/0x90\n[<8001e9ac>] "
        "kernel_thread_helper+0x10/0x18\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(texts[i], strlen(texts[i]));

        g_test_message("%.60s", texts[i]);
        g_assert_nonnull(log->cause);
        g_assert_true(log->cause->corrupted);
    }
}

/* Reports without "CPU: … Comm: …" name the kernel elsewhere. */
static void
test_releases(void)
{
    static const char *const texts[][2] = {
        {"4.16.2-1.el7.x86_64", "INFO: task cat:77 blocked for more than 120 seconds.\n      Not "
                                "tainted 4.16.2-1.el7.x86_64 "
                                "#1\nCall Trace:\n foo+0x1/0x2\n"},
        {"4.19.0-6-amd64",
         "INFO: task cat:77 blocked for more than 120 seconds.\n      Tainted: G        W   E     "
         "4.19.0-6-amd64 #1 Debian 4.19.67-2+deb10u2\n"},
        {"5.15.1",
         "WARNING: possible circular locking dependency detected\n5.15.1 #1 Tainted: G      "
         "     O\ncat/77 is trying to acquire lock:\nc4 (&a){+.+.}-{3:3}, at: foo+0x1/0x2\n"},
        {"2.6.17-rc2", "Oops: 0000 [#1]\nCPU:    0\nEIP:    0060:[<c0167263>]    Not tainted "
                       "VLI\nEFLAGS: 00000286   (2.6.17-rc2 #3)\nEIP is at foo+0x15/0x165\n"},
        {"2.6.9-11.EL",
         "Oops: 0002 [#1]\nEFLAGS: 00210286 (2.6.9-11.EL)\nEIP is at foo+0x1/0x165\n"},
        {"2.6.25-rc2", "Oops: Kernel access of bad area, sig: 11 [#1]\nNIP: d107c0c8 LR: c0072834\n"
                       "REGS: cf9cfe40 TRAP: 0300 Not tainted (2.6.25-rc2)\nNIP [d107c0c8] "
                       "foo+0x8/0x10\nCall Trace:\n[cf9cfef0] [c0072804] bar+0x9c/0x16c\n"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LabCrashLog) log = lab_crash_log_parse(texts[i][1], strlen(texts[i][1]));

        g_assert_nonnull(log->cause);
        g_assert_cmpstr(log->release, ==, texts[i][0]);
    }
}

#define TEST_ROWS(name)                      \
    static void test_##name(void)            \
    {                                        \
        test_rows(name, G_N_ELEMENTS(name)); \
    }

TEST_ROWS(sanitizers)
TEST_ROWS(faults)
TEST_ROWS(hangs)
TEST_ROWS(locks)
TEST_ROWS(memory)
TEST_ROWS(warnings)
TEST_ROWS(storage)
TEST_ROWS(panics)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crash-titles/sanitizers", test_sanitizers);
    g_test_add_func("/crash-titles/faults", test_faults);
    g_test_add_func("/crash-titles/hangs", test_hangs);
    g_test_add_func("/crash-titles/locks", test_locks);
    g_test_add_func("/crash-titles/memory", test_memory);
    g_test_add_func("/crash-titles/warnings", test_warnings);
    g_test_add_func("/crash-titles/storage", test_storage);
    g_test_add_func("/crash-titles/watchdogs", test_watchdogs);
    g_test_add_func("/crash-titles/panics", test_panics);
    g_test_add_func("/crash-titles/cut", test_cut);
    g_test_add_func("/crash-titles/releases", test_releases);
    return g_test_run();
}

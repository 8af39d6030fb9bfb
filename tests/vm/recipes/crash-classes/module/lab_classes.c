// SPDX-License-Identifier: GPL-2.0-or-later
/* kind=NAME: one crash of that class, for golden logs and for the reader of logs. */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *kind = "";
module_param(kind, charp, 0400);

static DEFINE_SPINLOCK(lock);
static volatile int zero;

static noinline int
lab_null_deref(void)
{
    volatile int *at = (int *)8;

    return *at;
}

static noinline int
lab_null_call(void)
{
    int (*call)(void) = (int (*)(void))(unsigned long)zero;

    return call();
}

static noinline int
lab_paging_request(void)
{
    volatile int *at = (int *)0xffffffffff000000ul;

    *at = 1;
    return 0;
}

static noinline int
lab_gpf(void)
{
    volatile int *at = (int *)0xdead000000000100ul;

    return *at;
}

static noinline int
lab_divide(void)
{
    return 100 / zero;
}

static noinline int
lab_bug(void)
{
    BUG();
    return 0;
}

static noinline int
lab_list(void)
{
    LIST_HEAD(head);
    struct list_head one, two;

    list_add(&one, &head);
    one.prev = &two;
    list_del(&one);
    return 0;
}

static noinline int
lab_schedule_atomic(void)
{
    spin_lock(&lock);
    msleep(10);
    spin_unlock(&lock);
    return 0;
}

static noinline int
lab_rcu_stall(void)
{
    unsigned long end = jiffies + 12 * HZ;

    rcu_read_lock();
    while (time_before(jiffies, end))
        cpu_relax();
    rcu_read_unlock();
    return 0;
}

static noinline int
lab_page_alloc(void)
{
    LIST_HEAD(pages);
    struct page *page, *next;

    while ((page = alloc_pages(GFP_KERNEL | __GFP_NORETRY, 9)))
        list_add(&page->lru, &pages);
    list_for_each_entry_safe(page, next, &pages, lru) __free_pages(page, 9);
    return 0;
}

static noinline int
lab_stack_overflow(int depth)
{
    volatile char room[512];

    room[0] = (char)depth;
    return lab_stack_overflow(depth + 1) + room[0];
}

static noinline int
lab_double_free(void)
{
    struct kobject *object = kobject_create_and_add("lab", NULL);

    kobject_put(object);
    kobject_put(object);
    return 0;
}

static noinline int
lab_warn(void)
{
    WARN(1, "lab_warn: %d\n", zero);
    return 0;
}

static noinline int
lab_panic(void)
{
    panic("lab: the end of it");
    return 0;
}

static int __init
lab_classes_init(void)
{
    if (!strcmp(kind, "null-deref"))
        return lab_null_deref();
    if (!strcmp(kind, "null-call"))
        return lab_null_call();
    if (!strcmp(kind, "paging-request"))
        return lab_paging_request();
    if (!strcmp(kind, "gpf"))
        return lab_gpf();
    if (!strcmp(kind, "divide"))
        return lab_divide();
    if (!strcmp(kind, "bug"))
        return lab_bug();
    if (!strcmp(kind, "list"))
        return lab_list();
    if (!strcmp(kind, "schedule-atomic"))
        return lab_schedule_atomic();
    if (!strcmp(kind, "rcu-stall"))
        return lab_rcu_stall();
    if (!strcmp(kind, "page-alloc"))
        return lab_page_alloc();
    if (!strcmp(kind, "stack-overflow"))
        return lab_stack_overflow(0);
    if (!strcmp(kind, "double-free"))
        return lab_double_free();
    if (!strcmp(kind, "warn"))
        return lab_warn();
    if (!strcmp(kind, "panic"))
        return lab_panic();
    return -EINVAL;
}
module_init(lab_classes_init);

MODULE_LICENSE("GPL");

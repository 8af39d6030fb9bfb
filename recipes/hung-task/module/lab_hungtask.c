// SPDX-License-Identifier: GPL-2.0-or-later
/* A thread that waits for a mutex for good: a hung task on request. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>

static DEFINE_MUTEX(lab_hungtask_mutex);
static struct task_struct *waiter;

/* Not inlined: its name is what the report has to show. */
static noinline void
lab_hungtask_wait(void)
{
    mutex_lock(&lab_hungtask_mutex);
    mutex_unlock(&lab_hungtask_mutex);
}

static int
lab_hungtask_thread(void *unused)
{
    lab_hungtask_wait();
    return 0;
}

static int __init
lab_hungtask_init(void)
{
    mutex_lock(&lab_hungtask_mutex);
    waiter = kthread_run(lab_hungtask_thread, NULL, "lab_hungtask");
    if (IS_ERR(waiter)) {
        mutex_unlock(&lab_hungtask_mutex);
        return PTR_ERR(waiter);
    }
    /* The mutex stays taken, and the module cannot be unloaded: the thread runs its code. */
    __module_get(THIS_MODULE);
    return 0;
}

module_init(lab_hungtask_init);
MODULE_DESCRIPTION("kreglab: a hung task on request");
MODULE_LICENSE("GPL");

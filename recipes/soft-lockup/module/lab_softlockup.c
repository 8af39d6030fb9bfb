// SPDX-License-Identifier: GPL-2.0-or-later
/* Spins with preemption off for a while: a soft lockup on request. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>

static unsigned int seconds = 60;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long to spin");

static struct task_struct *spinner;

/* Not inlined: its name is what the report has to show. */
static noinline void
lab_softlockup_spin(void)
{
    unsigned long end = jiffies + seconds * HZ;

    preempt_disable();
    while (time_before(jiffies, end))
        cpu_relax();
    preempt_enable();
}

static int
lab_softlockup_thread(void *unused)
{
    lab_softlockup_spin();
    while (!kthread_should_stop())
        msleep_interruptible(100);
    return 0;
}

static int __init
lab_softlockup_init(void)
{
    spinner = kthread_run(lab_softlockup_thread, NULL, "lab_softlockup");
    return IS_ERR(spinner) ? PTR_ERR(spinner) : 0;
}

static void __exit
lab_softlockup_exit(void)
{
    kthread_stop(spinner);
}

module_init(lab_softlockup_init);
module_exit(lab_softlockup_exit);
MODULE_DESCRIPTION("kreglab: a soft lockup on request");
MODULE_LICENSE("GPL");

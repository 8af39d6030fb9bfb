// SPDX-License-Identifier: GPL-2.0-or-later
/* Spins with interrupts off for good. */
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/sched.h>

static int __init
lab_hang_init(void)
{
    local_irq_disable();
    for (;;)
        cpu_relax();
    return 0;
}

module_init(lab_hang_init);
MODULE_DESCRIPTION("kreglab tests: a silent hang");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-or-later
/* One WARNING, and on. */
#include <linux/bug.h>
#include <linux/module.h>

static noinline void
lab_warn_once(void)
{
    WARN_ON(1);
}

static int __init
lab_warn_init(void)
{
    lab_warn_once();
    return 0;
}

static void __exit
lab_warn_exit(void)
{
}

module_init(lab_warn_init);
module_exit(lab_warn_exit);
MODULE_DESCRIPTION("kreglab tests: a warning that is survived");
MODULE_LICENSE("GPL");

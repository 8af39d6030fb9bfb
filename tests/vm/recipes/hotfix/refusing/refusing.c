// SPDX-License-Identifier: GPL-2.0-or-later
/* As a hotfix does that finds itself on a kernel that it is not for. */
#include <linux/errno.h>
#include <linux/module.h>

static int __init
lab_refusing_init(void)
{
    return -ENODEV;
}

module_init(lab_refusing_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("kreglab: a hotfix that does not load");

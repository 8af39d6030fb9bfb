// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>

int lab_hotfix = lab_not_in_this_kernel;

MODULE_LICENSE("GPL");

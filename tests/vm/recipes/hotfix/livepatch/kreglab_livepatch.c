// SPDX-License-Identifier: GPL-2.0-or-later
/* A live patch that everybody can see at work: /proc/version says that it is there. */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/version.h>

static int
lab_version_proc_show(struct seq_file *m, void *v)
{
    seq_puts(m, "patched by kreglab\n");
    return 0;
}

static struct klp_func funcs[] = {
    {.old_name = "version_proc_show", .new_func = lab_version_proc_show}, {}};

static struct klp_object objects[] = {{.funcs = funcs}, /* no name: the kernel itself */
                                      {}};

static struct klp_patch patch = {
    .mod = THIS_MODULE,
    .objs = objects,
};

static int __init
lab_livepatch_init(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 1, 0)
    /* commit 958ef1e39d24 ("livepatch: Simplify API by removing registration step") (in v5.1) */
    int error = klp_register_patch(&patch);

    if (error)
        return error;
#endif
    return klp_enable_patch(&patch);
}

static void __exit
lab_livepatch_exit(void)
{
}

module_init(lab_livepatch_init);
module_exit(lab_livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("kreglab: a live patch to test hotfixes with");
MODULE_INFO(livepatch, "Y");

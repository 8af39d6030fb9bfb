/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * make-initramfs KERNEL-DIRECTORY RELEASE AGENT CACHE [kdump] [busybox] [disks] [tool=NAME]
 * [module=NAME] [file=GUEST:HOST]: prints the path of the initramfs and the MiB to reserve, for
 * tests that start QEMU by themselves.
 */
#include <stdio.h>
#include <string.h>

#include "lab-initramfs.h"

int
main(int argc, char **argv)
{
    LabKernel kernel = {0};
    LabInitramfsSpec spec = {.kernel = &kernel};
    g_autoptr(GPtrArray) tools = g_ptr_array_new();
    g_autoptr(GPtrArray) modules = g_ptr_array_new();
    g_autoptr(GArray) files = g_array_new(FALSE, TRUE, sizeof(LabInitramfsFile));
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    guint mib = 0;

    if (argc < 5)
        return 2;
    kernel.directory = argv[1];
    kernel.release = argv[2];
    spec.agent = argv[3];
    for (int i = 5; i < argc; i++) {
        char *value = strchr(argv[i], '=');

        spec.kdump |= strcmp(argv[i], "kdump") == 0;
        spec.busybox |= strcmp(argv[i], "busybox") == 0;
        spec.disks |= strcmp(argv[i], "disks") == 0;
        if (g_str_has_prefix(argv[i], "tool="))
            g_ptr_array_add(tools, value + 1);
        if (g_str_has_prefix(argv[i], "module="))
            g_ptr_array_add(modules, value + 1);
        if (g_str_has_prefix(argv[i], "file=") && strchr(value, ':')) {
            LabInitramfsFile file = {.path = value + 1, .source = strchr(value, ':') + 1};

            *strchr(value, ':') = '\0';
            g_array_append_val(files, file);
        }
    }
    g_ptr_array_add(tools, NULL);
    g_ptr_array_add(modules, NULL);
    spec.tools = (const char *const *)tools->pdata;
    spec.modules = (const char *const *)modules->pdata;
    spec.files = (const LabInitramfsFile *)files->data;
    spec.n_files = files->len;
    path = lab_initramfs_make(&spec, argv[4], &error);
    if (path && spec.kdump)
        mib = lab_initramfs_crashkernel_mib(&spec, argv[4], &error);
    if (error) {
        fprintf(stderr, "%s\n", error->message);
        return 3;
    }
    printf("%s %u\n", path, mib);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * make-package KIND RELEASE FILE: a small kernel for the shell tests.
 *   deb, rpm    an image package with a module
 *   new-deb     the same in the layout of Debian since 6.19 (image only)
 *   image       a bzImage
 *   vmlinux     an ELF
 *   module      a packed module (.ko.xz)
 *   hostile     a .deb with a path that leads out
 *   no-image    a .deb with a module alone
 */
#include <archive.h>
#include <stdio.h>
#include <string.h>

#include "fake-kernel.h"

static GByteArray *
make(const char *kind, const char *release)
{
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(release, "CONFIG_SMP=y\n");
    g_autoptr(GByteArray) image = fake_bzimage(release, vmlinux, ARCHIVE_FILTER_ZSTD);
    g_autoptr(GByteArray) module = fake_module("hello", release);
    g_autoptr(GByteArray) packed = fake_compress(module->data, module->len, ARCHIVE_FILTER_XZ);
    g_autofree char *image_path = g_strdup_printf("./boot/vmlinuz-%s", release);
    g_autofree char *config_path = g_strdup_printf("./boot/config-%s", release);
    g_autofree char *module_path =
        g_strdup_printf("./lib/modules/%s/kernel/lib/hello.ko.xz", release);
    g_autofree char *new_path = g_strdup_printf("./usr/lib/modules/%s/vmlinuz", release);
    g_autofree char *name = g_strconcat("linux-image-", release, NULL);
    const char config[] = "CONFIG_SMP=y\nCONFIG_KEXEC=y\n# CONFIG_KASAN is not set\n";
    const FakeFile old[] = {{image_path, image->data, image->len},
                            {config_path, config, sizeof config - 1},
                            {module_path, packed->data, packed->len},
                            {NULL}};
    const FakeFile new[] = {{new_path, image->data, image->len}, {NULL}};
    const FakeFile hostile[] = {
        {image_path, image->data, image->len}, {"./boot/../../escaped", "x", 1}, {NULL}};
    const FakeFile no_image[] = {{module_path, packed->data, packed->len}, {NULL}};

    if (strcmp(kind, "deb") == 0)
        return fake_deb(name, "1.0-1", old, ARCHIVE_FILTER_XZ);
    if (strcmp(kind, "rpm") == 0)
        return fake_rpm("kernel", "1.0", "1.el7", old, ARCHIVE_FILTER_XZ);
    if (strcmp(kind, "new-deb") == 0)
        return fake_deb(name, "1.0-1", new, ARCHIVE_FILTER_ZSTD);
    if (strcmp(kind, "image") == 0)
        return g_steal_pointer(&image);
    if (strcmp(kind, "vmlinux") == 0)
        return g_steal_pointer(&vmlinux);
    if (strcmp(kind, "module") == 0)
        return g_steal_pointer(&packed);
    if (strcmp(kind, "hostile") == 0)
        return fake_deb(name, "1.0-1", hostile, ARCHIVE_FILTER_XZ);
    if (strcmp(kind, "no-image") == 0)
        return fake_deb(name, "1.0-1", no_image, ARCHIVE_FILTER_XZ);
    return NULL;
}

int
main(int argc, char **argv)
{
    g_autoptr(GByteArray) bytes = argc == 4 ? make(argv[1], argv[2]) : NULL;

    if (!bytes || !g_file_set_contents(argv[3], (const char *)bytes->data, bytes->len, NULL)) {
        fprintf(stderr, "usage: make-package KIND RELEASE FILE\n");
        return 2;
    }
    return 0;
}

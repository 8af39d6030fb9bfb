/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module order, library closures, cpio archives, and whole initramfs of synthetic kernels. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab-closure.h"
#include "lab-cpio.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-initramfs.h"
#include "lab-module-order.h"

typedef struct {
    char *root; /* a temporary directory */
    char *cache;
    LabKernel kernel; /* its directory is root/kernel */
} Fixture;

static void
write_text(const char *root, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *directory = g_path_get_dirname(path);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

/* depmod's order: what is needed first stands last. */
static const char dep[] = "kernel/v/virtio_pci.ko: kernel/v/virtio.ko kernel/v/virtio_ring.ko\n"
                          "kernel/v/virtio-console.ko: kernel/v/virtio.ko kernel/v/virtio_ring.ko\n"
                          "kernel/v/virtio.ko: kernel/v/virtio_ring.ko\n"
                          "kernel/v/virtio_ring.ko:\n"
                          "kernel/s/sg.ko.xz: kernel/s/scsi_mod.ko.xz\n"
                          "kernel/s/scsi_mod.ko.xz:\n"
                          "kernel/s/helper.ko:\n"
                          "kernel/s/after.ko: kernel/s/helper.ko\n"
                          "kernel/c/a.ko: kernel/c/b.ko\n"
                          "kernel/c/b.ko: kernel/c/a.ko\n"
                          "kernel/m/pvpanic.ko:\n";
static const char *const modules[] = {
    "v/virtio_pci", "v/virtio-console", "v/virtio", "v/virtio_ring", "s/sg",
    "s/scsi_mod",   "s/helper",         "s/after",  "m/pvpanic"};

static void
set_up(Fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;

    f->root = g_dir_make_tmp("kreglab-image-XXXXXX", &error);
    g_assert_no_error(error);
    f->cache = g_build_filename(f->root, "cache", NULL);
    f->kernel.release = g_strdup("9.9-test");
    f->kernel.digest = g_strdup("0123");
    f->kernel.directory = g_build_filename(f->root, "kernel", NULL);
    write_text(f->kernel.directory, "modules/modules.dep", dep);
    write_text(f->kernel.directory, "modules/modules.builtin", "kernel/x/virtio-blk.ko\n");
    write_text(f->kernel.directory, "modules/modules.softdep",
               "# comment\nsoftdep sg pre: helper missing post: after\n");
    write_text(f->kernel.directory, "vmlinuz", "boot image");
    for (gsize i = 0; i < G_N_ELEMENTS(modules); i++) {
        g_autofree char *name = g_strdup_printf("modules/kernel/%s.ko", modules[i]);

        write_text(f->kernel.directory, name, modules[i]);
    }
    write_text(f->root, "agent", "#!agent");
    write_text(f->root, "payload", "payload");
}

static void
tear_down(Fixture *f, gconstpointer unused)
{
    lab_path_remove(AT_FDCWD, f->root, NULL);
    g_free(f->root);
    g_free(f->cache);
    g_free(f->kernel.release);
    g_free(f->kernel.digest);
    g_free(f->kernel.directory);
}

/* "-" before optional steps. */
static char *
order_text(Fixture *f, const char *name)
{
    g_autofree char *directory = g_build_filename(f->kernel.directory, "modules", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabModules) loaded = lab_modules_load(directory, &error);
    g_autoptr(GPtrArray) steps = lab_module_steps_new();
    GString *text = g_string_new(NULL);

    g_assert_no_error(error);
    lab_modules_order(loaded, name, FALSE, steps);
    for (guint i = 0; i < steps->len; i++) {
        const LabModuleStep *step = steps->pdata[i];

        g_string_append_printf(text, "%s%s ", step->optional ? "-" : "",
                               step->path + strlen("kernel/"));
    }
    return g_string_free(text, FALSE);
}

static void
test_order(Fixture *f, gconstpointer unused)
{
    static const struct {
        const char *name, *order;
    } rows[] = {
        {"virtio_console", "v/virtio_ring.ko v/virtio.ko v/virtio-console.ko "},
        {"virtio-console", "v/virtio_ring.ko v/virtio.ko v/virtio-console.ko "},
        {"sg", "-s/helper.ko s/scsi_mod.ko s/sg.ko -s/after.ko "},
        {"virtio_blk", ""}, /* built in */
        {"nothing", ""},
        {"a", "c/b.ko c/a.ko "}, /* a circle ends */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = order_text(f, rows[i].name);

        g_assert_cmpstr(text, ==, rows[i].order);
    }
}

/* What is optional for one is needed by another: then it has to load. */
static void
test_order_upgrade(Fixture *f, gconstpointer unused)
{
    g_autofree char *directory = g_build_filename(f->kernel.directory, "modules", NULL);
    g_autoptr(LabModules) loaded = lab_modules_load(directory, NULL);
    g_autoptr(GPtrArray) steps = lab_module_steps_new();

    lab_modules_order(loaded, "virtio_pci", TRUE, steps);
    g_assert_cmpuint(steps->len, ==, 3);
    lab_modules_order(loaded, "virtio_console", FALSE, steps);
    g_assert_cmpuint(steps->len, ==, 4);
    for (guint i = 0; i < steps->len; i++) {
        const LabModuleStep *step = steps->pdata[i];

        g_assert_cmpint(step->optional, ==, strstr(step->path, "virtio_pci") != NULL);
    }
}

/* All modules need all others: the walk has to stay short. */
static void
test_order_dense(Fixture *f, gconstpointer unused)
{
    g_autofree char *directory = g_build_filename(f->kernel.directory, "modules", NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(LabModules) loaded = NULL;
    g_autoptr(GPtrArray) steps = lab_module_steps_new();

    for (int i = 0; i < 300; i++) {
        g_string_append_printf(text, "kernel/m%d.ko:", i);
        for (int k = 0; k < 300; k++)
            g_string_append_printf(text, " kernel/m%d.ko", k);
        g_string_append_c(text, '\n');
    }
    write_text(directory, "modules.dep", text->str);
    loaded = lab_modules_load(directory, NULL);
    lab_modules_order(loaded, "m0", FALSE, steps);
    g_assert_cmpuint(steps->len, >, 0);
    g_assert_cmpuint(steps->len, <=, 300);
}

static void
test_hostile_dep(Fixture *f, gconstpointer unused)
{
    static const char *const lines[] = {"../../../etc/shadow.ko:\n", "/etc/shadow.ko:\n",
                                        "kernel/no-module:\n"};
    g_autofree char *directory = g_build_filename(f->kernel.directory, "modules", NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GError) error = NULL;

        write_text(directory, "modules.dep", lines[i]);
        g_assert_null(lab_modules_load(directory, &error));
        g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
    }
}

static gsize
field(const char *header, int number)
{
    g_autofree char *digits = g_strndup(header + 6 + 8 * number, 8);

    return (gsize)strtoul(digits, NULL, 16);
}

/* Members as the kernel reads them (Documentation/driver-api/early-userspace/buffer-format.rst):
 * path -> content, link target, "dir" or "dev". Later ones win. */
static GHashTable *
members_of(const char *path)
{
    GHashTable *members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *bytes = NULL;
    gsize length, at = 0;

    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    g_assert_cmpuint(length % 512, ==, 0);
    while (at < length) {
        const char *header = bytes + at, *name = header + 110;
        gsize mode, size, content;

        if (*header == '\0') {
            at += 4; /* between archives */
            continue;
        }
        g_assert_cmpmem(header, 6, "070701", 6);
        mode = field(header, 1);
        size = field(header, 6);
        content = (at + 110 + field(header, 11) + 3) / 4 * 4;
        g_assert_cmpuint(content + size, <=, length);
        g_assert_cmpuint(field(header, 2) + field(header, 3) + field(header, 5), ==, 0);
        if (strcmp(name, "TRAILER!!!") != 0)
            g_hash_table_replace(members, g_strdup(name),
                                 S_ISDIR(mode)   ? g_strdup("dir")
                                 : S_ISCHR(mode) ? g_strdup("dev")
                                                 : g_strndup(bytes + content, size));
        at = (content + size + 3) / 4 * 4;
    }
    return members;
}

static LabInitramfsSpec
plain_spec(Fixture *f)
{
    static char agent[4096];

    g_snprintf(agent, sizeof agent, "%s/agent", f->root);
    return (LabInitramfsSpec){.kernel = &f->kernel, .agent = agent};
}

static const char *
member(GHashTable *members, const char *path)
{
    return g_hash_table_lookup(members, path);
}

static void
test_initramfs(Fixture *f, gconstpointer unused)
{
    static const char *const wanted[] = {"sg", "virtio-blk", NULL};
    g_autofree char *payload = g_build_filename(f->root, "payload", NULL);
    LabInitramfsFile files[] = {{"/kreglab/payload/run", payload, 0755},
                                {"/bin/extra", payload, 0}};
    LabInitramfsSpec spec = plain_spec(f);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL, *again = NULL;
    g_autoptr(GHashTable) members = NULL;
    struct stat st;

    spec.modules = wanted;
    spec.files = files;
    spec.n_files = 2;
    path = lab_initramfs_make(&spec, f->cache, &error);
    g_assert_no_error(error);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0644);
    members = members_of(path);
    g_assert_cmpstr(member(members, "init"), ==, "#!agent");
    g_assert_cmpstr(member(members, "bin"), ==, "usr/bin");
    g_assert_cmpstr(member(members, "dev/console"), ==, "dev");
    g_assert_cmpstr(member(members, "kreglab/payload/run"), ==, "payload");
    g_assert_cmpstr(member(members, "usr/bin/extra"), ==, "payload");
    g_assert_cmpstr(member(members, "kreglab/modules.list"), ==,
                    "/lib/modules/9.9-test/kernel/v/virtio_ring.ko\n"
                    "/lib/modules/9.9-test/kernel/v/virtio.ko\n"
                    "/lib/modules/9.9-test/kernel/v/virtio_pci.ko\n"
                    "/lib/modules/9.9-test/kernel/v/virtio-console.ko\n"
                    "-/lib/modules/9.9-test/kernel/m/pvpanic.ko\n");
    g_assert_cmpstr(member(members, "kreglab/modules.d/sg"), ==,
                    "-/lib/modules/9.9-test/kernel/s/helper.ko\n"
                    "/lib/modules/9.9-test/kernel/s/scsi_mod.ko\n"
                    "/lib/modules/9.9-test/kernel/s/sg.ko\n"
                    "-/lib/modules/9.9-test/kernel/s/after.ko\n");
    g_assert_cmpstr(member(members, "kreglab/modules.d/virtio_blk"), ==, "");
    g_assert_cmpstr(member(members, "usr/lib/modules/9.9-test/kernel/s/sg.ko"), ==, "s/sg");
    g_assert_null(member(members, "usr/lib/modules/9.9-test/kernel/c/a.ko"));

    again = lab_initramfs_make(&spec, f->cache, &error);
    g_assert_cmpstr(again, ==, path);
    write_text(f->root, "payload", "another");
    g_free(again);
    again = lab_initramfs_make(&spec, f->cache, &error);
    g_assert_cmpstr(again, !=, path);
}

static void
test_lacks(Fixture *f, gconstpointer unused)
{
    static const char *const wanted[] = {"floppy", NULL};
    LabInitramfsSpec spec = plain_spec(f);
    g_autoptr(GError) error = NULL;

    spec.modules = wanted;
    g_assert_null(lab_initramfs_make(&spec, f->cache, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "kernel 9.9-test lacks floppy"));
    g_clear_error(&error);

    spec.modules = NULL;
    write_text(f->kernel.directory, "modules/modules.dep", "kernel/v/virtio_pci.ko:\n");
    g_assert_null(lab_initramfs_make(&spec, f->cache, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "lacks virtio_console"));
    g_assert_nonnull(strstr(error->message, "CONFIG_VIRTIO_CONSOLE"));
}

/* A bare kernel: its config decides, and without one it gets the benefit of the doubt. */
static void
test_bare(Fixture *f, gconstpointer unused)
{
    g_autofree char *directory = g_build_filename(f->kernel.directory, "modules", NULL);
    LabInitramfsSpec spec = plain_spec(f);
    g_autoptr(GError) error = NULL;
    char *path;

    g_assert_true(lab_path_remove(AT_FDCWD, directory, &error));
    path = lab_initramfs_make(&spec, f->cache, &error);
    g_assert_no_error(error);
    g_free(path);
    write_text(f->kernel.directory, "config", "#\nCONFIG_VIRTIO_PCI=y\n");
    g_assert_null(lab_initramfs_make(&spec, f->cache, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    write_text(f->kernel.directory, "config",
               "#\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_CONSOLE=y\nCONFIG_VIRTIO_BLK=y\n");
    spec.disks = TRUE;
    path = lab_initramfs_make(&spec, f->cache, &error);
    g_assert_no_error(error);
    g_free(path);
}

/* Two processes at once want the same file: both get it, whole. */
static void
test_race(Fixture *f, gconstpointer unused)
{
    LabInitramfsSpec spec = plain_spec(f);
    pid_t pids[6];

    for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            g_autofree char *path = lab_initramfs_make(&spec, f->cache, NULL);
            g_autoptr(GHashTable) members = path ? members_of(path) : NULL;

            _exit(members && member(members, "init") ? 0 : 1);
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
        int status = -1;

        g_assert_cmpint(waitpid(pids[i], &status, 0), ==, pids[i]);
        g_assert_cmpint(status, ==, 0);
    }
}

static void
test_closure(Fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *shell = lab_closure_find("sh", &error);
    g_autofree char *script = g_build_filename(f->root, "agent", NULL);
    g_autoptr(GPtrArray) files = NULL, alone = NULL;
    gboolean libc = FALSE, loader = FALSE;

    g_assert_no_error(error);
    files = lab_closure_read(shell, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < files->len; i++) {
        const LabClosureFile *file = files->pdata[i];

        g_assert_true(g_str_has_prefix(file->path, "/usr/"));
        g_assert_true(g_file_test(file->source, G_FILE_TEST_IS_REGULAR));
        libc |= g_str_has_suffix(file->path, "/libc.so.6");
        loader |= strstr(file->path, "/ld-linux") != NULL;
    }
    g_assert_true(libc && loader);
    alone = lab_closure_read(script, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(alone->len, ==, 1);
    g_assert_null(lab_closure_find("no-such-program-here", &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND);
}

static void
test_cpio_refuses(Fixture *f, gconstpointer unused)
{
    static const char *const paths[] = {"", "/", "../x", "/a/../b", "a//b", "./x", "a/"};
    g_autofree char *path = g_build_filename(f->root, "x.cpio", NULL);
    LAB_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabCpio) cpio = lab_cpio_new(fd, &error);

    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_assert_false(lab_cpio_file(cpio, paths[i], 0644, "x", 1, &error));
        g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
        g_clear_error(&error);
    }
    g_assert_true(lab_cpio_file(cpio, "/a/b", 0644, "x", 1, &error));
    g_assert_false(lab_cpio_file(cpio, "a/b", 0644, "x", 1, &error));
    g_assert_error(error, LAB_INFRA_ERROR, LAB_ERROR_EXISTS);
    g_clear_error(&error);
    g_assert_false(lab_cpio_file(cpio, "a/b/c", 0644, "x", 1, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS);
    g_clear_error(&error);
    g_assert_true(lab_cpio_has(cpio, "/a"));
    g_assert_true(lab_cpio_finish(cpio, &error));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/image/" name, Fixture, NULL, set_up, function, tear_down)
    ADD("order", test_order);
    ADD("order-upgrade", test_order_upgrade);
    ADD("order-dense", test_order_dense);
    ADD("hostile-dep", test_hostile_dep);
    ADD("initramfs", test_initramfs);
    ADD("lacks", test_lacks);
    ADD("bare", test_bare);
    ADD("race", test_race);
    ADD("closure", test_closure);
    ADD("cpio-refuses", test_cpio_refuses);
    return g_test_run();
}

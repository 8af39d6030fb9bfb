/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels in the store: values, parsers of foreign bytes, intake of synthetic packages. */
#include <archive.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-kernel.h"
#include "lab-boot-image.h"
#include "lab-deb.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-intake.h"
#include "lab-json.h"
#include "lab-kernel.h"
#include "lab-layout.h"
#include "lab-module.h"
#include "lab-rpm.h"

#define RELEASE "6.1.0-9-test"

typedef struct {
    char *path;
    int fd;
    char *data;
    char *cache;
} Fixture;

static void
set_up(Fixture *f, gconstpointer unused)
{
    f->path = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
    f->fd = lab_dir_open(AT_FDCWD, f->path, NULL);
    f->data = g_build_filename(f->path, "data", NULL);
    f->cache = g_build_filename(f->path, "cache", NULL);
    g_assert_cmpint(f->fd, >=, 0);
}

static void
tear_down(Fixture *f, gconstpointer unused)
{
    close(f->fd);
    g_assert_true(lab_path_remove(AT_FDCWD, f->path, NULL));
    g_free(f->path);
    g_free(f->data);
    g_free(f->cache);
}

/* Values */

static void
add_entry(Fixture *f, const char *id, const char *config)
{
    g_autofree char *directory = g_build_filename(f->data, "kernels", id, NULL);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, directory, 0755, NULL);
    LabKernel kernel = {.id = (char *)id, .release = (char *)id, .digest = (char *)"d"};
    g_autoptr(json_t) json = lab_kernel_to_json(&kernel);

    g_assert_true(lab_json_write(fd, "kernel.json", json, 0644, NULL));
    if (config)
        g_assert_true(lab_file_write(fd, "config", config, -1, 0644, NULL));
}

static void
test_list_and_match(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    g_autoptr(GError) absent = NULL;
    g_autoptr(GError) several = NULL;

    add_entry(f, "6.12.1-test", NULL);
    add_entry(f, "5.10.0-1-test", NULL);
    add_entry(f, "6.1.0-9-test", NULL);
    all = lab_kernel_list(f->data, NULL);
    g_assert_cmpuint(all->len, ==, 3);
    g_assert_cmpstr(((LabKernel *)all->pdata[0])->id, ==, "5.10.0-1-test");
    g_assert_cmpstr(((LabKernel *)all->pdata[1])->id, ==, "6.1.0-9-test");
    g_assert_cmpstr(((LabKernel *)all->pdata[2])->id, ==, "6.12.1-test");
    g_assert_true(lab_kernel_match(all, "5.10", found, NULL));
    g_assert_true(lab_kernel_match(all, "6.1*", found, NULL));
    g_assert_cmpuint(found->len, ==, 3);
    g_assert_false(lab_kernel_match(all, "6.", found, &several));
    g_assert_error(several, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS);
    g_assert_false(lab_kernel_match(all, "7.0", found, &absent));
    g_assert_error(absent, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(absent->message, "5.10.0-1-test"));
}

static void
test_config(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) all = NULL;

    add_entry(f, "1-with",
              "CONFIG_KSM=y\n# CONFIG_KASAN is not set\nCONFIG_KSM_EXTRA=m\n"
              "CONFIG_VERSION=\"x\"\nCONFIG_LAST=7");
    add_entry(f, "2-without", NULL);
    all = lab_kernel_list(f->data, NULL);
    g_assert_cmpstr(lab_kernel_config(all->pdata[0], "KSM"), ==, "y");
    g_assert_cmpstr(lab_kernel_config(all->pdata[0], "CONFIG_KSM_EXTRA"), ==, "m");
    g_assert_cmpstr(lab_kernel_config(all->pdata[0], "KASAN"), ==, "n");
    g_assert_cmpstr(lab_kernel_config(all->pdata[0], "VERSION"), ==, "\"x\"");
    g_assert_cmpstr(lab_kernel_config(all->pdata[0], "LAST"), ==, "7");
    g_assert_cmpstr(lab_kernel_config(all->pdata[1], "KSM"), ==, "?");
}

static void
test_json_needs_identity(void)
{
    g_autoptr(json_t) json = json_pack("{s:s}", "id", "x");
    g_autoptr(GError) error = NULL;

    g_assert_null(lab_kernel_new_from_json(json, "/", &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
}

/* Boot images */

static void
test_bzimage(void)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ,
                                  ARCHIVE_FILTER_LZMA, ARCHIVE_FILTER_ZSTD,  ARCHIVE_FILTER_LZ4};
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(RELEASE, "CONFIG_KSM=y\n");
    g_auto(LabVmlinuxNotes) notes = {0};
    g_autofree char *banner = lab_vmlinux_banner(vmlinux->data, vmlinux->len);
    g_autofree char *config = lab_vmlinux_config(vmlinux->data, vmlinux->len);

    for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
        g_autoptr(GByteArray) image = fake_bzimage(RELEASE, vmlinux, filters[i]);
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) out = lab_bzimage_unpack(image->data, image->len, &error);
        g_autofree char *text = lab_bzimage_version_text(image->data, image->len);

        g_assert_no_error(error);
        g_assert_cmpmem(out->data, out->len, vmlinux->data, vmlinux->len);
        g_assert_cmpstr(text, ==, RELEASE " (lab@test) #1 SMP Test 1");
    }
    g_assert_true(lab_vmlinux_read_notes(vmlinux->data, vmlinux->len, &notes, NULL));
    g_assert_true(notes.has_pvh);
    g_assert_cmpstr(notes.build_id, ==, "303132333435363738396162636465666768696a");
    g_assert_cmpstr(banner, ==, RELEASE " (lab@test) (gcc 12) #1 SMP Test 1");
    g_assert_cmpstr(config, ==, "CONFIG_KSM=y\n");
}

/* lz4's old frame, as `lz4 -l` and the kernel build write it; libarchive has no writer for it. */
static void
test_bzimage_legacy_lz4(void)
{
    g_autoptr(GByteArray) text = g_byte_array_new();
    g_autoptr(GByteArray) image = fake_bzimage(RELEASE, text, ARCHIVE_FILTER_XZ);
    /* magic, block size, token of ten literals, the literals, and the size_append. */
    static const char payload[] = "\x02\x21\x4c\x18\x0b\0\0\0\xa0"
                                  "0123456789\x0a\0\0\0";
    g_autoptr(GByteArray) out = NULL;

    memcpy(image->data + 1536 + 64, payload, sizeof payload - 1);
    image->data[0x24c] = sizeof payload - 1;
    image->data[0x24d] = 0;
    out = lab_bzimage_unpack(image->data, image->len, NULL);
    g_assert_nonnull(out);
    g_assert_cmpmem(out->data, out->len, "0123456789", 10);
}

/* Each cut and a flip of each byte of the header: an answer or an error, never a read beyond the
 * end (the heap block is exact, so sanitizers see one). */
static void
test_bzimage_damaged(void)
{
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(RELEASE, "CONFIG_KSM=y\n");
    g_autoptr(GByteArray) image = fake_bzimage(RELEASE, vmlinux, ARCHIVE_FILTER_GZIP);

    for (guint cut = 0; cut < 1536 + 64; cut++) {
        g_autofree guint8 *copy = g_memdup2(image->data, cut);
        g_autoptr(GError) error = NULL;
        g_autofree char *text = lab_bzimage_version_text(copy, cut);

        g_assert_null(lab_bzimage_unpack(copy, cut, &error));
        g_assert_true(error->domain == LAB_DATA_ERROR);
    }
    for (guint at = 0x1f1; at < 0x250; at++) {
        g_autofree guint8 *copy = g_memdup2(image->data, image->len);
        g_autofree char *text = NULL;
        g_autoptr(GByteArray) out = NULL;

        copy[at] ^= 0xff;
        text = lab_bzimage_version_text(copy, image->len);
        out = lab_bzimage_unpack(copy, image->len, NULL);
    }
}

static void
test_vmlinux_damaged(void)
{
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(RELEASE, "CONFIG_KSM=y\n");

    for (guint cut = 0; cut <= vmlinux->len; cut++) {
        g_autofree guint8 *copy = g_memdup2(vmlinux->data, cut);
        g_auto(LabVmlinuxNotes) notes = {0};
        g_autofree char *banner = lab_vmlinux_banner(copy, cut);
        g_autofree char *config = lab_vmlinux_config(copy, cut);

        lab_vmlinux_read_notes(copy, cut, &notes, NULL);
    }
    for (guint at = 0; at < 200; at++) {
        g_autofree guint8 *copy = g_memdup2(vmlinux->data, vmlinux->len);
        g_auto(LabVmlinuxNotes) notes = {0};

        copy[at] ^= 0xff;
        lab_vmlinux_read_notes(copy, vmlinux->len, &notes, NULL);
    }
}

static void
test_version_text(void)
{
    g_autofree char *release = NULL;
    g_autofree char *version = NULL;
    g_autofree char *none = NULL;

    g_assert_true(
        lab_version_text_split("4.18.0-1.el8 (a@b) (gcc) #1 SMP now", &release, &version));
    g_assert_cmpstr(release, ==, "4.18.0-1.el8");
    g_assert_cmpstr(version, ==, "#1 SMP now");
    g_assert_false(lab_version_text_split("../../etc #1", &none, &none));
    g_assert_false(lab_version_text_split("4/../../x #1", &none, &none));
}

/* Package formats */

static void
test_deb_fields(void)
{
    static const char text[] = "Package: linux\nDepends: a (>= 1),\n b | c\nX-Package: no\n\n"
                               "Package: second\nOnly: there\n";
    g_autofree char *package = lab_deb_field(text, "package");
    g_autofree char *depends = lab_deb_field(text, "Depends");
    g_autofree char *other = lab_deb_field(text, "Only");

    g_assert_cmpstr(package, ==, "linux");
    g_assert_cmpstr(depends, ==, "a (>= 1),\n b | c");
    g_assert_null(other);
    g_assert_null(lab_deb_field(NULL, "Package"));
}

static void
test_rpm_header(void)
{
    const FakeFile none[] = {{NULL}};
    g_autoptr(GByteArray) bytes = fake_rpm("kernel", "3.10.0", "1160.el7", none, ARCHIVE_FILTER_XZ);
    g_auto(LabRpm) rpm = {0};

    g_assert_true(lab_rpm_read(bytes->data, bytes->len, &rpm, NULL));
    g_assert_cmpstr(rpm.name, ==, "kernel");
    g_assert_cmpstr(rpm.version, ==, "3.10.0-1160.el7");
    g_assert_cmpstr(rpm.changelog, ==, "* Tue Nov 14 2023 Lab <lab@test>\n- a change\n\n");
    for (guint cut = 0; cut < 300; cut++) {
        g_autofree guint8 *copy = g_memdup2(bytes->data, cut);
        g_auto(LabRpm) damaged = {0};

        lab_rpm_read(copy, cut, &damaged, NULL);
    }
    for (guint at = 0; at < 300; at++) {
        g_autofree guint8 *copy = g_memdup2(bytes->data, bytes->len);
        g_auto(LabRpm) damaged = {0};

        copy[at] ^= 0xff;
        lab_rpm_read(copy, bytes->len, &damaged, NULL);
    }
}

/* What rpm 4.18 prints. */
static void
test_rpm_signature(void)
{
    char *key = NULL;

    g_assert_cmpint(lab_rpm_judge("x.rpm:\n"
                                  "    Header V4 RSA/SHA256 Signature, key ID 8483c65d: OK\n"
                                  "    Header SHA256 digest: OK\n"
                                  "    Payload SHA256 digest: OK\n",
                                  &key),
                    ==, LAB_RPM_SIGNED);
    g_assert_cmpstr(key, ==, "8483c65d");
    g_clear_pointer(&key, g_free);
    g_assert_cmpint(lab_rpm_judge("    Header V4 RSA/SHA256 Signature, key ID 8483c65d: NOKEY\n"
                                  "    Header SHA256 digest: OK\n",
                                  &key),
                    ==, LAB_RPM_UNSIGNED);
    g_assert_null(key);
    g_assert_cmpint(lab_rpm_judge("    Header V4 RSA/SHA256 Signature, key ID 8483c65d: OK\n"
                                  "    Payload SHA256 digest: BAD (Expected a != b)\n",
                                  &key),
                    ==, LAB_RPM_BROKEN);
    g_assert_null(key);
}

static void
test_layouts(void)
{
    static const struct {
        const char *path, *place;
    } rows[] = {
        {"boot/vmlinuz-1.2-x", "vmlinuz"},
        {"usr/lib/modules/1.2-x/vmlinuz", "vmlinuz"},
        {"boot/config-1.2-x", "config"},
        {"lib/modules/1.2-x/config", "config"},
        {"boot/System.map-1.2-x", "System.map"},
        {"boot/.vmlinuz-1.2-x.hmac", NULL},
        {"boot/initramfs-1.2-x.img", NULL},
        {"lib/modules/1.2-x/kernel/fs/x.ko.xz", "modules/kernel/fs/x.ko.xz"},
        {"usr/lib/modules/1.2-x/kernel/fs/x.ko", "modules/kernel/fs/x.ko"},
        {"lib/modules/1.2-x/extra/x.ko.zst", "modules/extra/x.ko.zst"},
        {"lib/modules/1.2-x/modules.builtin", "modules/modules.builtin"},
        {"lib/modules/1.2-x/modules.dep", NULL},
        {"lib/modules/1.2-x/build/Makefile", NULL},
        {"usr/lib/debug/boot/vmlinux-1.2-x", "debug/vmlinux"},
        {"usr/lib/debug/usr/lib/modules/1.2-x/vmlinux", "debug/vmlinux"},
        {"usr/lib/debug/lib/modules/1.2-x/kernel/x.ko.debug", NULL},
        {"usr/src/linux-headers-1.2-x/Makefile", "headers/usr/src/linux-headers-1.2-x/Makefile"},
        {"usr/lib/linux-kbuild-1.2/scripts/x", "headers/usr/lib/linux-kbuild-1.2/scripts/x"},
        {"usr/share/doc/linux-image-1.2-x/changelog.Debian.gz", "changelog.gz"},
        {"usr/share/doc/bash/changelog.gz", NULL},
        {"etc/passwd", NULL},
    };
    LabLayout layout = {.want_debug = TRUE};
    g_autoptr(GError) error = NULL;
    char *other;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *place = lab_layout_place(&layout, rows[i].path, S_IFREG, NULL);

        g_assert_cmpstr(place, ==, rows[i].place);
    }
    g_assert_cmpstr(layout.release, ==, "1.2-x");
    other = lab_layout_place(&layout, "boot/vmlinuz-1.3", S_IFREG, &error);
    g_assert_null(other);
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS);
    g_free(layout.release);
}

/* Intake */

static char *
write_file(Fixture *f, const char *name, const GByteArray *bytes)
{
    g_assert_true(lab_file_write(f->fd, name, bytes->data, (gssize)bytes->len, 0644, NULL));
    return g_build_filename(f->path, name, NULL);
}

static LabKernel *
take(Fixture *f, const char *first, const char *second, GError **error)
{
    const char *const sources[] = {first, second, NULL};
    LabIntakeOptions options = {.data = f->data, .cache = f->cache};

    return lab_intake(sources, &options, error);
}

static gboolean
has(const LabKernel *kernel, const char *name)
{
    g_autofree char *path = g_build_filename(kernel->directory, name, NULL);

    return lab_file_exists(AT_FDCWD, path);
}

/* What a failed intake may leave: the store's lock, nothing else. */
static void
assert_store_is_empty(Fixture *f)
{
    g_autofree char *path = g_build_filename(f->data, "kernels", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        g_assert_cmpstr(name, ==, LAB_KERNEL_LOCK);
}

static GByteArray *
image_package(const char *release, gboolean rpm, int filter)
{
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(release, NULL);
    g_autoptr(GByteArray) image = fake_bzimage(release, vmlinux, ARCHIVE_FILTER_ZSTD);
    g_autoptr(GByteArray) module = fake_module("hello", release);
    g_autoptr(GByteArray) packed = fake_compress(module->data, module->len, ARCHIVE_FILTER_XZ);
    g_autofree char *image_path = g_strdup_printf("./boot/vmlinuz-%s", release);
    g_autofree char *config_path = g_strdup_printf("./boot/config-%s", release);
    g_autofree char *map_path = g_strdup_printf("./boot/System.map-%s", release);
    g_autofree char *module_path = g_strdup_printf("./lib/modules/%s/kernel/hello.ko.xz", release);
    const FakeFile files[] = {{image_path, image->data, image->len},
                              {config_path, "CONFIG_KSM=y\n", 13},
                              {map_path, "The real System.map is elsewhere\n", 33},
                              {module_path, packed->data, packed->len},
                              {NULL}};

    return rpm ? fake_rpm("kernel", "1", "1.el7", files, filter)
               : fake_deb("linux-image-x", "1.0-1", files, filter);
}

static void
assert_taken(LabKernel *kernel)
{
    g_assert_cmpstr(kernel->release, ==, RELEASE);
    g_assert_cmpstr(kernel->version, ==, "#1 SMP Test 1");
    g_assert_cmpstr(kernel->verification, ==, "unverified");
    g_assert_true(kernel->has_pvh);
    g_assert_true(kernel->has_modules);
    g_assert_true(has(kernel, "vmlinux"));
    g_assert_true(has(kernel, "vmlinuz"));
    g_assert_false(has(kernel, "System.map"));
    g_assert_true(has(kernel, "modules/kernel/hello.ko"));
    g_assert_false(has(kernel, "modules/kernel/hello.ko.xz"));
    g_assert_true(has(kernel, "modules/modules.dep"));
    g_assert_true(has(kernel, "modules/modules.softdep"));
    g_assert_cmpstr(lab_kernel_config(kernel, "KSM"), ==, "y");
}

static void
test_take_deb(Fixture *f, gconstpointer unused)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD,
                                  ARCHIVE_FILTER_NONE};
    g_autofree char *digest = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
        g_autoptr(GByteArray) deb = image_package(RELEASE, FALSE, filters[i]);
        g_autofree char *path = write_file(f, "x.deb", deb);
        g_autoptr(GError) error = NULL;
        g_autoptr(LabKernel) kernel = take(f, path, NULL, &error);

        g_assert_no_error(error);
        assert_taken(kernel);
        g_assert_cmpstr(kernel->id, ==, RELEASE);
        g_assert_cmpstr(kernel->package, ==, "linux-image-x");
        g_assert_cmpstr(kernel->package_version, ==, "1.0-1");
        if (digest)
            g_assert_cmpstr(kernel->digest, ==, digest);
        g_free(digest);
        digest = g_strdup(kernel->digest);
    }
}

static void
test_take_rpm(Fixture *f, gconstpointer unused)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ,
                                  ARCHIVE_FILTER_LZMA, ARCHIVE_FILTER_ZSTD};

    for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
        g_autoptr(GByteArray) rpm = image_package(RELEASE, TRUE, filters[i]);
        g_autofree char *path = write_file(f, "x.rpm", rpm);
        g_autoptr(GError) error = NULL;
        g_autoptr(LabKernel) kernel = NULL;

        /* rpm, where there is one, would hold the package against digests that it does not have. */
        kernel = take(f, path, NULL, &error);
        g_assert_no_error(error);
        assert_taken(kernel);
        g_assert_cmpstr(kernel->format, ==, "rpm");
        g_assert_cmpstr(kernel->package_version, ==, "1-1.el7");
        g_assert_true(has(kernel, "changelog"));
    }
}

static void
test_take_parts(Fixture *f, gconstpointer unused)
{
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(RELEASE, NULL);
    g_autoptr(GByteArray) image = fake_bzimage(RELEASE, vmlinux, ARCHIVE_FILTER_GZIP);
    g_autoptr(GByteArray) module = fake_module("hello", RELEASE);
    const FakeFile binary[] = {{"./usr/lib/modules/" RELEASE "/vmlinuz", image->data, image->len},
                               {NULL}};
    const FakeFile modules[] = {
        {"./usr/lib/modules/" RELEASE "/kernel/hello.ko", module->data, module->len}, {NULL}};
    g_autoptr(GByteArray) first = fake_deb("linux-binary-x", "2", binary, ARCHIVE_FILTER_XZ);
    g_autoptr(GByteArray) second = fake_deb("linux-modules-x", "3", modules, ARCHIVE_FILTER_XZ);
    g_autofree char *a = write_file(f, "a.deb", second);
    g_autofree char *b = write_file(f, "b.deb", first);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabKernel) kernel = take(f, a, b, &error);

    g_assert_no_error(error);
    g_assert_true(kernel->has_modules);
    g_assert_cmpstr(kernel->package, ==, "linux-binary-x");
    g_assert_cmpstr(lab_kernel_config(kernel, "KSM"), ==, "?");
}

static void
test_take_other_of_same_release(Fixture *f, gconstpointer unused)
{
    g_autoptr(GByteArray) deb = image_package(RELEASE, FALSE, ARCHIVE_FILTER_XZ);
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(RELEASE, "CONFIG_OTHER=y\n");
    g_autofree char *package = write_file(f, "x.deb", deb);
    g_autofree char *bare = write_file(f, "vmlinux", vmlinux);
    g_autoptr(LabKernel) first = take(f, package, NULL, NULL);
    g_autoptr(LabKernel) second = take(f, bare, NULL, NULL);
    g_autoptr(LabKernel) again = take(f, bare, NULL, NULL);
    g_autofree char *expected = g_strdup_printf(RELEASE "+%.8s", second->digest);
    g_autoptr(GPtrArray) all = lab_kernel_list(f->data, NULL);

    g_assert_cmpstr(first->id, ==, RELEASE);
    g_assert_cmpstr(second->id, ==, expected);
    g_assert_cmpstr(again->id, ==, expected);
    g_assert_cmpstr(lab_kernel_config(second, "OTHER"), ==, "y");
    g_assert_cmpuint(all->len, ==, 2);
}

static void
test_take_url(Fixture *f, gconstpointer unused)
{
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(RELEASE, NULL);
    g_autoptr(GByteArray) other = fake_vmlinux("6.1.0-8-test", NULL);
    g_autofree char *path = write_file(f, "vmlinux", vmlinux);
    g_autofree char *url = g_strconcat("file://", path, NULL);
    g_autofree char *pinned = NULL;
    g_autofree char *again = NULL;
    g_autofree char *hex =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, vmlinux->data, vmlinux->len);
    g_autoptr(GError) changed = NULL;
    g_autoptr(GError) plain = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(LabKernel) first = take(f, url, NULL, &error);
    g_autoptr(LabKernel) second = NULL;

    g_assert_no_error(error);
    g_assert_cmpstr(first->verification, ==, "unverified");
    pinned = g_strconcat(url, "#sha256=", hex, NULL);
    second = take(f, pinned, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(second->verification, ==, "pinned");
    /* What was recorded at first use is required, unless the cache has it. */
    again = write_file(f, "vmlinux", other);
    g_assert_true(lab_path_remove(AT_FDCWD, f->cache, NULL));
    g_assert_null(take(f, url, NULL, &changed));
    g_assert_error(changed, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
    g_assert_nonnull(strstr(changed->message, "changed or damaged"));
    g_assert_null(take(f, "http://localhost/x.deb", NULL, &plain));
    g_assert_error(plain, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
}

static void
test_refused(Fixture *f, gconstpointer unused)
{
    g_autoptr(GByteArray) vmlinux = fake_vmlinux(RELEASE, NULL);
    g_autoptr(GByteArray) image = fake_bzimage(RELEASE, vmlinux, ARCHIVE_FILTER_GZIP);
    const FakeFile out[] = {{"./boot/../../x", "x", 1}, {NULL}};
    const FakeFile empty[] = {{"./usr/share/doc/x", "x", 1}, {NULL}};
    const FakeFile two[] = {{"./boot/vmlinuz-1.0", image->data, image->len},
                            {"./lib/modules/2.0/kernel/x.ko", "x", 1},
                            {NULL}};
    const FakeFile wrong[] = {{"./boot/vmlinuz-1.0", image->data, image->len}, {NULL}};
    const FakeFile text[] = {{"./boot/vmlinuz-1.0", "just text", 9}, {NULL}};
    const struct {
        const FakeFile *files;
        const char *says;
    } rows[] = {
        {out, "'..'"},
        {empty, "no boot image"},
        {two, "two kernels"},
        {wrong, "the boot image is release"},
        {text, "not an x86 bzImage"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) deb = fake_deb("x", "1", rows[i].files, ARCHIVE_FILTER_XZ);
        g_autofree char *path = write_file(f, "x.deb", deb);
        g_autoptr(GError) error = NULL;

        g_assert_null(take(f, path, NULL, &error));
        g_assert_nonnull(strstr(error->message, rows[i].says));
        g_assert_cmpint(lab_error_exit_code(error), ==, LAB_EXIT_CONFIG);
        assert_store_is_empty(f);
    }
}

static void
test_cut_package(Fixture *f, gconstpointer unused)
{
    g_autoptr(GByteArray) deb = image_package(RELEASE, FALSE, ARCHIVE_FILTER_XZ);

    for (guint cut = 10; cut < deb->len; cut += deb->len / 23) {
        GByteArray part = {.data = deb->data, .len = cut};
        g_autofree char *path = write_file(f, "x.deb", &part);
        g_autoptr(GError) error = NULL;

        g_assert_null(take(f, path, NULL, &error));
        g_assert_cmpint(lab_error_exit_code(error), ==, LAB_EXIT_CONFIG);
        assert_store_is_empty(f);
    }
}

static void
test_remove(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GError) error = NULL;

    add_entry(f, "1.0-x", NULL);
    g_assert_true(lab_kernel_remove(f->data, "1.0-x", NULL));
    all = lab_kernel_list(f->data, NULL);
    g_assert_cmpuint(all->len, ==, 0);
    g_assert_false(lab_kernel_remove(f->data, "../kernels", &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
}

/* Modules: a stand-in for a headers tree shows what make is asked for. */
static LabKernel *
add_headers(Fixture *f, const char *makefile)
{
    g_autoptr(GPtrArray) all = NULL;
    g_autofree char *directory = NULL;
    g_autofree char *json = NULL;
    LAB_AUTO_FD fd = -1;

    add_entry(f, "4.4.0-test", NULL);
    directory = g_build_filename(f->data, "kernels", "4.4.0-test", NULL);
    fd = lab_dir_make(AT_FDCWD, directory, 0755, NULL);
    g_assert_true(
        lab_file_write(fd, "headers.json",
                       "{\"schema_version\": 1, \"build\": \"headers\", \"compiler\": \"gcc-0\"}",
                       -1, 0644, NULL));
    g_assert_cmpint(mkdirat(fd, "headers", 0755), ==, 0);
    g_assert_true(lab_file_write(fd, "headers/Makefile", makefile, -1, 0644, NULL));
    all = lab_kernel_list(f->data, NULL);
    return g_ptr_array_steal_index(all, 0);
}

static char *
add_module_source(Fixture *f)
{
    LAB_AUTO_FD fd = lab_dir_make(f->fd, "source", 0755, NULL);

    g_assert_true(lab_file_write(fd, "hello.c", "int hello;\n", -1, 0644, NULL));
    return g_build_filename(f->path, "source", NULL);
}

static void
test_module_is_built_once(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabKernel)
        kernel = add_headers(f, "modules:\n\t@echo CC=$(CC) KCFLAGS=$(KCFLAGS)\n\t@cp $(M)/Kbuild "
                                "$(M)/hello.ko\n");
    g_autofree char *source = add_module_source(f);
    g_autofree char *made = NULL;
    g_autofree char *log = NULL;
    g_auto(LabModuleBuild) first = {0};
    g_auto(LabModuleBuild) second = {0};
    g_autoptr(GError) error = NULL;

    lab_module_build(kernel, source, f->cache, &first, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(first.why, ==, NULL);
    g_assert_true(first.built);
    g_assert_false(first.cached);
    made = lab_file_read(AT_FDCWD, first.modules[0], 1000, NULL, NULL);
    g_assert_cmpstr(made, ==, "obj-m := hello.o\n");
    log = lab_file_read(AT_FDCWD, first.log, 1000, NULL, NULL);
    g_assert_nonnull(strstr(log, "CC=gcc -fno-pie KCFLAGS=-fcf-protection=none -Wno-error"));
    g_assert_true(lab_module_build(kernel, source, f->cache, &second, NULL));
    g_assert_true(second.cached);
    g_assert_cmpstr(second.modules[0], ==, first.modules[0]);
}

static void
test_module_that_fails_is_a_value(Fixture *f, gconstpointer unused)
{
    g_autoptr(LabKernel) kernel =
        add_headers(f, "modules:\n\t@echo $(M)/hello.c:2:1: error: no such thing\n\t@false\n");
    g_autofree char *source = add_module_source(f);
    g_auto(LabModuleBuild) build = {0};

    g_assert_true(lab_module_build(kernel, source, f->cache, &build, NULL));
    g_assert_false(build.built);
    g_assert_true(g_str_has_prefix(build.why, "does not build: hello.c:2:1: error: no such thing"));
    g_assert_true(lab_file_exists(AT_FDCWD, build.log));
}

static void
test_module_needs_headers(Fixture *f, gconstpointer unused)
{
    g_autoptr(GPtrArray) all = NULL;
    g_autofree char *source = add_module_source(f);
    g_auto(LabModuleBuild) build = {0};

    add_entry(f, "4.4.0-test", NULL);
    all = lab_kernel_list(f->data, NULL);
    g_assert_true(lab_module_build(all->pdata[0], source, f->cache, &build, NULL));
    g_assert_false(build.built);
    g_assert_nonnull(strstr(build.why, "--headers"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/kernel/" name, Fixture, NULL, set_up, function, tear_down)
    ADD("list-and-match", test_list_and_match);
    ADD("config", test_config);
    g_test_add_func("/kernel/json-needs-identity", test_json_needs_identity);
    ADD("remove", test_remove);
    g_test_add_func("/kernel/bzimage", test_bzimage);
    g_test_add_func("/kernel/bzimage-legacy-lz4", test_bzimage_legacy_lz4);
    g_test_add_func("/kernel/bzimage-damaged", test_bzimage_damaged);
    g_test_add_func("/kernel/vmlinux-damaged", test_vmlinux_damaged);
    g_test_add_func("/kernel/version-text", test_version_text);
    g_test_add_func("/kernel/deb-fields", test_deb_fields);
    g_test_add_func("/kernel/rpm-header", test_rpm_header);
    g_test_add_func("/kernel/rpm-signature", test_rpm_signature);
    g_test_add_func("/kernel/layouts", test_layouts);
    ADD("take-deb", test_take_deb);
    ADD("take-rpm", test_take_rpm);
    ADD("take-parts", test_take_parts);
    ADD("take-other-of-same-release", test_take_other_of_same_release);
    ADD("take-url", test_take_url);
    ADD("refused", test_refused);
    ADD("cut-package", test_cut_package);
    ADD("module-is-built-once", test_module_is_built_once);
    ADD("module-that-fails-is-a-value", test_module_that_fails_is_a_value);
    ADD("module-needs-headers", test_module_needs_headers);
    return g_test_run();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's command line made from libvirt's, and the heads of kernel images. */
#include <elf.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-native-argv.h"
#include "lab-native-head.h"

/* As libvirt 9.0 writes it for two NUMA nodes and the user network, shortened. */
#define BEGIN                                                                                   \
    "LC_ALL=C HOME=/x /usr/bin/qemu-system-x86_64 -name guest=kreglab-1,debug-threads=on -S "   \
    "-object '{\"qom-type\":\"secret\",\"id\":\"masterKey0\",\"file\":\"/x/master-key.aes\"}' " \
    "-machine pc-i440fx-7.2,usb=off -accel tcg "
#define RAM(node)                                                                                  \
    "-object '{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node" node "\",\"size\":1048576}'" \
    " "
#define PORTS                                                                 \
    "-no-user-config -nodefaults "                                            \
    "-chardev socket,id=charmonitor,path=/x/monitor.sock,server=on,wait=off " \
    "-mon chardev=charmonitor,id=monitor,mode=control -no-shutdown "          \
    "-chardev socket,id=charserial0,path=/run/g1/con "                        \
    "-chardev socket,id=charchannel0,path=/run/g1/agent "                     \
    "-chardev socket,id=charchannel1,path=/run/g1/dump "
#define END                                                                              \
    "-kernel /run/g1/kernel -initrd /store/initramfs -append 'console=ttyS0 a=\"b c\"' " \
    "-blockdev '{\"driver\":\"file\",\"filename\":\"/run/g1/disk0\"}' "                  \
    "-netdev '{\"type\":\"tap\",\"fd\":\"5\",\"id\":\"hostnet0\"}' "                     \
    "-sandbox on,spawn=deny -msg timestamp=on"

static char *
line_of(char **argv)
{
    return g_strjoinv("\n", argv);
}

static void
test_argv(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t)
        command = lab_native_argv_parse(BEGIN RAM("0") RAM("1") PORTS END, "/run/g1", &error);
    g_auto(GStrv) boot = NULL;
    g_auto(GStrv) clone = NULL;
    g_autofree char *boot_line = NULL;
    g_autofree char *clone_line = NULL;

    g_assert_no_error(error);
    g_assert_cmpuint(json_array_size(lab_json_member(command, "ram")), ==, 2);
    boot = lab_native_argv_make(command, "/run/g7", FALSE);
    boot_line = line_of(boot);
    clone = lab_native_argv_make(command, "/run/g8", TRUE);
    clone_line = line_of(clone);
    g_assert_cmpstr(boot[0], ==, "/usr/bin/qemu-system-x86_64");
    g_assert_nonnull(strstr(boot_line, "\"mem-path\":\"/proc/self/fd/9\",\"share\":true"));
    g_assert_null(strstr(boot_line, "\"share\":false"));
    g_assert_null(strstr(boot_line, "-incoming"));
    g_assert_nonnull(strstr(boot_line, "-kernel\n/run/g7/kernel\n-initrd\n/run/g7/initramfs\n"));
    g_assert_nonnull(strstr(boot_line, "/run/g7/disk0"));
    g_assert_nonnull(strstr(boot_line, "socket,id=charserial0,fd=3"));
    g_assert_nonnull(strstr(boot_line, "{\"type\":\"user\",\"id\":\"hostnet0\"}"));
    g_assert_nonnull(strstr(boot_line, "console=ttyS0 a=\"b c\""));
    g_assert_nonnull(strstr(boot_line, "-name\n/run/g7/"));
    g_assert_nonnull(strstr(boot_line, "-action\nreboot=shutdown,shutdown=pause,panic=pause"));
    g_assert_false(g_strv_contains((const char *const *)boot, "-S"));
    g_assert_null(strstr(boot_line, "masterKey0"));
    g_assert_null(strstr(clone_line, "\"share\":true"));
    g_assert_nonnull(strstr(clone_line, "-incoming\ndefer"));
    g_assert_null(strstr(clone_line, "/run/g1"));
    g_assert_null(strstr(clone_line, "/run/g7"));
}

static void
refused(const char *native)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) command = lab_native_argv_parse(native, "/run/g1", &error);

    g_assert_null(command);
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
}

static void
test_argv_refused(void)
{
    refused("");
    refused("LC_ALL=C");
    refused("/usr/bin/qemu 'unbalanced");
    refused(BEGIN PORTS END); /* no memory that could be a file */
    refused(BEGIN RAM("0") PORTS "-chardev pty,id=charserial1 " END);
    refused(BEGIN RAM("0") PORTS "-object memory-backend-ram,id=x " END);
    refused(BEGIN RAM("0") PORTS END " stray");
    refused(BEGIN RAM("0") PORTS END " -last");
}

static void
test_sandbox(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t)
        command = lab_native_argv_parse(BEGIN RAM("0") PORTS "-m 1", "/run/g1", &error);
    g_auto(GStrv) argv = NULL;
    g_autofree char *line = NULL;

    g_assert_no_error(error);
    argv = lab_native_argv_make(command, "/run/g1", TRUE);
    line = line_of(argv);
    g_assert_nonnull(strstr(line, "-sandbox\non,"));
    g_assert_nonnull(strstr(line, "spawn=deny"));
}

static GBytes *
head_of(const void *bytes, gsize length, GError **error)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("kreglab-head-XXXXXX", &path, NULL);
    GBytes *head;

    g_assert_cmpint(write(fd, bytes, length), ==, (gssize)length);
    close(fd);
    head = lab_native_head(path, error);
    g_unlink(path);
    return head;
}

static void
test_head_bzimage(void)
{
    g_autofree guint8 *image = g_malloc0(1u << 20);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) head = NULL;
    g_autoptr(GBytes) none = NULL;

    none = head_of(image, 1u << 20, &error);
    g_assert_null(none);
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    image[0x1f1] = 27;
    memcpy(image + 0x202, "HdrS", 4);
    head = head_of(image, 1u << 20, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(head), ==, 29 * 512);
}

typedef struct {
    Elf64_Ehdr header;
    Elf64_Phdr note;
    Elf64_Nhdr other;
    char other_name[8], other_data[4];
    Elf64_Nhdr xen;
    char xen_name[4];
    guint64 entry;
} Kernel;

static void
test_head_elf(void)
{
    Kernel kernel = {.header = {.e_phoff = offsetof(Kernel, note), .e_phnum = 1},
                     .note = {.p_type = PT_NOTE,
                              .p_offset = offsetof(Kernel, other),
                              .p_filesz = sizeof kernel - offsetof(Kernel, other)},
                     .other = {6, 4, 1},
                     .other_name = "Linux",
                     .xen = {4, 8, 18},
                     .xen_name = "Xen"};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) head = NULL;
    g_autoptr(GBytes) again = NULL;
    g_autoptr(GBytes) none = NULL;
    guint64 entry = 0x1000200;

    memcpy(kernel.header.e_ident, ELFMAG, SELFMAG);
    kernel.header.e_ident[EI_CLASS] = ELFCLASS64;
    memcpy(&kernel.entry, &entry, sizeof entry);
    head = head_of(&kernel, sizeof kernel, &error);
    g_assert_no_error(error);
    /* Its own note is found, too. */
    again = head_of(g_bytes_get_data(head, NULL), g_bytes_get_size(head), &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(head, again));
    kernel.xen.n_namesz = 0xfffffff0u;
    none = head_of(&kernel, sizeof kernel, &error);
    g_assert_null(none);
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/argv", test_argv);
    g_test_add_func("/native/argv/refused", test_argv_refused);
    g_test_add_func("/native/argv/sandbox", test_sandbox);
    g_test_add_func("/native/head/bzimage", test_head_bzimage);
    g_test_add_func("/native/head/elf", test_head_elf);
    return g_test_run();
}

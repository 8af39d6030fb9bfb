/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives and what is parsed out of packages. Whatever the bytes, nothing may be written beside
 * the target directory. */
#include <fcntl.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab-archive.h"
#include "lab-boot-image.h"
#include "lab-file.h"
#include "lab-rpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *directory;

static void
remove_directory(void)
{
    lab_path_remove(AT_FDCWD, directory, NULL);
    g_free(directory);
}

static void
fuzz_archive(const uint8_t *data, size_t size)
{
    static int outer = -1;
    LabArchiveOptions options = {.max_bytes = 1u << 20, .max_entries = 100, .link_root = ""};
    g_autoptr(GByteArray) plain = NULL;
    LAB_AUTO_FD fd = -1;

    if (outer < 0) {
        directory = g_dir_make_tmp("kreglab-fuzz-XXXXXX", NULL);
        outer = lab_dir_open(AT_FDCWD, directory, NULL);
        g_assert_cmpint(outer, >=, 0);
        atexit(remove_directory);
    }
    fd = lab_dir_make(outer, "in", 0700, NULL);
    lab_archive_extract_memory(data, size, "fuzz", fd, &options, NULL, NULL);
    g_assert_false(lab_file_exists(outer, "escaped"));
    g_assert_true(lab_path_remove(outer, "in", NULL));
    plain = lab_archive_decompress(data, size, 0, 1u << 20, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(LabVmlinuxNotes) notes = {0};
    g_auto(LabRpm) rpm = {0};
    g_autofree char *text = lab_bzimage_version_text(data, size);
    g_autofree char *banner = lab_vmlinux_banner(data, size);
    g_autofree char *config = lab_vmlinux_config(data, size);
    g_autoptr(GByteArray) vmlinux = lab_bzimage_unpack(data, size, NULL);

    lab_vmlinux_read_notes(data, size, &notes, NULL);
    if (vmlinux) {
        lab_vmlinux_notes_clear(&notes);
        lab_vmlinux_read_notes(vmlinux->data, vmlinux->len, &notes, NULL);
    }
    lab_rpm_read(data, size, &rpm, NULL);
    fuzz_archive(data, size);
    return 0;
}

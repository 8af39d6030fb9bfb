/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a staged kernel says about itself: release, version, vmlinux, build-id, config, digest. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-archive.h"
#include "lab-boot-image.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-stage.h"

/* Maps a file of the stage read-only; packages are files that nobody truncates while we hold the
 * stage's lock. NULL when it is absent. */
static GMappedFile *
map_file(LabStage *stage, const char *name, GError **error)
{
    LAB_AUTO_FD fd = openat(stage->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd < 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "no '%s'", name);
        return NULL;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > LAB_VMLINUX_MAX_BYTES) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                    "'%s' is no file or larger than any kernel", name);
        return NULL;
    }
    return g_mapped_file_new_from_fd(fd, FALSE, error);
}

/* Takes release and version from a version text; the release has to agree with the paths'. */
static gboolean
take_version_text(LabStage *stage, const char *text, GError **error)
{
    g_autofree char *release = NULL;
    g_autofree char *version = NULL;

    if (!text || !lab_version_text_split(text, &release, &version))
        return TRUE;
    if (stage->layout.release && strcmp(stage->layout.release, release) != 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                    "the boot image is release '%s', but its package or modules are of '%s'",
                    release, stage->layout.release);
        return FALSE;
    }
    if (!stage->layout.release)
        stage->layout.release = g_steal_pointer(&release);
    if (version && !stage->kernel->version)
        stage->kernel->version = g_steal_pointer(&version);
    return TRUE;
}

/* vmlinuz -> vmlinux. */
static gboolean
unpack_image(LabStage *stage, GError **error)
{
    g_autoptr(GMappedFile) image = map_file(stage, "vmlinuz", error);
    g_autoptr(GByteArray) vmlinux = NULL;
    g_autofree char *text = NULL;
    const char *bytes;
    gsize length;

    if (!image)
        return FALSE;
    bytes = g_mapped_file_get_contents(image);
    length = g_mapped_file_get_length(image);
    text = lab_bzimage_version_text(bytes, length);
    if (!take_version_text(stage, text, error))
        return FALSE;
    lab_stage_progress(stage, 0, 0, "unpacking vmlinux");
    vmlinux = lab_bzimage_unpack(bytes, length, error);
    return vmlinux &&
           lab_file_write(stage->fd, "vmlinux", vmlinux->data, vmlinux->len, 0644, error);
}

static gboolean
read_vmlinux(LabStage *stage, GError **error)
{
    g_autoptr(GMappedFile) vmlinux = map_file(stage, "vmlinux", error);
    g_auto(LabVmlinuxNotes) notes = {0};
    g_autofree char *banner = NULL;
    g_autofree char *config = NULL;
    const char *bytes;
    gsize length;

    if (!vmlinux)
        return FALSE;
    bytes = g_mapped_file_get_contents(vmlinux);
    length = g_mapped_file_get_length(vmlinux);
    if (!lab_vmlinux_read_notes(bytes, length, &notes, error))
        return FALSE;
    stage->kernel->has_pvh = notes.has_pvh;
    stage->kernel->build_id = g_steal_pointer(&notes.build_id);
    banner = lab_vmlinux_banner(bytes, length);
    if (!take_version_text(stage, banner, error))
        return FALSE;
    if (lab_file_exists(stage->fd, "config"))
        return TRUE;
    config = lab_vmlinux_config(bytes, length);
    return !config || lab_file_write(stage->fd, "config", config, -1, 0644, error);
}

/* Debian ships a line of text in the place of System.map. A real one starts with an address, a
 * type letter and a name, and has thousands of lines. */
static void
drop_stub_map(LabStage *stage)
{
    g_autoptr(GMappedFile) map = map_file(stage, "System.map", NULL);
    const char *text = map ? g_mapped_file_get_contents(map) : NULL;

    if (map && g_mapped_file_get_length(map) > 65536 && strspn(text, "0123456789abcdef") == 16 &&
        text[16] == ' ')
        return;
    unlinkat(stage->fd, "System.map", 0);
}

/* The changelog comes compressed; it is a convenience, so damage is worth a warning only. */
static void
unpack_changelog(LabStage *stage)
{
    g_autoptr(GError) error = NULL;

    if (lab_file_exists(stage->fd, "changelog.gz") &&
        !lab_archive_decompress_file(stage->fd, "changelog.gz", "changelog",
                                     LAB_CHANGELOG_MAX_BYTES, &error)) {
        lab_warn("the package's changelog is left out: %s", error->message);
        unlinkat(stage->fd, "changelog.gz", 0);
    }
}

static gboolean
digest_image(LabStage *stage, GChecksum *sum, GError **error)
{
    const char *name = lab_file_exists(stage->fd, "vmlinuz") ? "vmlinuz" : "vmlinux";
    g_autofree char *hex = lab_sha256_file(stage->fd, name, error);

    if (!hex)
        return FALSE;
    g_checksum_update(sum, (const guchar *)hex, -1);
    return TRUE;
}

static void
note_verification(LabStage *stage)
{
    static const char *const words[] = {
        [LAB_TRUST_UNVERIFIED] = "unverified",
        [LAB_TRUST_PINNED] = "pinned",
        [LAB_TRUST_VERIFIED] = "verified",
    };
    LabKernel *kernel = stage->kernel;

    kernel->verification = g_strdup(words[stage->files > 0 ? stage->trust : LAB_TRUST_UNVERIFIED]);
    if (stage->trust != LAB_TRUST_UNVERIFIED && stage->trust_by->len > 0)
        kernel->verified_by = g_strdup(stage->trust_by->str);
}

gboolean
lab_stage_finish(LabStage *stage, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    LabKernel *kernel = stage->kernel;
    gboolean has_vmlinuz = lab_file_exists(stage->fd, "vmlinuz");

    if (!has_vmlinuz && !lab_file_exists(stage->fd, "vmlinux")) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "no boot image (vmlinuz) in what was given: name the package that has it too "
                    "(linux-image-…, linux-binary-…, kernel-core-…)");
        return FALSE;
    }
    if ((has_vmlinuz && !unpack_image(stage, error)) || !read_vmlinux(stage, error))
        return FALSE;
    if (!stage->layout.release) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "the boot image does not say its release: it is no Linux kernel, or damaged");
        return FALSE;
    }
    kernel->release = g_strdup(stage->layout.release);
    drop_stub_map(stage);
    unpack_changelog(stage);
    if (!digest_image(stage, sum, error) || !lab_stage_finish_modules(stage, sum, error))
        return FALSE;
    kernel->digest = g_strdup(g_checksum_get_string(sum));
    note_verification(stage);
    return TRUE;
}

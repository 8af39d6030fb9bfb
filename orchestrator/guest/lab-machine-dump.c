/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps from outside, by QEMU, made readable and filtered.
 *
 * The ELF way comes first: makedumpfile can filter it whatever KASLR did, and QEMU writes it faster
 * than it compresses. A kdump file has no room for the direct map's base, so that of a guest with
 * KASLR stays whole: it is what is left when the ELF way does not work. */
#include "lab-machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lab-dump-level.h"
#include "lab-elf-address.h"
#include "lab-elf-mend.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-kdump-mend.h"
#include "lab-log.h"
#include "lab-proc.h"
#include "lab-unflatten.h"

#define DUMP_SLACK (64u << 20)

/* `makedumpfile -l -d 31` (lab-dump-level.h): leaves out free, zero, cache and user pages. LZO is
 * the fastest that Debian's makedumpfile has (zstd is silently ignored there). */
static gboolean
filter(const char *release, const char *from, const char *to, gint64 deadline_us, GError **error)
{
    g_autofree char *level = g_strdup_printf("%u", lab_dump_level(release));
    const char *const argv[] = {
        "makedumpfile", "--message-level", "4", "-l", "-d", level, from, to, NULL};
    const LabProcOptions options = {
        .timeout_ms = MAX((deadline_us - g_get_monotonic_time()) / 1000, 1),
        .merge = TRUE,
    };
    g_auto(LabProcResult) result = {0};
    struct stat st;

    (void)unlink(to);
    if (lab_proc_check(argv, &options, &result, error)) {
        if (stat(to, &st) == 0 && st.st_size > 0)
            return TRUE;
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "makedumpfile wrote nothing");
    }
    (void)unlink(to);
    return FALSE;
}

/* The file becomes 'path': 0600, durable. */
static gboolean
keep(const char *file, const char *path, GError **error)
{
    LAB_AUTO_FD fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fchmod(fd, 0600) < 0 || fchown(fd, geteuid(), getegid()) < 0 || fsync(fd) < 0 ||
        rename(file, path) < 0)
        return lab_error_set_errno(error, errno, "keeping the dump '%s'", path);
    return TRUE;
}

/* QEMU writes kdump formats flattened. */
static gboolean
unflatten(const char *from, const char *to, guint64 max_bytes, GError **error)
{
    LAB_AUTO_FD in = open(from, O_RDONLY | O_CLOEXEC);
    LAB_AUTO_FD out =
        in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (in < 0 || out < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", in < 0 ? from : to);
    return lab_unflatten_file(in, out, max_bytes, error);
}

typedef struct {
    LabMachine *guest;
    gint64 deadline_us;
    char *from_qemu, *raw, *filtered; /* files that end with the dump */
    const char *path;
    GError *whole; /* why what was kept is not filtered, or NULL */
} Dump;

static void
dump_clear(Dump *dump)
{
    (void)unlink(dump->from_qemu);
    (void)unlink(dump->raw);
    (void)unlink(dump->filtered);
    g_free(dump->from_qemu);
    g_free(dump->raw);
    g_free(dump->filtered);
    g_clear_error(&dump->whole);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Dump, dump_clear)

/* QEMU writes all of the guest's memory, and a full disk hurts more than this guest. */
static gboolean
has_room(const Dump *dump, GError **error)
{
    guint64 need = dump->guest->base.cell->guest.memory_bytes + DUMP_SLACK;
    struct statvfs fs;

    if (statvfs(dump->guest->directory, &fs) < 0)
        return lab_error_set_errno(error, errno, "asking for the room in '%s'",
                                   dump->guest->directory);
    if ((guint64)fs.f_bavail * fs.f_frsize >= need)
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_LIMIT,
                "'%s' has no room for the %" G_GUINT64_FORMAT " MiB of an ELF dump",
                dump->guest->directory, need >> 20);
    return FALSE;
}

static const char *
release_of(const Dump *dump)
{
    return dump->guest->base.cell->kernel_release;
}

static gboolean
elf_filtered(Dump *dump, GError **error)
{
    gint64 start_us = g_get_monotonic_time(), written_us, mended_us, filtered_us;

    if (!has_room(dump, error) ||
        !dump->guest->how->write_core(dump->guest, dump->from_qemu, LAB_CORE_ELF, dump->deadline_us,
                                      error))
        return FALSE;
    written_us = g_get_monotonic_time();
    if (!lab_elf_mend(dump->from_qemu, error) || !lab_elf_address(dump->from_qemu, error))
        return FALSE;
    mended_us = g_get_monotonic_time();
    if (!filter(release_of(dump), dump->from_qemu, dump->filtered, dump->deadline_us, error))
        return FALSE;
    filtered_us = g_get_monotonic_time();
    if (!keep(dump->filtered, dump->path, error))
        return FALSE;
    lab_info("the dump: %d ms by QEMU, %d ms for its addresses, %d ms to filter, %d ms to sync",
             (int)((written_us - start_us) / 1000), (int)((mended_us - written_us) / 1000),
             (int)((filtered_us - mended_us) / 1000),
             (int)((g_get_monotonic_time() - filtered_us) / 1000));
    return TRUE;
}

static gboolean
take_raw(Dump *dump, LabCore format, GError **error)
{
    guint64 max_bytes = dump->guest->base.cell->guest.memory_bytes * 2 + DUMP_SLACK;

    return dump->guest->how->write_core(dump->guest, dump->from_qemu, format, dump->deadline_us,
                                        error) &&
           unflatten(dump->from_qemu, dump->raw, max_bytes, error);
}

/* Without KASLR makedumpfile filters a kdump file, too. */
static gboolean
kdump_zlib(Dump *dump, GError **error)
{
    g_autoptr(GError) unfiltered = NULL;

    if (!take_raw(dump, LAB_CORE_KDUMP_ZLIB, error) || !lab_kdump_mend(dump->raw, error))
        return FALSE;
    if (filter(release_of(dump), dump->raw, dump->filtered, dump->deadline_us, &unfiltered)) {
        g_clear_error(&dump->whole);
        return keep(dump->filtered, dump->path, error);
    }
    return keep(dump->raw, dump->path, error);
}

static gboolean
elf_whole(Dump *dump, GError **error)
{
    return has_room(dump, error) && take_raw(dump, LAB_CORE_ELF, error) &&
           lab_elf_mend(dump->raw, error) && keep(dump->raw, dump->path, error);
}

typedef struct {
    const char *method;
    gboolean (*take)(Dump *dump, GError **error);
} Way;

static const Way ways[] = {
    {"host-elf", elf_filtered},
    {"host-kdump-zlib", kdump_zlib},
    {"host-elf", elf_whole},
};

gboolean
lab_machine_dump(LabGuest *base, const char *path, gint64 timeout_ms, const char **method,
                 GError **error)
{
    LabMachine *guest = (LabMachine *)base;
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_auto(Dump) dump = {
        .guest = guest,
        .deadline_us = g_get_monotonic_time() + timeout_ms * 1000,
        .from_qemu = g_build_filename(guest->directory, "core", NULL),
        .raw = g_strdup_printf("%s/.%s.host", directory, name),
        .filtered = g_strdup_printf("%s/.%s.filtered", directory, name),
        .path = path,
    };

    if (!lab_guest_pause(base, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(GError) failure = NULL;

        (void)unlink(dump.from_qemu);
        if (ways[i].take(&dump, &failure)) {
            *method = ways[i].method;
            base->dump_whole = dump.whole ? g_strdup(dump.whole->message) : NULL;
            return TRUE;
        }
        lab_info("%s: %s", ways[i].method, failure->message);
        if (!dump.whole)
            dump.whole = g_steal_pointer(&failure);
        if (g_get_monotonic_time() > dump.deadline_us)
            break;
    }
    g_propagate_error(error, g_steal_pointer(&dump.whole));
    return FALSE;
}

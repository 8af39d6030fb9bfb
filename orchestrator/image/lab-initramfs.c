/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-initramfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-initramfs-private.h"

/* Whole files above this total go, the longest unused first, but none used in the last hour: a cell
 * may be about to open it. */
#define CACHE_MAX     (G_GINT64_CONSTANT(2) << 30)
#define CACHE_MIN_AGE 3600
#define BLOCK         4096

/* Writes a file of the cache through a temporary one. */
typedef gboolean Writer(int cache, int fd, gpointer data, GError **error);

static gboolean
cache_write(int cache, const char *name, Writer *writer, gpointer data, GError **error)
{
    g_autofree char *temporary = g_strdup_printf(".%s.%d.tmp", name, (int)getpid());
    LAB_AUTO_FD fd = openat(cache, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    gboolean ok;

    if (fd < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", name);
    ok = writer(cache, fd, data, error);
    /* umask may be strict, and a QEMU of another user reads this */
    if (ok &&
        (fchmod(fd, 0644) < 0 || fdatasync(fd) < 0 || renameat(cache, temporary, cache, name) < 0))
        ok = lab_error_set_errno(error, errno, "writing '%s'", name);
    if (!ok)
        unlinkat(cache, temporary, 0);
    return ok;
}

/* To whole blocks, which a file system that can shares with the files that parts are joined to.
 * Between archives the kernel passes over zeros (init/initramfs.c, unpack_to_rootfs()). */
static gboolean
pad(int fd, GError **error)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (end < 0 || ftruncate(fd, (end + BLOCK - 1) / BLOCK * BLOCK) < 0)
        return lab_error_set_errno(error, errno, "padding a part of an initramfs");
    return TRUE;
}

static gboolean
write_part(int cache, int fd, gpointer data, GError **error)
{
    LabPart *part = data;
    g_autoptr(LabCpio) cpio = lab_cpio_new(fd, error);

    return cpio && part->fill(part, cpio, error) && lab_cpio_finish(cpio, error) && pad(fd, error);
}

static gboolean
append_file(int fd, int cache, const char *name, GError **error)
{
    LAB_AUTO_FD from = openat(cache, name, O_RDONLY | O_CLOEXEC);

    if (from < 0)
        return lab_error_set_errno(error, errno, "reading '%s'", name);
    return lab_fd_copy(from, fd, name, error);
}

/* All parts one after the other, each made when it is not there yet. */
static gboolean
write_whole(int cache, int fd, gpointer data, GError **error)
{
    GPtrArray *parts = data;

    for (guint i = 0; i < parts->len; i++) {
        g_autofree char *name = lab_part_name(parts->pdata[i]);

        if (!lab_file_exists(cache, name) &&
            !cache_write(cache, name, write_part, parts->pdata[i], error))
            return FALSE;
        if (!append_file(fd, cache, name, error))
            return FALSE;
    }
    return TRUE;
}

static char *
whole_name(const char *kind, GPtrArray *parts)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (guint i = 0; i < parts->len; i++) {
        g_autofree char *name = lab_part_name(parts->pdata[i]);

        g_checksum_update(sum, (const guchar *)name, -1);
    }
    return g_strdup_printf("%s-%.20s.cpio", kind, g_checksum_get_string(sum));
}

typedef struct {
    char *name;
    gint64 size;
    gint64 used;
} Old;

static gint
older_first(gconstpointer a, gconstpointer b)
{
    const Old *x = *(Old *const *)a, *y = *(Old *const *)b;

    return x->used < y->used ? -1 : x->used > y->used;
}

static void
old_free(gpointer data)
{
    g_free(((Old *)data)->name);
    g_free(data);
}

/* Keeps the cache from growing for ever; with the lock held. Trouble here is no reason to fail. */
static void
prune(int cache, const char *directory)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(old_free);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    gint64 total = 0, now = (gint64)time(NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        struct stat st;
        Old *old;

        if (fstatat(cache, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
            strcmp(name, "lock") == 0)
            continue;
        old = g_new0(Old, 1);
        old->name = g_strdup(name);
        old->size = (gint64)st.st_blocks * 512;
        old->used = st.st_mtime;
        total += old->size;
        g_ptr_array_add(files, old);
    }
    g_ptr_array_sort(files, older_first);
    for (guint i = 0; i < files->len && total > CACHE_MAX; i++) {
        Old *old = files->pdata[i];

        if (old->used > now - CACHE_MIN_AGE || unlinkat(cache, old->name, 0) < 0)
            continue;
        total -= old->size;
    }
}

/* The time says when it was used last, to half an hour: who knows a file's digest by its times
 * would read it again after each use. FALSE: it is not there. */
static gboolean
touch(int cache, const char *name)
{
    struct stat st;

    if (fstatat(cache, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return FALSE;
    return st.st_mtime > time(NULL) - CACHE_MIN_AGE / 2 || utimensat(cache, name, NULL, 0) == 0;
}

/* The whole file of 'parts' below 'directory' (whose lock is not held); its name. */
static char *
make_whole(int cache, const char *directory, const char *kind, GPtrArray *parts, GError **error)
{
    g_autofree char *name = whole_name(kind, parts);
    LAB_AUTO_FD lock = -1;

    /* A file that vanishes here is made again below. */
    if (touch(cache, name))
        return g_steal_pointer(&name);
    lock = lab_lock_take(cache, "lock", TRUE, error);
    if (lock < 0)
        return NULL;
    if (lab_file_exists(cache, name))
        return g_steal_pointer(&name);
    prune(cache, directory);
    return cache_write(cache, name, write_whole, parts, error) ? g_steal_pointer(&name) : NULL;
}

static char *
make_capture(const LabInitramfsSpec *spec, int cache, const char *directory, GError **error)
{
    g_autoptr(GPtrArray) parts = lab_parts_of(spec, TRUE, error);
    g_autofree char *name = parts ? make_whole(cache, directory, "capture", parts, error) : NULL;

    if (!name) {
        g_prefix_error(error, "the capture kernel's initramfs: ");
        return NULL;
    }
    return g_build_filename(directory, name, NULL);
}

static char *
make(const LabInitramfsSpec *spec, int cache, const char *directory, GError **error)
{
    g_autoptr(GPtrArray) parts = lab_parts_of(spec, FALSE, error);
    g_autofree char *name = NULL;

    if (!parts)
        return NULL;
    if (spec->kdump) {
        g_autofree char *capture = make_capture(spec, cache, directory, error);
        LabPart *kit = capture ? lab_part_kit(spec, capture, error) : NULL;

        if (!kit)
            return NULL;
        g_ptr_array_add(parts, kit);
    }
    name = make_whole(cache, directory, "initramfs", parts, error);
    return name ? g_build_filename(directory, name, NULL) : NULL;
}

char *
lab_initramfs_make(const LabInitramfsSpec *spec, const char *cache, GError **error)
{
    g_autofree char *directory = g_build_filename(cache, "initramfs", NULL);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, directory, 0755, error);
    char *path = fd < 0 ? NULL : make(spec, fd, directory, error);

    if (!path)
        g_prefix_error(error, "making the initramfs for %s: ", spec->kernel->release);
    return path;
}

guint
lab_initramfs_crashkernel_mib(const LabInitramfsSpec *spec, const char *cache, GError **error)
{
    g_autofree char *directory = g_build_filename(cache, "initramfs", NULL);
    g_autofree char *image = g_build_filename(spec->kernel->directory, "vmlinuz", NULL);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, directory, 0755, error);
    g_autofree char *capture = fd < 0 ? NULL : make_capture(spec, fd, directory, error);
    struct stat initramfs, kernel;
    guint64 mib;

    if (!capture)
        return 0;
    if (stat(capture, &initramfs) < 0 || stat(image, &kernel) < 0) {
        lab_error_set_errno(error, errno, "sizes of the capture kit of %s", spec->kernel->release);
        return 0;
    }
    /* The image unpacked is near five times its size and lies in memory beside it for a moment, the
     * initramfs is there twice while it is unpacked, and 48 MiB are for the kernel at work and
     * makedumpfile. 128 MiB worked on 5.10 to 7.3 with 15 MB, 96 MiB did not on 6.1. */
    mib = 48 + ((guint64)kernel.st_size * 6 + (guint64)initramfs.st_size * 2) / (1 << 20);
    return (guint)MAX(128, (mib + 15) / 16 * 16);
}

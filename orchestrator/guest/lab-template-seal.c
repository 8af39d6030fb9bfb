/* SPDX-License-Identifier: GPL-2.0-or-later */
/* That a template's file still is what was saved.
 *
 * RAM is too large to be read each time. Whoever writes to a file changes its times, and the change
 * time cannot be set back; so size, inode and both times stand for its bytes. */
#include "lab-template-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"

#define PAGE  4096u
#define CHUNK (1u << 20)

static gint64
nanoseconds(const struct timespec *time)
{
    return (gint64)time->tv_sec * 1000000000 + time->tv_nsec;
}

static gboolean
is_zero(const guint8 *page)
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* Gives zero pages in a row back to the file system; that it cannot is no harm. */
static void
punch(int fd, off_t from, off_t to)
{
    if (to > from)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
}

/* The pages of one piece, a multiple of the page's size but for the file's last. */
static void
digest_piece(int fd, const guint8 *bytes, gsize length, off_t at, GChecksum *sum, gboolean punching)
{
    off_t zero_from = at;

    for (gsize done = 0; done < length; done += PAGE) {
        gsize n = MIN(PAGE, length - done);
        guint64 offset = GUINT64_TO_LE((guint64)at + done);

        if (n == PAGE && is_zero(bytes + done))
            continue;
        if (punching)
            punch(fd, zero_from, at + (off_t)done);
        zero_from = at + (off_t)(done + n);
        g_checksum_update(sum, (const guchar *)&offset, sizeof offset);
        g_checksum_update(sum, bytes + done, (gssize)n);
    }
    if (punching)
        punch(fd, zero_from, at + (off_t)length);
}

static gboolean
read_piece(int fd, guint8 *buffer, gsize length, off_t at, GError **error)
{
    gsize done = 0;

    while (done < length) {
        ssize_t n = pread(fd, buffer + done, length - done, at + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return lab_error_set_errno(error, n < 0 ? errno : EIO, "reading a template's file");
        done += (gsize)n;
    }
    return TRUE;
}

/* Holes are not read. */
static char *
digest(int fd, off_t size, gboolean punching, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree guint8 *buffer = g_malloc(CHUNK);
    off_t at = 0;

    while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && at < size) {
        off_t end = lseek(fd, at, SEEK_HOLE);

        at -= at % PAGE;
        while (at < end) {
            gsize length = (gsize)MIN((off_t)CHUNK, end - at);

            if (!read_piece(fd, buffer, length, at, error))
                return NULL;
            digest_piece(fd, buffer, length, at, sum, punching);
            at += (off_t)length;
        }
    }
    return g_strdup(g_checksum_get_string(sum));
}

json_t *
lab_template_seal(int directory, const char *name, GError **error)
{
    LAB_AUTO_FD fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    g_autofree char *hex = NULL;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        lab_error_set_errno(error, errno, "opening '%s'", name);
        return NULL;
    }
    hex = digest(fd, st.st_size, TRUE, error);
    if (!hex)
        return NULL;
    if (fsync(fd) < 0 || fstat(fd, &st) < 0) {
        lab_error_set_errno(error, errno, "syncing '%s'", name);
        return NULL;
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "name", name, "size", (json_int_t)st.st_size,
                     "inode", (json_int_t)st.st_ino, "mtime_ns",
                     (json_int_t)nanoseconds(&st.st_mtim), "ctime_ns",
                     (json_int_t)nanoseconds(&st.st_ctim), "sha256", hex);
}

gboolean
lab_template_check_seal(int directory, const json_t *seal, gboolean read, GError **error)
{
    const char *name = lab_json_string(seal, "name");
    LAB_AUTO_FD fd = name ? openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    g_autofree char *hex = NULL;
    const char *what = NULL;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        what = "is not there";
    else if (st.st_size != lab_json_int(seal, "size", -1))
        what = "has another size";
    else if ((gint64)st.st_ino != lab_json_int(seal, "inode", -1) ||
             nanoseconds(&st.st_mtim) != lab_json_int(seal, "mtime_ns", -1) ||
             nanoseconds(&st.st_ctim) != lab_json_int(seal, "ctime_ns", -1))
        what = "was changed since";
    if (!what && read) {
        hex = digest(fd, st.st_size, FALSE, error);
        if (!hex)
            return FALSE;
        if (g_strcmp0(hex, lab_json_string(seal, "sha256")) != 0)
            what = "has other bytes";
    }
    if (!what)
        return TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "its '%s' %s", name ? name : "?", what);
    return FALSE;
}

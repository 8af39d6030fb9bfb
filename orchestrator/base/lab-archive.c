/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lab-archive-tree.h"
#include "lab-error.h"
#include "lab-file.h"

#define DEFAULT_MAX_BYTES   ((guint64)16 << 30)
#define DEFAULT_MAX_ENTRIES 1000000
#define BLOCK_BYTES         65536

typedef struct archive Reader;

static void
reader_free(Reader *reader)
{
    archive_read_free(reader);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reader, reader_free)

/* One pass: what is common to the outer and the inner reader. */
typedef struct {
    const char *name;
    int to_dirfd;
    LabArchiveOptions options;
    LabArchiveStats stats;
    gboolean is_deb;
    const char *member;
} Pass;

static gboolean
set_read_error(const Pass *pass, Reader *reader, GError **error)
{
    const char *text = archive_error_string(reader);

    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                "'%s' is damaged or no archive kreglab can read: %s", pass->name,
                text ? text : "unknown error");
    return FALSE;
}

static Reader *
reader_new(void)
{
    Reader *reader = archive_read_new();

    archive_read_support_filter_all(reader);
    archive_read_support_format_ar(reader);
    archive_read_support_format_cpio(reader);
    archive_read_support_format_tar(reader);
    archive_read_support_format_zip_streamable(reader);
    return reader;
}

static gboolean
count_bytes(Pass *pass, guint64 bytes, GError **error)
{
    pass->stats.bytes += bytes;
    if (pass->stats.bytes <= pass->options.max_bytes)
        return TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                "'%s' unpacks to more than %" G_GUINT64_FORMAT " bytes: refused as an archive bomb",
                pass->name, pass->options.max_bytes);
    return FALSE;
}

static gboolean
count_entry(Pass *pass, GError **error)
{
    if (++pass->stats.entries <= pass->options.max_entries)
        return TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                "'%s' has more than %" G_GUINT64_FORMAT " entries: refused as an archive bomb",
                pass->name, pass->options.max_entries);
    return FALSE;
}

/* Reads the entry's data to 'fd', or only counts it (-1): what is skipped has been unpacked too. */
static gboolean
drain_data(Pass *pass, Reader *reader, int fd, GError **error)
{
    guint64 end = 0;

    for (;;) {
        const void *block;
        size_t size;
        la_int64_t offset;
        int status = archive_read_data_block(reader, &block, &size, &offset);

        if (status == ARCHIVE_EOF)
            break;
        if (status < ARCHIVE_WARN)
            return set_read_error(pass, reader, error);
        if (offset < 0 || (guint64)offset < end)
            return set_read_error(pass, reader, error);
        /* A hole counts as what it unpacks to. */
        if (!count_bytes(pass, (guint64)offset - end + size, error))
            return FALSE;
        end = (guint64)offset + size;
        if (fd < 0)
            continue;
        if (lseek(fd, offset, SEEK_SET) < 0)
            return lab_error_set_errno(error, errno, "seeking");
        if (!lab_fd_write_all(fd, block, size, error))
            return FALSE;
    }
    if (fd >= 0 && ftruncate(fd, (off_t)end) < 0)
        return lab_error_set_errno(error, errno, "setting a file's size");
    return TRUE;
}

/* Fills 'info' from libarchive's entry; the strings are borrowed or kept in *path, *target. */
static gboolean
describe(Pass *pass, struct archive_entry *entry, LabArchiveEntry *info, char **path, char **target,
         GError **error)
{
    const char *hard = archive_entry_hardlink(entry);
    const char *name = archive_entry_pathname(entry);

    if (!name)
        name = archive_entry_pathname_utf8(entry);
    if (!name) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "an entry has no usable name");
        return FALSE;
    }
    *path = lab_archive_clean_path(name, error);
    if (!*path)
        return FALSE;
    *info = (LabArchiveEntry){.member = pass->member,
                              .path = *path,
                              .type = archive_entry_filetype(entry),
                              .mode = archive_entry_perm(entry) & 0777};
    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0)
        info->size = (guint64)archive_entry_size(entry);
    if (hard) {
        info->type = S_IFREG;
        info->target = *target = lab_archive_clean_path(hard, error);
        return *target != NULL;
    }
    if (info->type == S_IFLNK) {
        const char *to = archive_entry_symlink(entry);

        info->target = *target = g_strdup(to ? to : "");
        return TRUE;
    }
    if (info->type != S_IFREG && info->type != S_IFDIR) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "'%s' is a device node, fifo or socket: refused", *path);
        return FALSE;
    }
    return TRUE;
}

static gboolean
write_file(Pass *pass, Reader *reader, const LabArchiveEntry *info, const char *to, GError **error)
{
    LAB_AUTO_FD fd = lab_tree_create_file(pass->to_dirfd, to, info->mode, error);

    if (fd < 0 || !drain_data(pass, reader, fd, error))
        return FALSE;
    pass->stats.files++;
    return TRUE;
}

/* Where an entry goes; *to is NULL when it is left out. */
static gboolean
find_place(Pass *pass, const LabArchiveEntry *info, char **to, GError **error)
{
    g_autofree char *placed = NULL;
    GError *failure = NULL;

    *to = NULL;
    if (pass->options.place)
        placed = pass->options.place(info, pass->options.data, &failure);
    else if (!pass->member || g_str_has_prefix(pass->member, "data.tar"))
        placed = g_strdup(info->path);
    if (failure) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (!placed)
        return TRUE;
    *to = lab_archive_clean_path(placed, error);
    return *to != NULL;
}

/* Another name of a file that came earlier. cpio gives the content with the last name only, so a
 * link with content fills the file that all names share. */
static gboolean
write_hard_link(Pass *pass, Reader *reader, const LabArchiveEntry *info, const char *to,
                GError **error)
{
    LabArchiveEntry first = *info;
    g_autofree char *target = NULL;
    LAB_AUTO_FD fd = -1;

    first.path = info->target;
    first.target = NULL;
    if (!find_place(pass, &first, &target, error))
        return FALSE;
    if (info->size > 0 && (!target || !lab_tree_has_file(pass->to_dirfd, target)))
        return write_file(pass, reader, info, to, error);
    if (!target) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_UNSUPPORTED,
                    "'%s' is a hard link to '%s', which is not kept", info->path, info->target);
        return FALSE;
    }
    if (!lab_tree_make_hard_link(pass->to_dirfd, to, target, error))
        return FALSE;
    if (info->size == 0)
        return TRUE;
    fd = lab_tree_open_file(pass->to_dirfd, to, error);
    return fd >= 0 && drain_data(pass, reader, fd, error);
}

static gboolean
take_entry(Pass *pass, Reader *reader, struct archive_entry *entry, GError **error)
{
    g_autofree char *path = NULL;
    g_autofree char *target = NULL;
    g_autofree char *to = NULL;
    LabArchiveEntry info;

    if (!describe(pass, entry, &info, &path, &target, error))
        return FALSE;
    if (*path == '\0') /* the archive's root directory */
        return TRUE;
    if (!find_place(pass, &info, &to, error))
        return FALSE;
    if (!to)
        return drain_data(pass, reader, -1, error);
    if (info.type == S_IFDIR)
        return lab_tree_make_directory(pass->to_dirfd, to, error);
    if (info.type == S_IFLNK)
        return lab_tree_make_link(pass->to_dirfd, to, info.target, pass->options.link_root, error);
    if (info.target)
        return write_hard_link(pass, reader, &info, to, error);
    return write_file(pass, reader, &info, to, error);
}

static la_ssize_t
read_member(struct archive *inner, void *outer, const void **buffer)
{
    size_t size;
    la_int64_t offset;
    int status = archive_read_data_block(outer, buffer, &size, &offset);

    if (status == ARCHIVE_EOF)
        return 0;
    if (status < ARCHIVE_WARN) {
        archive_set_error(inner, EIO, "%s", archive_error_string(outer));
        return -1;
    }
    return (la_ssize_t)size;
}

static gboolean walk(Pass *pass, Reader *reader, GError **error);

static gboolean
walk_member(Pass *pass, Reader *outer, const char *member, GError **error)
{
    g_autoptr(Reader) inner = reader_new();
    gboolean ok;

    if (archive_read_open(inner, outer, NULL, read_member, NULL) != ARCHIVE_OK)
        return set_read_error(pass, inner, error);
    pass->member = member;
    ok = walk(pass, inner, error);
    pass->member = NULL;
    return ok;
}

static gboolean
walk(Pass *pass, Reader *reader, GError **error)
{
    struct archive_entry *entry;
    int status;

    while ((status = archive_read_next_header(reader, &entry)) != ARCHIVE_EOF) {
        const char *path;

        if (status < ARCHIVE_WARN)
            return set_read_error(pass, reader, error);
        if (!count_entry(pass, error))
            return FALSE;
        path = archive_entry_pathname(entry);
        if (!pass->member && g_strcmp0(path, "debian-binary") == 0 &&
            (archive_format(reader) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_AR) {
            pass->is_deb = TRUE;
            continue;
        }
        if (pass->is_deb && !pass->member) {
            g_autofree char *member = g_strdup(path ? path : "");

            /* Other members ("_gpgorigin") are read past. */
            if ((g_str_has_prefix(member, "control.tar") || g_str_has_prefix(member, "data.tar")) &&
                !walk_member(pass, reader, member, error))
                return FALSE;
            continue;
        }
        if (!take_entry(pass, reader, entry, error)) {
            g_prefix_error(error, "'%s': ", pass->name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
run_pass(Reader *reader, const char *name, int to_dirfd, const LabArchiveOptions *options,
         LabArchiveStats *stats, GError **error)
{
    Pass pass = {.name = name, .to_dirfd = to_dirfd};

    if (options)
        pass.options = *options;
    if (pass.options.max_bytes == 0)
        pass.options.max_bytes = DEFAULT_MAX_BYTES;
    if (pass.options.max_entries == 0)
        pass.options.max_entries = DEFAULT_MAX_ENTRIES;
    if (!walk(&pass, reader, error))
        return FALSE;
    if (stats)
        *stats = pass.stats;
    return TRUE;
}

gboolean
lab_archive_extract(int fd, const char *name, int to_dirfd, const LabArchiveOptions *options,
                    LabArchiveStats *stats, GError **error)
{
    g_autoptr(Reader) reader = reader_new();
    Pass pass = {.name = name};

    archive_read_support_filter_rpm(reader);
    if (archive_read_open_fd(reader, fd, BLOCK_BYTES) != ARCHIVE_OK)
        return set_read_error(&pass, reader, error);
    return run_pass(reader, name, to_dirfd, options, stats, error);
}

gboolean
lab_archive_extract_memory(const void *data, gsize length, const char *name, int to_dirfd,
                           const LabArchiveOptions *options, LabArchiveStats *stats, GError **error)
{
    g_autoptr(Reader) reader = reader_new();
    Pass pass = {.name = name};

    if (archive_read_open_memory(reader, data, length) != ARCHIVE_OK)
        return set_read_error(&pass, reader, error);
    return run_pass(reader, name, to_dirfd, options, stats, error);
}

/* A reader of one bare compressed stream, positioned at its data. */
static Reader *
stream_open(int fd, const void *data, gsize length, GError **error)
{
    g_autoptr(Reader) reader = archive_read_new();
    struct archive_entry *entry;
    int status;

    archive_read_support_filter_all(reader);
    archive_read_support_format_raw(reader);
    status = fd >= 0 ? archive_read_open_fd(reader, fd, BLOCK_BYTES)
                     : archive_read_open_memory(reader, data, length);
    if (status != ARCHIVE_OK || archive_read_next_header(reader, &entry) < ARCHIVE_WARN) {
        const char *text = archive_error_string(reader);

        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "not a compressed stream: %s",
                    text ? text : "empty");
        return NULL;
    }
    if (archive_filter_count(reader) < 2) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_UNSUPPORTED,
                    "compressed in a way that kreglab does not know");
        return NULL;
    }
    return g_steal_pointer(&reader);
}

GByteArray *
lab_archive_decompress(const void *data, gsize length, gsize expected_bytes, gsize max_bytes,
                       GError **error)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(Reader) reader = stream_open(-1, data, length, error);

    while (reader) {
        guint8 buffer[BLOCK_BYTES];
        la_ssize_t n = archive_read_data(reader, buffer, sizeof buffer);

        if (n < 0 && !(expected_bytes > 0 && out->len >= expected_bytes)) {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "decompressing: %s",
                        archive_error_string(reader));
            return NULL;
        }
        if (n > 0 && out->len + (gsize)n > MIN(max_bytes, G_MAXUINT - 1)) {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                        "decompresses to more than %" G_GSIZE_FORMAT " bytes", max_bytes);
            return NULL;
        }
        if (n > 0)
            g_byte_array_append(out, buffer, (guint)n);
        if (n <= 0 || (expected_bytes > 0 && out->len >= expected_bytes))
            return g_steal_pointer(&out);
    }
    return NULL;
}

gboolean
lab_archive_decompress_file(int dirfd, const char *from, const char *to, guint64 max_bytes,
                            GError **error)
{
    LAB_AUTO_FD in = openat(dirfd, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    LAB_AUTO_FD out = -1;
    g_autoptr(Reader) reader = NULL;
    Pass pass = {.name = from, .options = {.max_bytes = max_bytes}};

    if (in < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", from);
    reader = stream_open(in, NULL, 0, error);
    if (!reader) {
        g_prefix_error(error, "'%s': ", from);
        return FALSE;
    }
    out = openat(dirfd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (out < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", to);
    if (!drain_data(&pass, reader, out, error)) {
        unlinkat(dirfd, to, 0);
        return FALSE;
    }
    if (unlinkat(dirfd, from, 0) < 0)
        return lab_error_set_errno(error, errno, "removing '%s'", from);
    return TRUE;
}

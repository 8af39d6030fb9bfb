/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hostile and odd archives, made by libarchive in the test. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-archive.h"
#include "lab-error.h"
#include "lab-file.h"

typedef struct {
    char *path; /* outer directory; 'fd' is its "in", so that an escape shows beside it */
    int outer;
    int fd;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->path = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
    f->outer = lab_dir_open(AT_FDCWD, f->path, NULL);
    f->fd = lab_dir_make(f->outer, "in", 0755, NULL);
    g_assert_cmpint(f->fd, >=, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    close(f->outer);
    g_assert_true(lab_path_remove(AT_FDCWD, f->path, NULL));
    g_free(f->path);
}

typedef struct {
    const char *path;
    mode_t type;
    const char *text; /* content, or target of a link */
    gboolean hard;
} Member;

/* An archive of 'members' (ended by path NULL); 'format' and 'filter' are libarchive's codes. */
static GByteArray *
make(const Member *members, int format, int filter)
{
    struct archive *writer = archive_write_new();
    gsize room = 4u << 20;
    g_autofree char *buffer = g_malloc(room);
    size_t used = 0;
    GByteArray *bytes = g_byte_array_new();

    g_assert_cmpint(archive_write_set_format(writer, format), ==, ARCHIVE_OK);
    g_assert_cmpint(archive_write_add_filter(writer, filter), >=, ARCHIVE_WARN);
    archive_write_set_bytes_in_last_block(writer, 1);
    g_assert_cmpint(archive_write_open_memory(writer, buffer, room, &used), ==, ARCHIVE_OK);
    for (; members->path; members++) {
        struct archive_entry *entry = archive_entry_new();
        gsize size = members->type == S_IFREG && !members->hard ? strlen(members->text) : 0;

        archive_entry_set_pathname(entry, members->path);
        archive_entry_set_filetype(entry, members->type);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)size);
        if (members->hard)
            archive_entry_set_hardlink(entry, members->text);
        else if (members->type == S_IFLNK)
            archive_entry_set_symlink(entry, members->text);
        g_assert_cmpint(archive_write_header(writer, entry), >=, ARCHIVE_WARN);
        if (size > 0)
            g_assert_cmpint(archive_write_data(writer, members->text, size), ==, size);
        archive_entry_free(entry);
    }
    g_assert_cmpint(archive_write_close(writer), ==, ARCHIVE_OK);
    archive_write_free(writer);
    g_byte_array_append(bytes, (const guint8 *)buffer, (guint)used);
    return bytes;
}

static GByteArray *
make_tar(const Member *members)
{
    return make(members, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_NONE);
}

static gboolean
extract(Fixture *f, const GByteArray *bytes, const LabArchiveOptions *options, GError **error)
{
    return lab_archive_extract_memory(bytes->data, bytes->len, "test", f->fd, options, NULL, error);
}

static void
assert_content(int fd, const char *path, const char *expected)
{
    g_autofree char *text = lab_file_read(fd, path, 1u << 20, NULL, NULL);

    g_assert_cmpstr(text, ==, expected);
}

static void
test_plain(Fixture *f, gconstpointer data)
{
    static const Member members[] = {{"./", S_IFDIR, NULL},
                                     {"./a", S_IFDIR, NULL},
                                     {"./a/file", S_IFREG, "content"},
                                     {"a//./b/deep", S_IFREG, "deep"},
                                     {"a/link", S_IFLNK, "../a/file"},
                                     {"again", S_IFREG, "a/file", TRUE},
                                     {NULL}};
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                                  ARCHIVE_FILTER_XZ,   ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_LZ4,
                                  ARCHIVE_FILTER_LZMA};

    for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
        g_autoptr(GByteArray) bytes = make(members, ARCHIVE_FORMAT_TAR_USTAR, filters[i]);
        g_autoptr(GError) error = NULL;

        extract(f, bytes, NULL, &error);
        g_assert_no_error(error);
        assert_content(f->fd, "a/file", "content");
        assert_content(f->fd, "a/b/deep", "deep");
        assert_content(f->fd, "a/link", "content");
        assert_content(f->fd, "again", "content");
    }
}

typedef struct {
    const char *name;
    Member members[4];
    const char *says; /* part of the message */
} Hostile;

static const Hostile hostile[] = {
    {"absolute", {{"/etc/x", S_IFREG, "x"}}, "absolute"},
    {"dot-dot", {{"a/../../escaped", S_IFREG, "x"}}, "'..'"},
    {"absolute-link", {{"l", S_IFLNK, "/etc"}}, "out of the archive"},
    {"link-out", {{"a/l", S_IFLNK, "../../escaped"}}, "out of the archive"},
    {"link-down-then-out", {{"l", S_IFLNK, "a/../../escaped"}}, "out of the archive"},
    {"through-link",
     {{"d", S_IFDIR, NULL}, {"l", S_IFLNK, "d"}, {"l/file", S_IFREG, "x"}},
     "through a link"},
    {"through-file", {{"d", S_IFREG, "x"}, {"d/file", S_IFREG, "x"}}, "through a link or a file"},
    {"device", {{"null", S_IFCHR, NULL}}, "device node"},
    {"block-device", {{"sda", S_IFBLK, NULL}}, "device node"},
    {"fifo", {{"fifo", S_IFIFO, NULL}}, "device node"},
    {"hard-link-out", {{"h", S_IFREG, "../escaped", TRUE}}, "'..'"},
    {"hard-link-absolute", {{"h", S_IFREG, "/etc/passwd", TRUE}}, "absolute"},
    {"hard-link-to-link", {{"l", S_IFLNK, "d"}, {"h", S_IFREG, "l", TRUE}}, "not in the archive"},
    {"file-over-directory", {{"d/x", S_IFREG, "x"}, {"d", S_IFREG, "x"}}, "something else"},
    {"directory-over-file", {{"d", S_IFREG, "x"}, {"d", S_IFDIR, NULL}}, "something else"},
};

static void
test_hostile(Fixture *f, gconstpointer data)
{
    const Hostile *h = data;
    g_autoptr(GByteArray) bytes = make_tar(h->members);
    g_autoptr(GError) error = NULL;

    g_assert_false(extract(f, bytes, NULL, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, h->says));
    g_assert_nonnull(strstr(error->message, "'test'"));
    g_assert_false(lab_file_exists(f->outer, "escaped"));
}

/* A link that is fine is replaced, not followed, by a file of its name. */
static void
test_link_is_replaced(Fixture *f, gconstpointer data)
{
    static const Member members[] = {
        {"a", S_IFREG, "first"}, {"l", S_IFLNK, "a"}, {"l", S_IFREG, "second"}, {NULL}};
    g_autoptr(GByteArray) bytes = make_tar(members);

    g_assert_true(extract(f, bytes, NULL, NULL));
    assert_content(f->fd, "a", "first");
    assert_content(f->fd, "l", "second");
}

static void
test_links_from_the_root(Fixture *f, gconstpointer data)
{
    static const Member members[] = {
        {"usr/src/x", S_IFREG, "x"}, {"lib/m/build", S_IFLNK, "/usr/src/x"}, {NULL}};
    g_autoptr(GByteArray) bytes = make_tar(members);
    LabArchiveOptions options = {.link_root = ""};
    char target[64] = "";

    g_assert_true(extract(f, bytes, &options, NULL));
    g_assert_cmpint(readlinkat(f->fd, "lib/m/build", target, sizeof target - 1), >, 0);
    g_assert_cmpstr(target, ==, "../../usr/src/x");
}

static void
test_byte_limit(Fixture *f, gconstpointer data)
{
    g_autofree char *zeros = g_strnfill(3000000, '0');
    const Member members[] = {{"bomb", S_IFREG, zeros}, {NULL}};
    g_autoptr(GByteArray) bytes = make(members, ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP);
    LabArchiveOptions options = {.max_bytes = 1000000};
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(bytes->len, <, 20000);
    g_assert_false(extract(f, bytes, &options, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT);
}

/* What is left out counts as well: unpacking it is the work that a bomb wants done. */
static char *
place_nothing(const LabArchiveEntry *entry, gpointer data, GError **error)
{
    return NULL;
}

static void
test_limits_count_what_is_left_out(Fixture *f, gconstpointer data)
{
    g_autofree char *zeros = g_strnfill(3000000, '0');
    const Member members[] = {{"bomb", S_IFREG, zeros}, {NULL}};
    g_autoptr(GByteArray) bytes = make_tar(members);
    LabArchiveOptions options = {.max_bytes = 1000000, .place = place_nothing};
    g_autoptr(GError) error = NULL;

    g_assert_false(extract(f, bytes, &options, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT);
}

static void
test_entry_limit(Fixture *f, gconstpointer data)
{
    static const Member members[] = {
        {"1", S_IFREG, ""}, {"2", S_IFREG, ""}, {"3", S_IFREG, ""}, {NULL}};
    g_autoptr(GByteArray) bytes = make_tar(members);
    LabArchiveOptions options = {.max_entries = 2};
    g_autoptr(GError) error = NULL;

    g_assert_false(extract(f, bytes, &options, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT);
}

static char *
place_by_member(const LabArchiveEntry *entry, gpointer data, GError **error)
{
    return g_strdup_printf("%.4s/%s", entry->member ? entry->member : "none", entry->path);
}

static void
add_ar_member(GByteArray *ar, const char *name, const void *bytes, guint length)
{
    g_autofree char *header =
        g_strdup_printf("%-16s%-12d%-6d%-6d%-8o%-10u`\n", name, 0, 0, 0, 0100644u, length);

    g_byte_array_append(ar, (const guint8 *)header, 60);
    g_byte_array_append(ar, bytes, length);
    if (length % 2)
        g_byte_array_append(ar, (const guint8 *)"\n", 1);
}

static void
test_deb(Fixture *f, gconstpointer data)
{
    static const Member control[] = {{"./control", S_IFREG, "Package: x\n"}, {NULL}};
    static const Member content[] = {{"./boot/vmlinuz-1", S_IFREG, "image"}, {NULL}};
    g_autoptr(GByteArray) first = make(control, ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP);
    g_autoptr(GByteArray) second = make(content, ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_XZ);
    g_autoptr(GByteArray) deb = g_byte_array_new();
    LabArchiveOptions options = {.place = place_by_member};
    g_autoptr(GError) error = NULL;

    g_byte_array_append(deb, (const guint8 *)"!<arch>\n", 8);
    add_ar_member(deb, "debian-binary", "2.0\n", 4);
    add_ar_member(deb, "control.tar.gz", first->data, first->len);
    add_ar_member(deb, "data.tar.xz", second->data, second->len);
    extract(f, deb, &options, &error);
    g_assert_no_error(error);
    assert_content(f->fd, "cont/control", "Package: x\n");
    assert_content(f->fd, "data/boot/vmlinuz-1", "image");
    for (guint cut = 8; cut < deb->len; cut += 97) {
        g_autoptr(GError) cut_error = NULL;

        if (!lab_archive_extract_memory(deb->data, cut, "test", f->fd, &options, NULL, &cut_error))
            g_assert_true(cut_error->domain == LAB_DATA_ERROR);
    }
}

/* cpio gives the content of hard-linked files with the last name only (rpm's kernel-devel). */
static void
test_cpio_hard_links(Fixture *f, gconstpointer data)
{
    static const char archive[] = "070701"
                                  "00000007"
                                  "000081A4"
                                  "00000000"
                                  "00000000"
                                  "00000002"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000002"
                                  "00000000"
                                  "a\0"
                                  "070701"
                                  "00000007"
                                  "000081A4"
                                  "00000000"
                                  "00000000"
                                  "00000002"
                                  "00000000"
                                  "00000004"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000002"
                                  "00000000"
                                  "b\0"
                                  "text"
                                  "070701"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000001"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "00000000"
                                  "0000000B"
                                  "00000000"
                                  "TRAILER!!!\0\0\0\0";
    g_autoptr(GError) error = NULL;

    lab_archive_extract_memory(archive, sizeof archive - 1, "test", f->fd, NULL, NULL, &error);
    g_assert_no_error(error);
    assert_content(f->fd, "a", "text");
    assert_content(f->fd, "b", "text");
}

static void
test_rubbish(Fixture *f, gconstpointer data)
{
    static const char text[] = "This is no archive at all, only text.";
    g_autoptr(GError) error = NULL;

    g_assert_false(
        lab_archive_extract_memory(text, sizeof text, "test", f->fd, NULL, NULL, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
}

static void
test_decompress(Fixture *f, gconstpointer data)
{
    static const Member members[] = {{"x", S_IFREG, "some text, some text, some text"}, {NULL}};
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ,
                                  ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_LZ4};

    for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
        g_autoptr(GByteArray) bytes = make(members, ARCHIVE_FORMAT_RAW, filters[i]);
        g_autoptr(GByteArray) out = lab_archive_decompress(bytes->data, bytes->len, 0, 100, NULL);
        g_autoptr(GError) error = NULL;

        g_assert_nonnull(out);
        g_assert_cmpmem(out->data, out->len, members[0].text, strlen(members[0].text));
        g_assert_null(lab_archive_decompress(bytes->data, bytes->len, 0, 10, &error));
        g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT);
    }
    g_assert_null(lab_archive_decompress("plain text", 10, 0, 100, NULL));
    g_assert_null(lab_archive_decompress("", 0, 0, 100, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/archive/" name, Fixture, NULL, set_up, function, tear_down)
    ADD("plain", test_plain);
    for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autofree char *path = g_strconcat("/archive/hostile/", hostile[i].name, NULL);

        g_test_add(path, Fixture, &hostile[i], set_up, test_hostile, tear_down);
    }
    ADD("link-is-replaced", test_link_is_replaced);
    ADD("links-from-the-root", test_links_from_the_root);
    ADD("byte-limit", test_byte_limit);
    ADD("limits-count-what-is-left-out", test_limits_count_what_is_left_out);
    ADD("entry-limit", test_entry_limit);
    ADD("deb", test_deb);
    ADD("cpio-hard-links", test_cpio_hard_links);
    ADD("rubbish", test_rubbish);
    ADD("decompress", test_decompress);
    return g_test_run();
}

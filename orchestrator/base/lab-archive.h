/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading foreign archives, the only place that touches libarchive's read side. One streaming
 * pass; a .deb is read through a reader inside a reader (ar, then its control.tar and data.tar),
 * an .rpm through its cpio payload, tar and zip as they are; every compression that libarchive
 * knows is recognised.
 *
 * Archives are hostile input. Whatever they hold, nothing is written outside the target directory,
 * no device node, fifo or socket is made, no file is written through a link, and size and number
 * of entries are bounded.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

typedef struct {
    const char *member; /* "control.tar.xz" or "data.tar.xz" in a .deb, else NULL */
    const char *path;   /* cleaned: relative, no ".", no "..", no empty component */
    const char *target; /* of a symbolic or hard link, else NULL */
    mode_t type;        /* S_IFREG, S_IFDIR or S_IFLNK; a hard link is S_IFREG with a target */
    mode_t mode;        /* permission bits */
    guint64 size;       /* as the header claims; not to be trusted */
} LabArchiveEntry;

/* Says where an entry goes: a relative path (g_free'd by the caller), or NULL to leave it out.
 * Setting 'error' ends the pass. */
typedef char *(*LabArchivePlace)(const LabArchiveEntry *entry, gpointer data, GError **error);

typedef struct {
    LabArchivePlace place; /* NULL: everything, under its own path */
    gpointer data;
    guint64 max_bytes;     /* unpacked, all entries, also those left out; 0: 16 GiB */
    guint64 max_entries;   /* 0: 1,000,000 */
    const char *link_root; /* absolute link targets count from this directory below the target
                              ("" for the target) and become relative; NULL: they are refused */
} LabArchiveOptions;

typedef struct {
    guint64 entries; /* seen */
    guint64 files;   /* written */
    guint64 bytes;   /* unpacked, also of entries left out */
} LabArchiveStats;

/* Unpacks the archive open at 'fd' (from its current position; need not be seekable) below
 * 'to_dirfd'. Directories are made as needed with 0755 & ~umask; files get the archive's
 * permission bits without set-id and with u+rw. 'name' names the archive in errors; 'options' and
 * 'stats' may be NULL. LAB_DATA_ERROR for a damaged, hostile (FAILED) or too large (LIMIT)
 * archive, LAB_INFRA_ERROR when writing fails. What was written before an error stays: unpack
 * into a temporary directory. */
gboolean
lab_archive_extract(int fd, const char *name, int to_dirfd, const LabArchiveOptions *options,
                    LabArchiveStats *stats, GError **error);

/* The same from memory; the entry point of the fuzzer. */
gboolean lab_archive_extract_memory(const void *data, gsize length, const char *name, int to_dirfd,
                                    const LabArchiveOptions *options, LabArchiveStats *stats,
                                    GError **error);

/* Decompresses one stream (gzip, bzip2, xz, lzma, lzop, lz4, legacy lz4, zstd). Stops without
 * error when 'expected_bytes' (> 0) were produced, so trailing bytes do not matter; more than
 * 'max_bytes' is LAB_DATA_ERROR/LIMIT. NULL on error. */
GByteArray *lab_archive_decompress(const void *data, gsize length, gsize expected_bytes,
                                   gsize max_bytes, GError **error);

/* Replaces dirfd/from (compressed) by dirfd/to (plain); 'from' is removed. Not durable: for trees
 * that are committed as a whole. */
gboolean lab_archive_decompress_file(int dirfd, const char *from, const char *to, guint64 max_bytes,
                                     GError **error);

/* 'path' without leading "./", "//", "/./" and trailing "/". NULL (and LAB_DATA_ERROR) when it is
 * empty, absolute, holds ".." or is longer than PATH_MAX. "." gives "". Free with g_free. */
char *lab_archive_clean_path(const char *path, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files below a directory descriptor. Everything collected is written as temporary file, fsync,
 * rename, fsync of the directory: any process may die at any moment and a reader sees the old
 * content or the new one, never half of it.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

typedef int LabFd;
void lab_fd_close(LabFd *fd); /* closes if >= 0, keeps errno, sets to -1 */
#define LAB_AUTO_FD __attribute__((cleanup(lab_fd_close))) int

/* Opens the directory 'path' relative to 'dirfd' (AT_FDCWD allowed). -1 and error on failure. */
int lab_dir_open(int dirfd, const char *path, GError **error);

/* Makes 'path' and its parents (existing ones are fine), then opens it. 'mode' is for what is
 * made. -1 and error on failure. */
int lab_dir_make(int dirfd, const char *path, mode_t mode, GError **error);

/* Removes a file or a directory tree; follows no links, stays on its file system. An absent path
 * is success. */
gboolean lab_path_remove(int dirfd, const char *path, GError **error);

gboolean lab_file_exists(int dirfd, const char *path);

/* Writes 'length' bytes (or strlen when -1) to dirfd/name atomically and durably. */
gboolean lab_file_write(int dirfd, const char *name, const void *data, gssize length, mode_t mode,
                        GError **error);

/* The same in pieces: lab_file_begin() opens a temporary file (-1 on failure) and sets *temporary
 * (g_free); lab_file_end() gives it its name, or removes it when 'whole' is FALSE, which sets no
 * error. The caller closes. */
int lab_file_begin(int dirfd, const char *name, mode_t mode, char **temporary, GError **error);
gboolean lab_file_end(int dirfd, int fd, const char *temporary, const char *name, gboolean whole,
                      GError **error);

/* Reads a whole regular file of at most 'max_bytes'; appends a NUL byte that *length does not
 * count. Larger: LAB_DATA_ERROR/LIMIT; absent: LAB_INFRA_ERROR/NOT_FOUND. Free with g_free. */
char *lab_file_read(int dirfd, const char *name, gsize max_bytes, gsize *length, GError **error);

/* Writes all of it, EINTR and short writes handled. Blocking descriptors only. */
gboolean lab_fd_write_all(int fd, const void *data, gsize length, GError **error);

/* Copies the rest of a regular file to the position of 'to', sharing blocks where the file system
 * can. 'name' is for errors. */
gboolean lab_fd_copy(int from, int to, const char *name, GError **error);

/* SHA-256 of what is left to read of 'fd', in hex digits; 'name' is for errors. g_free. */
char *lab_fd_sha256(int fd, const char *name, GError **error);

/* Appends one line (a '\n' is added) with a single write(2) to an O_APPEND descriptor, then
 * fdatasync: the form of journals. */
gboolean lab_fd_append_line(int fd, const char *line, GError **error);

/* Copies a file (reflink where the file system can), atomically and durably. */
gboolean lab_file_copy(int from_dirfd, const char *from, int to_dirfd, const char *to, mode_t mode,
                       GError **error);

/* Takes an exclusive flock(2) on dirfd/name (created 0600). With 'wait' blocks, else
 * LAB_INFRA_ERROR/ EXISTS when somebody holds it. Returns the descriptor that holds the lock, or
 * -1. */
int lab_lock_take(int dirfd, const char *name, gboolean wait, GError **error);

/* The same, shared: with all others who share it. Blocks while somebody has it alone. */
int lab_lock_share(int dirfd, const char *name, GError **error);

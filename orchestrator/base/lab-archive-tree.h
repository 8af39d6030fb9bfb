/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing below a directory without ever leaving it: each component is opened by itself with
 * O_NOFOLLOW, so no link that an archive brought is followed. Used by lab-archive.c; 'path' has
 * passed lab_archive_clean_path.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

gboolean lab_tree_make_directory(int root, const char *path, GError **error);

/* Creates (replacing an older entry of that name) and opens for writing; -1 on error. */
int lab_tree_create_file(int root, const char *path, mode_t mode, GError **error);

/* Opens a file that is there for writing, emptied; -1 on error. */
int lab_tree_open_file(int root, const char *path, GError **error);

/* Makes a symbolic link whose target stays below 'root': ".." only at the target's start and not
 * above the root, so that it cannot escape through other links either. Absolute targets count
 * from root/link_root and become relative; they are refused when it is NULL. */
gboolean lab_tree_make_link(int root, const char *path, const char *target, const char *link_root,
                            GError **error);

gboolean lab_tree_make_hard_link(int root, const char *path, const char *target, GError **error);
gboolean lab_tree_has_file(int root, const char *path);

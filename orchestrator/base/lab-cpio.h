/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes newc cpio archives, the form of an initramfs, through libarchive. The result depends on
 * nothing but what was added: times are 0, owners root, inode numbers count up. Parents are added
 * by themselves. Paths are absolute or relative; "." and ".." parts are refused.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct LabCpio LabCpio;

/* Writes to 'fd', which stays the caller's. */
LabCpio *lab_cpio_new(int fd, GError **error);
void lab_cpio_free(LabCpio *cpio); /* without lab_cpio_finish the archive has no end */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCpio, lab_cpio_free)

/* A path that is in the archive already is LAB_INFRA_ERROR/EXISTS, for directories success. */
gboolean lab_cpio_directory(LabCpio *cpio, const char *path, mode_t mode, GError **error);
gboolean lab_cpio_file(LabCpio *cpio, const char *path, mode_t mode, const void *data, gsize length,
                       GError **error);
/* A regular file of the host, links followed; 'mode' 0 takes the file's own permission bits. */
gboolean
lab_cpio_copy(LabCpio *cpio, const char *path, mode_t mode, const char *source, GError **error);
gboolean lab_cpio_symlink(LabCpio *cpio, const char *path, const char *target, GError **error);
gboolean lab_cpio_device(LabCpio *cpio, const char *path, mode_t mode, guint major_number,
                         guint minor_number, GError **error);
/* TRUE when 'path' was added. */
gboolean lab_cpio_has(LabCpio *cpio, const char *path);

/* Writes the end. Archives may be concatenated: each is padded to 512 bytes. */
gboolean lab_cpio_finish(LabCpio *cpio, GError **error);

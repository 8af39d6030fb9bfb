/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of the local file system into a stage. */
#pragma once

#include "lab-stage.h"

/* Copies the file 'path' to the stage's 'place' (parents made). */
gboolean lab_tree_take_file(LabStage *stage, const char *path, const char *place, GError **error);

/* Copies an image (bzImage or vmlinux) to its place. */
gboolean lab_tree_take_image(LabStage *stage, const char *path, GError **error);

/* Copies all modules and the build's indexes below a modules directory (/lib/modules/RELEASE).
 * Links are not followed. */
gboolean lab_tree_take_modules(LabStage *stage, const char *path, GError **error);

/* Copies the modules of a build tree, which lie beside their sources, to modules/kernel/. */
gboolean lab_tree_take_built_modules(LabStage *stage, const char *path, GError **error);

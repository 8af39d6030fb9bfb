/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the source of a kernel that is built here comes from. */
#pragma once

#include <glib.h>

#include "lab-stage.h"

typedef struct {
    char *spec;      /* as the user named it */
    char *directory; /* of a directory, absolute; else NULL */
    char *archive;   /* path of the source package, its digest checked; else NULL */
    char *package;   /* "linux-source-6.1", or NULL */
    char *version;   /* of the package, or NULL */
    char *digest;    /* SHA-256 of the package, or over all files of the directory */
    char *by;        /* who vouches for it, or NULL */
} LabBuildSource;

void lab_build_source_clear(LabBuildSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabBuildSource, lab_build_source_clear)

/* Finds 'spec' (a directory, or debian:SUITE/linux-source-X) and works out its digest; a package is
 * fetched into 'cache' unless it is there. LAB_CONFIG_ERROR when it is no kernel source. */
gboolean lab_build_source_find(const char *spec, const char *cache, LabIntakeProgress progress,
                               gpointer data, LabBuildSource *source, GError **error);

/* Puts the tree into the empty directory 'to_fd', without what a build or git left in it. Nothing
 * of the source itself is changed. */
gboolean lab_build_source_unpack(const LabBuildSource *source, int to_fd, GError **error);

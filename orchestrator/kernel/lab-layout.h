/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the files of a kernel package go in the store. Knows the layouts of Debian (old, and since
 * 6.19 with everything under /usr/lib/modules), Ubuntu, el7, alinux, openEuler and Fedora, and of
 * the kernel's own "make bindeb-pkg", "binrpm-pkg" and "tar-pkg".
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

typedef struct {
    char *release;          /* of the first file that names one, else NULL; owned */
    gboolean want_debug;    /* take the vmlinux of debug packages */
    gboolean has_changelog; /* one was placed */
    gboolean has_headers;   /* files below headers/ were placed */
    gboolean has_image;     /* vmlinuz or vmlinux was placed */
} LabLayout;

/* Place of the package's file 'path' (cleaned, relative) of 'type' (S_IFREG, S_IFDIR, S_IFLNK), or
 * NULL when the store has no use for it. Two releases in one kernel are LAB_CONFIG_ERROR. Free
 * with g_free. */
char *lab_layout_place(LabLayout *layout, const char *path, mode_t type, GError **error);

/* TRUE for names of modules, compressed or not ("x.ko", "x.ko.xz"). */
gboolean lab_layout_is_module(const char *name);

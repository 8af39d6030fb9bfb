/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel package's changelog, as intake keeps it (DATA/kernels/ID/changelog): Debian's form, or
 * rpm's. What stands in it is a foreign text: bounded, and valid UTF-8 when it is out of here. */
#pragma once

#include <glib.h>

#include "lab-kernel.h"

typedef struct {
    char *version;    /* as the family compares it; NULL where the entry names none */
    char *date;       /* as written, or NULL */
    GPtrArray *items; /* char *, one change each, in one line */
} LabChange;

/* Entries, the newest first (the order of the text). Never NULL. */
GPtrArray *lab_changelog_parse(const char *text, gsize length);

/* The changelog of a kernel in the store. NULL: LAB_CONFIG_ERROR/NOT_FOUND when its package had
 * none, LAB_DATA_ERROR when it is larger than LAB_CHANGELOG_MAX_BYTES. */
GPtrArray *lab_changelog_load(const LabKernel *kernel, GError **error);

/* The entries (borrowed) of 'log', which is B's, that are newer than A. FALSE when A's version is
 * not in it: then the two are of no one line. */
gboolean lab_changelog_since(const GPtrArray *log, const LabKernel *a, GPtrArray *found);

/* The newest version that both have; NULL: none. Borrowed from 'a'. */
const char *lab_changelog_common(const GPtrArray *a, const GPtrArray *b);

/* The first item that has 'subject' in it, whatever its case; *change is its entry. NULL: none. */
const char *lab_changelog_find(const GPtrArray *log, const char *subject, const LabChange **change);

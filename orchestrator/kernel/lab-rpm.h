/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The headers of .rpm files. Format: rpm's manual, "RPM package format" (format_v4). Hostile input:
 * every offset is checked. */
#pragma once

#include <glib.h>

typedef struct {
    char *name;
    char *version;   /* "VERSION-RELEASE", "EPOCH:" before it when there is one; or NULL */
    char *changelog; /* newest first, as `rpm -q --changelog` prints it; or NULL */
} LabRpm;

void lab_rpm_clear(LabRpm *rpm);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabRpm, lab_rpm_clear)

/* TRUE if 'data' starts like an .rpm. */
gboolean lab_rpm_is(const void *data, gsize length);

/* Reads lead, signature and header at the start of 'data'; the payload need not be there.
 * LAB_DATA_ERROR when they are damaged or cut off. */
gboolean lab_rpm_read(const void *data, gsize length, LabRpm *rpm, GError **error);

/* What rpmkeys --checksig -v said. */
typedef enum {
    LAB_RPM_SIGNED,   /* a signature was checked with a key the machine trusts */
    LAB_RPM_UNSIGNED, /* none, or by a key that the machine does not have */
    LAB_RPM_BROKEN,   /* a digest or signature does not fit the content */
} LabRpmSignature;

/* Judges the output of `rpmkeys --checksig -v`; *key is the key's id when SIGNED, else NULL. */
LabRpmSignature lab_rpm_judge(const char *output, char **key);

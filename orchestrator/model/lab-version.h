/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Version order as the distributions define it, and ranges over it. */
#pragma once

#include <glib.h>

typedef enum { LAB_VERSION_RPM, LAB_VERSION_DEB } LabVersionFamily;

/* The family a kernel release is of: rpm's for ".elN", ".alN", ".oe…", ".fcN"…, else dpkg's. */
LabVersionFamily lab_version_family(const char *release);

/* <0, 0, >0 as strcmp. rpm: rpmvercmp over E:V-R; deb: dpkg's algorithm. */
int lab_version_compare(LabVersionFamily family, const char *a, const char *b);

/* Order of two releases (uname -r) in a list: by upstream version first, then as their family. */
int lab_release_compare(const char *a, const char *b);

/* 'range': comma-separated comparisons that must all hold: ">= 4.4, < 4.13". */
gboolean lab_version_in_range(const char *release, const char *range, GError **error);

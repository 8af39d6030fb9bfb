/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Version order as the distributions define it, and ranges over it. */
#pragma once

#include <glib.h>

typedef enum { LAB_VERSION_RPM, LAB_VERSION_DEB } LabVersionFamily;

/* The family a kernel release is of: rpm's for ".elN", ".alN", ".oe…", ".fcN"…, else dpkg's. */
LabVersionFamily lab_version_family(const char *release);

/* <0, 0, >0 as strcmp. rpm: rpmvercmp over E:V-R; deb: dpkg's algorithm. */
int lab_version_compare(LabVersionFamily family, const char *a, const char *b);

/* The upstream part of a release, with three numbers at least: "6.1.0" of "6.1.0-49-amd64" and of
 * "6.1"; "-rc1" is "~rc1" so that it sorts before the release proper. g_free. */
char *lab_version_upstream(const char *release);

/* Order of two releases (uname -r) in a list: by upstream version first, then as their family. */
int lab_release_compare(const char *a, const char *b);

/*
 * 'range': comma-separated comparisons that must all hold: ">= 4.4, < 4.13". A bound of numbers
 * alone speaks of the upstream version: 4.13.0-37-generic is not "< 4.13"; one with more
 * ("< 3.10.0-957.el7") is compared whole. FALSE with an error when the range cannot be read:
 * LAB_CONFIG_ERROR.
 */
gboolean
lab_version_range_holds(const char *range, const char *release, gboolean *result, GError **error);

/* The same in one word: FALSE also on an error. */
gboolean lab_version_in_range(const char *release, const char *range, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a release (uname -r) says: whose kernel it is and the version that the bounds of that family
 * compare with.
 *
 *   3.10.0-1160.62.1.el7.x86_64          el7        3.10.0-1160.62.1.el7   rpm's order
 *   4.19.91-19.1.al7.x86_64              alinux     4.19.91-19.1.al7
 *   4.19.90-2112.8.0.0131.oe1.x86_64     openeuler  4.19.90-2112.8.0.0131.oe1
 *   4.4.0-47-generic (#68-Ubuntu)        ubuntu     4.4.0-47.68            dpkg's order
 *   6.1.0-49-amd64 (Debian 6.1.170-1)    debian     6.1.170-1
 *   6.12.117+deb12-amd64                 debian     6.12.117 (without its revision)
 *   6.1.170                              upstream   6.1.170
 */
#pragma once

#include <glib.h>

#include "lab-version.h"

typedef enum {
    LAB_FAMILY_OTHER, /* a distribution's that the lab does not know: Fedora, SUSE, Oracle … */
    LAB_FAMILY_UPSTREAM,
    LAB_FAMILY_DEBIAN,
    LAB_FAMILY_UBUNTU,
    LAB_FAMILY_EL7,
    LAB_FAMILY_EL8,
    LAB_FAMILY_EL9,
    LAB_FAMILY_ALINUX,
    LAB_FAMILY_OPENEULER,
} LabFamily;

typedef struct {
    LabFamily family;
    char *release;  /* as it came */
    char *upstream; /* "4.4.0", "6.12.0~rc1"; Debian's with the stable release where it is known */
    char *version;  /* the package's version; NULL where only 'abi' is known */
    char *abi;      /* "4.4.0-47" of Ubuntu, "6.1.0-49" of Debian; or NULL */
    char *flavour;  /* "generic", "cloud-amd64"; of an rpm its architecture; or NULL */
    gboolean upstream_base; /* 'upstream' is only what the distribution began with, or numbers by:
                               its kernel has patches of later releases */
    gboolean own_line;      /* Ubuntu's aws, azure …: numbered apart from the generic kernel */
} LabRelease;

/* 'release': uname -r, or a package's name-version ("kernel-3.10.0-1160.el7"). 'text' is what
 * uname -v says ("#68-Ubuntu SMP …", "… Debian 6.1.170-1 (…)"), 'package_version' the package's;
 * each or both may be NULL. Never NULL. */
LabRelease *lab_release_new(const char *release, const char *text, const char *package_version);
void lab_release_free(LabRelease *release);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabRelease, lab_release_free)

/* The words of recipe.yaml, in the order of LabFamily without OTHER; ended by NULL. */
extern const char *const lab_family_words[];
const char *lab_family_name(LabFamily family); /* "other" for OTHER */
LabFamily lab_family_from_name(const char *name);

/* Order of the release and a bound of its own family. FALSE: what is known of the release does not
 * decide it (Debian's 6.1.0-49 and the bound 6.1.170-1), and *order is left alone. */
gboolean lab_release_order(const LabRelease *release, const char *bound, int *order);

/* The same with an upstream bound ("4.13", "6.12-rc1", "5.10.147"). Where 'upstream_base', the
 * third number of an upstream release is not known. */
gboolean lab_release_order_upstream(const LabRelease *release, const char *bound, int *order);

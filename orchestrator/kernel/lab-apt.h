/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One suite of the Debian archive by apt directories of the lab's own: the machine's apt is asked
 * where its archive lies and how it is reached (proxies), never changed. apt checks the signatures
 * against the system's keyring.
 */
#pragma once

#include <glib.h>

typedef struct LabApt LabApt;

/* Opens CACHE/apt/SUITE and fetches its package lists unless they are fresh. A suite "S" without a
 * dash brings "S-security" with it. When lists can not be fetched, older ones serve; a suite that
 * is gone shows when a package is asked for. */
LabApt *lab_apt_open(const char *cache, const char *suite, GError **error);
void lab_apt_free(LabApt *apt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabApt, lab_apt_free)

/* The index paragraph of the newest version of 'package' ("NAME" or "NAME=VERSION"); NULL and
 * LAB_CONFIG_ERROR/NOT_FOUND when the suite has none. Free with g_free. */
char *lab_apt_show(LabApt *apt, const char *package, GError **error);

/* Fetches packages ("NAME=VERSION") into 'directory'; apt holds them against the signed index. */
gboolean
lab_apt_download(LabApt *apt, const GPtrArray *packages, const char *directory, GError **error);

/* The names of packages in the suite that match a regular expression; none when apt cannot say.
 * g_strfreev. */
char **lab_apt_search(LabApt *apt, const char *regex);

/* The sources.list of these directories, and the machine's Acquire settings as an apt.conf: for
 * other tools of apt's kind. g_free; NULL and error when they cannot be read. */
char *lab_apt_sources(LabApt *apt, GError **error);
char *lab_apt_acquire(LabApt *apt);

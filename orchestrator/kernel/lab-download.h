/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Downloads, kept below CACHE/downloads/SHA256/NAME and never fetched twice. */
#pragma once

#include <glib.h>

#include "lab-stage.h"

/* The path of what is cached with this digest, its content checked; NULL when it is not there. A
 * damaged copy is removed. Free with g_free. */
char *lab_download_find(const char *cache, const char *sha256);

/* Moves 'path' (on the cache's file system) in under its digest, which the caller has checked.
 * Returns its new path; free with g_free. */
char *lab_download_keep(const char *cache, const char *sha256, const char *path, GError **error);

/* A new directory of one's own below CACHE/downloads, to fetch into; free with g_free. */
char *lab_download_workspace(const char *cache, GError **error);

/* Fetches 'url' (https or file; http only with 'sha256', since nobody else vouches for it) by
 * libcurl. 'sha256' NULL: whatever comes. *sha256_out is what it hashed to. Returns its path in the
 * cache; free both with g_free. LAB_CONFIG_ERROR on another checksum, LAB_INFRA_ERROR when it
 * cannot be fetched. */
char *lab_download_url(LabStage *stage, const char *url, const char *sha256, char **sha256_out,
                       GError **error);

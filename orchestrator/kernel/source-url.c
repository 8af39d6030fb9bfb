/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A package or image behind a URL. Its checksum is given (URL#sha256=HEX or --sha256), or recorded
 * at first use in DATA/kernels/.url-checksums.json and required from then on.
 */
#include <string.h>

#include "lab-download.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-source.h"

#define RECORDS  ".url-checksums.json"
#define FRAGMENT "#sha256="

static gboolean
accepts(const char *spec)
{
    return g_str_has_prefix(spec, "https://") || g_str_has_prefix(spec, "file://") ||
           g_str_has_prefix(spec, "http://");
}

static gboolean
is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

/* Splits "URL#sha256=HEX"; *wanted NULL when none is given. */
static gboolean
split(LabStage *stage, const char *spec, char **url, char **wanted, GError **error)
{
    const char *fragment = strstr(spec, FRAGMENT);
    const char *given = fragment ? fragment + strlen(FRAGMENT) : stage->options->sha256;

    *url = fragment ? g_strndup(spec, (gsize)(fragment - spec)) : g_strdup(spec);
    if (given && !is_sha256(given)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' is no SHA-256: 64 hexadecimal digits are", given);
        return FALSE;
    }
    *wanted = given ? g_ascii_strdown(given, -1) : NULL;
    if (!*wanted && g_str_has_prefix(spec, "http://")) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' is fetched without protection: use https://, or append #sha256=HEX",
                    spec);
        return FALSE;
    }
    return TRUE;
}

static json_t *
read_records(LabStage *stage)
{
    json_t *records = lab_json_read(stage->kernels_fd, RECORDS, 1, NULL);

    return records ? records : json_pack("{s:i, s:{}}", "schema_version", 1, "sha256");
}

static gboolean
record(LabStage *stage, const char *url, const char *sha256, GError **error)
{
    LAB_AUTO_FD lock = lab_lock_take(stage->kernels_fd, LAB_KERNEL_LOCK, TRUE, error);
    g_autoptr(json_t) records = lock < 0 ? NULL : read_records(stage);

    if (!records)
        return FALSE;
    json_object_set_new(lab_json_member(records, "sha256"), url, json_string(sha256));
    return lab_json_write(stage->kernels_fd, RECORDS, records, 0600, error);
}

static gboolean
take(LabStage *stage, const char *spec, GError **error)
{
    g_autofree char *url = NULL;
    g_autofree char *wanted = NULL;
    g_autofree char *got = NULL;
    g_autofree char *path = NULL;
    g_autofree char *by = NULL;
    g_autoptr(json_t) records = read_records(stage);
    gboolean first;

    if (!split(stage, spec, &url, &wanted, error))
        return FALSE;
    if (!wanted)
        wanted = g_strdup(lab_json_string(lab_json_member(records, "sha256"), url));
    first = wanted == NULL;
    path = lab_download_url(stage, url, wanted, &got, error);
    if (!path)
        return FALSE;
    if (first) {
        lab_info("'%s' has the SHA-256 %s: recorded, and required from now on", url, got);
        if (!record(stage, url, got, error))
            return FALSE;
    }
    by = g_strconcat("sha256:", got, NULL);
    return lab_stage_take_trusted(stage, path, first ? LAB_TRUST_UNVERIFIED : LAB_TRUST_PINNED, by,
                                  error);
}

const LabSource lab_source_url = {
    .name = "url",
    .form = "https://…[#sha256=HEX] | file://…",
    .summary = "a package or image behind a URL; the checksum is recorded at first use",
    .accepts = accepts,
    .take = take,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-download.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

#define MAX_BYTES         ((guint64)8 << 30)
#define CONNECT_SECONDS   30L
#define STALL_SECONDS     60L
#define STALL_BYTES       1000L
#define PROGRESS_MS       250
#define WORKSPACE_PATTERN ".fetch-XXXXXX"

static char *
digest_directory(const char *cache, const char *sha256)
{
    return g_build_filename(cache, "downloads", sha256, NULL);
}

char *
lab_download_find(const char *cache, const char *sha256)
{
    g_autofree char *directory = digest_directory(cache, sha256);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name = dir ? g_dir_read_name(dir) : NULL;
    g_autofree char *path = name ? g_build_filename(directory, name, NULL) : NULL;
    g_autofree char *hex = path ? lab_sha256_file(AT_FDCWD, path, NULL) : NULL;

    if (hex && strcmp(hex, sha256) == 0)
        return g_steal_pointer(&path);
    if (path)
        lab_path_remove(AT_FDCWD, directory, NULL);
    return NULL;
}

char *
lab_download_keep(const char *cache, const char *sha256, const char *path, GError **error)
{
    g_autofree char *directory = digest_directory(cache, sha256);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *to = g_build_filename(directory, base, NULL);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, directory, 0700, error);

    if (fd < 0)
        return NULL;
    if (rename(path, to) < 0) {
        lab_error_set_errno(error, errno, "moving '%s' into the cache", base);
        return NULL;
    }
    return g_steal_pointer(&to);
}

char *
lab_download_workspace(const char *cache, GError **error)
{
    g_autofree char *downloads = g_build_filename(cache, "downloads", NULL);
    g_autofree char *path = g_build_filename(downloads, WORKSPACE_PATTERN, NULL);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, downloads, 0700, error);

    if (fd < 0)
        return NULL;
    if (!g_mkdtemp(path)) {
        lab_error_set_errno(error, errno, "making '%s'", path);
        return NULL;
    }
    return g_steal_pointer(&path);
}

typedef struct {
    LabStage *stage;
    const char *name;
    int fd;
    GChecksum *sum;
    guint64 bytes;
    gint64 told_us; /* when progress was told last */
    GError *error;
} Transfer;

static size_t
on_data(char *data, size_t size, size_t count, void *user)
{
    Transfer *transfer = user;
    size_t bytes = size * count;

    transfer->bytes += bytes;
    if (transfer->bytes > MAX_BYTES) {
        g_set_error(&transfer->error, LAB_DATA_ERROR, LAB_ERROR_LIMIT,
                    "larger than any kernel package");
        return 0;
    }
    if (!lab_fd_write_all(transfer->fd, data, bytes, &transfer->error))
        return 0;
    g_checksum_update(transfer->sum, (const guchar *)data, (gssize)bytes);
    return bytes;
}

static int
on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
    Transfer *transfer = user;
    gint64 us = g_get_monotonic_time();

    if (us - transfer->told_us >= PROGRESS_MS * 1000) {
        transfer->told_us = us;
        lab_stage_progress(transfer->stage, (guint64)now, (guint64)total, "fetching %s",
                           transfer->name);
    }
    return 0;
}

static gboolean
perform(Transfer *transfer, const char *url, gboolean pinned, GError **error)
{
    const char *protocols = pinned ? "https,http,file" : "https,file";
    CURL *curl = curl_easy_init();
    char text[CURL_ERROR_SIZE] = "";
    CURLcode code;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, pinned ? "https,http" : "https");
    /* As curl(1) does; libcurl itself does not look. */
    if (g_getenv("CURL_CA_BUNDLE"))
        curl_easy_setopt(curl, CURLOPT_CAINFO, g_getenv("CURL_CA_BUNDLE"));
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 8L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "kreglab/" KREGLAB_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return TRUE;
    if (transfer->error)
        g_propagate_error(error, g_steal_pointer(&transfer->error));
    else
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "%s",
                    *text ? text : curl_easy_strerror(code));
    g_prefix_error(error, "fetching '%s': ", url);
    return FALSE;
}

/* A file name out of the URL's last part; what is odd in it becomes '_'. */
static char *
name_of_url(const char *url)
{
    g_autofree char *path = g_strndup(url, strcspn(url, "?#"));
    char *name = g_path_get_basename(path);

    g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._+~-", '_');
    if (*name == '.')
        *name = '_';
    return name;
}

static char *
fetch_into(LabStage *stage, const char *url, const char *workspace, const char *sha256,
           char **sha256_out, GError **error)
{
    g_autofree char *name = name_of_url(url);
    g_autofree char *path = g_build_filename(workspace, name, NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    LAB_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    Transfer transfer = {.stage = stage, .name = name, .fd = fd, .sum = sum};
    const char *got;

    if (fd < 0) {
        lab_error_set_errno(error, errno, "creating '%s'", path);
        return NULL;
    }
    if (!perform(&transfer, url, sha256 != NULL, error))
        return NULL;
    got = g_checksum_get_string(sum);
    if (sha256 && g_ascii_strcasecmp(got, sha256) != 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' has the SHA-256 %s, not %s: it was changed or damaged, and is not used",
                    url, got, sha256);
        return NULL;
    }
    *sha256_out = g_strdup(got);
    return lab_download_keep(stage->options->cache, got, path, error);
}

char *
lab_download_url(LabStage *stage, const char *url, const char *sha256, char **sha256_out,
                 GError **error)
{
    g_autofree char *workspace = NULL;
    char *path = sha256 ? lab_download_find(stage->options->cache, sha256) : NULL;

    if (path) {
        *sha256_out = g_strdup(sha256);
        return path;
    }
    workspace = lab_download_workspace(stage->options->cache, error);
    if (!workspace)
        return NULL;
    path = fetch_into(stage, url, workspace, sha256, sha256_out, error);
    lab_path_remove(AT_FDCWD, workspace, NULL);
    return path;
}

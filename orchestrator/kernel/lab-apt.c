/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-apt.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-proc.h"

#define KEYRING           "/usr/share/keyrings/debian-archive-keyring.gpg"
#define FRESH_SECONDS     3600
#define UPDATE_TIMEOUT_MS (5 * 60 * 1000)
#define FETCH_TIMEOUT_MS  (60 * 60 * 1000)
#define STAMP             "updated"

struct LabApt {
    char *suite;
    char *directory;    /* absolute */
    char *environment;  /* "APT_CONFIG=…" */
    char *update_error; /* why the last update failed, or NULL */
    int fd;
    int lock_fd;
};

void
lab_apt_free(LabApt *apt)
{
    if (!apt)
        return;
    g_free(apt->suite);
    g_free(apt->directory);
    g_free(apt->environment);
    g_free(apt->update_error);
    lab_fd_close(&apt->lock_fd);
    lab_fd_close(&apt->fd);
    g_free(apt);
}

/* Runs an apt tool. 'apt' NULL: with the machine's own configuration, read-only. */
static gboolean
run_apt(const LabApt *apt, const char *const *argv, const char *cwd, gint64 timeout_ms,
        LabProcResult *result, GError **error)
{
    const char *const env[] = {"LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                               apt ? apt->environment : NULL, NULL};
    LabProcOptions options = {.env = env, .cwd = cwd, .timeout_ms = timeout_ms};

    options.max_output = 64u << 20;
    if (lab_proc_run(argv, &options, result, error))
        return TRUE;
    if (g_error_matches(*error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND))
        g_prefix_error(error, "debian: sources need apt, which this machine lacks; give the "
                              "packages as files: ");
    return FALSE;
}

/* The lines of apt's messages that say what is wrong, joined; apt marks them "E: ". */
static char *
apt_errors(const LabProcResult *result)
{
    g_auto(GStrv) lines = g_strsplit(result->errors, "\n", -1);
    g_autoptr(GString) text = g_string_new(NULL);

    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, "E: "))
            g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", *line + 3);
    if (text->len == 0)
        g_string_append_printf(text, "apt ended with %d", result->status);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Where the machine's own apt finds Debian: its first archive, and its security archive. */
static gboolean
find_mirrors(char **archive, char **security, GError **error)
{
    const char *const argv[] = {"apt-get",
                                "indextargets",
                                "--format",
                                "$(REPO_URI) $(RELEASE) $(ORIGIN)",
                                "Created-By: Packages",
                                NULL};
    g_auto(LabProcResult) result = {0};
    g_auto(GStrv) lines = NULL;

    *archive = *security = NULL;
    if (!run_apt(NULL, argv, NULL, 60000, &result, error))
        return FALSE;
    lines = g_strsplit(result.output, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        char **to;

        if (g_strv_length(words) != 3 || strcmp(words[2], "Debian") != 0)
            continue;
        to = g_str_has_suffix(words[1], "-security") ? security : archive;
        if (!*to)
            *to = g_strdup(words[0]);
    }
    if (*archive)
        return TRUE;
    g_clear_pointer(security, g_free);
    g_set_error(
        error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND,
        "this machine's apt knows no Debian archive: run 'apt-get update' if it is a Debian "
        "machine; elsewhere give the packages as files or URLs");
    return FALSE;
}

/* How the machine reaches archives (proxies, retries) counts for the lab's apt too. */
static char *
machine_acquire_settings(void)
{
    static const char *const kept[] = {"Acquire::http", "Acquire::ftp", "Acquire::Retries",
                                       "Acquire::ForceIPv", "Acquire::Check-Valid-Until"};
    const char *const argv[] = {"apt-config", "dump", NULL};
    g_auto(LabProcResult) result = {0};
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;

    if (!run_apt(NULL, argv, NULL, 60000, &result, NULL))
        return g_string_free(g_steal_pointer(&text), FALSE);
    lines = g_strsplit(result.output, "\n", -1);
    for (char **line = lines; *line; line++)
        for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
            if (g_str_has_prefix(*line, kept[i]))
                g_string_append_printf(text, "%s\n", *line);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
write_config(LabApt *apt, GError **error)
{
    g_autofree char *acquire = machine_acquire_settings();
    g_autofree char *text =
        g_strdup_printf("Dir::Etc::parts \"/dev/null\";\n"
                        "Dir::Etc::main \"/dev/null\";\n"
                        "Dir::Etc::sourceparts \"/dev/null\";\n"
                        "Dir::Etc::preferences \"/dev/null\";\n"
                        "Dir::Etc::preferencesparts \"/dev/null\";\n"
                        "Dir::Etc::sourcelist \"%s/sources.list\";\n"
                        "Dir::State \"%s\";\n"
                        "Dir::State::status \"%s/status\";\n"
                        "Dir::Cache \"%s/cache\";\n"
                        "Acquire::Languages \"none\";\n"
                        "Acquire::AllowInsecureRepositories \"false\";\n"
                        "APT::Architecture \"amd64\";\n"
                        "APT::Architectures \"amd64\";\n"
                        "APT::Get::AllowUnauthenticated \"false\";\n"
                        /* The lab's directories are not open to apt's own user. */
                        "APT::Sandbox::User \"root\";\n"
                        "%s",
                        apt->directory, apt->directory, apt->directory, apt->directory, acquire);

    return lab_file_write(apt->fd, "apt.conf", text, -1, 0600, error) &&
           lab_file_write(apt->fd, "status", "", 0, 0600, error);
}

static gboolean
write_sources(LabApt *apt, GError **error)
{
    g_autofree char *archive = NULL;
    g_autofree char *security = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean is_security = g_str_has_suffix(apt->suite, "-security");

    if (!find_mirrors(&archive, &security, error))
        return FALSE;
    if (is_security && !security) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "this machine's apt names no security archive, so '%s' cannot be reached: add "
                    "its line to the machine's apt sources",
                    apt->suite);
        return FALSE;
    }
    if (!is_security)
        g_string_append_printf(text, "deb [signed-by=" KEYRING "] %s %s main\n", archive,
                               apt->suite);
    if (is_security || (!strchr(apt->suite, '-') && security && strcmp(apt->suite, "sid") != 0))
        g_string_append_printf(text, "deb [signed-by=" KEYRING "] %s %s%s main\n", security,
                               apt->suite, is_security ? "" : "-security");
    return lab_file_write(apt->fd, "sources.list", text->str, -1, 0600, error);
}

static gboolean
lists_are_fresh(const LabApt *apt)
{
    struct stat st;

    return fstatat(apt->fd, STAMP, &st, 0) == 0 && time(NULL) - st.st_mtime < FRESH_SECONDS &&
           time(NULL) >= st.st_mtime;
}

static gboolean
update(LabApt *apt, GError **error)
{
    const char *const argv[] = {"apt-get", "update", "-q", NULL};
    g_auto(LabProcResult) result = {0};

    if (!run_apt(apt, argv, NULL, UPDATE_TIMEOUT_MS, &result, error))
        return FALSE;
    if (result.status == 0)
        return lab_file_write(apt->fd, STAMP, "", 0, 0600, error);
    apt->update_error = apt_errors(&result);
    return TRUE;
}

static gboolean
make_directories(LabApt *apt, const char *cache, GError **error)
{
    LAB_AUTO_FD lists = -1;
    LAB_AUTO_FD archives = -1;

    apt->directory = g_build_filename(cache, "apt", apt->suite, NULL);
    apt->environment = g_strdup_printf("APT_CONFIG=%s/apt.conf", apt->directory);
    apt->fd = lab_dir_make(AT_FDCWD, apt->directory, 0700, error);
    if (apt->fd < 0)
        return FALSE;
    lists = lab_dir_make(apt->fd, "lists/partial", 0700, error);
    archives = lists < 0 ? -1 : lab_dir_make(apt->fd, "cache/archives/partial", 0700, error);
    if (archives < 0)
        return FALSE;
    apt->lock_fd = lab_lock_take(apt->fd, "lock", TRUE, error);
    return apt->lock_fd >= 0;
}

LabApt *
lab_apt_open(const char *cache, const char *suite, GError **error)
{
    g_autoptr(LabApt) apt = g_new0(LabApt, 1);

    apt->fd = apt->lock_fd = -1;
    apt->suite = g_strdup(suite);
    if (!g_file_test(KEYRING, G_FILE_TEST_EXISTS)) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND,
                    "no " KEYRING ": install the package debian-archive-keyring, without which "
                    "signatures cannot be checked");
        return NULL;
    }
    if (!make_directories(apt, cache, error))
        return NULL;
    if (lists_are_fresh(apt))
        return g_steal_pointer(&apt);
    if (!write_sources(apt, error) || !write_config(apt, error) || !update(apt, error))
        return NULL;
    return g_steal_pointer(&apt);
}

char *
lab_apt_show(LabApt *apt, const char *package, GError **error)
{
    const char *const argv[] = {"apt-cache", "show", "--no-all-versions", "-q", package, NULL};
    g_auto(LabProcResult) result = {0};

    if (!run_apt(apt, argv, NULL, 60000, &result, error))
        return NULL;
    if (result.status == 0 && *result.output) {
        if (apt->update_error)
            lab_warn("suite '%s' could not be refreshed in full: %s", apt->suite,
                     apt->update_error);
        g_clear_pointer(&apt->update_error, g_free);
        return g_steal_pointer(&result.output);
    }
    if (apt->update_error)
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "suite '%s' cannot be used (is it gone from this machine's mirror?): %s",
                    apt->suite, apt->update_error);
    else
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "suite '%s' has no package '%s'",
                    apt->suite, package);
    return NULL;
}

char **
lab_apt_search(LabApt *apt, const char *regex)
{
    const char *const argv[] = {"apt-cache", "search", "--names-only", regex, NULL};
    g_auto(LabProcResult) result = {0};
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    g_auto(GStrv) lines = NULL;

    if (run_apt(apt, argv, NULL, 60000, &result, NULL))
        lines = g_strsplit(result.output, "\n", -1);
    for (char **line = lines; line && *line; line++) {
        g_autofree char *name = g_strndup(*line, strcspn(*line, " "));

        if (*name)
            g_strv_builder_add(names, name);
    }
    return g_strv_builder_end(names);
}

gboolean
lab_apt_download(LabApt *apt, const GPtrArray *packages, const char *directory, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(LabProcResult) result = {0};
    g_autofree char *text = NULL;

    g_ptr_array_add(argv, (char *)"apt-get");
    g_ptr_array_add(argv, (char *)"download");
    g_ptr_array_add(argv, (char *)"-q");
    for (guint i = 0; i < packages->len; i++)
        g_ptr_array_add(argv, packages->pdata[i]);
    g_ptr_array_add(argv, NULL);
    if (!run_apt(apt, (const char *const *)argv->pdata, directory, FETCH_TIMEOUT_MS, &result,
                 error))
        return FALSE;
    if (result.status == 0)
        return TRUE;
    text = apt_errors(&result);
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "fetching from suite '%s': %s",
                apt->suite, text);
    /* What the lists name and the archive has no more: the next try looks again. */
    unlinkat(apt->fd, STAMP, 0);
    return FALSE;
}

char *
lab_apt_sources(LabApt *apt, GError **error)
{
    return lab_file_read(apt->fd, "sources.list", 65536, NULL, error);
}

char *
lab_apt_acquire(LabApt *apt)
{
    return machine_acquire_settings();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dead workers left: their directories, and guests whose guard died with them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab-connect.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-qemu.h"
#include "lab-runtime.h"

#define KILL_WAIT_MS 3000

/* TRUE when nobody holds the directory's lock. Without a lock file its process may be about to
 * make it. */
static gboolean
is_dead(int dir, const char *name)
{
    g_autoptr(GError) error = NULL;
    LAB_AUTO_FD lock = -1;
    pid_t pid = (pid_t)atoi(name);

    if (!lab_file_exists(dir, "lock"))
        return pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH);
    lock = lab_lock_take(dir, "lock", FALSE, &error);
    return lock >= 0;
}

static gboolean
destroy_domain(const char *uri, const char *uuid, GError **error)
{
    virConnectPtr connection = lab_connect_open(uri, NULL, NULL, error);
    virDomainPtr domain;
    gboolean ok = TRUE;

    if (!connection)
        return FALSE;
    domain = virDomainLookupByUUIDString(connection, uuid);
    if (domain && virDomainDestroy(domain) < 0)
        ok = lab_connect_set_error(error, "destroying the domain %s", uuid);
    if (domain)
        virDomainFree(domain);
    virConnectClose(connection);
    return ok;
}

/* The domain that a worker had at a daemon. */
static gboolean
end_domain(int dir, gboolean dry_run, int *count, GError **error)
{
    g_autofree char *line = lab_file_read(dir, "domain", 4096, NULL, NULL);
    char *tab = line ? strchr(line, '\t') : NULL;

    if (!tab)
        return TRUE;
    *tab = '\0';
    g_strchomp(tab + 1);
    (*count)++;
    return dry_run || destroy_domain(line, tab + 1, error);
}

/* QEMUs of the directory, which carry its path in their command lines. */
static int
end_processes(const char *path, gboolean dry_run)
{
    g_autofree char *text = g_strconcat(path, "/", NULL);
    int count = lab_qemu_kill_matching(text, dry_run);

    for (int waited = 0; !dry_run && waited < KILL_WAIT_MS; waited += 10) {
        if (lab_qemu_kill_matching(text, TRUE) == 0)
            break;
        g_usleep(10000);
    }
    return count;
}

static gboolean
clean_one(int root, const char *root_path, const char *name, gboolean dry_run, LabCleaned *cleaned,
          GError **error)
{
    g_autofree char *path = g_build_filename(root_path, name, NULL);
    LAB_AUTO_FD dir = lab_dir_open(root, name, NULL);

    if (dir < 0)
        return TRUE;
    if (!is_dead(dir, name)) {
        cleaned->alive++;
        return TRUE;
    }
    cleaned->directories++;
    cleaned->guests += end_processes(path, dry_run);
    if (!end_domain(dir, dry_run, &cleaned->guests, error))
        return FALSE;
    return dry_run || lab_path_remove(root, name, error);
}

gboolean
lab_guest_clean(const char *data, gboolean dry_run, LabCleaned *cleaned, GError **error)
{
    g_autofree char *root_path = lab_runtime_root(data);
    LAB_AUTO_FD root = lab_dir_open(AT_FDCWD, root_path, NULL);
    DIR *listing = root < 0 ? NULL : fdopendir(dup(root));
    struct dirent *entry;
    int failures = 0;

    *cleaned = (LabCleaned){0};
    while (listing && (entry = readdir(listing))) {
        g_autoptr(GError) why = NULL;

        if (*entry->d_name == '.' ||
            clean_one(root, root_path, entry->d_name, dry_run, cleaned, &why))
            continue;
        failures++;
        lab_warn("cleaning '%s/%s': %s", root_path, entry->d_name, why->message);
    }
    if (listing)
        closedir(listing);
    if (failures == 0)
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                "%d leftover director%s below '%s' could not be removed", failures,
                failures == 1 ? "y" : "ies", root_path);
    return FALSE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

/* sockaddr_un has 107 bytes; libvirt's longest socket below the directory is its monitor's. */
#define MAX_PATH (107 - sizeof "/root/lib/qemu/domain-99-kreglab-4194304-99/monitor.sock" + 1)

struct LabRuntime {
    char *path;
    int lock;
};

void
lab_qemu_user_clear(LabQemuUser *user)
{
    g_clear_pointer(&user->user, g_free);
    g_clear_pointer(&user->group, g_free);
}

gboolean
lab_qemu_user_find(LabQemuUser *user, GError **error)
{
    const char *given = g_getenv("KREGLAB_QEMU_USER");
    const char *const names[] = {given ? given : "libvirt-qemu", "qemu", "nobody"};

    *user = (LabQemuUser){.uid = geteuid(), .gid = getegid()};
    if (user->uid != 0)
        return TRUE;
    for (gsize i = 0; i < (given ? 1 : G_N_ELEMENTS(names)); i++) {
        struct passwd *entry = getpwnam(names[i]);
        struct group *own;

        if (!entry || entry->pw_uid == 0)
            continue;
        user->user = g_strdup(names[i]);
        user->uid = entry->pw_uid;
        /* A group of the same name is narrower than Debian's primary one, which is 'kvm'. */
        own = getgrnam(names[i]);
        user->gid = own ? own->gr_gid : entry->pw_gid;
        own = own ? own : getgrgid(user->gid);
        user->group = own ? g_strdup(own->gr_name) : g_strdup_printf("+%u", user->gid);
        return TRUE;
    }
    g_set_error(
        error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
        "no unprivileged user to run QEMU as: %s%s; install libvirt's daemon package, which "
        "makes 'libvirt-qemu', or set KREGLAB_QEMU_USER",
        given ? "there is no user " : "neither 'libvirt-qemu' nor 'qemu' nor 'nobody'",
        given ? given : " exists");
    return FALSE;
}

char *
lab_runtime_root(const char *data)
{
    const char *given = g_getenv("KREGLAB_RUNTIME");
    g_autofree char *absolute = g_canonicalize_filename(data, NULL);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, absolute, -1);
    g_autofree char *base = given ? g_canonicalize_filename(given, NULL)
                                  : g_strdup_printf("/tmp/kreglab-%u", geteuid());

    hash[8] = '\0';
    return g_build_filename(base, hash, NULL);
}

/* One level, ours alone: others may have made a directory (or a link) of that name in /tmp. The
 * user QEMU runs as may pass through, not look. */
static gboolean
make_private(const char *path, GError **error)
{
    g_auto(LabQemuUser) user = {0};
    struct stat st;
    mode_t mode;

    if (!lab_qemu_user_find(&user, error))
        return FALSE;
    mode = user.user ? 0710 : 0700;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return lab_error_set_errno(error, errno, "making directory '%s'", path);
    if (lstat(path, &st) < 0)
        return lab_error_set_errno(error, errno, "looking at '%s'", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                    "'%s' is not a directory of ours: remove it, or set KREGLAB_RUNTIME", path);
        return FALSE;
    }
    if ((user.user && chown(path, (uid_t)-1, user.gid) < 0) || chmod(path, mode) < 0)
        return lab_error_set_errno(error, errno, "setting the mode of '%s'", path);
    return TRUE;
}

static gboolean
make_parents(const char *root, GError **error)
{
    g_autofree char *base = g_path_get_dirname(root);

    if (g_getenv("KREGLAB_RUNTIME")) {
        LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, base, 0711, error);

        return fd >= 0 && make_private(root, error);
    }
    return make_private(base, error) && make_private(root, error);
}

/* Another process that ends may take an empty root away in between. */
static gboolean
make_below(const char *root, const char *path, GError **error)
{
    for (int tries = 3;; tries--) {
        g_autoptr(GError) failed = NULL;

        if (make_parents(root, &failed) && make_private(path, &failed))
            return TRUE;
        if (tries == 0) {
            g_propagate_error(error, g_steal_pointer(&failed));
            return FALSE;
        }
    }
}

LabRuntime *
lab_runtime_new(const char *data, const char *name, GError **error)
{
    g_autoptr(LabRuntime) runtime = g_new0(LabRuntime, 1);
    g_autofree char *root = lab_runtime_root(data);
    g_autofree char *leaf = g_strdup_printf("%d-%.6s", (int)getpid(), name);
    LAB_AUTO_FD fd = -1;

    runtime->lock = -1;
    runtime->path = g_build_filename(root, leaf, NULL);
    /* For sockets: see MAX_PATH. */
    if (strlen(runtime->path) > MAX_PATH) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                    "'%s' is too long for sockets: set KREGLAB_RUNTIME to a shorter directory",
                    runtime->path);
        g_clear_pointer(&runtime->path, g_free);
        return NULL;
    }
    /* A dead process may have had our pid. */
    if (!lab_path_remove(AT_FDCWD, runtime->path, error) || !make_below(root, runtime->path, error))
        return NULL;
    fd = lab_dir_open(AT_FDCWD, runtime->path, error);
    runtime->lock = fd < 0 ? -1 : lab_lock_take(fd, "lock", FALSE, error);
    return runtime->lock < 0 ? NULL : g_steal_pointer(&runtime);
}

const char *
lab_runtime_path(const LabRuntime *runtime)
{
    return runtime->path;
}

void
lab_runtime_free(LabRuntime *runtime)
{
    g_autoptr(GError) error = NULL;

    if (!runtime)
        return;
    if (runtime->path && !lab_path_remove(AT_FDCWD, runtime->path, &error))
        lab_warn("%s", error->message);
    if (runtime->path) {
        g_autofree char *root = g_path_get_dirname(runtime->path);

        (void)rmdir(root); /* the last one */
    }
    lab_fd_close(&runtime->lock);
    g_free(runtime->path);
    g_free(runtime);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-connect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt-glib/libvirt-glib.h>
#include <libvirt/virterror.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-runtime.h"

#define MAX_DESCRIPTORS 4096

gboolean
lab_connect_set_error(GError **error, const char *format, ...)
{
    const char *reason = virGetLastErrorMessage();
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "%s: %s", text, reason);
    return FALSE;
}

/* Errors come back through virGetLastError; libvirt's own copy on stderr would say it twice. */
static void
be_quiet(void *user_data, virErrorPtr error)
{
}

/* libvirt closes every possible descriptor in each child it starts, one by one
 * (virCommandMassClose); with a limit of 2^30, as containers have it, a guest takes a minute to
 * start. */
static void
limit_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > MAX_DESCRIPTORS) {
        limit.rlim_cur = MAX_DESCRIPTORS;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void
initialise(void)
{
    static gboolean done;

    if (done)
        return;
    done = TRUE;
    limit_descriptors();
    /* Errors come back to us; the rest (a tainted domain, no security driver, no cgroups) is about
     * what we chose. KREGLAB_LIBVIRT_LOG=1:stderr brings it all back. */
    g_setenv("LIBVIRT_LOG_OUTPUTS",
             g_getenv("KREGLAB_LIBVIRT_LOG") ? g_getenv("KREGLAB_LIBVIRT_LOG") : "4:file:/dev/null",
             FALSE);
    virSetErrorFunc(NULL, be_quiet);
    /* Before the first connection, else domain events never arrive. */
    gvir_event_register();
}

/* What an embedded driver needs to know (libvirt's documentation, "drvqemu", and
 * src/qemu/qemu.conf): no daemons to hand logs to, no cgroups or namespaces to set up, no files to
 * take over. QEMU's own user keeps a guest that broke out of it away from everything of ours. */
static gboolean
write_configuration(int root, GError **error)
{
    g_auto(LabQemuUser) user = {0};
    g_autoptr(GString) text = g_string_new("stdio_handler = \"file\"\n"
                                           "dynamic_ownership = 0\n"
                                           "remember_owner = 0\n"
                                           "security_driver = \"none\"\n"
                                           "namespaces = []\n"
                                           "cgroup_controllers = []\n"
                                           "seccomp_sandbox = 1\n"
                                           "max_core = 0\n");
    LAB_AUTO_FD etc = -1;

    if (!lab_qemu_user_find(&user, error))
        return FALSE;
    if (user.user)
        g_string_append_printf(text, "user = \"%s\"\ngroup = \"%s\"\n", user.user, user.group);
    etc = lab_dir_make(root, "etc", 0711, error);
    return etc >= 0 && lab_file_write(etc, "qemu.conf", text->str, -1, 0600, error);
}

/* libvirt asks QEMU for its capabilities once, for 2 to 4 seconds; where it keeps the answers is
 * made the same for all workers. libvirt replaces files by rename, so workers may share it. */
static gboolean
share_capabilities(int root, const char *cache_directory, GError **error)
{
    g_autofree char *shared = g_build_filename(cache_directory, "libvirt", NULL);
    LAB_AUTO_FD made = lab_dir_make(AT_FDCWD, shared, 0700, error);
    LAB_AUTO_FD cache = made < 0 ? -1 : lab_dir_make(root, "cache/qemu", 0711, error);

    if (cache < 0)
        return FALSE;
    if (symlinkat(shared, cache, "capabilities") < 0 && errno != EEXIST)
        return lab_error_set_errno(error, errno, "linking libvirt's capability cache");
    return TRUE;
}

static gboolean
make_embedded_root(const char *path, const char *cache_directory, GError **error)
{
    LAB_AUTO_FD root = lab_dir_make(AT_FDCWD, path, 0711, error);

    return root >= 0 && write_configuration(root, error) &&
           share_capabilities(root, cache_directory, error);
}

static virConnectPtr
open_uri(const char *uri, GError **error)
{
    virConnectPtr connection = virConnectOpen(uri);

    if (!connection)
        lab_connect_set_error(error, "connecting to libvirt at '%s'", uri);
    return connection;
}

/* Opened once and kept for as long as the process lives: each opening of the embedded driver
 * registers it anew, and libvirt's table is full after some ten of them ("Too many drivers, cannot
 * register QEMU"). */
static virConnectPtr
open_embedded(const char *runtime_directory, const char *cache_directory, GError **error)
{
    static char *uri;
    static virConnectPtr kept;

    if (!uri) {
        g_autofree char *root = g_build_filename(runtime_directory, "root", NULL);

        if (!make_embedded_root(root, cache_directory, error))
            return NULL;
        uri = g_strdup_printf("qemu:///embed?root=%s", root);
    }
    if (!kept)
        kept = open_uri(uri, error);
    if (!kept)
        return NULL;
    virConnectRef(kept);
    return kept;
}

virConnectPtr
lab_connect_open(const char *given, const char *runtime_directory, const char *cache_directory,
                 GError **error)
{
    initialise();
    return given ? open_uri(given, error)
                 : open_embedded(runtime_directory, cache_directory, error);
}

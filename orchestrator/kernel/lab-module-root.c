/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-module-root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-apt.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

#define MAKE_TIMEOUT_MS (30 * 60 * 1000)
#define SCHEME          "debian:"
#define BUILDS_IN_ROOT  "libelf-dev,make" /* objtool reads ELF */

/* In the namespace: shows the directories where they lie, then becomes the root. $1 the root, $2
 * the headers, $3 the work directory, then the command. */
static const char enter[] =
    "set -e\n"
    "root=$1 headers=$2 work=$3\n"
    "shift 3\n"
    "mount --make-rprivate /\n"
    "mount --bind \"$root\" \"$root\"\n"
    "cd \"$root\"\n"
    "mkdir -p \".$headers\" \".$work\" dev\n"
    "mount --rbind /dev dev\n"
    "mount --bind \"$headers\" \".$headers\"\n"
    "mount -o remount,bind,ro \".$headers\"\n"
    "mount --bind \"$work\" \".$work\"\n"
    "exec chroot . /usr/bin/env -C \"$work\" PATH=/usr/sbin:/usr/bin:/sbin:/bin \"$@\"\n";

static const struct {
    int version;
    const char *suite;
} releases[] = {{10, "buster"}, {11, "bullseye"}, {12, "bookworm"}, {13, "trixie"}, {14, "forky"}};

const char *
lab_module_root_suite(const LabKernel *kernel)
{
    const char *version = kernel->package_version ? strstr(kernel->package_version, "deb") : NULL;
    const char *source = kernel->source ? kernel->source : "";

    /* "6.12.48-1~deb13u1", "6.12.48+deb13-cloud-amd64": the number says it best. */
    if (!version)
        version = strstr(kernel->release, "+deb");
    if (version) {
        while (*version && !g_ascii_isdigit(*version))
            version++;
        for (gsize i = 0; i < G_N_ELEMENTS(releases); i++)
            if (g_ascii_strtoll(version, NULL, 10) == releases[i].version)
                return releases[i].suite;
    }
    if (!g_str_has_prefix(source, SCHEME))
        return NULL;
    source += strlen(SCHEME);
    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        gsize length = strlen(releases[i].suite);

        if (strncmp(source, releases[i].suite, length) == 0 &&
            (source[length] == '/' || source[length] == '-'))
            return releases[i].suite;
    }
    return NULL;
}

/* mmdebstrap takes the archive's lines from a file, and the way there from an apt.conf. */
static gboolean
write_settings(int fd, const char *suite, const char *cache, GError **error)
{
    g_autoptr(LabApt) apt = lab_apt_open(cache, suite, error);
    g_autofree char *sources = apt ? lab_apt_sources(apt, error) : NULL;
    g_autofree char *acquire = apt ? lab_apt_acquire(apt) : NULL;

    return sources && lab_file_write(fd, "sources.list", sources, -1, 0644, error) &&
           lab_file_write(fd, "apt.conf", acquire, -1, 0644, error);
}

static gboolean
make_root(int fd, const char *roots, const char *name, const char *suite, const char *compiler,
          const char *cache, GError **error)
{
    g_autofree char *work = g_strdup_printf("%s/.%s.new", roots, name);
    g_autofree char *to = g_build_filename(roots, name, NULL);
    g_autofree char *include = g_strdup_printf("--include=%s," BUILDS_IN_ROOT, compiler);
    g_autofree char *conf = g_strdup_printf("--aptopt=%s/apt.conf", roots);
    g_autofree char *sources = g_build_filename(roots, "sources.list", NULL);
    const char *const argv[] = {
        "mmdebstrap", "--quiet", "--variant=essential",
        include,      conf,      "--aptopt=APT::Install-Recommends \"false\"",
        suite,        work,      sources,
        NULL};
    const char *const env[] = {"LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", NULL};
    LabProcOptions options = {.env = env, .timeout_ms = MAKE_TIMEOUT_MS, .merge = TRUE};
    g_auto(LabProcResult) result = {0};

    if (!lab_path_remove(AT_FDCWD, work, error) || !write_settings(fd, suite, cache, error))
        return FALSE;
    lab_info("making a root with %s of Debian '%s', to build modules in (once)", compiler, suite);
    if (!lab_proc_check(argv, &options, &result, error)) {
        lab_path_remove(AT_FDCWD, work, NULL);
        return FALSE;
    }
    if (rename(work, to) < 0)
        return lab_error_set_errno(error, errno, "moving a root to '%s'", to);
    return TRUE;
}

char *
lab_module_root_find(const char *suite, const char *compiler, const char *cache, char **why)
{
    const char *package = compiler ? compiler : "gcc";
    g_autofree char *roots = g_build_filename(cache, "roots", NULL);
    g_autofree char *name = g_strdup_printf("%s-%s", suite, package);
    g_autofree char *lock_name = g_strdup_printf(".%s.lock", name);
    g_autofree char *root = g_build_filename(roots, name, NULL);
    g_autofree char *tool = g_find_program_in_path("mmdebstrap");
    g_autoptr(GError) error = NULL;
    LAB_AUTO_FD fd = -1;
    LAB_AUTO_FD lock = -1;

    *why = NULL;
    if (g_file_test(root, G_FILE_TEST_IS_DIR))
        return g_steal_pointer(&root);
    if (!tool) {
        *why = g_strdup_printf("a root of Debian '%s' could build it: install the package "
                               "mmdebstrap",
                               suite);
        return NULL;
    }
    fd = lab_dir_make(AT_FDCWD, roots, 0755, &error);
    lock = fd < 0 ? -1 : lab_lock_take(fd, lock_name, TRUE, &error);
    if (lock >= 0 && (g_file_test(root, G_FILE_TEST_IS_DIR) ||
                      make_root(fd, roots, name, suite, package, cache, &error)))
        return g_steal_pointer(&root);
    *why = g_strdup_printf("a root of Debian '%s' cannot be made: %s", suite, error->message);
    return NULL;
}

gboolean
lab_module_root_run(const char *root, const char *headers, const char *work,
                    const char *const *argv, const LabProcOptions *options, LabProcResult *result,
                    GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    g_ptr_array_add(all, (char *)"unshare");
    if (getuid() != 0)
        g_ptr_array_add(all, (char *)"--map-root-user");
    g_ptr_array_add(all, (char *)"--mount");
    g_ptr_array_add(all, (char *)"/bin/sh");
    g_ptr_array_add(all, (char *)"-c");
    g_ptr_array_add(all, (char *)enter);
    g_ptr_array_add(all, (char *)"enter");
    g_ptr_array_add(all, (char *)root);
    g_ptr_array_add(all, (char *)headers);
    g_ptr_array_add(all, (char *)work);
    for (; *argv; argv++)
        g_ptr_array_add(all, (char *)*argv);
    g_ptr_array_add(all, NULL);
    return lab_proc_run((const char *const *)all->pdata, options, result, error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-module-shims.h"

#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-proc.h"
#include "lab-version.h"

#define SHIMS "kreglab-shims"

/* Since 4.9 the kernel's Makefile itself says -fno-PIE to compilers that default to PIE: commit
 * 8ae94224c9d7 ("kbuild: add -fno-PIE") (in v4.9). Older ones even ask the compiler with the flags
 * of the test alone whether it has a stack protector, so the flag goes with its name. */
#define NO_PIE_RELEASES "< 4.9"

/* Until commit cb984d101b30 ("compiler-gcc: integrate the various compiler-gcc[345].h files") (in
 * v4.2) each major version of gcc had a header of its own, and a new compiler has none. */
#define GCC_HEADER "gcc_header("

/* gcc 8 has -fmacro-prefix-map (gcc.gnu.org/gcc-8/changes.html); clang 10, which no Debian kernel
 * names, too. */
#define MACRO_PREFIX_MAP_SINCE 8

/* The major version of the compiler; 0: it does not say. */
static int
compiler_major(const char *compiler)
{
    const char *const argv[] = {compiler, "-dumpversion", NULL};
    g_auto(LabProcResult) result = {0};

    if (!lab_proc_run(argv, NULL, &result, NULL) || result.status != 0)
        return 0;
    return (int)g_ascii_strtoll(result.output, NULL, 10);
}

/* The same of a compiler that is not here, by its name: "gcc-14". */
static int
major_of_name(const char *compiler)
{
    const char *dash = strrchr(compiler, '-');

    return dash ? (int)g_ascii_strtoll(dash + 1, NULL, 10) : 0;
}

/* __FILE__ in a BUG() or a WARN() is the way to the source as make names it, which would tell every
 * console where this machine keeps its cache. */
static void
hide_directory(GString *flags, const char *work, int major)
{
    if (major >= MACRO_PREFIX_MAP_SINCE)
        g_string_append_printf(flags, " -fmacro-prefix-map=%s/=", work);
}

/* The newest compiler-gccN.h that the headers have; 0: none. */
static int
newest_gcc_header(const char *headers)
{
    for (int n = 30; n > 2; n--) {
        g_autofree char *path = g_strdup_printf("%s/include/linux/compiler-gcc%d.h", headers, n);

        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return n;
    }
    return 0;
}

/* Makes linux/compiler-gccN.h, which is the newest one that there is. *made: there is one. */
static gboolean
shim_gcc_header(const char *headers, const char *work, const char *compiler, gboolean *made,
                GError **error)
{
    g_autofree char *path = g_build_filename(headers, "include/linux/compiler-gcc.h", NULL);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 1 << 20, NULL, NULL);
    g_autofree char *directory = g_build_filename(work, SHIMS, "linux", NULL);
    g_autofree char *name = NULL;
    g_autofree char *body = NULL;
    LAB_AUTO_FD fd = -1;
    int major, newest;

    *made = FALSE;
    if (!text || !strstr(text, GCC_HEADER))
        return TRUE;
    major = compiler_major(compiler);
    newest = newest_gcc_header(headers);
    if (major <= newest || newest == 0)
        return TRUE;
    name = g_strdup_printf("compiler-gcc%d.h", major);
    body = g_strdup_printf("/* Made by kreglab: this kernel is older than gcc %d. */\n"
                           "#include <linux/compiler-gcc%d.h>\n",
                           major, newest);
    fd = lab_dir_make(AT_FDCWD, directory, 0755, error);
    *made = fd >= 0;
    return *made && lab_file_write(fd, name, body, -1, 0644, error);
}

char **
lab_module_root_flags(const char *work, const char *compiler)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    g_autoptr(GString) flags = g_string_new("KCFLAGS=");
    gsize empty = flags->len;

    hide_directory(flags, work, compiler ? major_of_name(compiler) : 0);
    if (flags->len > empty)
        g_strv_builder_add(arguments, flags->str);
    return g_strv_builder_end(arguments);
}

char **
lab_module_shims(const char *release, const char *headers, const char *work, const char *compiler,
                 gboolean other, GError **error)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    g_autoptr(GString) flags = g_string_new(NULL);
    gboolean old = lab_version_in_range(release, NO_PIE_RELEASES, NULL);
    gboolean made = FALSE;

    if (!shim_gcc_header(headers, work, compiler, &made, error))
        return NULL;
    if (old) {
        g_autofree char *cc = g_strdup_printf("CC=%s -fno-pie", compiler);

        g_strv_builder_add(arguments, cc);
        /* Compilers that switch it on by themselves refuse it beside -mindirect-branch. */
        g_string_append(flags, " -fcf-protection=none");
    } else if (other) {
        g_autofree char *cc = g_strconcat("CC=", compiler, NULL);

        g_strv_builder_add(arguments, cc);
    }
    if (old || other) {
        /* A newer compiler's warnings are no errors of the module's, and another compiler's plugins
         * do not load. */
        g_string_append(flags, " -Wno-error");
        g_strv_builder_add(arguments, "CONFIG_WERROR=");
        g_strv_builder_add(arguments, "CONFIG_GCC_PLUGINS=");
    }
    if (made)
        g_string_append_printf(flags, " -I%s/" SHIMS, work);
    hide_directory(flags, work, compiler_major(compiler));
    if (flags->len > 0) {
        g_autofree char *kcflags = g_strconcat("KCFLAGS=", flags->str + 1, NULL);

        g_strv_builder_add(arguments, kcflags);
    }
    return g_strv_builder_end(arguments);
}

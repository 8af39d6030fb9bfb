/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-make-log.h"
#include "lab-module-root.h"
#include "lab-module-shims.h"
#include "lab-module-source.h"
#include "lab-proc.h"

/* Counted into the cache's key: raise it when the way of building changes. */
#define BUILD_RULES      "kreglab-module-4"
#define BUILD_TIMEOUT_MS (10 * 60 * 1000)
#define LOG_NAME         "build.log"

#define FAILED_LOG    ".failed.log"  /* after the key */
#define FAILED_RECORD ".failed.json" /* {"schema_version":1,"why","compiler"} */

/* The compiler that a build in a root used, beside its modules. */
#define COMPILER_NAME "compiler"

void
lab_module_build_clear(LabModuleBuild *build)
{
    g_clear_pointer(&build->modules, g_strfreev);
    g_clear_pointer(&build->why, g_free);
    g_clear_pointer(&build->log, g_free);
    g_clear_pointer(&build->compiler, g_free);
}

typedef struct {
    const LabKernel *kernel;
    const char *source_dir;
    char *headers;  /* absolute path of the build directory */
    char *compiler; /* name, to be found in PATH */
    char *wanted;   /* what the headers ask for and this machine lacks, or NULL */
    char *named;    /* what the headers ask for, or NULL */
    const char *cache;
    char *key;
    char *modules; /* CACHE/modules */
} Job;

static void
job_clear(Job *job)
{
    g_free(job->headers);
    g_free(job->compiler);
    g_free(job->wanted);
    g_free(job->named);
    g_free(job->key);
    g_free(job->modules);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)

static void set_why(LabModuleBuild *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
set_why(LabModuleBuild *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    out->why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

/* Reads headers.json; FALSE with out->why when the kernel has no usable headers. */
static gboolean
find_headers(Job *job, char **wanted, LabModuleBuild *out)
{
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, job->kernel->directory, NULL);
    g_autoptr(json_t) json = fd < 0 ? NULL : lab_json_read(fd, "headers.json", 1, NULL);
    const char *build = lab_json_string(json, "build");

    if (!build) {
        set_why(out,
                "kernel '%s' has no headers: add it again with --headers, or with its headers "
                "packages",
                job->kernel->id);
        return FALSE;
    }
    job->headers = g_canonicalize_filename(build, job->kernel->directory);
    *wanted = g_strdup(lab_json_string(json, "compiler"));
    if (!g_file_test(job->headers, G_FILE_TEST_IS_DIR)) {
        set_why(out, "the headers of kernel '%s' are gone from '%s'", job->kernel->id,
                job->headers);
        return FALSE;
    }
    if (strpbrk(job->headers, " \t:#$")) {
        set_why(out, "make cannot build in '%s': choose a data directory without blanks or ':#$'",
                job->headers);
        return FALSE;
    }
    return TRUE;
}

/* The compiler that the headers ask for, or the machine's. */
static gboolean
find_compiler(Job *job, const char *wanted, GError **error)
{
    g_autofree char *exact = wanted ? g_find_program_in_path(wanted) : NULL;
    g_autofree char *any = g_find_program_in_path("gcc");
    g_autofree char *make = g_find_program_in_path("make");

    if (!make || (!exact && !any)) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND,
                    "modules are built by make and gcc, and this machine lacks %s: install the "
                    "packages make and gcc",
                    make ? "gcc" : "make");
        return FALSE;
    }
    job->compiler = g_strdup(exact ? wanted : "gcc");
    job->named = g_strdup(wanted);
    job->wanted = exact ? NULL : g_strdup(wanted ? wanted : "another compiler");
    return TRUE;
}

/* Two compilers of one name differ in their file. */
static void
digest_compiler(const Job *job, GChecksum *sum)
{
    g_autofree char *path = g_find_program_in_path(job->compiler);
    g_autofree char *real = path ? realpath(path, NULL) : NULL;
    g_autofree char *text = NULL;
    struct stat st = {0};

    if (real)
        (void)stat(real, &st);
    text = g_strdup_printf("%s %lld %lld", real, (long long)st.st_size, (long long)st.st_mtime);
    g_checksum_update(sum, (const guchar *)text, -1);
}

static gboolean
find_key(Job *job, const GPtrArray *files, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *text =
        g_strjoin("\n", BUILD_RULES, job->kernel->digest, job->kernel->package_version, NULL);

    g_checksum_update(sum, (const guchar *)text, -1);
    digest_compiler(job, sum);
    if (!lab_module_source_digest(job->source_dir, files, sum, error))
        return FALSE;
    job->key = g_strndup(g_checksum_get_string(sum), 32);
    return TRUE;
}

/* Fills out->modules with the .ko files of 'directory'; FALSE when there are none. */
static gboolean
find_modules(const char *directory, LabModuleBuild *out)
{
    g_autoptr(GStrvBuilder) found = g_strv_builder_new();
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_has_suffix(name, ".ko")) {
            g_autofree char *path = g_build_filename(directory, name, NULL);

            g_strv_builder_add(found, path);
        }
    g_strfreev(out->modules);
    out->modules = g_strv_builder_end(found);
    return out->modules[0] != NULL;
}

static gboolean
take_cached(const Job *job, LabModuleBuild *out)
{
    g_autofree char *directory = g_build_filename(job->modules, job->key, NULL);

    g_autofree char *compiler = g_build_filename(directory, COMPILER_NAME, NULL);

    out->built = out->cached = find_modules(directory, out);
    if (!out->built)
        return FALSE;
    g_free(out->log);
    g_free(out->compiler);
    out->log = g_build_filename(directory, LOG_NAME, NULL);
    out->compiler = lab_file_read(AT_FDCWD, compiler, 256, NULL, NULL);
    return TRUE;
}

/* A tool of the headers package that needs a newer C library is a reason of its own. */
static void
explain_failure(const Job *job, const char *log, const char *work, LabModuleBuild *out)
{
    const char *glibc = strstr(log, "version `GLIBC_");
    g_autofree char *line = NULL;

    if (glibc && strstr(glibc, "not found")) {
        set_why(out,
                "does not build: the build tools of kernel '%s' need %.*s, newer than this "
                "machine's C library: only its own distribution can build for it",
                job->kernel->release, (int)strcspn(glibc + 9, "'"), glibc + 9);
        return;
    }
    line = lab_make_first_error(log, work);
    if (job->wanted)
        set_why(out, "does not build: %.400s (its headers want %s, built with %s)", line,
                job->wanted, job->compiler);
    else
        set_why(out, "does not build: %.400s", line);
}

/* With this machine's compiler, or, with 'root', the root's own, which is the kernel's. */
static gboolean
run_make(const Job *job, const char *root, const char *work, LabProcResult *result, GError **error)
{
    g_autofree char *module = g_strconcat("M=", work, NULL);
    g_auto(GStrv) shims = NULL;
    const char *const env[] = {"LC_ALL=C",
                               "MAKEFLAGS=",
                               "MFLAGS=",
                               "KBUILD_BUILD_USER=kreglab",
                               "KBUILD_BUILD_HOST=kreglab",
                               NULL};
    LabProcOptions options = {.env = env, .cwd = work, .merge = TRUE};
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    /* BTF of a module is for BPF tools and needs pahole and the kernel's own: left out. */
    const char *const fixed[] = {"make", "-C",      job->headers,
                                 module, "modules", "CONFIG_DEBUG_INFO_BTF_MODULES="};

    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, (char *)fixed[i]);
    options.timeout_ms = BUILD_TIMEOUT_MS;
    shims = root ? lab_module_root_flags(work, job->named)
                 : lab_module_shims(job->kernel->release, job->headers, work, job->compiler,
                                    job->wanted != NULL, error);
    if (!shims)
        return FALSE;
    for (char **shim = shims; *shim; shim++)
        g_ptr_array_add(argv, *shim);
    g_ptr_array_add(argv, NULL);
    if (root) {
        /* Debian's headers name their parts by ways that lead through the kernel's directory. */
        const char *shown = g_str_has_prefix(job->headers, job->kernel->directory)
                                ? job->kernel->directory
                                : job->headers;

        return lab_module_root_run(root, shown, work, (const char *const *)argv->pdata, &options,
                                   result, error);
    }
    return lab_proc_run((const char *const *)argv->pdata, &options, result, error);
}

/* Keeps log and modules of 'work', drops the rest, and moves it into the cache. */
static gboolean
keep(const Job *job, const char *work, LabModuleBuild *out, GError **error)
{
    g_autofree char *to = g_build_filename(job->modules, job->key, NULL);
    g_autoptr(GDir) dir = g_dir_open(work, 0, error);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(work, name, NULL);

        if (!g_str_has_suffix(name, ".ko") && strcmp(name, LOG_NAME) != 0 &&
            strcmp(name, COMPILER_NAME) != 0 && !lab_path_remove(AT_FDCWD, path, error))
            return FALSE;
    }
    if (!dir || !lab_path_remove(AT_FDCWD, to, error))
        return FALSE;
    if (rename(work, to) < 0)
        return lab_error_set_errno(error, errno, "moving a built module to '%s'", to);
    return take_cached(job, out);
}

/* The log of a failed build stays where people can read it, one a key. With 'final' the failure is
 * known from now on: other sources, another compiler or kernel make another key. */
static gboolean
keep_failure(const Job *job, const char *log, gboolean final, LabModuleBuild *out, GError **error)
{
    g_autofree char *name = g_strconcat(job->key, FAILED_LOG, NULL);
    g_autofree char *record_name = g_strconcat(job->key, FAILED_RECORD, NULL);
    g_autoptr(json_t)
        record = json_pack("{s:i, s:o, s:o}", "schema_version", 1, "why", lab_json_text(out->why),
                           "compiler", lab_json_text(out->compiler));
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, job->modules, error);

    out->log = g_build_filename(job->modules, name, NULL);
    if (fd < 0 || !lab_file_write(fd, name, log, -1, 0644, error))
        return FALSE;
    return !final || lab_json_write(fd, record_name, record, 0644, error);
}

/* A build of this key that failed before fails again. */
static gboolean
take_failed(const Job *job, LabModuleBuild *out)
{
    g_autofree char *record_name = g_strconcat(job->key, FAILED_RECORD, NULL);
    g_autofree char *name = g_strconcat(job->key, FAILED_LOG, NULL);
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, job->modules, NULL);
    g_autoptr(json_t) record = fd < 0 ? NULL : lab_json_read(fd, record_name, 1, NULL);

    if (!lab_json_string(record, "why"))
        return FALSE;
    out->cached = TRUE;
    out->why = g_strdup(lab_json_string(record, "why"));
    out->compiler = g_strdup(lab_json_string(record, "compiler"));
    out->log = g_build_filename(job->modules, name, NULL);
    return TRUE;
}

/* One try; its result is in out->built, and with FALSE there out->why. */
static gboolean
try_build(const Job *job, const GPtrArray *files, const char *root, const char *work,
          LabModuleBuild *out, char **log, GError **error)
{
    g_auto(LabProcResult) result = {0};
    g_autofree char *suite = root ? g_path_get_basename(root) : NULL;
    g_autofree char *compiler = g_strdup_printf("%s%s%s",
                                                job->wanted && root ? job->wanted : job->compiler,
                                                root ? " in a root of " : "", root ? suite : "");
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, work, error);

    if (fd < 0 || !lab_module_source_copy(job->source_dir, files, work, error) ||
        !run_make(job, root, work, &result, error) ||
        !lab_file_write(fd, LOG_NAME, result.output, (gssize)result.output_length, 0644, error) ||
        !lab_file_write(fd, COMPILER_NAME, compiler, -1, 0644, error))
        return FALSE;
    g_clear_pointer(&out->why, g_free);
    if (result.status == 0 && find_modules(work, out)) {
        if (!keep(job, work, out, error))
            return FALSE;
        out->cached = FALSE;
        return TRUE;
    }
    if (result.status == 0)
        set_why(out, "does not build: '%s' names no module (obj-m)", job->source_dir);
    else
        explain_failure(job, result.output, work, out);
    g_free(*log);
    *log = g_strdup(result.output);
    return TRUE;
}

/* An error in the module's own sources: "WORK/x.c:1:2: error:", or "x.c:…" since 6.13. */
static gboolean
is_own_error(const char *line, const char *work)
{
    gsize file = strcspn(line, ":");

    if (!strstr(line, ": error:") && !strstr(line, ": fatal error:"))
        return FALSE;
    return g_str_has_prefix(line, work) || !memchr(line, '/', file);
}

/* Only a fault of this machine's tools is worth a root: the sources' own are the same there. */
static gboolean
tools_at_fault(const Job *job, const char *work, const char *log)
{
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);

    if (strstr(log, "version `GLIBC_") || strstr(log, "cannot open shared object file") ||
        strstr(log, "unrecognized command-line option"))
        return TRUE;
    for (char **line = lines; *line; line++)
        if (is_own_error(*line, work))
            return FALSE;
    return job->wanted != NULL;
}

/* A second try with the tools of the kernel's own suite. out->why says why not, where that is;
 * *final becomes FALSE where tools that may be there another time were missing. */
static gboolean
try_in_root(const Job *job, const GPtrArray *files, const char *work, LabModuleBuild *out,
            char **log, gboolean *final, GError **error)
{
    const char *suite = lab_module_root_suite(job->kernel);
    const char *compiler = job->named && g_str_has_prefix(job->named, "gcc-") ? job->named : NULL;
    g_autofree char *why_not = NULL;
    g_autofree char *root = NULL;
    LAB_AUTO_FD fd = -1;

    if (!tools_at_fault(job, work, *log))
        return TRUE;
    *final = suite != NULL;
    if (!suite)
        return TRUE;
    root = lab_module_root_find(suite, compiler, job->cache, &why_not);
    if (!root) {
        *final = FALSE;
        g_autofree char *first = g_steal_pointer(&out->why);

        set_why(out, "%s; %s", first, why_not);
        return TRUE;
    }
    if (!lab_path_remove(AT_FDCWD, work, error))
        return FALSE;
    fd = lab_dir_make(AT_FDCWD, work, 0700, error);
    return fd >= 0 && try_build(job, files, root, work, out, log, error);
}

static gboolean
build_in(const Job *job, const GPtrArray *files, const char *work, LabModuleBuild *out,
         GError **error)
{
    g_autofree char *log = NULL;
    gboolean final = TRUE;

    if (!try_build(job, files, NULL, work, out, &log, error))
        return FALSE;
    if (!out->built && !try_in_root(job, files, work, out, &log, &final, error))
        return FALSE;
    return out->built || keep_failure(job, log, final, out, error);
}

static gboolean
build(const Job *job, const GPtrArray *files, LabModuleBuild *out, GError **error)
{
    g_autofree char *lock_name = g_strdup_printf(".%s.lock", job->key);
    g_autofree char *work = g_build_filename(job->modules, ".work-XXXXXX", NULL);
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, job->modules, 0700, error);
    LAB_AUTO_FD lock = fd < 0 ? -1 : lab_lock_take(fd, lock_name, TRUE, error);
    gboolean ok;

    if (lock < 0)
        return FALSE;
    /* Another worker may have built it while this one waited. */
    if (take_cached(job, out) || take_failed(job, out))
        return TRUE;
    if (!g_mkdtemp(work))
        return lab_error_set_errno(error, errno, "making '%s'", work);
    ok = build_in(job, files, work, out, error);
    lab_path_remove(AT_FDCWD, work, NULL);
    return ok;
}

gboolean
lab_module_build(const LabKernel *kernel, const char *source_dir, const char *cache,
                 LabModuleBuild *out, GError **error)
{
    g_auto(Job) job = {.kernel = kernel, .source_dir = source_dir, .cache = cache};
    g_auto(LabModuleBuild) result = {.modules = g_new0(char *, 1)};
    g_autoptr(GPtrArray) files = lab_module_source_list(source_dir, error);
    g_autofree char *wanted = NULL;
    gint64 start_us = g_get_monotonic_time();

    if (!files)
        return FALSE;
    job.modules = g_build_filename(cache, "modules", NULL);
    if (find_headers(&job, &wanted, &result)) {
        if (!find_compiler(&job, wanted, error) || !find_key(&job, files, error))
            return FALSE;
        if (!take_cached(&job, &result) && !take_failed(&job, &result) &&
            !build(&job, files, &result, error)) {
            g_prefix_error(error, "building '%s' for %s: ", source_dir, kernel->release);
            return FALSE;
        }
        if (!result.compiler)
            result.compiler = g_strdup(job.compiler);
    }
    result.duration_ms = (g_get_monotonic_time() - start_us) / 1000;
    *out = result;
    memset(&result, 0, sizeof result);
    return TRUE;
}

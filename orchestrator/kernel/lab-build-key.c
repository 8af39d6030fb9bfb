/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What decides what comes out of a build: tools and inputs. */
#include <fcntl.h>
#include <string.h>

#include "lab-build-private.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-proc.h"

/* Counted into the key: raise it when the way of building changes. */
#define BUILD_RULES "kreglab-build-1"

static gboolean
has_program(const char *name)
{
    g_autofree char *path = g_find_program_in_path(name);

    return path != NULL;
}

static gboolean
find_compiler_version(LabBuild *build, GError **error)
{
    const char *const argv[] = {build->compiler, "--version", NULL};
    g_auto(LabProcResult) result = {0};

    if (!lab_proc_check(argv, NULL, &result, error))
        return FALSE;
    build->version = g_strndup(result.output, strcspn(result.output, "\n"));
    return TRUE;
}

gboolean
lab_build_find_tools(LabBuild *build, GError **error)
{
    static const struct {
        const char *program, *package;
    } needed[] = {
        {"make", "make"},   {"gcc", "gcc"}, {"flex", "flex"},   {"bison", "bison"},
        {"patch", "patch"}, {"bc", "bc"},   {"perl", "perl"},   {"cpio", "cpio"},
        {"ld", "binutils"}, {"sed", "sed"}, {"depmod", "kmod"},
    };
    g_autoptr(GString) missing = g_string_new(NULL);
    g_autoptr(GString) packages = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autofree char *sbin = g_build_filename("/usr/sbin", needed[i].program, NULL);

        if (has_program(needed[i].program) || g_file_test(sbin, G_FILE_TEST_IS_EXECUTABLE))
            continue;
        g_string_append_printf(missing, "%s%s", missing->len > 0 ? ", " : "", needed[i].program);
        g_string_append_printf(packages, " %s", needed[i].package);
    }
    /* objtool, which checks each object and writes the ORC tables, reads ELF by this library. */
    if (!g_file_test("/usr/include/gelf.h", G_FILE_TEST_EXISTS)) {
        g_string_append_printf(missing, "%sgelf.h", missing->len > 0 ? ", " : "");
        g_string_append(packages, " libelf-dev");
    }
    if (missing->len > 0) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND,
                    "building kernels needs %s, which this machine lacks: run 'apt-get install%s'",
                    missing->str, packages->str);
        return FALSE;
    }
    build->compiler = g_strdup("gcc");
    build->ccache = has_program("ccache");
    build->pahole = has_program("pahole");
    return find_compiler_version(build, error);
}

/* Adds a file's digest to the key, and {"name","sha256"} to 'list'. */
static gboolean
add_input(GChecksum *sum, json_t *list, const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *hex = NULL;

    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "there is no file '%s'", path);
        return FALSE;
    }
    hex = lab_sha256_file(AT_FDCWD, path, error);
    if (!hex)
        return FALSE;
    g_checksum_update(sum, (const guchar *)hex, -1);
    json_array_append_new(list,
                          json_pack("{s:o, s:s}", "name", lab_json_text(name), "sha256", hex));
    return TRUE;
}

static gboolean
add_inputs(GChecksum *sum, json_t *record, const char *key, const char *const *paths,
           GError **error)
{
    json_t *list = json_array();

    json_object_set_new(record, key, list);
    g_checksum_update(sum, (const guchar *)key, -1);
    for (; *paths; paths++)
        if (!add_input(sum, list, *paths, error))
            return FALSE;
    return TRUE;
}

gboolean
lab_build_find_key(LabBuild *build, GError **error)
{
    const LabBuildOptions *options = build->options;
    const char *const base[] = {options->base_config, NULL};
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *text = g_strdup_printf(BUILD_RULES "\n%s\n%s\n%s\npahole %d\n",
                                            build->source.digest, options->name, build->version,
                                            build->pahole);
    json_t *record = build->record;

    g_checksum_update(sum, (const guchar *)text, -1);
    json_object_set_new(record, "source", lab_json_text(build->source.spec));
    json_object_set_new(record, "package", lab_json_text(build->source.package));
    json_object_set_new(record, "version", lab_json_text(build->source.version));
    json_object_set_new(record, "source_sha256", lab_json_text(build->source.digest));
    if (!add_inputs(sum, record, "base", base, error) ||
        !add_inputs(sum, record, "fragments", options->configs, error) ||
        !add_inputs(sum, record, "patches", options->patches, error))
        return FALSE;
    for (const char *const *defect = options->defects; *defect; defect++) {
        g_checksum_update(sum, (const guchar *)"defect ", -1);
        g_checksum_update(sum, (const guchar *)*defect, -1);
    }
    json_object_set_new(record, "compiler", lab_json_text(build->version));
    json_object_set_new(record, "ccache", json_boolean(build->ccache));
    json_object_set_new(record, "pahole", json_boolean(build->pahole));
    build->key = g_strndup(g_checksum_get_string(sum), 32);
    json_object_set_new(record, "key", json_string(build->key));
    return TRUE;
}

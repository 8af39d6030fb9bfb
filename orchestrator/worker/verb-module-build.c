/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker module-build`: builds a module's sources against a kernel's headers. The request:
 *   {"kernel":ID, "source":DIR}
 * Event on fd 3: {"event":"module","built":bool,"modules":[PATH,…],"why":TEXT|null,"log":PATH|null,
 * "compiler":NAME|null,"cached":bool,"duration_ms":N}. A module that does not build is an answer
 * (exit status 0). */
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-module.h"
#include "lab-paths.h"
#include "lab-verb-io.h"
#include "lab-verbs.h"

static json_t *
describe(const LabModuleBuild *build)
{
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:b, s:I}", "event", "module", "built",
                     build->built, "modules",
                     lab_json_from_strv((const char *const *)build->modules), "why",
                     lab_json_text(build->why), "log", lab_json_text(build->log), "compiler",
                     lab_json_text(build->compiler), "cached", build->cached, "duration_ms",
                     (json_int_t)build->duration_ms);
}

static gboolean
run(int argc, char **argv, GError **error)
{
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    g_autoptr(json_t) request = lab_verb_read_request(argc, argv, error);
    g_autoptr(GPtrArray) kernels = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    g_auto(LabModuleBuild) build = {0};
    const char *id = lab_json_string(request, "kernel");
    const char *source = lab_json_string(request, "source");

    if (!request)
        return FALSE;
    if (!id || !source) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "the request needs 'kernel' and 'source'");
        return FALSE;
    }
    kernels = lab_kernel_list(paths->data, error);
    if (!kernels || !lab_kernel_match(kernels, id, found, error) ||
        !lab_module_build(found->pdata[0], source, paths->cache, &build, error))
        return FALSE;
    lab_verb_send(describe(&build));
    if (!build.built)
        lab_warn("%s", build.why);
    return TRUE;
}

int
lab_verb_module_build(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (run(argc, argv, &error))
        return LAB_EXIT_OK;
    lab_error_log("%s", error->message);
    return lab_error_exit_code(error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker kernel-build`: builds a kernel from source into the store. The request:
 *   {"source":DIR|"debian:SUITE/linux-source-X", "name":NAME, "configs":[PATH,…],
 *    "patches":[PATH,…], "defects":[RECIPE,…], "jobs":N}
 * Events on fd 3: {"event":"progress","text","done","total"},
 * {"event":"kernel","id","release","cached":bool}. */
#include "lab-build.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-paths.h"
#include "lab-verb-io.h"
#include "lab-verbs.h"

static gboolean
run(int argc, char **argv, GError **error)
{
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    g_autoptr(json_t) request = lab_verb_read_request(argc, argv, error);
    g_auto(GStrv) configs = lab_json_to_strv(lab_json_member(request, "configs"));
    g_auto(GStrv) patches = lab_json_to_strv(lab_json_member(request, "patches"));
    g_auto(GStrv) defects = lab_json_to_strv(lab_json_member(request, "defects"));
    g_autofree char *base = g_build_filename(paths->images, "configs", "guest.config", NULL);
    g_autoptr(LabKernel) kernel = NULL;
    LabBuildOptions options = {.progress = lab_verb_on_progress};
    gboolean cached = FALSE;

    if (!request)
        return FALSE;
    options.data = paths->data;
    options.cache = paths->cache;
    options.base_config = base;
    options.source = lab_json_string(request, "source");
    options.name = lab_json_string(request, "name");
    options.configs = (const char *const *)configs;
    options.patches = (const char *const *)patches;
    options.defects = (const char *const *)defects;
    options.jobs = (int)CLAMP(lab_json_int(request, "jobs", 0), 0, 1024);
    if (!options.source || !options.name) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "the request needs 'source' and 'name'");
        return FALSE;
    }
    kernel = lab_kernel_build(&options, &cached, error);
    if (!kernel)
        return FALSE;
    lab_verb_send(json_pack("{s:s, s:o, s:o, s:b}", "event", "kernel", "id",
                            lab_json_text(kernel->id), "release", lab_json_text(kernel->release),
                            "cached", cached));
    return TRUE;
}

int
lab_verb_kernel_build(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (run(argc, argv, &error))
        return LAB_EXIT_OK;
    lab_error_log("%s", error->message);
    return lab_error_exit_code(error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker intake`: takes a kernel into the store. The request on stdin (or in the file
 * named):
 *   {"sources":[SOURCE,…], "name":NAME|null, "sha256":HEX|null, "headers":bool, "debug":bool}
 * Events on fd 3: {"event":"progress","text","done","total"}, {"event":"kernel","id","release"}. */
#include "lab-error.h"
#include "lab-intake.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-paths.h"
#include "lab-verb-io.h"
#include "lab-verbs.h"

static gboolean
run(int argc, char **argv, GError **error)
{
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    g_autoptr(json_t) request = NULL;
    g_auto(GStrv) sources = NULL;
    g_autoptr(LabKernel) kernel = NULL;
    LabIntakeOptions options = {.progress = lab_verb_on_progress};

    request = lab_verb_read_request(argc, argv, error);
    if (!request)
        return FALSE;
    sources = lab_json_to_strv(lab_json_member(request, "sources"));
    options.data = paths->data;
    options.cache = paths->cache;
    options.name = lab_json_string(request, "name");
    options.sha256 = lab_json_string(request, "sha256");
    options.headers = lab_json_bool(request, "headers", FALSE);
    options.debug = lab_json_bool(request, "debug", FALSE);
    kernel = lab_intake((const char *const *)sources, &options, error);
    if (!kernel)
        return FALSE;
    lab_verb_send(json_pack("{s:s, s:o, s:o}", "event", "kernel", "id", lab_json_text(kernel->id),
                            "release", lab_json_text(kernel->release)));
    return TRUE;
}

int
lab_verb_intake(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (run(argc, argv, &error))
        return LAB_EXIT_OK;
    lab_error_log("%s", error->message);
    return lab_error_exit_code(error);
}

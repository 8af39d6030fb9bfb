/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modules of a recipe, stressor or hotfix: built against the cell's kernel by the kernel room. */
#include "lab-life.h"

#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-module.h"

static void
note_build(LabLife *life, const char *fact, const LabModuleBuild *build)
{
    json_t *facts = json_object();

    json_object_set_new(facts, "built", json_boolean(build->built));
    json_object_set_new(facts, "compiler", lab_json_text(build->compiler));
    json_object_set_new(facts, "cached", json_boolean(build->cached));
    json_object_set_new(facts, "duration_ms", json_integer(build->duration_ms));
    json_object_set_new(facts, "log", lab_json_text(build->log));
    json_object_set_new(life->found->facts, fact, facts);
}

/* Of several modules the one that is named like its folder or the recipe; else the first. */
static const char *
main_module(char **modules, const char *folder, const char *recipe)
{
    const char *const wanted[] = {folder, recipe};

    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autofree char *name = g_strdelimit(g_strconcat(wanted[i], ".ko", NULL), "-", '_');

        for (char **module = modules; *module; module++) {
            g_autofree char *base = g_strdelimit(g_path_get_basename(*module), "-", '_');

            if (strcmp(base, name) == 0)
                return *module;
        }
    }
    return modules[0];
}

/* Builds the sources of 'folder' and adds the modules to the payload; what the build was like goes
 * into facts.FACT. Path in the guest (g_free); NULL with an error, or with evidence.lacks_need. */
static char *
build(LabLife *life, const char *folder, const char *fact, GError **error)
{
    g_autofree char *folder_name = NULL;
    g_auto(LabModuleBuild) result = {0};
    const char *chosen;
    char *path = NULL;

    if (!lab_module_build(life->kernel, folder, life->paths->cache, &result, error))
        return NULL;
    note_build(life, fact, &result);
    if (!result.built || !result.modules[0]) {
        life->found->evidence.lacks_need = TRUE;
        life->found->why = g_strdup_printf(
            "module %s", result.why ? result.why : "does not build: no .ko came out");
        return NULL;
    }
    folder_name = g_path_get_basename(folder);
    chosen = main_module(result.modules, folder_name, life->cell->recipe);
    for (char **module = result.modules; *module; module++) {
        g_autofree char *base = g_path_get_basename(*module);
        const LabPayload *payload = lab_life_add_payload(life, base, *module, 0644);

        if (*module == chosen)
            path = g_strdup(payload->guest_path);
    }
    return path;
}

/* "{release}" stands for the cell's kernel: one file a kernel. g_free. */
static char *
for_release(const LabLife *life, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, LAB_RELEASE_PLACE, -1);

    return g_strjoinv(life->cell->kernel_release, parts);
}

/* TRUE: the recipe brings the module along for this kernel, and it is in the payload. FALSE without
 * an error: it does not. */
static gboolean
take_prebuilt(LabLife *life, GError **error)
{
    const char *value = life->cell->stressor.prebuilt;
    g_autofree char *name = value ? for_release(life, value) : NULL;
    g_autofree char *at = name ? g_build_filename(life->cell->recipe_directory, name, NULL) : NULL;
    g_autofree char *path = NULL;
    g_autofree char *base = NULL;

    if (!at || !g_file_test(at, G_FILE_TEST_IS_REGULAR))
        return FALSE;
    path = lab_life_recipe_path(life->cell, name, error);
    if (!path)
        return FALSE;
    base = g_path_get_basename(path);
    life->module_path = g_strdup(lab_life_add_payload(life, base, path, 0644)->guest_path);
    json_object_set_new(life->found->facts, "module_build",
                        json_pack("{s:b,s:o}", "built", FALSE, "prebuilt", lab_json_text(name)));
    return TRUE;
}

gboolean
lab_life_prepare_module(LabLife *life, GError **error)
{
    GError *problem = NULL;
    g_autofree char *folder = NULL;

    if (take_prebuilt(life, &problem))
        return TRUE;
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    folder = lab_life_recipe_path(life->cell, life->cell->stressor.value, error);
    if (!folder)
        return FALSE;
    life->module_path = build(life, folder, "module_build", error);
    return life->module_path || life->found->evidence.lacks_need;
}

static gboolean
lacks_hotfix(LabLife *life, const char *path)
{
    life->found->evidence.lacks_need = TRUE;
    life->found->why = g_strdup_printf("there is no hotfix for kernel %s: '%s' is missing",
                                       life->cell->kernel_release, path);
    return TRUE;
}

gboolean
lab_life_prepare_hotfix(LabLife *life, GError **error)
{
    g_autofree char *hotfix = NULL;
    g_autofree char *path = NULL;
    g_autofree char *base = NULL;

    if (!life->cell->setup.hotfix)
        return TRUE;
    hotfix = for_release(life, life->cell->setup.hotfix);
    path = g_path_is_absolute(hotfix)
               ? g_strdup(hotfix)
               : g_build_filename(life->cell->recipe_directory, hotfix, NULL);
    if (strstr(life->cell->setup.hotfix, LAB_RELEASE_PLACE) &&
        !g_file_test(path, G_FILE_TEST_EXISTS))
        return lacks_hotfix(life, path);
    if (!g_path_is_absolute(hotfix)) {
        g_free(path);
        path = lab_life_recipe_path(life->cell, hotfix, error);
    }
    if (!path)
        return FALSE;
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        life->hotfix_path = build(life, path, "hotfix_build", error);
        return life->hotfix_path || life->found->evidence.lacks_need;
    }
    base = g_path_get_basename(path);
    life->hotfix_path = g_strdup(lab_life_add_payload(life, base, path, 0644)->guest_path);
    return TRUE;
}

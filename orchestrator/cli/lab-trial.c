/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-trial.h"

#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-plan.h"

static const char *const outcome_words[] = {"fail", "crash",        "hang", "timeout",
                                            "lost", "boot-failure", NULL};

const LabOption lab_trial_options[] = {
    {"recipe", 'r', LAB_OPTION_STRING, "RECIPE", "what provokes it: a recipe's name or folder",
     .hint = LAB_HINT_RECIPE},
    {"variant", 0, LAB_OPTION_STRING, "NAME", "the recipe's variant (default: its baseline)",
     .hint = LAB_HINT_VARIANT},
    {"title", 0, LAB_OPTION_STRING, "GLOB",
     "look for crashes of this title only; others say nothing (default: any failure)"},
    {"signature", 0, LAB_OPTION_STRING, "SIGNATURE",
     "look for crashes with this k0, k1 or k2 only, or its beginning"},
    {"outcome", 0, LAB_OPTION_STRING, "NAME", "look for this outcome only",
     .choices = outcome_words},
    {NULL},
};

static void
set_word(char ***list, const char *word)
{
    const char *const words[] = {word, NULL};

    g_strfreev(*list);
    *list = g_strdupv((char **)words);
}

static gboolean
choose_variant(LabTrial *trial, const char *name, GError **error)
{
    const LabVariant *variant = name ? lab_recipe_variant(trial->recipe, name)
                                     : lab_recipe_baseline(trial->recipe);
    g_autoptr(GString) names = g_string_new(NULL);

    if (variant) {
        trial->variant = g_strdup(variant->name);
        set_word(&trial->matrix->variants, variant->name);
        return TRUE;
    }
    for (guint i = 0; i < trial->recipe->variants->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "",
                               ((const LabVariant *)trial->recipe->variants->pdata[i])->name);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                "recipe '%s' has no variant '%s'; it has: %s", trial->recipe->name, name,
                names->str);
    return FALSE;
}

LabTrial *
lab_trial_new(const LabCli *cli, GError **error)
{
    g_autoptr(LabTrial) trial = g_new0(LabTrial, 1);
    const char *recipe = lab_cli_string(cli, "recipe");

    if (!recipe) {
        lab_cli_usage(error, "no recipe chosen: give --recipe");
        return NULL;
    }
    trial->recipe = lab_plan_find_recipe(cli->paths, recipe, error);
    if (!trial->recipe)
        return NULL;
    trial->matrix = lab_matrix_new();
    lab_plan_apply_guest_options(trial->matrix, cli);
    if (trial->matrix->replay) {
        char *absolute = g_canonicalize_filename(trial->matrix->replay, NULL);

        g_free(trial->matrix->replay);
        trial->matrix->replay = absolute;
    }
    set_word(&trial->matrix->kernels, "*");
    set_word(&trial->matrix->recipes, trial->recipe->name);
    trial->mark.title = g_strdup(lab_cli_string(cli, "title"));
    trial->mark.signature = g_strdup(lab_cli_string(cli, "signature"));
    trial->mark.outcome = g_strdup(lab_cli_string(cli, "outcome"));
    return choose_variant(trial, lab_cli_string(cli, "variant"), error) ? g_steal_pointer(&trial)
                                                                        : NULL;
}

LabTrial *
lab_trial_new_again(const char *yaml, const char *recipe_directory, const char *recipe_digest,
                    const LabMark *mark, GError **error)
{
    g_autoptr(LabTrial) trial = g_new0(LabTrial, 1);

    trial->recipe = lab_recipe_load(recipe_directory, error);
    if (!trial->recipe)
        return NULL;
    if (g_strcmp0(trial->recipe->digest, recipe_digest) != 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "recipe '%s' has changed since the search began: begin a new one",
                    trial->recipe->name);
        return NULL;
    }
    trial->matrix = lab_matrix_parse(yaml, strlen(yaml), "the search's matrix", error);
    if (!trial->matrix)
        return NULL;
    trial->variant = g_strdup(trial->matrix->variants[0]);
    trial->mark.title = g_strdup(mark->title);
    trial->mark.signature = g_strdup(mark->signature);
    trial->mark.outcome = g_strdup(mark->outcome);
    return g_steal_pointer(&trial);
}

void
lab_trial_free(LabTrial *trial)
{
    if (!trial)
        return;
    g_clear_pointer(&trial->recipe, lab_recipe_free);
    lab_matrix_free(trial->matrix);
    g_free(trial->variant);
    g_free(trial->mark.title);
    g_free(trial->mark.signature);
    g_free(trial->mark.outcome);
    g_free(trial);
}

char *
lab_trial_to_yaml(const LabTrial *trial)
{
    return lab_matrix_to_yaml(trial->matrix);
}

GPtrArray *
lab_trial_cells(LabTrial *trial, const LabKernel *kernel, int repeat, GError **error)
{
    g_autoptr(GPtrArray) kernels = g_ptr_array_new();
    g_autoptr(GPtrArray) recipes = g_ptr_array_new();

    g_ptr_array_add(kernels, (gpointer)kernel);
    g_ptr_array_add(recipes, trial->recipe);
    set_word(&trial->matrix->kernels, kernel->id);
    trial->matrix->repeat = repeat;
    return lab_matrix_expand(trial->matrix, kernels, recipes, error);
}

LabRun *
lab_trial_make_run(const LabCli *cli, LabTrial *trial, const LabKernel *kernel, int repeat,
                   json_t *search, GError **error)
{
    g_autoptr(json_t) kept_search = search;
    g_autoptr(GPtrArray) cells = lab_trial_cells(trial, kernel, repeat, error);
    g_autofree char *yaml = lab_matrix_to_yaml(trial->matrix);
    g_autofree char *title = g_strdup_printf("%s: %s/%s on %s", cli->name, trial->recipe->name,
                                             trial->variant, kernel->release);
    g_autoptr(json_t) options = NULL;

    if (!cells)
        return NULL;
    options = lab_drive_options_to_json(cli, ((const LabCell *)cells->pdata[0])->keep_dumps);
    json_object_set(options, "search", kept_search);
    return lab_run_create(cli->paths->data, title, cells, yaml, options, error);
}

gboolean
lab_trial_fraction(const LabCli *cli, const char *option, double otherwise, double *value,
                   GError **error)
{
    const char *text = lab_cli_string(cli, option);
    gboolean one = strcmp(option, "rate") == 0;
    char *end = NULL;
    double number;

    if (!text) {
        *value = otherwise;
        return TRUE;
    }
    number = g_ascii_strtod(text, &end);
    if (strcmp(end, "%") == 0) {
        number /= 100;
        end++;
    }
    if (end != text && *end == '\0' && number > 0 && (one ? number <= 1 : number < 1)) {
        *value = number;
        return TRUE;
    }
    lab_cli_usage(error, "--%s: '%s' is no share: expected a number such as 30%% or 0.3", option,
                  text);
    return FALSE;
}

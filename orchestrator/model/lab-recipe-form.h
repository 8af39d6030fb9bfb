/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recipe.yaml as it is written, before it becomes a LabRecipe. */
#pragma once

#include "lab-recipe.h"
#include "lab-yaml.h"

/* Exactly one of the first five. */
typedef struct {
    char *program, *shell, *module, *builtin;
    char *prebuilt;
    char **exec; /* NULL: absent */
    char **args;
    char **tools;
    gint64 duration_ms;
} LabStressorForm;

typedef struct {
    LabRecipe recipe;
    LabStressorForm stressor;
} LabRecipeForm;

extern const LabSchema lab_recipe_form_table; /* of LabRecipeForm: YAML */
extern const LabSchema lab_recipe_table;      /* of LabRecipe: JSON, and to free one */

/* Finishes what was loaded (names, stressor, default variant) and adds what is wrong with it that
 * the table cannot see. */
void lab_recipe_form_check(LabRecipeForm *form, LabYaml *yaml, int dirfd);

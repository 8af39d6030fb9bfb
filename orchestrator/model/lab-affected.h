/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a recipe's incident concern a kernel: its 'affected' entries against a release. */
#pragma once

#include "lab-kernel.h"
#include "lab-recipe.h"
#include "lab-release.h"

typedef enum {
    LAB_APPLIES_UNKNOWN, /* the entries do not decide it; 'why' says what would */
    LAB_APPLIES_YES,
    LAB_APPLIES_NO,
} LabApplies;

const char *lab_applies_name(LabApplies applies); /* "unknown", "affected", "not affected" */

/*
 * The entries of the kernel's own family decide, each a range, all together their union. Without
 * one, those of upstream do: for upstream's kernels and for Debian's, which follow the stable
 * releases. Of other distributions' kernels upstream's ranges say only when the base they began
 * with has the fix already, as fixes and features were brought to them apart.
 *
 * *entry (borrowed, or NULL): the entry that decided or, of an unknown one, that speaks nearest.
 * *why (g_free): one clause for people. Either place may be NULL.
 */
LabApplies lab_recipe_applies(const LabRecipe *recipe, const LabRelease *release,
                              const LabAffected **entry, char **why);

/* The same of a kernel of the store (NULL: of none, only 'release' counts): one that was built with
 * the recipe's defect put back is affected, whatever its release says; *entry is NULL then. */
LabApplies lab_recipe_applies_to(const LabRecipe *recipe, const LabKernel *kernel,
                                 const LabRelease *release, const LabAffected **entry, char **why);

/* The range in words: "from 4.4, before 4.13"; "all" without bounds. g_free. */
char *lab_affected_range(const LabAffected *entry);

/* The entry's family; of one that has only a line, the family of that name, else OTHER. */
LabFamily lab_affected_family(const LabAffected *entry);

/* TRUE when 'text' can be a bound: digits first, no blanks. */
gboolean lab_affected_bound_is_sane(const char *text);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed beside the outcome: configuration, command line, warnings, boot time, memory, and
 * the package's changelog, between the two sides of a comparison. */
#pragma once

#include "lab-analysis.h"

/* reports/schema/compare.schema.json, "beside"; what touches the recipe's needs first. Looks at the
 * first runs of both sides that have a result, and at the kernels where the store still has them:
 * what could not be read is named in "missing". The runs may be the same. New reference. */
json_t *lab_beside(LabRun *baseline_run, LabRun *candidate_run, const LabComparison *comparison);

/* For people: names of "values" that only one side has ("baseline", "candidate"), but for those
 * that the recipe sets; at most 'max'. g_free; NULL: none. */
char *lab_beside_only_names(const json_t *values, const char *side, guint max);
/* Whether it is one of those. */
gboolean lab_beside_is_one_sided(const json_t *value);
/* For people: one side of one of "values", an array of what its runs had: "1", "absent", "1 or 2".
 * Cut where it is long; g_free. */
char *lab_beside_value_text(const json_t *values);

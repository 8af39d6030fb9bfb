/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed beside the outcome: configuration, command line, warnings, boot time, memory, and
 * the package's changelog, between the two sides of a comparison. */
#pragma once

#include "lab-analysis.h"

/* reports/schema/compare.schema.json, "beside"; what touches the recipe's needs first. Looks at the
 * first runs of both sides that have a result, and at the kernels where the store still has them:
 * what could not be read is named in "missing". The runs may be the same. New reference. */
json_t *lab_beside(LabRun *baseline_run, LabRun *candidate_run, const LabComparison *comparison);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker keeps from one cell to the next. */
#pragma once

#include "lab-paths.h"
#include "lab-runtime.h"

typedef struct LabStock LabStock;

LabStock *lab_stock_new(void);
void lab_stock_free(LabStock *stock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabStock, lab_stock_free)

/* The worker's runtime directory, made when it is first asked for: libvirt's embedded driver stays
 * with one root as long as its process lives. Borrowed; NULL and error when it cannot be made. */
const LabRuntime *lab_stock_runtime(LabStock *stock, const LabPaths *paths, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stock.h"

struct LabStock {
    LabRuntime *runtime; /* NULL: not asked for yet */
};

LabStock *
lab_stock_new(void)
{
    return g_new0(LabStock, 1);
}

void
lab_stock_free(LabStock *stock)
{
    if (!stock)
        return;
    g_clear_pointer(&stock->runtime, lab_runtime_free);
    g_free(stock);
}

const LabRuntime *
lab_stock_runtime(LabStock *stock, const LabPaths *paths, GError **error)
{
    if (!stock->runtime)
        stock->runtime = lab_runtime_new(paths->data, "cells", error);
    return stock->runtime;
}

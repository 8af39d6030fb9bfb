/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * make-run DATA KERNEL,… RECIPE/VARIANT,… REPEAT: makes a run of cells that only the fake worker
 * can run, and prints its id: `kreglab resume` takes it from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab-error.h"
#include "lab-run.h"

static LabCell *
make_cell(const char *kernel, const char *recipe_variant, int repetition)
{
    LabCell *cell = lab_cell_new();
    g_auto(GStrv) parts = g_strsplit(recipe_variant, "/", 2);

    cell->kernel_id = g_strdup(kernel);
    cell->kernel_release = g_strdup(kernel);
    cell->kernel_digest = g_strdup(kernel);
    cell->recipe = g_strdup(parts[0]);
    cell->recipe_digest = g_strdup(parts[0]);
    cell->variant = g_strdup(parts[1] ? parts[1] : "stock");
    cell->repetition = repetition;
    cell->guest.cpus = 1;
    cell->guest.memory_bytes = 1 << 20;
    lab_cell_compute_id(cell);
    return cell;
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free);
    g_auto(GStrv) kernels = NULL;
    g_auto(GStrv) recipes = NULL;
    g_autoptr(LabRun) run = NULL;
    g_autoptr(GError) error = NULL;

    if (argc != 5)
        return LAB_EXIT_CONFIG;
    kernels = g_strsplit(argv[2], ",", -1);
    recipes = g_strsplit(argv[3], ",", -1);
    for (char **kernel = kernels; *kernel; kernel++)
        for (char **recipe = recipes; *recipe; recipe++)
            for (int i = 1; i <= atoi(argv[4]); i++)
                g_ptr_array_add(cells, make_cell(*kernel, *recipe, i));
    run = lab_run_create(argv[1], NULL, cells, "", NULL, &error);
    if (!run) {
        fprintf(stderr, "%s\n", error->message);
        return LAB_EXIT_INFRA;
    }
    puts(lab_run_id(run));
    return LAB_EXIT_OK;
}

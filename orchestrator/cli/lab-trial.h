/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of one recipe and variant on one kernel at a time: the steps of a search. */
#pragma once

#include "lab-cli.h"
#include "lab-drive.h"
#include "lab-mark.h"
#include "lab-matrix.h"

/* --recipe, --variant, --title, --signature and --outcome. */
extern const LabOption lab_trial_options[];

typedef struct {
    LabRecipe *recipe;
    char *variant;
    LabMatrix *matrix; /* of this recipe and variant; each run has its own kernel and repetitions */
    LabMark mark;
} LabTrial;

/* From the command line (lab_trial_options, lab_guest_options); without --variant the recipe's
 * baseline. NULL: LAB_CONFIG_ERROR. */
LabTrial *lab_trial_new(const LabCli *cli, GError **error);

/* From what a search kept of it: lab_matrix_to_yaml, the recipe's folder and digest, and the mark
 * (copied). LAB_CONFIG_ERROR when the recipe is not what it was. */
LabTrial *lab_trial_new_again(const char *yaml, const char *recipe_directory,
                              const char *recipe_digest, const LabMark *mark, GError **error);
void lab_trial_free(LabTrial *trial);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabTrial, lab_trial_free)

/* The matrix as YAML, of all kernels. g_free. */
char *lab_trial_to_yaml(const LabTrial *trial);

/* The cells of 'repeat' runs on 'kernel'. The array frees them. */
GPtrArray *lab_trial_cells(LabTrial *trial, const LabKernel *kernel, int repeat, GError **error);

/* Makes the run of such cells. 'search' (stolen) is kept in its options under the key "search". */
LabRun *lab_trial_make_run(const LabCli *cli, LabTrial *trial, const LabKernel *kernel, int repeat,
                           json_t *search, GError **error);

/* The value of an option that is a share ("98%", "0.98"), above 0 and below 1 (--rate: 1, too);
 * 'otherwise' when it is not given. FALSE: a usage error. */
gboolean lab_trial_fraction(const LabCli *cli, const char *option, double otherwise, double *value,
                            GError **error);

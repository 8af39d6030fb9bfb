/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schema tables of the model's structs: what their fields are called, in YAML and in JSON. */
#pragma once

#include "lab-schema.h"

extern const LabSchema lab_guest_shape_table;    /* with the lab's defaults */
extern const LabSchema lab_guest_override_table; /* without: unset is unset */
extern const LabSchema lab_setup_table;
extern const LabSchema lab_stressor_table; /* JSON only; YAML has another form */
extern const LabSchema lab_detector_table;
extern const LabSchema lab_reached_table;
extern const LabSchema lab_expect_table;
extern const LabSchema lab_variant_table;
extern const LabSchema lab_cell_table;
extern const LabSchema lab_matrix_table; /* of LabMatrix: YAML */

/* Words for choices. */
extern const char *const lab_boot_words[];        /* bzimage, pvh */
extern const char *const lab_accelerator_words[]; /* auto, kvm, tcg */
extern const char *const lab_keep_dumps_words[];  /* first-per-signature, all, none */

/* "NAME=VALUE" of sysctl, "/sys/PATH=VALUE" of sysfs, names. */
#define LAB_FORM_SYSCTL "[A-Za-z0-9_][A-Za-z0-9_./-]*=.+"
#define LAB_FORM_SYSFS  "/(sys|proc|dev)/[^=]+=.+"
#define LAB_FORM_CONFIG "CONFIG_[A-Za-z0-9_]+(=[^ ]+)?"
#define LAB_FORM_NAME   "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
#define LAB_FORM_MODULE "[A-Za-z0-9_][A-Za-z0-9_-]*( .+)?"
#define LAB_FORM_METRIC "[a-z0-9_]+"

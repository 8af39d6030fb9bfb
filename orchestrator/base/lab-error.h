/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error domains. A crashing kernel is a value (LabResult), never a GError: a GError means that the
 * lab could not do its job, and its domain says whose fault that is.
 */
#pragma once

#include <glib.h>

/* The user's: wrong option, recipe, matrix, unusable package. Exit status 2. */
#define LAB_CONFIG_ERROR (lab_config_error_quark())
/* The lab's or the host's: daemon, disk, QEMU, worker. Exit status 3. */
#define LAB_INFRA_ERROR (lab_infra_error_quark())
/* Foreign bytes that are damaged: archives, dumps, JSON. Exit status 2 where the user gave them. */
#define LAB_DATA_ERROR (lab_data_error_quark())

typedef enum {
    LAB_ERROR_FAILED,
    LAB_ERROR_NOT_FOUND,
    LAB_ERROR_EXISTS,
    LAB_ERROR_UNSUPPORTED,
    LAB_ERROR_LIMIT,     /* a size, count or depth limit was passed */
    LAB_ERROR_TIMEOUT,   /* a deadline passed */
    LAB_ERROR_CANCELLED, /* the user said stop */
    LAB_ERROR_NEWER,     /* schema_version of a newer kreglab */
    LAB_ERROR_USAGE,     /* the command line is wrong: main points at --help */
} LabErrorCode;

enum {
    LAB_EXIT_OK = 0,
    LAB_EXIT_UNEXPECTED = 1,
    LAB_EXIT_CONFIG = 2,
    LAB_EXIT_INFRA = 3,
    LAB_EXIT_NOT_ENOUGH = 4,
};

GQuark lab_config_error_quark(void);
GQuark lab_infra_error_quark(void);
GQuark lab_data_error_quark(void);

/* The exit status that belongs to an error: LAB_EXIT_CONFIG or LAB_EXIT_INFRA. */
int lab_error_exit_code(const GError *error);

/* Sets an error from errno_value: "FORMAT…: strerror". The domain is LAB_INFRA_ERROR. Always
 * returns FALSE so that callers can return it. */
gboolean
lab_error_set_errno(GError **error, int errno_value, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix.yaml from anybody: it is refused with messages, or what it says survives being written and
 * read again. */
#include <stdint.h>
#include <string.h>

#include "lab-matrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabMatrix) matrix = lab_matrix_parse((const char *)data, size, "matrix.yaml", &error);
    g_autoptr(LabMatrix) again = NULL;
    g_autofree char *text = NULL;
    g_autofree char *text_again = NULL;

    g_assert_true((matrix == NULL) == (error != NULL));
    if (!matrix)
        return 0;
    text = lab_matrix_to_yaml(matrix);
    again = lab_matrix_parse(text, strlen(text), "written.yaml", &error);
    g_assert_no_error(error);
    text_again = lab_matrix_to_yaml(again);
    g_assert_cmpstr(text, ==, text_again);
    return 0;
}

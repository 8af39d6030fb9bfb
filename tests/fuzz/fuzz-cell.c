/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cell.json from anybody: refused, or the same after a round trip. */
#include <stdint.h>
#include <string.h>

#include "lab-cell.h"
#include "lab-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(json_t) json = lab_json_parse((const char *)data, size, "cell.json", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabCell) cell = NULL;
    g_autoptr(LabCell) again = NULL;
    g_autoptr(json_t) written = NULL;
    g_autoptr(json_t) written_again = NULL;

    if (!json)
        return 0;
    cell = lab_cell_from_json(json, &error);
    g_assert_true((cell == NULL) == (error != NULL));
    if (!cell)
        return 0;
    written = lab_cell_to_json(cell);
    again = lab_cell_from_json(written, &error);
    g_assert_no_error(error);
    written_again = lab_cell_to_json(again);
    g_assert_true(json_equal(written, written_again));
    lab_cell_compute_id(again);
    g_assert_cmpuint(strlen(again->id), ==, 12);
    return 0;
}

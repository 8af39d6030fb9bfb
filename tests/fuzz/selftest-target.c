/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target with a known defect, to see that driver.c notices one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 3 && data[0] == 'b' && data[1] == 0x1b)
        abort();
    return 0;
}

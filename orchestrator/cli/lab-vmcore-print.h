/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

/* lab_core_summary()'s answer for people, on stdout. */
void lab_vmcore_print(const json_t *summary);

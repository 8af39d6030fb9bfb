/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recipe's C program, built static once for each content. */
#pragma once

#include <glib.h>

/* Builds 'source' (with the other C files of its folder to include) and returns the program's path
 * below 'cache' (g_free). A program that does not build is LAB_CONFIG_ERROR with the compiler's
 * first complaint; a compiler that is not there is LAB_INFRA_ERROR. */
char *lab_program_build(const char *source, const char *cache, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a recipe's module against a kernel's headers. What a kernel's build system and its
 * tools (which come from its packages) are given to run here is as trustworthy as the packages are:
 * see the kernel's verification.
 */
#pragma once

#include <glib.h>

#include "lab-kernel.h"

typedef struct {
    gboolean built;
    char **modules;     /* absolute paths of the .ko files, in the cache; empty when not built */
    char *why;          /* one sentence when not built: "does not build: first error", or NULL */
    char *log;          /* path of the build's whole output; NULL when nothing was run */
    char *compiler;     /* as it was called: "gcc-12"; or NULL */
    gboolean cached;    /* nothing had to be built */
    gint64 duration_ms; /* of this call */
} LabModuleBuild;

void lab_module_build_clear(LabModuleBuild *build);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabModuleBuild, lab_module_build_clear)

/* Builds the sources of 'source_dir' (with a Kbuild or Makefile that names obj-m, or bare .c files,
 * each a module) out of tree, below 'cache'/modules, once for each kernel digest, source digest
 * and compiler; one that failed for its sources' or tools' own reasons is not tried again. A build
 * that fails, or a kernel without headers, is a value: FALSE only when the
 * lab could not try (no make, no compiler, source_dir not readable, disk full, deadline). 'out' is
 * set on success; clear it. */
gboolean lab_module_build(const LabKernel *kernel, const char *source_dir, const char *cache,
                          LabModuleBuild *out, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a kernel from source for the lab's guests: a small configuration (images/configs/
 * guest.config), fragments and patches of the user's, and the result in the kernel store with what
 * modules need to be built against it. */
#pragma once

#include "lab-intake.h"

typedef struct {
    const char *data;           /* data directory */
    const char *cache;          /* cache directory */
    const char *base_config;    /* path of guest.config */
    const char *source;         /* a directory, or debian:SUITE/linux-source-X */
    const char *name;           /* of the kernel in the store; ends its release, too */
    const char *const *configs; /* paths of fragments; later ones win; never NULL */
    const char *const *patches; /* paths, applied in this order; never NULL */
    const char *const *defects; /* recipes whose defect the patches put back; never NULL */
    int jobs;                   /* 0: one a CPU */
    LabIntakeProgress progress;
    gpointer progress_data;
} LabBuildOptions;

/* Builds unless the store has this very build (source, configuration, patches, compiler) under the
 * name: then *cached is TRUE. Beside what each kernel has, its directory gets build.json
 * ({"schema_version":1,"key","source","package","version","source_sha256","fragments":[{"name",
 * "sha256"}],"patches":[{"name","sha256"}],"not_held":[TEXT],"config_sha256","compiler","ccache",
 * "pahole","jobs","duration_ms":{STEP:N}}) and build.log. A build that fails leaves its log below
 * CACHE/builds and names it. LAB_CONFIG_ERROR when source, patch or configuration is at fault,
 * LAB_INFRA_ERROR when a tool is missing (with its package) or the machine is. */
LabKernel *lab_kernel_build(const LabBuildOptions *options, gboolean *cached, GError **error);

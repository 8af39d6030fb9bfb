/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-dump-level.h"

#include <stdio.h>
#include <string.h>

#include "lab-proc.h"
#include "lab-version.h"

#define SLAB_TYPE_RELEASES ">= 6.10"
#define USER_PAGES         8u

static gboolean
knows_slab_types(const char *version_text)
{
    const char *version = version_text ? strstr(version_text, "version ") : NULL;
    guint major, minor, patch;

    return version && sscanf(version, "version %u.%u.%u", &major, &minor, &patch) == 3 &&
           (major > 1 || (major == 1 && (minor > 7 || (minor == 7 && patch >= 6))));
}

guint
lab_dump_level_of(const char *release, const char *version_text)
{
    gboolean typed = FALSE;

    if (!release || !lab_version_range_holds(SLAB_TYPE_RELEASES, release, &typed, NULL) || !typed ||
        knows_slab_types(version_text))
        return LAB_DUMP_LEVEL;
    return LAB_DUMP_LEVEL & ~USER_PAGES;
}

static gpointer
ask(gpointer unused)
{
    const char *const argv[] = {"makedumpfile", "-v", NULL};
    const LabProcOptions options = {.merge = TRUE, .timeout_ms = 20000};
    g_auto(LabProcResult) result = {0};

    if (!lab_proc_run(argv, &options, &result, NULL))
        return NULL;
    return g_steal_pointer(&result.output);
}

guint
lab_dump_level(const char *release)
{
    static GOnce once = G_ONCE_INIT;

    /* Most kernels are older, and need no process. */
    if (lab_dump_level_of(release, NULL) == LAB_DUMP_LEVEL)
        return LAB_DUMP_LEVEL;
    return lab_dump_level_of(release, g_once(&once, ask, NULL));
}

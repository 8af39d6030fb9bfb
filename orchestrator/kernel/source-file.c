/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bare boot image: bzImage or vmlinux. Its modules directory, if any, is a source of its own. */
#include <string.h>

#include "lab-boot-image.h"
#include "lab-source.h"
#include "lab-tree.h"

static gboolean
accepts(const char *spec)
{
    char start[0x250];
    gssize n = lab_source_peek(spec, start, sizeof start);

    return n > 4 && (lab_bzimage_is(start, (gsize)n) || memcmp(start, "\177ELF", 4) == 0);
}

static gboolean
take(LabStage *stage, const char *spec, GError **error)
{
    if (!lab_tree_take_image(stage, spec, error))
        return FALSE;
    lab_stage_note_package(stage, "file", NULL, NULL, TRUE);
    lab_stage_note_trust(stage, LAB_TRUST_UNVERIFIED, NULL);
    return TRUE;
}

const LabSource lab_source_file = {
    .name = "file",
    .form = "bzImage | vmlinux",
    .summary = "a bare kernel image, with or without a modules directory beside it",
    .accepts = accepts,
    .take = take,
};

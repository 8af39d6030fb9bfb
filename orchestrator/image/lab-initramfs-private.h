/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of an initramfs: each an archive of its own, cached by the digest of its key. */
#pragma once

#include "lab-cpio.h"
#include "lab-initramfs.h"

typedef struct LabPart LabPart;

/* Adds the members of a part. */
typedef gboolean LabPartFill(LabPart *part, LabCpio *cpio, GError **error);

struct LabPart {
    const char *kind; /* word in the file name */
    GString *key;     /* everything that decides the content */
    LabPartFill *fill;
    const LabInitramfsSpec *spec; /* borrowed */
    GPtrArray *closure;           /* of a tool: LabClosureFile */
    GPtrArray *steps;             /* of modules: LabModuleStep, for modules.list */
    GPtrArray *wanted;            /* of modules: LabWanted */
    char *capture;                /* of the kit: path of the capture initramfs */
};

/* A module that the recipe asks for, with its way there. */
typedef struct {
    char *name;
    GPtrArray *steps;
} LabWanted;

void lab_part_free(gpointer part);
char *lab_part_name(const LabPart *part); /* "KIND-DIGEST.cpio"; g_free */

/* The parts of 'spec' in the order in which they are unpacked; nothing is written. With 'capture'
 * the initramfs of the capture kernel. GPtrArray of LabPart. */
GPtrArray *lab_parts_of(const LabInitramfsSpec *spec, gboolean capture, GError **error);

/* The capture kit as a part: the boot image and 'initramfs' (path of the capture initramfs). */
LabPart *lab_part_kit(const LabInitramfsSpec *spec, const char *initramfs, GError **error);

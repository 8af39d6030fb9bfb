/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel on its way into the store: a directory beside the store's entries that is locked while
 * its process lives, filled by the sources, finished, and committed by rename. */
#pragma once

#include "lab-intake.h"
#include "lab-layout.h"

typedef enum { LAB_TRUST_UNVERIFIED, LAB_TRUST_PINNED, LAB_TRUST_VERIFIED } LabTrust;

typedef struct {
    const LabIntakeOptions *options;
    LabLayout layout;
    LabKernel *kernel; /* what is known so far */
    int kernels_fd;    /* DATA/kernels */
    int fd;            /* the stage itself */
    int lock_fd;
    char *name;        /* of the stage below DATA/kernels */
    LabTrust trust;    /* the weakest of all files so far */
    GString *trust_by; /* their keys and checksums */
    guint files;       /* files taken */
    LabTrust given;    /* trust of the file being taken, as the source that fetched it knows it */
    const char *given_by; /* borrowed */
    guint depth;          /* sources that hand on to other sources */
} LabStage;

LabStage *lab_stage_new(const LabIntakeOptions *options, GError **error);
void lab_stage_free(LabStage *stage); /* removes the directory unless committed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabStage, lab_stage_free)

/* Finds the source for 'spec' and lets it work. */
gboolean lab_stage_take(LabStage *stage, const char *spec, GError **error);

/* The same for a file that was fetched and checked: its trust counts. 'by' is borrowed. */
gboolean lab_stage_take_trusted(LabStage *stage, const char *path, LabTrust trust, const char *by,
                                GError **error);

/* Unpacks one archive by the layout. *control is the package's control file of a .deb, else NULL;
 * free with g_free; may be NULL. */
gboolean lab_stage_unpack(LabStage *stage, const char *path, char **control, GError **error);

/* Counts one taken file into the kernel's verification. 'own' is what the format itself could
 * verify. */
void lab_stage_note_trust(LabStage *stage, LabTrust own, const char *by);

/* Sets the package's name, version and format, unless the package that brought the image did. */
void lab_stage_note_package(LabStage *stage, const char *format, const char *name,
                            const char *version, gboolean brought_image);

/* Works out all that the sources did not say: release, vmlinux, config, module indexes, digest. */
gboolean lab_stage_finish(LabStage *stage, GError **error);

/* Modules unpacked and indexed; feeds their digests to 'sum' in the order of their paths. */
gboolean lab_stage_finish_modules(LabStage *stage, GChecksum *sum, GError **error);

/* Headers made usable where they will lie, and headers.json written. */
gboolean lab_stage_finish_headers(LabStage *stage, GError **error);

/* Renames the stage into the store, or merges it with the entry of the same digest. */
LabKernel *lab_stage_commit(LabStage *stage, GError **error);

void lab_stage_progress(LabStage *stage, guint64 done, guint64 total, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* SHA-256 of a file as lower-case hex; free with g_free; NULL on error. */
char *lab_sha256_file(int dirfd, const char *path, GError **error);

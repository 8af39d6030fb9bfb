/* SPDX-License-Identifier: GPL-2.0-or-later */
/* images/kernels.yaml: kernels by name, and where their distributions keep them. */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "lab-release.h"
#include "lab-schema.h"

typedef struct {
    char *name; /* "el7-1160.62.1" */
    char *summary;
    char *family;     /* a word of lab_family_words */
    char *release;    /* uname -r; NULL where the archive's newest is meant */
    char *source;     /* debian:SUITE/PACKAGE; or NULL and 'files' */
    char *from;       /* base URL of 'files' and 'headers', ends in '/' */
    char **files;     /* packages of image and modules; never NULL */
    char **headers;   /* packages to build modules against; never NULL */
    char *debug_from; /* base URL of 'debug' */
    char **debug;     /* packages with symbols; never NULL */
    char **sha256;    /* "FILE=HEX" where known; never NULL */
    char *key;        /* fingerprint of the vendor's key, or NULL */
    char *note;       /* or NULL */
} LabCatalogueEntry;

typedef struct {
    GPtrArray *kernels; /* LabCatalogueEntry, in the order of the file */
} LabCatalogue;

extern const LabSchema lab_catalogue_table;
extern const LabSchema lab_catalogue_entry_table;

/* Reads FILE, all mistakes at once: LAB_CONFIG_ERROR. */
LabCatalogue *lab_catalogue_load(const char *file, GError **error);
LabCatalogue *
lab_catalogue_load_text(const char *text, gsize length, const char *name, GError **error);
void lab_catalogue_free(LabCatalogue *catalogue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCatalogue, lab_catalogue_free)

/* By name, or by the release; NULL: none. Borrowed. */
const LabCatalogueEntry *lab_catalogue_find(const LabCatalogue *catalogue, const char *name);

/* What `kernel add` takes in its place: debian:…, or URLs with their checksums where known. Symbols
 * of 'debug_from' are left out where it is not https:// and has no checksum. g_strfreev. */
char **lab_catalogue_sources(const LabCatalogueEntry *entry, gboolean headers, gboolean debug);

/* For people: which files to bring, where from, and the commands that add them. g_free. */
char *lab_catalogue_instructions(const LabCatalogueEntry *entry);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of `kreglab kernel` that are files of their own. */
#pragma once

#include "lab-catalogue.h"
#include "lab-cli.h"
#include "lab-kernel.h"

/* PATHS' images/kernels.yaml. */
LabCatalogue *lab_kernel_catalogue(const LabPaths *paths, GError **error);

/* What `kernel add ARGS` takes in: ARGS, or, when the one argument is a name of the catalogue, its
 * sources; *entry is the catalogue's then (borrowed from *catalogue), else NULL. g_strfreev; NULL
 * and error when there is nothing that could be fetched. */
char **lab_kernel_add_sources(LabCli *cli, LabCatalogue **catalogue,
                              const LabCatalogueEntry **entry, GError **error);

/* After a catalogue's kernel could not be fetched: what to bring, on stderr. */
void lab_kernel_add_failed(const LabCatalogueEntry *entry);

/* What changed from A to B, newest first: [{"version","date","items":[TEXT]}], with 'regex' only
 * the items that match. New reference. NULL: B has no changelog, or it does not have A's version.
 */
json_t *
lab_kernel_changes(const LabKernel *a, const LabKernel *b, const GRegex *regex, GError **error);
void lab_kernel_print_changes(const json_t *entries);

int lab_kernel_cmd_catalogue(LabCli *cli, GError **error);
int lab_kernel_cmd_changes(LabCli *cli, GError **error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel catalogue, and the catalogue's part of kernel add. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-kernel-verbs.h"
#include "lab-kernel.h"
#include "lab-log.h"
#include "lab-table.h"

LabCatalogue *
lab_kernel_catalogue(const LabPaths *paths, GError **error)
{
    g_autofree char *file = g_build_filename(paths->images, "kernels.yaml", NULL);

    return lab_catalogue_load(file, error);
}

char **
lab_kernel_add_sources(LabCli *cli, LabCatalogue **catalogue, const LabCatalogueEntry **entry,
                       GError **error)
{
    gboolean debug = lab_cli_flag(cli, "with-debug");
    g_auto(GStrv) sources = NULL;

    *entry = NULL;
    *catalogue = NULL;
    /* A file of that name goes before, and without the catalogue the other sources work. */
    if (cli->n_args == 1 && !lab_file_exists(AT_FDCWD, cli->args[0]))
        *catalogue = lab_kernel_catalogue(cli->paths, NULL);
    if (*catalogue)
        *entry = lab_catalogue_find(*catalogue, cli->args[0]);
    if (!*entry)
        return g_strdupv(cli->args);
    sources = lab_catalogue_sources(*entry, lab_cli_flag(cli, "headers"), debug);
    if (debug && (*entry)->debug[0] && !g_str_has_prefix((*entry)->debug_from, "https://"))
        lab_warn("the symbols lie at '%s', which is not fetched without a known checksum: bring "
                 "them ('kreglab kernel catalogue %s' says how)",
                 (*entry)->debug_from, (*entry)->name);
    if (sources[0])
        return g_steal_pointer(&sources);
    lab_kernel_add_failed(*entry);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "'%s' cannot be fetched",
                (*entry)->name);
    return NULL;
}

void
lab_kernel_add_failed(const LabCatalogueEntry *entry)
{
    g_autofree char *text = lab_catalogue_instructions(entry);

    fprintf(stderr, "'%s' (%s) could not be fetched. What to bring, and how to add it:\n%s",
            entry->name, entry->summary, text);
}

/* The store has this release. */
static gboolean
is_here(const GPtrArray *kernels, const LabCatalogueEntry *entry)
{
    for (guint i = 0; i < kernels->len; i++) {
        const LabKernel *kernel = kernels->pdata[i];

        if (entry->release ? strcmp(kernel->release, entry->release) == 0
                           : g_strcmp0(kernel->source, entry->source) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
show_entry(const LabCatalogueEntry *entry)
{
    g_autofree char *text = lab_catalogue_instructions(entry);

    lab_cli_print("%s: %s\n", entry->name, entry->summary);
    if (entry->release)
        lab_cli_print("Release: %s\n", entry->release);
    if (entry->note)
        lab_cli_print("Note: %s\n", entry->note);
    lab_cli_print("%s", text);
}

static json_t *
entry_json(const LabCatalogueEntry *entry, const GPtrArray *kernels)
{
    json_t *json = lab_schema_to_json(&lab_catalogue_entry_table, entry);

    json_object_set_new(json, "in_store", json_boolean(is_here(kernels, entry)));
    return json;
}

int
lab_kernel_cmd_catalogue(LabCli *cli, GError **error)
{
    static const char *const headings[] = {"NAME", "RELEASE", "STORE", "WHAT", NULL};
    g_autoptr(LabCatalogue) catalogue = lab_kernel_catalogue(cli->paths, error);
    g_autoptr(GPtrArray) kernels = catalogue ? lab_kernel_list(cli->paths->data, error) : NULL;
    g_autoptr(LabTable) table = lab_table_new(headings);
    g_autoptr(json_t) array = json_array();
    gboolean json = lab_cli_flag(cli, "json");

    if (!kernels)
        return LAB_EXIT_CONFIG;
    for (int i = 0; i < cli->n_args; i++) {
        const LabCatalogueEntry *entry = lab_catalogue_find(catalogue, cli->args[i]);

        if (!entry) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                        "the catalogue has no '%s': 'kreglab kernel catalogue' lists it",
                        cli->args[i]);
            return LAB_EXIT_CONFIG;
        }
        if (json)
            json_array_append_new(array, entry_json(entry, kernels));
        else
            show_entry(entry);
    }
    for (guint i = 0; cli->n_args == 0 && i < catalogue->kernels->len; i++) {
        const LabCatalogueEntry *entry = catalogue->kernels->pdata[i];

        json_array_append_new(array, entry_json(entry, kernels));
        lab_table_add(table, entry->name, entry->release ? entry->release : "newest",
                      is_here(kernels, entry) ? "yes" : "no", entry->summary);
    }
    if (json)
        lab_cli_print_json(json_pack("{s:O}", "kernels", array));
    else if (cli->n_args == 0)
        lab_table_print(table);
    return LAB_EXIT_OK;
}

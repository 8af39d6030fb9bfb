/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-catalogue.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-yaml.h"

#define FILE_FORM "[A-Za-z0-9][A-Za-z0-9._+~-]*\\.(rpm|deb|ddeb)"
#define FILE_HELP "a package's file name"

static const LabField entry_fields[] = {
    {"name", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, name), "what 'kernel add' calls it",
     .required = TRUE, .form = "[a-z0-9][a-z0-9._+-]*", .form_help = "a name of [a-z0-9._+-]"},
    {"summary", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, summary), "whose and what it is",
     .required = TRUE},
    {"family", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, family), "whose kernel",
     .required = TRUE, .choices = lab_family_words},
    {"release", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, release),
     "uname -r (default: the archive's newest)"},
    {"source", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, source),
     "a package of the machine's own archive, in the place of 'from' and 'files'",
     .form = "debian:[a-z-]+/[a-z0-9.+-]+", .form_help = "debian:SUITE/PACKAGE"},
    {"from", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, from), "where 'files' and 'headers' lie",
     .form = "https?://[^ ]+/", .form_help = "a URL that ends in /"},
    {"files", LAB_FIELD_STRINGS, offsetof(LabCatalogueEntry, files),
     "packages of the boot image and the modules", .form = FILE_FORM, .form_help = FILE_HELP},
    {"headers", LAB_FIELD_STRINGS, offsetof(LabCatalogueEntry, headers),
     "packages to build modules against", .form = FILE_FORM, .form_help = FILE_HELP},
    {"debug_from", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, debug_from), "where 'debug' lies",
     .form = "https?://[^ ]+/", .form_help = "a URL that ends in /"},
    {"debug", LAB_FIELD_STRINGS, offsetof(LabCatalogueEntry, debug), "packages with symbols",
     .form = FILE_FORM, .form_help = FILE_HELP},
    {"sha256", LAB_FIELD_STRINGS, offsetof(LabCatalogueEntry, sha256), "checksums, where known",
     .form = "[^=]+=[0-9a-f]{64}", .form_help = "FILE=HEX"},
    {"key", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, key),
     "fingerprint of the key that signs the packages", .form = "[0-9A-F]{40}",
     .form_help = "40 hexadecimal digits"},
    {"note", LAB_FIELD_STRING, offsetof(LabCatalogueEntry, note), "what to know of it"},
    {NULL},
};
const LabSchema lab_catalogue_entry_table = {"kernels", sizeof(LabCatalogueEntry), entry_fields,
                                             "kernels by name"};

static const LabField catalogue_fields[] = {
    {"kernels", LAB_FIELD_LIST, offsetof(LabCatalogue, kernels), "kernels by name",
     .schema = &lab_catalogue_entry_table, .required = TRUE},
    {NULL},
};
const LabSchema lab_catalogue_table = {"catalogue", sizeof(LabCatalogue), catalogue_fields,
                                       "images/kernels.yaml"};

void
lab_catalogue_free(LabCatalogue *catalogue)
{
    lab_schema_free(&lab_catalogue_table, catalogue);
}

static gboolean
has_file(const LabCatalogueEntry *entry, const char *name, gsize length)
{
    char **const lists[] = {entry->files, entry->headers, entry->debug};

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        for (char **file = lists[i]; *file; file++)
            if (strlen(*file) == length && strncmp(*file, name, length) == 0)
                return TRUE;
    return FALSE;
}

static void
check_entry(LabYaml *yaml, const LabCatalogue *catalogue, guint i)
{
    const LabCatalogueEntry *entry = catalogue->kernels->pdata[i];
    g_autofree char *path = g_strdup_printf("kernels[%u]", i);
    g_autofree char *name_path = g_strconcat(path, ".name", NULL);

    for (guint n = 0; n < i; n++)
        if (strcmp(((LabCatalogueEntry *)catalogue->kernels->pdata[n])->name, entry->name) == 0)
            lab_yaml_problem(yaml, name_path, "'%s': another kernel has that name", entry->name);
    if ((entry->source != NULL) == (entry->files[0] != NULL))
        lab_yaml_problem(yaml, path, "expected either 'source' or 'files'");
    if (entry->files[0] && (!entry->from || !entry->release))
        lab_yaml_problem(yaml, path, "'files' needs 'from' and 'release'");
    if (entry->debug[0] && !entry->debug_from)
        lab_yaml_problem(yaml, path, "'debug' needs 'debug_from'");
    for (char **sum = entry->sha256; *sum; sum++)
        if (!has_file(entry, *sum, strcspn(*sum, "=")))
            lab_yaml_problem(yaml, path, "sha256: '%.*s' is none of its files",
                             (int)strcspn(*sum, "="), *sum);
}

LabCatalogue *
lab_catalogue_load_text(const char *text, gsize length, const char *name, GError **error)
{
    g_autoptr(LabYaml) yaml = lab_yaml_new(name);
    LabCatalogue *catalogue = g_new0(LabCatalogue, 1);

    if (lab_yaml_load(yaml, text, length, &lab_catalogue_table, catalogue))
        for (guint i = 0; i < catalogue->kernels->len; i++)
            check_entry(yaml, catalogue, i);
    if (lab_yaml_finish(yaml, error))
        return catalogue;
    lab_catalogue_free(catalogue);
    return NULL;
}

LabCatalogue *
lab_catalogue_load(const char *file, GError **error)
{
    g_autoptr(GError) local = NULL;
    gsize length;
    g_autofree char *text = lab_file_read(AT_FDCWD, file, LAB_YAML_MAX_BYTES, &length, &local);

    if (text)
        return lab_catalogue_load_text(text, length, file, error);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "the catalogue of kernels: %s",
                local->message);
    return NULL;
}

const LabCatalogueEntry *
lab_catalogue_find(const LabCatalogue *catalogue, const char *name)
{
    for (guint i = 0; i < catalogue->kernels->len; i++) {
        const LabCatalogueEntry *entry = catalogue->kernels->pdata[i];

        if (strcmp(entry->name, name) == 0 || g_strcmp0(entry->release, name) == 0)
            return entry;
    }
    return NULL;
}

static const char *
checksum_of(const LabCatalogueEntry *entry, const char *file)
{
    gsize length = strlen(file);

    for (char **sum = entry->sha256; *sum; sum++)
        if (strncmp(*sum, file, length) == 0 && (*sum)[length] == '=')
            return *sum + length + 1;
    return NULL;
}

static void
add_urls(const LabCatalogueEntry *entry, const char *base, char **files, GPtrArray *urls)
{
    for (; *files; files++) {
        const char *sum = checksum_of(entry, *files);

        if (sum)
            g_ptr_array_add(urls, g_strconcat(base, *files, "#sha256=", sum, NULL));
        else if (g_str_has_prefix(base, "https://"))
            g_ptr_array_add(urls, g_strconcat(base, *files, NULL));
    }
}

char **
lab_catalogue_sources(const LabCatalogueEntry *entry, gboolean headers, gboolean debug)
{
    g_autoptr(GPtrArray) urls = g_ptr_array_new();

    if (entry->source)
        g_ptr_array_add(urls, g_strdup(entry->source));
    else
        add_urls(entry, entry->from, entry->files, urls);
    if (headers && !entry->source)
        add_urls(entry, entry->from, entry->headers, urls);
    if (debug && !entry->source)
        add_urls(entry, entry->debug_from, entry->debug, urls);
    g_ptr_array_add(urls, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&urls), FALSE);
}

static void
tell_files(GString *text, const char *what, const char *base, char **files)
{
    if (files[0])
        g_string_append_printf(text, "%s\n", what);
    for (; *files; files++)
        g_string_append_printf(text, "  %s%s\n", base, *files);
}

static void
tell_command(GString *text, const char *options, char **first, char **second)
{
    g_string_append_printf(text, "  kreglab kernel add%s", options);
    for (; *first; first++)
        g_string_append_printf(text, " %s", *first);
    for (; second && *second; second++)
        g_string_append_printf(text, " %s", *second);
    g_string_append_c(text, '\n');
}

char *
lab_catalogue_instructions(const LabCatalogueEntry *entry)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (entry->source) {
        const char *suite = entry->source + strlen("debian:");

        g_string_append_printf(
            text,
            "Debian's archive has it: suite %.*s, package %s. Where apt's mirror is reached:\n"
            "  kreglab kernel add %s\n"
            "Else bring the package and those of its dependencies that begin with linux-, and "
            "add them with one command:\n"
            "  kreglab kernel add FILE.deb…\n",
            (int)strcspn(suite, "/"), suite, strchr(suite, '/') + 1, entry->source);
        return g_strdup(text->str);
    }
    tell_files(text, "Boot image and modules:", entry->from, entry->files);
    tell_files(text, "To build modules against (--headers):", entry->from, entry->headers);
    tell_files(text, "Symbols (--with-debug; large):", entry->debug_from, entry->debug);
    if (entry->key)
        g_string_append_printf(
            text, "Signed by the key %s ('rpmkeys --import' makes it known here).\n", entry->key);
    g_string_append(text, "With these files here:\n");
    tell_command(text, "", entry->files, entry->headers);
    if (entry->debug[0])
        tell_command(text, " --with-debug", entry->files, entry->debug);
    return g_strdup(text->str);
}

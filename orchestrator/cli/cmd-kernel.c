/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-intake-call.h"
#include "lab-json.h"
#include "lab-kernel-verbs.h"
#include "lab-kernel.h"
#include "lab-log.h"
#include "lab-plan.h"
#include "lab-table.h"

static const LabOption json_options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

static const LabOption add_options[] = {
    {"name", 0, LAB_OPTION_STRING, "NAME",
     "name of the kernel in the store (default: its release)"},
    {"sha256", 0, LAB_OPTION_STRING, "HEX", "checksum that the one source has to have"},
    {"headers", 0, LAB_OPTION_FLAG, NULL,
     "debian: sources: the headers packages too, to build modules against"},
    {"with-debug", 0, LAB_OPTION_FLAG, NULL,
     "keep the vmlinux with symbols; debian: sources: fetch the package that has it (large)"},
    {NULL},
};

static const LabOption build_options[] = {
    {"source", 0, LAB_OPTION_STRING, "SOURCE",
     "a kernel source tree, or debian:SUITE/linux-source-X", .hint = LAB_HINT_DIRECTORY},
    {"name", 0, LAB_OPTION_STRING, "NAME",
     "name of the kernel in the store; it ends the kernel's release, too"},
    {"config", 0, LAB_OPTION_STRINGS, "FRAGMENT",
     "lines of a .config, over those that the lab's guests need", .hint = LAB_HINT_FILE},
    {"patch", 0, LAB_OPTION_STRINGS, "FILE", "patch to apply before building",
     .hint = LAB_HINT_FILE},
    {"defect", 0, LAB_OPTION_STRINGS, "RECIPE",
     "the patches put this recipe's defect back: the kernel is affected, whatever its release",
     .hint = LAB_HINT_RECIPE},
    {"jobs", 'j', LAB_OPTION_INT, "N", "compilers at once (default: one a CPU)", .min = 1,
     .max = 1024},
    {NULL},
};

/* The options that decide what a crash of this kernel can show and how it can be dumped. */
static const struct {
    const char *title;
    const char *options[12]; /* ended by NULL */
} config_groups[] = {
    {"dump", {"KEXEC", "KEXEC_FILE", "KEXEC_SIG", "CRASH_DUMP", "PROC_VMCORE", "VMCORE_INFO"}},
    {"detectors",
     {"SOFTLOCKUP_DETECTOR", "HARDLOCKUP_DETECTOR", "DETECT_HUNG_TASK", "WQ_WATCHDOG", "KASAN",
      "KFENCE", "DEBUG_VM", "PROVE_LOCKING"}},
    {"symbols", {"KALLSYMS", "KALLSYMS_ALL", "DEBUG_INFO", "DEBUG_INFO_BTF", "UNWINDER_ORC"}},
    {"memory", {"NUMA", "KSM", "TRANSPARENT_HUGEPAGE", "COMPACTION", "MEMCG", "ZSWAP", "PSI"}},
    {"kernel",
     {"SMP", "PREEMPT", "PREEMPT_DYNAMIC", "PREEMPT_RT", "LIVEPATCH", "RANDOMIZE_BASE",
      "MAGIC_SYSRQ", "MODULES", "MODVERSIONS", "MODULE_SIG_FORCE"}},
    {"guest",
     {"PVH", "VIRTIO_PCI", "VIRTIO_CONSOLE", "VIRTIO_BLK", "SERIAL_8250_CONSOLE", "PVPANIC",
      "FW_CFG_SYSFS", "I6300ESB_WDT"}},
};

static const LabOption changes_options[] = {
    {"grep", 0, LAB_OPTION_STRING, "RE", "only changes that match this (PCRE, whatever the case)"},
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

static int
cmd_add(LabCli *cli, GError **error)
{
    g_autoptr(LabCatalogue) catalogue = NULL;
    const LabCatalogueEntry *entry;
    g_auto(GStrv) sources = lab_kernel_add_sources(cli, &catalogue, &entry, error);
    const char *name = lab_cli_string(cli, "name");
    const char *sha256 = lab_cli_string(cli, "sha256");
    g_autoptr(json_t) request = json_object();
    g_autofree char *id = NULL;
    int status;

    if (!sources)
        return LAB_EXIT_CONFIG;
    json_object_set_new(request, "sources", lab_json_from_strv((const char *const *)sources));
    json_object_set_new(request, "name", lab_json_text(name));
    json_object_set_new(request, "sha256", lab_json_text(sha256));
    json_object_set_new(request, "headers", json_boolean(lab_cli_flag(cli, "headers")));
    json_object_set_new(request, "debug", json_boolean(lab_cli_flag(cli, "with-debug")));
    status = lab_intake_call(cli->paths, "intake", request, cli->quiet, &id, error);
    if (status < 0)
        return LAB_EXIT_INFRA;
    if (id)
        lab_cli_print("%s\n", id);
    if (status != LAB_EXIT_OK && entry)
        lab_kernel_add_failed(entry);
    return status;
}

/* Paths as the worker, which may run elsewhere, has to be given them. */
static json_t *
absolute_paths(const char *const *paths)
{
    json_t *array = json_array();

    for (; *paths; paths++) {
        g_autofree char *path = g_canonicalize_filename(*paths, NULL);

        json_array_append_new(array, lab_json_text(path));
    }
    return array;
}

/* A source as it is has no defect put back, and only a recipe's defect can be expected of it. */
static gboolean
check_defects(LabCli *cli, GError **error)
{
    const char *const *defects = lab_cli_strings(cli, "defect");
    g_autoptr(GPtrArray) recipes = NULL;

    if (!defects[0])
        return TRUE;
    if (!lab_cli_strings(cli, "patch")[0]) {
        lab_cli_usage(error, "--defect says what a --patch puts back: give both");
        return FALSE;
    }
    recipes = lab_plan_recipes(cli->paths, error);
    for (; recipes && *defects; defects++) {
        guint i = 0;

        while (i < recipes->len &&
               strcmp(((const LabRecipe *)recipes->pdata[i])->name, *defects) != 0)
            i++;
        if (i == recipes->len) {
            lab_cli_usage(error, "there is no recipe '%s': see 'kreglab recipe list'", *defects);
            return FALSE;
        }
    }
    return recipes != NULL;
}

static int
cmd_build(LabCli *cli, GError **error)
{
    const char *source = lab_cli_string(cli, "source");
    const char *name = lab_cli_string(cli, "name");
    g_autofree char *path = NULL;
    g_autofree char *id = NULL;
    g_autoptr(json_t) request = json_object();
    int status;

    if (!source || !name)
        return lab_cli_usage(error, "what is built and how it is called: give --source and --name");
    if (!check_defects(cli, error))
        return LAB_EXIT_CONFIG;
    path = g_str_has_prefix(source, "debian:") ? g_strdup(source)
                                               : g_canonicalize_filename(source, NULL);
    json_object_set_new(request, "source", lab_json_text(path));
    json_object_set_new(request, "name", lab_json_text(name));
    json_object_set_new(request, "configs", absolute_paths(lab_cli_strings(cli, "config")));
    json_object_set_new(request, "patches", absolute_paths(lab_cli_strings(cli, "patch")));
    json_object_set_new(request, "defects", lab_json_from_strv(lab_cli_strings(cli, "defect")));
    json_object_set_new(request, "jobs", json_integer(lab_cli_int(cli, "jobs", 0)));
    status = lab_intake_call(cli->paths, "kernel-build", request, cli->quiet, &id, error);
    if (status < 0)
        return LAB_EXIT_INFRA;
    if (id)
        lab_cli_print("%s\n", id);
    return status;
}

/* The kernels that the arguments name, or all. */
static GPtrArray *
select_kernels(LabCli *cli, GPtrArray *all, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    for (int i = 0; i < cli->n_args; i++)
        if (!lab_kernel_match(all, cli->args[i], found, error))
            return NULL;
    for (guint i = 0; cli->n_args == 0 && i < all->len; i++)
        g_ptr_array_add(found, all->pdata[i]);
    return g_steal_pointer(&found);
}

static gboolean
has_file(const LabKernel *kernel, const char *name)
{
    g_autofree char *path = g_build_filename(kernel->directory, name, NULL);

    return lab_file_exists(AT_FDCWD, path);
}

static int
cmd_list(LabCli *cli, GError **error)
{
    static const char *const headings[] = {"KERNEL",  "VERSION",  "FROM",
                                           "HEADERS", "VERIFIED", NULL};
    g_autoptr(GPtrArray) all = lab_kernel_list(cli->paths->data, error);
    g_autoptr(GPtrArray) found = all ? select_kernels(cli, all, error) : NULL;
    g_autoptr(LabTable) table = lab_table_new(headings);
    json_t *array;

    if (!found)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "json")) {
        array = json_array();
        for (guint i = 0; i < found->len; i++)
            json_array_append_new(array, lab_kernel_to_json(found->pdata[i]));
        lab_cli_print_json(json_pack("{s:o}", "kernels", array));
        return LAB_EXIT_OK;
    }
    for (guint i = 0; i < found->len; i++) {
        const LabKernel *kernel = found->pdata[i];

        lab_table_add(table, kernel->id, kernel->package_version, kernel->source,
                      has_file(kernel, "headers.json") ? "yes" : "no", kernel->verification);
    }
    lab_table_print(table);
    return LAB_EXIT_OK;
}

static json_t *
config_json(LabKernel *kernel)
{
    json_t *config = json_object();

    for (gsize i = 0; i < G_N_ELEMENTS(config_groups); i++)
        for (const char *const *option = config_groups[i].options; *option; option++)
            json_object_set_new(config, *option, lab_json_text(lab_kernel_config(kernel, *option)));
    return config;
}

/* build.json of a kernel that was built here, or null. New reference. */
static json_t *
read_build(const LabKernel *kernel)
{
    g_autofree char *path = g_build_filename(kernel->directory, "build.json", NULL);
    json_t *build = lab_json_read(AT_FDCWD, path, 1, NULL);

    return build ? build : json_null();
}

static void
show_json(LabKernel *kernel)
{
    json_t *json = lab_kernel_to_json(kernel);

    json_object_set_new(json, "directory", lab_json_text(kernel->directory));
    json_object_set_new(json, "has_headers", json_boolean(has_file(kernel, "headers.json")));
    json_object_set_new(json, "has_debug", json_boolean(has_file(kernel, "debug/vmlinux")));
    json_object_set_new(json, "build", read_build(kernel));
    json_object_set_new(json, "config", config_json(kernel));
    lab_cli_print_json(json);
}

static void
print_field(const char *name, const char *value)
{
    lab_cli_print("%-14s%s\n", name, value ? value : "-");
}

/* "page-frag-alloc.patch (3f2a…), …" */
static char *
inputs_text(const json_t *list)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const json_t *input;
    size_t i;

    json_array_foreach (list, i, input)
        g_string_append_printf(text, "%s%s (sha256 %.12s)", i > 0 ? ", " : "",
                               lab_json_string(input, "name"), lab_json_string(input, "sha256"));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
print_build(const LabKernel *kernel)
{
    g_autoptr(json_t) build = read_build(kernel);
    g_autofree char *fragments = inputs_text(lab_json_member(build, "fragments"));
    g_autofree char *patches = inputs_text(lab_json_member(build, "patches"));

    if (!json_is_object(build))
        return;
    lab_cli_print("%-14swith %s, in %.0f s (log: %s/build.log)\n",
                  "built here:", lab_json_string(build, "compiler"),
                  (double)lab_json_int(lab_json_member(build, "duration_ms"), "make", 0) / 1000,
                  kernel->directory);
    print_field("fragments:", *fragments ? fragments : NULL);
    print_field("patches:", *patches ? patches : NULL);
}

static void
print_config(LabKernel *kernel)
{
    if (strcmp(lab_kernel_config(kernel, "SMP"), "?") == 0) {
        print_field("config:", "not in the package");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(config_groups); i++) {
        g_autofree char *title = g_strconcat(config_groups[i].title, ":", NULL);
        g_autoptr(GString) text = g_string_new(NULL);

        for (const char *const *option = config_groups[i].options; *option; option++)
            g_string_append_printf(text, "%s%s=%s", text->len > 0 ? " " : "", *option,
                                   lab_kernel_config(kernel, *option));
        print_field(title, text->str);
    }
}

static void
show_text(LabKernel *kernel)
{
    g_autofree char *defects = kernel->defects ? g_strjoinv(", ", kernel->defects) : NULL;
    g_autofree char *package =
        g_strjoin(" ", kernel->package ? kernel->package : "-", kernel->package_version, NULL);

    print_field("kernel:", kernel->id);
    print_field("release:", kernel->release);
    print_field("version:", kernel->version);
    print_field("package:", package);
    print_field("from:", kernel->source);
    lab_cli_print("%-14s%s%s%s%s\n", "origin:", kernel->verification ? kernel->verification : "-",
                  kernel->verified_by ? " (" : "", kernel->verified_by ? kernel->verified_by : "",
                  kernel->verified_by ? ")" : "");
    if (defects)
        print_field("defects:", defects);
    print_field("build-id:", kernel->build_id);
    print_field("digest:", kernel->digest);
    print_field("directory:", kernel->directory);
    print_field("boot:", kernel->has_pvh ? "vmlinux through PVH, or vmlinuz" : "vmlinuz");
    print_field("modules:", kernel->has_modules ? "yes" : "none");
    print_field("headers:", has_file(kernel, "headers.json") ? "yes" : "no (add --headers)");
    print_field("symbols:", has_file(kernel, "debug/vmlinux") ? "yes" : "no (add --with-debug)");
    print_build(kernel);
    print_config(kernel);
}

static int
cmd_show(LabCli *cli, GError **error)
{
    g_autoptr(GPtrArray) all = lab_kernel_list(cli->paths->data, error);
    g_autoptr(GPtrArray) found = all ? select_kernels(cli, all, error) : NULL;

    if (!found)
        return LAB_EXIT_CONFIG;
    if (found->len != 1)
        return lab_cli_usage(error, "'%s' names %u kernels: show takes one", cli->args[0],
                             found->len);
    if (lab_cli_flag(cli, "json"))
        show_json(found->pdata[0]);
    else
        show_text(found->pdata[0]);
    return LAB_EXIT_OK;
}

static gboolean
remove_kernel(LabCli *cli, const char *id, GError **error)
{
    if (!lab_kernel_remove(cli->paths->data, id, error))
        return FALSE;
    if (!cli->quiet)
        lab_info("removed '%s'", id);
    return TRUE;
}

/* An exact id counts even when its entry is damaged and no list has it. */
static int
cmd_remove(LabCli *cli, GError **error)
{
    for (int i = 0; i < cli->n_args; i++) {
        g_autofree char *path = g_build_filename(cli->paths->data, "kernels", cli->args[i], NULL);
        g_autoptr(GPtrArray) all = NULL;
        g_autoptr(GPtrArray) found = g_ptr_array_new();

        if (lab_kernel_id_is_sane(cli->args[i]) && lab_file_exists(AT_FDCWD, path)) {
            if (!remove_kernel(cli, cli->args[i], error))
                return LAB_EXIT_INFRA;
            continue;
        }
        all = lab_kernel_list(cli->paths->data, error);
        if (!all || !lab_kernel_match(all, cli->args[i], found, error))
            return LAB_EXIT_CONFIG;
        for (guint k = 0; k < found->len; k++)
            if (!remove_kernel(cli, ((const LabKernel *)found->pdata[k])->id, error))
                return LAB_EXIT_INFRA;
    }
    return LAB_EXIT_OK;
}

static const LabVerb subverbs[] = {
    {.name = "add",
     .summary = "take a kernel into the store",
     .synopsis = "SOURCE…",
     .description =
         "All sources of one call make one kernel. A source is a package (.deb, .rpm, "
         "tar), a directory with one kernel's packages, a kernel build tree, a bzImage "
         "or vmlinux, a modules directory, an https:// or file:// URL (#sha256=HEX "
         "pins it), debian:SUITE/PACKAGE, or a name of the catalogue. Prints the kernel's id.",
     .options = {add_options},
     .min_args = 1,
     .max_args = -1,
     .hints = {LAB_HINT_SOURCE},
     .run = cmd_add},
    {.name = "catalogue",
     .summary = "list the kernels that add knows by name",
     .synopsis = "[NAME…]",
     .description =
         "With names: which files each needs, where its distribution keeps them, and the "
         "commands that add them.",
     .options = {json_options},
     .max_args = -1,
     .hints = {LAB_HINT_CATALOGUE},
     .run = lab_kernel_cmd_catalogue},
    {.name = "changes",
     .summary = "list what changed between two kernels of one line",
     .synopsis = "OLDER NEWER",
     .description = "From the changelog of the newer one's package: the entries above the older "
                    "one's version.",
     .options = {changes_options},
     .min_args = 2,
     .max_args = 2,
     .hints = {LAB_HINT_KERNEL},
     .run = lab_kernel_cmd_changes},
    {.name = "build",
     .summary = "build a kernel from source into the store",
     .description = "A small configuration that boots the lab's guests, with the fragments and "
                    "patches that are given. Modules can be built against the result. The same "
                    "build is not done twice. Prints the kernel's id.",
     .options = {build_options},
     .run = cmd_build},
    {.name = "list",
     .summary = "list the kernels of the store",
     .synopsis = "[KERNEL…]",
     .options = {json_options},
     .max_args = -1,
     .hints = {LAB_HINT_KERNEL},
     .run = cmd_list},
    {.name = "show",
     .summary = "show one kernel and the options that matter to crash work",
     .synopsis = "KERNEL",
     .options = {json_options},
     .min_args = 1,
     .max_args = 1,
     .hints = {LAB_HINT_KERNEL},
     .run = cmd_show},
    {.name = "remove",
     .summary = "remove kernels from the store",
     .synopsis = "KERNEL…",
     .min_args = 1,
     .max_args = -1,
     .hints = {LAB_HINT_KERNEL},
     .run = cmd_remove},
    {NULL},
};

const LabVerb lab_verb_kernel = {
    .name = "kernel",
    .summary = "take kernels into the store, build, show and remove them",
    .subverbs = subverbs,
};

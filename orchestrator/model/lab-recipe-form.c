/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-recipe-form.h"

#include <stddef.h>

#include "lab-release.h"
#include "lab-tables.h"

static const LabField origin_fields[] = {
    {"incident", LAB_FIELD_TEXT, offsetof(LabRecipe, incident), "where it was seen",
     .example = "a host that hung under memory pressure"},
    {"bugs", LAB_FIELD_STRINGS, offsetof(LabRecipe, bugs), "URLs of bug reports",
     .example = "https://bugzilla.kernel.org/show_bug.cgi?id=1"},
    {"commits", LAB_FIELD_STRINGS, offsetof(LabRecipe, commits),
     "commits that brought or fixed it, as 'HASH (\"subject\") (in vX.Y)'",
     .example = "1da177e4c3f4"},
    {"functions", LAB_FIELD_STRINGS, offsetof(LabRecipe, functions),
     "functions of the kernel that name the incident when a report has them; 'kreglab advise' "
     "looks "
     "for them in logs",
     .form = "[A-Za-z_][A-Za-z0-9_.]*", .form_help = "a function's name",
     .example = "rmap_walk_ksm"},
    {NULL},
};
static const LabSchema origin_table = {"origin", 0, origin_fields, NULL};

static const LabField needs_fields[] = {
    {"config", LAB_FIELD_STRINGS, offsetof(LabRecipe, needs_config),
     "options of the kernel; several values are parted by |; a kernel without them is skipped",
     .form = LAB_FORM_CONFIG, .form_help = "CONFIG_NAME=VALUE", .example = "CONFIG_KSM=y"},
    {"memory", LAB_FIELD_SIZE, offsetof(LabRecipe, needs_memory_bytes),
     "least memory, whatever a variant or a matrix says", .max = 4398046511104.0,
     .example = "512M"},
    {"cpus", LAB_FIELD_INT, offsetof(LabRecipe, needs_cpus), "least number of CPUs", .min = 1,
     .max = 512, .example = "2"},
    {"numa_nodes", LAB_FIELD_INT, offsetof(LabRecipe, needs_numa_nodes),
     "least number of NUMA nodes", .min = 1, .max = 64, .example = "2"},
    {"modules", LAB_FIELD_STRINGS, offsetof(LabRecipe, needs_modules),
     "modules of the kernel's own that are loaded; a kernel without them is skipped",
     .form = LAB_FORM_MODULE, .form_help = "NAME or NAME PARAMETERS", .example = "loop"},
    {NULL},
};
static const LabSchema needs_table = {"needs", 0, needs_fields, NULL};

static const LabField setup_fields[] = {
    {"cmdline", LAB_FIELD_STRING, offsetof(LabSetup, cmdline),
     "appended to the kernel's command line", .example = "slub_debug=FZ"},
    {"sysctl", LAB_FIELD_STRINGS, offsetof(LabSetup, sysctl), "sysctls to set before the stressor",
     .form = LAB_FORM_SYSCTL, .form_help = "NAME=VALUE", .example = "vm.min_free_kbytes=65536"},
    {"sysfs", LAB_FIELD_STRINGS, offsetof(LabSetup, sysfs), "files to write before the stressor",
     .form = LAB_FORM_SYSFS, .form_help = "/sys/FILE=VALUE", .example = "/sys/kernel/mm/ksm/run=1"},
    {"modules", LAB_FIELD_STRINGS, offsetof(LabSetup, modules),
     "modules of the kernel's own to load", .form = LAB_FORM_MODULE,
     .form_help = "NAME or NAME PARAMETERS", .example = "loop"},
    {NULL},
};
static const LabSchema setup_table = {"setup", sizeof(LabSetup), setup_fields, NULL};

static const LabField stressor_fields[] = {
    {"program", LAB_FIELD_STRING, offsetof(LabStressorForm, program),
     "a C file of the recipe, built static by the lab (exactly one of program, shell, module, exec "
     "and builtin)",
     .example = "reproducer.c"},
    {"shell", LAB_FIELD_TEXT, offsetof(LabStressorForm, shell), "a snippet for busybox sh",
     .example = "echo hello"},
    {"module", LAB_FIELD_STRING, offsetof(LabStressorForm, module),
     "a kernel module's folder of the recipe, built against each kernel", .example = "module"},
    {"prebuilt", LAB_FIELD_STRING, offsetof(LabStressorForm, prebuilt),
     "for 'module': a .ko of the recipe with '{release}' in its path, which stands for the "
     "kernel's "
     "release; a kernel that has one is not built for",
     .example = "prebuilt/{release}.ko"},
    {"exec", LAB_FIELD_STRINGS, offsetof(LabStressorForm, exec), "a command in the guest",
     .nullable = TRUE, .example = "stress-ng"},
    {"builtin", LAB_FIELD_STRING, offsetof(LabStressorForm, builtin),
     "a verb of the guest agent: 'true', 'sysrq-panic'", .form = LAB_FORM_NAME,
     .form_help = "a name of [a-z0-9-]", .example = "true"},
    {"args", LAB_FIELD_STRINGS, offsetof(LabStressorForm, args), "its arguments",
     .example = "--rounds=100"},
    {"tools", LAB_FIELD_STRINGS, offsetof(LabStressorForm, tools),
     "programs of this host that the guest gets, with their libraries",
     .form = "[A-Za-z0-9][A-Za-z0-9._+-]*", .form_help = "a program's name",
     .example = "stress-ng"},
    {"duration", LAB_FIELD_DURATION, offsetof(LabStressorForm, duration_ms),
     "how long it runs; it finds the seconds in KREGLAB_DURATION", .max = 604800000.0,
     .example = "30s"},
    {NULL},
};
static const LabSchema stressor_table = {"stressor", sizeof(LabStressorForm), stressor_fields,
                                         NULL};

static const LabField affected_fields[] = {
    {"family", LAB_FIELD_STRING, offsetof(LabAffected, family),
     "whose kernels it speaks of, and so how their versions are compared (this or line is given)",
     .choices = lab_family_words, .example = "upstream"},
    {"line", LAB_FIELD_STRING, offsetof(LabAffected, line), "a line of kernels, in words",
     .example = "the stable releases of 4.9"},
    {"range", LAB_FIELD_STRING, offsetof(LabAffected, range),
     "releases that have the bug, as comparisons; 'from', 'before' and 'until' compare packages "
     "better",
     .example = ">= 4.4, < 4.13"},
    {"from", LAB_FIELD_STRING, offsetof(LabAffected, from),
     "the first version that has it (default: all that are older)", .example = "4.4"},
    {"before", LAB_FIELD_STRING, offsetof(LabAffected, before),
     "the first version that does not have it (default: 'fixed')", .example = "4.13"},
    {"until", LAB_FIELD_STRING, offsetof(LabAffected, until),
     "the last version that has it, where the first without is not known", .example = "4.12"},
    {"seen", LAB_FIELD_STRING, offsetof(LabAffected, seen),
     "a version that it was seen with; whether later ones of the range have it is not known",
     .example = "4.9"},
    {"fixed", LAB_FIELD_STRING, offsetof(LabAffected, fixed), "the version that fixed it",
     .example = "4.13"},
    {"commit", LAB_FIELD_STRING, offsetof(LabAffected, commit),
     "what fixed it, as 'HASH (\"subject\") (in vX.Y)'", .example = "1da177e4c3f4"},
    {"source", LAB_FIELD_STRING, offsetof(LabAffected, source), "who says so: a URL, an advisory",
     .example = "https://bugzilla.kernel.org/show_bug.cgi?id=1"},
    {NULL},
};
static const LabSchema affected_table = {"affected", sizeof(LabAffected), affected_fields, NULL};

static const LabField timeout_fields[] = {
    {"boot", LAB_FIELD_DURATION, offsetof(LabRecipe, boot_timeout_ms),
     "from QEMU's start to the agent (default: 120s)", .max = 86400000.0, .example = "120s"},
    {"run", LAB_FIELD_DURATION, offsetof(LabRecipe, run_timeout_ms),
     "the stressor's deadline (default: its duration and 60s)", .max = 604800000.0,
     .example = "90s"},
    {NULL},
};
static const LabSchema timeouts_table = {"timeouts", 0, timeout_fields, NULL};

#define LIST(key, member, help, table)                                          \
    {                                                                           \
        key, LAB_FIELD_LIST, offsetof(LabRecipe, member), help, .schema = table \
    }

#define HEAD_FIELDS                                                                            \
    {"name",                                                                                   \
     LAB_FIELD_STRING,                                                                         \
     offsetof(LabRecipe, name),                                                                \
     "its name: that of its folder",                                                           \
     .form = LAB_FORM_NAME,                                                                    \
     .form_help = "a name of [a-z0-9-]"},                                                      \
        {"summary",                                                                            \
         LAB_FIELD_STRING,                                                                     \
         offsetof(LabRecipe, summary),                                                         \
         "one line that says what it provokes",                                                \
         .required = TRUE,                                                                     \
         .example = "What it provokes"},                                                       \
        {"origin", LAB_FIELD_STRUCT, 0, "where it comes from", .schema = &origin_table},       \
        {"needs", LAB_FIELD_STRUCT, 0, "without which it cannot run", .schema = &needs_table}, \
        {"guest", LAB_FIELD_STRUCT, offsetof(LabRecipe, guest), "shape of the guest",          \
         .schema = &lab_guest_shape_table},                                                    \
    {                                                                                          \
        "setup", LAB_FIELD_STRUCT, offsetof(LabRecipe, setup),                                 \
            "what is set before the stressor starts", .schema = &setup_table                   \
    }

#define TAIL_FIELDS                                                                                \
    LIST("detectors", detectors, "what makes a cell fail, hang or crash", &lab_detector_table),    \
        {"reached", LAB_FIELD_STRUCT, offsetof(LabRecipe, reached),                                \
         "without which a pass is worth nothing: the cell is 'inconclusive'",                      \
         .schema = &lab_reached_table},                                                            \
        LIST("expect", expect, "outcomes that are no surprise", &lab_expect_table),                \
        LIST("variants", variants, "what is compared (default: one, 'default')",                   \
             &lab_variant_table),                                                                  \
        LIST("affected", affected, "kernels that have the bug", &affected_table),                  \
        {"timeouts", LAB_FIELD_STRUCT, 0, "deadlines", .schema = &timeouts_table},                 \
        {"kdump", LAB_FIELD_BOOL, offsetof(LabRecipe, kdump), "reserve and load a capture kernel", \
         .fallback = "true"},                                                                      \
        {"warm", LAB_FIELD_BOOL, offsetof(LabRecipe, warm),                                        \
         "false: every cell boots a guest of its own (early boot, timing)", .fallback = "true"},   \
    {                                                                                              \
        "ends_in_panic", LAB_FIELD_BOOL, offsetof(LabRecipe, ends_in_panic),                       \
            "a panic is what it waits for", .fallback = "false"                                    \
    }

static const LabField form_fields[] = {
    HEAD_FIELDS,
    {"stressor", LAB_FIELD_STRUCT, offsetof(LabRecipeForm, stressor), "what provokes the crash",
     .schema = &stressor_table, .required = TRUE},
    TAIL_FIELDS,
    {NULL},
};
const LabSchema lab_recipe_form_table = {"recipe", sizeof(LabRecipeForm), form_fields,
                                         "recipe.yaml"};

static const LabField recipe_fields[] = {
    HEAD_FIELDS,
    {"stressor", LAB_FIELD_STRUCT, offsetof(LabRecipe, stressor), "what provokes the crash",
     .schema = &lab_stressor_table},
    TAIL_FIELDS,
    {"directory", LAB_FIELD_STRING, offsetof(LabRecipe, directory), "its folder"},
    {"digest", LAB_FIELD_STRING, offsetof(LabRecipe, digest), "SHA-256 over its files"},
    {NULL},
};
const LabSchema lab_recipe_table = {"recipe", sizeof(LabRecipe), recipe_fields, NULL};

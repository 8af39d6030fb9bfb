/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-tables.h"

#include <stddef.h>

#include "lab-cell.h"

const char *const lab_boot_words[] = {"bzimage", "pvh", NULL};
const char *const lab_accelerator_words[] = {"auto", "kvm", "tcg", NULL};
const char *const lab_keep_dumps_words[] = {"first-per-signature", "all", "none", NULL};

static const char *const network_words[] = {"none", "user", NULL};
static const char *const stressor_words[] = {"builtin", "program", "shell", "module", "exec", NULL};
static const char *const detector_words[] = {"panic",   "soft-lockup", "hung-task", "no-heartbeat",
                                             "pattern", "exit-status", "metric",    NULL};
static const char *const outcome_words[] = {"pass",    "fail",         "crash", "hang",
                                            "timeout", "boot-failure", "lost",  NULL};

static const char *const affected_words[] = {"yes", "no", NULL};

#define SHAPE_FIELDS(cpus_default, memory_default, numa_default, network_default)               \
    {                                                                                           \
        {"cpus",                                                                                \
         LAB_FIELD_INT,                                                                         \
         offsetof(LabGuestShape, cpus),                                                         \
         "virtual CPUs",                                                                        \
         .fallback = cpus_default,                                                              \
         .min = 1,                                                                              \
         .max = 512,                                                                            \
         .example = "2"},                                                                       \
            {"memory",                                                                          \
             LAB_FIELD_SIZE,                                                                    \
             offsetof(LabGuestShape, memory_bytes),                                             \
             "memory of the guest",                                                             \
             .fallback = memory_default,                                                        \
             .min = 64 << 20,                                                                   \
             .max = 4398046511104.0,                                                            \
             .example = "1G"},                                                                  \
            {"numa",                                                                            \
             LAB_FIELD_INT,                                                                     \
             offsetof(LabGuestShape, numa_nodes),                                               \
             "NUMA nodes; memory and CPUs are shared out evenly",                               \
             .fallback = numa_default,                                                          \
             .min = 1,                                                                          \
             .max = 64},                                                                        \
            {"cpu_model", LAB_FIELD_STRING, offsetof(LabGuestShape, cpu_model),                 \
             "CPU model by libvirt's name, or 'max', or 'host-passthrough'", .example = "max"}, \
            {"network",                                                                         \
             LAB_FIELD_STRING,                                                                  \
             offsetof(LabGuestShape, network),                                                  \
             "'user': a network card behind QEMU's user network",                               \
             .fallback = network_default,                                                       \
             .choices = network_words},                                                         \
            {"disks",                                                                           \
             LAB_FIELD_SIZES,                                                                   \
             offsetof(LabGuestShape, disks),                                                    \
             "sizes of empty virtio disks, which appear as /dev/vda and so on",                 \
             .min = 1 << 20,                                                                    \
             .max = 1099511627776.0,                                                            \
             .example = "64M"},                                                                 \
            {"devices",                                                                         \
             LAB_FIELD_STRINGS,                                                                 \
             offsetof(LabGuestShape, devices),                                                  \
             "further devices: 'sg' a SCSI disk, 'watchdog' an i6300esb",                       \
             .example = "watchdog",                                                             \
             .form = LAB_FORM_NAME,                                                             \
             .form_help = "a name of [a-z0-9-]"},                                               \
            {NULL},                                                                             \
    }

static const LabField shape_fields[] = SHAPE_FIELDS("1", "512M", "1", "none");
static const LabField override_fields[] = SHAPE_FIELDS(NULL, NULL, NULL, NULL);

const LabSchema lab_guest_shape_table = {"guest", sizeof(LabGuestShape), shape_fields,
                                         "shape of the guest"};
const LabSchema lab_guest_override_table = {"guest", sizeof(LabGuestShape), override_fields,
                                            "shape of the guest, where it differs"};

#define SETUP_FIELDS(type, member)                                                             \
    {"cmdline", LAB_FIELD_STRING, offsetof(type, member cmdline),                              \
     "appended to the kernel's command line", .example = "slub_debug=FZ"},                     \
        {"sysctl",                                                                             \
         LAB_FIELD_STRINGS,                                                                    \
         offsetof(type, member sysctl),                                                        \
         "sysctls to set before the stressor",                                                 \
         .form = LAB_FORM_SYSCTL,                                                              \
         .form_help = "NAME=VALUE",                                                            \
         .example = "vm.min_free_kbytes=65536"},                                               \
        {"sysfs",                                                                              \
         LAB_FIELD_STRINGS,                                                                    \
         offsetof(type, member sysfs),                                                         \
         "files to write before the stressor",                                                 \
         .form = LAB_FORM_SYSFS,                                                               \
         .form_help = "/sys/FILE=VALUE",                                                       \
         .example = "/sys/kernel/mm/ksm/run=1"},                                               \
    {                                                                                          \
        "modules", LAB_FIELD_STRINGS, offsetof(type, member modules),                          \
            "modules of the kernel's own to load",                                             \
            .form = LAB_FORM_MODULE, .form_help = "NAME or NAME PARAMETERS", .example = "loop" \
    }

static const LabField setup_fields[] = {
    SETUP_FIELDS(LabSetup, ),
    {"args", LAB_FIELD_STRINGS, offsetof(LabSetup, args), "the stressor's arguments",
     .nullable = TRUE},
    {"hotfix", LAB_FIELD_STRING, offsetof(LabSetup, hotfix), "module to load before the stressor"},
    {"hotfix_digest", LAB_FIELD_STRING, offsetof(LabSetup, hotfix_digest), "SHA-256 of it"},
    {"guest", LAB_FIELD_POINTER, offsetof(LabSetup, guest), "shape of the guest",
     .schema = &lab_guest_override_table},
    {NULL},
};
const LabSchema lab_setup_table = {"setup", sizeof(LabSetup), setup_fields,
                                   "what is set before the stressor starts"};

static const LabField variant_fields[] = {
    {"name", LAB_FIELD_STRING, offsetof(LabVariant, name), "its name", .required = TRUE,
     .form = LAB_FORM_NAME, .form_help = "a name of [a-z0-9-]", .example = "default"},
    {"summary", LAB_FIELD_STRING, offsetof(LabVariant, summary), "one line that says what it does",
     .example = "the kernel as it comes"},
    {"mitigation", LAB_FIELD_STRING, offsetof(LabVariant, mitigation),
     "what keeps the crash away like this on a host in production, in words; 'kreglab advise' "
     "tells it",
     .example = "boot with transparent_hugepage=never"},
    {"baseline", LAB_FIELD_BOOL, offsetof(LabVariant, baseline),
     "the variant that the others are compared with; exactly one", .example = "true"},
    SETUP_FIELDS(LabVariant, setup.),
    {"args", LAB_FIELD_STRINGS, offsetof(LabVariant, setup.args),
     "arguments in place of the stressor's own", .nullable = TRUE, .example = "--rounds=1000"},
    {"hotfix", LAB_FIELD_STRING, offsetof(LabVariant, setup.hotfix),
     "module to load before the stressor: a .ko, or a folder of the recipe to build it from; "
     "'{release}' in it stands for the kernel's release; of a matrix's own variant: a .ko, found "
     "from the matrix's file",
     .example = "hotfix"},
    {"guest", LAB_FIELD_POINTER, offsetof(LabVariant, setup.guest),
     "shape of the guest, where it differs", .schema = &lab_guest_override_table},
    {NULL},
};
const LabSchema lab_variant_table = {"variants", sizeof(LabVariant), variant_fields,
                                     "what is compared"};

static const LabField stressor_fields[] = {
    {"kind", LAB_FIELD_CHOICE, offsetof(LabStressor, kind), "its kind", .choices = stressor_words},
    {"value", LAB_FIELD_TEXT, offsetof(LabStressor, value), "file, snippet, folder or name"},
    {"prebuilt", LAB_FIELD_STRING, offsetof(LabStressor, prebuilt),
     "modules that need no building"},
    {"exec", LAB_FIELD_STRINGS, offsetof(LabStressor, exec), "argv in the guest"},
    {"args", LAB_FIELD_STRINGS, offsetof(LabStressor, args), "arguments"},
    {"tools", LAB_FIELD_STRINGS, offsetof(LabStressor, tools), "host programs to take along"},
    {"duration", LAB_FIELD_DURATION, offsetof(LabStressor, duration_ms), "how long it runs"},
    {NULL},
};
const LabSchema lab_stressor_table = {"stressor", sizeof(LabStressor), stressor_fields,
                                      "what provokes the crash"};

static const LabField detector_fields[] = {
    {"kind", LAB_FIELD_STRING, offsetof(LabDetector, kind), "what it watches", .required = TRUE,
     .choices = detector_words, .example = "metric"},
    {"pattern", LAB_FIELD_STRING, offsetof(LabDetector, pattern),
     "for 'pattern': a PCRE over one console line", .example = "refcount.*underflow"},
    {"metric", LAB_FIELD_STRING, offsetof(LabDetector, metric),
     "for 'metric': the name that the stressor prints", .form = LAB_FORM_METRIC,
     .form_help = "a name of [a-z0-9_]", .example = "stall_ms"},
    {"max", LAB_FIELD_DOUBLE, offsetof(LabDetector, max), "for 'metric': more is a fail",
     .fallback = "inf", .min = -1e300, .max = 1e300, .example = "1000"},
    {"min", LAB_FIELD_DOUBLE, offsetof(LabDetector, min), "for 'metric': less is a fail",
     .fallback = "-inf", .min = -1e300, .max = 1e300, .example = "1"},
    {"after", LAB_FIELD_DURATION, offsetof(LabDetector, after_ms),
     "for 'no-heartbeat': silence that counts as a hang", .example = "20s"},
    {NULL},
};
const LabSchema lab_detector_table = {"detectors", sizeof(LabDetector), detector_fields,
                                      "what makes a cell fail, hang or crash"};

static const LabField reached_fields[] = {
    {"metric", LAB_FIELD_STRING, offsetof(LabReached, metric), "metric that the stressor prints",
     .form = LAB_FORM_METRIC, .form_help = "a name of [a-z0-9_]", .example = "rounds"},
    {"min", LAB_FIELD_DOUBLE, offsetof(LabReached, min), "least value that counts as reached",
     .min = -1e300, .max = 1e300, .fallback = "1"},
    {NULL},
};
const LabSchema lab_reached_table = {
    "reached", sizeof(LabReached), reached_fields,
    "without which a pass is worth nothing: the cell is 'inconclusive'"};

static const LabField expect_fields[] = {
    {"variants", LAB_FIELD_STRINGS, offsetof(LabExpect, variants),
     "variants that it is about (default: all)", .form = LAB_FORM_NAME,
     .form_help = "the name of a variant", .example = "default"},
    {"outcome", LAB_FIELD_STRING, offsetof(LabExpect, outcome), "the outcome that is expected",
     .choices = outcome_words, .example = "crash"},
    {"title", LAB_FIELD_STRING, offsetof(LabExpect, title), "glob over the crash's title",
     .example = "BUG: unable to handle*"},
    {"kernels", LAB_FIELD_STRING, offsetof(LabExpect, kernels),
     "range of releases that it is about (default: all)", .example = ">= 5.0, < 6.1"},
    {"affected", LAB_FIELD_STRING, offsetof(LabExpect, affected),
     "'yes': kernels that the recipe's 'affected' says have the bug; 'no': that it says do not "
     "(default: all)",
     .choices = affected_words, .example = "yes"},
    {NULL},
};
const LabSchema lab_expect_table = {"expect", sizeof(LabExpect), expect_fields,
                                    "outcomes that are no surprise"};

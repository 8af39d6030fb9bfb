/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "lab-cli.h"
#include "lab-core-summary.h"
#include "lab-core.h"
#include "lab-error.h"
#include "lab-vmcore-print.h"

static const LabOption options[] = {
    {"vmlinux", 0, LAB_OPTION_STRING, "FILE",
     "ask crash(8), with this uncompressed kernel of the debug package, too",
     .hint = LAB_HINT_FILE},
    {"dmesg", 0, LAB_OPTION_FLAG, NULL, "print the kernel's log and nothing else"},
    {"all", 'a', LAB_OPTION_FLAG, NULL,
     "print the stacks of all tasks, not of CPUs and blocked tasks alone"},
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON; with --dmesg, the log is in it"},
    {NULL},
};

static int
print_dmesg(LabCore *core, GError **error)
{
    GString *text = lab_core_dmesg(core, TRUE, error);

    if (!text)
        return LAB_EXIT_CONFIG;
    lab_cli_print("%s", text->str);
    g_string_free(text, TRUE);
    for (guint i = 0; i < lab_core_n_missing(core); i++) {
        const LabCoreMissing *missing = lab_core_missing_at(core, i);

        fprintf(stderr, "kreglab: %s: %s\n", missing->what, missing->why);
    }
    return LAB_EXIT_OK;
}

static int
cmd_vmcore(LabCli *cli, GError **error)
{
    LabCoreSummaryOptions wanted = {
        .vmlinux = lab_cli_string(cli, "vmlinux"),
        .all_tasks = lab_cli_flag(cli, "all"),
        .dmesg = lab_cli_flag(cli, "dmesg"),
    };
    g_autoptr(LabCore) core = lab_core_open(cli->args[0], error);
    json_t *summary;

    if (!core)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "dmesg") && !lab_cli_flag(cli, "json"))
        return print_dmesg(core, error);
    summary = lab_core_summary(core, &wanted, error);
    if (!summary)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "json")) {
        lab_cli_print_json(summary);
        return LAB_EXIT_OK;
    }
    lab_vmcore_print(summary);
    json_decref(summary);
    return LAB_EXIT_OK;
}

const LabVerb lab_verb_vmcore = {
    .name = "vmcore",
    .summary = "read a dump: what crashed, where, and what else ran",
    .synopsis = "FILE",
    .description =
        "Reads a vmcore (ELF, kdump-compressed or flattened; complete, filtered or damaged) and "
        "prints what it was, how it ended, the crash's title, and the stacks of CPUs and blocked "
        "tasks, without a debug package where the dump carries its own tables (5.10 and later). "
        "What could not be had is named at the end.",
    .min_args = 1,
    .max_args = 1,
    .options = {options},
    .hints = {LAB_HINT_FILE},
    .run = cmd_vmcore,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "lab-doctor.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-kernel.h"
#include "lab-worker-call.h"

#define PROBE_TIMEOUT_MS 180000

LabFinding
lab_finding(LabHealth health, char *detail, char *fix)
{
    return (LabFinding){health, detail, fix};
}

static const char *
health_name(LabHealth health)
{
    static const char *const names[] = {"ok", "note", "missing", "broken"};

    return names[health];
}

static void
print_finding(const LabCli *cli, const LabCheck *check, const LabFinding *finding)
{
    static const char *const colors[] = {"\x1b[32m", "\x1b[36m", "\x1b[33m", "\x1b[1;31m"};

    printf("%s%-8s%s", cli->color ? colors[finding->health] : "", health_name(finding->health),
           cli->color ? "\x1b[0m" : "");
    lab_cli_print(" %-12s %s\n", check->name, finding->detail);
    if (finding->fix)
        lab_cli_print("%-21s fix: %s\n", "", finding->fix);
    fflush(stdout);
}

static LabHealth
run_checks(const LabCli *cli, const LabDoctor *doctor, const LabCheck *checks, json_t *array)
{
    LabHealth worst = LAB_HEALTH_OK;

    for (; checks->name; checks++) {
        LabFinding finding = checks->check(doctor);

        worst = MAX(worst, finding.health);
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:s, s:o, s:o}", "check", checks->name, "what_for",
                             checks->what_for, "health", health_name(finding.health), "detail",
                             lab_json_text(finding.detail), "fix", lab_json_text(finding.fix)));
        if (!lab_cli_flag(cli, "json"))
            print_finding(cli, checks, &finding);
        g_free(finding.detail);
        g_free(finding.fix);
    }
    return worst;
}

static int
cmd_doctor(LabCli *cli, GError **error)
{
    g_autoptr(GPtrArray) kernels = lab_kernel_list(cli->paths->data, error);
    const char *args[] = {"probe", NULL, NULL};
    g_autoptr(GError) no_probe = NULL;
    g_autoptr(json_t) probe = NULL;
    g_autoptr(json_t) array = json_array();
    LabDoctor doctor = {.paths = cli->paths, .clean = lab_cli_flag(cli, "clean")};
    LabHealth worst, of_host;

    if (!kernels)
        return LAB_EXIT_INFRA;
    if (kernels->len > 0)
        args[1] = ((const LabKernel *)kernels->pdata[0])->id;
    probe = lab_worker_call(cli->paths, args, PROBE_TIMEOUT_MS, &no_probe);
    doctor.probe = probe;
    doctor.no_probe = probe ? NULL : no_probe->message;
    doctor.kernels = kernels;
    worst = run_checks(cli, &doctor, lab_doctor_tool_checks, array);
    of_host = run_checks(cli, &doctor, lab_doctor_host_checks, array);
    worst = MAX(worst, of_host);
    if (lab_cli_flag(cli, "json"))
        lab_cli_print_json(json_pack("{s:i, s:b, s:O}", "schema_version", 1, "can_run",
                                     worst < LAB_HEALTH_BROKEN, "checks", array));
    else
        puts(worst < LAB_HEALTH_BROKEN ? "cells can run here" : "no cell can run here yet");
    return worst < LAB_HEALTH_BROKEN ? LAB_EXIT_OK : LAB_EXIT_INFRA;
}

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {"clean", 0, LAB_OPTION_FLAG, NULL,
     "end guests and remove files that dead processes of this data directory left"},
    {NULL},
};

const LabVerb lab_verb_doctor = {
    .name = "doctor",
    .summary = "tell what works on this machine and what is missing",
    .options = {options},
    .run = cmd_doctor,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-cli-run.h"
#include "lab-error.h"
#include "lab-gate.h"

static const LabOption options[] = {
    {"policy", 'p', LAB_OPTION_STRING, "FILE", "what the kernel has to show: kreglab-policy(5)",
     .hint = LAB_HINT_FILE},
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

static const char *const words[] = {[LAB_GATE_GO] = "GO",
                                    [LAB_GATE_NOT_ENOUGH] = "NOT ENOUGH EVIDENCE",
                                    [LAB_GATE_NO_GO] = "NO-GO"};

static void
print_finding(const LabGateFinding *finding)
{
    if (finding->recipe)
        lab_cli_print("  %s/%s on %s%s\n      %s\n", finding->recipe, finding->variant,
                      finding->kernel, finding->waived ? " (waived)" : "", finding->why);
    else
        lab_cli_print("  %s\n", finding->why);
}

static void
print_part(const LabGate *gate, LabGateVerdict verdict, const char *heading)
{
    gboolean any = FALSE;

    for (guint i = 0; i < gate->findings->len; i++) {
        const LabGateFinding *finding = gate->findings->pdata[i];

        if (finding->verdict != verdict)
            continue;
        if (!any)
            lab_cli_print("\n%s\n", heading);
        any = TRUE;
        print_finding(finding);
    }
}

/* "6.1.0-2, 6.1.0-3 after 6.1.0-1"; a baseline that is judged itself comes after none. g_free. */
static char *
judged_text(const LabGate *gate)
{
    const char *baseline = gate->analysis->baseline_kernel;
    g_autofree char *kernels = NULL;

    g_ptr_array_add(gate->kernels, NULL);
    kernels = g_strjoinv(", ", (char **)gate->kernels->pdata);
    g_ptr_array_set_size(gate->kernels, (int)gate->kernels->len - 1);
    if (!baseline || strcmp(kernels, baseline) == 0)
        return g_strdup(*kernels ? kernels : "no kernel");
    return g_strdup_printf("%s %s %s", *kernels ? kernels : "no kernel",
                           *kernels ? "after" : "beside", baseline);
}

static void
print_text(const LabGate *gate, const LabRun *run)
{
    g_autofree char *judged = judged_text(gate);

    lab_cli_print("%s: %s (run %s, %g %% sure)\n", words[gate->verdict], judged, lab_run_id(run),
                  gate->analysis->confidence * 100);
    print_part(gate, LAB_GATE_NO_GO, "Against it:");
    print_part(gate, LAB_GATE_NOT_ENOUGH, "Not enough evidence:");
    print_part(gate, LAB_GATE_GO, "For it:");
    if (gate->holes->len > 0)
        lab_cli_print("\nHoles:\n");
    for (guint i = 0; i < gate->holes->len; i++)
        lab_cli_print("  %s\n", (const char *)gate->holes->pdata[i]);
    if (gate->unused->len > 0)
        lab_cli_print("\nWaivers that nothing needed:\n");
    for (guint i = 0; i < gate->unused->len; i++) {
        const LabWaiver *waiver = gate->unused->pdata[i];

        lab_cli_print("  %s (%s, until %s): %s\n", waiver->signature, waiver->owner,
                      waiver->expires, waiver->reason);
    }
}

static int
cmd_gate(LabCli *cli, GError **error)
{
    static const int statuses[] = {[LAB_GATE_GO] = LAB_EXIT_OK,
                                   [LAB_GATE_NOT_ENOUGH] = LAB_EXIT_NOT_ENOUGH,
                                   [LAB_GATE_NO_GO] = LAB_EXIT_UNEXPECTED};
    const char *path = lab_cli_string(cli, "policy");
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *today = g_date_time_format(now, "%Y-%m-%d");
    g_autoptr(LabPolicy) policy = NULL;
    g_autoptr(LabRun) run = NULL;
    g_autoptr(LabGate) gate = NULL;

    if (!path)
        return lab_cli_usage(error, "what has the kernel to show? Give --policy");
    policy = lab_policy_load(path, error);
    run = policy ? lab_cli_open_run(cli, NULL, error) : NULL;
    gate = run ? lab_gate_new(run, policy, today, error) : NULL;
    if (!gate)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "json"))
        lab_cli_print_json(lab_gate_to_json(gate));
    else
        print_text(gate, run);
    return statuses[gate->verdict];
}

const LabVerb lab_verb_gate = {
    .name = "gate",
    .summary = "say whether a kernel may be rolled out",
    .synopsis = "[RUN]",
    .description =
        "Holds the results of a run against a policy: go (status 0), no-go (1), or not "
        "enough evidence (4), on one page that says why. Crashes can be waived by "
        "signature, with an owner, a reason and a last day. RUN is 'latest' unless it is "
        "given.",
    .max_args = 1,
    .options = {options},
    .hints = {LAB_HINT_RUN},
    .run = cmd_gate,
};

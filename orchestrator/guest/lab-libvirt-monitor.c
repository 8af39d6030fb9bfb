/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lab does to a running domain: NMI, registers, pause. */
#include "lab-libvirt.h"

#include <libvirt/libvirt-qemu.h>

#include "lab-connect.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

static gboolean
need_domain(LabLibvirt *guest, GError **error)
{
    if (guest->domain && !guest->base.destroyed)
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the guest is not running");
    return FALSE;
}

gboolean
lab_libvirt_inject_nmi(LabGuest *base, GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;

    if (!need_domain(guest, error))
        return FALSE;
    return virDomainInjectNMI(guest->domain, 0) == 0 ||
           lab_connect_set_error(error, "injecting an NMI");
}

char *
lab_libvirt_registers(LabGuest *base, GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;
    char *answer = NULL;
    g_auto(GStrv) lines = NULL;
    g_autofree char *joined = NULL;

    if (!need_domain(guest, error))
        return NULL;
    if (virDomainQemuMonitorCommand(guest->domain, "info registers -a", &answer,
                                    VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP) < 0) {
        lab_connect_set_error(error, "reading the registers");
        return NULL;
    }
    lines = g_strsplit(answer, "\r", -1); /* HMP ends its lines with "\r\n" */
    free(answer);
    joined = g_strjoinv("", lines);
    return lab_text_clean(joined, -1, TRUE);
}

gboolean
lab_libvirt_pause(LabGuest *base, GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;
    int state = 0;

    if (!need_domain(guest, error))
        return FALSE;
    guest->resume_wanted = FALSE;
    if (virDomainGetState(guest->domain, &state, NULL, 0) == 0 && state != VIR_DOMAIN_RUNNING)
        return TRUE;
    return virDomainSuspend(guest->domain) == 0 ||
           lab_connect_set_error(error, "pausing the guest");
}

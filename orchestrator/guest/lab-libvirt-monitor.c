/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lab does to a running domain: NMI, registers, pause, memory. */
#include "lab-libvirt.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "lab-connect.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

static gboolean
need_domain(LabLibvirt *guest, GError **error)
{
    if (guest->domain && !guest->machine.base.destroyed)
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
    guest->machine.resume_wanted = FALSE;
    if (virDomainGetState(guest->domain, &state, NULL, 0) == 0 && state != VIR_DOMAIN_RUNNING)
        return TRUE;
    return virDomainSuspend(guest->domain) == 0 ||
           lab_connect_set_error(error, "pausing the guest");
}

typedef struct {
    virDomainPtr domain;
    const char *path;
    unsigned int format;
    gint done;
    int result;
    char *message;
} Job;

static gpointer
dump_thread(gpointer data)
{
    Job *job = data;

    job->result =
        virDomainCoreDumpWithFormat(job->domain, job->path, job->format, VIR_DUMP_MEMORY_ONLY);
    if (job->result < 0) /* libvirt keeps errors per thread */
        job->message = g_strdup(virGetLastErrorMessage());
    g_atomic_int_set(&job->done, 1);
    return NULL;
}

/* libvirt's own dump, bounded in time. libvirt cannot abort a memory-only dump ("cannot abort
 * memory-only dump", qemuDomainAbortJob), so a passed deadline costs the guest its life. */
gboolean
lab_libvirt_write_core(LabMachine *machine, const char *path, LabCore format, gint64 deadline_us,
                       GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)machine;
    Job job = {.domain = guest->domain,
               .path = path,
               .format = format == LAB_CORE_ELF ? VIR_DOMAIN_CORE_DUMP_FORMAT_RAW
                                                : VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB};
    GThread *thread = g_thread_new("dump", dump_thread, &job);
    gboolean in_time = TRUE;
    g_autofree char *message = NULL;

    while (!g_atomic_int_get(&job.done)) {
        if (in_time && machine->qemu && g_get_monotonic_time() > deadline_us) {
            in_time = FALSE;
            lab_qemu_kill(machine->qemu);
        }
        g_usleep(1000);
    }
    g_thread_join(thread);
    message = job.message;
    if (!in_time) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                    "the dump was not ready at its deadline, and QEMU was ended");
        return FALSE;
    }
    if (job.result < 0) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "dumping the guest: %s", message);
        return FALSE;
    }
    return TRUE;
}

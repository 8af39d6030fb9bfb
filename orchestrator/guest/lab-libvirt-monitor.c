/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lab does to a running domain: NMI, registers, pause, dump from outside. */
#include "lab-libvirt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "lab-connect.h"
#include "lab-elf-mend.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-kdump-mend.h"
#include "lab-log.h"
#include "lab-proc.h"
#include "lab-unflatten.h"

#define DUMP_SLACK (64u << 20)

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
static gboolean
dump_within(LabLibvirt *guest, const char *path, unsigned int format, gint64 deadline_us,
            GError **error)
{
    Job job = {.domain = guest->domain, .path = path, .format = format};
    GThread *thread = g_thread_new("dump", dump_thread, &job);
    gboolean in_time = TRUE;
    g_autofree char *message = NULL;

    while (!g_atomic_int_get(&job.done)) {
        if (in_time && guest->qemu && g_get_monotonic_time() > deadline_us) {
            in_time = FALSE;
            lab_qemu_kill(guest->qemu);
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

/* `makedumpfile -l -d 31`: leaves out free, zero, cache and user pages. LZO is the fastest that
 * Debian's makedumpfile has (zstd is silently ignored there). It needs the guest's vmcoreinfo;
 * without it the dump stays whole. TRUE: 'to' is there. */
static gboolean
filter(const char *from, const char *to, gint64 deadline_us)
{
    const char *const argv[] = {
        "makedumpfile", "--message-level", "4", "-l", "-d", "31", from, to, NULL};
    const LabProcOptions options = {
        .timeout_ms = MAX((deadline_us - g_get_monotonic_time()) / 1000, 1),
        .merge = TRUE,
    };
    g_auto(LabProcResult) result = {0};
    g_autoptr(GError) error = NULL;
    struct stat st;

    (void)unlink(to);
    if (lab_proc_check(argv, &options, &result, &error) && stat(to, &st) == 0 && st.st_size > 0)
        return TRUE;
    lab_info("the dump stays unfiltered: makedumpfile cannot filter it (%s)",
             result.status != 0 && !result.timed_out
                 ? "no vmcoreinfo, or KASLR moved the direct map, which a dump from outside lacks"
             : error ? error->message
                     : "it wrote nothing");
    (void)unlink(to);
    return FALSE;
}

/* The dump at 'raw' becomes 'path': filtered if that works, 0600, durable. */
static gboolean
keep(const char *raw, const char *path, gint64 deadline_us, GError **error)
{
    g_autofree char *filtered = g_strconcat(raw, ".filtered", NULL);
    const char *best = filter(raw, filtered, deadline_us) ? filtered : raw;
    LAB_AUTO_FD fd = open(best, O_RDONLY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fchmod(fd, 0600) == 0 && fchown(fd, geteuid(), getegid()) == 0 &&
                  fsync(fd) == 0 && rename(best, path) == 0;

    if (!ok)
        lab_error_set_errno(error, errno, "keeping the dump '%s'", path);
    (void)unlink(filtered);
    (void)unlink(raw);
    return ok;
}

/* QEMU writes kdump formats flattened. */
static gboolean
unflatten(const char *from, const char *to, guint64 max_bytes, GError **error)
{
    LAB_AUTO_FD in = open(from, O_RDONLY | O_CLOEXEC);
    LAB_AUTO_FD out =
        in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (in < 0 || out < 0)
        return lab_error_set_errno(error, errno, "opening '%s'", in < 0 ? from : to);
    return lab_unflatten_file(in, out, max_bytes, error);
}

typedef struct {
    unsigned int format;
    const char *method;
    gboolean (*mend)(const char *path, GError **error);
} Way;

static const Way ways[] = {
    {VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB, "host-kdump-zlib", lab_kdump_mend},
    {VIR_DOMAIN_CORE_DUMP_FORMAT_RAW, "host-elf", lab_elf_mend},
};

static gboolean
dump_one_way(LabLibvirt *guest, const Way *way, const char *path, gint64 deadline_us,
             GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *raw = g_strdup_printf("%s/.%s.host", directory, name);
    g_autofree char *from_qemu = g_build_filename(guest->directory, "core", NULL);
    guint64 max_bytes = guest->base.cell->guest.memory_bytes * 2 + DUMP_SLACK;
    gboolean ok;

    (void)unlink(from_qemu);
    ok = dump_within(guest, from_qemu, way->format, deadline_us, error) &&
         unflatten(from_qemu, raw, max_bytes, error);
    (void)unlink(from_qemu);
    if (ok)
        ok = way->mend(raw, error);
    if (!ok) {
        (void)unlink(raw);
        return FALSE;
    }
    return keep(raw, path, deadline_us, error);
}

gboolean
lab_libvirt_dump(LabGuest *base, const char *path, gint64 timeout_ms, const char **method,
                 GError **error)
{
    LabLibvirt *guest = (LabLibvirt *)base;
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    g_autoptr(GError) first = NULL;

    if (!need_domain(guest, error) || !lab_libvirt_pause(base, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(GError) failure = NULL;

        if (dump_one_way(guest, &ways[i], path, deadline_us, &failure)) {
            *method = ways[i].method;
            return TRUE;
        }
        lab_info("%s: %s", ways[i].method, failure->message);
        if (!first)
            first = g_steal_pointer(&failure);
        if (g_error_matches(first, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT))
            break;
    }
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

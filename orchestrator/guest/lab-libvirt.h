/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is a libvirt domain: shared by the files lab-libvirt*.c alone. */
#pragma once

#include <libvirt/libvirt.h>

#include "lab-agent.h"
#include "lab-dump-file.h"
#include "lab-guest-private.h"
#include "lab-port.h"
#include "lab-qemu.h"
#include "lab-runtime.h"

typedef struct {
    LabGuest base;
    virConnectPtr connection;
    virDomainPtr domain;
    int lifecycle_id, monitor_id; /* event registrations; -1: none */
    char *uri;                    /* as given; NULL: embedded */
    char *name;
    char *directory; /* ours below the runtime directory */
    char *log_path;  /* QEMU's stderr, where libvirt keeps it; NULL: unknown */
    LabQemuUser user;
    gboolean kvm;
    LabQemu *qemu;
    LabPort *console, *agent, *dump;
    LabAgentDecoder *agent_decoder, *dump_decoder;
    gboolean agent_bad, dump_bad;
    LabDumpFile *incoming; /* an in-guest dump on its way */
    gboolean in_dump;
    char *dump_trouble;       /* why it cannot become a file any more, or NULL */
    guint64 dump_announced;   /* bytes at the last DUMP_DATA event */
    GSource *cancel_source;   /* watches base.cancel_fd; NULL before the first turn */
    gint64 started_us;        /* monotonic */
    gint64 end_seen_us;       /* when QEMU's end was noticed; 0: it lives */
    char *shutdown_reason;    /* QMP's word for why the guest stopped, or NULL */
    gboolean stopped;         /* libvirt says that the domain is no more */
    gboolean resume_wanted;   /* pvpanic stopped it in the middle of its message */
    gboolean end_reported;    /* RESET, SHUTDOWN or GONE is in the queue */
    gboolean console_trouble; /* was warned of */
    int uid, seccomp;
    char *qemu_version; /* or NULL */
} LabLibvirt;

/* lab-libvirt-ports.c */
gboolean lab_libvirt_listen(LabLibvirt *guest, GError **error);
gboolean lab_libvirt_accept(LabLibvirt *guest, GError **error);
gboolean lab_libvirt_agent_send(LabGuest *guest, const json_t *message, const void *data,
                                gsize length, GError **error);
gboolean lab_libvirt_console_send(LabGuest *guest, const char *bytes, gsize length, GError **error);
/* Reads what the ended QEMU left in the sockets; a dump in its middle is said to have failed. */
void lab_libvirt_drain(LabLibvirt *guest, const char *why);

/* lab-libvirt-monitor.c */
gboolean lab_libvirt_inject_nmi(LabGuest *guest, GError **error);
char *lab_libvirt_registers(LabGuest *guest, GError **error);
gboolean lab_libvirt_pause(LabGuest *guest, GError **error);
gboolean lab_libvirt_dump(LabGuest *guest, const char *path, gint64 timeout_ms, const char **method,
                          GError **error);

/* lab-libvirt-files.c: the guest's directory, copies of the boot files, disks, domain.xml. */
gboolean lab_libvirt_make_directory(LabLibvirt *guest, GError **error);
char *lab_libvirt_make_domain(LabLibvirt *guest, GError **error); /* the XML; g_free */
/* The end of QEMU's own log, one line a line, cleaned; never NULL. g_free. */
char *lab_libvirt_log_tail(LabLibvirt *guest);
void lab_libvirt_keep_log(LabLibvirt *guest); /* copies it to the cell's qemu.log */

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is a libvirt domain: shared by the files lab-libvirt*.c alone. */
#pragma once

#include <libvirt/libvirt.h>

#include "lab-machine.h"

typedef struct {
    LabMachine machine;
    virConnectPtr connection;
    virDomainPtr domain;
    int lifecycle_id, monitor_id; /* event registrations; -1: none */
    char *uri;                    /* as given; NULL: embedded */
} LabLibvirt;

/* lab-libvirt-monitor.c */
gboolean lab_libvirt_inject_nmi(LabGuest *guest, GError **error);
char *lab_libvirt_registers(LabGuest *guest, GError **error);
gboolean lab_libvirt_pause(LabGuest *guest, GError **error);
gboolean lab_libvirt_write_core(LabMachine *guest, const char *path, LabCore format,
                                gint64 deadline_us, GError **error);

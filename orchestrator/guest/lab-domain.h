/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The libvirt domain of a guest, as XML. No libvirt in here: values in, text out. */
#pragma once

#include <glib.h>

#include "lab-recipe.h"

typedef struct {
    const char *name;
    const char *uuid; /* NULL: libvirt makes one */
    const char *emulator;
    gboolean kvm;
    const char *kernel, *initramfs, *cmdline;
    const LabGuestShape *shape;
    const char *console_socket, *agent_socket, *dump_socket; /* QEMU connects to them */
    const char *const *disks;                                /* raw files, one per shape->disks */
    const char *scsi_disk;                                   /* for the device "sg"; or NULL */
} LabDomainSpec;

/* A device word that nobody knows, or a shape that no machine has, is LAB_CONFIG_ERROR. g_free. */
char *lab_domain_xml(const LabDomainSpec *spec, GError **error);

/* TRUE when shape->devices has 'name'. */
gboolean lab_shape_has_device(const LabGuestShape *shape, const char *name);

/* The CPU model that the domain gets: the shape's, or the accelerator's default. Borrowed. */
const char *lab_domain_cpu_model(const LabGuestShape *shape, gboolean kvm);

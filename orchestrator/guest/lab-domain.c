/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-domain.h"

#include <string.h>

#include "lab-error.h"

#define KIB 1024u
#define MIB (KIB * KIB)

static const char *const known_devices[] = {"sg", "watchdog"};

gboolean
lab_shape_has_device(const LabGuestShape *shape, const char *name)
{
    return shape->devices && g_strv_contains((const char *const *)shape->devices, name);
}

const char *
lab_domain_cpu_model(const LabGuestShape *shape, gboolean kvm)
{
    if (shape->cpu_model)
        return shape->cpu_model;
    return kvm ? "host-passthrough" : "max";
}

static void G_GNUC_PRINTF(2, 3) add(GString *xml, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_markup_vprintf_escaped(format, args);
    va_end(args);
    g_string_append(xml, text);
    g_free(text);
}

static gboolean
check_shape(const LabGuestShape *shape, GError **error)
{
    if (shape->cpus < 1 || shape->cpus > 255) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                    "guest.cpus is %d: a guest has 1 to 255", shape->cpus);
        return FALSE;
    }
    if (shape->memory_bytes < 32 * MIB) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                    "guest.memory is %" G_GUINT64_FORMAT " bytes: no kernel boots in under 32 MiB",
                    shape->memory_bytes);
        return FALSE;
    }
    if (shape->numa_nodes > 64 || shape->memory_bytes / MIB < (guint64)shape->numa_nodes) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                    "guest.numa_nodes is %d: at most 64, each with 1 MiB or more",
                    shape->numa_nodes);
        return FALSE;
    }
    for (char **device = shape->devices; device && *device; device++) {
        gboolean known = FALSE;

        for (gsize i = 0; i < G_N_ELEMENTS(known_devices); i++)
            known = known || strcmp(*device, known_devices[i]) == 0;
        if (!known) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                        "guest.devices: '%s' is unknown; there are 'sg' and 'watchdog'", *device);
            return FALSE;
        }
    }
    if (g_strcmp0(shape->network, "user") != 0 && g_strcmp0(shape->network, "none") != 0 &&
        shape->network) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "guest.network is '%s': 'none' or 'user' is possible", shape->network);
        return FALSE;
    }
    return TRUE;
}

static void
add_numa(GString *xml, const LabGuestShape *shape)
{
    guint64 each_mib = shape->memory_bytes / MIB / (guint64)shape->numa_nodes;
    guint64 first_kib = shape->memory_bytes / KIB -
                        each_mib * KIB * (guint64)(shape->numa_nodes - 1);

    g_string_append(xml, "    <numa>\n");
    for (int i = 0; i < shape->numa_nodes; i++) {
        int first = i * shape->cpus / shape->numa_nodes;
        int last = (i + 1) * shape->cpus / shape->numa_nodes - 1;

        add(xml, "      <cell id='%d'", i);
        if (last > first)
            add(xml, " cpus='%d-%d'", first, last);
        else if (last == first)
            add(xml, " cpus='%d'", first);
        add(xml, " memory='%" G_GUINT64_FORMAT "' unit='KiB'/>\n",
            i == 0 ? first_kib : each_mib * KIB);
    }
    g_string_append(xml, "    </numa>\n");
}

static void
add_cpu(GString *xml, const LabDomainSpec *spec)
{
    const char *model = lab_domain_cpu_model(spec->shape, spec->kvm);

    if (strcmp(model, "max") == 0 || strcmp(model, "maximum") == 0)
        add(xml, "  <cpu mode='maximum'>\n");
    else if (strcmp(model, "host-passthrough") == 0 || strcmp(model, "host-model") == 0)
        add(xml, "  <cpu mode='%s'>\n", model);
    else /* check='none': TCG lacks single features of most models, which is no reason to stop */
        add(xml,
            "  <cpu mode='custom' match='exact' check='none'>\n"
            "    <model fallback='allow'>%s</model>\n",
            model);
    if (spec->shape->numa_nodes > 1)
        add_numa(xml, spec->shape);
    g_string_append(xml, "  </cpu>\n");
}

static void
add_disks(GString *xml, const LabDomainSpec *spec)
{
    char letter = 'a';

    for (const char *const *disk = spec->disks; disk && *disk && letter <= 'z'; disk++)
        add(xml,
            "    <disk type='file' device='disk'>\n"
            "      <driver name='qemu' type='raw' cache='unsafe'/>\n"
            "      <source file='%s'/>\n"
            "      <target dev='vd%c' bus='virtio'/>\n"
            "    </disk>\n",
            *disk, letter++);
    if (spec->scsi_disk)
        add(xml,
            "    <controller type='scsi' index='0' model='virtio-scsi'/>\n"
            "    <disk type='file' device='disk'>\n"
            "      <driver name='qemu' type='raw' cache='unsafe'/>\n"
            "      <source file='%s'/>\n"
            "      <target dev='sda' bus='scsi'/>\n"
            "    </disk>\n",
            spec->scsi_disk);
}

static void
add_ports(GString *xml, const LabDomainSpec *spec)
{
    /* The lab listens and QEMU connects: no byte of early output has nowhere to go. */
    add(xml,
        "    <serial type='unix'>\n"
        "      <source mode='connect' path='%s'/>\n"
        "      <target type='isa-serial' port='0'/>\n"
        "    </serial>\n"
        "    <controller type='virtio-serial' index='0'/>\n",
        spec->console_socket);
    add(xml,
        "    <channel type='unix'>\n"
        "      <source mode='connect' path='%s'/>\n"
        "      <target type='virtio' name='kreglab.agent'/>\n"
        "    </channel>\n",
        spec->agent_socket);
    add(xml,
        "    <channel type='unix'>\n"
        "      <source mode='connect' path='%s'/>\n"
        "      <target type='virtio' name='kreglab.dump'/>\n"
        "    </channel>\n",
        spec->dump_socket);
}

static void
add_devices(GString *xml, const LabDomainSpec *spec)
{
    g_string_append(xml, "  <devices>\n");
    if (spec->emulator)
        add(xml, "    <emulator>%s</emulator>\n", spec->emulator);
    g_string_append(xml, "    <controller type='usb' model='none'/>\n");
    add_ports(xml, spec);
    add_disks(xml, spec);
    if (g_strcmp0(spec->shape->network, "user") == 0)
        g_string_append(xml, "    <interface type='user'>\n"
                             "      <model type='virtio'/>\n"
                             "    </interface>\n");
    if (lab_shape_has_device(spec->shape, "watchdog"))
        g_string_append(xml, "    <watchdog model='i6300esb' action='inject-nmi'/>\n");
    g_string_append(xml, "    <memballoon model='none'/>\n"
                         "    <panic model='isa'/>\n"
                         "  </devices>\n");
}

char *
lab_domain_xml(const LabDomainSpec *spec, GError **error)
{
    g_autoptr(GString) xml = g_string_new(NULL);

    if (!check_shape(spec->shape, error))
        return NULL;
    add(xml, "<domain type='%s'>\n  <name>%s</name>\n", spec->kvm ? "kvm" : "qemu", spec->name);
    if (spec->uuid)
        add(xml, "  <uuid>%s</uuid>\n", spec->uuid);
    add(xml, "  <memory unit='KiB'>%" G_GUINT64_FORMAT "</memory>\n",
        spec->shape->memory_bytes / KIB);
    add(xml, "  <vcpu placement='static'>%d</vcpu>\n", spec->shape->cpus);
    add(xml, "  <os>\n    <type arch='x86_64' machine='pc'>hvm</type>\n    <kernel>%s</kernel>\n",
        spec->kernel);
    if (spec->initramfs)
        add(xml, "    <initrd>%s</initrd>\n", spec->initramfs);
    add(xml, "    <cmdline>%s</cmdline>\n  </os>\n", spec->cmdline);
    g_string_append(xml, "  <features>\n    <acpi/>\n    <apic/>\n    <vmcoreinfo state='on'/>\n  "
                         "</features>\n");
    add_cpu(xml, spec);
    g_string_append(xml, "  <clock offset='utc'/>\n"
                         "  <on_poweroff>destroy</on_poweroff>\n"
                         "  <on_reboot>destroy</on_reboot>\n"
                         "  <on_crash>preserve</on_crash>\n");
    add_devices(xml, spec);
    g_string_append(xml, "</domain>\n");
    return g_string_free(g_steal_pointer(&xml), FALSE);
}

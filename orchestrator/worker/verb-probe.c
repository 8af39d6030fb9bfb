/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker probe [KERNEL]`: what of the parts that only the worker links works here. KERNEL
 * (an id of the store) is booted under KVM where that has not been tried yet. On fd 3:
 *   {"event":"probe", "libvirt":{"version":TEXT|null,"error":TEXT|null},
 *    "qemu":{"version":TEXT|null}, "qemu_user":{"name":TEXT|null,"error":TEXT|null},
 *    "accelerator":{"device":bool,"answer":"kvm"|"tcg"|null,"error":TEXT|null}}
 * The answer is null where /dev/kvm opens and there was no kernel to try it with. */
#include <libvirt/libvirt.h>
#include <string.h>
#include <unistd.h>

#include "lab-accel.h"
#include "lab-connect.h"
#include "lab-error.h"
#include "lab-log.h"
#include "lab-paths.h"
#include "lab-runtime.h"
#include "lab-verb-io.h"
#include "lab-verbs.h"

/* libvirt's way to write a version in a number: major * 1000000 + minor * 1000 + release. */
static json_t *
version_text(unsigned long number)
{
    g_autofree char *text =
        g_strdup_printf("%lu.%lu.%lu", number / 1000000, number / 1000 % 1000, number % 1000);

    return json_string(text);
}

static void
probe_libvirt(const LabPaths *paths, const LabRuntime *runtime, json_t *event)
{
    g_autoptr(GError) error = NULL;
    virConnectPtr connection =
        lab_connect_open(NULL, lab_runtime_path(runtime), paths->cache, &error);
    unsigned long libvirt = 0, qemu = 0;

    virGetVersion(&libvirt, NULL, NULL);
    if (connection && virConnectGetVersion(connection, &qemu) < 0)
        lab_connect_set_error(&error, "asking for QEMU's version");
    json_object_set_new(event, "libvirt",
                        json_pack("{s:o, s:o}", "version", version_text(libvirt), "error",
                                  lab_json_text(error ? error->message : NULL)));
    json_object_set_new(event, "qemu",
                        json_pack("{s:o}", "version", qemu ? version_text(qemu) : json_null()));
    if (connection)
        virConnectClose(connection);
}

static void
probe_qemu_user(json_t *event)
{
    g_autoptr(GError) error = NULL;
    g_auto(LabQemuUser) user = {0};
    gboolean found = lab_qemu_user_find(&user, &error);

    json_object_set_new(event, "qemu_user",
                        json_pack("{s:o, s:o}", "name", lab_json_text(found ? user.user : NULL),
                                  "error", lab_json_text(found ? NULL : error->message)));
}

/* Boots the kernel under KVM where the answer is not yet known. */
static const char *
ask_accelerator(const LabPaths *paths, const LabRuntime *runtime, const char *id, GError **error)
{
    g_autoptr(GPtrArray) kernels = lab_kernel_list(paths->data, error);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    g_autoptr(LabCell) cell = lab_cell_new();
    g_autofree char *image = NULL;
    LabGuestConfig config = {.cell = cell, .cmdline = "panic=-1"};

    if (!kernels || !lab_kernel_match(kernels, id, found, error))
        return NULL;
    image = g_build_filename(((const LabKernel *)found->pdata[0])->directory, "vmlinuz", NULL);
    config.kernel = image;
    config.cell_directory = config.runtime_directory = lab_runtime_path(runtime);
    config.cache_directory = paths->cache;
    return lab_accel_probe(&config, error);
}

static void
probe_accelerator(const LabPaths *paths, const LabRuntime *runtime, const char *id, json_t *event)
{
    g_autoptr(GError) error = NULL;
    gboolean device = access("/dev/kvm", R_OK | W_OK) == 0;
    const char *answer = !device ? "tcg" : id ? ask_accelerator(paths, runtime, id, &error) : NULL;

    json_object_set_new(event, "accelerator",
                        json_pack("{s:b, s:o, s:o}", "device", device, "answer",
                                  lab_json_text(answer), "error",
                                  lab_json_text(error ? error->message : NULL)));
}

int
lab_verb_probe(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    g_autoptr(LabRuntime) runtime = NULL;
    json_t *event = json_pack("{s:s}", "event", "probe");

    if (argc > 2) {
        lab_error_log("usage: kreglab-worker probe [KERNEL]");
        json_decref(event);
        return LAB_EXIT_CONFIG;
    }
    runtime = lab_runtime_new(paths->data, "probe", &error);
    if (!runtime) {
        lab_error_log("%s", error->message);
        json_decref(event);
        return lab_error_exit_code(error);
    }
    probe_libvirt(paths, runtime, event);
    probe_qemu_user(event);
    probe_accelerator(paths, runtime, argc == 2 ? argv[1] : NULL, event);
    lab_verb_send(event);
    return LAB_EXIT_OK;
}

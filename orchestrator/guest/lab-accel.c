/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-accel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-qemu.h"

/* A KVM guest says "Linux version" after 0.1 to 0.5 seconds; the rest is for a busy host. */
#define DEADLINE_MS 6000
#define SCHEMA      1

static char *
first_line(const char *path)
{
    char *text = lab_file_read(AT_FDCWD, path, 4096, NULL, NULL);

    return text ? g_strstrip(text) : g_strdup("");
}

/* What the answer depends on: this boot of this host and this QEMU. */
static char *
host_key(void)
{
    g_autofree char *qemu = lab_qemu_binary();
    g_autofree char *machine = first_line("/etc/machine-id");
    g_autofree char *boot = first_line("/proc/sys/kernel/random/boot_id");
    struct utsname host;

    uname(&host);
    return g_strdup_printf("%s %s %s %s", machine, boot, host.release, qemu);
}

static const char *
remembered(int cache, const char *key)
{
    g_autoptr(json_t) json = lab_json_read(cache, "accelerator.json", SCHEMA, NULL);

    if (!json || g_strcmp0(lab_json_string(json, "host"), key) != 0)
        return NULL;
    return lab_json_bool(json, "kvm", FALSE) ? "kvm" : "tcg";
}

static void
remember(int cache, const char *key, gboolean kvm, const char *why)
{
    g_autoptr(json_t) json = json_object();
    g_autoptr(GError) error = NULL;

    json_object_set_new(json, "schema_version", json_integer(SCHEMA));
    json_object_set_new(json, "host", lab_json_text(key));
    json_object_set_new(json, "kvm", json_boolean(kvm));
    json_object_set_new(json, "why", lab_json_text(why));
    if (!lab_json_write(cache, "accelerator.json", json, 0600, &error))
        lab_warn("%s", error->message);
}

/* Reads events until the kernel has spoken. NULL: it has; else why not. g_free. */
static char *
wait_for_kernel(LabGuest *guest)
{
    for (;;) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LabGuestEvent) event = lab_guest_next(guest, DEADLINE_MS, &error);

        if (!event)
            return g_strdup(error->message);
        switch (event->type) {
        case LAB_GUEST_EVENT_CONSOLE:
            if (memmem(event->text, event->length, "Linux version ", 14))
                return NULL;
            break;
        case LAB_GUEST_EVENT_DEADLINE:
            return g_strdup_printf("no word of the kernel within %d s", DEADLINE_MS / 1000);
        case LAB_GUEST_EVENT_GONE:
            return g_strdup(event->text);
        case LAB_GUEST_EVENT_RESET:
        case LAB_GUEST_EVENT_SHUTDOWN:
            return g_strdup("the guest ended before its kernel said a word");
        default:
            break;
        }
    }
}

/* NULL: KVM boots this kernel; else why not. g_free. */
static char *
try_kvm(const LabGuestConfig *given)
{
    LabCell cell = *given->cell;
    LabGuestConfig config = *given;
    g_autofree char *directory = g_build_filename(given->runtime_directory, "probe", NULL);
    g_autofree char *cmdline =
        g_strconcat(given->cmdline, " earlyprintk=serial,ttyS0,115200 console=ttyS0", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabGuest) guest = NULL;
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, directory, 0700, &error);
    char *why;

    if (fd < 0)
        return g_strdup(error->message);
    cell.accelerator = (char *)"kvm";
    config.cell = &cell;
    config.cell_directory = directory;
    config.cmdline = cmdline;
    guest = lab_guest_new_libvirt(&config, &error);
    if (!guest || !lab_guest_start(guest, &error))
        why = g_strdup(error->message);
    else
        why = wait_for_kernel(guest);
    g_clear_pointer(&guest, lab_guest_free);
    (void)lab_path_remove(AT_FDCWD, directory, NULL);
    return why;
}

const char *
lab_accel_probe(const LabGuestConfig *config, GError **error)
{
    g_autofree char *key = NULL;
    g_autofree char *why = NULL;
    LAB_AUTO_FD cache = -1;
    LAB_AUTO_FD lock = -1;
    const char *answer;

    if (access("/dev/kvm", R_OK | W_OK) < 0)
        return "tcg";
    cache = lab_dir_make(AT_FDCWD, config->cache_directory, 0700, error);
    lock = cache < 0 ? -1 : lab_lock_take(cache, "accelerator.lock", TRUE, error);
    if (lock < 0)
        return NULL;
    key = host_key();
    answer = remembered(cache, key);
    if (answer)
        return answer;
    why = try_kvm(config);
    if (why)
        lab_warn("/dev/kvm is there, but does not boot Linux (%s): using TCG, which is slower",
                 why);
    remember(cache, key, why == NULL, why ? why : "a kernel booted");
    return why ? "tcg" : "kvm";
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm-guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-file.h"
#include "lab-initramfs.h"
#include "lab-json.h"
#include "lab-proc.h"

#define CMDLINE "console=ttyS0 panic=0 rdinit=/init "

/* The first 6.1 of the test store (every distribution's tools know it), else its first kernel. */
static LabKernel *
pick_kernel(GPtrArray *kernels)
{
    for (guint i = 0; i < kernels->len; i++)
        if (g_str_has_prefix(((LabKernel *)kernels->pdata[i])->release, "6.1."))
            return kernels->pdata[i];
    return kernels->pdata[0];
}

static void
make_initramfs(VmBench *bench, gboolean kdump)
{
    const LabInitramfsSpec spec = {.kernel = bench->stored,
                                   .agent = g_getenv("KREGLAB_AGENT"),
                                   .busybox = TRUE,
                                   .disks = TRUE,
                                   .watchdog = TRUE,
                                   .network = TRUE,
                                   .kdump = kdump};
    g_autoptr(GError) error = NULL;

    g_free(bench->initramfs);
    bench->initramfs = lab_initramfs_make(&spec, bench->cache, &error);
    g_assert_no_error(error);
    bench->crashkernel_mib = kdump ? lab_initramfs_crashkernel_mib(&spec, bench->cache, &error) : 0;
    g_assert_no_error(error);
}

void
vm_bench_init(VmBench *bench)
{
    const char *root = g_getenv("KREGLAB_TEST_DATA");
    g_autofree char *data = g_build_filename(root ? root : "/nowhere", "data", NULL);
    g_autoptr(GError) error = NULL;

    bench->kernels = root && g_getenv("KREGLAB_AGENT") ? lab_kernel_list(data, NULL) : NULL;
    if (!bench->kernels || bench->kernels->len == 0) {
        puts("1..0 # SKIP no kernels: KREGLAB_TEST_DATA names the store, KREGLAB_AGENT the agent; "
             "'./bootstrap test' fetches and sets them");
        exit(0);
    }
    bench->stored = pick_kernel(bench->kernels);
    bench->kernel = g_build_filename(bench->stored->directory, "vmlinuz", NULL);
    bench->cache = g_build_filename(root, "cache", NULL);
    make_initramfs(bench, FALSE);
    bench->directory = g_dir_make_tmp("kreglab-guest-XXXXXX", &error);
    g_assert_no_error(error);
    bench->runtime = lab_runtime_new(bench->directory, "test", &error);
    g_assert_no_error(error);
    bench->cell = lab_cell_new();
    bench->cell->guest.cpus = 2;
    bench->cell->guest.memory_bytes = 512u << 20;
    g_free(bench->cell->accelerator);
    bench->cell->accelerator = g_strdup("tcg");
}

void
vm_bench_with_kdump(VmBench *bench)
{
    make_initramfs(bench, TRUE);
    bench->cell->guest.memory_bytes = 1u << 30;
}

void
vm_bench_clear(VmBench *bench)
{
    lab_runtime_free(bench->runtime);
    lab_path_remove(AT_FDCWD, bench->directory, NULL);
    lab_cell_free(bench->cell);
    g_ptr_array_unref(bench->kernels);
    g_free(bench->kernel);
    g_free(bench->initramfs);
    g_free(bench->directory);
    g_free(bench->cache);
}

LabGuestConfig
vm_config(VmBench *bench, const char *cmdline, char **all)
{
    g_autofree char *crash = bench->crashkernel_mib
                                 ? g_strdup_printf("crashkernel=%uM ", bench->crashkernel_mib)
                                 : g_strdup("");

    *all = g_strconcat(CMDLINE, crash, cmdline, NULL);
    return (LabGuestConfig){
        .cell = bench->cell,
        .kernel = bench->kernel,
        .initramfs = bench->initramfs,
        .cmdline = *all,
        .cell_directory = bench->directory,
        .runtime_directory = lab_runtime_path(bench->runtime),
        .cache_directory = bench->cache,
    };
}

LabGuest *
vm_start(VmBench *bench, const char *cmdline)
{
    g_autofree char *all = NULL;
    const LabGuestConfig config = vm_config(bench, cmdline, &all);
    g_autoptr(GError) error = NULL;
    LabGuest *guest = lab_guest_new_libvirt(&config, &error);

    g_assert_no_error(error);
    lab_guest_start(guest, &error);
    g_assert_no_error(error);
    return guest;
}

static LabGuestEvent *
next(LabGuest *guest, gint64 deadline_ms)
{
    g_autoptr(GError) error = NULL;
    LabGuestEvent *event = lab_guest_next(guest, deadline_ms, &error);

    g_assert_no_error(error);
    return event;
}

static void
tell(const LabGuestEvent *event)
{
    if (event->type == LAB_GUEST_EVENT_CONSOLE)
        g_test_message("%6" G_GINT64_FORMAT " %s", event->time_ms, event->text);
    else
        g_test_message("%6" G_GINT64_FORMAT " event %d %s", event->time_ms, event->type,
                       event->text ? event->text : "");
}

LabGuestEvent *
vm_wait(LabGuest *guest, LabGuestEventType type, gint64 within_ms)
{
    gint64 deadline_ms = lab_guest_now_ms(guest) + within_ms;

    for (;;) {
        LabGuestEvent *event = next(guest, deadline_ms);

        if (event->type == type)
            return event;
        tell(event);
        if (event->type == LAB_GUEST_EVENT_DEADLINE) {
            lab_guest_event_free(event);
            return NULL;
        }
        lab_guest_event_free(event);
    }
}

gboolean
vm_wait_both(LabGuest *guest, LabGuestEventType type, LabGuestEvent **event,
             LabGuestEventType other_type, LabGuestEvent **other)
{
    gint64 deadline_ms = lab_guest_now_ms(guest) + VM_PATIENCE_MS;

    while (!*event || !*other) {
        g_autoptr(LabGuestEvent) got = next(guest, deadline_ms);

        tell(got);
        if (got->type == LAB_GUEST_EVENT_DEADLINE)
            return FALSE;
        if (got->type == type && !*event)
            *event = g_steal_pointer(&got);
        else if (got->type == other_type && !*other)
            *other = g_steal_pointer(&got);
    }
    return TRUE;
}

gboolean
vm_wait_console(LabGuest *guest, const char *text, gint64 within_ms)
{
    gint64 deadline_ms = lab_guest_now_ms(guest) + within_ms;

    for (;;) {
        gint64 left_ms = deadline_ms - lab_guest_now_ms(guest);
        g_autoptr(LabGuestEvent) event = vm_wait(guest, LAB_GUEST_EVENT_CONSOLE, left_ms);

        if (!event)
            return FALSE;
        g_test_message("%6" G_GINT64_FORMAT " %s", event->time_ms, event->text);
        if (memmem(event->text, event->length, text, strlen(text)))
            return TRUE;
    }
}

gboolean
vm_wait_agent(LabGuest *guest, const char *word, gint64 within_ms)
{
    gint64 deadline_ms = lab_guest_now_ms(guest) + within_ms;

    for (;;) {
        gint64 left_ms = deadline_ms - lab_guest_now_ms(guest);
        g_autoptr(LabGuestEvent) event = vm_wait(guest, LAB_GUEST_EVENT_AGENT, left_ms);

        if (!event)
            return FALSE;
        if (g_strcmp0(lab_json_string(event->message, "event"), word) == 0)
            return TRUE;
    }
}

/* The answer to 'id'; the caller's. */
static LabGuestEvent *
wait_answer(LabGuest *guest, gint64 id, gint64 within_ms)
{
    gint64 deadline_ms = lab_guest_now_ms(guest) + within_ms;

    for (;;) {
        gint64 left_ms = deadline_ms - lab_guest_now_ms(guest);
        LabGuestEvent *event = vm_wait(guest, LAB_GUEST_EVENT_AGENT, left_ms);

        if (!event ||
            (lab_json_int(event->message, "id", -1) == id && lab_json_member(event->message, "ok")))
            return event;
        lab_guest_event_free(event);
    }
}

gboolean
vm_wait_answer(LabGuest *guest, gint64 id, gint64 within_ms)
{
    g_autoptr(LabGuestEvent) event = wait_answer(guest, id, within_ms);

    if (event && !lab_json_bool(event->message, "ok", FALSE))
        g_test_message("refused: %s", lab_json_string(event->message, "error"));
    return event && lab_json_bool(event->message, "ok", FALSE);
}

gboolean
vm_wait_value(LabGuest *guest, gint64 id, const char *value, gint64 within_ms)
{
    g_autoptr(LabGuestEvent) event = wait_answer(guest, id, within_ms);

    if (event)
        g_test_message("value '%s'", lab_json_string(event->message, "value"));
    return event && g_strcmp0(lab_json_string(event->message, "value"), value) == 0;
}

void
vm_request(LabGuest *guest, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autoptr(json_t) message = NULL;
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    message = lab_json_parse(text, strlen(text), "request", &error);
    g_assert_no_error(error);
    lab_guest_agent_send(guest, message, NULL, 0, &error);
    g_assert_no_error(error);
}

void
vm_check_dump(VmBench *bench, const char *path, const char *panic)
{
    const char *const argv[] = {"makedumpfile", "--dump-dmesg", path, "dmesg.out", NULL};
    const LabProcOptions options = {.cwd = bench->directory};
    g_auto(LabProcResult) result = {0};
    g_autofree char *out = g_build_filename(bench->directory, "dmesg.out", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    struct stat st;

    (void)unlink(out);
    lab_proc_check(argv, &options, &result, &error);
    g_assert_no_error(error);
    text = lab_file_read(AT_FDCWD, out, 64u << 20, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(text, "Linux version"));
    g_assert_nonnull(strstr(text, panic));
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(st.st_uid, ==, geteuid());
    g_test_message("dump: %lld bytes", (long long)st.st_size);
}

pid_t
vm_qemu_pid(LabGuest *guest)
{
    g_autoptr(json_t) facts = lab_guest_facts(guest);

    return (pid_t)lab_json_int(facts, "qemu_pid", -1);
}

gboolean
vm_wait_end_of(pid_t pid)
{
    gint64 deadline_us = g_get_monotonic_time() + VM_PATIENCE_MS * 1000ll;

    while (kill(pid, 0) == 0 && g_get_monotonic_time() < deadline_us)
        g_usleep(10000);
    return kill(pid, 0) < 0 && errno == ESRCH;
}

gint64
vm_number_in(const char *path, const char *key)
{
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 65536, NULL, NULL);
    const char *at = text ? strstr(text, key) : NULL;

    g_assert_nonnull(at);
    return g_ascii_strtoll(at + strlen(key), NULL, 10);
}

void
vm_check_unprivileged(LabGuest *guest)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)vm_qemu_pid(guest));

    g_assert_cmpint(vm_number_in(path, "\nSeccomp:\t"), ==, 2);
    g_assert_cmpint(vm_number_in(path, "\nCapEff:\t"), ==, 0);
    if (geteuid() == 0)
        g_assert_cmpint(vm_number_in(path, "\nUid:\t"), !=, 0);
}

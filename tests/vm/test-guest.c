/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest room on a real kernel: boot, panic, dump, NMI, reset, QEMU's death, cancelling. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab-file.h"
#include "lab-json.h"
#include "lab-proc.h"
#include "vm-guest.h"

static VmBench bench;
static char *program;

static LabGuest *
boot(const char *cmdline)
{
    LabGuest *guest = vm_start(&bench, cmdline);

    g_assert_true(vm_wait_agent(guest, "hello", VM_PATIENCE_MS));
    return guest;
}

static char *
read_file(const char *name)
{
    g_autofree char *path = g_build_filename(bench.directory, name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = lab_file_read(AT_FDCWD, path, 64u << 20, NULL, &error);

    g_assert_no_error(error);
    return text;
}

/* Boot, panic, pvpanic, the panic's last line, dump from outside. */
static void
test_panic(void)
{
    g_autoptr(LabGuest) guest = boot("");
    g_autoptr(LabGuestEvent) event = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(bench.directory, "vmcore", NULL);
    g_autofree char *log = NULL;
    g_autofree char *events = NULL;
    const char *method = NULL;
    gint64 before_us;

    vm_check_unprivileged(guest);
    vm_request(guest, "{\"id\":1,\"verb\":\"sysrq\",\"key\":\"c\"}");
    event = vm_wait(guest, LAB_GUEST_EVENT_PVPANIC, VM_PATIENCE_MS);
    g_assert_nonnull(event);
    g_assert_true(vm_wait_console(guest, "---[ end Kernel panic", VM_PATIENCE_MS));
    before_us = g_get_monotonic_time();
    lab_guest_dump(guest, path, VM_PATIENCE_MS, &method, &error);
    g_assert_no_error(error);
    g_test_message("%s took %" G_GINT64_FORMAT " ms", method,
                   (g_get_monotonic_time() - before_us) / 1000);
    g_assert_cmpstr(method, ==, "host-elf");
    g_assert_null(lab_guest_dump_whole(guest));
    vm_check_dump(&bench, path, "Kernel panic - not syncing: sysrq triggered crash");
    lab_guest_destroy(guest, &error);
    g_assert_no_error(error);
    log = read_file("console.log");
    g_assert_true(g_str_has_prefix(log, "@+"));
    g_assert_nonnull(strstr(log, " Linux version "));
    events = read_file("events.jsonl");
    g_assert_nonnull(strstr(events, "\"pvpanic\""));
}

static void
test_nmi(void)
{
    g_autoptr(LabGuest) guest = boot("unknown_nmi_panic=1");
    g_autoptr(GError) error = NULL;
    g_autofree char *registers = lab_guest_registers(guest, &error);

    g_assert_no_error(error);
    g_assert_nonnull(strstr(registers, "RIP="));
    g_assert_nonnull(strstr(registers, "CPU#1"));
    lab_guest_inject_nmi(guest, &error);
    g_assert_no_error(error);
    g_assert_true(vm_wait_console(guest, "Kernel panic - not syncing: NMI", VM_PATIENCE_MS));
}

static void
test_reset(void)
{
    g_autoptr(LabGuest) guest = boot("");
    g_autoptr(LabGuestEvent) event = NULL;

    vm_request(guest, "{\"id\":1,\"verb\":\"sysrq\",\"key\":\"b\"}");
    event = vm_wait(guest, LAB_GUEST_EVENT_RESET, VM_PATIENCE_MS);
    g_assert_nonnull(event);
}

static void
test_poweroff(void)
{
    g_autoptr(LabGuest) guest = boot("");
    g_autoptr(LabGuestEvent) event = NULL;

    vm_request(guest, "{\"id\":1,\"verb\":\"poweroff\"}");
    event = vm_wait(guest, LAB_GUEST_EVENT_SHUTDOWN, VM_PATIENCE_MS);
    g_assert_nonnull(event);
}

static void
test_killed(void)
{
    g_autoptr(LabGuest) guest = vm_start(&bench, "");
    g_autoptr(LabGuestEvent) event = NULL;

    g_assert_true(vm_wait_console(guest, "Linux version", VM_PATIENCE_MS));
    kill(vm_qemu_pid(guest), SIGKILL);
    event = vm_wait(guest, LAB_GUEST_EVENT_GONE, VM_PATIENCE_MS);
    g_assert_nonnull(event);
    g_assert_nonnull(strstr(event->text, "signal 9"));
}

/* What libvirt costs a cell: start and destroy, in the TAP's comments. */
static void
test_overhead(void)
{
    for (int i = 0; i < 3; i++) {
        gint64 before_us = g_get_monotonic_time(), started_us;
        g_autoptr(LabGuest) guest = vm_start(&bench, "");
        g_autoptr(GError) error = NULL;

        started_us = g_get_monotonic_time();
        lab_guest_destroy(guest, &error);
        g_assert_no_error(error);
        g_test_message("start %" G_GINT64_FORMAT " ms, destroy %" G_GINT64_FORMAT " ms",
                       (started_us - before_us) / 1000,
                       (g_get_monotonic_time() - started_us) / 1000);
    }
}

static LabGuest *cancelled;

static void
on_signal(int number)
{
    lab_guest_cancel(cancelled);
}

static void
test_cancel(void)
{
    g_autoptr(LabGuest) guest = vm_start(&bench, "");
    g_autoptr(LabGuestEvent) event = NULL;
    pid_t pid = vm_qemu_pid(guest);
    gint64 before_us;
    g_autoptr(GError) error = NULL;

    cancelled = guest;
    signal(SIGALRM, on_signal);
    alarm(1);
    event = vm_wait(guest, LAB_GUEST_EVENT_CANCELLED, VM_PATIENCE_MS);
    g_assert_nonnull(event);
    before_us = g_get_monotonic_time();
    lab_guest_destroy(guest, &error);
    g_assert_no_error(error);
    g_test_message("destroying took %" G_GINT64_FORMAT " ms",
                   (g_get_monotonic_time() - before_us) / 1000);
    g_assert_cmpint(kill(pid, 0), ==, -1);
    g_assert_cmpint(errno, ==, ESRCH);
}

/* kdump: the agent of the capture kernel sends, and a whole vmcore appears. */
static void
test_kdump(void)
{
    g_autoptr(LabGuest) guest = NULL;
    g_autoptr(LabGuestEvent) begin = NULL;
    g_autoptr(LabGuestEvent) end = NULL;
    g_autoptr(LabGuestEvent) off = NULL;
    g_autofree char *path = g_build_filename(bench.directory, "vmcore", NULL);
    guint64 memory_bytes = bench.cell->guest.memory_bytes;

    vm_bench_with_kdump(&bench);
    (void)unlink(path);
    guest = boot("");
    lab_guest_set_dump_path(guest, path);
    vm_request(guest, "{\"id\":1,\"verb\":\"load-capture\",\"method\":\"auto\"}");
    g_assert_true(vm_wait_answer(guest, 1, VM_PATIENCE_MS));
    vm_request(guest, "{\"id\":2,\"verb\":\"sysrq\",\"key\":\"c\"}");
    begin = vm_wait(guest, LAB_GUEST_EVENT_DUMP_BEGIN, VM_PATIENCE_MS);
    g_assert_nonnull(begin);
    /* The capture kernel powers off after its last byte: that news may come first. */
    g_assert_true(
        vm_wait_both(guest, LAB_GUEST_EVENT_DUMP_END, &end, LAB_GUEST_EVENT_SHUTDOWN, &off));
    g_assert_cmpstr(end->text, ==, NULL);
    g_assert_cmpuint(end->bytes, >, 1u << 20);
    vm_check_dump(&bench, path, "Kernel panic - not syncing: sysrq triggered crash");
    bench.cell->guest.memory_bytes = memory_bytes;
}

/* All that a recipe may ask of the shape. */
static void
test_shape(void)
{
    guint64 disks[] = {64u << 20, 1u << 30, 0};
    char sg[] = "sg", watchdog[] = "watchdog", user[] = "user";
    char *devices[] = {sg, watchdog, NULL};
    LabGuestShape saved = bench.cell->guest;
    LabGuestShape *shape = &bench.cell->guest;

    shape->cpus = 3;
    shape->numa_nodes = 2;
    shape->disks = disks;
    shape->devices = devices;
    shape->network = user;
    {
        g_autoptr(LabGuest) guest = boot("");

        vm_request(guest,
                   "{\"id\":1,\"verb\":\"read\",\"name\":\"/sys/devices/system/node/online\"}");
        g_assert_true(vm_wait_value(guest, 1, "0-1", VM_PATIENCE_MS));
        vm_request(guest, "{\"id\":2,\"verb\":\"read\",\"name\":\"/sys/block/vdb/size\"}");
        g_assert_true(vm_wait_value(guest, 2, "2097152", VM_PATIENCE_MS));
        vm_request(guest,
                   "{\"id\":3,\"verb\":\"read\",\"name\":\"/sys/devices/system/cpu/online\"}");
        g_assert_true(vm_wait_value(guest, 3, "0-2", VM_PATIENCE_MS));
    }
    *shape = saved;
}

/* A worker that is killed takes its QEMU with it, and what it leaves is cleaned up. */
static void
test_worker_killed(void)
{
    const char *const argv[] = {program, "--sleeper", NULL};
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "TMPDIR", bench.directory, TRUE);
    g_autoptr(GError) error = NULL;
    GPid worker;
    int out = -1;
    char buffer[32] = "";
    pid_t qemu;
    gboolean gone;
    LabCleaned cleaned;

    g_assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, env, G_SPAWN_DO_NOT_REAP_CHILD,
                                           NULL, NULL, &worker, NULL, &out, NULL, &error));
    g_assert_cmpint(read(out, buffer, sizeof buffer - 1), >, 0);
    qemu = (pid_t)g_ascii_strtoll(buffer, NULL, 10);
    g_assert_cmpint(kill(qemu, 0), ==, 0);
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0); /* the reaper looks at one dead child at a time */
    gone = vm_wait_end_of(qemu);
    if (!gone) {
        g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)qemu);
        g_autofree char *status = lab_file_read(AT_FDCWD, path, 65536, NULL, NULL);

        g_test_message("QEMU %d (worker %d, we %d) is there: %.300s", (int)qemu, (int)worker,
                       (int)getpid(), status);
    }
    g_assert_true(gone);
    close(out);
    g_assert_true(lab_guest_clean("/sleeper", FALSE, &cleaned, &error));
    g_assert_cmpint(cleaned.directories, ==, 1);
    g_assert_cmpint(cleaned.guests, ==, 0);
}

/* The program as the worker of the test above: a guest, its QEMU's pid on stdout, no end. */
static G_NORETURN void
sleeper(void)
{
    g_autoptr(GError) error = NULL;
    LabGuest *guest;

    vm_bench_init(&bench);
    lab_runtime_free(bench.runtime);
    bench.runtime = lab_runtime_new("/sleeper", "cell", &error);
    guest = vm_start(&bench, "");
    printf("%d\n", (int)vm_qemu_pid(guest));
    fflush(stdout);
    for (;;)
        pause();
}

/* 'auto' gives a guest that boots, whatever /dev/kvm says of itself. */
static void
test_auto(void)
{
    g_autoptr(LabGuest) guest = NULL;
    g_autoptr(json_t) facts = NULL;
    gint64 before_us = g_get_monotonic_time();

    g_free(bench.cell->accelerator);
    bench.cell->accelerator = g_strdup("auto");
    guest = boot("");
    facts = lab_guest_facts(guest);
    g_test_message("auto is %s; %" G_GINT64_FORMAT " ms with the agent's hello",
                   lab_json_string(facts, "accelerator"),
                   (g_get_monotonic_time() - before_us) / 1000);
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        g_assert_cmpstr(lab_json_string(facts, "accelerator"), ==, "tcg");
    g_free(bench.cell->accelerator);
    bench.cell->accelerator = g_strdup("tcg");
}

int
main(int argc, char **argv)
{
    int status;

    program = argv[0];
    signal(SIGPIPE, SIG_IGN);
    if (g_strcmp0(argv[1], "--sleeper") == 0)
        sleeper();
    g_test_init(&argc, &argv, NULL);
    vm_bench_init(&bench);
    g_test_add_func("/vm/guest/panic", test_panic);
    g_test_add_func("/vm/guest/nmi", test_nmi);
    g_test_add_func("/vm/guest/reset", test_reset);
    g_test_add_func("/vm/guest/poweroff", test_poweroff);
    g_test_add_func("/vm/guest/killed", test_killed);
    g_test_add_func("/vm/guest/cancel", test_cancel);
    g_test_add_func("/vm/guest/overhead", test_overhead);
    g_test_add_func("/vm/guest/shape", test_shape);
    g_test_add_func("/vm/guest/auto", test_auto);
    g_test_add_func("/vm/guest/worker-killed", test_worker_killed);
    g_test_add_func("/vm/guest/kdump", test_kdump);
    status = g_test_run();
    vm_bench_clear(&bench);
    return status;
}

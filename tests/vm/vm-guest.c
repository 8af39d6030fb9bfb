/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm-guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab-file.h"
#include "lab-json.h"
#include "lab-paths.h"

#define CMDLINE "console=ttyS0 panic=0 rdinit=/init "

void
vm_bench_init(VmBench *bench)
{
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    g_autoptr(GError) error = NULL;

    bench->kernel = g_strdup(g_getenv("LAB_TEST_KERNEL"));
    bench->initramfs = g_strdup(g_getenv("LAB_TEST_INITRAMFS"));
    if (!bench->kernel || !bench->initramfs) {
        puts("1..0 # SKIP no kernel in the store, and no LAB_TEST_KERNEL and LAB_TEST_INITRAMFS");
        exit(0); /* with TAP, meson takes 77 for a failure */
    }
    bench->directory = g_dir_make_tmp("kreglab-vm-XXXXXX", &error);
    g_assert_no_error(error);
    bench->cache = g_strdup(paths->cache);
    bench->runtime = lab_runtime_new(bench->directory, "test", &error);
    g_assert_no_error(error);
    bench->cell = lab_cell_new();
    bench->cell->guest.cpus = 2;
    bench->cell->guest.memory_bytes = 512u << 20;
    g_free(bench->cell->accelerator);
    bench->cell->accelerator = g_strdup("tcg");
}

void
vm_bench_clear(VmBench *bench)
{
    lab_runtime_free(bench->runtime);
    lab_path_remove(AT_FDCWD, bench->directory, NULL);
    lab_cell_free(bench->cell);
    g_free(bench->kernel);
    g_free(bench->initramfs);
    g_free(bench->directory);
    g_free(bench->cache);
}

LabGuest *
vm_start(VmBench *bench, const char *cmdline)
{
    g_autofree char *all = g_strconcat(CMDLINE, cmdline, NULL);
    const LabGuestConfig config = {
        .cell = bench->cell,
        .kernel = bench->kernel,
        .initramfs = bench->initramfs,
        .cmdline = all,
        .cell_directory = bench->directory,
        .runtime_directory = lab_runtime_path(bench->runtime),
        .cache_directory = bench->cache,
    };
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

LabGuestEvent *
vm_wait(LabGuest *guest, LabGuestEventType type, gint64 within_ms)
{
    gint64 deadline_ms = lab_guest_now_ms(guest) + within_ms;

    for (;;) {
        LabGuestEvent *event = next(guest, deadline_ms);

        if (event->type == type)
            return event;
        if (event->type == LAB_GUEST_EVENT_CONSOLE)
            g_test_message("%6" G_GINT64_FORMAT " %s", event->time_ms, event->text);
        else
            g_test_message("%6" G_GINT64_FORMAT " event %d %s", event->time_ms, event->type,
                           event->text ? event->text : "");
        if (event->type == LAB_GUEST_EVENT_DEADLINE) {
            lab_guest_event_free(event);
            return NULL;
        }
        lab_guest_event_free(event);
    }
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

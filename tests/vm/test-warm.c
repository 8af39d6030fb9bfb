/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates and their clones on a real kernel. */
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
#include "lab-template.h"
#include "vm-guest.h"

#define BOOT_MS   90000
#define ANSWER_MS 20000

static VmBench bench;

static LabTemplate *
open_or_make(const LabGuestConfig *config, guint index)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *key = lab_template_key(config, index, &error);
    g_autoptr(LabGuest) guest = NULL;
    g_autoptr(json_t) state = json_pack("{s:s}", "word", "from the worker");
    LabTemplate *template;
    LabTemplateClaim *claim;
    gint64 before_us;

    g_assert_no_error(error);
    lab_template_claim(config->cache_directory, key, 0, &template, &claim, &error);
    g_assert_no_error(error);
    if (template)
        return template;
    g_assert_nonnull(claim);
    guest = lab_guest_new_template(config, index, claim, &error);
    g_assert_no_error(error);
    lab_guest_start(guest, &error);
    g_assert_no_error(error);
    g_assert_true(vm_wait_agent(guest, "hello", BOOT_MS));
    before_us = g_get_monotonic_time();
    template = lab_guest_save_template(guest, state, &error);
    g_assert_no_error(error);
    g_test_message("saved in %" G_GINT64_FORMAT " ms", (g_get_monotonic_time() - before_us) / 1000);
    return template;
}

static LabGuest *
new_clone(LabTemplate *template)
{
    g_autofree char *cmdline = NULL;
    const LabGuestConfig config = vm_config(&bench, "", &cmdline);
    g_autoptr(GError) error = NULL;
    LabGuest *guest = lab_guest_new_clone(&config, template, &error);

    g_assert_no_error(error);
    return guest;
}

static void
start(LabGuest *guest)
{
    g_autoptr(GError) error = NULL;

    lab_guest_start(guest, &error);
    g_assert_no_error(error);
}

static LabTemplate *
the_template(void)
{
    g_autofree char *cmdline = NULL;
    const LabGuestConfig config = vm_config(&bench, "", &cmdline);

    return open_or_make(&config, 0);
}

static void
test_answer(void)
{
    g_autoptr(LabTemplate) template = the_template();

    for (int i = 0; i < 5; i++) {
        gint64 from_us = g_get_monotonic_time();
        g_autoptr(LabGuest) guest = new_clone(template);

        start(guest);
        vm_request(guest, "{\"id\":7,\"verb\":\"hello\"}");
        g_assert_true(vm_wait_answer(guest, 7, ANSWER_MS));
        g_test_message("answer after %" G_GINT64_FORMAT " us", (g_get_monotonic_time() - from_us));
    }
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    vm_bench_init(&bench);
    g_test_add_func("/vm/warm/answer", test_answer);
    status = g_test_run();
    vm_bench_clear(&bench);
    return status;
}

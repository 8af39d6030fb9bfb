/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-life.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

/* For the signal handler: the guest to cancel, or NULL while there is none. */
static LabGuest *volatile cancel_guest;
static volatile sig_atomic_t cancelled;
static int cancel_fd = -1; /* eventfd of lab_life_cancel_fd() */

/* What may take too long between cells to end in order. */
#define ORDERLY_S 3

/* With no guest there is nothing to take down: children die with this process. Where guests of
 * further cells may wait it gets a moment to end in order. */
void
lab_life_cancel(void)
{
    LabGuest *guest = cancel_guest;

    guint64 one = 1;

    cancelled = 1;
    if (cancel_fd >= 0)
        (void)!write(cancel_fd, &one, sizeof one);
    if (guest)
        lab_guest_cancel(guest);
    else if (cancel_fd >= 0)
        alarm(ORDERLY_S);
    else
        _exit(LAB_EXIT_INFRA);
}

gboolean
lab_life_cancelled(void)
{
    return cancelled != 0;
}

int
lab_life_cancel_fd(GError **error)
{
    if (cancel_fd < 0)
        cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cancel_fd < 0)
        lab_error_set_errno(error, errno, "making an eventfd");
    return cancel_fd;
}

static void
on_signal(int number)
{
    int saved = errno;

    if (number == SIGALRM)
        _exit(LAB_EXIT_INFRA);
    lab_life_cancel();
    errno = saved;
}

void
lab_life_cancel_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static GPtrArray *
compile_patterns(const LabCell *cell, GError **error)
{
    g_autoptr(GPtrArray) patterns = g_ptr_array_new_with_free_func((GDestroyNotify)g_regex_unref);

    for (guint i = 0; cell->detectors && i < cell->detectors->len; i++) {
        const LabDetector *detector = g_ptr_array_index(cell->detectors, i);
        g_autoptr(GError) bad = NULL;
        GRegex *regex;

        if (g_strcmp0(detector->kind, "pattern") != 0 || !detector->pattern)
            continue;
        regex = g_regex_new(detector->pattern, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, &bad);
        if (!regex) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "recipe '%s': pattern '%s': %s",
                        cell->recipe, detector->pattern, bad->message);
            return NULL;
        }
        g_ptr_array_add(patterns, regex);
    }
    return g_steal_pointer(&patterns);
}

static void
payload_free(LabPayload *payload)
{
    g_free(payload->guest_path);
    g_free(payload->source);
    g_free(payload);
}

/* Before a guest is started. */
static void
see_nothing(LabLife *life)
{
    g_clear_pointer(&life->parser, lab_crash_parser_free);
    life->parser = lab_crash_parser_new();
    g_hash_table_remove_all(life->answers);
    g_clear_pointer(&life->answer, json_decref);
    g_clear_pointer(&life->hello, json_decref);
    g_clear_pointer(&life->capture_answer, json_decref);
    g_clear_pointer(&life->gone_why, g_free);
    g_clear_pointer(&life->capture_failure, g_free);
    life->qemu_pid = 0;
    life->console_lines = 0;
    life->banners = 0;
    life->hello_ms = life->heartbeat_ms = life->console_ms = life->report_ms = -1;
    life->panic_ms = life->pvpanic_ms = -1;
    life->reset = life->shutdown = life->gone = life->agent_bad = life->panic_ended = FALSE;
    life->capture_loaded = life->capture_started = life->capture_out_of_memory = FALSE;
    life->start_sample = life->heartbeat_sample = life->report_sample = (LabHostSample){0};
    life->told_starved = FALSE;
}

void
lab_life_forget_guest(LabLife *life)
{
    LabFindings *found = life->found;

    cancel_guest = NULL;
    g_clear_pointer(&life->guest, lab_guest_free);
    see_nothing(life);
    found->evidence = (LabEvidence){0};
    found->boot_ms = -1;
    g_clear_pointer(&found->why, g_free);
    g_clear_pointer(&found->pattern_line, g_free);
    json_array_clear(found->setup);
    json_object_clear(found->settings);
    json_array_clear(found->memory);
    g_clear_pointer(&found->environment, json_decref);
    json_object_del(found->facts, "agent");
}

LabLife *
lab_life_new(const char *directory, int event_fd, GError **error)
{
    g_autoptr(LabLife) life = g_new0(LabLife, 1);
    g_autoptr(json_t) json = NULL;

    life->dirfd = life->stressor_log = -1;
    life->started_us = g_get_monotonic_time();
    life->event_fd = event_fd;
    life->directory = g_canonicalize_filename(directory, NULL);
    life->paths = lab_paths_new(NULL);
    life->dirfd = lab_dir_open(AT_FDCWD, life->directory, error);
    if (life->dirfd < 0)
        return NULL;
    json = lab_json_read(life->dirfd, "cell.json", LAB_CELL_SCHEMA, error);
    if (!json)
        return NULL;
    life->cell = lab_cell_from_json(json, error);
    if (!life->cell)
        return NULL;
    life->patterns = compile_patterns(life->cell, error);
    if (!life->patterns)
        return NULL;
    life->found = lab_findings_new(life->cell);
    life->deadlines = life->cell->deadlines;
    life->time_factor = 1;
    life->payload = g_ptr_array_new_with_free_func((GDestroyNotify)payload_free);
    life->answers = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)json_decref);
    life->stressor_line = g_string_new(NULL);
    life->evidence_text = g_string_new(NULL);
    life->next_id = 1;
    life->stressor_id = life->metrics_id = -1;
    life->run_ms = -1;
    see_nothing(life);
    return g_steal_pointer(&life);
}

void
lab_life_free(LabLife *life)
{
    if (!life)
        return;
    cancel_guest = NULL;
    g_clear_pointer(&life->guest, lab_guest_free);
    g_clear_pointer(&life->runtime, lab_runtime_free);
    g_clear_pointer(&life->parser, lab_crash_parser_free);
    g_clear_pointer(&life->patterns, g_ptr_array_unref);
    g_clear_pointer(&life->payload, g_ptr_array_unref);
    g_clear_pointer(&life->answers, g_hash_table_unref);
    g_clear_pointer(&life->found, lab_findings_free);
    g_clear_pointer(&life->cell, lab_cell_free);
    g_clear_pointer(&life->kernel, lab_kernel_free);
    g_clear_pointer(&life->paths, lab_paths_free);
    json_decref(life->answer);
    json_decref(life->hello);
    json_decref(life->capture_answer);
    lab_cell_free(life->next);
    g_free(life->cold_why);
    if (life->stressor_line)
        g_string_free(life->stressor_line, TRUE);
    if (life->evidence_text)
        g_string_free(life->evidence_text, TRUE);
    g_strfreev(life->argv);
    json_decref(life->vmstat_first);
    json_decref(life->vmstat_last);
    lab_fd_close(&life->dirfd);
    lab_fd_close(&life->stressor_log);
    g_free(life->directory);
    g_free(life->phase);
    g_free(life->boot_image);
    g_free(life->boot_why);
    g_free(life->initramfs);
    g_free(life->cmdline);
    g_free(life->module_path);
    g_free(life->hotfix_path);
    g_free(life->gone_why);
    g_free(life->capture_failure);
    g_free(life->dump_error);
    g_free(life);
}

/* Boots and runs until something ends it. GOT: the stressor is done. */
static LabWait
live(LabLife *life, GError **error)
{
    LabWait end = lab_life_boot(life, error);

    if (end == LAB_WAIT_GOT)
        end = lab_life_setup(life, error);
    if (end == LAB_WAIT_GOT && !life->found->evidence.lacks_need)
        end = lab_life_stress(life, error);
    return end;
}

/* What the guest says of itself and the lab decided; before the guest is gone. */
static void
take_facts(LabLife *life)
{
    g_autoptr(json_t) facts = lab_guest_facts(life->guest);

    if (json_is_object(facts))
        json_object_update(life->found->facts, facts);
    if (life->kernel)
        lab_life_add_boot_facts(life);
    if (!json_object_get(life->found->facts, "warm")) {
        const char *why = life->cell->cold_why ? life->cell->cold_why : life->cold_why;

        json_object_set_new(life->found->facts, "warm", json_false());
        json_object_set_new(life->found->facts, "cold_why", lab_json_text(why));
    }
}

static gboolean
live_and_collect(LabLife *life, GError **error)
{
    LabWait end = live(life, error);
    gboolean ok;

    if (life->guest)
        take_facts(life);
    if (end == LAB_WAIT_ERROR)
        return FALSE;
    ok = lab_life_evidence(life, end, error) && lab_life_dump(life, error);
    return ok;
}

static void
stop_guest(LabLife *life)
{
    g_autoptr(GError) error = NULL;

    if (life->guest && !lab_guest_destroy(life->guest, &error))
        lab_life_warn(life, "stopping the guest: %s", error->message);
    cancel_guest = NULL;
}

/* Errors that leave no result: the user's, and being told to stop. */
static gboolean
ends_without_result(const GError *error)
{
    return error->domain == LAB_CONFIG_ERROR ||
           g_error_matches(error, LAB_INFRA_ERROR, LAB_ERROR_CANCELLED);
}

static void
blame_lab(LabLife *life, const GError *error)
{
    lab_error_log("%s", error->message);
    life->found->evidence.lab_failed = TRUE;
    g_free(life->found->why);
    life->found->why = g_strdup(error->message);
}

static gboolean
write_result(LabLife *life, GError **error)
{
    g_autoptr(json_t) result = NULL;

    lab_life_enter(life, "done");
    life->found->duration_ms = (g_get_monotonic_time() - life->started_us) / 1000;
    json_object_set_new(life->found->facts, "pressure", lab_findings_pressure(life->found));
    result = lab_findings_to_result(life->found);
    if (!lab_json_write(life->dirfd, "result.json", result, 0600, error)) {
        g_prefix_error(error, "the result cannot be kept (make room, then resume the run): ");
        return FALSE;
    }
    lab_life_tell_result(life, result);
    return TRUE;
}

gboolean
lab_life_run(LabLife *life, GError **error)
{
    g_autoptr(GError) problem = NULL;

    lab_life_enter(life, "prepare");
    if (lab_life_prepare(life, &problem) && !life->found->evidence.lacks_need)
        live_and_collect(life, &problem);
    stop_guest(life);
    if (cancelled && !problem)
        g_set_error(&problem, LAB_INFRA_ERROR, LAB_ERROR_CANCELLED, "stopped by a signal");
    if (problem && ends_without_result(problem)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (problem)
        blame_lab(life, problem);
    if (life->guest) {
        g_autoptr(GError) bad = NULL;

        lab_life_enter(life, "check");
        if (!lab_life_read_logs(life, &bad))
            blame_lab(life, bad);
    }
    return write_result(life, error);
}

void
lab_life_set_cancel_guest(LabGuest *guest)
{
    cancel_guest = guest;
    if (cancelled)
        lab_guest_cancel(guest);
}

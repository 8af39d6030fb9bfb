/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From QEMU's start to the agent's hello. */
#include "lab-life.h"

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

static const char *
runtime_path(LabLife *life, GError **error)
{
    const LabRuntime *runtime;

    if (!life->stock && !life->runtime)
        life->runtime = lab_runtime_new(life->paths->data, life->cell->id, error);
    runtime = life->stock ? lab_stock_runtime(life->stock, life->paths, error) : life->runtime;
    return runtime ? lab_runtime_path(runtime) : NULL;
}

gboolean
lab_life_guest_config(LabLife *life, LabGuestConfig *config, GError **error)
{
    *config = (LabGuestConfig){
        .cell = life->cell,
        .kernel = life->boot_image,
        .initramfs = life->initramfs,
        .cmdline = life->cmdline,
        .cell_directory = life->directory,
        .cache_directory = life->paths->cache,
    };

    if (life->cell->replay)
        return TRUE;
    config->runtime_directory = runtime_path(life, error);
    return config->runtime_directory != NULL;
}

static LabGuest *
new_guest(LabLife *life, GError **error)
{
    LabGuestConfig config;

    if (!lab_life_guest_config(life, &config, error))
        return NULL;
    return life->cell->replay ? lab_guest_new_replay(&config, life->cell->replay, error)
                              : lab_guest_new_libvirt(&config, error);
}

static gboolean
start_guest(LabLife *life, GError **error)
{
    g_autofree char *dump = g_build_filename(life->directory, "vmcore", NULL);

    lab_guest_set_dump_path(life->guest, dump);
    lab_life_set_cancel_guest(life->guest);
    if (!lab_guest_start(life->guest, error)) {
        g_prefix_error(error, "starting the guest: ");
        return FALSE;
    }
    lab_host_sample(&life->start_sample, lab_life_qemu_pid(life));
    lab_life_tell_guest(life);
    lab_life_calibrate(life, 0);
    return TRUE;
}

gboolean
lab_life_said_hello(LabLife *life)
{
    return life->hello_ms >= 0;
}

/* A kernel that spoke and then was silent for a heartbeat's deadline stopped by itself; one that
 * still speaks is slow; one that never spoke proves nothing. */
static void
judge_silence(LabLife *life)
{
    gint64 now_ms = lab_guest_now_ms(life->guest);
    gint64 silence_ms = MIN(life->cell->deadlines.heartbeat_ms, life->cell->deadlines.boot_ms / 3);
    LabEvidence *evidence = &life->found->evidence;

    evidence->deadline_passed = TRUE;
    if (life->console_lines == 0)
        life->found->why = g_strdup_printf(
            "the guest printed nothing in %" G_GINT64_FORMAT " s: see qemu.log", now_ms / 1000);
    else if (now_ms - life->console_ms >= silence_ms)
        evidence->heartbeat_lost = TRUE;
    else if (life->report_ms < 0)
        life->found->why = g_strdup_printf("the guest was still booting after %" G_GINT64_FORMAT
                                           " s: raise the boot timeout",
                                           now_ms / 1000);
}

LabWait
lab_life_boot(LabLife *life, GError **error)
{
    g_autoptr(GError) problem = NULL;
    gboolean warm;
    LabWait end;

    lab_life_enter(life, "boot");
    warm = lab_life_boot_warm(life, &problem);
    if (!warm && !problem)
        life->guest = new_guest(life, &problem);
    if (life->guest && !warm && life->cell->replay)
        lab_life_replay_warm(life, &warm, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return LAB_WAIT_ERROR;
    }
    if (warm)
        return LAB_WAIT_GOT;
    if (!start_guest(life, error))
        return LAB_WAIT_ERROR;
    /* Counted from here: what libvirt took to start QEMU is not the kernel's. */
    end = lab_life_wait(life, lab_life_said_hello,
                        lab_guest_now_ms(life->guest) + life->cell->deadlines.boot_ms, error);
    if (end == LAB_WAIT_DEADLINE)
        judge_silence(life);
    if (end == LAB_WAIT_GOT)
        lab_life_calibrate(life, life->hello_ms);
    return end;
}

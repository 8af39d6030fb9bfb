/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vmcore: from the capture kernel where one was loaded, else from the host. */
#include "lab-life.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

#define LAST_BYTES_MS 1000

static gboolean
no_more_from_capture(LabLife *life)
{
    return life->dump_ended || life->capture_failure || life->reset || life->shutdown ||
           (life->panic_ended && !life->capture_started);
}

static gboolean
dump_ended(LabLife *life)
{
    return life->dump_ended;
}

static gboolean
capture_sign(LabLife *life)
{
    return life->capture_started || no_more_from_capture(life);
}

/* Which word says why there is no dump from the capture kernel. */
static void
name_failure(LabLife *life)
{
    LabDumpFindings *dump = &life->found->dump;

    g_clear_pointer(&dump->detail, g_free);
    if (!life->capture_started) {
        dump->why_not = "no-capture-kernel-output";
        if (life->panic_ended)
            dump->detail =
                g_strdup("the kernel ended its panic without starting the capture kernel");
    } else if (life->capture_out_of_memory) {
        dump->why_not = "out-of-memory";
        dump->detail = g_strdup_printf("with crashkernel=%uM", life->crashkernel_mib);
    } else if (life->dump_ended || life->capture_failure || life->reset || life->shutdown) {
        dump->why_not = "transfer";
        dump->detail = life->dump_error        ? g_strdup(life->dump_error)
                       : life->capture_failure ? g_strdup(life->capture_failure)
                                               : g_strdup("the capture kernel ended early");
    } else {
        dump->why_not = "deadline";
        dump->detail = g_strdup_printf("%" G_GINT64_FORMAT " bytes in %" G_GINT64_FORMAT " ms",
                                       life->dump_bytes, life->cell->deadlines.kdump_ms);
    }
}

static gint64
stopped_ms(const LabLife *life)
{
    gint64 stop_ms = life->panic_ms >= 0 ? life->panic_ms : life->pvpanic_ms;

    return stop_ms >= 0 ? stop_ms : life->console_ms;
}

static void
note_file(LabLife *life, const char *method)
{
    LabDumpFindings *dump = &life->found->dump;
    struct stat st;

    if (fstatat(life->dirfd, "vmcore", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;
    dump->method = method;
    dump->kept = TRUE;
    dump->size_bytes = st.st_size;
    dump->duration_ms = lab_guest_now_ms(life->guest) - stopped_ms(life);
}

static gboolean
from_capture_kernel(LabLife *life, GError **error)
{
    gint64 end_ms = stopped_ms(life) + life->cell->deadlines.kdump_ms;
    gint64 sign_ms = stopped_ms(life) + life->cell->deadlines.kdump_ms / 2;

    if (!lab_life_drain(life, capture_sign, sign_ms, error))
        return FALSE;
    if (life->capture_started && !lab_life_drain(life, no_more_from_capture, end_ms, error))
        return FALSE;
    /* The capture kernel powers off after the last byte: that news may overtake the bytes. */
    if (life->dump_begun &&
        !lab_life_drain(life, dump_ended, lab_guest_now_ms(life->guest) + LAST_BYTES_MS, error))
        return FALSE;
    if (life->dump_ended && !life->dump_error)
        note_file(life, "kdump");
    else
        name_failure(life);
    return TRUE;
}

static void
add_detail(LabDumpFindings *dump, const char *text)
{
    g_autofree char *first = dump->detail;

    dump->detail = first ? g_strdup_printf("%s; from the host: %s", first, text) : g_strdup(text);
}

/* Kept unfiltered, a dump is larger than it has to be: its reason is told. */
static void
note_whole(LabLife *life)
{
    const char *why = lab_guest_dump_whole(life->guest);
    g_autofree char *text = why ? g_strdup_printf("not filtered: %s", why) : NULL;

    if (text)
        add_detail(&life->found->dump, text);
}

/* A failed dump loses nothing of the rest, so it is a warning; its reason is kept. */
static void
from_host(LabLife *life)
{
    g_autofree char *path = g_build_filename(life->directory, "vmcore", NULL);
    LabDumpFindings *dump = &life->found->dump;
    const char *method = NULL;
    g_autoptr(GError) error = NULL;

    lab_path_remove(life->dirfd, "vmcore", NULL);
    if (lab_guest_dump(life->guest, path, life->cell->deadlines.dump_ms, &method, &error)) {
        dump->capture_kernel_state = life->capture_started;
        note_file(life, method);
        note_whole(life);
        return;
    }
    lab_path_remove(life->dirfd, "vmcore", NULL);
    lab_life_warn(life, "no dump from the host: %s", error->message);
    if (!dump->detail)
        dump->detail = g_strdup_printf("from the host: %s", error->message);
    else
        add_detail(dump, error->message);
}

/* A kernel that stopped or hangs is dumped; one that lives, or is gone, is not. */
gboolean
lab_life_dump(LabLife *life, GError **error)
{
    const LabEvidence *evidence = &life->found->evidence;
    gboolean stopped = life->panic_ms >= 0 || life->pvpanic_ms >= 0 || life->capture_started;

    if ((!stopped && !evidence->heartbeat_lost) || evidence->lacks_need)
        return TRUE;
    lab_life_enter(life, "dump");
    if (stopped && life->capture_loaded && !from_capture_kernel(life, error))
        return FALSE;
    if (!life->found->dump.method && !life->gone && !life->reset && !life->shutdown)
        from_host(life);
    return TRUE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signature, version 1. What is hashed is this text, each line ended by a newline:
 *
 *   kreglab-signature v1
 *   CLASS      the group that several kinds of report share ("bad-access", "stall", "hang",
 *              "invalid-free", "stack-overflow": the class's alternative in the table), else the
 * type FUNCTION   the blamed function as titles show it, without a syscall's prefix; without one
 * the title FRAME      (K1, K2) a function of the blamed stack, top first
 *
 * K0 is the digest of the text without frames: what crashed, where. K1 adds the next four frames
 * below the blamed function (from the top, when it stands in no frame), K2 all frames. Frames that
 * the unwinder doubts ("?") and those that are never to blame are left out, but a module's frame
 * never is. Addresses, offsets, module names, PIDs, CPUs, times, releases, taint and registers
 * never take part, so that two kernels can be compared. A digest is "v1:" and the first 16 hex
 * digits of SHA-256.
 */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

static char *
digest(const char *text)
{
    g_autofree char *versioned = g_strconcat("kreglab-signature v1\n", text, NULL);
    g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, versioned, -1);

    return g_strdup_printf("v1:%.16s", hex);
}

/* The index below the blamed function; 0 when it stands in no frame. */
static guint
below_blamed(const LabCrashReport *cause)
{
    const char *function = lab_json_string(cause->attributes, LAB_CRASH_FUNCTION);

    for (guint i = 0; function && i < cause->frames->len; i++) {
        const LabCrashFrame *frame = cause->frames->pdata[i];

        if (frame->reliable && strcmp(frame->function, function) == 0)
            return i + 1;
    }
    return 0;
}

/* The digest of K0's text and of at most 'max' frames from 'first' on. */
static char *
digest_frames(const LabCrashReport *cause, const char *k0_text, guint first, guint max)
{
    g_autoptr(GString) text = g_string_new(k0_text);

    for (guint i = first; i < cause->frames->len && max > 0; i++) {
        const LabCrashFrame *frame = cause->frames->pdata[i];

        if (!frame->reliable || (!frame->module && lab_crash_function_is_common(frame->function)))
            continue;
        g_string_append_printf(text, "%s\n", frame->function);
        max--;
    }
    return digest(text->str);
}

void
lab_crash_log_sign(LabCrashLog *log)
{
    const LabCrashReport *cause = log->cause;
    g_autofree char *text = NULL;

    if (!cause)
        return;
    text = g_strdup_printf("%s\n", cause->identity ? cause->identity : cause->title);
    log->k0 = digest(text);
    log->k1 = digest_frames(cause, text, below_blamed(cause), 4);
    log->k2 = digest_frames(cause, text, 0, G_MAXUINT);
}

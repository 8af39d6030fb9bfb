/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * K0 names the crash (class and function), K1 adds the next four frames, K2 all of them. Addresses,
 * PIDs, CPUs, times and releases never take part, so that two kernels can be compared.
 */
#include "lab-crash-private.h"

#include "lab-json.h"

/* "v1:" + 16 hex digits of SHA-256 over "kreglab-signature v1\n" and the text. */
static char *
digest(const char *text)
{
    g_autofree char *versioned = g_strconcat("kreglab-signature v1\n", text, NULL);
    g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, versioned, -1);

    return g_strdup_printf("v1:%.16s", hex);
}

void
lab_crash_log_sign(LabCrashLog *log)
{
    const LabCrashReport *cause = log->cause;
    g_autoptr(GString) text = NULL;
    const char *function;
    guint taken = 0;

    if (!cause)
        return;
    function = lab_json_string(cause->attributes, LAB_CRASH_FUNCTION);
    text = g_string_new(cause->type);
    g_string_append_printf(text, "\n%s\n", function ? function : cause->title);
    log->k0 = digest(text->str);
    for (guint i = 0; i < cause->frames->len; i++) {
        const LabCrashFrame *frame = cause->frames->pdata[i];

        if (!frame->reliable || (!frame->module && lab_crash_function_is_common(frame->function)) ||
            g_strcmp0(frame->function, function) == 0)
            continue;
        g_string_append_printf(text, "%s\n", frame->function);
        if (++taken == 4)
            log->k1 = digest(text->str);
    }
    log->k2 = digest(text->str);
    if (!log->k1)
        log->k1 = g_strdup(log->k2);
}

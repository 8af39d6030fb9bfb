/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a dump's dmesg says of the machine and of its end, besides the crash itself. */
#pragma once

#include <glib.h>

typedef struct {
    char *banner;       /* "Linux version …" */
    char *release;      /* its third word */
    char *command_line; /* each NULL where the log (which may have lost its start) does not say */
    char *panic;        /* what follows "Kernel panic - not syncing: " */
    char *comm;         /* of the task that panicked */
    gint64 pid, cpu;    /* -1 */
    gint64 tainted;     /* the mask; -1 */
    gint64 memory_bytes, cpus; /* -1 */
    gint64 uptime_ms;          /* of the last line; -1 */
    gboolean has_kaslr;
    guint64 kaslr_offset;
} LabCoreLog;

/* 'text' is lab_core_dmesg()'s, with callers or without. */
void lab_core_log_read(LabCoreLog *log, const char *text, gsize length);
void lab_core_log_clear(LabCoreLog *log);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabCoreLog, lab_core_log_clear)

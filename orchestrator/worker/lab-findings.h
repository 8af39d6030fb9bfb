/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one cell left behind, as plain values: the life of the cell fills it in, result.json is
 * made from it. No guest and no I/O here, so every result can be built in a unit test.
 */
#pragma once

#include "lab-cell.h"
#include "lab-crash.h"

typedef struct {
    const char *method; /* static: "kdump", "host-kdump-zlib", "host-elf"; NULL: no dump */
    gboolean kept;      /* the file 'vmcore' is there */
    gint64 size_bytes;
    gint64 duration_ms; /* panic to the last byte */
    const char
        *why_not; /* static: the word for kdump's failure; NULL when it worked or was not asked */
    char *detail; /* of the failure; or NULL */
    gboolean capture_kernel_state; /* taken from the host after the capture kernel had started */
    char *makedumpfile;            /* "ok" or why it reads no dmesg; NULL without a dump */
    gint64 dmesg_bytes;
    char *crash;         /* "ok", or crash(8)'s version and error; NULL: not tried */
    char *crash_version; /* of crash(8), "8.0.2"; NULL: not tried */
} LabDumpFindings;

/* The host while a part of the cell's life went on; percentages are of that window. */
typedef struct {
    char *why; /* a sentence, when the guest cannot have run as it should; or NULL */
    gint64 window_ms, ran_ms, waited_ms; /* the guest's threads together */
    int steal_pct;                       /* of the host's processors */
    int cpu_pct;    /* in which something waited for a processor (PSI, -1: not known) */
    int memory_pct; /* in which everything waited for memory */
    int io_pct;     /* in which everything waited for disks */
} LabPressure;

typedef struct {
    const LabCell *cell; /* borrowed */
    LabEvidence evidence;
    char *why;        /* one sentence that overrides the one made from the evidence; or NULL */
    LabCrashLog *log; /* NULL: none read */
    const char *log_source; /* static: "console" or "vmcore", where 'log' is from */
    LabCrashLog *other_log; /* of the other of the two, where it says something else; or NULL */
    char *started;          /* ISO 8601, UTC */
    gint64 duration_ms;
    gint64 boot_ms;          /* -1: never reached the agent */
    gint64 time_to_crash_ms; /* the stressor's start to the first report; -1: none */
    gboolean exited;         /* the stressor ended by itself */
    int exit_status;
    int exit_signal;
    LabPressure pressure; /* the worst that was seen; 'why' owned */
    char *pattern_line;   /* the console line that a 'pattern' detector matched; or NULL */
    LabDumpFindings dump;
    json_t *metrics;     /* object NAME: number */
    json_t *memory;      /* array of [t_ms, available_kB] */
    json_t *vmstat;      /* object NAME: delta */
    json_t *setup;       /* array of {set, ok, error} */
    json_t *settings;    /* object SETTING: what the guest read back, or null */
    json_t *environment; /* see life-environment.c; NULL: the setup did not end */
    json_t *phases;      /* array of {name, start_ms, duration_ms} */
    json_t *facts;       /* object */
} LabFindings;

/* 'cell' is borrowed for the life of the findings. */
LabFindings *lab_findings_new(const LabCell *cell);
void lab_findings_free(LabFindings *found);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabFindings, lab_findings_free)

/* Takes one line of the stressor's output: "@metric NAME NUMBER" sets a metric, anything else is
 * nothing. TRUE when it was one. Names are [a-z0-9_]{1,64}, at most 256 of them: output is hostile.
 */
gboolean lab_findings_metric_line(LabFindings *found, const char *line, gsize length);

/* Fills in evidence.stressor_failed and evidence.reached from exit status, metrics, patterns and
 * the cell's detectors and 'reached' condition. */
void lab_findings_judge_stressor(LabFindings *found);

/* The report of the cause is one that a starved host makes as well: a watchdog's (soft and hard
 * lockup, hung task, RCU stall), or an int3 that nobody answers for. The kernel puts those into its
 * code for moments while it patches it (static branches, mostly during boot); a guest's CPU that
 * the host stopped in between comes back to one that is not known any more. */
gboolean lab_findings_report_is_fragile(const LabCrashLog *log);

/* result.json's "suspect": the figures, when the host was under pressure and that can explain the
 * outcome, else null. New reference. */
json_t *lab_findings_suspect(const LabFindings *found, const LabFacts *facts);
/* The figures of the pressure that was seen, null without any. New reference. */
json_t *lab_findings_pressure(const LabFindings *found);
/* The metric whose limit was not held, borrowed; NULL: none. */
const char *lab_findings_failed_metric(const LabFindings *found);

/* One sentence for people: why the facts are what they are. g_free. */
char *lab_findings_why(const LabFindings *found, const LabFacts *facts);

/* The whole result.json. New reference. */
json_t *lab_findings_to_result(const LabFindings *found);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a console log to crash reports: no I/O of its own. Lines go in as they come, hostile bytes
 * included; reports come out with title, type, frames and signature.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct {
    char *function;
    char *module; /* or NULL */
    char *stack;  /* "IRQ", "NMI", "TASK"… or NULL */
    char *source; /* "mm/slub.c:123" of a decoded trace, as it says; or NULL */
    gboolean reliable;
} LabCrashFrame;

typedef struct {
    char *title; /* "CLASS in FUNCTION", as syzbot writes it */
    char *type;  /* "null-deref", "soft-lockup", "hung-task", "panic", "oom", "warning"… */
    char **alternatives; /* never NULL */
    char *identity;      /* what K0 is made of (lab-crash-signature.c) */
    GPtrArray *frames;   /* LabCrashFrame */
    guint64 line_first;  /* from 1 */
    guint64 line_last;
    gboolean corrupted;   /* too damaged for a function that can be trusted */
    gboolean interleaved; /* another CPU's words stand between its own, not all taken apart */
    gboolean truncated;   /* printk says that it dropped messages inside it */
    gboolean guessed;     /* a fuzzy match (OCR), or words of a person instead of a header */
    gboolean panicked;    /* the kernel stopped with it */
    gboolean weak;        /* the cause only when nothing else is (a failed allocation) */
    gboolean harmless;    /* a panic that only repeats its cause ("softlockup: hung tasks") */
    json_t *attributes;   /* pid, cpu, comm, taint, seconds stuck… */
} LabCrashReport;

typedef struct {
    GPtrArray *reports;          /* LabCrashReport, in order */
    const LabCrashReport *cause; /* the first that is not a mere follow-up; NULL: no crash */
    char *release;               /* or NULL */
    gboolean panicked;           /* "Kernel panic - not syncing" was seen, or a panicking oops */
    gboolean interleaved;        /* two CPUs wrote at once somewhere in it */
    gboolean truncated;          /* printk says that it dropped messages */
    guint boots;                 /* "Linux version" banners */
    char *k0, *k1, *k2;          /* "v1:" + 16 hex digits, of the cause; NULL without one */
} LabCrashLog;

typedef struct LabCrashParser LabCrashParser;

LabCrashParser *lab_crash_parser_new(void);
void lab_crash_parser_free(LabCrashParser *parser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCrashParser, lab_crash_parser_free)

/* One line without its newline; any bytes. For live logs: what the line says is known at once. */
void lab_crash_parser_feed(LabCrashParser *parser, const char *line, gsize length);
/* The next piece of a log, of any size and cut anywhere: much faster, and it knows the lines to
 * come when it judges one. Not to be mixed with lab_crash_parser_feed(). */
void lab_crash_parser_feed_text(LabCrashParser *parser, const char *text, gsize length);
/* Ends the log; the parser takes no more lines. */
LabCrashLog *lab_crash_parser_finish(LabCrashParser *parser);
/* What a live monitor asks after each line: has a report begun; has the kernel stopped; was that
 * "---[ end Kernel panic". */
gboolean lab_crash_parser_has_report(const LabCrashParser *parser);
gboolean lab_crash_parser_has_panicked(const LabCrashParser *parser);
gboolean lab_crash_parser_panic_ended(const LabCrashParser *parser);

void lab_crash_log_free(LabCrashLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCrashLog, lab_crash_log_free)

/* Parses a whole text. */
LabCrashLog *lab_crash_log_parse(const char *text, gsize length);

/* How far the title can be trusted: "high", "low" (corrupted or interleaved), "guessed", or
 * "none" without a cause. Static. */
const char *lab_crash_log_confidence(const LabCrashLog *log);

/* Frames (LabCrashFrame), innermost first. New reference. */
json_t *lab_crash_frames_to_json(const GPtrArray *frames);
/* One report; also an element of "reports" of the signature verb. New reference. */
json_t *lab_crash_report_to_json(const LabCrashReport *report);

/* The "crash" member of result.json; JSON null without a cause. New reference. */
json_t *lab_crash_log_to_json(const LabCrashLog *log);

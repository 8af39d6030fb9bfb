/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the crash room share. Nothing outside the room sees this header. */
#pragma once

#include "lab-crash.h"

/* A longer line is cut: kernel lines end near 1 KiB, the rest is noise. */
#define LAB_CRASH_LINE_MAX 1024
/* Lines kept of one report; later ones are read for panics only. Bounds the memory. */
#define LAB_CRASH_REPORT_LINES 512
/* Reports kept of one log: a machine that warns for ever is described well by its first ones. */
#define LAB_CRASH_REPORTS_MAX 64

/* --- lab-crash-line.c --- */

/* A log line without its prefixes. 'text' is NUL-terminated and has no control bytes. */
typedef struct {
    char text[LAB_CRASH_LINE_MAX + 1];
    gsize length;
    char caller[16]; /* "T123", "C0"; "" without CONFIG_PRINTK_CALLER */
    gboolean has_time;
    gboolean split; /* a second time stamp stood inside: two CPUs wrote at once */
} LabCrashLine;

/* Copies, cleans and strips host mark, level, quote, syslog, journald and printk prefixes. */
void lab_crash_line_set(LabCrashLine *line, const char *bytes, gsize length);

/* --- lab-crash-frame.c --- */

LabCrashFrame *lab_crash_frame_new(const char *function, gsize length);
void lab_crash_frame_free(LabCrashFrame *frame);

/* The frame that 'text' shows ("? f.isra.0+0x1/0x2 [mod]", "[<ffff…>] f+0x1/0x2", ARM's
 * "(f) from [<…>] (g+0x1/0x2)"), or NULL. */
LabCrashFrame *lab_crash_frame_parse(const char *text);
/* The function that a register line names ("RIP: 0010:f+0x1/0x2", "pc : f+0x…", "PC is at f+…"), or
 * NULL. *user is set when the program counter was in user space. */
LabCrashFrame *lab_crash_frame_parse_pc(const char *text, gboolean *user);
/* Removes suffixes that compilers add (".isra.0", ".constprop.1", ".part.2", ".cold", ".llvm.3").
 */
void lab_crash_function_strip(char *function);
/* A syscall entry without its prefix ("__x64_sys_rmdir" -> "sys_rmdir" of it); g_free. NULL: none.
 */
char *lab_crash_function_plain(const char *function);

/* The stacks of one report, read line by line. */
typedef struct {
    GPtrArray *frames;  /* LabCrashFrame */
    gboolean secondary; /* "Allocated by", "Freed by": not where it happened */
    gboolean from_pc;   /* began with a register line */
} LabCrashStack;

/* 'lines': header first. 'bare': the first stack may begin without "Call Trace:". */
GPtrArray *lab_crash_stacks_read(const GPtrArray *lines, gboolean bare);

/* --- lab-crash-table.c --- */

typedef enum {
    LAB_CRASH_RULE_TOP,   /* header's function, else the first that may be to blame */
    LAB_CRASH_RULE_TITLE, /* the title needs no function */
    LAB_CRASH_RULE_TRACE, /* the first of the trace, never the header's */
    LAB_CRASH_RULE_STALL, /* the frame above the first well-known entry */
    LAB_CRASH_RULE_HANG,  /* like TOP, without scheduler, lock and completion frames */
} LabCrashRule;

typedef enum {
    LAB_CRASH_CONTINUES = 1 << 0,   /* may continue an open report of the same caller */
    LAB_CRASH_NEEDS_TRACE = 1 << 1, /* without a trace it is no report at all */
    LAB_CRASH_STOPS = 1 << 2,       /* the kernel has stopped with this line */
    LAB_CRASH_FOLLOWS = 1 << 3,     /* harmless when another report came before */
    LAB_CRASH_MINOR = 1 << 4,       /* never the cause by itself (an OOM kill that was survived) */
    LAB_CRASH_NO_REPORT = 1 << 5,   /* looks like a header and is none */
    LAB_CRASH_NO_CORRUPT = 1 << 6,  /* no function found: title without "in F", not corrupted */
    LAB_CRASH_BARE = 1 << 8,        /* prints its frames without "Call Trace:" */
    LAB_CRASH_PRELUDE = 1 << 7,     /* words before a WARNING or BUG that is the same report */
} LabCrashFlags;

/* One kind of report. Strings with ${name} take named groups of 'header' and 'detail', ${F} the
 * function. */
typedef struct {
    const char *type;
    const char *needle;      /* literal that the header line has */
    const char *header;      /* PCRE over the header line */
    const char *detail;      /* PCRE over a later line; its groups are needed by the title */
    const char *title;       /* with a function */
    const char *alternative; /* or NULL */
    LabCrashRule rule;
    guint flags;
    const char *skip; /* functions not to blame, beside the common ones; PCRE or NULL */
} LabCrashClass;

extern const LabCrashClass lab_crash_classes[];
extern const gsize lab_crash_n_classes;

/* The class whose header 'text' is, or NULL. *match is the header's match, owned by the caller;
 * it points into 'text'. */
const LabCrashClass *lab_crash_class_find(const char *text, GMatchInfo **match);
/* Compiled once. */
GRegex *lab_crash_class_detail(const LabCrashClass *class);
GRegex *lab_crash_class_skip(const LabCrashClass *class);
gboolean lab_crash_function_is_common(const char *function);
gboolean lab_crash_function_is_entry(const char *function);
gboolean lab_crash_function_waits(const char *function);

/* --- lab-crash-report.c --- */

/* Makes the report of a header and the lines after it (char *, header first). NULL when the class
 * needs a trace and there is none. */
LabCrashReport *lab_crash_report_build(const LabCrashClass *class, const GPtrArray *lines);
void lab_crash_report_free(LabCrashReport *report);
/* The blamed function of a built report is kept as attribute "function". */
#define LAB_CRASH_FUNCTION "function"

/* --- lab-crash-signature.c --- */
void lab_crash_log_sign(LabCrashLog *log);

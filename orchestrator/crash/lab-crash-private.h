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

/* "T" or "C", a number, NUL. */
#define LAB_CRASH_CALLER_BYTES 16
/* Lines from which the form of a log is learnt at once, at most. */
#define LAB_CRASH_WINDOW 512
/* Characters of an unknown prefix, at most. */
#define LAB_CRASH_COMMON_MAX 64

/* --- lab-crash-clean.c --- */

/* Copies at most 'max' bytes and a NUL, without ANSI sequences and control bytes, tabs and odd
 * spaces as spaces, what is no UTF-8 as U+FFFD. Returns the length. */
gsize lab_crash_clean(char *to, gsize max, const char *from, gsize length);

/* --- lab-crash-scan.c --- */

#define LAB_CRASH_SCAN_MAX 250

typedef struct LabCrashScan LabCrashScan;

/* Searches all of 'needles' at once; each of 3 to 255 bytes, borrowed; doubles are left out. Never
 * freed. */
LabCrashScan *lab_crash_scan_new(const char *const *needles, gsize n);
/* Where the first of them begins between 'text' and 'end', or NULL. */
const char *lab_crash_scan_find(const LabCrashScan *scan, const char *text, const char *end);
/* For every word of which a line that matters to the parser has at least one: those of the classes,
 * a boot's banner, what tells of lost messages. */
const LabCrashScan *lab_crash_scan_all(void);

/* --- lab-crash-line.c, lab-crash-prefix.c --- */

/* A log line without its prefixes; 'text' lies in the buffer it was made from and ends at 'length'.
 */
typedef struct {
    const char *text;
    gsize length;
    guint64 number;                      /* of the line in the log, from 1 */
    guint64 number_last;                 /* another one when lines were joined */
    gint64 time_us;                      /* of printk; -1: none */
    gint8 level;                         /* 0 to 7; -1: none */
    char caller[LAB_CRASH_CALLER_BYTES]; /* "T123", "C0"; "" without CONFIG_PRINTK_CALLER */
    gboolean has_time;                   /* printk's stamp */
    gboolean dated;                      /* a collector's stamp */
    gboolean tagged;                     /* a collector says that the kernel wrote it */
    gboolean other_tag;                  /* … or that another program did */
    gboolean foreign;                    /* the latter, in a log that names the kernel elsewhere */
    gboolean split; /* two lines of printk stood in one: two CPUs wrote at once */
    gboolean noise; /* stood before the first time stamp of its line */
    char *tail;     /* the line that begins inside this one, or NULL */
} LabCrashLine;

typedef struct {
    const char *text;
    gsize length;
} LabCrashSlice;

/* What the lines around have in common. */
typedef struct {
    gboolean quoted;                       /* "> " of mails */
    gboolean prefixed;                     /* most lines have a prefix that is known */
    gboolean stamped;                      /* most lines have printk's time stamp */
    gboolean tagged;                       /* a collector names the kernel as the program */
    char common[LAB_CRASH_COMMON_MAX + 1]; /* an unknown prefix, digits standing for any digit */
    guint width;                           /* columns at which a terminal wrapped; 0: it did not */
    guint mail; /* columns at which a mail program wrapped between words; 0: it did not */
    char text[LAB_CRASH_LINE_MAX + 1]; /* scratch */
    LabCrashLine scratch;
} LabCrashForm;

void lab_crash_line_reset(LabCrashLine *line);
/* Strips 'text' (clean); the line lies in it. line->tail is to be read next. */
void lab_crash_line_set(LabCrashLine *line, const LabCrashForm *form, char *text);
/* 'bytes' (a string) cleaned and without prefixes; g_free. */
char *lab_crash_line_plain(const LabCrashForm *form, const char *bytes);
/* Takes every known prefix off 'p'; 'form' may be NULL. */
const char *lab_crash_strip_prefixes(const char *p, LabCrashLine *line, const LabCrashForm *form);
/* printk's time stamp alone, or NULL. */
const char *lab_crash_strip_stamp(const char *p, LabCrashLine *line);
/* A line of JSON (Docker, journalctl, LAVA) becomes the message in it. */
void lab_crash_unwrap_json(char *text);

/* --- lab-crash-form.c --- */

typedef enum { LAB_CRASH_JOIN_NO, LAB_CRASH_JOIN_TIGHT, LAB_CRASH_JOIN_SPACE } LabCrashJoin;

/* Learns the form from lines that follow each other; fewer than three change nothing. */
void lab_crash_form_elect(LabCrashForm *form, const LabCrashSlice *lines, guint n);
/* 'text' without the form's own prefix. */
const char *lab_crash_form_strip(const LabCrashForm *form, const char *text);
/* Bytes of the quote marks in front. */
gsize lab_crash_form_quote(const char *text);
/* May a line of so many bytes go on in the next one? */
gboolean lab_crash_form_may_wrap(const LabCrashForm *form, gsize length);
/* Does 'next' go on with the line before it, which had 'length' bytes? */
LabCrashJoin lab_crash_form_joins(LabCrashForm *form, gsize length, const char *next);

/* --- lab-crash-input.c --- */

typedef struct LabCrashInput LabCrashInput;

LabCrashInput *lab_crash_input_new(LabCrashParser *parser);
void lab_crash_input_free(LabCrashInput *input);
/* One line of a live log; given on at once unless the log wraps and the line may go on. */
void lab_crash_input_line(LabCrashInput *input, const char *bytes, gsize length);
/* Any piece of a log. */
void lab_crash_input_text(LabCrashInput *input, const char *bytes, gsize length);
void lab_crash_input_end(LabCrashInput *input);
/* For tests: FALSE reads every line. The reports are the same. */
void lab_crash_input_set_prefilter(LabCrashInput *input, gboolean prefilter);

/* --- lab-crash-parser.c --- */

void lab_crash_parser_take(LabCrashParser *parser, const LabCrashLine *line);
/* What a live monitor asks for is set early for a line that has to wait. */
void lab_crash_parser_peek(LabCrashParser *parser, const LabCrashLine *line);
/* No report is open: only lines with a word of lab_crash_scan_all() matter. */
gboolean lab_crash_parser_is_quiet(const LabCrashParser *parser);
LabCrashInput *lab_crash_parser_input(LabCrashParser *parser);

/* --- lab-crash-frame.c --- */

LabCrashFrame *lab_crash_frame_new(const char *function, gsize length);
void lab_crash_frame_free(LabCrashFrame *frame);

/* The frame that 'text' shows ("? f.isra.0+0x1/0x2 [mod]", "[<ffff…>] f+0x1/0x2"), or NULL. */
LabCrashFrame *lab_crash_frame_parse(const char *text);
/* ARM's "[<…>] (f) from [<…>] (g+0x1/0x2)", "f from g+0x1/0x2": f, and g as *caller; both or NULL.
 */
LabCrashFrame *lab_crash_frame_parse_arm(const char *text, LabCrashFrame **caller);
/* The function that a register line names ("RIP: 0010:f+0x1/0x2", "pc : f+0x…", "PC is at f+…"), or
 * NULL. *user is set when the program counter was in user space. */
LabCrashFrame *lab_crash_frame_parse_pc(const char *text, gboolean *user);
/* The function that a symbol of 'length' bytes stands for, without the suffixes that compilers add
 * (".isra.0", ".constprop.1", ".part.2", ".cold", ".llvm.3"), demangled; g_free. */
char *lab_crash_function_name(const char *symbol, gsize length);
/* A syscall entry without its prefix ("__x64_sys_rmdir" -> "sys_rmdir" of it); g_free. NULL: none.
 */
char *lab_crash_function_plain(const char *function);

/* --- lab-crash-demangle.c --- */

/* A mangled name as its source writes it; g_free. NULL: not mangled, or not understood. */
char *lab_crash_demangle(const char *symbol);

/* --- lab-crash-stack.c --- */

typedef enum {
    LAB_CRASH_STACK_MAIN,      /* where it happened, or where a CPU is */
    LAB_CRASH_STACK_HISTORY,   /* where an object was allocated, freed, queued */
    LAB_CRASH_STACK_ORIGIN,    /* KMSAN: where the uninitialised memory came from */
    LAB_CRASH_STACK_OWNER,     /* page_owner: where the page was allocated */
    LAB_CRASH_STACK_SAFE,      /* lockdep: "which became HARDIRQ-safe at" */
    LAB_CRASH_STACK_CHAIN,     /* lockdep: the dependency chain */
    LAB_CRASH_STACK_BYSTANDER, /* RCU's own thread and the like */
} LabCrashStackKind;

typedef struct {
    GPtrArray *frames; /* LabCrashFrame */
    LabCrashStackKind kind;
    guint n_traced;       /* frames after the words that announced it */
    gboolean announced;   /* "Call Trace:" or such promised frames */
    gboolean from_pc;     /* began with a register line */
    gboolean interrupted; /* shows a CPU that ran when it was interrupted */
    gboolean session;     /* crash(8)'s "bt" */
} LabCrashStack;

/* The stacks of a report, in order; elements LabCrashStack. 'lines': char *, header first. 'bare':
 * the first stack may begin without "Call Trace:". */
GPtrArray *lab_crash_stacks_read(const GPtrArray *lines, gboolean bare);

/* --- lab-crash-table.c --- */

typedef enum {
    LAB_CRASH_RULE_TOP,      /* header's function, else the first that may be to blame */
    LAB_CRASH_RULE_TITLE,    /* the title needs no function */
    LAB_CRASH_RULE_TRACE,    /* the first of the trace, never the header's */
    LAB_CRASH_RULE_STALL,    /* the frame above the first well-known entry */
    LAB_CRASH_RULE_HANG,     /* like TRACE, without scheduler, lock and completion frames */
    LAB_CRASH_RULE_OWNER,    /* the first of the stack that allocated the page, else like TRACE */
    LAB_CRASH_RULE_DEADLOCK, /* where a lock is taken, else where one is held, else the chain */
    LAB_CRASH_RULE_IRQ_SAFE, /* where the lock was taken in an interrupt */
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
    LAB_CRASH_WEAK = 1 << 11,       /* the cause only when nothing else is */
    LAB_CRASH_NEEDS_DETAIL = 1 << 12, /* without its detail it is no report at all */
    LAB_CRASH_REBOOT = 1 << 14, /* a start that nothing announced, when it is not the log's first */
    LAB_CRASH_TRACED = 1 << 9,  /* the title needs no function, but a trace is printed */
    LAB_CRASH_TRACE_ONLY = 1 << 13, /* with NEEDS_TRACE: a line alone never is one */
    LAB_CRASH_LOST = 1 << 15,       /* what it is about stood before it, or was never finished */
    LAB_CRASH_NO_TRACE = 1 << 10,   /* prints no trace, or need not */
    LAB_CRASH_NAMED = 1 << 16,      /* the header's function is it, whatever it does */
} LabCrashFlags;

/* One kind of report. Strings with ${name} take named groups of 'header' and 'detail', ${F} the
 * function. */
typedef struct {
    const char *type;
    const char *needle;      /* literal that the header line has */
    const char *header;      /* PCRE over the header line */
    const char *detail;      /* PCRE over a later line; its groups are needed by the title. Of lines
                              * that match, the first whose F may be blamed is taken */
    const char *title;       /* with a function */
    const char *alternative; /* or NULL */
    LabCrashRule rule;
    guint flags;
    const char *skip; /* functions not to blame, beside the common ones; PCRE or NULL */
} LabCrashClass;

/* A class of the last resort: it takes the header's own words, for want of a better. */
gboolean lab_crash_class_is_general(const LabCrashClass *class);
extern const LabCrashClass lab_crash_classes[];

/* The class whose header 'text' is, or NULL. *match is the header's match, owned by the caller;
 * it points into 'text'. */
const LabCrashClass *lab_crash_class_find(const char *text, GMatchInfo **match);
/* Compiled once. */
GRegex *lab_crash_class_detail(const LabCrashClass *class);
GRegex *lab_crash_class_skip(const LabCrashClass *class);
gboolean lab_crash_function_is_common(const char *function);
gboolean lab_crash_function_is_entry(const char *function);
gboolean lab_crash_function_waits(const char *function);

/* --- lab-crash-blame.c --- */

/* Whether it is where a fault comes in: what stands still there, frames beneath it tell. */
gboolean lab_crash_function_is_fault(const char *function);
/* May that function be blamed under that class? A module's always. */
gboolean
lab_crash_may_be_blamed(const LabCrashClass *class, const char *function, const char *module);
/* The blamed frame (borrowed) of 'stacks' (LabCrashStack) and in *index its stack's index; NULL
 * (then *index is left) when no frame can be blamed. */
const LabCrashFrame *
lab_crash_blame(const LabCrashClass *class, const GPtrArray *stacks, guint *index);
/* --- lab-crash-trust.c --- */

/* Is the report too damaged for its function to be trusted? 'blamed': index of the stack that was
 * blamed, G_MAXUINT for none. 'detailed': the class's detail was found. */
gboolean lab_crash_is_corrupted(const LabCrashClass *class, const GPtrArray *lines,
                                const GPtrArray *stacks, guint blamed, gboolean detailed);
/* --- lab-crash-parser.c --- */
/* For a text that was already salvaged once. */
LabCrashLog *lab_crash_log_parse_mended(const char *text, gsize length);

/* --- lab-crash-report.c --- */

/* Makes the report of a header and the lines after it (char *, header first). NULL when the class
 * needs a trace and there is none. */
LabCrashReport *lab_crash_report_build(const LabCrashClass *class, const GPtrArray *lines);
/* The weak report that the header alone makes of a class that needs a trace, where the line is
 * surely the kernel's: it had printk's time ('timed') or begins with a device's name. NULL: it is
 * not. */
LabCrashReport *
lab_crash_report_build_line(const LabCrashClass *class, const char *header, gboolean timed);
void lab_crash_report_free(LabCrashReport *report);
/* The blamed function of a built report is kept as attribute "function". */
#define LAB_CRASH_FUNCTION "function"

/* --- lab-crash-session.c: what crash(8) prints --- */

/* "#8 [ffff…] page_fault at ffff… [mod]", also with blanks for lost underscores; NULL: none. */
LabCrashFrame *lab_crash_session_frame(const char *text);
/* "[exception RIP: f+9]", or NULL. */
LabCrashFrame *lab_crash_session_pc(const char *text);
/* 'PID: 269 TASK: ffff… CPU: 22 COMMAND: "kswapd0"': the stack of a task follows. */
gboolean lab_crash_session_is_task(const char *text);
/* 'PANIC: "BUG: …"' becomes what stands between the quotes. TRUE when it was such a line. */
gboolean lab_crash_session_unquote(char *text);
/* Facts of a session (sys, kmem -i, bt of tasks) of the text's lines into 'attributes'. */
gboolean lab_crash_session_read(json_t *attributes, char *const *lines);

/* --- lab-crash-loose.c: names and lines that OCR or a text editor damaged --- */

/* A function's name from 'text' of 'length' bytes with blanks or "\_" where '_' stood; g_free.
 * NULL: cannot be a name. */
char *lab_crash_loose_name(const char *text, gsize length);
/* The frame "warn alloc failed+0x110/0x18O [mod]", or NULL. */
LabCrashFrame *lab_crash_loose_frame(const char *text);
/* May OCR have read 'a' where 'b' stood? */
gboolean lab_crash_loose_confused(char a, char b);
/* The name with the letters that OCR read wrongly mended, by names that are known; g_free. */
char *lab_crash_loose_spell(const char *function);
/* A kernel release with blanks for dots and underscores; in place. */
void lab_crash_loose_release(char *release);

/* --- lab-crash-usual.c --- */
extern const char *const lab_crash_usual_functions[]; /* NULL-terminated */

/* --- lab-crash-fuzzy.c --- */

/* Headers and the lines that go with them, mended where nearly what the kernel prints; one line
 * without prefix. NULL: nothing to mend; g_free. *header is set when a report's header was mended.
 */
char *lab_crash_fuzzy_mend(const char *text, gboolean *header, guint *errors);

/* --- lab-crash-clues.c --- */

/* A report of a text without any header, from traces, crash(8) output and what the prose says;
 * NULL: no crash is told. 'lines' without prefixes, NULL-terminated. */
LabCrashReport *lab_crash_clues_report(char *const *lines);
/* What prose tells beside the kernel's own words, into 'attributes'. */
void lab_crash_clues_facts(json_t *attributes, const char *text);

/* --- lab-crash-turn.c --- */

/* Reads a small text in another way where it is a mail's body in quoted-printable, or has its
 * newest line first. TRUE: 'log' has what that found, with the lines' numbers as they stand. */
gboolean lab_crash_turn(LabCrashLog *log, const char *text);
/* For a text that was turned already. */
LabCrashLog *lab_crash_log_parse_turned(const char *text, gsize length);

/* --- lab-crash-salvage.c --- */

/* The raw text's first part, kept for a second reading of what no pattern found. */
typedef struct LabCrashSalvage LabCrashSalvage;
LabCrashSalvage *lab_crash_salvage_new(void);
void lab_crash_salvage_free(LabCrashSalvage *salvage);
void lab_crash_salvage_keep(LabCrashSalvage *salvage, const char *bytes, gsize length);
/* The text was turned already (lab-crash-turn.c). */
void lab_crash_salvage_set_turned(LabCrashSalvage *salvage);
/* Any piece of it, with its newlines. */
void lab_crash_salvage_keep_text(LabCrashSalvage *salvage, const char *bytes, gsize length);
/* After the log was read, before it is signed: reads damaged text again when nothing was found,
 * joins a report with what only mentioned it, adds what crash(8) told. Sets log->cause. */
void lab_crash_salvage_log(LabCrashSalvage *salvage, LabCrashLog *log);

/* --- lab-crash-attributes.c --- */

/* Reads the facts of a report's lines (header first) into 'attributes'. */
void lab_crash_attributes_read(json_t *attributes, const GPtrArray *lines);
/* Adds 'value' (stolen) to the list 'name', once, up to a limit. */
void lab_crash_attribute_append(json_t *attributes, const char *name, json_t *value);
/* Did several CPUs write their registers at once? */
gboolean lab_crash_lines_interleave(const GPtrArray *lines);

/* --- lab-crash-signature.c --- */
void lab_crash_log_sign(LabCrashLog *log);

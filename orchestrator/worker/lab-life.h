/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of one cell, as it goes on: prepare, boot, setup, run, evidence, dump, judge. Private to
 * worker/. The phases share this one value; only lab_life_step() takes events from the guest.
 */
#pragma once

#include "lab-findings.h"
#include "lab-guest.h"
#include "lab-kernel.h"
#include "lab-paths.h"
#include "lab-runtime.h"
#include "lab-stock.h"

/* How a wait ended. */
typedef enum {
    LAB_WAIT_GOT,      /* what was waited for is there */
    LAB_WAIT_STOPPED,  /* the kernel panicked, reset or powered off */
    LAB_WAIT_SILENT,   /* heartbeat and console are silent: a hang, unless the host is to blame */
    LAB_WAIT_DEADLINE, /* alive, but too late */
    LAB_WAIT_ERROR,    /* GError is set: the lab failed, or was told to stop */
} LabWait;

/* A file that goes into the guest before the stressor runs. */
typedef struct {
    char *guest_path;
    char *source;
    int mode;
} LabPayload;

typedef struct {
    guint64 run_us;          /* time that QEMU's threads ran */
    guint64 delay_us;        /* time that they were ready and waited for a CPU */
    guint64 memory_stall_us; /* time in which everything on the host waited for memory */
    guint64 cpu_ticks, steal_ticks;
    guint64 cpu_stall_us;  /* time in which something waited for a CPU: PSI's "some" */
    guint64 io_stall_us;   /* time in which everything waited for disks */
    gboolean has_pressure; /* the kernel tells PSI */
    gint64 at_us;          /* monotonic; 0: no sample */
} LabHostSample;

typedef struct LabLife {
    LabCell *cell;
    LabPaths *paths;
    LabKernel *kernel; /* NULL in replays */
    char *directory;
    int dirfd;
    LabStock *stock; /* borrowed: what the process keeps between cells; NULL: it has but this one */
    LabRuntime
        *runtime; /* its own, without a stock; NULL until the guest is made, and in replays */
    int event_fd; /* -1: nobody listens */
    gint64 started_us;
    LabDeadlines deadlines; /* the cell's as they were written; cell->deadlines are stretched */
    double time_factor;     /* by which they are: 1 and more */
    gboolean warm;          /* run it from a clone where that is possible; needs a stock */
    char *cold_why;         /* why it boots a guest of its own, or NULL */
    LabCell *next;          /* what the worker's next cell may be, or NULL */
    LabFindings *found;
    char *phase;
    gint64 phase_start_ms;

    /* prepare */
    char *boot_image;
    gboolean pvh;   /* booted through the PVH entry, else as a bzImage */
    char *boot_why; /* why that is not what the cell asks for, or NULL */
    char *initramfs;
    char *cmdline;
    GPtrArray *payload; /* LabPayload */
    char **argv;        /* of an exec stressor; NULL otherwise */
    char *module_path;  /* of a module stressor, in the guest; or NULL */
    char *hotfix_path;  /* in the guest; or NULL */
    guint crashkernel_mib;

    /* the guest */
    LabGuest *guest;
    LabCrashParser *parser;
    gboolean parser_closed; /* what comes now is ours (sysrq, NMI) or the capture kernel's */
    GPtrArray *patterns;    /* GRegex of the pattern detectors */
    GHashTable *answers;    /* request id -> json_t, NULL while awaited */
    json_t *answer;         /* the last one, see lab_life_call */
    gboolean idle;          /* the last step found nothing */
    int next_id;
    int awaited_id;
    int qemu_pid;    /* 0: not asked yet */
    int stressor_id; /* -1: none */

    /* what was seen; times in ms of the guest, -1: not seen */
    guint64 console_lines;
    guint64 console_bytes;
    guint banners;
    gint64 hello_ms, heartbeat_ms, console_ms, report_ms, panic_ms, pvpanic_ms, run_ms;
    LabHostSample start_sample; /* the host when the guest started, then when the stressor did */
    LabHostSample heartbeat_sample; /* at the last heartbeat */
    LabHostSample report_sample;    /* when the first report began */
    gboolean told_starved;
    gboolean reset, shutdown, gone, agent_bad;
    gboolean panic_ended;
    gboolean nmi_sent; /* by the lab: the panic that follows is no report */
    char *gone_why;
    GString *evidence_text; /* console lines since the parser was closed */

    json_t *hello;          /* the agent's first, or NULL */
    json_t *capture_answer; /* to load-capture, when that was asked before the cell; or NULL */

    /* kdump */
    gboolean capture_loaded, capture_started, capture_out_of_memory;
    char *capture_failure; /* the capture kernel's own panic, cleaned */
    gboolean dump_begun, dump_ended;
    gint64 dump_bytes;
    char *dump_error;

    /* the stressor's output */
    void (*output)(struct LabLife *life, gboolean is_stderr, const void *bytes, gsize length);
    int stressor_log; /* descriptor, -1 */
    guint64 stressor_bytes;
    GString *stressor_line;
    gint64 memory_step_ms;
    json_t *vmstat_first; /* or NULL */
    json_t *vmstat_last;
    int metrics_id; /* id of the outstanding metrics request, -1 */
    gint64 metrics_ms;
} LabLife;

/* Takes the directory's cell.json. 'event_fd' is borrowed. NULL: the cell cannot be read. */
LabLife *lab_life_new(const char *directory, int event_fd, GError **error);
void lab_life_free(LabLife *life);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabLife, lab_life_free)

/* Ends the guest and forgets what was seen of it, so that another one can be started. What was
 * prepared stays. */
void lab_life_forget_guest(LabLife *life);

/* Lives it all and writes result.json. FALSE: no result was written (cancelled, configuration,
 * result unwritable). */
gboolean lab_life_run(LabLife *life, GError **error);

/* Tells a running life to end, from a signal handler. */
void lab_life_cancel(void);
/* SIGTERM, SIGINT, SIGHUP and the parent's death cancel the life of this process: its guest is
 * stopped and no result is left. */
void lab_life_cancel_on_signals(void);
void lab_life_set_cancel_guest(LabGuest *guest);
gboolean lab_life_cancelled(void);
/* For a process of many cells: a descriptor that becomes readable when it is told to end, so that
 * it can do so in order between cells. -1 and error. */
int lab_life_cancel_fd(GError **error);

/* Events on fd 3. */
void lab_life_enter(LabLife *life, const char *phase);
void lab_life_warn(LabLife *life, const char *format, ...) G_GNUC_PRINTF(2, 3);
void lab_life_tell_speed(LabLife *life);
/* The guest's QEMU, whose memory the parent watches. */
void lab_life_tell_guest(LabLife *life);
void lab_life_tell_result(LabLife *life, const json_t *result);

/* prepare: FALSE with an error, or evidence.lacks_need set with found->why. */
gboolean lab_life_prepare(LabLife *life, GError **error);
/* Sets life->kernel, boot_image, pvh and boot_why, or evidence.lacks_need. */
gboolean lab_life_load_kernel(LabLife *life, GError **error);
/* boot, boot_why, kaslr, cmdline: as it happened. */
void lab_life_add_boot_facts(LabLife *life);
/* What this kernel lacks of the cell's needs and the lab's own: a sentence (g_free), or NULL. */
char *lab_life_lacks(LabKernel *kernel, const LabCell *cell);
/* The complete command line. g_free. */
char *lab_life_cmdline(const LabCell *cell, const LabKernel *kernel, guint crashkernel_mib,
                       const char *cache_directory);
/* What tells the guest the frequency of its TSC: options with a leading blank, or "". g_free. */
char *lab_life_clock_options(const LabKernel *kernel, const char *cache_directory);
/* Puts 'source' into the guest's payload folder as 'name' before the stressor starts; borrowed. */
const LabPayload *
lab_life_add_payload(LabLife *life, const char *name, const char *source, int mode);
/* A file or folder of the recipe, kept inside it. g_free; NULL: LAB_CONFIG_ERROR. */
char *lab_life_recipe_path(const LabCell *cell, const char *value, GError **error);
/* Build the recipe's module, and its hotfix, and add them to the payload; evidence.lacks_need when
 * one does not build. */
gboolean lab_life_prepare_module(LabLife *life, GError **error);
gboolean lab_life_prepare_hotfix(LabLife *life, GError **error);

/* The events. */
gboolean lab_life_step(LabLife *life, gint64 deadline_ms, GError **error);
LabWait
lab_life_wait(LabLife *life, gboolean (*done)(LabLife *life), gint64 deadline_ms, GError **error);
/* Takes events until 'done' or the deadline, whatever the guest does (QEMU's end apart). */
gboolean
lab_life_drain(LabLife *life, gboolean (*done)(LabLife *life), gint64 deadline_ms, GError **error);
gboolean lab_life_stopped(const LabLife *life);
void lab_life_console_line(LabLife *life, const char *text, gsize length, gint64 time_ms);
gboolean
lab_life_agent_frame(LabLife *life, json_t *message, GBytes *data, gint64 time_ms, GError **error);

/* Requests. */
int lab_life_send(LabLife *life, json_t *request, const void *data, gsize length, GError **error);
/* Sends (steals 'request') and waits; *answer (borrowed until the next call) is set with GOT. */
LabWait lab_life_call(LabLife *life, json_t *request, const void *data, gsize length,
                      gint64 deadline_ms, json_t **answer, GError **error);
/* Asks for metrics when the last answer is older than 'every_ms'; the answer comes by itself. */
gboolean lab_life_poll_metrics(LabLife *life, gint64 every_ms, GError **error);

/* For another guest of this cell's shape: borrows from 'life'. FALSE: no runtime directory. */
gboolean lab_life_guest_config(LabLife *life, LabGuestConfig *config, GError **error);
gboolean lab_life_said_hello(LabLife *life);
/* Has the capture kernel loaded, where the cell wants one and memory is reserved for it: *answer is
 * borrowed until the next call, or NULL where it was not asked for. */
LabWait lab_life_ask_capture(LabLife *life, gint64 deadline_ms, json_t **answer, GError **error);
/* Into the result's "setup": what was done, and the agent's answer. */
void lab_life_record(LabLife *life, const char *what, const json_t *answer);

/* Has life->guest run, a clone of a booted guest that has proved what it is, or FALSE: without an
 * error life->cold_why says why the cell has to boot (nothing was seen of a guest yet). */
gboolean lab_life_boot_warm(LabLife *life, GError **error);
/* The same for the replay guest in life->guest, when its recording is of a clone. */
gboolean lab_life_replay_warm(LabLife *life, gboolean *is_warm, GError **error);
/* Starts a clone for life->next, which then waits in the stock. */
void lab_life_start_ahead(LabLife *life);

/* The phases. Each returns how it ended; GOT: go on. */
LabWait lab_life_boot(LabLife *life, GError **error);
LabWait lab_life_setup(LabLife *life, GError **error);
/* Loads the hotfix, if there is one, and puts what became of it into the facts. */
LabWait lab_life_load_hotfix(LabLife *life, gint64 deadline_ms, GError **error);
/* Has the agent load a module (steals 'request') and records it as 'what'. *code is the errno, 0 or
 * EEXIST being good; any other sets evidence.lacks_need. *answer is borrowed until the next call.
 */
LabWait lab_life_load_module(LabLife *life, json_t *request, const char *what, int *code,
                             json_t **answer, GError **error);
/* Keeps what the guest's kernel is set up as, just before the stressor; of the guest that becomes a
 * template, in that. ERROR: it cannot be written; that it cannot be read is noted in the result. */
LabWait lab_life_environment(LabLife *life, GError **error);
LabWait lab_life_template_environment(LabLife *life, GError **error);
LabWait lab_life_stress(LabLife *life, GError **error);
gboolean lab_life_evidence(LabLife *life, LabWait end, GError **error);
gboolean lab_life_dump(LabLife *life, GError **error);
gboolean lab_life_read_logs(LabLife *life, GError **error);
/* A line of console.log without its "@+MS " mark. */
const char *lab_life_without_mark(const char *line, gsize *length);
/* Opens the dump in crash(8) when the kernel's debug/vmlinux is in the store; keeps its words in
 * bt.txt. A dump that it does not open is a finding; FALSE: bt.txt cannot be written. */
gboolean lab_life_check_with_crash(LabLife *life, GError **error);

/* The host. */
void lab_host_sample(LabHostSample *sample, int qemu_pid);
/* TRUE when the guest could not run as it should have between the two samples: *why (g_free, or
 * NULL) says so. */
gboolean lab_host_starved(const LabHostSample *from, const LabHostSample *to, char **why);
/* Less than starved: under enough pressure that what depends on time is doubtful. Fills in
 * 'pressure' (its 'why' is g_free'd) and returns TRUE, or leaves it alone. */
gboolean
lab_host_pressed(const LabHostSample *from, const LabHostSample *to, LabPressure *pressure);
int lab_life_qemu_pid(LabLife *life);

/* Measures the host and stretches the deadlines that follow; 'boot_ms' is what a boot took (of the
 * template, when it is a clone), 0 when nothing booted yet. KREGLAB_TIME_FACTOR sets the factor. */
void lab_life_calibrate(LabLife *life, gint64 boot_ms);
/* The factor that follows from the figures: 1..10. */
double lab_speed_factor(double measured_loop_ms, gint64 boot_ms, gboolean kvm);

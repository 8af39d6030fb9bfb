/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One guest, whatever runs it: a libvirt domain or a recorded one (replay). Everything that the
 * guest does arrives as events, one at a time, from lab_guest_next(); the console is written to the
 * cell's console.log on the way (with "@+MS " host time marks at line starts, raw bytes otherwise).
 *
 * All times are milliseconds since lab_guest_start(). All calls are made from one thread.
 */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#include "lab-cell.h"

typedef struct LabGuest LabGuest;

typedef struct {
    const LabCell *cell;        /* shape, command line, accelerator; borrowed */
    const char *kernel;         /* path of vmlinuz or vmlinux */
    const char *initramfs;      /* path */
    const char *cmdline;        /* complete */
    const char *cell_directory; /* console.log, domain.xml, qemu.log go here */
    const char
        *runtime_directory;      /* short path, 0700, for sockets and the embedded driver's root */
    const char *cache_directory; /* shared capability cache */
} LabGuestConfig;

typedef enum {
    LAB_GUEST_EVENT_DEADLINE, /* nothing happened in time */
    LAB_GUEST_EVENT_CONSOLE,  /* text: one complete line, raw bytes without "\r\n", cut at 64 KiB */
    LAB_GUEST_EVENT_AGENT,    /* message: a frame from the agent; data: its bytes, or NULL */
    LAB_GUEST_EVENT_AGENT_BAD,  /* text: the agent's stream broke the protocol; it is closed */
    LAB_GUEST_EVENT_DUMP_BEGIN, /* the capture kernel's agent started to send */
    LAB_GUEST_EVENT_DUMP_DATA,  /* bytes: so far */
    LAB_GUEST_EVENT_DUMP_END,   /* bytes: all; text: NULL when complete, else what went wrong */
    LAB_GUEST_EVENT_PVPANIC,    /* the guest runs on to the end of its message: pause it yourself */
    LAB_GUEST_EVENT_RESET,      /* the guest reset itself (domain is stopped) */
    LAB_GUEST_EVENT_SHUTDOWN,   /* the guest powered off */
    LAB_GUEST_EVENT_GONE,       /* QEMU ended by itself; text: why (tail of its stderr) */
    LAB_GUEST_EVENT_CANCELLED,  /* lab_guest_cancel() was called (signal handler) */
} LabGuestEventType;

typedef struct {
    LabGuestEventType type;
    gint64 time_ms;
    char *text;
    gsize length; /* of text: console lines may hold NUL bytes */
    json_t *message;
    GBytes *data;
    guint64 bytes;
} LabGuestEvent;

void lab_guest_event_free(LabGuestEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabGuestEvent, lab_guest_event_free)

/* Where its evidence goes: the cell directory, or the template that is being made. Borrowed; NULL:
 * a clone without a cell. */
const char *lab_guest_directory(const LabGuest *guest);

/* The runtime directory is lab_runtime_path() of lab-runtime.h. The cell's accelerator 'auto' is
 * settled at the start (lab-accel.h). The cell directory also gets domain.xml, qemu.log, and the
 * recording (agent.jsonl, events.jsonl) that, with console.log, lab_guest_new_replay() plays. */
LabGuest *lab_guest_new_libvirt(const LabGuestConfig *config, GError **error);
/* 'directory': console.log with marks (needed), agent.jsonl, events.jsonl, vmcore. Time is virtual:
 * it jumps to the next recorded entry. Requests are matched by verb and order; one that the
 * recording lacks is refused with ENOSYS. Kernel, initramfs and the runtime directory may be NULL.
 */
LabGuest *lab_guest_new_replay(const LabGuestConfig *config, const char *directory, GError **error);
void lab_guest_free(LabGuest *guest); /* destroys the domain and removes its files */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabGuest, lab_guest_free)

gboolean lab_guest_start(LabGuest *guest, GError **error);

/* The next event, or DEADLINE at 'deadline_ms'. NULL: LAB_INFRA_ERROR. */
LabGuestEvent *lab_guest_next(LabGuest *guest, gint64 deadline_ms, GError **error);
gint64 lab_guest_now_ms(LabGuest *guest);
void lab_guest_cancel(LabGuest *guest); /* async-signal-safe */

/* Sends a request to the agent; 'message' is borrowed, 'data' may be NULL. */
gboolean lab_guest_agent_send(LabGuest *guest, const json_t *message, const void *data,
                              gsize length, GError **error);
/* Bytes to the serial console; 'sysrq' sends a BREAK-less magic where the agent cannot. */
gboolean lab_guest_console_send(LabGuest *guest, const char *bytes, gsize length, GError **error);

/* Calls 'tap' with the console's bytes as they come, besides all else: for a terminal. NULL: no
 * more. Called from within lab_guest_next(). */
typedef void (*LabGuestTap)(const void *bytes, gsize length, gpointer data);
void lab_guest_tap_console(LabGuest *guest, LabGuestTap tap, gpointer data);

gboolean lab_guest_inject_nmi(LabGuest *guest, GError **error);
/* Registers of all vCPUs as text, through the monitor. g_free. */
char *lab_guest_registers(LabGuest *guest, GError **error);
gboolean lab_guest_pause(LabGuest *guest, GError **error);

/* Host-side dump of guest memory to 'path' (0600), made readable by makedumpfile and filtered
 * (-d 31) where that works; *method is set to a static word for the form that QEMU wrote:
 * "host-elf" or "host-kdump-zlib". */
gboolean lab_guest_dump(LabGuest *guest, const char *path, gint64 timeout_ms, const char **method,
                        GError **error);
/* Why the last lab_guest_dump() kept all of the memory instead of filtering it, one line. NULL: it
 * did filter. */
const char *lab_guest_dump_whole(LabGuest *guest);
/* Where the in-guest dump is written while DUMP_* events come; set before the panic. */
void lab_guest_set_dump_path(LabGuest *guest, const char *path);

/* Ends the guest at once; no events after it. Idempotent. */
gboolean lab_guest_destroy(LabGuest *guest, GError **error);

/* Facts for result.json: accelerator used, QEMU and libvirt versions, command line, pid, uid of
 * QEMU, CPU model, boot path. A new reference. */
json_t *lab_guest_facts(LabGuest *guest);

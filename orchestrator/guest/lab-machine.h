/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that runs in a QEMU, whoever started that (libvirt or we): its process, its three
 * sockets, its files, its dumps, its end. Shared by the files lab-machine*.c, lab-libvirt*.c and
 * lab-native*.c alone.
 */
#pragma once

#include "lab-agent.h"
#include "lab-dump-file.h"
#include "lab-guest-private.h"
#include "lab-port.h"
#include "lab-qemu.h"
#include "lab-runtime.h"

typedef struct LabMachine LabMachine;

/* As QEMU writes it, before it is mended and filtered. */
typedef enum {
    LAB_CORE_ELF,
    LAB_CORE_KDUMP_ZLIB, /* flattened */
} LabCore;

/* What the two ways to start a QEMU differ in. */
typedef struct {
    void (*resume)(LabMachine *guest); /* after pvpanic's pause */
    gboolean (*write_core)(LabMachine *guest, const char *path, LabCore format, gint64 deadline_us,
                           GError **error);
    /* QEMU's own log: a path, or NULL where it is not known. g_free. */
    char *(*find_log)(LabMachine *guest);
} LabMachineOps;

struct LabMachine {
    LabGuest base;
    const LabMachineOps *how;
    char *name;
    char *directory;       /* ours below the runtime directory */
    char *log_path;        /* QEMU's stderr; NULL: unknown */
    gboolean foreign_user; /* a daemon starts QEMU, as a user that is not known here */
    LabQemuUser user;
    gboolean kvm;
    LabQemu *qemu;
    LabPort *console, *agent, *dump;
    LabAgentDecoder *agent_decoder, *dump_decoder;
    gboolean agent_bad, dump_bad;
    LabDumpFile *incoming; /* an in-guest dump on its way */
    gboolean in_dump;
    char *dump_trouble;       /* why it cannot become a file any more, or NULL */
    guint64 dump_announced;   /* bytes at the last DUMP_DATA event */
    GSource *cancel_source;   /* watches base.cancel_fd; NULL before the first turn */
    gint64 started_us;        /* monotonic */
    gint64 end_seen_us;       /* when QEMU's end was noticed; 0: it lives */
    char *shutdown_reason;    /* QMP's word for why the guest stopped, or NULL */
    gboolean stopped;         /* whoever started it says that the guest is no more */
    gboolean resume_wanted;   /* pvpanic stopped it in the middle of its message */
    gboolean end_reported;    /* RESET, SHUTDOWN or GONE is in the queue */
    gboolean console_trouble; /* was warned of */
    int uid, seccomp;
    char *qemu_version; /* or NULL */
};

/* lab-machine.c */
/* Before lab_guest_init(), so that lab_machine_clear() is safe from there on. */
void lab_machine_init(LabMachine *guest, const LabMachineOps *how);
/* Settles 'auto', sets 'kvm'. */
gboolean lab_machine_choose_accelerator(LabMachine *guest, GError **error);
gint64 lab_machine_now_ms(LabGuest *guest);
LabGuestEvent *lab_machine_next(LabGuest *guest, gint64 deadline_ms, GError **error);
/* QMP's SHUTDOWN event; the first one counts. 'reason' may be NULL. */
void lab_machine_note_shutdown(LabMachine *guest, const char *reason);
/* QMP's GUEST_PANICKED event. */
void lab_machine_note_panic(LabMachine *guest);
/* After QEMU has ended: last bytes, no more events, the log. */
gboolean lab_machine_finish(LabMachine *guest, GError **error);
/* What both ways know. New reference. */
json_t *lab_machine_facts(LabMachine *guest);
void lab_machine_clear(LabMachine *guest);

/* lab-machine-ports.c */
/* Sockets in the guest's directory that QEMU connects to, then the taking of its connections. */
gboolean lab_machine_listen(LabMachine *guest, GError **error);
gboolean lab_machine_accept(LabMachine *guest, GError **error);
/* Connected sockets; ends[0 … 2] are QEMU's of console, agent and dump: the caller's to close. */
gboolean lab_machine_connect(LabMachine *guest, int ends[3], GError **error);
gboolean lab_machine_agent_send(LabGuest *guest, const json_t *message, const void *data,
                                gsize length, GError **error);
gboolean lab_machine_console_send(LabGuest *guest, const char *bytes, gsize length, GError **error);
/* Reads what the ended QEMU left in the sockets; a dump in its middle is said to have failed. */
void lab_machine_drain(LabMachine *guest, const char *why);

/* lab-machine-dump.c */
gboolean lab_machine_dump(LabGuest *guest, const char *path, gint64 timeout_ms, const char **method,
                          GError **error);

/* lab-machine-files.c: the guest's directory, copies of the boot files, disks, domain.xml. */
gboolean lab_machine_make_directory(LabMachine *guest, GError **error);
char *lab_machine_make_domain(LabMachine *guest, GError **error); /* the XML; g_free */
/* New empty disks of the shape: appends their paths and NULL; *scsi_disk for the device "sg". */
gboolean
lab_machine_make_disks(LabMachine *guest, GPtrArray *disks, char **scsi_disk, GError **error);
/* Gives a file or directory of ours to QEMU's group, where QEMU has another user. */
gboolean
lab_machine_share(LabMachine *guest, int fd, mode_t mode, const char *path, GError **error);
/* The end of QEMU's own log, one line a line, cleaned; never NULL. g_free. */
char *lab_machine_log_tail(LabMachine *guest);
void lab_machine_keep_log(LabMachine *guest); /* copies it to the cell's qemu.log */

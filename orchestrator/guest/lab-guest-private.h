/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two kinds of guest share: the event queue, the console monitor, the recording. */
#pragma once

#include <signal.h>

#include "lab-console.h"
#include "lab-guest.h"
#include "lab-record.h"

/* The kinds of guest differ in these. All but 'record' may be assumed to be set. */
typedef struct {
    gboolean (*start)(LabGuest *guest, GError **error);
    LabGuestEvent *(*next)(LabGuest *guest, gint64 deadline_ms, GError **error);
    gint64 (*now_ms)(LabGuest *guest);
    gboolean (*agent_send)(LabGuest *guest, const json_t *message, const void *data, gsize length,
                           GError **error);
    gboolean (*console_send)(LabGuest *guest, const char *bytes, gsize length, GError **error);
    gboolean (*inject_nmi)(LabGuest *guest, GError **error);
    char *(*registers)(LabGuest *guest, GError **error);
    gboolean (*pause)(LabGuest *guest, GError **error);
    gboolean (*dump)(LabGuest *guest, const char *path, gint64 timeout_ms, const char **method,
                     GError **error);
    gboolean (*destroy)(LabGuest *guest, GError **error);
    json_t *(*facts)(LabGuest *guest);
    void (*free)(LabGuest *guest); /* what the kind itself owns; not the LabGuest */
} LabGuestOps;

struct LabGuest {
    const LabGuestOps *ops;
    const LabCell *cell; /* borrowed */
    char *kernel, *initramfs, *cmdline;
    char *cell_directory; /* or NULL: not yet */
    char *runtime_directory, *cache_directory;
    char *dump_path;  /* or NULL */
    char *dump_whole; /* see lab_guest_dump_whole() */
    GQueue events;    /* LabGuestEvent, owned */
    LabConsole *console;
    LabRecord *record;
    LabGuestTap tap; /* or NULL */
    gpointer tap_data;
    int cancel_fd; /* eventfd */
    volatile sig_atomic_t cancelled;
    gboolean started, destroyed;
};

/* Takes copies of what 'config' lends (but not of the cell) and opens console.log and the
 * recording in the cell directory; without one lab_guest_open() does so later, before the start. */
gboolean lab_guest_init(LabGuest *guest, const LabGuestOps *ops, const LabGuestConfig *config,
                        GError **error);

gboolean lab_guest_open(LabGuest *guest, const char *directory, GError **error);

/* Appends an event, stamped now; borrowed from the queue, to be filled in. */
LabGuestEvent *lab_guest_push(LabGuest *guest, LabGuestEventType type);

/* The same, and a line in events.jsonl. 'text' may be NULL. */
LabGuestEvent *
lab_guest_push_recorded(LabGuest *guest, LabGuestEventType type, const char *text, guint64 bytes);

/* A new event outside the queue. */
LabGuestEvent *lab_guest_event_new(LabGuestEventType type, gint64 time_ms);

/* "pvpanic", "reset"…: the words of events.jsonl; NULL for those that are not recorded there. */
const char *lab_guest_event_word(LabGuestEventType type);
/* The other way; -1: unknown. */
int lab_guest_event_from_word(const char *word);

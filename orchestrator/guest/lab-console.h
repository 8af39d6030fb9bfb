/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console monitor: bytes of a serial console in, console.log and lines out.
 *
 * console.log holds the bytes as they came, and "@+MS " (host time, milliseconds since the guest's
 * start) before the first byte of every line. Over the cap the file gets a note, and from there
 * only lines that look like a crash report (and the 200 after each); the last 4 MiB of everything
 * are appended, behind another note, at the end. Notes are lines that start with "@+MS [kreglab: ".
 */
#pragma once

#include <glib.h>

#define LAB_CONSOLE_CAP      (256u << 20)
#define LAB_CONSOLE_MAX_LINE (64u << 10)

typedef struct LabConsole LabConsole;

/* One line without its end ("\n", and "\r" before it); 'text' is borrowed and may hold NUL bytes.
 * Empty lines are left out. A line over 64 KiB comes in pieces of that size. */
typedef void (*LabConsoleLine)(const char *text, gsize length, gint64 time_ms, void *user_data);

/* Creates (truncates) 'path', 0600. 'cap_bytes' 0: $KREGLAB_CONSOLE_CAP (bytes), else 256 MiB. */
LabConsole *lab_console_new(const char *path, guint64 cap_bytes, LabConsoleLine line,
                            void *user_data, GError **error);
void lab_console_free(LabConsole *console);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabConsole, lab_console_free)

/* FALSE only when the file cannot be written (a full disk): lines are handed out all the same. */
gboolean lab_console_feed(LabConsole *console, const void *bytes, gsize length, gint64 time_ms,
                          GError **error);

/* Writes a note (see above) with this text. */
gboolean lab_console_note(LabConsole *console, const char *text, GError **error);

/* Hands out the line that has no end yet, if any: for when nothing more is expected soon. */
void lab_console_flush_line(LabConsole *console, gint64 time_ms);

gboolean lab_console_sync(LabConsole *console, GError **error);

/* The last line, the tail, fsync. Idempotent. */
gboolean lab_console_finish(LabConsole *console, GError **error);

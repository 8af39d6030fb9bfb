/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What crash(8) tells of a dump, with the kernel's vmlinux. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct {
    char *version;   /* "8.0.2" */
    GHashTable *sys; /* "PANIC" → text, …: what its command sys prints */
    json_t *stacks;  /* array; see lab_crash8_run() */
    gint64 tasks;    /* lines of its ps; -1 */
} LabCrash8;

/* Runs `crash --no_crashrc` in a process group of its own, with a deadline and bounded memory: sys,
 * bt -a, ps, foreach UN bt. A stack is
 * {"cpu","pid","comm","state":"running|blocked","source":"crash(8)",
 * "frames":[{"function","module"}]}. LAB_INFRA_ERROR: it is not installed (NOT_FOUND), did not open
 * the dump or passed its deadline; the message is its own last word. */
gboolean lab_crash8_run(LabCrash8 *crash, const char *vmlinux, const char *vmcore, GError **error);
/* What such a session prints, taken apart (for tests). */
void lab_crash8_parse(LabCrash8 *crash, const char *output);
void lab_crash8_clear(LabCrash8 *crash);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabCrash8, lab_crash8_clear)

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does what a test says, in virtual time: it stands in for the guest room, so that a
 * cell of minutes is lived in microseconds and every answer of the agent can be chosen.
 */
#pragma once

#include "lab-guest.h"

typedef struct {
    gint64 boot_ms;           /* hello; -1: never */
    gint64 heartbeats_end_ms; /* no heartbeat and no answer from here on; 0: never */
    const char *boot_console; /* lines from 10 ms on, one a millisecond; or NULL */
    const char *run_console;  /* lines from the stressor's start on */
    const char *nmi_console;  /* lines after an NMI */
    const char *sysrq_console;
    gint64 pvpanic_after_ms; /* after the stressor's start, or the NMI when there is one; 0: none */
    gint64 reset_ms, shutdown_ms, gone_ms; /* absolute; 0: none */
    gint64 cancel_ms;
    gint64 exit_after_ms; /* the stressor; -1: never */
    int exit_status;
    const char *output;    /* the stressor's stdout */
    const char *fail_verb; /* answered with this errno */
    int fail_errno;
    const char *mute_verb; /* never answered */
    gint64 dump_after_ms;  /* the capture kernel's dump, after the stressor's start; 0: none */
    const char *dump_error;
    gboolean host_dump_fails;
    const char *host_dump_whole;
    gint64 kexec_crash_size;
    const char *environment; /* JSON: what the agent tells of modules and settings; or NULL */
    const char *value;       /* what is read back of a setting; or NULL */
    /* Templates and clones: */
    gboolean has_templates; /* else every cell boots */
    const char *warm_fails; /* one of the steps in test-life-warm.c, or NULL */
} Script;

/* What the lab asked for. */
typedef struct {
    int nmis, host_dumps, registers, destroyed, sysrqs, console_bytes;
    int starts;
    int environments;
    int made, freed; /* guests */
    int templates;   /* guests that were to be one */
    int clones;
} Asked;

extern Script script;
extern Asked asked;

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Child processes with a deadline. Every child dies with its parent (PR_SET_PDEATHSIG), runs in
 * a process group of its own and is killed as a group when its deadline passes.
 */
#pragma once

#include <glib.h>

typedef struct {
    const char *const *env; /* NAME=VALUE entries added to the environment, or NULL */
    const char *cwd;        /* or NULL */
    const void *input;      /* bytes for stdin, or NULL for /dev/null */
    gsize input_length;
    int stdin_fd;         /* used when > 0 and input is NULL */
    int stdout_fd;        /* used when > 0: output is not captured */
    int stderr_fd;        /* used when > 0: not captured */
    gboolean merge;       /* stderr into the captured stdout */
    gboolean events;      /* the captured output is descriptor 3; stdout goes to stderr */
    gint64 timeout_ms;    /* 0: ten minutes */
    guint64 memory_bytes; /* address space that the child may have; 0: no limit of ours */
    gsize max_output;     /* bytes kept of each stream; 0: 16 MiB. More is read and dropped */
    /* Called with each piece of the captured output as it comes; or NULL. */
    void (*on_output)(const char *bytes, gsize length, gpointer data);
    gpointer output_data;
} LabProcOptions;

typedef struct {
    int status; /* exit status, or 128 + signal */
    gboolean timed_out;
    char *output; /* NUL-terminated, never NULL */
    gsize output_length;
    char *errors; /* NUL-terminated, never NULL */
} LabProcResult;

void lab_proc_result_clear(LabProcResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabProcResult, lab_proc_result_clear)

/* Runs argv and waits. The program is looked for in PATH, then in the sbin directories, which
 * users' PATHs lack. FALSE (LAB_INFRA_ERROR) only when it could not be started (NOT_FOUND when the
 * program is absent) or passed its deadline (TIMEOUT); a non-zero status is in the result.
 * 'options' may be NULL. */
gboolean lab_proc_run(const char *const *argv, const LabProcOptions *options, LabProcResult *result,
                      GError **error);

/* The same, and a non-zero status is LAB_INFRA_ERROR too: "'argv0' ended with N: last line". */
gboolean lab_proc_check(const char *const *argv, const LabProcOptions *options,
                        LabProcResult *result, GError **error);

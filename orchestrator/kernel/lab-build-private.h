/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of one kernel build: key, configuration, make, result. Private to lab-build*.c. */
#pragma once

#include "lab-build-source.h"
#include "lab-build.h"

typedef struct {
    const LabBuildOptions *options;
    LabBuildSource source;
    json_t *record;    /* build.json */
    json_t *durations; /* of it, borrowed */
    char *key;         /* SHA-256, 32 digits */
    char *compiler;    /* "gcc" */
    char *version;     /* its --version's first line */
    gboolean ccache;   /* is there */
    gboolean pahole;   /* is there: BTF can be had */
    char *builds;      /* CACHE/builds */
    int builds_fd;
    char *work; /* directory of this build, or NULL */
    int work_fd;
    char *log_name; /* of the log below CACHE/builds */
    int log_fd;
    guint64 objects;  /* compiled so far */
    guint64 expected; /* objects of the last build; 0: not known */
    GString *line;    /* of make's output, begun */
    char *release;    /* once configured */
    gint64 step_us;   /* start of the step */
} LabBuild;

void lab_build_clear(LabBuild *build);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LabBuild, lab_build_clear)

/* Looks for the tools; LAB_INFRA_ERROR names all that are missing, and their packages. */
gboolean lab_build_find_tools(LabBuild *build, GError **error);
/* Sets key and what the record says of the inputs. */
gboolean lab_build_find_key(LabBuild *build, GError **error);

/* Runs 'make' in the work directory with these arguments (NULL-terminated, at most 8), its output
 * to the log. A failure is LAB_CONFIG_ERROR with the first error and the log's path. 'output' gets
 * what it printed (free with g_free) unless NULL. */
gboolean
lab_build_make(LabBuild *build, const char *const *arguments, char **output, GError **error);
gboolean lab_build_patch(LabBuild *build, GError **error);
/* Writes .config; tells what was asked for and not had. */
gboolean lab_build_configure(LabBuild *build, GError **error);

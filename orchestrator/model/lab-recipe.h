/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recipe: what it needs, how it provokes, what it expects. Loaded from NAME/recipe.yaml. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef enum {
    LAB_STRESSOR_BUILTIN, /* an agent verb: "true", "sysrq-panic" … */
    LAB_STRESSOR_PROGRAM, /* a C file of the recipe, built static by the lab */
    LAB_STRESSOR_SHELL,   /* a snippet for busybox sh */
    LAB_STRESSOR_MODULE,  /* a kernel module folder of the recipe, built against each kernel */
    LAB_STRESSOR_EXEC,    /* an argv in the guest */
} LabStressorKind;

/* In a hotfix's path: the release of the cell's kernel. */
#define LAB_RELEASE_PLACE "{release}"

typedef struct {
    int cpus;             /* default 1 */
    guint64 memory_bytes; /* default 512 MiB */
    int numa_nodes;       /* default 1; memory and CPUs are shared out evenly */
    char *cpu_model;      /* libvirt's name, or "max"/"host-passthrough"; NULL: the default */
    char *network;        /* "none" (default) or "user" */
    guint64 *disks;       /* sizes in bytes of empty virtio disks, ended by 0; or NULL */
    char **devices;       /* "sg", "watchdog" …; never NULL */
} LabGuestShape;

typedef struct {
    char *cmdline;        /* appended to the lab's own; or NULL */
    char **sysctl;        /* "vm.x=1"; never NULL */
    char **sysfs;         /* "/sys/…=1"; never NULL */
    char **modules;       /* modules of the kernel's own to load; never NULL */
    char **args;          /* variant: replaces the stressor's arguments; NULL: unchanged */
    char *hotfix;         /* a .ko, or a folder with sources; may have LAB_RELEASE_PLACE; or NULL */
    char *hotfix_digest;  /* SHA-256 of a hotfix that is not in the recipe's folder; or NULL */
    LabGuestShape *guest; /* overrides where set; or NULL */
} LabSetup;

typedef struct {
    LabStressorKind kind;
    char *value;        /* file, snippet, folder, builtin name; NULL for EXEC */
    char *prebuilt;     /* for MODULE: path below the recipe with LAB_RELEASE_PLACE; or NULL */
    char **exec;        /* for EXEC; never NULL */
    char **args;        /* never NULL */
    char **tools;       /* host programs whose library closure goes in: "stress-ng"; never NULL */
    gint64 duration_ms; /* handed to the stressor as KREGLAB_DURATION (seconds); 0: none */
} LabStressor;

typedef struct {
    char *kind;      /* panic, soft-lockup, hung-task, no-heartbeat, pattern, exit-status, metric */
    char *pattern;   /* for pattern: PCRE over one console line */
    char *metric;    /* for metric */
    double max;      /* for metric: more is a fail; INFINITY: no limit */
    double min;      /* for metric: less is a fail; -INFINITY: no limit */
    gint64 after_ms; /* for no-heartbeat */
} LabDetector;

typedef struct {
    char *metric; /* NULL: no condition */
    double min;
} LabReached;

typedef struct {
    char **variants; /* names; empty: all; never NULL */
    char *outcome;   /* an outcome's name, or NULL */
    char *title;     /* glob over the title, or NULL */
    char *kernels;   /* version range ("< 4.13", ">= 5.0, < 6.1"), or NULL */
    char *affected;  /* "yes", "no": kernels that 'affected' says have the bug, or not; or NULL */
} LabExpect;

typedef struct {
    char *name;
    char *summary;
    char *mitigation; /* what it is to a host in production, or NULL: it is none */
    gboolean baseline;
    LabSetup setup;
} LabVariant;

/* Kernels that have the bug: one range of one family's versions; see lab-affected.h. Bounds are
 * versions of that family: "3.10.0-1160.86.1.el7", "4.4.0-47.68", "6.1.170-1", "4.13". */
typedef struct {
    char *family; /* a word of lab_family_words, or NULL */
    char *line;   /* a line of kernels in words ("CentOS 7"), or NULL; one of both is given */
    char *range;  /* version range (see lab_version_range_holds), or NULL */
    char *from;   /* first with the bug, or NULL: all that are older */
    char *before; /* first without, or NULL */
    char *until;  /* last that has it, or NULL */
    char *seen;   /* seen with this; of later ones of the range it is not known; or NULL */
    char *fixed;  /* the release that fixed it, or NULL; without range, before and until it ends
                     the range */
    char *commit; /* what fixed it: 'HASH ("subject") (in vX.Y)', or NULL */
    char *source; /* who says so, or NULL */
} LabAffected;

typedef struct {
    char *name;
    char *summary;
    char *directory;            /* absolute */
    char *digest;               /* SHA-256 over all files of the folder */
    char *incident;             /* or NULL */
    char **bugs;                /* URLs; never NULL */
    char **commits;             /* never NULL */
    char **functions;           /* that the incident's reports name; never NULL */
    char **needs_config;        /* "CONFIG_KSM=y|m"; never NULL */
    guint64 needs_memory_bytes; /* least; 0: no need */
    int needs_cpus, needs_numa_nodes;
    char **needs_modules; /* of the kernel's own; never NULL. Loaded in setup, too */
    LabGuestShape guest;
    LabSetup setup;
    LabStressor stressor;
    GPtrArray *detectors; /* LabDetector */
    LabReached reached;
    GPtrArray *expect;      /* LabExpect */
    GPtrArray *variants;    /* LabVariant; at least one; exactly one baseline */
    GPtrArray *affected;    /* LabAffected */
    gint64 boot_timeout_ms; /* 0: the lab's default */
    gint64 run_timeout_ms;  /* 0: duration + the lab's default */
    gboolean kdump;         /* reserve and load a capture kernel; default TRUE */
    gboolean ends_in_panic; /* a panic is what it waits for */
    gboolean warm;          /* may run from a clone of a booted guest; default TRUE */
} LabRecipe;

/* Loads and checks directory/recipe.yaml; every mistake is in the error, one a line, as
 * "FILE:LINE:COLUMN: path: what was expected". */
LabRecipe *lab_recipe_load(const char *directory, GError **error);
void lab_recipe_free(LabRecipe *recipe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabRecipe, lab_recipe_free)

/* All folders below 'root' that have a recipe.yaml, by name. Errors are collected: NULL and all of
 * them when one does not load, unless 'skip_broken' (warned of). */
GPtrArray *lab_recipe_list(const char *root, gboolean skip_broken, GError **error);

const LabVariant *lab_recipe_variant(const LabRecipe *recipe, const char *name); /* NULL: absent */
const LabVariant *lab_recipe_baseline(const LabRecipe *recipe);

/* All of it, as `recipe show --json` prints it. New reference. */
json_t *lab_recipe_to_json(const LabRecipe *recipe);

/* The keys of recipe.yaml with types, defaults and help; and a commented file to start from.
 * g_free. */
char *lab_recipe_help(void);
char *lab_recipe_template(const char *name);

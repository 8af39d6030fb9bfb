/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line. A verb is one file, cmd-NAME.c, with one const descriptor, lab_verb_NAME (a
 * '-' of the name is '_' there), and its name in cli/meson.build's list, which generates the
 * registry. From the option tables come the parser, --help, the completion, and what the manual
 * pages are held against.
 *
 *   static const LabOption options[] = {
 *       {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
 *       {"kernel", 'k', LAB_OPTION_STRINGS, "PATTERN", "kernels to run", .hint = LAB_HINT_KERNEL},
 *       {NULL},
 *   };
 *   const LabVerb lab_verb_list = {
 *       .name = "list", .summary = "list runs", .synopsis = "[RUN]", .max_args = 1,
 *       .options = {options}, .hints = {LAB_HINT_RUN}, .run = cmd_list,
 *   };
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "lab-paths.h"

typedef enum {
    LAB_OPTION_FLAG,
    LAB_OPTION_STRING,   /* given twice: the last counts */
    LAB_OPTION_STRINGS,  /* may be given more than once */
    LAB_OPTION_INT,      /* within min..max of the row; both 0: any that is not negative */
    LAB_OPTION_SIZE,     /* "512M" */
    LAB_OPTION_DURATION, /* "90s" */
} LabOptionType;

/* What an argument names; completion offers it. */
typedef enum {
    LAB_HINT_NONE,
    LAB_HINT_FILE,
    LAB_HINT_DIRECTORY,
    LAB_HINT_KERNEL,
    LAB_HINT_CATALOGUE, /* a name of images/kernels.yaml */
    LAB_HINT_SOURCE,    /* what 'kernel add' takes: a file too */
    LAB_HINT_ADVISE,    /* a kernel or a log */
    LAB_HINT_RECIPE,
    LAB_HINT_VARIANT,
    LAB_HINT_RUN,
    LAB_HINT_CELL, /* RUN/CELL; runs too */
    LAB_HINT_VERB,
} LabHint;

typedef struct {
    const char *name; /* long name without the dashes; NULL ends a table */
    char letter;      /* or 0 */
    LabOptionType type;
    const char *argument; /* "PATTERN"; NULL for a flag */
    const char *help;     /* begins in lower case, no full stop; says the default */
    LabHint hint;
    const char *const *choices; /* LAB_OPTION_STRING(S): the allowed words, or NULL */
    gint64 min, max;            /* LAB_OPTION_INT */
} LabOption;

typedef struct LabVerb LabVerb;

/* A program that `git bisect run` calls ends the bisection with this status and above. */
#define LAB_GIT_ABORT 128

typedef struct {
    const LabPaths *paths;
    const LabVerb *verb; /* the one that runs: of "kernel add" it is "add" */
    const char *name;    /* "kernel add" */
    char **args;         /* what is no option; min_args..max_args of them; never NULL */
    int n_args;
    char **rest; /* what followed "--", where the verb takes it; NULL when there was none */
    gboolean verbose, quiet;
    gboolean color;     /* stdout is a terminal, and neither --no-color nor NO_COLOR */
    GHashTable *values; /* of options; use the functions below */
} LabCli;

struct LabVerb {
    const char *name;
    const char *summary;         /* one line, lower case, no full stop */
    const char *synopsis;        /* what follows the options: "RUN/CELL DIR"; or NULL */
    const char *description;     /* paragraphs for --help; or NULL */
    const LabOption *options[6]; /* tables, NULL after the last: shared ones beside own ones */
    const LabVerb *subverbs;     /* array ended by name NULL; then there is no 'run' */
    int min_args, max_args;      /* max_args -1: any number */
    LabHint hints[4];            /* of the arguments; the last one set goes for those after it */
    gboolean takes_rest;         /* what follows "--" goes to cli->rest instead of cli->args */
    gboolean hidden;             /* left out of help and completion */
    int error_base;              /* added to the exit status of an error; or 0 */

    /* Does it. Returns the exit status; or sets 'error' (printed by main, which takes the status
     * from its domain). stdout carries data only. */
    int (*run)(LabCli *cli, GError **error);
};

/* The registry that meson generates from cli/meson.build, in the order of the help. NULL ends it.
 */
extern const LabVerb *const lab_verbs[];

/* Values of options by long name. The name has to be in the verb's tables (abort: a slip of the
 * programmer). Strings are borrowed from 'cli'. */
gboolean lab_cli_flag(const LabCli *cli, const char *name);
const char *lab_cli_string(const LabCli *cli, const char *name);         /* NULL: not given */
const char *const *lab_cli_strings(const LabCli *cli, const char *name); /* never NULL */
gint64 lab_cli_int(const LabCli *cli, const char *name, gint64 otherwise);
guint64 lab_cli_size_bytes(const LabCli *cli, const char *name); /* 0: not given */
gint64 lab_cli_duration_ms(const LabCli *cli, const char *name); /* 0: not given */
gboolean lab_cli_given(const LabCli *cli, const char *name);

/* Sets a usage error (LAB_CONFIG_ERROR/USAGE): main adds "try 'kreglab VERB --help'". Returns
 * LAB_EXIT_CONFIG. */
int lab_cli_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Prints indented JSON and a newline to stdout. Takes 'value'. */
void lab_cli_print_json(json_t *value);

/* stdout text of a foreign origin (titles, names out of files): control bytes made harmless. */
void lab_cli_print(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Below: used by main and the verbs help and completion. */
typedef struct {
    const char *program;
    const LabVerb *verb;   /* NULL: none given */
    const LabVerb *parent; /* of a subverb, or NULL */
    gboolean help, version, dump_options;
    char *data;
    gboolean no_color;
    LabCli cli;
} LabCommandLine;

extern const LabOption lab_global_options[];

/* Reads argv (argv[0] is the program). On error, 'line' holds what was read until then. */
gboolean lab_command_line_parse(LabCommandLine *line, int argc, char **argv, GError **error);
void lab_command_line_clear(LabCommandLine *line);

const LabVerb *lab_verb_find(const LabVerb *const *verbs, const char *name);
void lab_help_print(const LabVerb *verb, const LabVerb *parent); /* NULL: the program's */
/* One line an option: "VERB<tab>--long<tab>-l<tab>ARGUMENT<tab>help": what tests and packagers
 * read. */
void lab_help_dump_options(void);

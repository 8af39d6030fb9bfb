/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YAML by schema tables (lab-schema.h). A pass over libyaml checks the text against the table and
 * says everything that is wrong with it at once, each as "FILE:LINE:COLUMN: path: what was
 * expected"; what is left to do after it, libcyaml does: it loads. Anchors, aliases, tags and more
 * than one document are refused; depth, size and count are limited.
 */
#pragma once

#include "lab-schema.h"

#define LAB_YAML_MAX_BYTES (1u << 20)

typedef struct LabYaml LabYaml;

/* 'name' stands for the file in messages. */
LabYaml *lab_yaml_new(const char *name);
void lab_yaml_free(LabYaml *yaml);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabYaml, lab_yaml_free)

/* Checks 'text' and fills 'value' (initialised here). FALSE when something is wrong: 'value' is
 * cleared, lab_yaml_finish has the messages. */
gboolean
lab_yaml_load(LabYaml *yaml, const char *text, gsize length, const LabSchema *schema, void *value);

/* Adds a problem that the table cannot see. 'path' ("variants[1].name") gives the position: its own
 * or that of the nearest part above it that the text has. */
void lab_yaml_problem(LabYaml *yaml, const char *path, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Whether the text has something at 'path'. */
gboolean lab_yaml_has(const LabYaml *yaml, const char *path);

/* TRUE when there was no problem; else sets LAB_CONFIG_ERROR with all of them, one a line, in the
 * order of the text. */
gboolean lab_yaml_finish(LabYaml *yaml, GError **error);

/* The keys with types, defaults and help. g_free. */
char *lab_yaml_help(const LabSchema *schema);

/* A file to start from: every key with its help, as a comment; those of 'values' ("path=text",
 * ended by NULL) as they are given. g_free. */
char *lab_yaml_template(const LabSchema *schema, const char *const *values);

/* Text that, loaded, gives 'value' again; defaults are left out. g_free. */
char *lab_yaml_write(const LabSchema *schema, const void *value);

/* Below: between the files of the loader. */

typedef enum { LAB_YAML_SCALAR, LAB_YAML_LIST, LAB_YAML_MAPPING } LabYamlKind;

typedef struct LabYamlNode {
    LabYamlKind kind;
    char *text; /* scalars */
    gsize length;
    gboolean plain;      /* scalar without quotes */
    GPtrArray *children; /* LabYamlNode; of a mapping: key, value, key, value… */
    guint line, column;  /* from 1 */
} LabYamlNode;

void lab_yaml_node_free(LabYamlNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabYamlNode, lab_yaml_node_free)

/* Reads text into nodes; NULL when it is no YAML the lab takes: the problem is added to 'yaml'. */
LabYamlNode *lab_yaml_read_nodes(LabYaml *yaml, const char *text, gsize length);
void
lab_yaml_check(LabYaml *yaml, const LabYamlNode *node, const LabSchema *schema, const char *path);
void lab_yaml_problem_at(LabYaml *yaml, guint line, guint column, const char *path,
                         const char *format, ...) G_GNUC_PRINTF(5, 6);
void lab_yaml_remember(LabYaml *yaml, const char *path, const LabYamlNode *node);

/* Loads checked text through libcyaml. FALSE and its message on failure. */
gboolean
lab_yaml_fill(const char *text, gsize length, const LabSchema *schema, void *value, char **message);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One table a struct: key, type, default, limits and help of every field in one row. From it come
 * the YAML loader and its messages (lab-yaml.h), JSON both ways, copies, digests, templates and the
 * help.
 *
 * In YAML a size is "512M" and a duration "90s". In JSON they are numbers and their unit is in the
 * key: "memory" -> "memory_bytes", "run" -> "run_ms".
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct LabSchema LabSchema;

typedef enum {
    LAB_FIELD_BOOL,     /* gboolean */
    LAB_FIELD_STRING,   /* char *: one line, not empty */
    LAB_FIELD_TEXT,     /* char *: lines */
    LAB_FIELD_INT,      /* int */
    LAB_FIELD_DOUBLE,   /* double; not finite: not set */
    LAB_FIELD_SIZE,     /* guint64, bytes */
    LAB_FIELD_DURATION, /* gint64, milliseconds */
    LAB_FIELD_CHOICE,   /* int: the index of a word in 'choices' */
    LAB_FIELD_STRINGS,  /* char **, never NULL unless 'nullable' */
    LAB_FIELD_SIZES,    /* guint64 *, ended by 0; NULL when empty */
    LAB_FIELD_STRUCT,   /* embedded struct. Offset 0 with fields of the outer struct: a group that
                           only the text form has */
    LAB_FIELD_POINTER,  /* pointer to a struct of its own; NULL when absent */
    LAB_FIELD_LIST,     /* GPtrArray of pointers to structs, never NULL */
} LabFieldType;

/* The types that one YAML scalar holds, for a switch; a ':' follows. */
#define CASE_LAB_FIELD_SCALAR \
    case LAB_FIELD_BOOL:      \
    case LAB_FIELD_STRING:    \
    case LAB_FIELD_TEXT:      \
    case LAB_FIELD_INT:       \
    case LAB_FIELD_DOUBLE:    \
    case LAB_FIELD_SIZE:      \
    case LAB_FIELD_DURATION:  \
    case LAB_FIELD_CHOICE

typedef struct {
    const char *key; /* NULL ends a table */
    LabFieldType type;
    gsize offset;
    const char *help;           /* begins in lower case, no full stop */
    const char *fallback;       /* the default in its YAML form; NULL: unset (0, NULL, FALSE) */
    const LabSchema *schema;    /* of STRUCT, POINTER, LIST */
    const char *const *choices; /* CHOICE; STRING and STRINGS: the allowed words */
    const char *form;           /* STRING and STRINGS: a regular expression, anchored; or NULL */
    const char *form_help;      /* what 'form' asks for, in words: "NAME=VALUE" */
    double min, max;            /* INT, DOUBLE, SIZE, DURATION; both 0: not negative */
    gboolean required, nullable;
    const char *example; /* for templates; NULL: the default */
} LabField;

struct LabSchema {
    const char *name;
    gsize size;
    const LabField *fields;
    const char *help;
};

/* Sets every field to its default; what was there is not freed. */
void lab_schema_init(const LabSchema *schema, void *value);
void *lab_schema_new(const LabSchema *schema);
void lab_schema_clear(const LabSchema *schema, void *value); /* frees what the fields own; zeroes */
void lab_schema_free(const LabSchema *schema, void *value);
/* A deep copy; free with lab_schema_free. */
void *lab_schema_copy(const LabSchema *schema, const void *value);
void lab_schema_copy_into(const LabSchema *schema, void *to, const void *from);

/* JSON object with every field that is set. New reference. */
json_t *lab_schema_to_json(const LabSchema *schema, const void *value);

/* Fills 'value' (initialised here). Unknown members are ignored: later versions add some. A member
 * of a wrong type is LAB_DATA_ERROR, and 'value' is cleared. */
gboolean lab_schema_from_json(const LabSchema *schema, void *value, const json_t *json,
                              const char *what, GError **error);

/* Feeds all fields that differ from their default: a field added later changes no digest of what
 * does not use it. */
void lab_schema_digest(const LabSchema *schema, const void *value, GChecksum *checksum);

/* Sets one scalar field from its text form. FALSE when the text is none of its type. */
gboolean lab_field_parse(const LabField *field, void *value, const char *text);
/* The text form of a scalar field; NULL when unset. g_free. */
char *lab_field_format(const LabField *field, const void *value);

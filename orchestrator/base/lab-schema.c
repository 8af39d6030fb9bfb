/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-schema.h"

#include <math.h>
#include <string.h>

#include "lab-units.h"

#define AT(type, value, field) (*(type *)((char *)(value) + (field)->offset))
#define GET(type, value, field) \
    (*(type const *)(const void *)((const char *)(value) + (field)->offset))

static gboolean
parse_bool(const char *text, gboolean *value)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0;
}

static gboolean
parse_int(const char *text, int *value)
{
    gint64 number;

    if (!g_ascii_string_to_signed(text, 10, G_MININT, G_MAXINT, &number, NULL))
        return FALSE;
    *value = (int)number;
    return TRUE;
}

static gboolean
parse_double(const char *text, double *value)
{
    char *end;

    if (!*text || g_ascii_isspace(*text))
        return FALSE;
    *value = g_ascii_strtod(text, &end);
    return *end == '\0';
}

static gboolean
parse_choice(const LabField *field, const char *text, int *value)
{
    for (int i = 0; field->choices[i]; i++) {
        if (strcmp(field->choices[i], text) == 0) {
            *value = i;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
lab_field_parse(const LabField *field, void *value, const char *text)
{
    switch (field->type) {
    case LAB_FIELD_BOOL:
        return parse_bool(text, &AT(gboolean, value, field));
    case LAB_FIELD_STRING:
    case LAB_FIELD_TEXT:
        g_free(AT(char *, value, field));
        AT(char *, value, field) = g_strdup(text);
        return TRUE;
    case LAB_FIELD_INT:
        return parse_int(text, &AT(int, value, field));
    case LAB_FIELD_DOUBLE:
        return parse_double(text, &AT(double, value, field));
    case LAB_FIELD_SIZE:
        return lab_size_parse(text, &AT(guint64, value, field));
    case LAB_FIELD_DURATION:
        return lab_duration_parse(text, &AT(gint64, value, field));
    case LAB_FIELD_CHOICE:
        return parse_choice(field, text, &AT(int, value, field));
    case LAB_FIELD_STRINGS:
    case LAB_FIELD_SIZES:
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
    case LAB_FIELD_LIST:
        break;
    }
    return FALSE;
}

char *
lab_field_format(const LabField *field, const void *value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    switch (field->type) {
    case LAB_FIELD_BOOL:
        return g_strdup(GET(gboolean, value, field) ? "true" : "false");
    case LAB_FIELD_STRING:
    case LAB_FIELD_TEXT:
        return g_strdup(GET(char *, value, field));
    case LAB_FIELD_INT:
        return g_strdup_printf("%d", GET(int, value, field));
    case LAB_FIELD_DOUBLE:
        if (!isfinite(GET(double, value, field)))
            return NULL;
        return g_strdup(g_ascii_dtostr(number, sizeof(number), GET(double, value, field)));
    case LAB_FIELD_SIZE:
        return lab_size_format(GET(guint64, value, field));
    case LAB_FIELD_DURATION:
        return lab_duration_format(GET(gint64, value, field));
    case LAB_FIELD_CHOICE:
        return g_strdup(field->choices[GET(int, value, field)]);
    case LAB_FIELD_STRINGS:
    case LAB_FIELD_SIZES:
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
    case LAB_FIELD_LIST:
        break;
    }
    return NULL;
}

static GPtrArray *
list_new(const LabSchema *schema)
{
    /* The elements are freed by lab_schema_clear, which knows their schema. */
    return g_ptr_array_new();
}

void
lab_schema_init(const LabSchema *schema, void *value)
{
    for (const LabField *field = schema->fields; field->key; field++) {
        switch (field->type) {
        case LAB_FIELD_STRINGS:
            AT(char **, value, field) = field->nullable ? NULL : g_new0(char *, 1);
            break;
        case LAB_FIELD_STRUCT:
            lab_schema_init(field->schema, &AT(char, value, field));
            break;
        case LAB_FIELD_LIST:
            AT(GPtrArray *, value, field) = list_new(field->schema);
            break;
        CASE_LAB_FIELD_SCALAR:
        case LAB_FIELD_SIZES:
        case LAB_FIELD_POINTER:
            if (field->fallback && !lab_field_parse(field, value, field->fallback))
                g_error("%s.%s: the default '%s' is none of its type", schema->name, field->key,
                        field->fallback);
            break;
        }
    }
}

void *
lab_schema_new(const LabSchema *schema)
{
    void *value = g_malloc0(schema->size);

    lab_schema_init(schema, value);
    return value;
}

static void
clear_field(const LabField *field, void *value)
{
    GPtrArray *list;

    switch (field->type) {
    case LAB_FIELD_STRING:
    case LAB_FIELD_TEXT:
        g_clear_pointer(&AT(char *, value, field), g_free);
        break;
    case LAB_FIELD_STRINGS:
        g_clear_pointer(&AT(char **, value, field), g_strfreev);
        break;
    case LAB_FIELD_SIZES:
        g_clear_pointer(&AT(guint64 *, value, field), g_free);
        break;
    case LAB_FIELD_STRUCT:
        lab_schema_clear(field->schema, &AT(char, value, field));
        break;
    case LAB_FIELD_POINTER:
        lab_schema_free(field->schema, g_steal_pointer(&AT(void *, value, field)));
        break;
    case LAB_FIELD_LIST:
        list = g_steal_pointer(&AT(GPtrArray *, value, field));
        for (guint i = 0; list && i < list->len; i++)
            lab_schema_free(field->schema, list->pdata[i]);
        if (list)
            g_ptr_array_unref(list);
        break;
    case LAB_FIELD_BOOL:
    case LAB_FIELD_INT:
    case LAB_FIELD_DOUBLE:
    case LAB_FIELD_SIZE:
    case LAB_FIELD_DURATION:
    case LAB_FIELD_CHOICE:
        break;
    }
}

void
lab_schema_clear(const LabSchema *schema, void *value)
{
    for (const LabField *field = schema->fields; field->key; field++)
        clear_field(field, value);
}

void
lab_schema_free(const LabSchema *schema, void *value)
{
    if (!value)
        return;
    lab_schema_clear(schema, value);
    g_free(value);
}

static guint64 *
copy_sizes(const guint64 *sizes)
{
    gsize n = 0;

    while (sizes && sizes[n])
        n++;
    return sizes ? g_memdup2(sizes, (n + 1) * sizeof(*sizes)) : NULL;
}

static GPtrArray *
copy_list(const LabSchema *schema, const GPtrArray *from)
{
    GPtrArray *to = list_new(schema);

    for (guint i = 0; from && i < from->len; i++)
        g_ptr_array_add(to, lab_schema_copy(schema, from->pdata[i]));
    return to;
}

static void
copy_field(const LabField *field, void *to, const void *from)
{
    switch (field->type) {
    case LAB_FIELD_BOOL:
    case LAB_FIELD_INT:
    case LAB_FIELD_CHOICE:
        AT(int, to, field) = GET(int, from, field);
        break;
    case LAB_FIELD_DOUBLE:
        AT(double, to, field) = GET(double, from, field);
        break;
    case LAB_FIELD_SIZE:
    case LAB_FIELD_DURATION:
        AT(guint64, to, field) = GET(guint64, from, field);
        break;
    case LAB_FIELD_STRING:
    case LAB_FIELD_TEXT:
        AT(char *, to, field) = g_strdup(GET(char *, from, field));
        break;
    case LAB_FIELD_STRINGS:
        AT(char **, to, field) = g_strdupv(GET(char **, from, field));
        break;
    case LAB_FIELD_SIZES:
        AT(guint64 *, to, field) = copy_sizes(GET(guint64 *, from, field));
        break;
    case LAB_FIELD_STRUCT:
        lab_schema_copy_into(field->schema, &AT(char, to, field), &GET(char, from, field));
        break;
    case LAB_FIELD_POINTER:
        AT(void *, to, field) = lab_schema_copy(field->schema, GET(void *, from, field));
        break;
    case LAB_FIELD_LIST:
        AT(GPtrArray *, to, field) = copy_list(field->schema, GET(GPtrArray *, from, field));
        break;
    }
}

void
lab_schema_copy_into(const LabSchema *schema, void *to, const void *from)
{
    for (const LabField *field = schema->fields; field->key; field++)
        copy_field(field, to, from);
}

void *
lab_schema_copy(const LabSchema *schema, const void *value)
{
    void *copy;

    if (!value)
        return NULL;
    copy = g_malloc0(schema->size);
    lab_schema_copy_into(schema, copy, value);
    return copy;
}

static void
feed(GChecksum *checksum, const char *key, const char *text)
{
    /* With the closing NUL bytes: no two sequences of strings look alike. */
    g_checksum_update(checksum, (const guchar *)key, (gssize)strlen(key) + 1);
    g_checksum_update(checksum, (const guchar *)text, (gssize)strlen(text) + 1);
}

static void
digest_scalar(const LabField *field, const void *value, GChecksum *checksum)
{
    g_autofree char *text = lab_field_format(field, value);
    const char *unset = field->type == LAB_FIELD_BOOL       ? "false"
                        : field->type == LAB_FIELD_INT      ? "0"
                        : field->type == LAB_FIELD_DOUBLE   ? "0"
                        : field->type == LAB_FIELD_SIZE     ? "0B"
                        : field->type == LAB_FIELD_DURATION ? "0s"
                        : field->type == LAB_FIELD_CHOICE   ? field->choices[0]
                                                            : NULL;

    if (text && g_strcmp0(text, field->fallback ? field->fallback : unset) != 0)
        feed(checksum, field->key, text);
}

static void
digest_field(const LabField *field, const void *value, GChecksum *checksum)
{
    const GPtrArray *list;

    switch (field->type) {
    case LAB_FIELD_STRINGS:
        for (char **text = GET(char **, value, field); text && *text; text++)
            feed(checksum, field->key, *text);
        break;
    case LAB_FIELD_SIZES:
        for (guint64 *size = GET(guint64 *, value, field); size && *size; size++) {
            g_autofree char *text = lab_size_format(*size);

            feed(checksum, field->key, text);
        }
        break;
    case LAB_FIELD_STRUCT:
        feed(checksum, field->key, "{");
        lab_schema_digest(field->schema, &GET(char, value, field), checksum);
        feed(checksum, field->key, "}");
        break;
    case LAB_FIELD_POINTER:
        if (!GET(void *, value, field))
            break;
        feed(checksum, field->key, "{");
        lab_schema_digest(field->schema, GET(void *, value, field), checksum);
        feed(checksum, field->key, "}");
        break;
    case LAB_FIELD_LIST:
        list = GET(GPtrArray *, value, field);
        for (guint i = 0; list && i < list->len; i++) {
            feed(checksum, field->key, "-");
            lab_schema_digest(field->schema, list->pdata[i], checksum);
        }
        break;
    CASE_LAB_FIELD_SCALAR:
        digest_scalar(field, value, checksum);
        break;
    }
}

void
lab_schema_digest(const LabSchema *schema, const void *value, GChecksum *checksum)
{
    for (const LabField *field = schema->fields; field->key; field++)
        digest_field(field, value, checksum);
}

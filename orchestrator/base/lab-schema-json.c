/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structs of a schema table to JSON and back. */
#include <math.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-schema.h"

#define AT(type, value, field) (*(type *)((char *)(value) + (field)->offset))
#define GET(type, value, field) \
    (*(type const *)(const void *)((const char *)(value) + (field)->offset))

static char *
json_key(const LabField *field)
{
    const char *unit = field->type == LAB_FIELD_SIZE || field->type == LAB_FIELD_SIZES ? "_bytes"
                       : field->type == LAB_FIELD_DURATION                             ? "_ms"
                                                                                       : "";

    return g_strconcat(field->key, unit, NULL);
}

static json_t *
list_to_json(const LabSchema *schema, const GPtrArray *list)
{
    json_t *array = json_array();

    for (guint i = 0; list && i < list->len; i++)
        json_array_append_new(array, lab_schema_to_json(schema, list->pdata[i]));
    return array;
}

static json_t *
sizes_to_json(const guint64 *sizes)
{
    json_t *array = json_array();

    for (; sizes && *sizes; sizes++)
        json_array_append_new(array, json_integer((json_int_t)*sizes));
    return array;
}

/* NULL: not set, left out. */
static json_t *
field_to_json(const LabField *field, const void *value)
{
    switch (field->type) {
    case LAB_FIELD_BOOL:
        return json_boolean(GET(gboolean, value, field));
    case LAB_FIELD_STRING:
    case LAB_FIELD_TEXT:
        return GET(char *, value, field) ? lab_json_text(GET(char *, value, field)) : NULL;
    case LAB_FIELD_INT:
        return json_integer(GET(int, value, field));
    case LAB_FIELD_DOUBLE:
        return isfinite(GET(double, value, field)) ? json_real(GET(double, value, field)) : NULL;
    case LAB_FIELD_SIZE:
        return json_integer((json_int_t)GET(guint64, value, field));
    case LAB_FIELD_DURATION:
        return json_integer(GET(gint64, value, field));
    case LAB_FIELD_CHOICE:
        return json_string(field->choices[GET(int, value, field)]);
    case LAB_FIELD_STRINGS:
        if (!GET(char **, value, field))
            return NULL;
        return lab_json_from_strv((const char *const *)GET(char **, value, field));
    case LAB_FIELD_SIZES:
        return sizes_to_json(GET(guint64 *, value, field));
    case LAB_FIELD_STRUCT:
        return lab_schema_to_json(field->schema, &GET(char, value, field));
    case LAB_FIELD_POINTER:
        if (!GET(void *, value, field))
            return NULL;
        return lab_schema_to_json(field->schema, GET(void *, value, field));
    case LAB_FIELD_LIST:
        return list_to_json(field->schema, GET(GPtrArray *, value, field));
    }
    return NULL;
}

json_t *
lab_schema_to_json(const LabSchema *schema, const void *value)
{
    json_t *object = json_object();

    for (const LabField *field = schema->fields; field->key; field++) {
        g_autofree char *key = json_key(field);
        json_t *member = field_to_json(field, value);

        if (member)
            json_object_set_new(object, key, member);
    }
    return object;
}

static gboolean
read_int(int *to, const json_t *json)
{
    json_int_t number = json_integer_value(json);

    if (!json_is_integer(json) || number < G_MININT || number > G_MAXINT)
        return FALSE;
    *to = (int)number;
    return TRUE;
}

static gboolean
read_strings(char ***to, const json_t *json)
{
    gsize index;
    json_t *element;

    if (!json_is_array(json))
        return FALSE;
    json_array_foreach ((json_t *)json, index, element)
        if (!json_is_string(element))
            return FALSE;
    g_strfreev(*to);
    *to = lab_json_to_strv(json);
    return TRUE;
}

static gboolean
read_sizes(guint64 **to, const json_t *json)
{
    gsize n = json_array_size(json);
    guint64 *sizes;

    if (!json_is_array(json))
        return FALSE;
    if (n == 0)
        return TRUE;
    sizes = g_new0(guint64, n + 1);
    for (gsize i = 0; i < n; i++) {
        if (json_integer_value(json_array_get(json, i)) <= 0) {
            g_free(sizes);
            return FALSE;
        }
        sizes[i] = (guint64)json_integer_value(json_array_get(json, i));
    }
    *to = sizes;
    return TRUE;
}

static gboolean
read_list(GPtrArray *to, const LabSchema *schema, const json_t *json, const char *what,
          GError **error)
{
    gsize index;
    json_t *element;

    if (!json_is_array(json))
        return FALSE;
    json_array_foreach ((json_t *)json, index, element) {
        g_autofree char *path = g_strdup_printf("%s[%zu]", what, index);
        void *value = g_malloc0(schema->size);

        if (!lab_schema_from_json(schema, value, element, path, error)) {
            g_free(value);
            return FALSE;
        }
        g_ptr_array_add(to, value);
    }
    return TRUE;
}

static gboolean
read_pointer(void **to, const LabSchema *schema, const json_t *json, const char *what,
             GError **error)
{
    *to = g_malloc0(schema->size);
    if (lab_schema_from_json(schema, *to, json, what, error))
        return TRUE;
    g_clear_pointer(to, g_free);
    return FALSE;
}

static gboolean
read_choice(const LabField *field, void *value, const json_t *json)
{
    return json_is_string(json) && lab_field_parse(field, value, json_string_value(json));
}

static gboolean
field_from_json(const LabField *field, void *value, const json_t *json, const char *what,
                GError **error)
{
    switch (field->type) {
    case LAB_FIELD_BOOL:
        AT(gboolean, value, field) = json_is_true(json);
        return json_is_boolean(json);
    case LAB_FIELD_STRING:
    case LAB_FIELD_TEXT:
        return json_is_string(json) && lab_field_parse(field, value, json_string_value(json));
    case LAB_FIELD_INT:
        return read_int(&AT(int, value, field), json);
    case LAB_FIELD_DOUBLE:
        AT(double, value, field) = json_number_value(json);
        return json_is_number(json);
    case LAB_FIELD_SIZE:
        AT(guint64, value, field) = (guint64)json_integer_value(json);
        return json_is_integer(json) && json_integer_value(json) >= 0;
    case LAB_FIELD_DURATION:
        AT(gint64, value, field) = json_integer_value(json);
        return json_is_integer(json) && json_integer_value(json) >= 0;
    case LAB_FIELD_CHOICE:
        return read_choice(field, value, json);
    case LAB_FIELD_STRINGS:
        return read_strings(&AT(char **, value, field), json);
    case LAB_FIELD_SIZES:
        return read_sizes(&AT(guint64 *, value, field), json);
    case LAB_FIELD_STRUCT:
        lab_schema_clear(field->schema, &AT(char, value, field));
        return lab_schema_from_json(field->schema, &AT(char, value, field), json, what, error);
    case LAB_FIELD_POINTER:
        return read_pointer(&AT(void *, value, field), field->schema, json, what, error);
    case LAB_FIELD_LIST:
        return read_list(AT(GPtrArray *, value, field), field->schema, json, what, error);
    }
    return FALSE;
}

gboolean
lab_schema_from_json(const LabSchema *schema, void *value, const json_t *json, const char *what,
                     GError **error)
{
    if (!json_is_object(json)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "%s: an object was expected", what);
        return FALSE;
    }
    lab_schema_init(schema, value);
    for (const LabField *field = schema->fields; field->key; field++) {
        g_autofree char *key = json_key(field);
        g_autofree char *path = g_strdup_printf("%s.%s", what, key);
        json_t *member = json_object_get(json, key);

        if (!member || json_is_null(member)) {
            if (!field->required)
                continue;
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "%s is missing", path);
        } else if (field_from_json(field, value, member, path, error)) {
            continue;
        } else if (error && !*error) {
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "%s is of a wrong type", path);
        }
        lab_schema_clear(schema, value);
        return FALSE;
    }
    return TRUE;
}

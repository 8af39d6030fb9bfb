/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-json.h"

#include <string.h>

#include "lab-error.h"
#include "lab-file.h"

/* Hostile input: jansson's own parser recurses up to JSON_PARSER_MAX_DEPTH (2048); the lab's own
 * files are flat, so deeper text is refused before the parser sees it. */
#define MAX_DEPTH 64

static gboolean
depth_is_sane(const char *text, gsize length)
{
    int depth = 0;
    gboolean in_string = FALSE;

    for (gsize i = 0; i < length; i++) {
        char c = text[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = FALSE;
        } else if (c == '"') {
            in_string = TRUE;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return FALSE;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return TRUE;
}

json_t *
lab_json_parse(const char *text, gsize length, const char *what, GError **error)
{
    json_error_t json_error;
    json_t *value;

    if (!depth_is_sane(text, length)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_LIMIT, "%s: JSON nested deeper than %d", what,
                    MAX_DEPTH);
        return NULL;
    }
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &json_error);
    if (!value)
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "%s:%d:%d: %s", what, json_error.line,
                    json_error.column, json_error.text);
    return value;
}

json_t *
lab_json_read(int dirfd, const char *name, int schema_version, GError **error)
{
    gsize length;
    g_autofree char *text = lab_file_read(dirfd, name, LAB_JSON_MAX_BYTES, &length, error);
    g_autoptr(json_t) value = NULL;
    gint64 version;

    if (!text)
        return NULL;
    value = lab_json_parse(text, length, name, error);
    if (!value)
        return NULL;
    version = lab_json_int(value, "schema_version", schema_version > 0 ? -1 : 0);
    if (schema_version > 0 && version < 0) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "%s: no schema_version", name);
        return NULL;
    }
    if (schema_version > 0 && version > schema_version) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_NEWER,
                    "%s: written by a newer kreglab (schema %" G_GINT64_FORMAT
                    ", this one reads up to %d): upgrade kreglab",
                    name, version, schema_version);
        return NULL;
    }
    return g_steal_pointer(&value);
}

gboolean
lab_json_write(int dirfd, const char *name, const json_t *value, mode_t mode, GError **error)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    g_autofree char *with_newline = NULL;

    if (!text) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "'%s': cannot serialise", name);
        return FALSE;
    }
    with_newline = g_strconcat(text, "\n", NULL);
    free(text);
    return lab_file_write(dirfd, name, with_newline, -1, mode, error);
}

char *
lab_json_line(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *copy = g_strdup(text);

    free(text);
    return copy;
}

json_t *
lab_json_text(const char *text)
{
    g_autofree char *valid = NULL;

    if (!text)
        return json_null();
    valid = g_utf8_make_valid(text, -1);
    return json_string(valid);
}

json_t *
lab_json_member(const json_t *object, const char *key)
{
    return json_is_object(object) ? json_object_get(object, key) : NULL;
}

const char *
lab_json_string(const json_t *object, const char *key)
{
    return json_string_value(lab_json_member(object, key));
}

gint64
lab_json_int(const json_t *object, const char *key, gint64 otherwise)
{
    json_t *value = lab_json_member(object, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

double
lab_json_double(const json_t *object, const char *key, double otherwise)
{
    json_t *value = lab_json_member(object, key);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

gboolean
lab_json_bool(const json_t *object, const char *key, gboolean otherwise)
{
    json_t *value = lab_json_member(object, key);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

json_t *
lab_json_from_strv(const char *const *strv)
{
    json_t *array = json_array();

    for (; strv && *strv; strv++)
        json_array_append_new(array, lab_json_text(*strv));
    return array;
}

char **
lab_json_to_strv(const json_t *array)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    gsize index;
    json_t *value;

    json_array_foreach ((json_t *)array, index, value)
        if (json_is_string(value))
            g_strv_builder_add(builder, json_string_value(value));
    return g_strv_builder_end(builder);
}

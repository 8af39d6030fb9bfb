/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-environment.h"

#include <string.h>

#include "lab-json.h"
#include "lab-log.h"

static gboolean
is_name(const char *name)
{
    gsize length = strnlen(name, LAB_ENVIRONMENT_MAX_NAME + 1);

    if (length == 0 || length > LAB_ENVIRONMENT_MAX_NAME)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isgraph(name[i]))
            return FALSE;
    return TRUE;
}

/* One line, a blank for each run of white space. NULL: no text, or too long. */
static json_t *
value_json(const json_t *said)
{
    const char *text = json_string_value(said);
    g_autofree char *clean = NULL;
    g_autoptr(GString) line = NULL;

    if (!text || json_string_length(said) > LAB_ENVIRONMENT_MAX_TEXT)
        return NULL;
    line = g_string_new(NULL);
    for (; *text; text++) {
        if (!g_ascii_isspace(*text))
            g_string_append_c(line, *text);
        else if (line->len > 0 && line->str[line->len - 1] != ' ')
            g_string_append_c(line, ' ');
    }
    clean = lab_text_clean(g_strchomp(line->str), -1, FALSE);
    return json_string(clean);
}

static json_t *
size_json(const json_t *said)
{
    return json_is_integer(said) && json_integer_value(said) >= 0
               ? json_integer(json_integer_value(said))
               : NULL;
}

/* Members of 'said' in the order of their names, each by 'take', which returns NULL for what is
 * none. Those beyond 'max' are left out. */
static json_t *
take_object(const json_t *said, gsize max, json_t *(*take)(const json_t *value), gint64 *left_out)
{
    json_t *object = json_object();
    g_autoptr(GList) names = NULL;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)said, name, value)
        names = g_list_prepend(names, (gpointer)name);
    names = g_list_sort(names, (GCompareFunc)strcmp);
    for (GList *at = names; at; at = at->next) {
        name = at->data;
        value = is_name(name) && json_object_size(object) < max ? take(json_object_get(said, name))
                                                                : NULL;
        if (value)
            json_object_set_new(object, name, value);
        else
            (*left_out)++;
    }
    return object;
}

json_t *
lab_environment_check(const json_t *said)
{
    gint64 told = CLAMP(lab_json_int(said, "left_out", 0), 0, G_MAXINT32), left_out = told;
    json_t *modules, *taints, *values;

    if (!json_is_object(lab_json_member(said, "values")) ||
        !json_is_object(lab_json_member(said, "modules")))
        return NULL;
    modules = take_object(lab_json_member(said, "modules"), LAB_ENVIRONMENT_MAX_MODULES, size_json,
                          &left_out);
    taints = take_object(lab_json_member(said, "taints"), LAB_ENVIRONMENT_MAX_MODULES, value_json,
                         &left_out);
    values = take_object(lab_json_member(said, "values"), LAB_ENVIRONMENT_MAX_VALUES, value_json,
                         &left_out);
    return json_pack("{s:i, s:o, s:o, s:o, s:I}", "schema_version", LAB_ENVIRONMENT_SCHEMA,
                     "modules", modules, "taints", taints, "values", values, "left_out",
                     (json_int_t)left_out);
}

char *
lab_environment_name(const char *setting)
{
    g_autofree char *path = g_strndup(setting, strcspn(setting, "="));
    const char *name = g_str_has_prefix(path, "/proc/sys/") ? path + strlen("/proc/sys/") : path;
    char *swapped;

    if (*name == '/' || name[strcspn(name, "./")] != '/')
        return g_strdup(name);
    swapped = g_strdup(name);
    for (char *p = swapped; *p; p++)
        *p = (char)(*p == '.' ? '/' : *p == '/' ? '.' : *p);
    return swapped;
}

json_t *
lab_environment_changes(const json_t *environment, const json_t *set)
{
    const json_t *before = lab_json_member(environment, "values");
    json_t *changed = json_object(), *said;
    const char *setting;

    json_object_foreach ((json_t *)set, setting, said) {
        g_autofree char *name = lab_environment_name(setting);
        g_autoptr(json_t) value = value_json(said);
        const json_t *old = json_object_get(before, name);

        if (value && old && !json_equal(value, old))
            json_object_set(changed, name, value);
    }
    return changed;
}

json_t *
lab_environment_with(const json_t *environment, const json_t *changed)
{
    json_t *copy = json_copy((json_t *)environment);
    json_t *values = json_copy(lab_json_member(environment, "values"));

    json_object_update(values, (json_t *)changed);
    json_object_set_new(copy, "values", values);
    return copy;
}

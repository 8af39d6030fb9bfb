/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holds nodes against a schema table; says everything that is wrong. */
#include <math.h>
#include <string.h>

#include "lab-units.h"
#include "lab-yaml.h"

static char *
join_path(const char *path, const char *key)
{
    return g_strdup_printf("%s%s%s", path, *path ? "." : "", key);
}

static char *
key_list(const LabSchema *schema)
{
    GString *text = g_string_new(NULL);

    for (const LabField *field = schema->fields; field->key; field++)
        g_string_append_printf(text, "%s%s", text->len ? ", " : "", field->key);
    return g_string_free(text, FALSE);
}

static char *
expected_range(const LabField *field, const char *what)
{
    g_autofree char *min = NULL;
    g_autofree char *max = NULL;

    if (field->max <= 0 || field->max >= 1e300)
        return g_strdup(what);
    if (field->type == LAB_FIELD_SIZE) {
        min = lab_size_human((guint64)field->min);
        max = lab_size_human((guint64)field->max);
    } else if (field->type == LAB_FIELD_DURATION) {
        min = lab_duration_human((gint64)field->min);
        max = lab_duration_human((gint64)field->max);
    } else {
        min = g_strdup_printf("%.15g", field->min);
        max = g_strdup_printf("%.15g", field->max);
    }
    return g_strdup_printf("%s, from %s to %s", what, min, max);
}

static char *
expected_words(const LabField *field, const char *prefix)
{
    g_autofree char *all = g_strjoinv(", ", (char **)field->choices);

    return g_strdup_printf("%s%s", prefix, all);
}

static char *
expected_of(const LabField *field)
{
    g_autofree char *keys = NULL;

    switch (field->type) {
    case LAB_FIELD_BOOL:
        return g_strdup("true or false");
    case LAB_FIELD_STRING:
        if (field->choices)
            return expected_words(field, "one of ");
        return g_strdup(field->form_help ? field->form_help : "a text");
    case LAB_FIELD_CHOICE:
        return expected_words(field, "one of ");
    case LAB_FIELD_TEXT:
        return g_strdup("a text");
    case LAB_FIELD_INT:
        return expected_range(field, "a whole number");
    case LAB_FIELD_DOUBLE:
        return expected_range(field, "a number");
    case LAB_FIELD_SIZE:
        return expected_range(field, "a size with its unit, such as 512M or 2G");
    case LAB_FIELD_DURATION:
        return expected_range(field, "a time with its unit, such as 500ms, 90s or 10m");
    case LAB_FIELD_STRINGS:
        if (field->choices)
            return expected_words(field, "a list of ");
        return field->form_help ? g_strdup_printf("a list, each %s", field->form_help)
                                : g_strdup("a list of texts");
    case LAB_FIELD_SIZES:
        return g_strdup("a list of sizes with their unit, such as 64M");
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
        keys = key_list(field->schema);
        return g_strdup_printf("keys: %s", keys);
    case LAB_FIELD_LIST:
        keys = key_list(field->schema);
        return g_strdup_printf("a list, each with keys: %s", keys);
    }
    return NULL;
}

static void
not_expected(LabYaml *yaml, const LabYamlNode *node, const LabField *field, const char *path)
{
    g_autofree char *expected = expected_of(field);
    const char *meant = NULL;

    if (field->choices && node->kind == LAB_YAML_SCALAR)
        meant = lab_did_you_mean(node->text, field->choices);
    if (node->kind != LAB_YAML_SCALAR)
        lab_yaml_problem_at(yaml, node->line, node->column, path, "expected %s, not a %s", expected,
                            node->kind == LAB_YAML_LIST ? "list" : "mapping");
    else if (meant)
        lab_yaml_problem_at(yaml, node->line, node->column, path,
                            "'%s': expected %s: did you mean '%s'?", node->text, expected, meant);
    else
        lab_yaml_problem_at(yaml, node->line, node->column, path, "'%s': expected %s", node->text,
                            expected);
}

static gboolean
is_null(const LabYamlNode *node)
{
    return node->plain && (!*node->text || strcmp(node->text, "~") == 0 ||
                           g_ascii_strcasecmp(node->text, "null") == 0);
}

static gboolean
has_form(const char *form, const char *text)
{
    g_autofree char *whole = g_strdup_printf("^(?:%s)$", form);

    return g_regex_match_simple(whole, text, G_REGEX_DOLLAR_ENDONLY, 0);
}

static gboolean
is_clean(const LabField *field, const LabYamlNode *node)
{
    for (const char *p = node->text; *p; p++)
        if ((guchar)*p < 0x20 && *p != '\t' && !(*p == '\n' && field->type == LAB_FIELD_TEXT))
            return FALSE;
    return strlen(node->text) == node->length;
}

static gboolean
in_range(const LabField *field, double number)
{
    if (!isfinite(number))
        return FALSE;
    return field->max > 0 ? number >= field->min && number <= field->max : number >= 0;
}

static gboolean
scalar_is_fine(const LabField *field, const LabYamlNode *node)
{
    union {
        int number;
        double real;
        guint64 bytes;
        gint64 ms;
    } value = {0};
    LabField at_zero = *field;

    at_zero.offset = 0;
    switch (field->type) {
    case LAB_FIELD_STRING:
        return *node->text && (!field->choices || g_strv_contains(field->choices, node->text)) &&
               (!field->form || has_form(field->form, node->text));
    case LAB_FIELD_TEXT:
        return *node->text != '\0';
    case LAB_FIELD_BOOL:
    case LAB_FIELD_CHOICE:
        return lab_field_parse(&at_zero, &value, node->text);
    case LAB_FIELD_INT:
        return lab_field_parse(&at_zero, &value, node->text) && in_range(field, value.number);
    case LAB_FIELD_DOUBLE:
        return lab_field_parse(&at_zero, &value, node->text) && in_range(field, value.real);
    case LAB_FIELD_SIZE:
        return lab_size_parse(node->text, &value.bytes) && in_range(field, (double)value.bytes);
    case LAB_FIELD_DURATION:
        return lab_duration_parse(node->text, &value.ms) && in_range(field, (double)value.ms);
    case LAB_FIELD_STRINGS:
    case LAB_FIELD_SIZES:
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
    case LAB_FIELD_LIST:
        break;
    }
    return FALSE;
}

static void
check_scalar(LabYaml *yaml, const LabYamlNode *node, const LabField *field, const char *path)
{
    g_autofree char *expected = NULL;

    if (node->kind != LAB_YAML_SCALAR) {
        not_expected(yaml, node, field, path);
    } else if (is_null(node)) {
        expected = expected_of(field);
        lab_yaml_problem_at(yaml, node->line, node->column, path, "no value: expected %s",
                            expected);
    } else if (!is_clean(field, node)) {
        lab_yaml_problem_at(yaml, node->line, node->column, path,
                            "control characters are not allowed");
    } else if (!scalar_is_fine(field, node)) {
        not_expected(yaml, node, field, path);
    }
}

static void
check_elements(LabYaml *yaml, const LabYamlNode *node, const LabField *field, const char *path)
{
    LabField of_element = *field;

    if (node->kind != LAB_YAML_LIST) {
        not_expected(yaml, node, field, path);
        return;
    }
    of_element.type = field->type == LAB_FIELD_STRINGS ? LAB_FIELD_STRING : LAB_FIELD_SIZE;
    for (guint i = 0; i < node->children->len; i++) {
        const LabYamlNode *child = node->children->pdata[i];
        g_autofree char *element = g_strdup_printf("%s[%u]", path, i);

        lab_yaml_remember(yaml, element, child);
        if (field->type == LAB_FIELD_LIST)
            lab_yaml_check(yaml, child, field->schema, element);
        else
            check_scalar(yaml, child, &of_element, element);
    }
}

static void
check_value(LabYaml *yaml, const LabYamlNode *node, const LabField *field, const char *path)
{
    switch (field->type) {
    case LAB_FIELD_STRINGS:
    case LAB_FIELD_SIZES:
    case LAB_FIELD_LIST:
        check_elements(yaml, node, field, path);
        break;
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
        lab_yaml_check(yaml, node, field->schema, path);
        break;
    CASE_LAB_FIELD_SCALAR:
        check_scalar(yaml, node, field, path);
        break;
    }
}

static const LabField *
find_field(const LabSchema *schema, const char *key)
{
    for (const LabField *field = schema->fields; field->key; field++)
        if (strcmp(field->key, key) == 0)
            return field;
    return NULL;
}

static void
unknown_key(LabYaml *yaml, const LabYamlNode *key, const LabSchema *schema, const char *path)
{
    g_autofree char *all = key_list(schema);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    const char *meant;

    for (const LabField *field = schema->fields; field->key; field++)
        g_ptr_array_add(keys, (gpointer)field->key);
    g_ptr_array_add(keys, NULL);
    meant = lab_did_you_mean(key->text, (const char *const *)keys->pdata);
    if (meant)
        lab_yaml_problem_at(yaml, key->line, key->column, path,
                            "unknown key: did you mean '%s'? (allowed: %s)", meant, all);
    else
        lab_yaml_problem_at(yaml, key->line, key->column, path, "unknown key: expected one of %s",
                            all);
}

/* A key and what it stands for. */
static void
check_pair(LabYaml *yaml, const LabYamlNode *key, const LabYamlNode *value, const LabSchema *schema,
           const char *path, GHashTable *seen)
{
    g_autofree char *full = NULL;
    const LabField *field;
    const LabYamlNode *first;

    if (key->kind != LAB_YAML_SCALAR) {
        lab_yaml_problem_at(yaml, key->line, key->column, path, "a key has to be a word");
        return;
    }
    full = join_path(path, key->text);
    first = g_hash_table_lookup(seen, key->text);
    if (first) {
        lab_yaml_problem_at(yaml, key->line, key->column, full,
                            "given twice: it is in line %u already", first->line);
        return;
    }
    g_hash_table_insert(seen, key->text, (gpointer)key);
    field = find_field(schema, key->text);
    if (!field) {
        unknown_key(yaml, key, schema, full);
        return;
    }
    lab_yaml_remember(yaml, full, value);
    check_value(yaml, value, field, full);
}

void
lab_yaml_check(LabYaml *yaml, const LabYamlNode *node, const LabSchema *schema, const char *path)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    if (node->kind != LAB_YAML_MAPPING) {
        g_autofree char *all = key_list(schema);

        lab_yaml_problem_at(yaml, node->line, node->column, path, "expected keys: %s", all);
        return;
    }
    for (guint i = 0; i + 1 < node->children->len; i += 2)
        check_pair(yaml, node->children->pdata[i], node->children->pdata[i + 1], schema, path,
                   seen);
    for (const LabField *field = schema->fields; field->key; field++) {
        g_autofree char *full = NULL;
        g_autofree char *expected = NULL;

        if (!field->required || g_hash_table_contains(seen, field->key))
            continue;
        full = join_path(path, field->key);
        expected = expected_of(field);
        lab_yaml_problem_at(yaml, node->line, node->column, full, "missing (%s): expected %s",
                            field->help, expected);
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schema tables as help, templates and YAML. */
#include <math.h>
#include <string.h>

#include "lab-units.h"
#include "lab-yaml.h"

#define HELP_COLUMN 32
#define WIDTH       100

#define GET(type, value, field) \
    (*(type const *)(const void *)((const char *)(value) + (field)->offset))

static const char *
type_word(const LabField *field)
{
    switch (field->type) {
    case LAB_FIELD_BOOL:
        return "BOOL";
    case LAB_FIELD_INT:
    case LAB_FIELD_DOUBLE:
        return "NUMBER";
    case LAB_FIELD_SIZE:
        return "SIZE";
    case LAB_FIELD_DURATION:
        return "TIME";
    case LAB_FIELD_STRING:
    case LAB_FIELD_TEXT:
    case LAB_FIELD_CHOICE:
        return field->choices ? "WORD" : "TEXT";
    case LAB_FIELD_STRINGS:
        return "[TEXT, …]";
    case LAB_FIELD_SIZES:
        return "[SIZE, …]";
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
    case LAB_FIELD_LIST:
        break;
    }
    return "";
}

/* "help (required)", "help: one of a, b (default: a)" */
static char *
full_help(const LabField *field)
{
    GString *text = g_string_new(field->help);

    if (field->choices) {
        g_autofree char *all = g_strjoinv(", ", (char **)field->choices);

        g_string_append_printf(text, ": one of %s", all);
    } else if (field->form_help) {
        g_string_append_printf(text, ": %s", field->form_help);
    }
    if (field->required)
        g_string_append(text, " (required)");
    else if (field->fallback && !strstr(field->fallback, "inf"))
        g_string_append_printf(text, " (default: %s)", field->fallback);
    return g_string_free(text, FALSE);
}

static void
append_wrapped(GString *out, const char *text, const char *indent, int column)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    int start = column;

    for (char **word = words; *word; word++) {
        int length = (int)g_utf8_strlen(*word, -1);

        if (column > start && column + 1 + length > WIDTH) {
            g_string_append_printf(out, "\n%s", indent);
            column = start;
        }
        g_string_append_printf(out, "%s%s", column > start ? " " : "", *word);
        column += length + (column > start);
    }
    g_string_append_c(out, '\n');
}

static void
append_help(GString *out, const LabSchema *schema, int depth)
{
    g_autofree char *indent = g_strnfill(HELP_COLUMN, ' ');

    for (const LabField *field = schema->fields; field->key; field++) {
        g_autofree char *help = full_help(field);
        gboolean list = field->type == LAB_FIELD_LIST;
        g_autofree char *left = g_strdup_printf("%*s%s:%s%s", depth * 2, "", field->key,
                                                list                  ? " (list)"
                                                : type_word(field)[0] ? " "
                                                                      : "",
                                                list ? "" : type_word(field));
        int width = (int)g_utf8_strlen(left, -1);

        g_string_append(out, left);
        if (width >= HELP_COLUMN - 1)
            g_string_append_printf(out, "\n%s", indent);
        else
            g_string_append_printf(out, "%*s", HELP_COLUMN - width, "");
        append_wrapped(out, help, indent, HELP_COLUMN);
        if (field->schema)
            append_help(out, field->schema, depth + 1);
    }
}

char *
lab_yaml_help(const LabSchema *schema)
{
    GString *out = g_string_new(NULL);

    append_help(out, schema, 0);
    return g_string_free(out, FALSE);
}

/* The text that 'values' has for 'path', or NULL. */
static const char *
value_for(const char *const *values, const char *path)
{
    gsize length = strlen(path);

    for (; values && *values; values++)
        if (strncmp(*values, path, length) == 0 && (*values)[length] == '=')
            return *values + length + 1;
    return NULL;
}

static gboolean
any_below(const char *const *values, const char *path)
{
    gsize length = strlen(path);

    for (; values && *values; values++)
        if (strncmp(*values, path, length) == 0 && (*values)[length] == '.')
            return TRUE;
    return FALSE;
}

static gboolean
is_text(const LabField *field)
{
    return field->type == LAB_FIELD_STRING || field->type == LAB_FIELD_TEXT;
}

static char *
example_of(const LabField *field)
{
    const char *text = field->example    ? field->example
                       : field->fallback ? field->fallback
                       : field->choices  ? field->choices[0]
                                         : "1";

    if (field->type == LAB_FIELD_STRINGS)
        return g_strdup_printf("[\"%s\"]", text);
    if (field->type == LAB_FIELD_SIZES)
        return g_strdup_printf("[%s]", text);
    if (is_text(field) && !field->choices)
        return g_strdup_printf("\"%s\"", text);
    return g_strdup(text);
}

static void append_template(GString *out, const LabSchema *schema, const char *const *values,
                            const char *path, int depth, gboolean in_list, gboolean commented);

/* One key: its help as a comment, then "key: value" behind 'lead', as a comment unless it is
 * given. */
static void
append_template_key(GString *out, const LabField *field, const char *const *values,
                    const char *path, int depth, gboolean dash, gboolean commented)
{
    g_autofree char *full = g_strdup_printf("%s%s%s", path, *path ? "." : "", field->key);
    g_autofree char *help = full_help(field);
    g_autofree char *example = example_of(field);
    const char *given = value_for(values, full);

    commented = commented || (!given && !any_below(values, full));
    g_string_append_printf(out, "%*s# %s\n", depth * 2, "", help);
    g_string_append_printf(out, "%s%*s%s%s:", commented ? "#" : "", depth * 2 - (dash ? 2 : 0), "",
                           dash ? "- " : "", field->key);
    if (given || !field->schema) {
        g_string_append_printf(out, " %s\n", given ? given : example);
        return;
    }
    g_string_append_c(out, '\n');
    append_template(out, field->schema, values, full,
                    depth + (field->type == LAB_FIELD_LIST ? 2 : 1), field->type == LAB_FIELD_LIST,
                    commented);
}

static void
append_template(GString *out, const LabSchema *schema, const char *const *values, const char *path,
                int depth, gboolean in_list, gboolean commented)
{
    for (const LabField *field = schema->fields; field->key; field++) {
        if (depth == 0)
            g_string_append_c(out, '\n');
        append_template_key(out, field, values, path, depth, in_list && field == schema->fields,
                            commented);
    }
}

char *
lab_yaml_template(const LabSchema *schema, const char *const *values)
{
    GString *out = g_string_new(NULL);

    append_template(out, schema, values, "", 0, FALSE, FALSE);
    return g_string_free(out, FALSE);
}

/* A text in double quotes: every text has that form. */
static void
append_quoted(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_printf(out, "\\%c", *text);
        else if (*text == '\n')
            g_string_append(out, "\\n");
        else if (*text == '\t')
            g_string_append(out, "\\t");
        else if ((guchar)*text < 0x20 || *text == 0x7f)
            g_string_append_printf(out, "\\x%02x", (guchar)*text);
        else
            g_string_append_c(out, *text);
    }
    g_string_append_c(out, '"');
}

static gboolean
write_schema(GString *out, const LabSchema *schema, const void *value, int depth, gboolean dash);

/* "key: " with its indent; "- " before the first key of a list's element. */
static void
append_key(GString *out, const char *key, int depth, gboolean *dash)
{
    if (*dash)
        g_string_append_printf(out, "%*s- %s:", depth * 2 - 2, "", key);
    else
        g_string_append_printf(out, "%*s%s:", depth * 2, "", key);
    *dash = FALSE;
}

static gboolean
is_default(const LabField *field, const char *text)
{
    if (!text)
        return TRUE;
    if (field->fallback)
        return strcmp(text, field->fallback) == 0;
    return (field->type == LAB_FIELD_BOOL && strcmp(text, "false") == 0) ||
           (field->type == LAB_FIELD_INT && strcmp(text, "0") == 0) ||
           (field->type == LAB_FIELD_DOUBLE && strcmp(text, "0") == 0) ||
           (field->type == LAB_FIELD_SIZE && strcmp(text, "0B") == 0) ||
           (field->type == LAB_FIELD_DURATION && strcmp(text, "0s") == 0);
}

static void
write_scalar(GString *out, const LabField *field, const void *value, int depth, gboolean *dash)
{
    g_autofree char *text = lab_field_format(field, value);

    if (is_default(field, text))
        return;
    append_key(out, field->key, depth, dash);
    g_string_append_c(out, ' ');
    if (is_text(field))
        append_quoted(out, text);
    else
        g_string_append(out, text);
    g_string_append_c(out, '\n');
}

static void
write_strings(GString *out, const LabField *field, char **strings, int depth, gboolean *dash)
{
    if (!strings || (!*strings && !field->nullable))
        return;
    append_key(out, field->key, depth, dash);
    g_string_append(out, " [");
    for (char **text = strings; *text; text++) {
        g_string_append(out, text > strings ? ", " : "");
        append_quoted(out, *text);
    }
    g_string_append(out, "]\n");
}

static void
write_sizes(GString *out, const LabField *field, const guint64 *sizes, int depth, gboolean *dash)
{
    if (!sizes || !*sizes)
        return;
    append_key(out, field->key, depth, dash);
    g_string_append(out, " [");
    for (const guint64 *size = sizes; *size; size++) {
        g_autofree char *text = lab_size_format(*size);

        g_string_append_printf(out, "%s%s", size > sizes ? ", " : "", text);
    }
    g_string_append(out, "]\n");
}

/* The key is taken back when nothing of the struct is set. */
static void
write_struct(GString *out, const LabField *field, const void *value, int depth, gboolean *dash)
{
    gsize before = out->len;
    gboolean had_dash = *dash;

    append_key(out, field->key, depth, dash);
    g_string_append_c(out, '\n');
    if (!write_schema(out, field->schema, value, depth + 1, FALSE)) {
        g_string_truncate(out, before);
        *dash = had_dash;
    }
}

static void
write_list(GString *out, const LabField *field, const GPtrArray *list, int depth, gboolean *dash)
{
    if (!list || list->len == 0)
        return;
    append_key(out, field->key, depth, dash);
    g_string_append_c(out, '\n');
    for (guint i = 0; i < list->len; i++)
        if (!write_schema(out, field->schema, list->pdata[i], depth + 2, TRUE))
            g_string_append_printf(out, "%*s- {}\n", depth * 2 + 2, "");
}

/* FALSE: nothing was written. */
static gboolean
write_schema(GString *out, const LabSchema *schema, const void *value, int depth, gboolean dash)
{
    gsize before = out->len;

    for (const LabField *field = schema->fields; field->key; field++) {
        switch (field->type) {
        case LAB_FIELD_STRINGS:
            write_strings(out, field, GET(char **, value, field), depth, &dash);
            break;
        case LAB_FIELD_SIZES:
            write_sizes(out, field, GET(guint64 *, value, field), depth, &dash);
            break;
        case LAB_FIELD_STRUCT:
            write_struct(out, field, &GET(char, value, field), depth, &dash);
            break;
        case LAB_FIELD_POINTER:
            if (GET(void *, value, field))
                write_struct(out, field, GET(void *, value, field), depth, &dash);
            break;
        case LAB_FIELD_LIST:
            write_list(out, field, GET(GPtrArray *, value, field), depth, &dash);
            break;
        CASE_LAB_FIELD_SCALAR:
            write_scalar(out, field, value, depth, &dash);
            break;
        }
    }
    return out->len > before;
}

char *
lab_yaml_write(const LabSchema *schema, const void *value)
{
    GString *out = g_string_new(NULL);

    if (!write_schema(out, schema, value, 0, FALSE))
        g_string_append(out, "{}\n");
    return g_string_free(out, FALSE);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-yaml.h"

#include <string.h>

#include "lab-error.h"

#define MAX_PROBLEMS 50

typedef struct {
    guint line, column;
} Position;

typedef struct {
    Position at;
    guint order;
    char *text;
} Problem;

struct LabYaml {
    char *name;
    GHashTable *positions; /* path -> Position */
    GPtrArray *problems;
};

static void
problem_free(gpointer pointer)
{
    Problem *problem = pointer;

    g_free(problem->text);
    g_free(problem);
}

LabYaml *
lab_yaml_new(const char *name)
{
    LabYaml *yaml = g_new0(LabYaml, 1);

    yaml->name = g_strdup(name);
    yaml->positions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    yaml->problems = g_ptr_array_new_with_free_func(problem_free);
    return yaml;
}

void
lab_yaml_free(LabYaml *yaml)
{
    if (!yaml)
        return;
    g_free(yaml->name);
    g_hash_table_unref(yaml->positions);
    g_ptr_array_unref(yaml->problems);
    g_free(yaml);
}

void
lab_yaml_remember(LabYaml *yaml, const char *path, const LabYamlNode *node)
{
    Position *position = g_new(Position, 1);

    position->line = node->line;
    position->column = node->column;
    g_hash_table_replace(yaml->positions, g_strdup(path), position);
}

gboolean
lab_yaml_has(const LabYaml *yaml, const char *path)
{
    return g_hash_table_contains(yaml->positions, path);
}

static void
add_problem(LabYaml *yaml, guint line, guint column, const char *path, const char *text)
{
    Problem *problem = g_new0(Problem, 1);

    problem->at.line = line;
    problem->at.column = column;
    problem->order = yaml->problems->len;
    problem->text = g_strdup_printf("%s%s%s", path, *path ? ": " : "", text);
    g_ptr_array_add(yaml->problems, problem);
}

void
lab_yaml_problem_at(LabYaml *yaml, guint line, guint column, const char *path, const char *format,
                    ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    add_problem(yaml, line, column, path, text);
}

/* The position of 'path', or of the nearest part above it. */
static Position
find_position(const LabYaml *yaml, const char *path)
{
    g_autofree char *part = g_strdup(path);
    Position start = {1, 1};

    while (*part) {
        const Position *found = g_hash_table_lookup(yaml->positions, part);
        char *cut = strrchr(part, '.');
        char *bracket = strrchr(part, '[');

        if (found)
            return *found;
        cut = MAX(cut, bracket);
        *(cut ? cut : part) = '\0';
    }
    return start;
}

void
lab_yaml_problem(LabYaml *yaml, const char *path, const char *format, ...)
{
    Position at = find_position(yaml, path);
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    add_problem(yaml, at.line, at.column, path, text);
}

static int
compare_problems(gconstpointer a, gconstpointer b)
{
    const Problem *first = *(const Problem *const *)a;
    const Problem *second = *(const Problem *const *)b;

    if (first->at.line != second->at.line)
        return first->at.line < second->at.line ? -1 : 1;
    if (first->at.column != second->at.column)
        return first->at.column < second->at.column ? -1 : 1;
    return first->order < second->order ? -1 : 1;
}

gboolean
lab_yaml_finish(LabYaml *yaml, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (yaml->problems->len == 0)
        return TRUE;
    g_ptr_array_sort(yaml->problems, compare_problems);
    for (guint i = 0; i < MIN(yaml->problems->len, MAX_PROBLEMS); i++) {
        const Problem *problem = yaml->problems->pdata[i];

        g_string_append_printf(text, "%s%s:%u:%u: %s", i > 0 ? "\n" : "", yaml->name,
                               problem->at.line, problem->at.column, problem->text);
    }
    if (yaml->problems->len > MAX_PROBLEMS)
        g_string_append_printf(text, "\n%s: and %u more", yaml->name,
                               yaml->problems->len - MAX_PROBLEMS);
    g_set_error_literal(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, text->str);
    return FALSE;
}

gboolean
lab_yaml_load(LabYaml *yaml, const char *text, gsize length, const LabSchema *schema, void *value)
{
    g_autoptr(LabYamlNode) root = lab_yaml_read_nodes(yaml, text, length);
    g_autofree char *message = NULL;

    if (!root)
        return FALSE;
    lab_yaml_check(yaml, root, schema, "");
    if (yaml->problems->len > 0)
        return FALSE;
    if (lab_yaml_fill(text, length, schema, value, &message))
        return TRUE;
    lab_yaml_problem_at(yaml, 1, 1, "", "%s", message);
    return FALSE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints the keys of a file's format as reStructuredText, from the schema table that its loader
 * goes by: format-keys recipe|matrix|policy
 */
#include <stdio.h>
#include <string.h>

#include "lab-policy.h"
#include "lab-recipe-form.h"
#include "lab-tables.h"

static const struct {
    const char *name;
    const LabSchema *schema;
} formats[] = {
    {"recipe", &lab_recipe_form_table},
    {"matrix", &lab_matrix_table},
    {"policy", &lab_policy_table},
};

static const char *
type_word(const LabField *field)
{
    switch (field->type) {
    case LAB_FIELD_BOOL:
        return "true or false";
    case LAB_FIELD_STRING:
    case LAB_FIELD_CHOICE:
        return "string";
    case LAB_FIELD_TEXT:
        return "text";
    case LAB_FIELD_INT:
        return "whole number";
    case LAB_FIELD_DOUBLE:
        return "number";
    case LAB_FIELD_SIZE:
        return "size";
    case LAB_FIELD_DURATION:
        return "duration";
    case LAB_FIELD_STRINGS:
        return "list of strings";
    case LAB_FIELD_SIZES:
        return "list of sizes";
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
        return "mapping";
    case LAB_FIELD_LIST:
        return "list of mappings";
    }
    return "?";
}

static void
print_escaped(const char *text)
{
    for (; *text; text++) {
        if (strchr("\\*`|_", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void
print_indent(int depth)
{
    printf("%*s", depth * 4, "");
}

static void
print_field(const LabField *field, int depth)
{
    print_indent(depth);
    printf("**%s** (%s%s)\n", field->key, type_word(field), field->required ? ", required" : "");
    print_indent(depth + 1);
    printf("%c", g_ascii_toupper(field->help[0]));
    print_escaped(field->help + 1);
    putchar('.');
    if (field->form_help && field->type == LAB_FIELD_STRINGS) {
        printf(" Each is of the form ");
        print_escaped(field->form_help);
        putchar('.');
    }
    if (field->choices) {
        printf(" One of ");
        for (const char *const *word = field->choices; *word; word++)
            printf("%s**%s**", word == field->choices ? "" : word[1] ? ", " : " and ", *word);
        putchar('.');
    }
    if (field->fallback && !strstr(field->fallback, "inf"))
        printf(" Default: **%s**.", field->fallback);
    puts("\n");
}

static void
print_schema(const LabSchema *schema, int depth)
{
    for (const LabField *field = schema->fields; field->key; field++) {
        print_field(field, depth);
        if (field->schema)
            print_schema(field->schema, depth + 1);
    }
}

int
main(int argc, char *argv[])
{
    for (gsize i = 0; argc == 2 && i < G_N_ELEMENTS(formats); i++) {
        if (strcmp(formats[i].name, argv[1]) == 0) {
            print_schema(formats[i].schema, 0);
            return 0;
        }
    }
    fprintf(stderr, "usage: format-keys recipe|matrix|policy\n");
    return 2;
}

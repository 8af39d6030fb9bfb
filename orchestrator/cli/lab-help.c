/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --help, from the option tables. */
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"

#define HELP_COLUMN 28
#define WIDTH       100

/* Prints 'text' from HELP_COLUMN on, wrapped; 'used' columns of the first line are taken. */
static void
print_wrapped(const char *text, int used)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    int column = HELP_COLUMN;

    if (used >= HELP_COLUMN) {
        putchar('\n');
        used = 0;
    }
    printf("%*s", HELP_COLUMN - used, "");
    for (char **word = words; *word; word++) {
        int length = (int)g_utf8_strlen(*word, -1);

        if (column > HELP_COLUMN && column + 1 + length > WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        printf("%s%s", column > HELP_COLUMN ? " " : "", *word);
        column += length + (column > HELP_COLUMN);
    }
    putchar('\n');
}

static void
print_option(const LabOption *option)
{
    g_autoptr(GString) left = g_string_new("  ");
    g_autoptr(GString) help = g_string_new(option->help);

    if (option->letter)
        g_string_append_printf(left, "-%c, ", option->letter);
    else
        g_string_append(left, "    ");
    g_string_append_printf(left, "--%s", option->name);
    if (option->argument)
        g_string_append_printf(left, " %s", option->argument);
    if (option->choices) {
        g_autofree char *all = g_strjoinv(", ", (char **)option->choices);

        g_string_append_printf(help, ": one of %s", all);
    }
    fputs(left->str, stdout);
    print_wrapped(help->str, (int)left->len + 1 > HELP_COLUMN ? HELP_COLUMN : (int)left->len);
}

static void
print_row(const char *name, const char *summary)
{
    int used = printf("  %s", name);

    print_wrapped(summary, used);
}

static void
print_program(void)
{
    puts(
        "usage: kreglab [OPTION…] VERB [ARGUMENT…]\n"
        "\n"
        "Boots Linux kernels in QEMU guests, provokes a crash with a recipe, collects console and\n"
        "vmcore, and says how the outcomes differ between kernels.\n"
        "\n"
        "verbs:");
    for (const LabVerb *const *verb = lab_verbs; *verb; verb++)
        if (!(*verb)->hidden)
            print_row((*verb)->name, (*verb)->summary);
    puts("\noptions of every verb:");
    for (const LabOption *option = lab_global_options; option->name; option++)
        print_option(option);
    puts("\nexit status: 0 all as expected, 1 an unexpected outcome or a regression, 2 wrong usage "
         "or\n"
         "configuration, 3 the lab or its host failed, 4 not enough evidence");
}

void
lab_help_print(const LabVerb *verb, const LabVerb *parent)
{
    gboolean heading = FALSE;

    if (!verb) {
        print_program();
        return;
    }
    printf("usage: kreglab %s%s%s", parent ? parent->name : "", parent ? " " : "", verb->name);
    if (verb->subverbs)
        printf(" WORD [ARGUMENT…]");
    else
        printf("%s%s%s", verb->options[0] ? " [OPTION…]" : "", verb->synopsis ? " " : "",
               verb->synopsis ? verb->synopsis : "");
    printf("\n\n%s\n", verb->summary);
    if (verb->description)
        printf("\n%s\n", verb->description);
    if (verb->subverbs) {
        puts("\nwords:");
        for (const LabVerb *sub = verb->subverbs; sub->name; sub++)
            if (!sub->hidden)
                print_row(sub->name, sub->summary);
        printf("\n'kreglab %s WORD --help' says more.\n", verb->name);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(verb->options) && verb->options[i]; i++) {
        for (const LabOption *option = verb->options[i]; option->name; option++) {
            if (!heading)
                puts("\noptions:");
            heading = TRUE;
            print_option(option);
        }
    }
    puts("\n'kreglab --help' lists the options that every verb takes.");
}

static void
dump_table(const char *verb, const LabOption *option)
{
    char letter[3] = "-";

    for (; option && option->name; option++) {
        letter[1] = option->letter;
        printf("%s\t--%s\t%s\t%s\t%s\n", verb, option->name, option->letter ? letter : "",
               option->argument ? option->argument : "", option->help);
    }
}

static void
dump_verb(const char *name, const LabVerb *verb)
{
    printf("%s\t\t\t%s\t%s\n", name, verb->synopsis ? verb->synopsis : "", verb->summary);
    for (gsize i = 0; i < G_N_ELEMENTS(verb->options); i++)
        dump_table(name, verb->options[i]);
}

void
lab_help_dump_options(void)
{
    dump_table("", lab_global_options);
    for (const LabVerb *const *verb = lab_verbs; *verb; verb++) {
        if ((*verb)->hidden)
            continue;
        dump_verb((*verb)->name, *verb);
        for (const LabVerb *sub = (*verb)->subverbs; sub && sub->name; sub++) {
            g_autofree char *name = g_strdup_printf("%s %s", (*verb)->name, sub->name);

            if (!sub->hidden)
                dump_verb(name, sub);
        }
    }
}

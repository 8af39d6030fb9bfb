/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line's parser and what verbs read of it. */
#include "lab-cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-log.h"
#include "lab-units.h"

const LabOption lab_global_options[] = {
    {"data", 0, LAB_OPTION_STRING, "DIR",
     "where kernels and runs are kept (default: $KREGLAB_DATA, else "
     "$XDG_DATA_HOME/kreglab)",
     .hint = LAB_HINT_DIRECTORY},
    {"verbose", 'v', LAB_OPTION_FLAG, NULL, "say more on stderr"},
    {"quiet", 'q', LAB_OPTION_FLAG, NULL, "say only warnings and errors on stderr"},
    {"no-color", 0, LAB_OPTION_FLAG, NULL, "no colours (the variable NO_COLOR does the same)"},
    {"help", 'h', LAB_OPTION_FLAG, NULL, "print help and end"},
    {"version", 0, LAB_OPTION_FLAG, NULL, "print the version and end"},
    {NULL},
};

typedef struct {
    const LabOption *option;
    gboolean given;
    GPtrArray *texts; /* char *, in the order given */
    guint64 number;
} LabValue;

static void
value_free(gpointer pointer)
{
    LabValue *value = pointer;

    g_ptr_array_unref(value->texts);
    g_free(value);
}

static void
add_table(GHashTable *values, const LabOption *table)
{
    for (; table && table->name; table++) {
        LabValue *value = g_new0(LabValue, 1);

        value->option = table;
        value->texts = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(value->texts, NULL);
        g_hash_table_replace(values, (gpointer)table->name, value);
    }
}

static const LabValue *
value_of(const LabCli *cli, const char *name)
{
    const LabValue *value = g_hash_table_lookup(cli->values, name);

    if (!value)
        g_error("verb '%s' has no option '%s'", cli->name, name);
    return value;
}

gboolean
lab_cli_given(const LabCli *cli, const char *name)
{
    return value_of(cli, name)->given;
}

gboolean
lab_cli_flag(const LabCli *cli, const char *name)
{
    return value_of(cli, name)->given;
}

const char *
lab_cli_string(const LabCli *cli, const char *name)
{
    const LabValue *value = value_of(cli, name);

    return value->given ? value->texts->pdata[value->texts->len - 2] : NULL;
}

const char *const *
lab_cli_strings(const LabCli *cli, const char *name)
{
    return (const char *const *)value_of(cli, name)->texts->pdata;
}

gint64
lab_cli_int(const LabCli *cli, const char *name, gint64 otherwise)
{
    const LabValue *value = value_of(cli, name);

    return value->given ? (gint64)value->number : otherwise;
}

guint64
lab_cli_size_bytes(const LabCli *cli, const char *name)
{
    return value_of(cli, name)->number;
}

gint64
lab_cli_duration_ms(const LabCli *cli, const char *name)
{
    return (gint64)value_of(cli, name)->number;
}

int
lab_cli_usage(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, LAB_CONFIG_ERROR, LAB_ERROR_USAGE, text);
    return LAB_EXIT_CONFIG;
}

void
lab_cli_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
}

void
lab_cli_print(const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *clean = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    clean = lab_text_clean(text, -1, TRUE);
    fputs(clean, stdout);
}

const LabVerb *
lab_verb_find(const LabVerb *const *verbs, const char *name)
{
    for (; *verbs; verbs++)
        if (strcmp((*verbs)->name, name) == 0)
            return *verbs;
    return NULL;
}

/* "a, b, c" */
static char *
list_words(const char *const *words)
{
    return g_strjoinv(", ", (char **)words);
}

static gboolean
check_choice(const LabOption *option, const char *text, GError **error)
{
    g_autofree char *all = NULL;

    if (!option->choices || g_strv_contains(option->choices, text))
        return TRUE;
    all = list_words(option->choices);
    lab_cli_usage(error, "'--%s %s': not one of %s", option->name, text, all);
    return FALSE;
}

static gboolean
parse_int(LabValue *value, const char *text, GError **error)
{
    const LabOption *option = value->option;
    gint64 max = option->max > 0 ? option->max : G_MAXINT;
    gint64 number;

    if (!g_ascii_string_to_signed(text, 10, option->min, max, &number, NULL)) {
        lab_cli_usage(
            error, "'--%s %s': not a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
            option->name, text, option->min, max);
        return FALSE;
    }
    value->number = (guint64)number;
    return TRUE;
}

static gboolean
set_value(LabValue *value, const char *text, GError **error)
{
    const LabOption *option = value->option;
    gint64 ms = 0;

    switch (option->type) {
    case LAB_OPTION_FLAG:
        break;
    case LAB_OPTION_STRING:
    case LAB_OPTION_STRINGS:
        if (!check_choice(option, text, error))
            return FALSE;
        break;
    case LAB_OPTION_INT:
        if (!parse_int(value, text, error))
            return FALSE;
        break;
    case LAB_OPTION_SIZE:
        if (!lab_size_parse(text, &value->number) || value->number == 0) {
            lab_cli_usage(error, "'--%s %s': not a size with its unit, such as 512M or 2G",
                          option->name, text);
            return FALSE;
        }
        break;
    case LAB_OPTION_DURATION:
        if (!lab_duration_parse(text, &ms) || ms == 0) {
            lab_cli_usage(error, "'--%s %s': not a time with its unit, such as 500ms, 90s or 10m",
                          option->name, text);
            return FALSE;
        }
        value->number = (guint64)ms;
        break;
    }
    value->given = TRUE;
    if (text)
        g_ptr_array_insert(value->texts, (int)value->texts->len - 1, g_strdup(text));
    return TRUE;
}

static gboolean
unknown_option(LabCommandLine *line, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    const char *meant;

    g_hash_table_iter_init(&iter, line->cli.values);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(names, key);
    g_ptr_array_add(names, NULL);
    meant = lab_did_you_mean(name, (const char *const *)names->pdata);
    if (meant)
        lab_cli_usage(error, "unknown option '--%s': did you mean '--%s'?", name, meant);
    else
        lab_cli_usage(error, "unknown option '--%s'", name);
    return FALSE;
}

static gboolean
parse_long(LabCommandLine *line, const char *text, int *at, int argc, char **argv, GError **error)
{
    const char *equals = strchr(text, '=');
    g_autofree char *name = equals ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    LabValue *value = g_hash_table_lookup(line->cli.values, name);

    if (!value)
        return unknown_option(line, name, error);
    if (value->option->type == LAB_OPTION_FLAG) {
        if (!equals)
            return set_value(value, NULL, error);
        lab_cli_usage(error, "option '--%s' takes no argument", name);
        return FALSE;
    }
    if (equals)
        return set_value(value, equals + 1, error);
    if (*at + 1 >= argc) {
        lab_cli_usage(error, "option '--%s' lacks its argument %s", name, value->option->argument);
        return FALSE;
    }
    return set_value(value, argv[++*at], error);
}

static LabValue *
value_of_letter(LabCommandLine *line, char letter)
{
    GHashTableIter iter;
    gpointer pointer;

    g_hash_table_iter_init(&iter, line->cli.values);
    while (g_hash_table_iter_next(&iter, NULL, &pointer))
        if (((LabValue *)pointer)->option->letter == letter)
            return pointer;
    return NULL;
}

/* "-v", "-vq", "-j4", "-j 4" */
static gboolean
parse_letters(LabCommandLine *line, const char *text, int *at, int argc, char **argv,
              GError **error)
{
    for (; *text; text++) {
        LabValue *value = value_of_letter(line, *text);

        if (!value) {
            lab_cli_usage(error, "unknown option '-%c'", *text);
            return FALSE;
        }
        if (value->option->type == LAB_OPTION_FLAG) {
            if (!set_value(value, NULL, error))
                return FALSE;
            continue;
        }
        if (text[1])
            return set_value(value, text + 1, error);
        if (*at + 1 >= argc) {
            lab_cli_usage(error, "option '-%c' lacks its argument %s", *text,
                          value->option->argument);
            return FALSE;
        }
        return set_value(value, argv[++*at], error);
    }
    return TRUE;
}

static gboolean
unknown_verb(const char *kind, const char *name, const char *const *names, GError **error)
{
    const char *meant = lab_did_you_mean(name, names);
    g_autofree char *all = list_words(names);

    if (meant)
        lab_cli_usage(error, "unknown %s '%s': did you mean '%s'?", kind, name, meant);
    else
        lab_cli_usage(error, "unknown %s '%s': there are %s", kind, name, all);
    return FALSE;
}

static gboolean
choose_verb(LabCommandLine *line, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    line->verb = lab_verb_find(lab_verbs, name);
    if (!line->verb) {
        for (const LabVerb *const *verb = lab_verbs; *verb; verb++)
            if (!(*verb)->hidden)
                g_ptr_array_add(names, (gpointer)(*verb)->name);
        g_ptr_array_add(names, NULL);
        return unknown_verb("verb", name, (const char *const *)names->pdata, error);
    }
    line->cli.name = g_strdup(name);
    line->cli.verb = line->verb;
    for (gsize i = 0; i < G_N_ELEMENTS(line->verb->options); i++)
        add_table(line->cli.values, line->verb->options[i]);
    return TRUE;
}

static gboolean
choose_subverb(LabCommandLine *line, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    char *full;

    for (const LabVerb *verb = line->verb->subverbs; verb->name; verb++) {
        g_ptr_array_add(names, (gpointer)verb->name);
        if (strcmp(verb->name, name) == 0) {
            line->parent = line->verb;
            line->verb = verb;
            line->cli.verb = verb;
            full = g_strdup_printf("%s %s", line->parent->name, name);
            g_free((char *)line->cli.name);
            line->cli.name = full;
            for (gsize i = 0; i < G_N_ELEMENTS(verb->options); i++)
                add_table(line->cli.values, verb->options[i]);
            return TRUE;
        }
    }
    g_ptr_array_add(names, NULL);
    return unknown_verb(line->verb->name, name, (const char *const *)names->pdata, error);
}

static gboolean
parse_words(LabCommandLine *line, int argc, char **argv, GPtrArray *args, GError **error)
{
    gboolean only_args = FALSE;

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (only_args) {
            g_ptr_array_add(args, g_strdup(word));
        } else if (strcmp(word, "--") == 0) {
            if (line->verb && line->verb->takes_rest) {
                line->cli.rest = g_strdupv(argv + i + 1);
                return TRUE;
            }
            only_args = TRUE;
        } else if (strcmp(word, "--dump-options") == 0 && !line->verb) {
            line->dump_options = TRUE;
        } else if (g_str_has_prefix(word, "--")) {
            if (!parse_long(line, word + 2, &i, argc, argv, error))
                return FALSE;
        } else if (word[0] == '-' && word[1]) {
            if (!parse_letters(line, word + 1, &i, argc, argv, error))
                return FALSE;
        } else if (!line->verb) {
            if (!choose_verb(line, word, error))
                return FALSE;
        } else if (line->verb->subverbs) {
            if (!choose_subverb(line, word, error))
                return FALSE;
        } else {
            g_ptr_array_add(args, g_strdup(word));
        }
    }
    return TRUE;
}

static gboolean
check_arguments(const LabCommandLine *line, GError **error)
{
    const LabVerb *verb = line->verb;
    int n = line->cli.n_args;

    if (!verb)
        lab_cli_usage(error, "no verb given");
    else if (verb->subverbs)
        lab_cli_usage(error, "'%s' needs a word after it", verb->name);
    else if (n < verb->min_args)
        lab_cli_usage(error, "too few arguments: it takes %s", verb->synopsis);
    else if (verb->max_args >= 0 && n > verb->max_args)
        lab_cli_usage(error, "'%s' is one argument too many", line->cli.args[verb->max_args]);
    else
        return TRUE;
    return FALSE;
}

/* --help and --version are answered whatever else is wrong on the line. */
static void
take_globals(LabCommandLine *line)
{
    LabCli *cli = &line->cli;

    line->help = lab_cli_flag(cli, "help");
    line->version = lab_cli_flag(cli, "version");
    line->data = g_strdup(lab_cli_string(cli, "data"));
    line->no_color = lab_cli_flag(cli, "no-color");
    cli->verbose = lab_cli_flag(cli, "verbose");
    cli->quiet = lab_cli_flag(cli, "quiet");
}

gboolean
lab_command_line_parse(LabCommandLine *line, int argc, char **argv, GError **error)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
    const char *no_color = g_getenv("NO_COLOR");
    gboolean ok;

    memset(line, 0, sizeof(*line));
    line->program = "kreglab";
    line->cli.values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, value_free);
    add_table(line->cli.values, lab_global_options);
    ok = parse_words(line, argc, argv, args, error);
    line->cli.n_args = (int)args->len;
    g_ptr_array_add(args, NULL);
    line->cli.args = (char **)g_ptr_array_steal(args, NULL);
    take_globals(line);
    line->cli.color = !line->no_color && !(no_color && *no_color) && isatty(STDOUT_FILENO);
    if (!ok || line->help || line->version || line->dump_options)
        return ok;
    return check_arguments(line, error);
}

void
lab_command_line_clear(LabCommandLine *line)
{
    g_clear_pointer(&line->cli.values, g_hash_table_unref);
    g_strfreev(line->cli.args);
    g_strfreev(line->cli.rest);
    g_free((char *)line->cli.name);
    g_free(line->data);
    memset(line, 0, sizeof(*line));
}

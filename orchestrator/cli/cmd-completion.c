/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completion. The script that a shell loads only asks back: the hidden verb __complete reads the
 * same option tables as the parser, and looks into the data directory for names.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-kernel-verbs.h"
#include "lab-plan.h"

static const char bash_script[] =
    "# bash completion for kreglab: source <(kreglab completion bash)\n"
    "_kreglab()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} line words=() i\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        # --option=value comes in three words.\n"
    "        [[ ${COMP_WORDS[i]} == = ]] || words+=(\"${COMP_WORDS[i]}\")\n"
    "    done\n"
    "    if [[ $word == = ]]; then\n"
    "        word=\n"
    "        words+=(\"\")\n"
    "    fi\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :file) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f "
    "-- "
    "\"$word\") ;;\n"
    "        :directory) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < "
    "<(compgen "
    "-d -- \"$word\") ;;\n"
    "        *) COMPREPLY+=(\"$line\") ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete -- \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _kreglab kreglab\n";

static int
cmd_completion(LabCli *cli, GError **error)
{
    if (strcmp(cli->args[0], "bash") != 0)
        return lab_cli_usage(error, "no completion for '%s': there is bash", cli->args[0]);
    fputs(bash_script, stdout);
    return LAB_EXIT_OK;
}

const LabVerb lab_verb_completion = {
    .name = "completion",
    .summary = "print the script that completes kreglab's command line",
    .synopsis = "bash",
    .description = "For bash: put 'source <(kreglab completion bash)' into ~/.bashrc.",
    .min_args = 1,
    .max_args = 1,
    .run = cmd_completion,
};

typedef struct {
    const LabPaths *paths;
    const LabVerb *verb;
    const LabOption *pending; /* option whose argument is to come */
    int n_args;
    const char *word; /* what is being typed */
} Completion;

static void
offer(const Completion *c, const char *text)
{
    if (g_str_has_prefix(text, c->word))
        lab_cli_print("%s\n", text);
}

/* Names in 'folder' that hold 'marker'; with 'prefix' before them. */
static void
offer_folder(const Completion *c, const char *folder, const char *marker, const char *prefix)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(folder, name, marker, NULL);
        g_autofree char *full = g_strconcat(prefix, name, NULL);

        if (lab_file_exists(AT_FDCWD, file))
            offer(c, full);
    }
}

static void
offer_recipes(const Completion *c)
{
    g_autofree char *own = g_build_filename(c->paths->data, "recipes", NULL);

    offer_folder(c, c->paths->recipes, "recipe.yaml", "");
    offer_folder(c, own, "recipe.yaml", "");
    if (strchr(c->word, '/') || *c->word == '.')
        puts(":directory");
}

static void
offer_variants(const Completion *c)
{
    g_autoptr(GPtrArray) recipes = lab_plan_recipes(c->paths, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; recipes && i < recipes->len; i++) {
        const LabRecipe *recipe = recipes->pdata[i];

        for (guint n = 0; n < recipe->variants->len; n++) {
            const LabVariant *variant = recipe->variants->pdata[n];

            if (g_hash_table_add(seen, variant->name))
                offer(c, variant->name);
        }
    }
}

/* RUN, and RUN/CELL when the run is typed. */
static void
offer_runs(const Completion *c, gboolean cells)
{
    g_autofree char *root = g_build_filename(c->paths->data, "runs", NULL);
    const char *slash = strchr(c->word, '/');
    g_autofree char *run = slash ? g_strndup(c->word, (gsize)(slash - c->word)) : NULL;
    g_autofree char *prefix = run ? g_strconcat(run, "/", NULL) : NULL;
    g_autofree char *folder = run ? g_build_filename(root, run, "cells", NULL) : NULL;

    if (cells && run) {
        offer_folder(c, folder, "cell.json", prefix);
        return;
    }
    offer(c, "latest");
    offer_folder(c, root, "run.json", "");
}

static void
offer_catalogue(const Completion *c)
{
    g_autoptr(LabCatalogue) catalogue = lab_kernel_catalogue(c->paths, NULL);

    for (guint i = 0; catalogue && i < catalogue->kernels->len; i++)
        offer(c, ((LabCatalogueEntry *)catalogue->kernels->pdata[i])->name);
}

static void
offer_verbs(const Completion *c)
{
    for (const LabVerb *const *verb = lab_verbs; *verb; verb++)
        if (!(*verb)->hidden)
            offer(c, (*verb)->name);
}

static void
offer_hint(const Completion *c, LabHint hint)
{
    g_autofree char *kernels = g_build_filename(c->paths->data, "kernels", NULL);

    switch (hint) {
    case LAB_HINT_NONE:
        break;
    case LAB_HINT_FILE:
        puts(":file");
        break;
    case LAB_HINT_DIRECTORY:
        puts(":directory");
        break;
    case LAB_HINT_KERNEL:
        offer_folder(c, kernels, "kernel.json", "");
        break;
    case LAB_HINT_CATALOGUE:
        offer_catalogue(c);
        break;
    case LAB_HINT_SOURCE:
        offer_catalogue(c);
        puts(":file");
        break;
    case LAB_HINT_ADVISE:
        offer_folder(c, kernels, "kernel.json", "");
        puts(":file");
        break;
    case LAB_HINT_RECIPE:
        offer_recipes(c);
        break;
    case LAB_HINT_VARIANT:
        offer_variants(c);
        break;
    case LAB_HINT_RUN:
        offer_runs(c, FALSE);
        break;
    case LAB_HINT_CELL:
        offer_runs(c, TRUE);
        break;
    case LAB_HINT_VERB:
        offer_verbs(c);
        break;
    }
}

static void
offer_options(const Completion *c, const LabOption *table)
{
    for (; table && table->name; table++) {
        g_autofree char *text = g_strconcat("--", table->name, NULL);

        offer(c, text);
    }
}

static const LabOption *
find_in_table(const LabOption *table, const char *word)
{
    for (; table && table->name; table++)
        if ((g_str_has_prefix(word, "--") && strcmp(word + 2, table->name) == 0) ||
            (table->letter && word[0] == '-' && word[1] == table->letter && !word[2]))
            return table;
    return NULL;
}

static const LabOption *
find_option(const Completion *c, const char *word)
{
    const LabOption *option = find_in_table(lab_global_options, word);

    for (gsize i = 0; !option && c->verb && i < G_N_ELEMENTS(c->verb->options); i++)
        option = find_in_table(c->verb->options[i], word);
    return option;
}

static const LabVerb *
find_subverb(const LabVerb *verb, const char *name)
{
    for (const LabVerb *sub = verb->subverbs; sub->name; sub++)
        if (strcmp(sub->name, name) == 0)
            return sub;
    return NULL;
}

/* One word that is typed already. FALSE: nothing can be offered behind it. */
static gboolean
take_word(Completion *c, const char *word)
{
    if (c->pending) {
        c->pending = NULL;
        return TRUE;
    }
    if (strcmp(word, "--") == 0)
        return FALSE;
    if (word[0] == '-' && word[1]) {
        c->pending = find_option(c, word);
        if (c->pending && c->pending->type == LAB_OPTION_FLAG)
            c->pending = NULL;
        return TRUE;
    }
    if (!c->verb)
        return (c->verb = lab_verb_find(lab_verbs, word)) != NULL;
    if (c->verb->subverbs)
        return (c->verb = find_subverb(c->verb, word)) != NULL;
    c->n_args++;
    return TRUE;
}

static LabHint
hint_of_argument(const LabVerb *verb, int n)
{
    LabHint hint = LAB_HINT_NONE;

    if (verb->max_args >= 0 && n >= verb->max_args)
        return LAB_HINT_NONE;
    for (int i = 0; i <= n && i < (int)G_N_ELEMENTS(verb->hints); i++)
        if (verb->hints[i] != LAB_HINT_NONE)
            hint = verb->hints[i];
    return hint;
}

static void
complete(const Completion *c)
{
    if (c->pending) {
        for (const char *const *word = c->pending->choices; word && *word; word++)
            offer(c, *word);
        if (!c->pending->choices)
            offer_hint(c, c->pending->hint);
    } else if (*c->word == '-') {
        for (gsize i = 0; c->verb && i < G_N_ELEMENTS(c->verb->options); i++)
            offer_options(c, c->verb->options[i]);
        offer_options(c, lab_global_options);
    } else if (!c->verb) {
        offer_verbs(c);
    } else if (c->verb->subverbs) {
        for (const LabVerb *sub = c->verb->subverbs; sub->name; sub++)
            offer(c, sub->name);
    } else {
        offer_hint(c, hint_of_argument(c->verb, c->n_args));
    }
}

static int
cmd_complete(LabCli *cli, GError **error)
{
    Completion c = {.paths = cli->paths};
    guint n = cli->rest ? g_strv_length(cli->rest) : 0;
    g_autoptr(LabPaths) paths = NULL;

    if (n == 0)
        return LAB_EXIT_OK;
    c.word = cli->rest[n - 1];
    for (guint i = 0; i + 1 < n; i++) {
        if (strcmp(cli->rest[i], "--data") == 0 && i + 2 < n) {
            g_clear_pointer(&paths, lab_paths_free);
            paths = lab_paths_new(cli->rest[i + 1]);
            c.paths = paths;
        }
        if (!take_word(&c, cli->rest[i]))
            return LAB_EXIT_OK;
    }
    complete(&c);
    return LAB_EXIT_OK;
}

const LabVerb lab_verb___complete = {
    .name = "__complete",
    .summary = "print what the last word may become",
    .max_args = 0,
    .takes_rest = TRUE,
    .hidden = TRUE,
    .run = cmd_complete,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-crash-source.h"
#include "lab-error.h"
#include "lab-json.h"

/* Two columns and the mark before them fill 80. */
#define COLUMN 37

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {"also-a", 'a', LAB_OPTION_STRINGS, "LOG", "one more log or cell of the crash A",
     .hint = LAB_HINT_FILE},
    {"also-b", 'b', LAB_OPTION_STRINGS, "LOG", "one more log or cell of the crash B",
     .hint = LAB_HINT_FILE},
    {"threshold", 't', LAB_OPTION_STRING, "SCORE",
     "score from which stacks are similar, 0 to 1 (default: similarity.threshold of the "
     "configuration, 0.57)"},
    {"own-runs", 0, LAB_OPTION_FLAG, NULL, "count how common a function is in this lab's runs too"},
    {NULL},
};

static LabCrashSource *
read_side(const LabCli *cli, const char *name, const char *more, GError **error)
{
    g_autoptr(LabCrashSource) source = lab_crash_source_new(name);

    if (!lab_crash_source_add(source, cli, name, error))
        return NULL;
    for (const char *const *also = lab_cli_strings(cli, more); *also; also++)
        if (!lab_crash_source_add(source, cli, *also, error))
            return NULL;
    return g_steal_pointer(&source);
}

/* --- text --- */

/* "function [module]", cut to the column. g_free. */
static char *
frame_text(const LabCrashTrace *trace, gint index)
{
    const LabCrashFrame *frame = index >= 0 ? trace->stack->pdata[index] : NULL;
    char *text = !frame          ? g_strdup("")
                 : frame->module ? g_strdup_printf("%s [%s]", frame->function, frame->module)
                                 : g_strdup(frame->function);

    if (g_utf8_validate(text, -1, NULL) && g_utf8_strlen(text, -1) > COLUMN) {
        char *cut = g_utf8_substring(text, 0, COLUMN - 1);

        g_free(text);
        text = g_strconcat(cut, "…", NULL);
        g_free(cut);
    }
    return text;
}

/* Frames that have no partner stand on one line where they are at the same place. */
static void
print_frames(const LabCrashMatch *match, const GArray *pairs, gboolean color)
{
    lab_cli_print("\n    %-*s  %s\n", COLUMN, "A", "B");
    for (guint i = 0; i < pairs->len; i++) {
        LabCrashPair pair = g_array_index(pairs, LabCrashPair, i);
        gboolean matched = pair.a >= 0 && pair.b >= 0;
        g_autofree char *left = NULL;
        g_autofree char *right = NULL;

        if (!matched && i + 1 < pairs->len) {
            LabCrashPair next = g_array_index(pairs, LabCrashPair, i + 1);

            if ((pair.a < 0) != (next.a < 0) && (pair.b < 0) != (next.b < 0)) {
                pair.a = MAX(pair.a, next.a);
                pair.b = MAX(pair.b, next.b);
                i++;
            }
        }
        left = frame_text(match->a, pair.a);
        right = frame_text(match->b, pair.b);
        if (color && matched)
            fputs("\033[32m", stdout);
        lab_cli_print("%s %-*s  %s",
                      matched      ? " = "
                      : pair.b < 0 ? "<  "
                      : pair.a < 0 ? "  >"
                                   : "< >",
                      COLUMN + (int)(strlen(left) - (gsize)g_utf8_strlen(left, -1)), left, right);
        fputs(color && matched ? "\033[0m\n" : "\n", stdout);
    }
    fputs("\n = the same function   < in A only   > in B only\n", stdout);
}

static void
print_side(const char *letter, const LabCrashSource *source, const LabCrashTrace *trace)
{
    lab_cli_print("%s  %s", letter, source->name);
    if (source->n_logs > 1)
        lab_cli_print(" (%u crashes in %u logs)", source->traces->len, source->n_logs);
    lab_cli_print("\n   %s\n", trace ? trace->title : "no crash");
    if (trace && trace->k0)
        lab_cli_print("   K0 %s  K1 %s\n", trace->k0, trace->k1 ? trace->k1 : "none");
    if (source->release)
        lab_cli_print("   %s\n", source->release);
}

/* A sentence over lines of at most 'width' columns. */
static void
print_wrapped(const char *text, guint width)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    glong column = 0;

    for (char **word = words; *word; word++) {
        glong length = g_utf8_strlen(*word, -1);

        if (column > 0 && column + 1 + length > (glong)width) {
            fputc('\n', stdout);
            column = 0;
        }
        lab_cli_print("%s%s", column ? " " : "", *word);
        column += length + (column > 0);
    }
    fputc('\n', stdout);
}

static void
print_match(const LabCli *cli, const LabCrashMatch *match, const LabCrashSource *const *sources,
            const GArray *pairs, double threshold)
{
    lab_cli_print("%s", lab_crash_verdict_name(match->verdict));
    if (pairs)
        lab_cli_print("  (score %.2f, threshold %.2f)", match->score, threshold);
    fputc('\n', stdout);
    print_wrapped(match->why, 80);
    fputc('\n', stdout);
    print_side("A", sources[0], match->a);
    print_side("B", sources[1], match->b);
    if (pairs && pairs->len)
        print_frames(match, pairs, cli->color);
}

/* --- JSON --- */

static json_t *
side_json(const LabCrashSource *source, const LabCrashTrace *trace)
{
    return json_pack(
        "{s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "name",
        lab_json_text(source->name), "logs", (int)source->n_logs, "crashes",
        (int)source->traces->len, "release", lab_json_text(source->release), "title",
        lab_json_text(trace ? trace->title : NULL), "type",
        lab_json_text(trace ? trace->type : NULL), "alternatives",
        trace ? lab_json_from_strv((const char *const *)trace->alternatives) : json_array(), "k0",
        lab_json_text(trace ? trace->k0 : NULL), "k1", lab_json_text(trace ? trace->k1 : NULL),
        "k2", lab_json_text(trace ? trace->k2 : NULL), "corrupted", trace && trace->corrupted);
}

static json_t *
frame_json(const LabCrashTrace *trace, gint index)
{
    const LabCrashFrame *frame = index >= 0 ? trace->stack->pdata[index] : NULL;

    if (!frame)
        return json_null();
    return json_pack("{s:o, s:o}", "function", lab_json_text(frame->function), "module",
                     lab_json_text(frame->module));
}

static json_t *
match_json(const LabCrashMatch *match, const LabCrashSource *const *sources, const GArray *pairs,
           double threshold)
{
    json_t *frames = json_array();

    for (guint i = 0; pairs && i < pairs->len; i++) {
        LabCrashPair pair = g_array_index(pairs, LabCrashPair, i);

        json_array_append_new(
            frames, json_pack("{s:o, s:o, s:b}", "a", frame_json(match->a, pair.a), "b",
                              frame_json(match->b, pair.b), "match", pair.a >= 0 && pair.b >= 0));
    }
    return json_pack("{s:i, s:s, s:o, s:f, s:o, s:o, s:o, s:o}", "schema_version", 1, "verdict",
                     lab_crash_verdict_name(match->verdict), "score",
                     pairs ? json_real(match->score) : json_null(), "threshold", threshold, "why",
                     lab_json_text(match->why), "a", side_json(sources[0], match->a), "b",
                     side_json(sources[1], match->b), "frames", frames);
}

static int
cmd_similar(LabCli *cli, GError **error)
{
    g_autoptr(LabCrashSource) a = NULL;
    g_autoptr(LabCrashSource) b = NULL;
    g_autoptr(LabCrashKnown) known = NULL;
    g_autoptr(LabCrashMatch) match = NULL;
    g_autoptr(GArray) pairs = NULL;
    const LabCrashSource *sources[2];
    double threshold;

    if (!lab_crash_threshold(cli, &threshold, error))
        return LAB_EXIT_CONFIG;
    a = read_side(cli, cli->args[0], "also-a", error);
    b = a ? read_side(cli, cli->args[1], "also-b", error) : NULL;
    if (!b)
        return LAB_EXIT_CONFIG;
    known = lab_crash_known_load(cli, lab_cli_flag(cli, "own-runs"));
    match = lab_crash_match_new(a->traces, b->traces, threshold, known);
    if (match->a && match->b)
        match->score = lab_crash_score(match->a, match->b, known, &pairs);
    sources[0] = a;
    sources[1] = b;
    if (lab_cli_flag(cli, "json"))
        lab_cli_print_json(match_json(match, sources, pairs, threshold));
    else
        print_match(cli, match, sources, pairs, threshold);
    return LAB_EXIT_OK;
}

const LabVerb lab_verb_similar = {
    .name = "similar",
    .summary = "say whether two crashes are one bug, and why",
    .synopsis = "A B",
    .description =
        "A and B are a log (plain or compressed; '-': stdin), a vmcore, a directory of logs of one "
        "crash, a cell (RUN/CELL or the beginning of its id) or all repetitions of one "
        "(RUN/KERNEL/RECIPE/VARIANT). Prints same, similar, different or inconclusive, the score, "
        "the reason, and the frames side by side.",
    .min_args = 2,
    .max_args = 2,
    .options = {options},
    .hints = {LAB_HINT_FILE},
    .run = cmd_similar,
};

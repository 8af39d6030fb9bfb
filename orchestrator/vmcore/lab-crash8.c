/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-crash8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab-error.h"
#include "lab-log.h"
#include "lab-proc.h"

/* Reading half a gigabyte of symbols takes 3 to 50 s, by how busy the host is; a broken vmcore can
 * make it ask for any memory. */
#define CRASH_MS    180000
#define CRASH_BYTES (G_GUINT64_CONSTANT(8) << 30)
#define MAX_STACKS  4096u
#define MAX_FRAMES  256u

static const char commands[] = "sys\nbt -a\nps\nforeach UN bt\nquit\n";

static gboolean
crash_version(char **version, GError **error)
{
    const char *argv[] = {"crash", "--version", NULL};
    LabProcOptions options = {.timeout_ms = 10000};
    g_auto(LabProcResult) result = {0};
    const char *blank;

    if (!lab_proc_check(argv, &options, &result, error))
        return FALSE;
    g_strstrip(result.output);
    *strchrnul(result.output, '\n') = '\0';
    blank = strrchr(result.output, ' ');
    *version = lab_text_clean(blank ? blank + 1 : result.output, -1, FALSE);
    return TRUE;
}

/* "     RELEASE: 6.1.0": a key of capitals and blanks at the start of a line. */
static void
parse_sys(LabCrash8 *crash, const char *line)
{
    const char *colon = strstr(line, ": ");
    const char *key = line + strspn(line, " ");

    if (!colon || colon == key ||
        strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") != (gsize)(colon - key))
        return;
    g_hash_table_insert(crash->sys, g_strndup(key, (gsize)(colon - key)),
                        g_strstrip(lab_text_clean(colon + 2, -1, FALSE)));
}

/* `PID: 80  TASK: ff…  CPU: 0  COMMAND: "sh"` */
static json_t *
parse_stack(const char *line, gboolean blocked)
{
    const char *cpu = strstr(line, " CPU: "), *comm = strstr(line, "COMMAND: \"");
    g_autofree char *name = NULL;

    if (comm) {
        comm += strlen("COMMAND: \"");
        name = g_strndup(comm, strcspn(comm, "\""));
    }
    return json_pack("{s:s, s:s, s:o, s:I, s:o, s:o}", "source", "crash(8)", "state",
                     blocked ? "blocked" : "running", "cpu",
                     cpu ? json_integer(strtol(cpu + 6, NULL, 10)) : json_null(), "pid",
                     (json_int_t)strtol(line + strlen("PID: "), NULL, 10), "comm",
                     name ? json_string(name) : json_null(), "frames", json_array());
}

/* " #3 [ff…] do_syscall_64 at ffffffff…  [module]" */
static void
parse_frame(json_t *stack, const char *line)
{
    const char *name = strchr(line, ']');
    const char *end, *module;
    json_t *frames = json_object_get(stack, "frames");
    g_autofree char *function = NULL, *in = NULL;

    if (!name || name[1] != ' ' || json_array_size(frames) >= MAX_FRAMES)
        return;
    name += 2;
    end = strstr(name, " at ");
    if (!end)
        return;
    function = g_strndup(name, (gsize)(end - name));
    module = strchr(end, '[');
    if (module)
        in = g_strndup(module + 1, strcspn(module + 1, "]"));
    json_array_append_new(frames, json_pack("{s:s, s:o}", "function", function, "module",
                                            in ? json_string(in) : json_null()));
}

void
lab_crash8_parse(LabCrash8 *crash, const char *output)
{
    g_autofree char *text = lab_text_clean(output, -1, TRUE);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    json_t *stack = NULL;
    gboolean after_ps = FALSE;

    crash->sys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    crash->stacks = json_array();
    crash->tasks = -1;
    for (char **line = lines; *line; line++) {
        const char *words = *line + strspn(*line, " >");

        if (g_str_has_prefix(*line, "PID: ") && strstr(*line, "TASK: ")) {
            if (json_array_size(crash->stacks) >= MAX_STACKS)
                return;
            stack = parse_stack(*line, after_ps);
            json_array_append_new(crash->stacks, stack);
        } else if (g_str_has_prefix(words, "PID ") && strstr(words, "COMM")) {
            after_ps = TRUE;
            stack = NULL;
            crash->tasks = 0;
        } else if (stack && words[0] == '#') {
            parse_frame(stack, words);
        } else if (after_ps && !stack && g_ascii_isdigit(*words)) {
            crash->tasks++;
        } else if (!stack && !after_ps) {
            parse_sys(crash, *line);
        }
    }
}

/* Its last complaint, or its last line. g_free. */
static char *
last_word(const char *output)
{
    g_autofree char *text = lab_text_clean(output, -1, TRUE);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const char *word = NULL;

    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, "crash: "))
            word = *line + strlen("crash: ");
        else if (**line && !word)
            word = *line;
    return g_strdup(word ? word : "it says nothing");
}

gboolean
lab_crash8_run(LabCrash8 *crash, const char *vmlinux, const char *vmcore, GError **error)
{
    g_auto(LabCrash8) run = {0};
    g_autofree char *kernel = g_canonicalize_filename(vmlinux, NULL);
    g_autofree char *dump = g_canonicalize_filename(vmcore, NULL);
    /* A user's .crashrc and .gdbinit are not ours to obey. */
    const char *argv[] = {"crash", "-s", "--no_crashrc", kernel, dump, NULL};
    const char *const env[] = {"HOME=/nonexistent", "TERM=dumb", "TZ=UTC", NULL};
    LabProcOptions options = {.timeout_ms = CRASH_MS,
                              .input = commands,
                              .input_length = strlen(commands),
                              .merge = TRUE,
                              .memory_bytes = CRASH_BYTES,
                              .env = env,
                              .cwd = "/"};
    g_auto(LabProcResult) result = {0};

    if (!crash_version(&run.version, error) || !lab_proc_run(argv, &options, &result, error))
        return FALSE;
    lab_crash8_parse(&run, result.output);
    if (!g_hash_table_contains(run.sys, "RELEASE")) {
        g_autofree char *word = last_word(result.output);

        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                    "crash(8) %s did not open the dump: %s", run.version, word);
        return FALSE;
    }
    *crash = run;
    run = (LabCrash8){0};
    return TRUE;
}

void
lab_crash8_clear(LabCrash8 *crash)
{
    g_clear_pointer(&crash->version, g_free);
    g_clear_pointer(&crash->sys, g_hash_table_unref);
    g_clear_pointer(&crash->stacks, json_decref);
}

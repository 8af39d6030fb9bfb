/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-cli.h"
#include "lab-crash-source.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"

/* Files of a group that are shown without --verbose, and ways in which they were joined. */
#define FILES_SHOWN 6
#define WHYS_SHOWN  3
/* Directories below directories. */
#define DEPTH_MAX 16

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {"threshold", 't', LAB_OPTION_STRING, "SCORE",
     "score from which stacks are grouped, 0 to 1 (default: similarity.threshold of the "
     "configuration, 0.57)"},
    {"own-runs", 0, LAB_OPTION_FLAG, NULL, "count how common a function is in this lab's runs too"},
    {NULL},
};

typedef struct {
    GPtrArray *files;  /* char * */
    GPtrArray *traces; /* LabCrashTrace or NULL, one a file */
    GPtrArray *errors; /* char * of files that could not be read, else NULL */
} Logs;

static void
add_log(Logs *logs, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabCrashLog) log = lab_crash_file_read(path, &error);

    g_ptr_array_add(logs->files, g_strdup(path));
    g_ptr_array_add(logs->traces, log ? lab_crash_trace_new_from_log(log) : NULL);
    g_ptr_array_add(logs->errors, log ? NULL : g_strdup(error->message));
}

static void
add_error(Logs *logs, const char *path, const char *message)
{
    g_ptr_array_add(logs->files, g_strdup(path));
    g_ptr_array_add(logs->traces, NULL);
    g_ptr_array_add(logs->errors, g_strdup(message));
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A file, or what lies below a directory; links to directories are not followed. */
static void
add_path(Logs *logs, const char *path, guint depth)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = NULL;
    struct stat status;
    const char *name;

    if ((depth ? lstat(path, &status) : stat(path, &status)) < 0 || !S_ISDIR(status.st_mode)) {
        /* A pipe that nobody writes to would be waited for. */
        if (depth == 0 || S_ISREG(status.st_mode))
            add_log(logs, path);
        return;
    }
    if (depth == DEPTH_MAX)
        return;
    dir = g_dir_open(path, 0, &error);
    if (!dir) {
        add_error(logs, path, error->message);
        return;
    }
    while ((name = g_dir_read_name(dir)))
        if (*name != '.')
            g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++)
        add_path(logs, names->pdata[i], depth + 1);
}

/* --- text --- */

static void
print_group(const LabCli *cli, const Logs *logs, const LabCrashGroup *group)
{
    guint files = cli->verbose ? group->members->len : MIN(group->members->len, FILES_SHOWN);
    guint whys = cli->verbose ? group->whys->len : MIN(group->whys->len, WHYS_SHOWN);

    lab_cli_print("%5u  %s\n", group->members->len, group->title);
    for (guint i = 0; i < whys; i++)
        lab_cli_print("       %s %s\n", i ? "      " : "joined:", (char *)group->whys->pdata[i]);
    if (whys < group->whys->len)
        lab_cli_print("              and %u more ways\n", group->whys->len - whys);
    for (guint i = 0; i < files; i++) {
        guint index = g_array_index(group->members, guint, i);
        const LabCrashTrace *trace = logs->traces->pdata[index];

        lab_cli_print("       %s", (char *)logs->files->pdata[index]);
        if (strcmp(trace->title, group->title) != 0)
            lab_cli_print(": %s", trace->title);
        fputc('\n', stdout);
    }
    if (files < group->members->len)
        lab_cli_print("       and %u more files\n", group->members->len - files);
}

static gboolean
is_damaged(const Logs *logs, guint index)
{
    const LabCrashTrace *trace = logs->traces->pdata[index];

    return trace && trace->corrupted;
}

static gboolean
is_clean(const Logs *logs, guint index)
{
    return !logs->traces->pdata[index] && !logs->errors->pdata[index];
}

static gboolean
is_unreadable(const Logs *logs, guint index)
{
    return logs->errors->pdata[index] != NULL;
}

static guint
count(const Logs *logs, gboolean (*test)(const Logs *, guint))
{
    guint n = 0;

    for (guint i = 0; i < logs->files->len; i++)
        n += test(logs, i);
    return n;
}

static void
print_damaged(const LabCli *cli, const Logs *logs)
{
    guint damaged = count(logs, is_damaged);
    guint shown = 0;

    if (!damaged)
        return;
    lab_cli_print("%5u  in no group: the report is damaged\n", damaged);
    for (guint i = 0; i < logs->files->len; i++) {
        if (!is_damaged(logs, i) || (!cli->verbose && shown == FILES_SHOWN))
            continue;
        shown++;
        lab_cli_print("       %s: %s\n", (char *)logs->files->pdata[i],
                      ((LabCrashTrace *)logs->traces->pdata[i])->title);
    }
    if (shown < damaged)
        lab_cli_print("       and %u more files\n", damaged - shown);
}

static void
print_groups(const LabCli *cli, const Logs *logs, const GPtrArray *groups)
{
    for (guint i = 0; i < groups->len; i++)
        print_group(cli, logs, groups->pdata[i]);
    print_damaged(cli, logs);
    lab_cli_print("%s%u files: %u bugs, %u without a crash", groups->len ? "\n" : "",
                  logs->files->len, groups->len, count(logs, is_clean));
    if (count(logs, is_unreadable))
        lab_cli_print(", %u not readable", count(logs, is_unreadable));
    fputc('\n', stdout);
    for (guint i = 0; i < logs->files->len; i++)
        if (is_unreadable(logs, i))
            lab_warn("not read: %s", (char *)logs->errors->pdata[i]);
}

/* --- JSON --- */

static json_t *
file_json(const Logs *logs, guint index)
{
    const LabCrashTrace *trace = logs->traces->pdata[index];

    return json_pack("{s:o, s:o, s:o, s:o}", "file", lab_json_text(logs->files->pdata[index]),
                     "title", lab_json_text(trace->title), "k0", lab_json_text(trace->k0), "k1",
                     lab_json_text(trace->k1));
}

static json_t *
group_json(const Logs *logs, const LabCrashGroup *group)
{
    json_t *files = json_array();
    json_t *whys = json_array();

    for (guint i = 0; i < group->members->len; i++)
        json_array_append_new(files, file_json(logs, g_array_index(group->members, guint, i)));
    for (guint i = 0; i < group->whys->len; i++)
        json_array_append_new(whys, lab_json_text(group->whys->pdata[i]));
    return json_pack("{s:o, s:i, s:o, s:o}", "title", lab_json_text(group->title), "count",
                     (int)group->members->len, "why", whys, "files", files);
}

static void
print_json(const Logs *logs, const GPtrArray *groups, double threshold)
{
    json_t *list = json_array();
    json_t *damaged = json_array();
    json_t *clean = json_array();
    json_t *unreadable = json_array();

    for (guint i = 0; i < groups->len; i++)
        json_array_append_new(list, group_json(logs, groups->pdata[i]));
    for (guint i = 0; i < logs->files->len; i++) {
        const char *file = logs->files->pdata[i];

        if (is_unreadable(logs, i))
            json_array_append_new(unreadable,
                                  json_pack("{s:o, s:o}", "file", lab_json_text(file), "error",
                                            lab_json_text(logs->errors->pdata[i])));
        else if (is_damaged(logs, i))
            json_array_append_new(damaged, file_json(logs, i));
        else if (is_clean(logs, i))
            json_array_append_new(clean, lab_json_text(file));
    }
    lab_cli_print_json(json_pack("{s:i, s:f, s:i, s:o, s:o, s:o, s:o}", "schema_version", 1,
                                 "threshold", threshold, "files", (int)logs->files->len, "groups",
                                 list, "damaged", damaged, "clean", clean, "unreadable",
                                 unreadable));
}

static void
free_trace(gpointer trace)
{
    lab_crash_trace_free(trace);
}

static int
cmd_cluster(LabCli *cli, GError **error)
{
    Logs logs;
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) traces = g_ptr_array_new_with_free_func(free_trace);
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(LabCrashKnown) known = NULL;
    g_autoptr(GPtrArray) groups = NULL;
    double threshold;

    if (!lab_crash_threshold(cli, &threshold, error))
        return LAB_EXIT_CONFIG;
    logs = (Logs){files, traces, errors};
    for (int i = 0; i < cli->n_args; i++)
        add_path(&logs, cli->args[i], 0);
    known = lab_crash_known_load(cli, lab_cli_flag(cli, "own-runs"));
    groups = lab_crash_cluster(traces, threshold, known);
    if (lab_cli_flag(cli, "json"))
        print_json(&logs, groups, threshold);
    else
        print_groups(cli, &logs, groups);
    if (files->len == 0 || count(&logs, is_unreadable) < files->len)
        return LAB_EXIT_OK;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "none of the files could be read");
    return LAB_EXIT_CONFIG;
}

const LabVerb lab_verb_cluster = {
    .name = "cluster",
    .summary = "group a directory of logs by bug",
    .synopsis = "FILE…",
    .description =
        "Reads the logs given (plain or compressed; all files below a directory) and prints a "
        "group for each bug: how many logs show it, its title, and why they were put together. "
        "Names and signatures join first; stacks of one class join from the threshold on. Logs "
        "whose report is damaged are in no group.",
    .min_args = 1,
    .max_args = -1,
    .options = {options},
    .hints = {LAB_HINT_FILE},
    .run = cmd_cluster,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people paste of a crash(8) session: its opening table ("sys"), "bt" of tasks, "kmem -i".
 * Forms as crash(8) prints them (display_sys_stats, x86_64_display_full_frame, print_task_header of
 * its source); names may have lost their underscores on the way.
 */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

/* Stacks and frames of other tasks that are told; a session may hold "foreach bt". */
#define TASKS_MAX       16
#define TASK_FRAMES_MAX 24

static const char *
skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* A name and then an address, with " at " or what OCR left of it between: the name's length. */
static gsize
name_length(const char *p, const char **after)
{
    const char *at = strstr(p, " at ");
    const char *end = p + strlen(p);
    const char *digits;

    if (at) {
        *after = skip_spaces(at + 4);
        *after += strspn(*after, "0123456789abcdefABCDEFx");
        return at - p;
    }
    *after = strchr(p, '[');
    if (*after)
        end = *after;
    else
        *after = end;
    while (end > p && end[-1] == ' ')
        end--;
    for (digits = end; digits > p && g_ascii_isxdigit(digits[-1]); digits--)
        ;
    if (end - digits >= 8 && digits > p && digits[-1] == ' ') {
        end = digits;
        while (end > p && end[-1] == ' ')
            end--;
        /* "do vfs ioctlat ffff…" */
        if (end - p > 3 && end[-1] == 't' && end[-2] == 'a')
            end -= 2;
    }
    return end - p;
}

LabCrashFrame *
lab_crash_session_frame(const char *text)
{
    const char *p = skip_spaces(text);
    const char *after, *end;
    g_autofree char *name = NULL;
    LabCrashFrame *frame;

    if (*p++ != '#' || !g_ascii_isdigit(*p))
        return NULL;
    while (g_ascii_isdigit(*p))
        p++;
    p = skip_spaces(p);
    if (*p != '[' && *p != '(')
        return NULL;
    end = p + 1 + strspn(p + 1, "0123456789abcdefABCDEFoOlI");
    if (end - p < 8 || (*end != ']' && *end != ')'))
        return NULL;
    p = skip_spaces(end + 1);
    name = lab_crash_loose_name(p, name_length(p, &after));
    if (!name)
        return NULL;
    frame = lab_crash_frame_new(name, strlen(name));
    after = skip_spaces(after);
    if (*after == '[' && (end = strchr(after, ']')))
        frame->module = lab_crash_loose_name(after + 1, end - after - 1);
    return frame;
}

LabCrashFrame *
lab_crash_session_pc(const char *text)
{
    const char *p = strstr(text, "[exception RIP: ");
    g_autofree char *name = NULL;

    if (!p)
        p = strstr(text, "[exception PC: ");
    if (!p)
        return NULL;
    p = strchr(p, ':') + 1;
    /* "unknown or invalid address" has no offset. */
    name = strchr(p, '+') ? lab_crash_loose_name(p, strcspn(p, "+]")) : NULL;
    return name ? lab_crash_frame_new(name, strlen(name)) : NULL;
}

gboolean
lab_crash_session_is_task(const char *text)
{
    const char *p = skip_spaces(text);

    return g_str_has_prefix(p, "PID: ") && strstr(p, "TASK: ") && strstr(p, "COMMAND: ");
}

gboolean
lab_crash_session_unquote(char *text)
{
    char *p = (char *)skip_spaces(text);
    gsize length;

    if (!g_str_has_prefix(p, "PANIC: \""))
        return FALSE;
    p += strlen("PANIC: \"");
    length = strlen(p);
    memmove(text, p, length + 1);
    p = strrchr(text, '"');
    if (p)
        *p = '\0';
    g_strchomp(text);
    return TRUE;
}

/* --- facts --- */

/* Rows of "sys" and of "kmem -i": what stands before the value, the attribute, is it a number. */
static const struct {
    const char *row;
    const char *attribute;
    enum { TEXT, NUMBER, QUOTED, RELEASE, AMOUNT } kind;
} rows[] = {
    {"CPUS:", "cpus", NUMBER},
    {"DATE:", "date", TEXT},
    {"UPTIME:", "uptime", TEXT},
    {"LOAD AVERAGE:", "load_average", TEXT},
    {"TASKS:", "tasks", NUMBER},
    {"NODENAME:", "nodename", TEXT},
    {"RELEASE:", "release", RELEASE},
    {"MACHINE:", "machine", TEXT},
    {"MEMORY:", "memory", TEXT},
    {"DUMPFILE:", "dumpfile", TEXT},
    {"COMMAND:", "comm", QUOTED},
    {"PID:", "pid", NUMBER},
    {"CPU:", "cpu", NUMBER},
    {"STATE:", "state", TEXT},
    {"TOTAL MEM ", "memory_total", AMOUNT},
    {"FREE ", "memory_free", AMOUNT},
    {"SWAP FREE ", "swap_free", AMOUNT},
};

/* "  92978     363.2 MB    0% of TOTAL MEM" -> "363.2 MB". */
static char *
amount(const char *p)
{
    const char *unit;

    p = skip_spaces(p);
    p = skip_spaces(p + strspn(p, "0123456789"));
    unit = skip_spaces(p + strspn(p, "0123456789."));
    if (unit == p || !(*unit == 'K' || *unit == 'M' || *unit == 'G' || *unit == 'T') ||
        unit[1] != 'B')
        return NULL;
    return g_strndup(p, unit + 2 - p);
}

static void
read_row(json_t *attributes, const char *line)
{
    const char *p = skip_spaces(line);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *value = NULL;
        const char *name = rows[i].attribute;

        if (!g_str_has_prefix(p, rows[i].row))
            continue;
        value = g_strdup(skip_spaces(p + strlen(rows[i].row)));
        g_strchomp(value);
        if (rows[i].kind == NUMBER) {
            if (g_ascii_isdigit(*value) && !json_object_get(attributes, name))
                json_object_set_new(attributes, name,
                                    json_integer(g_ascii_strtoll(value, NULL, 10)));
            return;
        }
        if (rows[i].kind == AMOUNT) {
            char *found = amount(value);

            g_free(value);
            value = found;
        } else if (rows[i].kind == QUOTED && *value == '"') {
            memmove(value, value + 1, strlen(value));
            value[strcspn(value, "\"")] = '\0';
        } else if (rows[i].kind == RELEASE) {
            lab_crash_loose_release(value);
        }
        if (value && *value && !json_object_get(attributes, name))
            json_object_set_new(attributes, name, lab_json_text(value));
        return;
    }
}

/* The text's sys table begins with "KERNEL:"; its rows stand indented and aligned by colons. */
static gboolean
is_sys_row(const char *line)
{
    static const char *const starts[] = {
        "KERNEL:",   "DUMPFILE:", "CPUS:",    "DATE:",    "UPTIME:", "LOAD AVERAGE:", "TASKS:",
        "NODENAME:", "RELEASE:",  "VERSION:", "MACHINE:", "MEMORY:", "PANIC:"};
    const char *p = skip_spaces(line);

    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++)
        if (g_str_has_prefix(p, starts[i]))
            return TRUE;
    return FALSE;
}

static json_t *
task_new(const char *line)
{
    json_t *task = json_object();
    const char *p = skip_spaces(line);
    const char *cpu = strstr(p, "CPU: ");
    const char *command = strstr(p, "COMMAND: ");
    g_autofree char *comm = NULL;

    if (command) {
        comm = g_strdup(skip_spaces(command + strlen("COMMAND: ")));
        g_strdelimit(comm, "\"", ' ');
        g_strstrip(comm);
        if (g_str_has_prefix(comm, "gemu")) /* OCR's q; no program is called so */
            comm[0] = 'q';
        json_object_set_new(task, "comm", lab_json_text(comm));
    }
    json_object_set_new(task, "pid", json_integer(g_ascii_strtoll(p + 5, NULL, 10)));
    if (cpu)
        json_object_set_new(task, "cpu", json_integer(g_ascii_strtoll(cpu + 5, NULL, 10)));
    json_object_set_new(task, "frames", json_array());
    return task;
}

/* The task's name in words near its bt: "The backtrace of **numad**:", "… of numad call stack". */
static char *
comm_in_words(char *const *lines, gsize index)
{
    static GRegex *regex;
    static gsize once;

    if (g_once_init_enter(&once)) {
        regex = g_regex_new(
            "(?:trace of[ *`'\"]+|\\bof )([a-z][a-z0-9/:._-]{2,15})(?:[*`'\":]|$| call stack| "
            "stack| backtrace)|^# ([a-z][a-z0-9/:._-]{2,15})$",
            G_REGEX_RAW, 0, NULL);
        g_once_init_leave(&once, 1);
    }
    for (gsize i = 0; i < 5 && i <= index; i++) {
        g_autoptr(GMatchInfo) match = NULL;

        if (g_regex_match(regex, lines[index - i], 0, &match)) {
            char *first = g_match_info_fetch(match, 1);

            if (first && *first)
                return first;
            g_free(first);
            return g_match_info_fetch(match, 2);
        }
    }
    return NULL;
}

/* "crash> bt 2950", when no line with the task's name follows it. */
static gboolean
is_bt(const char *line, gint64 *pid)
{
    const char *p = strstr(line, "crash> bt ");

    if (!p)
        return FALSE;
    *pid = g_ascii_strtoll(p + strlen("crash> bt "), NULL, 10);
    return *pid > 0;
}

/* The lock or queue that a task's frame waits in: told with it, for that is why one asks. */
static gboolean
waits(const char *function)
{
    return g_str_has_prefix(function, "rwsem_down_") || strstr(function, "mutex_lock_slowpath") ||
           g_str_has_prefix(function, "wait_on_") || g_str_has_prefix(function, "wait_for_") ||
           strstr(function, "io_schedule");
}

static void
task_add_frame(json_t *task, LabCrashFrame *frame)
{
    json_t *frames = json_object_get(task, "frames");
    char *spelt = lab_crash_loose_spell(frame->function);

    g_free(frame->function);
    frame->function = spelt;
    if (json_array_size(frames) < TASK_FRAMES_MAX)
        json_array_append_new(frames, lab_json_text(frame->function));
    if (waits(frame->function) && !json_object_get(task, "waits_in"))
        json_object_set_new(task, "waits_in", lab_json_text(frame->function));
}

gboolean
lab_crash_session_read(json_t *attributes, char *const *lines)
{
    g_autoptr(json_t) tasks = json_array();
    g_autoptr(json_t) facts = json_object();
    json_t *task = NULL;
    guint n_rows = 0;
    gint64 pid;

    for (gsize i = 0; lines[i]; i++) {
        LabCrashFrame *frame = lab_crash_session_frame(lines[i]);

        n_rows += is_sys_row(lines[i]);
        if (frame) {
            if (task)
                task_add_frame(task, frame);
            lab_crash_frame_free(frame);
        } else if (json_array_size(tasks) < TASKS_MAX && lab_crash_session_is_task(lines[i])) {
            gint64 last = task ? lab_json_int(task, "pid", 0) : 0;
            json_t *made = task_new(lines[i]);

            /* The header after its own "bt PID" says more than the command did. */
            if (task && last == lab_json_int(made, "pid", 0) &&
                json_array_size(json_object_get(task, "frames")) == 0)
                json_array_remove(tasks, json_array_size(tasks) - 1);
            json_array_append_new(tasks, made);
            task = made;
        } else if (json_array_size(tasks) < TASKS_MAX && is_bt(lines[i], &pid)) {
            g_autofree char *comm = comm_in_words(lines, i);

            task = json_pack("{s:o, s:I, s:[]}", "comm", lab_json_text(comm), "pid",
                             (json_int_t)pid, "frames");
            json_array_append_new(tasks, task);
        } else {
            read_row(facts, lines[i]);
        }
    }
    if (n_rows >= 3 || json_object_get(facts, "memory_total"))
        json_object_update_missing(attributes, facts);
    if (json_array_size(tasks))
        json_object_set(attributes, "stacks", tasks);
    return n_rows >= 3 || json_array_size(tasks) > 0;
}

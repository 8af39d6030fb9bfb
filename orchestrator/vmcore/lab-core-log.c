/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-core-log.h"

#include <stdlib.h>
#include <string.h>

#include "lab-core-taint.h"

#define MAX_VALUE 4096u

typedef struct {
    const char *text; /* behind the prefix */
    gsize length;
    gint64 ms;
    char caller; /* 'T', 'C' or 0 */
    gint64 caller_id;
} Line;

/* "CPU: 0 UID: 0 PID: 80 Comm: sh Tainted: G  W  6.12…" (dump_stack_print_info()). */
typedef struct {
    char comm[64];
    gint64 cpu, pid, tainted;
    gboolean set;
} Who;

static const char *
find(const Line *line, const char *needle)
{
    return memmem(line->text, line->length, needle, strlen(needle));
}

/* What follows 'needle', up to the line's end. */
static char *
after(const Line *line, const char *needle)
{
    const char *at = find(line, needle);

    if (!at)
        return NULL;
    at += strlen(needle);
    return g_strndup(at, MIN((gsize)(line->text + line->length - at), (gsize)MAX_VALUE));
}

static void
take(char **value, char *found)
{
    if (*value)
        g_free(found);
    else
        *value = found;
}

static gint64
number_after(const Line *line, const char *needle, int base)
{
    g_autofree char *text = after(line, needle);
    char *end;
    gint64 value;

    if (!text)
        return -1;
    value = g_ascii_strtoll(text, &end, base);
    return end == text || value < 0 ? -1 : value;
}

/* "[    1.234567][    T1] text" */
static void
split_line(const char *bytes, gsize length, Line *line)
{
    const char *end = bytes + length, *at = bytes;
    char *stop;
    gint64 seconds, micro;

    *line = (Line){bytes, length, -1, 0, -1};
    if (length < 3 || *at != '[')
        return;
    seconds = g_ascii_strtoll(at + 1, &stop, 10);
    if (stop >= end || *stop != '.')
        return;
    micro = g_ascii_strtoll(stop + 1, &stop, 10);
    if (stop >= end || *stop != ']' || seconds < 0 || seconds > G_MAXINT32)
        return;
    line->ms = seconds * 1000 + micro / 1000;
    at = stop + 1;
    if (at < end && *at == '[') {
        const char *close = memchr(at, ']', (gsize)(end - at));

        for (at++; at < end && *at == ' '; at++)
            ;
        if (close && (*at == 'T' || *at == 'C')) {
            line->caller = *at;
            line->caller_id = g_ascii_strtoll(at + 1, NULL, 10);
            at = close + 1;
        }
    }
    if (at < end && *at == ' ')
        at++;
    line->text = at;
    line->length = (gsize)(end - at);
}

static void
read_taint(const Line *line, Who *who)
{
    g_autofree char *letters = after(line, "Tainted: ");

    if (letters)
        who->tainted =
            (gint64)lab_taint_from_letters(letters, strspn(letters, "ABCDEFGHIJKLMNOPQRSTUVWXYZ "));
    else
        who->tainted = find(line, "Not tainted") ? 0 : -1;
}

static gboolean
read_who(const Line *line, Who *who)
{
    const char *comm = find(line, "Comm: ");
    static const char *const ends[] = {" Kdump: loaded", " Not tainted", " Tainted: "};
    const char *end = line->text + line->length, *stop;

    *who = (Who){"", number_after(line, "CPU: ", 10), number_after(line, "PID: ", 10), -1, TRUE};
    if (!comm || who->cpu < 0 || who->pid < 0)
        return FALSE;
    comm += strlen("Comm: ");
    read_taint(line, who);
    stop = end;
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        const char *at = find(line, ends[i]);

        if (at && at > comm && at < stop)
            stop = at;
    }
    g_strlcpy(who->comm, "", sizeof who->comm);
    memcpy(who->comm, comm, MIN((gsize)(stop - comm), sizeof who->comm - 1));
    return TRUE;
}

/* "Memory: 476224K/523752K available" (mem_init_print_info()) */
static void
read_memory(const Line *line, LabCoreLog *log)
{
    g_autofree char *text = after(line, "Memory: ");
    const char *slash = text ? strchr(text, '/') : NULL;
    char *end;
    gint64 kb;

    if (!slash || log->memory_bytes >= 0)
        return;
    kb = g_ascii_strtoll(slash + 1, &end, 10);
    if (*end == 'K' || *end == 'k')
        log->memory_bytes = kb > 0 && kb < G_MAXINT32 * G_GINT64_CONSTANT(1024) ? kb * 1024 : -1;
}

/* "smp: Brought up 1 node, 2 CPUs"; "Brought up 2 CPUs" of 3.10 */
static void
read_cpus(const Line *line, LabCoreLog *log)
{
    g_autofree char *text = after(line, "Brought up ");
    const char *comma = text ? strstr(text, ", ") : NULL;

    if (text && strstr(text, "CPU"))
        log->cpus = g_ascii_strtoll(comma ? comma + 2 : text, NULL, 10);
}

static void
read_facts(const Line *line, LabCoreLog *log)
{
    char *banner;

    if (line->length < 8)
        return;
    banner = after(line, "Linux version ");
    if (banner && !log->banner) {
        log->banner = g_strconcat("Linux version ", banner, NULL);
        log->release = g_strndup(banner, strcspn(banner, " "));
    }
    g_free(banner);
    /* Early ("Command line: ", x86) or later ("Kernel command line: "). */
    take(&log->command_line, after(line, "ommand line: "));
    read_memory(line, log);
    read_cpus(line, log);
    if (find(line, "Kernel Offset: ")) {
        gint64 offset = number_after(line, "Kernel Offset: 0x", 16);

        log->has_kaslr = TRUE;
        log->kaslr_offset = offset > 0 ? (guint64)offset : 0;
    }
}

static void
set_who(LabCoreLog *log, const Who *who)
{
    if (!who->set)
        return;
    g_free(log->comm);
    log->comm = g_strdup(who->comm);
    log->cpu = who->cpu;
    log->pid = who->pid;
}

/* The line that names the panicking task stands before the panic's (an oops) or behind it
 * (panic()'s own stack); other CPUs may print theirs between. Its caller tells, where there is one.
 */
typedef struct {
    Who before, behind, of_caller;
    gboolean panicked;
    char caller;
    gint64 caller_id;
} Search;

static void
search_line(Search *search, const Line *line, LabCoreLog *log)
{
    Who who;

    if (!search->panicked && find(line, "Kernel panic - not syncing")) {
        search->panicked = TRUE;
        search->caller = line->caller;
        search->caller_id = line->caller_id;
        log->panic = after(line, "Kernel panic - not syncing: ");
        if (search->before.set &&
            ((search->caller == 'T' && search->before.pid == search->caller_id) ||
             (search->caller == 'C' && search->before.cpu == search->caller_id)))
            search->of_caller = search->before;
    }
    if (line->length < 12 || !find(line, "Comm: ") || !read_who(line, &who))
        return;
    if (who.tainted >= 0)
        log->tainted = who.tainted;
    if (!search->panicked)
        search->before = who;
    else if (!search->behind.set)
        search->behind = who;
    if (search->panicked && !search->of_caller.set &&
        ((search->caller == 'T' && who.pid == search->caller_id) ||
         (search->caller == 'C' && who.cpu == search->caller_id)))
        search->of_caller = who;
}

void
lab_core_log_read(LabCoreLog *log, const char *text, gsize length)
{
    const char *end = text + length;
    Search search = {0};

    *log = (LabCoreLog){
        .pid = -1, .cpu = -1, .tainted = -1, .memory_bytes = -1, .cpus = -1, .uptime_ms = -1};
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (gsize)(end - at));
        gsize n = newline ? (gsize)(newline - at) : (gsize)(end - at);
        Line line;

        split_line(at, n, &line);
        if (line.ms >= 0)
            log->uptime_ms = line.ms;
        read_facts(&line, log);
        search_line(&search, &line, log);
        at += n + 1;
    }
    if (search.of_caller.set)
        set_who(log, &search.of_caller);
    else if (search.behind.set)
        set_who(log, &search.behind);
    else
        set_who(log, &search.before);
}

void
lab_core_log_clear(LabCoreLog *log)
{
    g_clear_pointer(&log->banner, g_free);
    g_clear_pointer(&log->release, g_free);
    g_clear_pointer(&log->command_line, g_free);
    g_clear_pointer(&log->panic, g_free);
    g_clear_pointer(&log->comm, g_free);
}

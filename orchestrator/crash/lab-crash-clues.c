/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crash without its first line: a slide that shows only the trace, a mail that says "soft lockup"
 * and pastes "bt", an article about a vmcore. The kind comes from functions that only run when the
 * kernel reports that kind, else from the words people use; the function from the trace, else from
 * what is disassembled or named as the place.
 */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

/* One kind: the header it would have had (for the table's class), people's words for it (English
 * and Chinese, caseless), and functions in whose traces it shows. The first that fits wins. */
static const struct {
    const char *header;
    const char *words;
    const char *functions;
} clues[] = {
    {"BUG: soft lockup", "soft[-_ ]?lock(?:ed)?[-_ ]?up|软死锁|软锁",
     "watchdog_timer_fn|softlockup_\\w+"},
    {"Watchdog detected hard LOCKUP", "hard[-_ ]?lock[-_ ]?up|硬死锁|硬锁",
     "watchdog_overflow_callback|watchdog_hardlockup_\\w+"},
    {"INFO: rcu_sched detected stalls", "rcu[-_ ]+(?:\\w+[-_ ]+){0,3}stall",
     "print_cpu_stall|print_other_cpu_stall|rcu_dump_cpu_stacks|check_cpu_stall"},
    {"INFO: task ?:0 blocked for more than 120 seconds",
     "hung[-_ ]?task|blocked for more than|hang(?:s|ing)? in D state|D 状态",
     "check_hung_uninterruptible_tasks|check_hung_task"},
    {"BUG: unable to handle kernel NULL pointer dereference", "null[- ]?(?:pointer|ptr)|空指针",
     NULL},
    {"BUG: unable to handle kernel paging request",
     "(?:kernel )?paging request|unable to handle page fault|缺页异常", NULL},
    {"general protection fault: 0000 [#1]", "general[- ]protection|\\bGPF\\b",
     "(?:do|exc|asm_exc)_general_protection|general_protection"},
    {"page allocation failure: order:0, mode:0x0", "page alloc(?:ation)? fail|页面?分配失败",
     "warn_alloc(?:_failed)?"},
    {"BUG: Bad page map in process ?", "bad page map", "print_bad_pte"},
    {"BUG: Bad page state in process ?", "bad page state", "bad_page"},
    {"? invoked oom-killer:", "oom[- ]?kill|out of memory|内存溢出", "oom_kill_process"},
    {"divide error: 0000 [#1]", "divide error|除零", "(?:do|exc)_divide_error|divide_error"},
    {"PANIC: double fault", "double fault", "(?:do_|exc_)?double_fault"},
    {"kernel BUG at", "kernel BUG|BUG_ON\\b", "(?:do|exc|asm_exc)_invalid_op|invalid_op"},
    {"BUG: scheduling while atomic", "scheduling while atomic", "__schedule_bug"},
    {"WARNING: CPU: 0 PID: 0 at ?:0", NULL, "warn_slowpath_\\w+|__warn"},
};

/* A crash of a kernel, in general. */
#define CRASH_WORDS                                                                                                     \
    "kernel[- ](?:panic|crash|oops)|(?:system|server|machine|host|box|node|vm|guest|instance) "                         \
    "(?:\\w+ ){0,2}(?:crash|panic)|panic(?:ked)? at|crash(?:ed|es)? (?:in|at)|vmcore|"                                  \
    "内核[^\\n]{0,24}(?:崩溃|panic|宕|挂死|异常|故障)|(?:系统|主机|机器|实例)[^\\n]{0,24}(?:崩溃|" \
    "宕机|挂死|死机)"

#define NAME "[A-Za-z_][A-Za-z0-9_]{2,}"

/* Where prose names the place: group 1 is the function. The heavier, the surer. */
static const struct {
    const char *pattern;
    guint weight;
} places[] = {
    {"(?:exception )?(?:RIP|PC|EIP): (?:0010:)?(" NAME ")\\+", 20},
    {"(?:RIP|PC|IP) (?:is )?(?:at|in) (" NAME ")", 20},
    {"crash>\\s*dis (?:-\\w+ )*(" NAME ")", 8},
    {"<(" NAME ")\\+(?:0x)?[0-9a-f]+>", 1},
    {"\\b(" NAME ")\\+0x[0-9a-f]+/0x[0-9a-f]+", 4},
    {"(?:panic|crash|oops|lock-?up|hung|stuck|hang|deref\\w*|fault|BUG|stall)\\w*\\W+(?:\\w+\\W+)"
     "{0,4}?(?:at|in|inside|within) (?:the )?(?:function )?[`'\"*]*(" NAME
     ")(?:\\+(?:0x)?[0-9a-f]+|\\(\\))",
     10},
    {"(?:panic|crash|oops|lock-?up|hung|stuck|hang|deref\\w*|fault|BUG|stall)\\w*\\W+(?:\\w+\\W+)"
     "{0,4}?(?:at|in|inside|within) (?:the )?(?:function )?[`'\"*]*([a-z_][a-z0-9]*_[a-z0-9_]+)",
     6},
    {"在\\s*[`'\"*]*(" NAME
     ")(?:\\+(?:0x)?[0-9a-f]+(?:/0x[0-9a-f]+)?|\\(\\))?[`'\"*]*\\s*(?:函数|处|中)?"
     "[^\\n]{0,36}?(?:崩溃|宕|panic|异常|出错|卡|空指针|死锁|挂|触发|访问)",
     10},
    {"\\b([a-z_][a-z0-9]*_[a-z0-9_]+)\\+(?:0x)?[0-9a-f]+", 3},
};

static GRegex *
compile(const char *pattern, gboolean caseless)
{
    GError *error = NULL;
    GRegex *regex = g_regex_new(
        pattern, G_REGEX_OPTIMIZE | G_REGEX_RAW | (caseless ? G_REGEX_CASELESS : 0), 0, &error);

    if (!regex)
        g_error("crash clue '%s': %s", pattern, error->message);
    return regex;
}

typedef struct {
    GRegex *words[G_N_ELEMENTS(clues)], *functions[G_N_ELEMENTS(clues)];
    GRegex *places[G_N_ELEMENTS(places)];
    GRegex *crash;
} Compiled;

static const Compiled *
compiled(void)
{
    static Compiled *all;
    static gsize once;

    if (g_once_init_enter(&once)) {
        all = g_new0(Compiled, 1);
        for (gsize i = 0; i < G_N_ELEMENTS(clues); i++) {
            g_autofree char *anchored =
                clues[i].functions ? g_strdup_printf("^(?:%s)$", clues[i].functions) : NULL;

            all->words[i] = clues[i].words ? compile(clues[i].words, TRUE) : NULL;
            all->functions[i] = anchored ? compile(anchored, FALSE) : NULL;
        }
        for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
            all->places[i] = compile(places[i].pattern, FALSE);
        all->crash = compile(CRASH_WORDS, TRUE);
        g_once_init_leave(&once, 1);
    }
    return all;
}

/* --- the trace --- */

static LabCrashFrame *
frame_of(const char *line)
{
    LabCrashFrame *frame = lab_crash_session_frame(line);
    LabCrashFrame *caller = NULL;

    if (!frame)
        frame = lab_crash_session_pc(line);
    if (!frame && (frame = lab_crash_frame_parse_arm(line, &caller)))
        lab_crash_frame_free(caller);
    return frame ? frame : lab_crash_frame_parse(line);
}

/* Lines of the trace at 'first': header first, then up to the end of what a report may hold. */
static GPtrArray *
trace_lines(char *const *lines, gsize first, const char *header)
{
    GPtrArray *taken = g_ptr_array_new_with_free_func(g_free);
    gsize start = first;
    gboolean begun = FALSE;

    /* "CPU: 3 PID: …", "Hardware name:", "Workqueue:", a bt's task stand above the frames. */
    for (gsize i = 0; i < 12 && start > 0; i++) {
        const char *before = lines[start - 1];

        LabCrashFrame *frame = frame_of(before);

        lab_crash_frame_free(frame);
        if (frame || !*before || (guchar)*before >= 0x80 || g_str_has_prefix(before, "```"))
            break;
        start--;
    }
    g_ptr_array_add(taken, g_strdup(header));
    for (gsize i = start; lines[i] && taken->len < LAB_CRASH_REPORT_LINES; i++) {
        begun |= strstr(lines[i], "all Trace:") || strstr(lines[i], "all trace:") ||
                 lab_crash_session_is_task(lines[i]);
        if (i == first && !begun)
            g_ptr_array_add(taken, g_strdup("Call Trace:"));
        g_ptr_array_add(taken, g_strdup(lines[i]));
    }
    return taken;
}

/* An oops names its place again in its last line: "EIP: [<c0123456>] f+0x5/0x9 SS:ESP 0068:…" or
 * "RIP  [<ffff…>] f+0x5/0x9". Where the registers above the trace are lost, that is its top. */
static void
take_last_place(GPtrArray *taken)
{
    guint announced = 0;
    gboolean user;

    for (guint i = 1; i < taken->len; i++) {
        const char *line = taken->pdata[i];
        gboolean last = g_str_has_prefix(line, "RIP  [<") ||
                        (g_str_has_prefix(line, "EIP: [<") && strstr(line, " SS:ESP "));
        LabCrashFrame *frame = last ? lab_crash_frame_parse(line + 5)
                                    : lab_crash_frame_parse_pc(line, &user);

        if (frame && last && announced)
            g_ptr_array_insert(taken, (gint)announced, g_strdup_printf("EIP: %s", line + 5));
        if (!announced && g_str_has_prefix(line, "Call Trace:"))
            announced = i;
        lab_crash_frame_free(frame);
        if (frame)
            return;
    }
}

/* The frames of the trace that begins at 'first': which kind do they tell? -1: none. */
static int
kind_of_trace(char *const *lines, gsize first, guint *n_frames)
{
    int kind = -1;
    guint strangers = 0;

    *n_frames = 0;
    for (gsize i = first; lines[i] && strangers < 12; i++) {
        LabCrashFrame *frame = frame_of(lines[i]);

        if (!frame || !frame->reliable) {
            strangers += !frame;
            lab_crash_frame_free(frame);
            continue;
        }
        strangers = 0;
        ++*n_frames;
        for (gsize j = 0; j < G_N_ELEMENTS(clues) && kind < 0; j++)
            if (compiled()->functions[j] &&
                g_regex_match(compiled()->functions[j], frame->function, 0, NULL))
                kind = (int)j;
        lab_crash_frame_free(frame);
    }
    return kind;
}

/* The kind that prose names first; -1: none. */
static int
kind_of_words(const char *text)
{
    int kind = -1, least = G_MAXINT;

    for (gsize i = 0; i < G_N_ELEMENTS(clues); i++) {
        g_autoptr(GMatchInfo) match = NULL;
        int start;

        if (!compiled()->words[i] || !g_regex_match(compiled()->words[i], text, 0, &match) ||
            !g_match_info_fetch_pos(match, 0, &start, NULL) || start >= least)
            continue;
        least = start;
        kind = (int)i;
    }
    return kind;
}

/* The first line of the trace to take: the one in which the kernel stopped, else the first.
 * *stopped: crash(8) shows that the kernel was dumped in it, or the kernel that it reported it. */
static gssize
find_trace(char *const *lines, gboolean *stopped)
{
    gssize first = -1, begin = -1;

    *stopped = FALSE;
    for (gsize i = 0; lines[i]; i++) {
        LabCrashFrame *frame = frame_of(lines[i]);

        if (lab_crash_session_is_task(lines[i]))
            begin = -1;
        if (first >= 0 && strstr(lines[i], "---[ end trace "))
            *stopped = TRUE;
        if (!frame)
            continue;
        if (begin < 0)
            begin = (gssize)i;
        if (first < 0)
            first = begin;
        if (strcmp(frame->function, "machine_kexec") == 0 ||
            strcmp(frame->function, "crash_kexec") == 0 || strstr(lines[i], "[exception RIP: ")) {
            lab_crash_frame_free(frame);
            *stopped = TRUE;
            return begin;
        }
        lab_crash_frame_free(frame);
    }
    return first;
}

/* The trace of khungtaskd, which only found the hung task: then the next task's tells more. */
static gssize
after_finder(char *const *lines, gssize first)
{
    gboolean finder = FALSE;

    for (gssize i = first; lines[i]; i++) {
        LabCrashFrame *frame = frame_of(lines[i]);

        if (i > first && lab_crash_session_is_task(lines[i])) {
            lab_crash_frame_free(frame);
            return finder ? i + 1 : first;
        }
        if (frame && (strcmp(frame->function, "watchdog") == 0 ||
                      g_str_has_prefix(frame->function, "check_hung_")))
            finder = TRUE;
        lab_crash_frame_free(frame);
    }
    return first;
}

/* --- the place in prose --- */

static gboolean
is_name_of_function(const char *name)
{
    return strchr(name, '_') && strlen(name) >= 5 && !lab_crash_function_is_common(name) &&
           !g_str_has_prefix(name, "task_struct") && !g_str_has_prefix(name, "CONFIG_");
}

/* The function that is named most and surest; NULL under a weight that chance may reach; g_free. */
static char *
find_place(const char *text)
{
    g_autoptr(GHashTable) weights = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer name, value;
    const char *best = NULL;
    guint most = 5;

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autoptr(GMatchInfo) match = NULL;

        g_regex_match(compiled()->places[i], text, 0, &match);
        for (guint n = 0; n < 200 && g_match_info_matches(match); n++) {
            g_autofree char *found = g_match_info_fetch(match, 1);

            if (is_name_of_function(found)) {
                guint weight = GPOINTER_TO_UINT(g_hash_table_lookup(weights, found));

                g_hash_table_replace(weights, g_strdup(found),
                                     GUINT_TO_POINTER(weight + places[i].weight));
            }
            g_match_info_next(match, NULL);
        }
    }
    g_hash_table_iter_init(&iter, weights);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        guint weight = GPOINTER_TO_UINT(value);

        if (weight > most || (best && weight == most && strcmp(name, best) < 0)) {
            best = name;
            most = weight;
        }
    }
    return g_strdup(best);
}

/* --- the report --- */

/* The header is made up: facts come from the lines below it. */
static void
forget_header(LabCrashReport *report, const GPtrArray *lines)
{
    g_autoptr(GPtrArray) told = g_ptr_array_new();
    json_t *attributes = json_object();
    json_t *function = json_object_get(report->attributes, LAB_CRASH_FUNCTION);

    for (guint i = 1; i < lines->len; i++)
        g_ptr_array_add(told, lines->pdata[i]);
    if (function)
        json_object_set(attributes, LAB_CRASH_FUNCTION, function);
    lab_crash_attributes_read(attributes, told);
    json_decref(report->attributes);
    report->attributes = attributes;
}

static LabCrashReport *
build(const GPtrArray *lines, gsize first)
{
    g_autoptr(GMatchInfo) match = NULL;
    const LabCrashClass *class = lab_crash_class_find(lines->pdata[0], &match);
    LabCrashReport *report = class ? lab_crash_report_build(class, lines) : NULL;

    if (!report)
        return NULL;
    report->line_first = report->line_last = first + 1;
    forget_header(report, lines);
    /* A piece of a log has no trace that could be trusted as a whole: "guessed" says so. */
    report->corrupted = class->rule != LAB_CRASH_RULE_TITLE &&
                        !lab_json_string(report->attributes, LAB_CRASH_FUNCTION);
    return report;
}

static LabCrashReport *
report_of_place(int kind, const char *text)
{
    g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *function = find_place(text);

    if (!function)
        return NULL;
    g_ptr_array_add(taken, g_strdup(kind < 0 ? "kernel fault, type not told" : clues[kind].header));
    g_ptr_array_add(taken, g_strdup_printf("RIP: 0010:%s+0x0/0x0", function));
    return build(taken, 0);
}

LabCrashReport *
lab_crash_clues_report(char *const *lines)
{
    g_autofree char *text = g_strjoinv("\n", (char **)lines);
    gboolean crash = g_regex_match(compiled()->crash, text, 0, NULL);
    gboolean stopped;
    gssize first = find_trace(lines, &stopped);
    guint n_frames = 0;
    int words = kind_of_words(text);
    int kind = first < 0 ? -1 : kind_of_trace(lines, (gsize)first, &n_frames);
    LabCrashReport *report = NULL;

    if (first >= 0 && n_frames >= 2 && (kind >= 0 || words >= 0 || crash || stopped)) {
        g_autoptr(GPtrArray) taken = NULL;
        int chosen = kind >= 0 ? kind : words;

        first = after_finder(lines, first);
        taken = trace_lines(lines, (gsize)first,
                            chosen < 0 ? "kernel fault, type not told" : clues[chosen].header);
        take_last_place(taken);
        report = build(taken, (gsize)first);
        if (report && !report->corrupted)
            return report;
        g_clear_pointer(&report, lab_crash_report_free);
    }
    if (crash || words >= 0)
        report = report_of_place(words, text);
    if (report && report->corrupted)
        g_clear_pointer(&report, lab_crash_report_free);
    return report;
}

/* --- what prose tells beside --- */

/* The first match's group 1 becomes the attribute: a number, a text, or all matches as a list. */
static const struct {
    const char *attribute;
    const char *pattern;
    enum { NUMBER, TEXT, NUMBERS, TEXTS } kind;
} facts[] = {
    {"refcounts", "(?:引用计数|ref(?:erence)?[-_ ]?counts?)[^\\n0-9-]{0,24}(-\\d+)", NUMBERS},
    {"refcounts",
     "(?:引用计数|ref(?:erence)?[-_ ]?counts?)[^\\n]{0,40}-\\d+ ?(?:或|和|,|or|and) ?(-\\d+)",
     NUMBERS},
    {"list_length", "\\b(\\d{3,}) ?(?:entries|sharers|items|elements)\\b", NUMBER},
    {"reproducer", "(?:\\bltp\\b|\\bLTP\\b)[^\\n]{0,40}?\\b([a-z]+[a-z0-9_]*\\d\\d)\\b", TEXT},
    {"reproducer", "insmod (\\w[\\w.-]*\\.ko(?: \\w+=[^\\s`'\"]+)*)", TEXT},
    {"threads",
     "(?<![A-Za-z0-9_./])(kswapd\\d*|ksmd|khugepaged|kcompactd\\d*|numad|ksoftirqd/\\d+|"
     "kworker/[A-Za-z0-9:+-]+|migration/\\d+|khungtaskd|jbd2/"
     "[A-Za-z0-9-]+|oom_reaper)(?![A-Za-z0-9_/(])",
     TEXTS},
    {"release",
     "(?<![0-9.])([2-7]\\.\\d+\\.\\d+-[0-9][0-9A-Za-z.+_-]*?(?:x86_64|aarch64|ppc64le|s390x|-"
     "generic|"
     "-default|-amd64|-arm64|-aws|-azure|-gcp|-pve|-lts|\\.(?:el|al|tl)\\d(?:_\\d+)?"
     "(?:\\.(?:x86_64|aarch64))?))(?![0-9A-Za-z])",
     TEXT},
    {"comm",
     "(?:当前进程|进程名|(?:current|running|the) (?:process|task)(?: "
     "name)?)\\s*(?:为|是|is|was|:)?\\s*[`'\"]?"
     "([A-Za-z][A-Za-z0-9_./:-]{0,14}[A-Za-z0-9])(?=[`'\".,;\\s]|$|[\\x80-\\xff])",
     TEXT},
    {"crash_commands", "crash> ?(dis|bt|rd|struct|kmem|log|list|ps|vm|foreach|search|task)\\b",
     TEXTS},
    {"mentions", "(page allocation failure|Transparent ?Huge ?Pages?|\\bTHP\\b|\\bKSM\\b)", TEXTS},
};

static void
add_fact(json_t *attributes, gsize index, const char *value)
{
    const char *name = facts[index].attribute;
    gboolean number = facts[index].kind == NUMBER || facts[index].kind == NUMBERS;
    json_t *made = number ? json_integer(g_ascii_strtoll(value, NULL, 10)) : lab_json_text(value);

    if (facts[index].kind == NUMBERS || facts[index].kind == TEXTS)
        lab_crash_attribute_append(attributes, name, made);
    else if (!json_object_get(attributes, name))
        json_object_set_new(attributes, name, made);
    else
        json_decref(made);
}

void
lab_crash_clues_facts(json_t *attributes, const char *text)
{
    g_autofree char *plain = g_strdup(text);
    char *to = plain;

    for (const char *p = text; *p; p++) /* markdown's "\_" */
        if (*p != '\\' || p[1] != '_')
            *to++ = *p;
    *to = '\0';
    for (gsize i = 0; i < G_N_ELEMENTS(facts); i++) {
        g_autoptr(GRegex) regex = compile(facts[i].pattern, FALSE);
        g_autoptr(GMatchInfo) match = NULL;

        g_regex_match(regex, plain, 0, &match);
        for (guint n = 0; n < 64 && g_match_info_matches(match); n++) {
            g_autofree char *value = g_match_info_fetch(match, 1);

            add_fact(attributes, i, value);
            g_match_info_next(match, NULL);
        }
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The facts of a report that are shown but never signed. One table says how the kernel prints them:
 * a literal that the line has, and a pattern whose named groups are the attributes. To add a fact,
 * add a row; a name in 'numbers' becomes an integer, every other a string.
 */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

/* Lines read from a report's header on: longer reports repeat themselves. */
#define LINES_MAX 400
#define LIST_MAX  16

/* "Tainted: G           OE    --------- -  - 4.18.0-348.el8.x86_64 #1": taint and release. */
#define TAINT                                                                            \
    "(?:Not tainted|Tainted: (?<taint>(?:\\[\\w\\]=\\w+,? ?|[A-Z ](?![\\d]))+?)) +[- ]*" \
    "(?<release>\\d+\\.\\d+[^#(]*?)(?= #| \\(|$)"

static const struct {
    const char *needle;
    const char *pattern;
} rows[] = {
    /* show_regs, dump_stack_print_info (lib/dump_stack.c) */
    {"Comm: ", "(?:CPU: (?<cpu>\\d+) )?(?:UID: (?<uid>\\d+) )?PID: (?<pid>\\d+),? "
               "Comm: (?<comm>.*?)(?: Kdump: loaded)? " TAINT},
    {"comm: ", "^Pid: (?<pid>\\d+), comm: (?<comm>.*?) " TAINT},          /* before 3.10 */
    {"ainted", "^ *" TAINT},                                              /* a hung task's */
    {"ainted", "^ *(?<release>\\d+\\.\\d+\\S*) #\\S+ (?:Not t|T)ainted"}, /* lockdep's */
    {"EFLAGS: ",
     "EFLAGS: [0-9a-f]+ +\\((?<release>\\d+\\.\\d+[^ )]*)(?: #|\\))"}, /* i386 up to 2.6.24 */
    {"REGS: ", "REGS: .*ainted(?:: (?<taint>[A-Z ]+?))? +\\((?<release>\\d+\\.\\d+[^)]*)\\)"},
    {"Hardware name: ", "Hardware name: (?<hardware>.*?)(?:, BIOS (?<bios>.*))?$"},
    {"Workqueue: ", "Workqueue: (?<workqueue>\\S+) (?<work>\\S+)"},
    /* oopses */
    {"Oops: ",
     "Oops: (?:general protection fault.*?: )?(?:\\w+ )?(?<error_code>[0-9a-f]{4,16})? ?"
     "\\[#(?<oops>\\d+)\\](?<config>(?: (?:PREEMPT(?:_\\w+)?|SMP|NOPTI|PTI|KASAN|DEBUG_PAGEALLOC|"
     "ARM|THUMB2|LE|BE|NUMA|PowerNV|pSeries))*)"},
    {"[#", ": (?<error_code>[0-9a-f]{4,8}) \\[#(?<oops>\\d+)\\]"},
    {"dereference at ",
     "dereference at (?:virtual address )?(?<fault_address>(?:0x)?[0-9a-f]{4,16}|\\(null\\))"},
    {"address: ", "(?:dereference,|fault for) address: (?<fault_address>(?:0x)?[0-9a-f]{4,16})"},
    {"request at ", "request at (?:virtual address )?(?<fault_address>(?:0x)?[0-9a-f]{4,16})"},
    {"non-canonical address ", "non-canonical address (?<fault_address>0x[0-9a-f]+)"},
    {"CR2: ", "CR2: (?<cr2>[0-9a-f]{8,16})"},
    {"#PF: ", "#PF: (?<fault_mode>supervisor|user) (?<access>read|write|instruction fetch)"},
    {"#PF: error_code", "#PF: error_code\\((?<error_code>0x[0-9a-f]+)\\) - (?<fault_kind>.*)"},
    /* stalls */
    {" stuck for ", "CPU#(?<cpu>\\d+) stuck for (?<seconds>\\d+)s! \\[(?<comm>.*):(?<pid>\\d+)\\]"},
    {"LOCKUP on cpu ", "LOCKUP on cpu (?<cpu>\\d+)"},
    {" blocked for more than ",
     "task (?<comm>.*):(?<pid>\\d+) blocked .*for more than (?<seconds>\\d+)"},
    {"can't die for more",
     "task (?<comm>.*):(?<pid>\\d+) can't die for more than (?<seconds>\\d+)"},
    {" jiffies", "\\(t=(?<jiffies>\\d+) jiffies"},
    {"detected by ", "detected by (?<detected_by>\\d+), t=(?<jiffies>\\d+) jiffies"},
    /* memory (mm/page_alloc.c, mm/oom_kill.c) */
    {"page allocation failure",
     "^(?<comm>.*?): page allocation failure[:.] ?order[: ] ?(?<order>\\d+), "
     "?mode: ?(?<mode>0x[0-9a-f]+)(?:\\((?<gfp>[\\w|]+)\\))?"},
    {"invoked oom-killer",
     "^(?<comm>.*?) invoked oom-killer: gfp_mask=(?<mode>0x[0-9a-f]+)(?:\\((?<gfp>[\\w|]+)"
     "\\))?.*?order=(?<order>\\d+)(?:.*?oom_score_adj=(?<oom_score_adj>-?\\d+))?"},
    {"Kill",
     "(?:Out of memory|Memory cgroup out of memory): Kill(?:ed)? process (?<killed_pid>\\d+) "
     "\\((?<killed_comm>[^)]*)\\)(?:.*anon-rss:(?<killed_anon_rss_kb>\\d+)kB)?"},
    {"Killed process", "^Killed process (?<killed_pid>\\d+) \\((?<killed_comm>[^)]*)\\)"
                       "(?:.*anon-rss:(?<killed_anon_rss_kb>\\d+)kB)?"},
    {"oom-kill:", "oom-kill:constraint=(?<oom_constraint>\\w+).*?(?:oom_memcg=(?<memcg>[^,]+))?.*?"
                  ",task_memcg=(?<task_memcg>[^,]+)"},
    {"as a result of limit of ", "killed as a result of limit of (?<memcg>\\S+)"},
    {"Bad page state", "Bad page state in process (?<comm>.*?) +pfn:(?<pfn>[0-9a-f]+)"},
    {"Bad page map", "Bad page map in process (?<comm>\\S+) +pte:(?<pte>[0-9a-f]+)"},
    {"page flags: ", "page flags: 0x[0-9a-f]+\\((?<page_flags>[\\w|]*)\\)"},
    {"dumped because: ", "page dumped because: (?<page_reason>.*)"},
    {"count:", "\\b(?:ref)?count:(?<page_refcount>-?\\d+) mapcount:(?<page_mapcount>-?\\d+)"},
    /* where */
    {"kernel BUG at ", "kernel BUG at (?<source>[^ !]+:\\d+)"},
    {"WARNING: ",
     "WARNING: (?:CPU: (?<cpu>\\d+) PID: (?<pid>\\d+) at )?(?<source>\\S+\\.[chS]:\\d+)"},
    {"invalid context at ", "called from invalid context at (?<source>\\S+\\.[chS]:\\d+)"},
    {"suspicious rcu_", "(?<source>\\S+\\.[chS]:\\d+) suspicious rcu_"},
    {"UBSAN: ", "UBSAN: .*? in (?<source>\\S+\\.[chS]:\\d+)(?::\\d+)?"},
    {"KASAN", "BUG: KASAN: (?<kasan>[a-z-]+)"},
    {" of size ",
     "(?<access>Read|Write) of size (?<access_size>\\d+) at addr (?<fault_address>[0-9a-f]+)"
     "(?: by task (?<comm>.*)/(?<pid>\\d+))?"},
    {"ernel Offset: ", "ernel Offset: (?<kaslr>0x[0-9a-f]+)"},
    {"scheduling while atomic",
     "scheduling while atomic: (?<comm>.*)/(?<pid>\\d+)/(?<preempt_count>0x[0-9a-f]+)"},
    {"in_atomic(): ",
     "in_atomic\\(\\): (?<in_atomic>\\d), irqs_disabled\\(\\): (?<irqs_disabled>\\d)"
     "(?:.*?pid: (?<pid>\\d+), name: (?<comm>.*))?"},
};

static const char *const numbers[] = {
    "cpu",
    "uid",
    "pid",
    "oops",
    "seconds",
    "jiffies",
    "detected_by",
    "order",
    "oom_score_adj",
    "killed_pid",
    "killed_anon_rss_kb",
    "page_refcount",
    "page_mapcount",
    "access_size",
    "in_atomic",
    "irqs_disabled",
};

/* What taint letters mean (Documentation/admin-guide/tainted-kernels.rst). */
static const struct {
    char letter;
    const char *meaning;
} taints[] = {
    {'P', "proprietary module"},
    {'F', "module was force-loaded"},
    {'S', "CPU out of specification"},
    {'R', "module was force-unloaded"},
    {'M', "machine check"},
    {'B', "bad page"},
    {'U', "userspace asked"},
    {'D', "died before (oops or BUG)"},
    {'A', "ACPI table overridden"},
    {'W', "warned before"},
    {'C', "staging driver"},
    {'I', "firmware workaround"},
    {'O', "out-of-tree module"},
    {'E', "unsigned module"},
    {'L', "soft lockup before"},
    {'K', "live patched"},
    {'X', "auxiliary (the distribution's)"},
    {'T', "structure layout randomized"},
    {'N', "test ran in the kernel"},
};

static gboolean
is_number(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
        if (strcmp(numbers[i], name) == 0)
            return TRUE;
    return FALSE;
}

/* Names of a pattern's groups, in order of appearance; g_strfreev. */
static char **
group_names(const char *pattern)
{
    GPtrArray *names = g_ptr_array_new();

    for (const char *p = strstr(pattern, "(?<"); p; p = strstr(p, "(?<")) {
        const char *end = strchr(p, '>');

        p += 3;
        if (g_ascii_isalpha(*p))
            g_ptr_array_add(names, g_strndup(p, end - p));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

typedef struct {
    GRegex *regex;
    char **names;
} Row;

static const Row *
compiled(void)
{
    static Row *all;
    static gsize once;

    if (g_once_init_enter(&once)) {
        all = g_new0(Row, G_N_ELEMENTS(rows));
        for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
            GError *error = NULL;

            all[i].regex = g_regex_new(rows[i].pattern, G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, &error);
            if (!all[i].regex)
                g_error("crash attribute '%s': %s", rows[i].pattern, error->message);
            all[i].names = group_names(rows[i].pattern);
        }
        g_once_init_leave(&once, 1);
    }
    return all;
}

/* The first line that tells a fact tells it: later ones are of later reports or other CPUs. */
static void
set_missing(json_t *attributes, GMatchInfo *match, const char *name)
{
    g_autofree char *value = NULL;

    if (json_object_get(attributes, name))
        return;
    value = g_match_info_fetch_named(match, name);
    if (!value || !*g_strstrip(value))
        return;
    if (is_number(name))
        json_object_set_new(attributes, name, json_integer(g_ascii_strtoll(value, NULL, 10)));
    else
        json_object_set_new(attributes, name, lab_json_text(value));
}

void
lab_crash_attribute_append(json_t *attributes, const char *name, json_t *value)
{
    json_t *list = json_object_get(attributes, name);
    g_autoptr(json_t) made = value;

    if (!list) {
        list = json_array();
        json_object_set_new(attributes, name, list);
    }
    for (gsize i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), made))
            return;
    if (json_array_size(list) < LIST_MAX)
        json_array_append(list, made);
}

static void
append_text(json_t *attributes, const char *name, const char *value)
{
    lab_crash_attribute_append(attributes, name, lab_json_text(value));
}

/* --- lists --- */

/* "(&mm->mmap_lock){++++}-{3:3}, at: f+0x…", lockdep's way to write a lock (print_lock_name). */
static void
read_lock(json_t *attributes, const char *line)
{
    const char *open = strstr(line, " (");
    const char *close = open ? strstr(open, "){") : NULL;
    g_autofree char *name = NULL;
    gboolean held = close && (strstr(close, "}, at: ") || strstr(close, " at: "));

    if (!close || close - open > 120)
        return;
    name = g_strndup(open + 2, close - open - 2);
    append_text(attributes, "locks", name);
    if (held && strchr(line, '#') && g_ascii_isdigit(line[strspn(line, " #")]))
        append_text(attributes, "held_locks", name);
}

/* Modules whose mark says that they are not the distribution's: "oomk(OE+)". */
static void
read_modules(json_t *attributes, const char *line)
{
    const char *list = strstr(line, "Modules linked in:");
    g_auto(GStrv) words = NULL;

    if (!list)
        return;
    words = g_strsplit(list + strlen("Modules linked in:"), " ", 512);
    for (gsize i = 0; words[i]; i++)
        if (strchr(words[i], '(') && strchr(words[i], ')') && !strstr(words[i], "unloaded"))
            append_text(attributes, "tainting_modules", words[i]);
}

/* "page flags: 0x60(lru|active)" after "bad because of flags:". */
static void
read_bad_flags(json_t *attributes, const char *line)
{
    const char *open = strchr(line, '(');
    g_auto(GStrv) flags = NULL;

    if (!open)
        return;
    flags = g_strsplit_set(open + 1, "|)", LIST_MAX);
    for (gsize i = 0; flags[i]; i++)
        if (*flags[i])
            append_text(attributes, "bad_page_flags", flags[i]);
}

/* --- derived --- */

static guint64
hex_of(const char *text)
{
    return g_ascii_strtoull(text, NULL, 16);
}

/* Values that the kernel writes where no pointer may be used any more (include/linux/poison.h,
 * LIST_POISON with x86-64's and arm64's offset) and slabs' fill bytes. */
static const char *
poison_of(guint64 address)
{
    static const struct {
        guint64 low, high;
        const char *name;
    } poisons[] = {
        {0xdead000000000100, 0xdead000000000121, "list-poison-1"},
        {0xdead000000000122, 0xdead0000000001ff, "list-poison-2"},
        {0xdead000000000200, 0xdead000000000221, "list-poison-2"},
        {0xdead000000000000, 0xdead0000000fffff, "poison"},
        {0x00100100, 0x001001ff, "list-poison-1"},
        {0x00200200, 0x002002ff, "list-poison-2"},
    };
    guint64 byte = (address >> 16) & 0xff;

    for (gsize i = 0; i < G_N_ELEMENTS(poisons); i++)
        if (address >= poisons[i].low && address <= poisons[i].high)
            return poisons[i].name;
    if ((address >> 32) == byte * 0x01010101 ||
        ((address >> 16) & 0xffffffffffff) == byte * 0x010101010101)
        switch (byte) {
        case 0x6b:
            return "slab-freed";
        case 0x5a:
            return "slab-not-initialized";
        case 0xbb:
        case 0xcc:
            return "slab-red-zone";
        case 0xaa:
            return "page-freed";
        default:
            break;
        }
    return NULL;
}

/* Where an address lies. x86-64's and arm64's map; 32-bit addresses have 8 digits. */
static const char *
address_class(const char *text)
{
    const char *digits = g_str_has_prefix(text, "0x") ? text + 2 : text;
    guint64 address = hex_of(digits);
    const char *poison;

    if (strcmp(text, "(null)") == 0 || address == 0)
        return "null";
    if (address < 4096)
        return "null-offset";
    if (strlen(digits) <= 8 && address >= 0xfffff000)
        return "error-pointer";
    if (address >= 0xfffffffffffff000)
        return "error-pointer";
    poison = poison_of(address);
    if (poison)
        return poison;
    if (strlen(digits) <= 8)
        return address < 0xc0000000 ? "user" : "kernel";
    if (address < 0x0000800000000000)
        return "user";
    if (address < 0xff00000000000000)
        return "non-canonical";
    if (address >= 0xffffffffc0000000)
        return "module";
    if (address >= 0xffffffff80000000)
        return "kernel-text";
    if (address >= 0xffffea0000000000 && address < 0xffffeb0000000000)
        return "memory-map";
    if (address >= 0xffffc90000000000 && address < 0xffffe90000000000)
        return "vmalloc";
    return "kernel-direct-map";
}

/* x86's page fault error code (arch/x86/include/asm/trap_pf.h): "0002" -> what was done. */
static void
explain_error_code(json_t *attributes)
{
    const char *code = lab_json_string(attributes, "error_code");
    guint64 bits;

    if (!code || !json_object_get(attributes, "fault_address"))
        return;
    bits = hex_of(g_str_has_prefix(code, "0x") ? code + 2 : code);
    if (bits > 0xffff)
        return; /* arm64's ESR */
    if (!json_object_get(attributes, "access"))
        json_object_set_new(attributes, "access",
                            json_string(bits & 16  ? "instruction fetch"
                                        : bits & 2 ? "write"
                                                   : "read"));
    if (!json_object_get(attributes, "fault_mode"))
        json_object_set_new(attributes, "fault_mode",
                            json_string(bits & 4 ? "user" : "supervisor"));
    if (!json_object_get(attributes, "fault_kind"))
        json_object_set_new(attributes, "fault_kind",
                            json_string(bits & 1 ? "protection" : "not-present page"));
}

static void
explain_taint(json_t *attributes)
{
    const char *taint = lab_json_string(attributes, "taint");
    char letters[G_N_ELEMENTS(taints) + 1] = "";
    gsize n = 0;

    if (!taint)
        return;
    for (const char *p = taint; *p && n < sizeof letters - 1; p++) {
        /* Since 6.12: "[O]=OOT_MODULE, [E]=UNSIGNED_MODULE". */
        if (strchr(taint, '[') && !(p > taint && p[-1] == '[' && p[1] == ']'))
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS(taints); i++)
            if (taints[i].letter == *p && !strchr(letters, *p)) {
                letters[n++] = *p;
                letters[n] = '\0';
                append_text(attributes, "taint_meaning", taints[i].meaning);
            }
    }
    if (n)
        json_object_set_new(attributes, "taint_letters", json_string(letters));
}

/* Flags of an allocation: by name since 4.6, before that bits that kept their places from 2.6.32
 * to 4.3 (include/linux/gfp.h of 3.10). */
static void
explain_mode(json_t *attributes)
{
    static const char *const bits[] = {
        "__GFP_DMA",    "__GFP_HIGHMEM",    "__GFP_DMA32",    "__GFP_MOVABLE",  "__GFP_WAIT",
        "__GFP_HIGH",   "__GFP_IO",         "__GFP_FS",       "__GFP_COLD",     "__GFP_NOWARN",
        "__GFP_REPEAT", "__GFP_NOFAIL",     "__GFP_NORETRY",  "__GFP_MEMALLOC", "__GFP_COMP",
        "__GFP_ZERO",   "__GFP_NOMEMALLOC", "__GFP_HARDWALL", "__GFP_THISNODE", "__GFP_RECLAIMABLE",
    };
    const char *mode = lab_json_string(attributes, "mode");
    const char *gfp = lab_json_string(attributes, "gfp");
    const char *release = lab_json_string(attributes, "release");

    if (gfp) {
        g_auto(GStrv) names = g_strsplit(gfp, "|", LIST_MAX);

        for (gsize i = 0; names[i]; i++)
            append_text(attributes, "gfp_flags", names[i]);
        json_object_del(attributes, "gfp");
    } else if (mode && release && (release[0] == '3' || release[0] == '2') && release[1] == '.') {
        guint64 value = g_ascii_strtoull(mode, NULL, 16);

        for (gsize i = 0; i < G_N_ELEMENTS(bits); i++)
            if (value & (G_GUINT64_CONSTANT(1) << i))
                append_text(attributes, "gfp_flags", bits[i]);
    }
}

static void
derive(json_t *attributes)
{
    const char *address = lab_json_string(attributes, "fault_address");
    const char *release = lab_json_string(attributes, "release");

    if (address)
        json_object_set_new(attributes, "fault_class", json_string(address_class(address)));
    if (release) {
        g_autofree char *mended = g_strdup(release);

        lab_crash_loose_release(mended);
        json_object_set_new(attributes, "release", lab_json_text(mended));
    }
    explain_error_code(attributes);
    explain_taint(attributes);
    explain_mode(attributes);
}

void
lab_crash_attributes_read(json_t *attributes, const GPtrArray *lines)
{
    for (guint i = 0; i < MIN(lines->len, LINES_MAX); i++) {
        const char *line = lines->pdata[i];

        for (gsize j = 0; j < G_N_ELEMENTS(rows); j++) {
            g_autoptr(GMatchInfo) match = NULL;
            const Row *row = &compiled()[j];

            if (!strstr(line, rows[j].needle) || !g_regex_match(row->regex, line, 0, &match))
                continue;
            for (gsize k = 0; row->names[k]; k++)
                set_missing(attributes, match, row->names[k]);
        }
        if (strstr(line, "){"))
            read_lock(attributes, line);
        read_modules(attributes, line);
        if (i && strcmp(lines->pdata[i - 1], "bad because of flags:") == 0)
            read_bad_flags(attributes, line);
    }
    derive(attributes);
}

/* --- several CPUs at once --- */

/* show_regs prints its rows in one order. Rows that come out of it belong to two dumps; one may
 * have been lost, two were not. */
gboolean
lab_crash_lines_interleave(const GPtrArray *lines)
{
    static const char *const order[] = {"RSP: ", "RAX: ", "RDX: ", "RBP: ", "R10: ", "R13: "};
    int last = -1;
    guint jumps = 0;

    for (guint i = 0; i < lines->len; i++) {
        const char *line = lines->pdata[i];

        for (int j = 0; j < (int)G_N_ELEMENTS(order); j++) {
            if (!g_str_has_prefix(line, order[j]))
                continue;
            /* A dump begins with its stack pointer; the user's registers have their own. */
            jumps += j > 0 && last >= 0 && j != last + 1;
            jumps += j == 0 && last >= 0 && last < 4;
            last = j;
        }
    }
    return jumps >= 2;
}

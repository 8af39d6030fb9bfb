/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a crash looks like: one table, first match wins, so the particular stands before the
 * general. It is kept in one file a family, in this order.
 *
 * To add a class:
 *   1. One stanza in the family's file. 'needle' is a literal that the header line has (the fast
 *      search is made of the needles), 'header' a PCRE over that line without its prefixes. 'title'
 *      takes named groups of 'header' and 'detail' as ${name} (numbers and addresses become NUM and
 *      ADDR; ${dashed} becomes lower case with dashes) and the blamed function as ${F}.
 *   2. 'rule' says how the function is found (LabCrashRule), 'skip' which functions are not to
 *      blame beside those of lab-crash-functions.c; 'alternative' names the group of reports by
 *      which one bug may show itself, and is then the class's name in K0.
 *   3. One log under tests/golden/crash/ (its README says how), and a row of test_titles where
 *      kernels write the header in several ways.
 */
#include "lab-crash-private.h"

#include <string.h>

/* "f+0x1/0x2" with the addresses that kernels before 4.10 put before it. */
#define FUNCTION                                     \
    "(?:\\[<[^>]*>\\] ?){0,2}(?<F>[A-Za-z_][\\w.]*)" \
    "(?:\\+0x| \\([\\w./+-]+\\.\\w+:\\d)"

/* debugobjects tells on whom frees or starts an object that is in use; those who keep such objects
 * only pass it on. */
#define ODEBUG_USERS \
    "debug_|rcu|timer_|timer$|work_|percpu_|vunmap|vfree|__free_|kobject_|completion"

/* clang-format off */
const LabCrashClass lab_crash_classes[] = {
    #include "lab-crash-classes-noise.h"
    #include "lab-crash-classes-sanitizer.h"
    #include "lab-crash-classes-oops.h"
    #include "lab-crash-classes-hang.h"
    #include "lab-crash-classes-lock.h"
    #include "lab-crash-classes-memory.h"
    #include "lab-crash-classes-storage.h"
    #include "lab-crash-classes-warning.h"
    #include "lab-crash-classes-panic.h"
};
/* clang-format on */

static GRegex *
compile(const char *pattern)
{
    GError *error = NULL;
    GRegex *regex = g_regex_new(pattern, G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, &error);

    if (!regex)
        g_error("crash pattern '%s': %s", pattern, error->message);
    return regex;
}

typedef struct {
    GRegex *header, *detail, *skip;
} Compiled;

static Compiled *
compiled(void)
{
    static Compiled *all;
    static gsize once;

    if (g_once_init_enter(&once)) {
        all = g_new0(Compiled, G_N_ELEMENTS(lab_crash_classes));
        for (gsize i = 0; i < G_N_ELEMENTS(lab_crash_classes); i++) {
            const LabCrashClass *class = &lab_crash_classes[i];

            all[i].header = class->header ? compile(class->header) : NULL;
            all[i].detail = class->detail ? compile(class->detail) : NULL;
            all[i].skip = class->skip ? compile(class->skip) : NULL;
        }
        g_once_init_leave(&once, 1);
    }
    return all;
}

GRegex *
lab_crash_class_detail(const LabCrashClass *class)
{
    return compiled()[class - lab_crash_classes].detail;
}

GRegex *
lab_crash_class_skip(const LabCrashClass *class)
{
    return compiled()[class - lab_crash_classes].skip;
}

const LabCrashScan *
lab_crash_scan_all(void)
{
    static const char *const others[] = {"Linux version ",  "printk messages dropped",
                                         "kernel messages", "some messages lost",
                                         "elfcorehdr=",     "Message from syslogd@"};
    static LabCrashScan *scan;
    static gsize once;

    if (g_once_init_enter(&once)) {
        const char *needles[G_N_ELEMENTS(others) + G_N_ELEMENTS(lab_crash_classes)];
        gsize n = 0;

        for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
            needles[n++] = others[i];
        for (gsize i = 0; i < G_N_ELEMENTS(lab_crash_classes); i++)
            if (!(lab_crash_classes[i].flags & LAB_CRASH_NO_REPORT))
                needles[n++] = lab_crash_classes[i].needle;
        scan = lab_crash_scan_new(needles, n);
        g_once_init_leave(&once, 1);
    }
    return scan;
}

gboolean
lab_crash_class_is_general(const LabCrashClass *class)
{
    return class->rule == LAB_CRASH_RULE_TITLE && (class->flags & LAB_CRASH_NEEDS_TRACE);
}

const LabCrashClass *
lab_crash_class_find(const char *text, GMatchInfo **match)
{
    *match = NULL;
    if (!lab_crash_scan_find(lab_crash_scan_all(), text, text + strlen(text)))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(lab_crash_classes); i++) {
        const LabCrashClass *class = &lab_crash_classes[i];
        GRegex *header = compiled()[i].header;

        if (!strstr(text, class->needle))
            continue;
        if (header && !g_regex_match(header, text, 0, match)) {
            g_clear_pointer(match, g_match_info_unref);
            continue;
        }
        if (class->flags & LAB_CRASH_NO_REPORT) {
            g_clear_pointer(match, g_match_info_unref);
            return NULL;
        }
        return class;
    }
    return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What consoles, dmesg, syslog, journald and those who ship logs put before a kernel's line. Each
 * form is narrow enough to be taken off wherever it stands; what is ambiguous waits for the
 * majority of the lines around (lab-crash-form.c).
 */
#include "lab-crash-private.h"

#include <string.h>

static const char *
skip_digits(const char *p)
{
    while (g_ascii_isdigit(*p))
        p++;
    return p;
}

static const char *
skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* Does 'p' look like 'shape', in which 9 is a digit, A and a are letters of that case? */
static gboolean
looks_like(const char *p, const char *shape)
{
    for (; *shape; p++, shape++) {
        if (*shape == '9'   ? !g_ascii_isdigit(*p)
            : *shape == 'A' ? !g_ascii_isupper(*p)
            : *shape == 'a' ? !g_ascii_islower(*p)
                            : *p != *shape)
            return FALSE;
    }
    return TRUE;
}

/* --- printk's own --- */

/* "[  T123]" or "[    C0]" with CONFIG_PRINTK_CALLER. */
static const char *
strip_caller(const char *p, LabCrashLine *line)
{
    const char *name, *end;

    if (*p != '[')
        return NULL;
    name = skip_spaces(p + 1);
    if (*name != 'T' && *name != 'C')
        return NULL;
    end = skip_digits(name + 1);
    if (end == name + 1 || *end != ']' || end - name >= (gssize)sizeof line->caller)
        return NULL;
    memcpy(line->caller, name, end - name);
    line->caller[end - name] = '\0';
    return end + 1;
}

/* "12.345678": microseconds; *end after it. */
static gint64
read_seconds(const char *p, const char **end)
{
    gint64 seconds = 0, micros = 0;
    int digits = 0;

    for (; g_ascii_isdigit(*p) && seconds < G_GINT64_CONSTANT(1000000000000); p++)
        seconds = seconds * 10 + (*p - '0');
    if (*p == '.')
        for (p++; g_ascii_isdigit(*p) && digits < 9; p++, digits++)
            if (digits < 6)
                micros = micros * 10 + (*p - '0');
    for (int i = digits; i < 6; i++)
        micros *= 10;
    *end = p;
    return seconds * 1000000 + micros;
}

/* "[  332.057218]", with the caller in the same column or after it; "[    1.000000 <    0.000010>]"
 * of dmesg -d. */
const char *
lab_crash_strip_stamp(const char *p, LabCrashLine *line)
{
    const char *digits, *point, *q;
    gint64 time_us;

    if (*p != '[')
        return NULL;
    digits = skip_spaces(p + 1);
    point = skip_digits(digits);
    if (point == digits || *point != '.')
        return NULL;
    time_us = read_seconds(digits, &q);
    if (q - point < 4)
        return NULL;
    if (q[0] == ' ' && q[1] == '<' && strchr(q, '>') && strchr(q, '>') - q < 20)
        q = strchr(q, '>') + 1;
    if (*q != ']')
        return NULL;
    q++;
    line->has_time = TRUE;
    line->time_us = time_us;
    /* With a caller: "[ 1.000000][  T123] ", or "[ 1.000000] [  T123] " of dmesg(1). */
    digits = strip_caller(*q == ' ' && q[1] == '[' ? q + 1 : q, line);
    if (digits)
        q = digits;
    return *q == ' ' ? q + 1 : q;
}

/* dmesg -T's "[Tue Jan 13 12:00:00 2026] ", dmesg -e's "[Jan13 12:00] " and "[  +0.000012] ". */
static const char *
strip_dmesg(const char *p, LabCrashLine *line)
{
    const char *q = NULL;

    const char *end = strchr(p, ']');

    if (end && end - p >= 20 && end - p <= 40 && looks_like(end - 14, " 99:99:99 9999"))
        q = end + 1; /* names of days and months are the locale's */
    else if (looks_like(p, "[Aaa") && looks_like(p + 6, " 99:99]"))
        q = p + 13;
    else if (p[1] == ' ' && skip_spaces(p + 1)[0] == '+' &&
             looks_like(skip_digits(skip_spaces(p + 1) + 1), ".999999]"))
        q = strchr(p, ']') + 1;
    if (!q)
        return NULL;
    line->dated = TRUE;
    p = strip_caller(*q == ' ' ? q + 1 : q, line);
    if (p)
        q = p;
    return *q == ' ' ? q + 1 : q;
}

/* "6,339,5140900,-,caller=T1;text" of /dev/kmsg and extended netconsole. */
static const char *
strip_kmsg(const char *p, LabCrashLine *line)
{
    const char *q = skip_digits(p);
    const char *end, *caller;

    if (*q != ',' || q - p > 4)
        return NULL;
    end = skip_digits(q + 1);
    if (end == q + 1 || *end != ',' || !g_ascii_isdigit(end[1]))
        return NULL;
    line->level = (gint8)(strtol(p, NULL, 10) & 7);
    line->time_us = strtoll(end + 1, NULL, 10);
    q = skip_digits(end + 1);
    end = strchr(q, ';');
    if (*q != ',' || !end || end - q > 120)
        return NULL;
    caller = strstr(q, "caller=");
    if (caller && caller < end) {
        gsize n = strcspn(caller + 7, ",;");

        if (n < sizeof line->caller) {
            memcpy(line->caller, caller + 7, n);
            line->caller[n] = '\0';
        }
    }
    line->has_time = TRUE;
    return end + 1;
}

/* "<4>" of dmesg -r and syslog(3), "<4>1 " of RFC 5424. */
static const char *
strip_level(const char *p, LabCrashLine *line)
{
    const char *q = skip_digits(p + 1);

    if (q == p + 1 || q - p > 4 || *q != '>')
        return NULL;
    line->level = (gint8)(strtol(p + 1, NULL, 10) & 7);
    q++;
    return looks_like(q, "1 9999-99-99T") ? q + 2 : q;
}

/* "kern  :warn  : " of dmesg -x. */
static const char *
strip_facility(const char *p, LabCrashLine *line)
{
    static const char *const levels[] = {"emerg", "alert",  "crit", "err",
                                         "warn",  "notice", "info", "debug"};
    const char *q = p + 7;

    if (!g_str_has_prefix(p, "kern  :"))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++)
        if (g_str_has_prefix(q, levels[i])) {
            line->level = (gint8)i;
            q = skip_spaces(q + strlen(levels[i]));
            return *q == ':' ? q + 1 + (q[1] == ' ') : NULL;
        }
    return NULL;
}

/* --- collectors --- */

/* "12:45:31", "12:45:31.123456", "12:45:31,123+02:00", "12:45:31Z". */
static const char *
skip_clock(const char *p)
{
    if (!looks_like(p, "99:99:99"))
        return NULL;
    p += 8;
    if ((*p == '.' || *p == ',') && g_ascii_isdigit(p[1]))
        p = skip_digits(p + 1);
    if (*p == 'Z')
        return p + 1;
    if ((*p == '+' || *p == '-') && looks_like(p + 1, "9999"))
        return p + 5;
    if ((*p == '+' || *p == '-') && looks_like(p + 1, "99:99"))
        return p + 6;
    return p;
}

/* The date and time of a collector, with the space after it. */
static const char *
skip_date(const char *p)
{
    gboolean bracket = *p == '[';
    const char *q = p + bracket;

    if (looks_like(q, "Aaa ")) {
        q = skip_spaces(q + 4);
        if (looks_like(q, "9999-99-99 ")) /* journalctl -o short-full: "Tue 2026-08-11 … CST " */
            q += 11;
        else if (skip_digits(q) != q && skip_digits(q) - q <= 2)
            q = skip_spaces(skip_digits(q));
        else
            return NULL;
        if (looks_like(q, "9999 ")) /* "Aug 11 2026 12:45:31" */
            q += 5;
        q = skip_clock(q);
        if (q && looks_like(q, " 9999 "))
            q += 5;
        for (int i = 0; q && i < 5 && q[0] == ' ' && looks_like(q, " AAA"); i++)
            if (q[4] == ' ' || (g_ascii_isupper(q[4]) && q[5] == ' ')) /* the zone's name */
                q = strchr(q + 1, ' ');
    } else if (looks_like(q, "9999-99-99T") || looks_like(q, "9999-99-99 ") ||
               looks_like(q, "9999/99/99 ")) {
        q = skip_clock(q + 11);
    } else if (looks_like(q, "9999-99-99, ") || looks_like(q, "9999/99/99, ")) {
        q = skip_clock(q + 12);
    } else {
        return NULL;
    }
    if (!q || (bracket && *q++ != ']') || (*q != ' ' && *q != '\0'))
        return NULL;
    return *q == ' ' ? q + 1 : q;
}

/* "host kernel: ", "kernel: ", RFC 5424's "host kernel - - - ": what follows. The host may be
 * redacted to several words. */
static const char *
skip_kernel_tag(const char *p)
{
    static const char *const tags[] = {"kernel: ", "kernel[0]: ", "kernel - - - "};

    for (gsize i = 0; i < G_N_ELEMENTS(tags); i++) {
        const char *tag = strstr(p, tags[i]);

        if (tag && tag - p <= 160 && (tag == p || tag[-1] == ' '))
            return tag + strlen(tags[i]);
    }
    if (g_str_has_suffix(p, " kernel:")) /* an empty line */
        return p + strlen(p);
    return NULL;
}

/* "host program[123]: text" */
static gboolean
has_program_tag(const char *p)
{
    const char *q = p + strcspn(p, " ");
    const char *colon;

    if (*q != ' ')
        return FALSE;
    colon = strstr(q + 1, ": ");
    return colon && colon - q > 1 && colon - q < 64 && !memchr(q + 1, ' ', colon - q - 1);
}

/* Kubernetes' "stdout F ", GitLab's "01O ". */
static const char *
skip_stream(const char *p)
{
    if (g_str_has_prefix(p, "stdout F ") || g_str_has_prefix(p, "stderr F ") ||
        g_str_has_prefix(p, "stdout P ") || g_str_has_prefix(p, "stderr P "))
        return p + 9;
    if ((looks_like(p, "99O") || looks_like(p, "99E")) && (p[3] == ' ' || p[3] == '+'))
        return p + 4;
    return p;
}

static const char *
strip_collector(const char *p, LabCrashLine *line, const LabCrashForm *form)
{
    const char *q = skip_date(p);
    const char *after;

    if (!q && looks_like(p, "999999999") && skip_digits(p)[0] == '.' &&
        skip_kernel_tag(skip_digits(skip_digits(p) + 1))) /* journalctl -o short-unix */
        q = skip_spaces(skip_digits(skip_digits(p) + 1));
    if (!q)
        return NULL;
    line->dated = TRUE;
    after = skip_kernel_tag(q);
    if (after) {
        line->tagged = TRUE;
        return after;
    }
    if (has_program_tag(q)) {
        line->other_tag = TRUE;
        if (form && form->tagged) {
            line->foreign = TRUE;
            return q + strlen(q);
        }
    }
    return skip_stream(q);
}

/* Android's "08-11 12:45:31.123  0  0 I kernel: ". */
static const char *
strip_logcat(const char *p, LabCrashLine *line)
{
    const char *q;

    if (!looks_like(p, "99-99 99:99:99.999"))
        return NULL;
    q = strstr(p, " kernel");
    if (!q || q - p > 60)
        return NULL;
    q = strchr(q, ':');
    line->dated = TRUE;
    return q && q[1] == ' ' ? q + 2 : NULL;
}

/* journalctl -o short-monotonic: "[    1.000000] host kernel: " */
static const char *
skip_monotonic_tag(const char *p, LabCrashLine *line)
{
    const char *space = strchr(p, ' ');

    if (!space || space == p || space - p > 64 || !g_str_has_prefix(space, " kernel: "))
        return p;
    line->tagged = TRUE;
    return space + strlen(" kernel: ");
}

/* --- vendors' kernels --- */

/* "[pid:77,cpu3,kworker/3:1]" (HiSilicon), "-(0)[77:kworker/3:1]" (MediaTek), or NULL. */
static const char *
skip_bracketed_task(const char *p)
{
    const char *end = strchr(p, ']');
    const char *q;

    if (!end || end - p > 64)
        return NULL;
    if (*p == '[') {
        q = g_str_has_prefix(p, "[pid:") ? skip_digits(p + 5) : p;
        if (!g_str_has_prefix(q, ",cpu"))
            return NULL;
    } else {
        q = skip_digits(p + (*p == '-') + 1);
        if (p[*p == '-'] != '(' || q[0] != ')' || q[1] != '[' || skip_digits(q + 2)[0] != ':')
            return NULL;
    }
    return end[1] == ' ' ? end + 2 : end + 1;
}

/* "c1   1042 " or "c0 1 (swapper/0) " (Spreadtrum, Marvell), or NULL. */
static const char *
skip_cpu_and_task(const char *p)
{
    const char *pid = skip_digits(p + 1);
    const char *end, *q;

    if (pid == p + 1 || pid > p + 3 || *pid != ' ')
        return NULL;
    pid = skip_spaces(pid);
    end = skip_digits(pid);
    if (end == pid || *end != ' ')
        return NULL;
    q = end[1] == '(' ? strstr(end, ") ") : NULL;
    return q && q - end < 24 ? q + 2 : end + 1;
}

/* What those add to printk's time stamp: what follows it, or 'p'. */
static const char *
strip_vendor(const char *p)
{
    const char *q = NULL;

    if (*p == 'c')
        q = skip_cpu_and_task(p);
    else if (*p == '[' || *p == '(' || *p == '-')
        q = skip_bracketed_task(p);
    return q ? q : p;
}

/* One form off the front of 'p', or NULL. */
static const char *
strip_one(const char *p, LabCrashLine *line, const LabCrashForm *form)
{
    const char *q;

    switch (*p) {
    case '@': /* the lab's own host time mark */
        q = p[1] == '+' ? skip_digits(p + 2) : p;
        return q > p + 2 && *q == ' ' ? q + 1 : NULL;
    case '<':
        return strip_level(p, line);
    case '[':
        q = lab_crash_strip_stamp(p, line);
        if (!q)
            q = strip_dmesg(p, line);
        if (!q)
            q = skip_date(p) ? strip_collector(p, line, form) : NULL;
        if (!q && (q = strip_caller(p, line))) /* the stamp before it was taken off */
            return *q == ' ' ? q + 1 : q;
        if (q && line->has_time && !line->tagged)
            q = skip_monotonic_tag(q, line);
        return q;
    case 'k':
        if (g_str_has_prefix(p, "kernel: "))
            return p + 8;
        return strip_facility(p, line);
    default:
        if (g_ascii_isdigit(*p)) {
            q = strip_kmsg(p, line);
            if (!q)
                q = strip_logcat(p, line);
            return q ? q : strip_collector(p, line, form);
        }
        return g_ascii_isupper(*p) ? strip_collector(p, line, form) : NULL;
    }
}

const char *
lab_crash_strip_prefixes(const char *p, LabCrashLine *line, const LabCrashForm *form)
{
    const char *q;

    for (int i = 0; i < 8 && (q = strip_one(p, line, form)); i++)
        p = q;
    return line->has_time ? strip_vendor(p) : p;
}

/* --- JSON lines --- */

/* Copies the JSON string at 'p' (after its quote) in place of 'text'. */
static void
unescape(char *text, const char *p)
{
    char *to = text;

    for (; *p && *p != '"'; p++) {
        if (*p != '\\') {
            *to++ = *p;
            continue;
        }
        if (*++p == '\0')
            break;
        if (*p == 'u') {
            int n = 0;

            while (n < 4 && g_ascii_isxdigit(p[1]))
                p++, n++;
            /* Control characters (colours) leave their tail behind; others are no kernel's words.
             */
        } else if (*p == 't') {
            *to++ = ' ';
        } else if (*p != 'n' && *p != 'r') {
            *to++ = *p;
        }
    }
    *to = '\0';
}

void
lab_crash_unwrap_json(char *text)
{
    static const char *const keys[] = {"\"log\":", "\"MESSAGE\":", "\"msg\":", "\"message\":"};
    const char *p = text;

    if (g_str_has_prefix(p, "- "))
        p += 2;
    if (p[0] != '{' || (p[1] != '"' && p[1] != ' '))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *value = strstr(p, keys[i]);

        if (!value)
            continue;
        value = skip_spaces(value + strlen(keys[i]));
        if (*value == '"') {
            unescape(text, value + 1);
            return;
        }
    }
}

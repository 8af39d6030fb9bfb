/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second reading of small texts: OCR'd slides, tickets, mails, crash(8) sessions. People paste
 * pieces; a machine's own log is long. So only a text's first part is kept, and it is read again
 * only when the exact reading found no crash, or one without its function.
 */
#include "lab-crash-private.h"

#include <string.h>

#include "lab-json.h"

/* What is kept of a text. */
#define KEPT_MAX (256 * 1024)
/* Lines of a report that tell whether the text is damaged. */
#define DAMAGE_LINES 60

struct LabCrashSalvage {
    GString *kept;
    gboolean more;   /* the text went on */
    gboolean turned; /* and was turned */
};

LabCrashSalvage *
lab_crash_salvage_new(void)
{
    LabCrashSalvage *salvage = g_new0(LabCrashSalvage, 1);

    salvage->kept = g_string_new(NULL);
    return salvage;
}

void
lab_crash_salvage_free(LabCrashSalvage *salvage)
{
    if (!salvage)
        return;
    g_string_free(salvage->kept, TRUE);
    g_free(salvage);
}

void
lab_crash_salvage_set_turned(LabCrashSalvage *salvage)
{
    salvage->turned = TRUE;
}

void
lab_crash_salvage_keep_text(LabCrashSalvage *salvage, const char *bytes, gsize length)
{
    gsize start = salvage->kept->len;

    if (salvage->more)
        return;
    if (start + length > KEPT_MAX) {
        salvage->more = TRUE;
        length = KEPT_MAX - start;
    }
    g_string_append_len(salvage->kept, bytes, (gssize)length);
    for (gsize i = start; i < salvage->kept->len; i++) /* they would end the lines' strings */
        if (salvage->kept->str[i] == '\0')
            salvage->kept->str[i] = ' ';
}

void
lab_crash_salvage_keep(LabCrashSalvage *salvage, const char *bytes, gsize length)
{
    lab_crash_salvage_keep_text(salvage, bytes, length);
    lab_crash_salvage_keep_text(salvage, "\n", 1);
}

/* --- lines --- */

/* HTML's and markdown's escapes: "&lt;", "\_"; in place. */
static void
unescape(char *text)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&#39;", '\''}};
    char *to = text;

    for (const char *p = text; *p;) {
        gboolean done = FALSE;

        if (*p == '\\' && p[1] && strchr("_[]<>*#`+-.!|{}()", p[1])) {
            *to++ = p[1];
            p += 2;
            continue;
        }
        for (gsize i = 0; *p == '&' && i < G_N_ELEMENTS(entities) && !done; i++)
            if (g_str_has_prefix(p, entities[i].entity)) {
                *to++ = entities[i].c;
                p += strlen(entities[i].entity);
                done = TRUE;
            }
        if (!done)
            *to++ = *p++;
    }
    *to = '\0';
}

/* "[ 332.O572l8] ": a time stamp that OCR spoilt. */
static const char *
skip_loose_stamp(const char *p)
{
    const char *end;

    if (*p != '[' && *p != '(')
        return p;
    end = p + 1 + strspn(p + 1, "0123456789oOlISBZ ,.:");
    if (end - p < 8 || end - p > 24 || (*end != ']' && *end != ')'))
        return p;
    return end[1] == ' ' ? end + 2 : end + 1;
}

/* The text's lines without prefixes and escapes; g_strfreev. */
static char **
plain_lines(const LabCrashSalvage *salvage)
{
    char **lines = g_strsplit(salvage->kept->str, "\n", -1);
    g_autofree LabCrashForm *form = g_new0(LabCrashForm, 1);
    LabCrashSlice slices[LAB_CRASH_WINDOW];
    guint n = 0;

    for (; n < G_N_ELEMENTS(slices) && lines[n]; n++)
        slices[n] = (LabCrashSlice){lines[n], strlen(lines[n])};
    lab_crash_form_elect(form, slices, n);
    for (gsize i = 0; lines[i]; i++) {
        char *plain = lab_crash_line_plain(form, lines[i]);

        unescape(plain);
        g_free(lines[i]);
        lines[i] = g_strdup(skip_loose_stamp(plain));
        g_free(plain);
    }
    return lines;
}

/* --- reading again --- */

/* Lines of a trace, for the share of damaged ones. */
typedef struct {
    guint sound, damaged;
} Damage;

/* Was a frame's name not in the line as one word, or is it nearly a known one? Case alone is no
 * sign ("SyS_open"). */
static gboolean
is_misread(const char *line, const char *read, const char *spelt)
{
    return !strstr(line, read) || g_ascii_strcasecmp(read, spelt) != 0;
}

/* One line as the kernel would have printed it, or NULL when it is so or nothing is known of it. */
static char *
mend_line(const char *line, Damage *damage)
{
    g_autoptr(GMatchInfo) match = NULL;
    const LabCrashClass *class = lab_crash_class_find(line, &match);
    LabCrashFrame *frame = lab_crash_frame_parse(line);
    LabCrashFrame *again;
    gboolean header = FALSE;
    guint errors = 0;
    char *mended;

    if (class && !lab_crash_class_is_general(class)) {
        lab_crash_frame_free(frame);
        return NULL;
    }
    mended = lab_crash_fuzzy_mend(line, &header, &errors);
    if (class && !header)
        g_clear_pointer(&mended, g_free);
    again = mended ? lab_crash_frame_parse(mended) : NULL;
    if (errors || (frame && again && is_misread(line, frame->function, again->function)))
        damage->damaged++;
    else if (frame)
        damage->sound++;
    lab_crash_frame_free(frame);
    lab_crash_frame_free(again);
    return mended;
}

static char *
mended_text(char *const *lines, Damage *damage)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; lines[i]; i++) {
        g_autofree char *mended = mend_line(lines[i], damage);

        g_string_append(text, mended ? mended : lines[i]);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

/* A title with the function as it stands, for a guess is read by people: syzbot's short forms stay
 * as alternatives. */
static void
show_full_function(LabCrashReport *report)
{
    const char *function = lab_json_string(report->attributes, LAB_CRASH_FUNCTION);

    for (gsize i = 0; function && report->alternatives[i]; i++) {
        const char *in = strstr(report->alternatives[i], " in ");
        const char *title_in = strstr(report->title, " in ");

        if (in && title_in && strcmp(in + 4, function) == 0 &&
            in - report->alternatives[i] == title_in - report->title &&
            strncmp(report->title, report->alternatives[i], in - report->alternatives[i]) == 0) {
            char *shown = report->title;

            report->title = report->alternatives[i];
            report->alternatives[i] = shown;
            return;
        }
    }
}

static gboolean
is_told(const LabCrashReport *report)
{
    return report && (!report->corrupted || report->frames->len > 0);
}

/* A mended line alone proves nothing: a trace, or the kernel's last words, have to back it. */
static gboolean
is_backed(const LabCrashReport *report)
{
    return report && (report->frames->len >= 2 || (report->panicked && !report->corrupted));
}

static void
take_log(LabCrashLog *to, LabCrashLog *from)
{
    GPtrArray *reports = to->reports;

    to->reports = from->reports;
    from->reports = reports;
    to->cause = from->cause;
    to->panicked |= from->panicked;
    to->boots = MAX(to->boots, from->boots);
    if (!to->release)
        to->release = g_steal_pointer(&from->release);
    for (guint i = 0; i < to->reports->len; i++) {
        LabCrashReport *report = to->reports->pdata[i];

        report->guessed = TRUE;
        show_full_function(report);
    }
}

/* Did the exact reading only find the words of a header that it does not know? */
static gboolean
is_general(const LabCrashReport *report)
{
    g_autoptr(GMatchInfo) match = NULL;
    const LabCrashClass *class = lab_crash_class_find(report->title, &match);

    /* With a function it has a title of its own. */
    return class && lab_crash_class_is_general(class) &&
           !json_object_get(report->attributes, LAB_CRASH_FUNCTION);
}

/* Are the report's lines those of a text that OCR made? A machine's own log has hardly a line that
 * is nearly, but not quite, what the kernel prints. */
static gboolean
is_damaged(const LabCrashReport *report, char *const *lines)
{
    gsize n = g_strv_length((char **)lines);
    Damage damage = {0};

    for (guint64 i = report->line_first ? report->line_first - 1 : 0;
         i < MIN(n, report->line_first + DAMAGE_LINES); i++)
        g_free(mend_line(lines[i], &damage));
    return damage.damaged >= 2 && damage.damaged * 10 >= damage.sound + damage.damaged;
}

static gboolean
is_better(const LabCrashReport *mended, const LabCrashReport *exact)
{
    if (!is_backed(mended) || !is_told(mended))
        return FALSE;
    if (!exact || (exact->corrupted && exact->frames->len == 0))
        return TRUE;
    if (is_general(exact))
        return !is_general(mended);
    /* The same answer needs no guess. */
    return strcmp(exact->type, mended->type) == 0 && strcmp(exact->title, mended->title) != 0;
}

static void
read_again(LabCrashLog *log, char *const *lines)
{
    Damage damage = {0};
    g_autofree char *text = mended_text(lines, &damage);
    g_autoptr(LabCrashLog) mended = lab_crash_log_parse_mended(text, strlen(text));
    LabCrashReport *report;

    if (is_better(mended->cause, log->cause)) {
        take_log(log, mended);
        return;
    }
    if (log->cause)
        return;
    report = lab_crash_clues_report(lines);
    if (report) {
        report->guessed = TRUE;
        show_full_function(report);
        g_ptr_array_add(log->reports, report);
        log->cause = report;
    }
}

/* --- joining --- */

/* A sentence or a PANIC row that names the crash, then its log: one report. From the end, so that
 * a chain of mentions ends in the log. */
static void
join_mentions(LabCrashLog *log)
{
    for (guint i = log->reports->len; i >= 2; i--) {
        LabCrashReport *mention = log->reports->pdata[i - 2];
        LabCrashReport *next = log->reports->pdata[i - 1];

        if (mention->frames->len || mention->harmless || next->frames->len == 0 ||
            strcmp(mention->type, next->type) != 0)
            continue;
        json_object_update_missing(next->attributes, mention->attributes);
        next->panicked |= mention->panicked;
        next->line_first = mention->line_first;
        if (log->cause == mention)
            log->cause = next;
        g_ptr_array_remove_index(log->reports, i - 2);
    }
}

/* The same words once more, after the first was told fully: what a text quotes twice. */
static void
drop_repetitions(LabCrashLog *log)
{
    for (guint i = 1; i < log->reports->len;) {
        LabCrashReport *report = log->reports->pdata[i];

        if (report->frames->len == 0 && !report->harmless && log->cause != report &&
            strcmp(report->type, log->cause->type) == 0)
            g_ptr_array_remove_index(log->reports, i);
        else
            i++;
    }
}

/* "We see BUG: unable to handle … on two hosts": words stand before the header. Not those that the
 * kernel itself puts there ("watchdog: BUG: …"). */
static gboolean
is_sentence(const char *line)
{
    g_autoptr(GMatchInfo) match = NULL;
    int start = 0;
    guint words = 0;

    if (!lab_crash_class_find(line, &match) || !match ||
        !g_match_info_fetch_pos(match, 0, &start, NULL))
        return FALSE;
    for (int i = 0; i + 1 < start; i++)
        words += g_ascii_islower(line[i]) && line[i + 1] == ' ';
    return words >= 2;
}

/* A fence of markdown or JIRA, or Chinese: between two of them stands another log. */
static gboolean
is_between_logs(const char *line)
{
    return g_str_has_prefix(line, "```") || strstr(line, "{code") || strstr(line, "{noformat}") ||
           strstr(line, "<pre>") || strstr(line, "</pre>");
}

/* The exact reading prefers a strong report to a weak one before it, in one log. A text with two
 * logs is about the first. */
static void
prefer_first_log(LabCrashLog *log, char *const *lines)
{
    LabCrashReport *first = log->reports->len ? log->reports->pdata[0] : NULL;
    gsize n = g_strv_length((char **)lines);

    if (!log->cause || !first || first == log->cause || first->harmless || first->corrupted)
        return;
    for (guint64 i = first->line_first; i < MIN(n, log->cause->line_first); i++)
        if (is_between_logs(lines[i])) {
            log->cause = first;
            return;
        }
}

/* Is the log's first report a sentence about it? Then it has no frames and its log follows. */
static gboolean
begins_with_sentence(const LabCrashLog *log, char *const *lines)
{
    const LabCrashReport *first = log->reports->len >= 2 ? log->reports->pdata[0] : NULL;

    return first && first->frames->len == 0 && first->line_first <= g_strv_length((char **)lines) &&
           is_sentence(lines[first->line_first - 1]);
}

/* A panic that only says what became of the first report, which the text does not have: "Fatal
 * exception", "softlockup: hung tasks". Its trace tells the kind. */
static gboolean
is_mere_panic(const LabCrashReport *report)
{
    static const char *const words[] = {"Fatal exception", "softlockup", "hung_task",
                                        "ard LOCKUP",      "RCU Stall",  "panic_on_oops"};

    for (gsize i = 0; report && i < G_N_ELEMENTS(words); i++)
        if (strcmp(report->type, "panic") == 0 && strstr(report->title, words[i]))
            return TRUE;
    return FALSE;
}

static void
explain_panic(LabCrashLog *log, char *const *lines)
{
    LabCrashReport *report = lab_crash_clues_report(lines);

    if (!report || report->frames->len < 2) {
        lab_crash_report_free(report);
        return;
    }
    report->guessed = report->panicked = TRUE;
    report->line_first = MIN(report->line_first, log->cause->line_first);
    ((LabCrashReport *)log->cause)->harmless = TRUE;
    show_full_function(report);
    g_ptr_array_insert(log->reports, 0, report);
    log->cause = report;
}

/* A log may begin within a report, and be cut again within the next. */
static void
find_headless(LabCrashLog *log, char **lines)
{
    guint64 first = log->cause->line_first;
    gboolean ended = FALSE;
    LabCrashReport *report;
    char *kept;

    if (log->cause != log->reports->pdata[0] || first == 0 || first > g_strv_length(lines))
        return;
    for (guint64 i = 0; i + 1 < first && !ended; i++)
        ended = strstr(lines[i], "---[ end trace ") != NULL;
    if (!ended)
        return;
    kept = lines[first - 1];
    lines[first - 1] = NULL;
    report = lab_crash_clues_report(lines);
    lines[first - 1] = kept;
    if (!report)
        return;
    report->guessed = TRUE;
    show_full_function(report);
    g_ptr_array_insert(log->reports, 0, report);
    log->cause = report;
}

static gboolean
has_session(const GString *text)
{
    return strstr(text->str, "crash> ") || strstr(text->str, "DUMPFILE: ") ||
           strstr(text->str, "COMMAND: \"");
}

/* Chinese, as people write it around a log: several ideographs (U+4E00 to U+9FFF) in a row. A
 * console's stray bytes do not come so. */
static gboolean
has_prose(const GString *text)
{
    guint run = 0;

    for (gsize i = 0; i + 2 < text->len; i++) {
        guchar lead = (guchar)text->str[i];

        if (lead >= 0xe4 && lead <= 0xe9 && ((guchar)text->str[i + 1] & 0xc0) == 0x80 &&
            ((guchar)text->str[i + 2] & 0xc0) == 0x80) {
            if (++run >= 4)
                return TRUE;
            i += 2;
        } else {
            run = 0;
        }
    }
    return FALSE;
}

/* Most lines have printk's time stamp: a console, whose exact reading is not second-guessed. */
static gboolean
is_stamped(const LabCrashSalvage *salvage)
{
    guint stamped = 0, all = 0;

    for (const char *p = salvage->kept->str; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        p += strspn(p, "> ");
        all += *p != '\n';
        stamped += *p == '[' && g_ascii_isdigit(p[1 + strspn(p + 1, " ")]);
    }
    return stamped * 2 > all;
}

void
lab_crash_salvage_log(LabCrashSalvage *salvage, LabCrashLog *log)
{
    gboolean session = has_session(salvage->kept);
    gboolean text = session || has_prose(salvage->kept);
    g_auto(GStrv) lines = NULL;
    LabCrashReport *cause;
    const char *release;

    if (!salvage->more && !salvage->turned && lab_crash_turn(log, salvage->kept->str))
        return;
    if (salvage->more && !session) {
        if (!log->cause)
            return;
        goto out;
    }
    lines = plain_lines(salvage);
    if (log->cause && (text || begins_with_sentence(log, lines)))
        join_mentions(log);
    prefer_first_log(log, lines);
    if (is_mere_panic(log->cause) && (text || !is_stamped(salvage)))
        explain_panic(log, lines);
    if (!log->cause || (!is_told(log->cause) && (text || !is_stamped(salvage))) ||
        is_damaged(log->cause, lines) || is_general(log->cause))
        read_again(log, lines);
    if (!log->cause)
        return;
    if (!is_told(log->cause))
        find_headless(log, lines);
    if (text)
        drop_repetitions(log);
    if (session)
        lab_crash_session_read(log->cause->attributes, lines);
    if (text || log->cause->guessed || (log->cause->frames->len == 0 && !is_stamped(salvage)))
        lab_crash_clues_facts(log->cause->attributes, salvage->kept->str);
out:
    cause = (LabCrashReport *)log->cause;
    release = lab_json_string(cause->attributes, "release");
    if (!log->release && release)
        log->release = g_strdup(release);
}

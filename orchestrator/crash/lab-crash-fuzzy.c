/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines that are nearly what the kernel prints. A phrase of the table is searched in a line with
 * Sellers' algorithm (approximate substring); what OCR confuses costs half an error. Where it is
 * near enough, the kernel's own words take the place of what was read, and the exact reader gets
 * another chance.
 */
#include "lab-crash-private.h"

#include <string.h>

#define PARTS_MAX 4
#define PART_MAX  96
/* Costs: one error is 2. */
#define ERROR_COST 2
#define HALF_COST  1
/* An error for this many bytes of a phrase is allowed. */
#define BYTES_PER_ERROR 6
/* A longer line is prose or noise. */
#define FUZZY_LINE_MAX 400

/* What a kernel prints, in parts between which anything may stand. 'keep': what stands before the
 * first part belongs to the line (a task's name). */
static const struct {
    const char *parts[PARTS_MAX];
    gboolean header;
    gboolean keep;
} phrases[] = {
    {{"BUG: unable to handle kernel NULL pointer dereference at "}, TRUE, FALSE},
    {{"BUG: unable to handle kernel paging request at "}, TRUE, FALSE},
    {{"BUG: unable to handle page fault for address: "}, TRUE, FALSE},
    {{"BUG: kernel NULL pointer dereference, address: "}, TRUE, FALSE},
    {{"Unable to handle kernel NULL pointer dereference at virtual address "}, TRUE, FALSE},
    {{"Unable to handle kernel paging request at virtual address "}, TRUE, FALSE},
    {{"BUG: soft lockup - CPU#", " stuck for "}, TRUE, FALSE},
    {{"Watchdog detected hard LOCKUP on cpu "}, TRUE, FALSE},
    {{"INFO: task ", " blocked for more than ", " seconds"}, TRUE, FALSE},
    {{"INFO: rcu_sched self-detected stall on CPU"}, TRUE, FALSE},
    {{"INFO: rcu_sched detected stalls on CPUs/tasks"}, TRUE, FALSE},
    {{"INFO: rcu_preempt self-detected stall on CPU"}, TRUE, FALSE},
    {{"INFO: rcu_preempt detected stalls on CPUs/tasks"}, TRUE, FALSE},
    {{"general protection fault"}, TRUE, FALSE},
    {{"kernel BUG at mm/"}, TRUE, FALSE},
    {{"kernel BUG at kernel/"}, TRUE, FALSE},
    {{"kernel BUG at fs/"}, TRUE, FALSE},
    {{"kernel BUG at include/linux/"}, TRUE, FALSE},
    {{"kernel BUG at lib/"}, TRUE, FALSE},
    {{"kernel BUG at drivers/"}, TRUE, FALSE},
    {{"kernel BUG at net/"}, TRUE, FALSE},
    {{"kernel BUG at arch/x86/"}, TRUE, FALSE},
    {{"invalid opcode: 0000 [#1]"}, TRUE, FALSE},
    {{"divide error: 0000 [#1]"}, TRUE, FALSE},
    {{"BUG: Bad page state in process "}, TRUE, FALSE},
    {{"BUG: Bad page map in process "}, TRUE, FALSE},
    {{"BUG: Bad rss-counter state mm:"}, TRUE, FALSE},
    {{": page allocation failure: order:", ", mode:0x"}, TRUE, TRUE},
    {{": page allocation failure. order:", ", mode:0x"}, TRUE, TRUE},
    {{" invoked oom-killer: gfp_mask=0x"}, TRUE, TRUE},
    {{"BUG: scheduling while atomic: "}, TRUE, FALSE},
    {{"BUG: sleeping function called from invalid context at "}, TRUE, FALSE},
    {{"possible circular locking dependency detected"}, TRUE, FALSE},
    {{"possible recursive locking detected"}, TRUE, FALSE},
    {{"WARNING: CPU: ", " PID: ", " at "}, TRUE, FALSE},
    {{"BUG: KASAN: use-after-free in "}, TRUE, FALSE},
    {{"BUG: KASAN: slab-out-of-bounds in "}, TRUE, FALSE},
    {{"BUG: KASAN: slab-use-after-free in "}, TRUE, FALSE},
    {{"BUG: KASAN: null-ptr-deref in "}, TRUE, FALSE},
    {{"Kernel panic - not syncing: softlockup: hung tasks"}, TRUE, FALSE},
    {{"Kernel panic - not syncing: hung_task: blocked tasks"}, TRUE, FALSE},
    {{"Kernel panic - not syncing: Fatal exception"}, TRUE, FALSE},
    {{"Kernel panic - not syncing: Attempted to kill init!"}, TRUE, FALSE},
    {{"Kernel panic - not syncing: "}, TRUE, FALSE},
    /* lines that go with a report */
    {{"Call Trace:"}, FALSE, FALSE},
    {{"Workqueue:"}, FALSE, FALSE},
    {{"CPU: ", " PID: ", " Comm: "}, FALSE, FALSE},
    {{"RIP: 0010:"}, FALSE, FALSE},
    {{"Hardware name:"}, FALSE, FALSE},
    {{"Modules linked in:"}, FALSE, FALSE},
};

/* --- cost of one character for another --- */

static guint
substitution(char a, char b)
{
    if (a == b)
        return 0;
    return a && b && lab_crash_loose_confused(a, b) ? HALF_COST : ERROR_COST;
}

static guint
lost(char c)
{
    return c == ' ' ? HALF_COST : ERROR_COST;
}

/* --- the search --- */

/* The triples of letters that a line has, as bits: a phrase that is nearly in it shares many. */
typedef struct {
    guint64 bits[64];
} Triples;

static guint
triple(const char *p)
{
    return ((guint)(guchar)p[0] * 961 + (guint)(guchar)p[1] * 31 + (guint)(guchar)p[2]) & 4095;
}

static void
triples_set(Triples *triples, const char *text)
{
    memset(triples, 0, sizeof *triples);
    for (const char *p = text; p[0] && p[1] && p[2]; p++)
        triples->bits[triple(p) / 64] |= G_GUINT64_CONSTANT(1) << (triple(p) % 64);
}

/* A quarter of them: what errors at every tenth letter leave, with room. */
static gboolean
triples_have(const Triples *triples, const char *part)
{
    guint shared = 0, all = 0;

    for (const char *p = part; p[0] && p[1] && p[2]; p++, all++)
        shared += (triples->bits[triple(p) / 64] >> (triple(p) % 64)) & 1;
    return shared * 4 >= all;
}

/* The cheapest place of 'part' in 'text': cost, *start and *end. */
static guint
search(const char *text, const char *part, gsize *start, gsize *end)
{
    gsize m = strlen(part), n = strlen(text);
    guint cost[PART_MAX + 1], best = G_MAXUINT;
    gsize from[PART_MAX + 1];

    g_return_val_if_fail(m <= PART_MAX, G_MAXUINT);
    for (gsize i = 0, sum = 0; i <= m; i++) {
        cost[i] = (guint)sum;
        from[i] = 0;
        sum += lost(part[i]);
    }
    for (gsize j = 1; j <= n; j++) {
        guint diagonal = cost[0];
        gsize diagonal_from = from[0];

        cost[0] = 0;
        from[0] = j;
        for (gsize i = 1; i <= m; i++) {
            guint above = cost[i], replace = diagonal + substitution(part[i - 1], text[j - 1]);
            guint insert = above + lost(text[j - 1]), delete = cost[i - 1] + lost(part[i - 1]);
            gsize replace_from = diagonal_from;

            diagonal = above;
            diagonal_from = from[i];
            if (replace <= insert && replace <= delete) {
                cost[i] = replace;
                from[i] = replace_from;
            } else if (insert <= delete) {
                cost[i] = insert;
            } else {
                cost[i] = delete;
                from[i] = from[i - 1];
            }
        }
        if (cost[m] < best) {
            best = cost[m];
            *start = from[m];
            *end = j;
        }
    }
    return best;
}

/* Digits that OCR read as letters: "CPU#l", "order:O". Only a whole word of such letters. */
static void
append_mended(GString *out, const char *text, gsize length)
{
    static const char letters[] = "oOlISsBzZ";
    static const char digits[] = "001155822";

    for (gsize i = 0; i < length;) {
        gsize word = strcspn(text + i, " ,;:[]()=");
        gsize mendable;

        word = MIN(word, length - i);
        mendable = strspn(text + i, "0123456789oOlISsBzZ");
        if (word && mendable >= word && (word <= 6 || (g_ascii_isdigit(text[i]) && word <= 18))) {
            for (gsize j = 0; j < word; j++) {
                const char *letter = strchr(letters, text[i + j]);

                g_string_append_c(out, letter ? digits[letter - letters] : text[i + j]);
            }
        } else {
            g_string_append_len(out, text + i, word);
        }
        i += word;
        if (i < length)
            g_string_append_c(out, text[i++]);
    }
}

/* The line with the phrase's own words, or NULL when it is not near enough. *errors: its cost. */
static char *
try_phrase(const char *text, const Triples *triples, gsize index, guint *errors)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *p = text;
    gsize total = 0;

    *errors = 0;
    for (gsize i = 0; i < PARTS_MAX && phrases[index].parts[i]; i++)
        if (!triples_have(triples, phrases[index].parts[i]))
            return NULL;
    for (gsize i = 0; i < PARTS_MAX && phrases[index].parts[i]; i++) {
        const char *part = phrases[index].parts[i];
        gsize length = strlen(part), start = 0, end = 0;
        guint cost, allowed = MAX(ERROR_COST * (guint)length / BYTES_PER_ERROR, HALF_COST);

        cost = search(p, part, &start, &end);
        if (cost > allowed)
            return NULL;
        *errors += cost;
        total += length;
        if (i || phrases[index].keep)
            append_mended(out, p, start);
        g_string_append(out, part);
        p += end;
    }
    if (total < 8)
        return NULL;
    if (phrases[index].header)
        append_mended(out, p, strlen(p));
    else
        g_string_append(out, p);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* The frame's own words with its name spelt as known. */
static char *
spell_frame(const char *before, const LabCrashFrame *frame)
{
    g_autofree char *function = lab_crash_loose_spell(frame->function);

    return g_strdup_printf("%s%s+0x1/0x1%s%s%s", before, function, frame->module ? " [" : "",
                           frame->module ? frame->module : "", frame->module ? "]" : "");
}

/* "RIP: 0010:down read trylock+Ox9/0x50": the name after what was mended. */
static char *
mend_pc(char *line)
{
    LabCrashFrame *frame;
    char *mended;

    if (!g_str_has_prefix(line, "RIP: 0010:"))
        return line;
    frame = lab_crash_loose_frame(line + strlen("RIP: 0010:"));
    if (!frame)
        return line;
    mended = spell_frame("RIP: 0010:", frame);
    lab_crash_frame_free(frame);
    g_free(line);
    return mended;
}

static char *
mend_frame(const char *text)
{
    LabCrashFrame *frame = lab_crash_loose_frame(text);
    char *mended;

    if (!frame)
        return NULL;
    mended = spell_frame(frame->reliable ? " " : " ? ", frame);
    lab_crash_frame_free(frame);
    return mended;
}

char *
lab_crash_fuzzy_mend(const char *text, gboolean *header, guint *errors)
{
    g_autofree char *best = NULL;
    guint least = G_MAXUINT;
    Triples triples;

    *errors = 0;
    if (strlen(text) > FUZZY_LINE_MAX || strlen(text) < 8)
        return NULL;
    triples_set(&triples, text);
    for (gsize i = 0; i < G_N_ELEMENTS(phrases); i++) {
        guint cost;
        char *line = try_phrase(text, &triples, i, &cost);

        if (!line)
            continue;
        /* Of two as near, the first: the table has the particular before the general. */
        if (cost < least) {
            g_free(best);
            best = line;
            least = cost;
            *header = phrases[i].header;
        } else {
            g_free(line);
        }
    }
    *errors = best ? least : 0;
    if (best)
        return mend_pc(g_steal_pointer(&best));
    return mend_frame(text);
}

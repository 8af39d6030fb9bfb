/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"

#define TAIL_BYTES        (4u << 20)
#define LINES_OF_INTEREST 200

struct LabConsole {
    int fd;
    LabConsoleLine line;
    void *user_data;
    guint64 cap_bytes;
    guint64 stored;      /* bytes in the file */
    guint64 interesting; /* bytes stored over the cap */
    guint64 left_out;
    gint64 last_ms;
    GByteArray *out;      /* of one feed, for a single write(2) */
    GByteArray *partial;  /* the line so far, when it began in an earlier feed */
    gboolean line_marked; /* the line's time mark is in the file (or the tail) */
    gboolean over_cap;
    gboolean finished;
    int interest_left; /* lines still to be kept */
    GByteArray *tail;  /* ring */
    gsize tail_at;
    gboolean tail_wrapped;
};

/* Words that a crash report's first lines have. Cheap: it only decides what an overfull log keeps.
 */
static const char *const interest[] = {
    "BUG",    "Kernel panic", "Oops",        "WARNING",       "Call Trace",    "RIP:",
    "---[ ",  "INFO: ",       "general pro", "Linux version", "Out of memory", "kernel BUG",
    "lockup", "blocked for",  "stall",       "sysrq:",        "double fault",
};

LabConsole *
lab_console_new(const char *path, guint64 cap_bytes, LabConsoleLine line, void *user_data,
                GError **error)
{
    LAB_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const char *given = g_getenv("KREGLAB_CONSOLE_CAP");
    LabConsole *console;

    if (fd < 0) {
        lab_error_set_errno(error, errno, "creating '%s'", path);
        return NULL;
    }
    if (cap_bytes == 0 && given)
        cap_bytes = g_ascii_strtoull(given, NULL, 10);
    console = g_new0(LabConsole, 1);
    console->fd = g_steal_fd(&fd);
    console->line = line;
    console->user_data = user_data;
    console->cap_bytes = cap_bytes ? cap_bytes : LAB_CONSOLE_CAP;
    console->out = g_byte_array_new();
    console->partial = g_byte_array_new();
    return console;
}

void
lab_console_free(LabConsole *console)
{
    if (!console)
        return;
    lab_fd_close(&console->fd);
    g_byte_array_unref(console->out);
    g_byte_array_unref(console->partial);
    if (console->tail)
        g_byte_array_unref(console->tail);
    g_free(console);
}

static void
put(LabConsole *console, const void *bytes, gsize length)
{
    g_byte_array_append(console->out, bytes, (guint)length);
    console->stored += length;
}

static void
put_note(LabConsole *console, const char *text)
{
    g_autofree char *note =
        g_strdup_printf("@+%" G_GINT64_FORMAT " [kreglab: %s]\n", console->last_ms, text);

    put(console, note, strlen(note));
}

static void
tail_put(LabConsole *console, const char *bytes, gsize length)
{
    if (length > TAIL_BYTES) {
        bytes += length - TAIL_BYTES;
        length = TAIL_BYTES;
    }
    while (length > 0) {
        gsize n = MIN(length, TAIL_BYTES - console->tail_at);

        memcpy(console->tail->data + console->tail_at, bytes, n);
        console->tail_at += n;
        bytes += n;
        length -= n;
        if (console->tail_at == TAIL_BYTES) {
            console->tail_at = 0;
            console->tail_wrapped = TRUE;
        }
    }
}

static gboolean
is_interesting(const char *text, gsize length)
{
    for (gsize i = 0; i < G_N_ELEMENTS(interest); i++)
        if (memmem(text, length, interest[i], strlen(interest[i])))
            return TRUE;
    return FALSE;
}

static void
go_over_cap(LabConsole *console)
{
    g_autofree char *text =
        g_strdup_printf("the console passed %" G_GUINT64_FORMAT
                        " bytes; from here lines of crash reports, then the last %u bytes",
                        console->cap_bytes, TAIL_BYTES);

    console->over_cap = TRUE;
    if (console->line_marked)
        put(console, "\n", 1);
    console->line_marked = FALSE;
    put_note(console, text);
    console->tail = g_byte_array_sized_new(TAIL_BYTES);
    g_byte_array_set_size(console->tail, TAIL_BYTES);
}

/* One whole line (or a piece of 64 KiB) for those who listen and, over the cap, for the file. */
static void
deliver(LabConsole *console, const char *text, gsize length, const char *mark)
{
    if (console->over_cap) {
        if (is_interesting(text, length))
            console->interest_left = LINES_OF_INTEREST;
        if (console->interest_left > 0 && console->interesting < console->cap_bytes / 4) {
            console->interest_left--;
            put(console, mark, strlen(mark));
            put(console, text, length);
            put(console, "\n", 1);
            console->interesting += length;
        }
    }
    if (length > 0 && text[length - 1] == '\r')
        length--;
    if (length > 0)
        console->line(text, length, console->last_ms, console->user_data);
}

/* A piece of one line; 'ends': its newline is the last byte of 'text'. */
static void
take_segment(LabConsole *console, const char *text, gsize length, gboolean ends, const char *mark)
{
    gsize content = ends ? length - 1 : length;

    if (!console->line_marked && console->over_cap)
        tail_put(console, mark, strlen(mark));
    else if (!console->line_marked)
        put(console, mark, strlen(mark));
    console->line_marked = !ends;
    if (console->over_cap) {
        tail_put(console, text, length);
        console->left_out += length;
    } else {
        put(console, text, length);
    }
    while (console->partial->len + content >= LAB_CONSOLE_MAX_LINE) {
        gsize n = LAB_CONSOLE_MAX_LINE - console->partial->len;

        g_byte_array_append(console->partial, (const guint8 *)text, (guint)n);
        deliver(console, (const char *)console->partial->data, console->partial->len, mark);
        g_byte_array_set_size(console->partial, 0);
        text += n;
        content -= n;
    }
    if (ends && console->partial->len == 0) {
        deliver(console, text, content, mark);
        return;
    }
    g_byte_array_append(console->partial, (const guint8 *)text, (guint)content);
    if (ends) {
        deliver(console, (const char *)console->partial->data, console->partial->len, mark);
        g_byte_array_set_size(console->partial, 0);
    }
}

static gboolean
flush(LabConsole *console, GError **error)
{
    gboolean ok = lab_fd_write_all(console->fd, console->out->data, console->out->len, error);

    g_byte_array_set_size(console->out, 0);
    return ok;
}

gboolean
lab_console_feed(LabConsole *console, const void *bytes, gsize length, gint64 time_ms,
                 GError **error)
{
    const char *p = bytes, *end = p + length;
    char mark[32];

    console->last_ms = time_ms;
    g_snprintf(mark, sizeof mark, "@+%" G_GINT64_FORMAT " ", time_ms);
    while (p < end) {
        const char *newline = memchr(p, '\n', (gsize)(end - p));
        gsize n = newline ? (gsize)(newline - p) + 1 : (gsize)(end - p);

        take_segment(console, p, n, newline != NULL, mark);
        if (!console->over_cap && console->stored > console->cap_bytes)
            go_over_cap(console);
        p += n;
    }
    return flush(console, error);
}

gboolean
lab_console_note(LabConsole *console, const char *text, GError **error)
{
    put_note(console, text);
    return flush(console, error);
}

void
lab_console_flush_line(LabConsole *console, gint64 time_ms)
{
    char mark[32];

    if (console->partial->len == 0)
        return;
    console->last_ms = time_ms;
    g_snprintf(mark, sizeof mark, "@+%" G_GINT64_FORMAT " ", time_ms);
    deliver(console, (const char *)console->partial->data, console->partial->len, mark);
    g_byte_array_set_size(console->partial, 0);
}

gboolean
lab_console_sync(LabConsole *console, GError **error)
{
    if (fdatasync(console->fd) < 0 && errno != EINVAL)
        return lab_error_set_errno(error, errno, "syncing console.log");
    return TRUE;
}

static void
put_tail(LabConsole *console)
{
    guint64 kept = console->tail_wrapped ? TAIL_BYTES : console->tail_at;
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT
                                            " bytes came over the cap; the last %" G_GUINT64_FORMAT
                                            " (with their marks) follow",
                                            console->left_out, kept);

    put_note(console, text);
    if (console->tail_wrapped)
        put(console, console->tail->data + console->tail_at, TAIL_BYTES - console->tail_at);
    put(console, console->tail->data, console->tail_at);
}

gboolean
lab_console_finish(LabConsole *console, GError **error)
{
    if (console->finished)
        return TRUE;
    console->finished = TRUE;
    lab_console_flush_line(console, console->last_ms);
    if (console->over_cap)
        put_tail(console);
    return flush(console, error) && lab_console_sync(console, error);
}
